/** The filters of ss: states, and expressions over addresses and ports. Grammar: ss(8), EXPRESSION. */
import { inPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { SocketView } from '../../net/engine.ts';
import { servicePort } from '../../net/wire/tcpdump/names.ts';

export type SocketTest = (socket: SocketView) => boolean;

/** By the names ss takes; values are the states as the engine has them. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  established: ['ESTAB'],
  'syn-sent': ['SYN-SENT'],
  'syn-recv': ['SYN-RECV'],
  'fin-wait-1': ['FIN-WAIT-1'],
  'fin-wait-2': ['FIN-WAIT-2'],
  'time-wait': ['TIME-WAIT'],
  closed: ['CLOSED'],
  unconnected: ['UNCONN'],
  'close-wait': ['CLOSE-WAIT'],
  'last-ack': ['LAST-ACK'],
  listening: ['LISTEN'],
  closing: ['CLOSING'],
};
const CONNECTED = ['established', 'syn-sent', 'syn-recv', 'fin-wait-1', 'fin-wait-2', 'time-wait', 'close-wait', 'last-ack', 'closing'];
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  all: Object.keys(STATES),
  connected: CONNECTED,
  synchronized: CONNECTED.filter((name) => name !== 'syn-sent'),
  bucket: ['syn-recv', 'time-wait'],
  big: ['established', 'syn-sent', 'fin-wait-1', 'fin-wait-2', 'closed', 'close-wait', 'last-ack', 'listening', 'closing'],
};

/** The states that a word of `state` or `exclude` stands for; undefined for a word ss does not know. */
export function statesOf(word: string): ReadonlySet<string> | undefined {
  const names = Object.hasOwn(GROUPS, word) ? GROUPS[word] : Object.hasOwn(STATES, word) ? [word] : undefined;
  return names === undefined ? undefined : new Set(names.flatMap((name) => STATES[name] ?? []));
}

export interface FilterProblem {
  readonly problem: string;
}

interface Reader {
  readonly tokens: readonly string[];
  at: number;
}

/** Parentheses and operators stand alone, however they were written. */
function tokensOf(words: readonly string[]): string[] {
  return words
    .join(' ')
    .replace(/[()]/g, ' $& ')
    .replace(/(<=|>=|!=|==|&&|\|\||=|<|>|!)/g, ' $1 ')
    .trim()
    .split(/\s+/)
    .filter((token) => token !== '');
}

export function parseSocketFilter(words: readonly string[]): SocketTest | FilterProblem {
  const reader: Reader = { tokens: tokensOf(words), at: 0 };
  if (reader.tokens.length === 0) return () => true;
  const test = either(reader);
  if (typeof test !== 'function') return test;
  return reader.at < reader.tokens.length ? { problem: `ss: bison bellows (while parsing filter): "syntax error!" Sorry.\n` } : test;
}

function either(reader: Reader): SocketTest | FilterProblem {
  let left = both(reader);
  while (typeof left === 'function' && isOneOf(reader, 'or', '||', '|')) {
    reader.at += 1;
    const right = both(reader);
    if (typeof right !== 'function') return right;
    const first = left;
    left = (socket) => first(socket) || right(socket);
  }
  return left;
}

/** `and` may be left out. */
function both(reader: Reader): SocketTest | FilterProblem {
  let left = term(reader);
  while (typeof left === 'function' && reader.at < reader.tokens.length && !isOneOf(reader, 'or', '||', '|', ')')) {
    if (isOneOf(reader, 'and', '&&', '&')) reader.at += 1;
    const right = term(reader);
    if (typeof right !== 'function') return right;
    const first = left;
    left = (socket) => first(socket) && right(socket);
  }
  return left;
}

const isOneOf = (reader: Reader, ...words: readonly string[]): boolean => words.includes(reader.tokens[reader.at] ?? '');

function term(reader: Reader): SocketTest | FilterProblem {
  if (isOneOf(reader, 'not', '!')) {
    reader.at += 1;
    const inner = term(reader);
    return typeof inner === 'function' ? (socket) => !inner(socket) : inner;
  }
  if (isOneOf(reader, '(')) {
    reader.at += 1;
    const inner = either(reader);
    if (typeof inner !== 'function') return inner;
    if (!isOneOf(reader, ')')) return { problem: 'ss: bison bellows (while parsing filter): "syntax error!" Sorry.\n' };
    reader.at += 1;
    return inner;
  }
  return comparison(reader);
}

const OPERATORS: Readonly<Record<string, 'eq' | 'ne' | 'ge' | 'le' | 'gt' | 'lt'>> = {
  '=': 'eq',
  '==': 'eq',
  eq: 'eq',
  '!=': 'ne',
  ne: 'ne',
  neq: 'ne',
  '>=': 'ge',
  ge: 'ge',
  geq: 'ge',
  '<=': 'le',
  le: 'le',
  leq: 'le',
  '>': 'gt',
  gt: 'gt',
  '<': 'lt',
  lt: 'lt',
};

function comparison(reader: Reader): SocketTest | FilterProblem {
  const subject = reader.tokens[reader.at] ?? '';
  if (subject !== 'sport' && subject !== 'dport' && subject !== 'src' && subject !== 'dst' && subject !== 'dev') {
    return { problem: `Error: an inet prefix is expected rather than "${subject}".\nCannot parse dst/src address.\n` };
  }
  reader.at += 1;
  const word = reader.tokens[reader.at] ?? '';
  const operator = Object.hasOwn(OPERATORS, word) ? OPERATORS[word] : undefined;
  if (operator !== undefined) reader.at += 1;
  const value = reader.tokens[reader.at] ?? '';
  reader.at += 1;
  if (subject === 'dev') return (socket) => (socket.device === value) === (operator !== 'ne');
  if (subject === 'sport' || subject === 'dport') return portTest(subject === 'sport', operator ?? 'eq', value);
  const test = hostTest(subject === 'src', value);
  if (typeof test !== 'function') return test;
  return operator === 'ne' ? (socket) => !test(socket) : test;
}

function portOf(text: string): number | undefined {
  const name = text.slice(text.lastIndexOf(':') + 1);
  if (/^\d{1,5}$/.test(name)) return Number(name) <= 65535 ? Number(name) : undefined;
  return servicePort(name);
}

function portTest(local: boolean, operator: NonNullable<(typeof OPERATORS)[string]>, text: string): SocketTest | FilterProblem {
  const port = portOf(text);
  if (port === undefined) return { problem: `Error: "${text.slice(text.lastIndexOf(':') + 1)}" does not look like a port.\nCannot parse dst/src address.\n` };
  return (socket) => {
    const own = local ? socket.localPort : socket.remotePort;
    switch (operator) {
      case 'eq':
        return own === port;
      case 'ne':
        return own !== port;
      case 'ge':
        return own >= port;
      case 'le':
        return own <= port;
      case 'gt':
        return own > port;
      case 'lt':
        return own < port;
    }
  };
}

/** `10.0.0.0/8`, `10.0.0.1:80`, `[fd00::1]:80`, `:80`, `10.0.0.1:*`. */
function hostTest(local: boolean, text: string): SocketTest | FilterProblem {
  const bracket = /^\[(.*)\](?:\/(\d+))?(?::(.*))?$/.exec(text);
  const colons = text.split(':').length - 1;
  let address = text;
  let port = '';
  if (bracket !== null) {
    address = bracket[2] === undefined ? (bracket[1] ?? '') : `${bracket[1]}/${bracket[2]}`;
    port = bracket[3] ?? '';
  } else if (colons === 1) [address = '', port = ''] = text.split(':');
  const number = port === '' || port === '*' ? undefined : portOf(`:${port}`);
  if (port !== '' && port !== '*' && number === undefined) return { problem: `Error: "${port}" does not look like a port.\nCannot parse dst/src address.\n` };
  const prefix = address === '' || address === '*' ? undefined : parseIpPrefix(address);
  if (address !== '' && address !== '*' && prefix === undefined) {
    return { problem: `Error: an inet prefix is expected rather than "${text}".\nCannot parse dst/src address.\n` };
  }
  return (socket) => {
    if (number !== undefined && number !== (local ? socket.localPort : socket.remotePort)) return false;
    const ip = parseIp(local ? socket.localIp : socket.remoteIp);
    return prefix === undefined || (ip !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip));
  };
}
