/** ipset: sets of addresses, networks and ports of this netns. ipset 7.17 */
import type { IpSetError } from '../../net/netfilter/ipset/text.ts';
import { splitArguments } from '../../net/netfilter/text.ts';
import { defineCommand, type Filter, type FilterIo, type Invocation, type Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { type IpSetOptions, type IpSetResult, IpSets, NO_SET } from './ipset-sets.ts';

const PROGRAM = 'ipset v7.17';
const VERSION = `${PROGRAM}, protocol version: 7`;
const MAX_LINES = 200_000;

const COMMANDS: Readonly<Record<string, string>> = {
  create: 'create',
  '-N': 'create',
  n: 'create',
  add: 'add',
  '-A': 'add',
  del: 'del',
  '-D': 'del',
  test: 'test',
  '-T': 'test',
  destroy: 'destroy',
  '-X': 'destroy',
  x: 'destroy',
  list: 'list',
  '-L': 'list',
  save: 'save',
  '-S': 'save',
  restore: 'restore',
  '-R': 'restore',
  flush: 'flush',
  '-F': 'flush',
  rename: 'rename',
  '-E': 'rename',
  e: 'rename',
  swap: 'swap',
  '-W': 'swap',
  w: 'swap',
  version: 'version',
  '-V': 'version',
  '-v': 'version',
  help: 'help',
  '-H': 'help',
  '-h': 'help',
};

const HELP = `${PROGRAM}

Usage: ipset [options] COMMAND

Commands:
create SETNAME TYPENAME [type-specific-options]
add SETNAME ENTRY
del SETNAME ENTRY
test SETNAME ENTRY
destroy [SETNAME]
list [SETNAME]
save [SETNAME]
restore
flush [SETNAME]
rename FROM-SETNAME TO-SETNAME
swap FROM-SETNAME TO-SETNAME
version
Options: -exist, -o plain|save, -n, -t, -s, -q, -f FILE
`;

/** IpSetOptions may stand anywhere. */
function readOptions(words: readonly string[]): { readonly rest: string[]; readonly options: IpSetOptions } {
  const options: IpSetOptions = { exist: false, quiet: false, names: false, terse: false, sorted: false, save: false, file: undefined };
  const rest: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as string;
    if (word === '-exist' || word === '-!' || word === '--exist') options.exist = true;
    else if (word === '-quiet' || word === '-q') options.quiet = true;
    else if (word === '-name' || word === '-n') options.names = true;
    else if (word === '-terse' || word === '-t') options.terse = true;
    else if (word === '-sorted' || word === '-s') options.sorted = true;
    else if (word === '-resolve' || word === '-r') continue;
    else if (word === '-output' || word === '-o') {
      options.save = words[i + 1] === 'save';
      i += 1;
    } else if (word === '-file' || word === '-f') {
      options.file = words[i + 1];
      i += 1;
    } else rest.push(word);
  }
  return { rest, options };
}

const missing = (which: '' | 'second ', command: string): IpSetError => ({ error: `Missing ${which}mandatory argument to command ${command}`, usage: true });

function runCommand(sets: IpSets, words: readonly string[], inherited: boolean): IpSetResult {
  const { rest, options } = readOptions(words);
  const [name = '', first, second, ...more] = rest;
  const exist = options.exist || inherited;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return { error: name === '' ? 'No command specified.' : `No command specified: unknown argument ${name}`, usage: true };
  switch (command) {
    case 'version':
      return { out: `${VERSION}\n` };
    case 'help':
      return { out: HELP };
    case 'list':
      return sets.list(first, options, options.save);
    case 'save':
      return sets.list(first, options, true);
    case 'destroy':
      return sets.destroy(first);
    case 'flush':
      return sets.flush(first);
  }
  if (first === undefined) return missing('', command);
  if (second === undefined) return missing('second ', command);
  switch (command) {
    case 'create':
      return sets.create(first, second, more, exist);
    case 'add':
    case 'del':
      return sets.change(command, first, second, more, exist);
    case 'test':
      return sets.test(first, second, more);
    case 'rename':
      return sets.rename(first, second);
    default:
      return sets.swap(first, second);
  }
}

function say(result: IpSetResult, io: Pick<FilterIo, 'out' | 'err'>, quiet: boolean, line?: number): number {
  if ('error' in result) {
    const where = line === undefined || result.usage === true ? '' : `Error in line ${line}: `;
    if (!quiet) io.err(`${PROGRAM}: ${where}${result.error}\n${result.usage === true ? "Try `ipset help' for more information.\n" : ''}`);
    return result.usage === true ? 2 : 1;
  }
  io.out(result.out);
  if (result.err !== undefined && !quiet) io.err(result.err);
  return result.exitCode ?? 0;
}

interface RestoreState {
  readonly exist: boolean;
  text: string;
}

/** Each line is a command; the first that fails ends it, what went before stays. */
function restoreLines(invocation: Pick<Invocation, 'host' | 'place'>, state: RestoreState, io: Pick<FilterIo, 'out' | 'err'>): number {
  const sets = new IpSets(invocation);
  const lines = state.text.split('\n');
  let status = 0;
  for (let i = 0; i < Math.min(lines.length, MAX_LINES) && status === 0; i += 1) {
    const line = (lines[i] as string).trim();
    if (line === '' || line.startsWith('#') || line === 'COMMIT') continue;
    const result = runCommand(sets, splitArguments(line) ?? [], state.exist);
    const missingSet = 'error' in result && result === NO_SET && /^(destroy|-X|flush|-F)\b/.test(line);
    if (state.exist && missingSet) continue;
    status = say(result, io, false, i + 1);
  }
  sets.commit();
  invocation.host.settle();
  return status;
}

export const ipsetRestoreFilter: Filter = {
  data: (state: RestoreState, text) => {
    if (state.text.length + text.length <= 16 * 1024 * 1024) state.text += text;
    return undefined;
  },
  end: (state: RestoreState, io): Outcome => restoreLines(io.invocation(), state, io),
};

export const ipset = defineCommand({
  name: 'ipset',
  summary: 'sets for iptables -m set: ipset create NAME hash:ip, add, del, test, list, save, restore, flush, destroy, rename, swap',
  group: 'network',
  run: (invocation) => {
    const { argv, host, shell, place, cwd, err } = invocation;
    const { rest, options } = readOptions(argv);
    if (rest[0] === 'restore' || rest[0] === '-R') {
      const state: RestoreState = { exist: options.exist, text: '' };
      if (options.file === undefined) return { kind: 'filter', filter: 'ipset-restore', state };
      const text = shell.readFile(place, resolvePath(cwd, options.file));
      if (text === undefined) {
        err(`${PROGRAM}: Cannot open ${options.file} for reading: No such file or directory\n`);
        return 1;
      }
      return restoreLines(invocation, { ...state, text }, invocation);
    }
    const sets = new IpSets(invocation);
    const status = say(runCommand(sets, argv, false), invocation, options.quiet);
    sets.commit();
    host.settle();
    return status;
  },
  complete: (words, current, invocation) =>
    [
      ...(words.length <= 1
        ? ['create', 'add', 'del', 'test', 'list', 'save', 'restore', 'flush', 'destroy', 'rename', 'swap']
        : new IpSets(invocation).all().map((set) => set.name)),
    ].filter((candidate) => candidate.startsWith(current)),
});
