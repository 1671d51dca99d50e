/** ss: sockets of this netns, as iproute2 6.1 lists them. */
import type { SocketView } from '../../net/engine.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { type SocketOwner, socketOwners } from './socket-owner.ts';
import { parseSocketFilter, statesOf } from './ss-filter.ts';
import { detailText, endpointColumns } from './ss-text.ts';

const VERSION = 'ss utility, iproute2-6.1.0';
const USAGE = `Usage: ss [ OPTIONS ]
       ss [ OPTIONS ] [ FILTER ]
   -h, --help          this message
   -V, --version       output version information
   -n, --numeric       don't resolve service names
   -r, --resolve       resolve host names
   -a, --all           display all sockets
   -l, --listening     display listening sockets
   -o, --options       show timer information
   -e, --extended      show detailed socket information
   -m, --memory        show socket memory usage
   -p, --processes     show process using socket
   -i, --info          show internal TCP information
   -s, --summary       show socket usage summary

   -4, --ipv4          display only IP version 4 sockets
   -6, --ipv6          display only IP version 6 sockets
   -t, --tcp           display only TCP sockets
   -S, --sctp          display only SCTP sockets
   -u, --udp           display only UDP sockets
   -w, --raw           display only RAW sockets
   -x, --unix          display only Unix domain sockets
   -f, --family=FAMILY display sockets of type FAMILY
       FAMILY := {inet|inet6|link|unix|netlink|vsock|tipc|xdp|help}

   -H, --no-header     Suppress header line
   -O, --oneline       socket's data printed on a single line

   -A, --query=QUERY, --socket=QUERY
       QUERY := {all|inet|tcp|mptcp|udp|raw|unix|packet|netlink|dccp|sctp}[,QUERY]

       FILTER := [ state STATE-FILTER ] [ EXPRESSION ]
       STATE-FILTER := {all|connected|synchronized|bucket|big|TCP-STATES}
         TCP-STATES := {established|syn-sent|syn-recv|fin-wait-{1,2}|time-wait|closed|close-wait|last-ack|listening|closing}
`;

const LONG: Readonly<Record<string, string>> = {
  help: 'h',
  version: 'V',
  numeric: 'n',
  resolve: 'r',
  all: 'a',
  listening: 'l',
  options: 'o',
  extended: 'e',
  memory: 'm',
  processes: 'p',
  info: 'i',
  summary: 's',
  ipv4: '4',
  ipv6: '6',
  tcp: 't',
  sctp: 'S',
  udp: 'u',
  raw: 'w',
  unix: 'x',
  'no-header': 'H',
  oneline: 'O',
};
const KNOWN = 'hVnraloempis46tuwxSHO';

interface Request {
  readonly flags: Set<string>;
  /** Kinds of sockets from -A. */
  readonly queried: Set<string>;
  readonly words: string[];
}

function readOptions({ argv, err }: Invocation): Request | number {
  const request: Request = { flags: new Set(), queried: new Set(), words: [] };
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (request.words.length > 0 || !word.startsWith('-') || word === '-') {
      request.words.push(word);
      continue;
    }
    const [long = '', attached] = word.startsWith('--') ? word.slice(2).split('=') : [''];
    const valued = /^(query|socket|family)$/.test(long) || /^-[A-Za-z0-9]*[Af]$/.test(word);
    const letters = long === '' ? word.slice(1) : LONG[long];
    if (letters === undefined && !valued) {
      err(`ss: unrecognized option '${word}'\n${USAGE}`);
      return 255;
    }
    for (const letter of valued && long === '' ? word.slice(1, -1) : valued ? '' : (letters ?? '')) {
      if (!KNOWN.includes(letter)) {
        err(`ss: invalid option -- '${letter}'\n${USAGE}`);
        return 255;
      }
      request.flags.add(letter);
    }
    if (!valued) continue;
    const value = attached ?? rest.shift() ?? '';
    if (long === 'family' || word.endsWith('f')) {
      if (value === 'inet') request.flags.add('4');
      else if (value === 'inet6') request.flags.add('6');
      else if (value === 'unix') request.queried.add('unix');
      else {
        err(`ss: "${value}" is invalid family\n${USAGE}`);
        return 255;
      }
    } else for (const kind of value.split(',')) for (const one of kind === 'inet' || kind === 'all' ? ['tcp', 'udp', 'sctp'] : [kind]) request.queried.add(one);
  }
  return request;
}

/** `state X`, `exclude X` and the expression behind them. */
function readFilter(
  request: Request,
): { readonly states: ReadonlySet<string> | undefined; readonly expression: readonly string[] } | { readonly problem: string } {
  const words = [...request.words];
  let states: Set<string> | undefined;
  while (words[0] === 'state' || words[0] === 'exclude') {
    const how = words.shift();
    const name = words.shift() ?? '';
    const named = statesOf(name);
    if (named === undefined) return { problem: `ss: wrong state name: ${name}\n` };
    if (how === 'state') states = new Set([...(states ?? []), ...named]);
    else {
      states ??= new Set(defaultStates(request));
      for (const state of named) states.delete(state);
    }
  }
  return { states, expression: words };
}

const ALL_STATES = statesOf('all') ?? new Set<string>();
const LISTENING_STATES: ReadonlySet<string> = new Set(['LISTEN', 'UNCONN']);

function defaultStates(request: Request): ReadonlySet<string> {
  if (request.flags.has('a')) return ALL_STATES;
  if (request.flags.has('l')) return LISTENING_STATES;
  return new Set([...ALL_STATES].filter((state) => !LISTENING_STATES.has(state) && state !== 'SYN-RECV' && state !== 'TIME-WAIT' && state !== 'CLOSED'));
}

const isIp6 = (socket: SocketView): boolean => socket.localIp.includes(':');

interface Column {
  readonly title: string;
  readonly right: boolean;
  readonly before: string;
  readonly cells: readonly string[];
}

/** Columns as wide as their widest cell; the last one, too, is filled up. */
function printTable(columns: readonly Column[], rows: number, header: boolean, out: (text: string) => void): void {
  const widths = columns.map((column) => Math.max(header ? column.title.length : 0, ...column.cells.map((cell) => cell.length)));
  const line = (cellOf: (column: Column) => string): string =>
    columns
      .map((column, i) => {
        const cell = cellOf(column);
        const width = widths[i] ?? 0;
        return `${i === 0 ? '' : column.before}${column.right ? cell.padStart(width) : cell.padEnd(width)}`;
      })
      .join('');
  if (header) out(`${line((column) => column.title)}\n`);
  for (let row = 0; row < rows; row += 1) out(`${line((column) => column.cells[row] ?? '')}\n`);
}

function summary({ host, place, out }: Invocation): number {
  const sockets = host.engine.sockets(place.netns);
  const tcp = sockets.filter((socket) => socket.protocol === 'tcp');
  const count = (test: (socket: SocketView) => boolean): number => tcp.filter(test).length;
  const waiting = count((socket) => socket.state === 'TIME-WAIT');
  const orphaned = count((socket) => socket.processId === '' && socket.state !== 'TIME-WAIT');
  const established = count((socket) => socket.state === 'ESTAB' || socket.state === 'CLOSE-WAIT');
  out(`Total: ${sockets.length - waiting}\nTCP:   ${tcp.length} (estab ${established}, closed ${waiting}, orphaned ${orphaned}, timewait ${waiting})\n\n`);
  const row = (name: string, list: readonly SocketView[]): void => {
    const six = list.filter(isIp6).length;
    out(`${name}\t  ${String(list.length).padEnd(9)} ${String(list.length - six).padEnd(9)} ${String(six).padEnd(9)}\n`);
  };
  const living = tcp.filter((socket) => socket.state !== 'TIME-WAIT');
  const udp = sockets.filter((socket) => socket.protocol === 'udp');
  out('Transport Total     IP        IPv6\n');
  row('RAW', []);
  row('UDP', udp);
  row('TCP', living);
  row('INET', [...udp, ...living]);
  row('FRAG', []);
  out('\n');
  return 0;
}

function listSockets(invocation: Invocation, request: Request): number {
  const { host, place, out, err } = invocation;
  const { flags, queried } = request;
  const filter = readFilter(request);
  if ('problem' in filter) {
    err(filter.problem);
    return 255;
  }
  const test = parseSocketFilter(filter.expression);
  if (typeof test !== 'function') {
    err(test.problem);
    return 1;
  }
  const states = filter.states ?? defaultStates(request);
  const kinds = new Set(queried);
  if (flags.has('t')) kinds.add('tcp');
  if (flags.has('S')) kinds.add('sctp');
  if (flags.has('u')) kinds.add('udp');
  if (flags.has('w')) kinds.add('raw');
  if (flags.has('x')) kinds.add('unix');
  const every = kinds.size === 0;
  const all = host.engine.sockets(place.netns);
  const sockets = all
    .filter((socket) => (every ? socket.protocol !== 'sctp' : kinds.has(socket.protocol)) && states.has(socket.state) && test(socket))
    .filter((socket) => flags.has('4') === flags.has('6') || isIp6(socket) === flags.has('6'))
    .toSorted((a, b) => rank(a) - rank(b) || a.socketId - b.socketId);
  const ownerOf = flags.has('p') ? socketOwners(host, place.hostId, all) : (): SocketOwner | undefined => undefined;
  const numeric = flags.has('n');
  const detail = {
    options: flags.has('o'),
    extended: flags.has('e'),
    memory: flags.has('m'),
    info: flags.has('i'),
    oneLine: flags.has('O'),
  };
  const ends = sockets.map((socket) => [endpointColumns(socket, true, numeric), endpointColumns(socket, false, numeric)] as const);
  const columns: Column[] = [];
  // One kind needs no name, one state neither.
  if (every || kinds.size > 1 || kinds.has('unix')) columns.push({ title: 'Netid', right: false, before: '', cells: sockets.map((socket) => socket.protocol) });
  if (states.size !== 1) columns.push({ title: 'State', right: false, before: ' ', cells: sockets.map((socket) => socket.state) });
  columns.push(
    { title: 'Recv-Q', right: false, before: ' ', cells: sockets.map((socket) => String(socket.receiveQueue).padEnd(6)) },
    { title: 'Send-Q', right: false, before: ' ', cells: sockets.map((socket) => String(socket.sendQueue).padEnd(6)) },
    { title: 'Local Address:', right: true, before: ' ', cells: ends.map((end) => end[0][0]) },
    { title: 'Port', right: false, before: '', cells: ends.map((end) => end[0][1]) },
    { title: 'Peer Address:', right: true, before: ' ', cells: ends.map((end) => end[1][0]) },
    { title: 'Port', right: false, before: '', cells: ends.map((end) => end[1][1]) },
    { title: 'Process', right: false, before: '', cells: sockets.map((socket) => detailText(socket, detail, ownerOf(socket), host.engine.nowNs)) },
  );
  printTable(columns, sockets.length, !flags.has('H'), out);
  return 0;
}

/** UDP first; of TCP the listening ones. */
const rank = (socket: SocketView): number => (socket.protocol === 'udp' ? 0 : socket.state === 'LISTEN' ? 1 : 2);

export const ss = defineCommand({
  name: 'ss',
  summary: 'sockets: ss -tlnp, ss -tano state established, ss -ti dst 10.244.1.0/24',
  group: 'network',
  run: (invocation) => {
    const request = readOptions(invocation);
    if (typeof request === 'number') return request;
    if (request.flags.has('h')) invocation.out(USAGE);
    else if (request.flags.has('V')) invocation.out(`${VERSION}\n`);
    else if (request.flags.has('s')) return summary(invocation);
    else return listSockets(invocation, request);
    return 0;
  },
});
