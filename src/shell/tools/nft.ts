/** nft: the tables, chains, sets and rules of nftables in this netns. */

import type { Command } from '../../net/nft/ast.ts';
import { type ListOptions, NftListing } from '../../net/nft/list.ts';
import { isNftRecord, type NftRecord } from '../../net/nft/nft-records.ts';
import { parseCommands } from '../../net/nft/parse-command.ts';
import { formatError } from '../../net/nft/report.ts';
import { MAX_TEXT, NftError } from '../../net/nft/scanner.ts';
import { Transaction } from '../../net/nft/transaction.ts';
import type { NetRecord } from '../../net/records.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { defineCommand, type Filter, type Outcome } from '../command.ts';
import { resolvePath } from '../paths.ts';
import type { Place } from '../state.ts';
import { devicesOf, findDevice } from './net-view.ts';
import { jsonOf } from './nft-json.ts';
import { printList } from './nft-list.ts';
import { applyRuntime, dynamicFinder, reset } from './nft-runtime.ts';

const VERSION = 'nftables v1.0.6 (Lester Gooch #5)';

const HELP = `Usage: nft [ options ] [ cmds... ]

Options (general):
  -h, --help                      Show this help
  -v, --version                   Show version information

Options (ruleset input handling):
  -f, --file <filename>           Read input from <filename>
  -c, --check                     Check commands validity without actually applying the changes.

Options (ruleset list formatting):
  -a, --handle                    Output rule handle.
  -s, --stateless                 Omit stateful information of ruleset.
  -t, --terse                     Omit contents of sets.
  -n, --numeric                   Print fully numerical output.
  -y, --numeric-priority          Print chain priority numerically.
  -j, --json                      Format output in JSON
`;

interface Request extends ListOptions {
  readonly json: boolean;
  readonly check: boolean;
  readonly echo: boolean;
  readonly file: string | undefined;
  readonly words: readonly string[];
}

function read(argv: readonly string[]): Request | { readonly exitCode: number; readonly out?: string; readonly err?: string } {
  let handles = false;
  let stateless = false;
  let terse = false;
  let numeric = false;
  let numericPriority = false;
  let json = false;
  let check = false;
  let echo = false;
  let file: string | undefined;
  const rest = [...argv];
  while (rest[0]?.startsWith('-') === true && rest[0].length > 1) {
    const word = rest.shift() as string;
    const letters = word.startsWith('--') ? [word] : [...word.slice(1)];
    for (const [i, letter] of letters.entries()) {
      if (letter === 'a' || letter === '--handle') handles = true;
      else if (letter === 's' || letter === '--stateless') stateless = true;
      else if (letter === 't' || letter === '--terse') terse = true;
      else if (letter === 'n' || letter === '--numeric') numeric = true;
      else if (letter === 'y' || letter === '--numeric-priority') numericPriority = true;
      else if (letter === 'j' || letter === '--json') json = true;
      else if (letter === 'c' || letter === '--check') check = true;
      else if (letter === 'e' || letter === '--echo') echo = true;
      else if (letter === 'f' || letter === '--file') {
        file = i < letters.length - 1 ? letters.slice(i + 1).join('') : rest.shift();
        if (file === undefined) return { exitCode: 1, err: "nft: option requires an argument -- 'f'\n" };
        break;
      } else if (letter === 'v' || letter === 'V' || letter === '--version') return { exitCode: 0, out: `${VERSION}\n` };
      else if (letter === 'h' || letter === '--help') return { exitCode: 0, out: HELP };
      else if (!['N', 'S', 'p', 'T', 'u', 'i', 'o'].includes(letter))
        return { exitCode: 1, err: `nft: ${word.startsWith('--') ? `unrecognized option '${word}'` : `invalid option -- '${letter}'`}\n` };
    }
  }
  return { handles, stateless, terse, numeric, numericPriority, json, check, echo, file, words: rest };
}

export const nft = defineCommand({
  name: 'nft',
  summary: 'nftables of this netns: nft list ruleset, nft -f FILE, nft add rule …',
  group: 'network',
  run: (invocation): Outcome => {
    const request = read(invocation.argv);
    if ('exitCode' in request) {
      if (request.out !== undefined) invocation.out(request.out);
      if (request.err !== undefined) invocation.err(request.err);
      return request.exitCode;
    }
    const { place, host, out, err, shell, cwd } = invocation;
    const io = { host, place, out, err };
    if (request.file === '-' || request.file === '/dev/stdin') return { kind: 'filter', filter: 'nft', state: { text: '', request } satisfies InputState };
    if (request.file !== undefined) {
      const text = shell.readFile(place, resolvePath(cwd, request.file));
      if (text === undefined) {
        err(`internal:0:0-0: Error: Could not open file "${request.file}": No such file or directory\n\n`);
        return 1;
      }
      return execute(io, text, request.file, request);
    }
    if (request.words.length === 0) {
      err(HELP);
      return 1;
    }
    return execute(io, `${request.words.join(' ')}\n`, undefined, request);
  },
  complete: (words, current) => {
    const objects = ['table', 'chain', 'rule', 'set', 'map', 'element', 'counter'];
    const verbs = ['list', 'add', 'delete', 'insert', 'replace', 'flush', 'create', 'rename', 'reset', 'destroy', 'get'];
    const last = words.at(-1) ?? '';
    const candidates =
      last === 'nft' || last.startsWith('-')
        ? verbs
        : last === 'list'
          ? ['ruleset', 'tables', 'chains', 'sets', 'maps', 'counters', ...objects]
          : last === 'flush'
            ? ['ruleset', 'table', 'chain', 'set']
            : verbs.includes(last)
              ? objects
              : ['ip', 'ip6', 'inet'];
    return candidates.filter((c) => c.startsWith(current));
  },
});

interface InputState {
  text: string;
  readonly request: Request;
}

/** Standard input of `nft -f -`. */
export const nftInput: Filter = {
  data: (state: InputState, chunk: string, io) => {
    state.text += chunk;
    if (state.text.length <= MAX_TEXT) return undefined;
    io.err('nft: standard input is too large\n');
    return 1;
  },
  end: (state: InputState, io) => {
    const { host, place } = io.invocation();
    return host.engine.records.attribute('nft -f -', () => execute({ host, place, out: io.out, err: io.err }, state.text, '/dev/stdin', state.request));
  },
};

export interface NftIo {
  readonly host: ShellHost;
  readonly place: Place;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Records of nftables in one netns. */
export function nftRecordsOf(host: ShellHost, netns: string): NftRecord[] {
  const found: NftRecord[] = [];
  for (const record of host.engine.records.values()) if (isNftRecord(record) && record.netns === netns) found.push(record);
  return found;
}

function execute(io: NftIo, text: string, source: string | undefined, request: Request): number {
  try {
    const commands = parseCommands(text);
    change(io, commands, request);
    for (const command of commands) {
      if (command.c === 'list') list(io, command, request);
      else if (command.c === 'elements' && command.verb === 'get')
        list(io, { ...command, c: 'list', reset: false, what: 'element', family: command.ref.family, table: command.ref.table }, request, command.elements);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof NftError)) throw error;
    io.err(error.message === 'set is not a map' ? 'netlink: Error: set is not a map\n' : formatError(error, text, source));
    return 1;
  }
}

function change({ host, place }: NftIo, commands: readonly Command[], request: Request): void {
  if (commands.every((c) => c.c === 'list')) return;
  const { engine } = host;
  const live = engine.nft(place.netns);
  const transaction = new Transaction(nftRecordsOf(host, place.netns), {
    netns: place.netns,
    origin: { component: 'user', objects: [] },
    nowNs: host.nowNs,
    device: (text) =>
      /^\d+$/.test(text) ? devicesOf(host, place.netns).find((d) => d.index === Number(text))?.name : findDevice(host, place.netns, text)?.name,
    hasDynamic: dynamicFinder(live, host.nowNs),
  });
  const result = transaction.run(commands);
  if (request.check) return;
  const records: { put(record: NetRecord): void; remove(id: string): void } = engine.records;
  for (const id of result.removed) records.remove(id);
  for (const record of result.put) records.put(record);
  applyRuntime(engine.nft(place.netns), result.runtime);
  host.settle();
}

/** Tables of iptables stand in the same kernel tables; nft's own warning, and (unlike nft) where to read them. */
function warnOfIptables({ host, place, err }: NftIo, family: string | undefined): void {
  const tables = new Set<string>();
  for (const record of host.engine.records.values()) {
    if (record.kind !== 'chain' || record.netns !== place.netns || record.backend !== undefined) continue;
    const own = record.family === 'ipv6' ? 'ip6' : 'ip';
    if (family === undefined || family === own) tables.add(`${own} ${record.table}`);
  }
  for (const table of tables) {
    const [own = '', name = ''] = table.split(' ');
    err(`# Warning: table ${table} is managed by iptables-nft, do not touch!\n`);
    err(`# Its rules are not translated here: ${own === 'ip6' ? 'ip6tables' : 'iptables'}-save -t ${name} lists them.\n`);
  }
}

function list(io: NftIo, command: Extract<Command, { c: 'list' }>, request: Request, elements?: Parameters<typeof printList>[2]): void {
  const { host, place } = io;
  const live = host.engine.nft(place.netns);
  const listing = new NftListing(nftRecordsOf(host, place.netns), live, host.nowNs, request);
  if (request.json) io.out(jsonOf(listing, command, VERSION));
  else io.out(printList(listing, command, elements));
  if (command.what === 'ruleset') warnOfIptables(io, command.family);
  if (command.reset && live !== undefined) reset(live, command);
}
