/** What a page needs before anybody types: the packet engine's programs, `kubectl exec`, and what containers' start-up scripts use most. All other tools are known by name only and come later. */
import { NotLoaded } from '../base/not-loaded.ts';
import { firstPrograms } from '../net/app/first-apps.ts';
import { type Command, defineCommand } from './command.ts';
import { firstCommands } from './first-commands.ts';
import { KUBECTL_SUMMARY, kubectlCommand } from './kubectl/command.ts';
import { exec, execHook } from './kubectl/exec.ts';
import { LATER_TOOLS } from './later-tools.ts';
import type { Toolbox } from './toolbox.ts';
import { withPrograms } from './tools/programs.ts';

const stop = (name: string): never => {
  throw new NotLoaded(name);
};

/** Stands for a tool that comes later: it exists at its places, and whoever runs it has to wait. */
const later = (name: string): Command => defineCommand({ name, summary: '', group: 'shell', run: () => stop(name) });

const kubectl = kubectlCommand([['', [exec]]], [], () => () => stop('kubectl'));

const table = new Map<string, Command>([
  ...[...LATER_TOOLS].map((name) => [name, later(name)] as const),
  ...firstCommands.map((command) => [command.name, command] as const),
]);
table.set('kubectl', {
  ...kubectl,
  summary: KUBECTL_SUMMARY,
  run: (invocation) => (invocation.argv[0] === 'exec' ? kubectl.run(invocation) : stop('kubectl')),
});

/** With a line like this nothing but what is here runs: the first request of a world need not wait. */
export function isCoreLine(line: string): boolean {
  return /^kubectl exec [\w ./:=@-]*$/.test(line) && !line.split(' ').some((word) => LATER_TOOLS.has(word.slice(word.lastIndexOf('/') + 1)));
}

export const coreToolbox: Toolbox = {
  commands: withPrograms(table, firstPrograms),
  filters: new Map(),
  watches: new Map(),
  hooks: new Map([['kubectl-exec', execHook]]),
  programs: firstPrograms,
  podFiles: new Map(),
};
