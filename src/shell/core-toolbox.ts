/** What a page needs before anybody types: the packet engine's programs, the verbs of kubectl that links hold most, and what containers' start-up scripts use. All other tools are known by name only and come later. */
import { NotLoaded } from '../base/not-loaded.ts';
import { firstPrograms } from '../net/app/first-apps.ts';
import { type Command, defineCommand, type Watch } from './command.ts';
import { firstCommands } from './first-commands.ts';
import { apply, collectInput } from './kubectl/apply.ts';
import { annotate, deleteVerb, label, patch, scale } from './kubectl/change.ts';
import { KUBECTL_SUMMARY, kubectlCommand } from './kubectl/command.ts';
import { exec, execHook } from './kubectl/exec.ts';
import { get } from './kubectl/get.ts';
import { getWatch, waitWatch } from './kubectl/watches.ts';
import { LATER_TOOLS } from './later-tools.ts';
import type { Toolbox } from './toolbox.ts';
import { withPrograms } from './tools/programs.ts';

const stop = (name: string): never => {
  throw new NotLoaded(name);
};

/** Stands for a tool that comes later: it exists at its places, and whoever runs it has to wait. */
const later = (name: string): Command => defineCommand({ name, summary: '', group: 'shell', run: () => stop(name) });

const verbs = [exec, get, scale, label, annotate, deleteVerb, patch, apply];
const verbNames = new Set(verbs.map((verb) => verb.name));
const kubectl = kubectlCommand(
  [['', verbs]],
  [],
  () => () => stop('kubectl'),
  () => stop('manifests'),
);

const table = new Map<string, Command>([
  ...[...LATER_TOOLS].map((name) => [name, later(name)] as const),
  ...firstCommands.map((command) => [command.name, command] as const),
]);
table.set('kubectl', {
  ...kubectl,
  summary: KUBECTL_SUMMARY,
  run: (invocation) => (verbNames.has(invocation.argv[0] ?? '') ? kubectl.run(invocation) : stop('kubectl')),
});

/** With a line like this nothing but what is here runs: the first request of a world need not wait. */
export function isCoreLine(line: string): boolean {
  // Manifests at addresses and TLS come with the rest.
  if (line.includes('https://')) return false;
  const verb = /^kubectl (\w+) [\w ./:=@,-]*$/.exec(line)?.[1];
  if (verb !== 'exec') return verb !== undefined && verbNames.has(verb);
  return !line.split(' ').some((word) => LATER_TOOLS.has(word.slice(word.lastIndexOf('/') + 1)));
}

export const coreToolbox: Toolbox = {
  commands: withPrograms(table, firstPrograms),
  filters: new Map([['kubectl-collect', collectInput]]),
  watches: new Map<string, Watch>([
    ['kubectl-get', getWatch],
    ['kubectl-wait', waitWatch],
  ]),
  hooks: new Map([['kubectl-exec', execHook]]),
  programs: firstPrograms,
  podFiles: new Map(),
};
