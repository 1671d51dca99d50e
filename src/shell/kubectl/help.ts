/** --help of kubectl and its verbs, in the shape of the real one and in our own words. */
import type { Kubectl, Verb } from './client.ts';
import { type Flag, globalFlags, KubectlError } from './flags.ts';

const FOOT = 'Use "kubectl options" for a list of global command-line options (applies to all commands).\n';

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Of a verb that is only a group: what it has, and how it is called. */
export function groupHelp(verb: Verb, path = verb.name): string {
  const rows = Object.entries(verb.subcommands ?? {}).map(([name, { summary }]) => `  ${name.padEnd(16)} ${summary}\n`);
  return `${capital(verb.summary)}.\n\nAvailable Commands:\n${rows.join('')}\nUsage:\n  kubectl ${path} ${verb.usage ?? 'SUBCOMMAND [options]'}\n\nUse "kubectl ${path} <command> --help" for more information about a given command.\n${FOOT}`;
}

export function unknownSubcommand(kubectl: Pick<Kubectl, 'verb'>, word: string): KubectlError {
  return new KubectlError(`error: unknown command "${word}"\nSee 'kubectl ${kubectl.verb} -h' for help and examples`);
}

/** `    -o, --output='':` */
function flagLine({ name, short, type, bare }: Flag): string {
  const value = type === 'bool' ? 'false' : type === 'list' ? '[]' : type === 'int' ? '0' : type === 'optional' && bare !== undefined ? `'${bare}'` : "''";
  return `    ${short === undefined || short === name ? '' : `-${short}, `}--${name}=${value}\n`;
}

export function verbHelp(verb: Verb): string {
  const flags = verb.flags.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(flagLine);
  const group =
    verb.subcommands === undefined
      ? ''
      : `Available Commands:\n${Object.entries(verb.subcommands)
          .map(([name, { summary }]) => `  ${name.padEnd(16)} ${summary}\n`)
          .join('')}\n`;
  const examples = verb.examples === undefined ? '' : `Examples:\n${verb.examples.map((line) => `  kubectl ${line}\n`).join('')}\n`;
  return `${capital(verb.summary)}.\n\n${examples}${group}${flags.length === 0 ? '' : `Options:\n${flags.join('')}\n`}Usage:\n  kubectl ${verb.name} ${verb.usage ?? '[options]'}\n\n${FOOT}`;
}

/** The flags that every verb takes. */
export function globalOptions(): string {
  return `The following options can be passed to any command:\n\n${globalFlags.map(flagLine).join('')}`;
}

export function overview(groups: readonly (readonly [string, readonly Verb[]])[]): string {
  const parts = groups.map(([title, verbs]) => `${title}:\n${verbs.map((verb) => `  ${verb.name.padEnd(15)} ${verb.summary}\n`).join('')}`);
  return `kubectl controls the Kubernetes cluster manager (simulated here).\n\n${parts.join('\n')}\nUsage:\n  kubectl [flags] [options]\n\nUse "kubectl <command> --help" for more information about a given command.\n${FOOT}`;
}
