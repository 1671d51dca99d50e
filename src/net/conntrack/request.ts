/** The command line of conntrack-tools 1.4.7: what is to be done, with which flows, and how it is printed. */
import { inPrefix, isIp6, parseIp, parseIpPrefix } from '../addr/ip.ts';
import type { ConnectionView } from '../engine.ts';
import type { Ip } from '../wire/packet.ts';
import { TCP_STATE_NAMES } from './connection.ts';
import type { FlowFormat } from './format.ts';

export const CONNTRACK_VERSION = 'conntrack v1.4.7 (conntrack-tools)';

export type ConntrackCommand = 'L' | 'G' | 'D' | 'U' | 'E' | 'F' | 'C' | 'S' | 'V' | 'h';
export type ConntrackTable = 'conntrack' | 'expect' | 'dying' | 'unconfirmed';

/** Plain data, so that a running `conntrack -E` can be part of a snapshot. Addresses are prefixes as they were written. */
export interface FlowFilter {
  readonly family?: 'ipv4' | 'ipv6';
  readonly protocol?: number;
  readonly originalSource?: string;
  readonly originalDestination?: string;
  readonly replySource?: string;
  readonly replyDestination?: string;
  readonly originalSourcePort?: number;
  readonly originalDestinationPort?: number;
  readonly replySourcePort?: number;
  readonly replyDestinationPort?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly icmpId?: number;
  readonly state?: string;
  readonly mark?: readonly [value: number, mask: number];
  readonly zone?: number;
  readonly originalZone?: number;
  readonly replyZone?: number;
  readonly status?: readonly string[];
  /** Only translated flows; an address says to or from what. */
  readonly sourceNat?: string;
  readonly destinationNat?: string;
  readonly anyNat?: string;
}

export interface ConntrackRequest {
  readonly command: ConntrackCommand;
  readonly table: ConntrackTable;
  readonly filter: FlowFilter;
  readonly format: FlowFormat;
  /** -E: which kinds. */
  readonly events: readonly ('NEW' | 'UPDATE' | 'DESTROY')[];
  /** -t */
  readonly timeoutSeconds?: number;
  /** -L -z */
  readonly zero: boolean;
}

/** What goes to standard error, with exit code 2. */
export interface ConntrackProblem {
  readonly problem: string;
}

const TRY = "Try `conntrack -h' or 'conntrack --help' for more information.";
const bad = (words: string): ConntrackProblem => ({ problem: `${CONNTRACK_VERSION}: ${words}\n${TRY}\n` });

const COMMANDS: Readonly<Record<string, ConntrackCommand>> = {
  '-L': 'L',
  '--dump': 'L',
  '-G': 'G',
  '--get': 'G',
  '-D': 'D',
  '--delete': 'D',
  '-U': 'U',
  '--update': 'U',
  '-E': 'E',
  '--event': 'E',
  '-F': 'F',
  '--flush': 'F',
  '-C': 'C',
  '--count': 'C',
  '-S': 'S',
  '--stats': 'S',
  '-V': 'V',
  '--version': 'V',
  '-h': 'h',
  '--help': 'h',
};
/** Commands that may name a table. */
const TABLE_COMMANDS: readonly ConntrackCommand[] = ['L', 'G', 'D', 'U', 'E', 'F', 'C'];
const TABLES: readonly ConntrackTable[] = ['conntrack', 'expect', 'dying', 'unconfirmed'];
const FILTERING: readonly ConntrackCommand[] = ['L', 'G', 'D', 'U', 'E'];

/** Options by all their spellings; the first is their name in messages. */
const OPTIONS: readonly (readonly string[])[] = [
  ['--orig-src', '-s', '--src'],
  ['--orig-dst', '-d', '--dst'],
  ['--reply-src', '-r'],
  ['--reply-dst', '-q'],
  ['--protonum', '-p', '--proto'],
  ['--family', '-f'],
  ['--timeout', '-t'],
  ['--status', '-u'],
  ['--mark', '-m'],
  ['--zone', '-w'],
  ['--orig-zone'],
  ['--reply-zone'],
  ['--event-mask', '-e'],
  ['--output', '-o'],
  ['--buffer-size', '-b'],
];
/** An optional address follows, attached or as the next word. */
const NAT_OPTIONS: readonly (readonly string[])[] = [
  ['--src-nat', '-n'],
  ['--dst-nat', '-g'],
  ['--any-nat', '-j'],
];
/** Those of a protocol are known only behind its `-p`. */
const PORT_OPTIONS: Readonly<Record<string, keyof FlowFilter>> = {
  '--sport': 'originalSourcePort',
  '--orig-port-src': 'originalSourcePort',
  '--dport': 'originalDestinationPort',
  '--orig-port-dst': 'originalDestinationPort',
  '--reply-port-src': 'replySourcePort',
  '--reply-port-dst': 'replyDestinationPort',
};
const ICMP_OPTIONS: Readonly<Record<string, keyof FlowFilter>> = {
  '--icmp-type': 'icmpType',
  '--icmp-code': 'icmpCode',
  '--icmp-id': 'icmpId',
  '--icmpv6-type': 'icmpType',
  '--icmpv6-code': 'icmpCode',
  '--icmpv6-id': 'icmpId',
};
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, dccp: 33, gre: 47, icmpv6: 58, sctp: 132, udplite: 136 };
const PORT_PROTOCOLS: readonly number[] = [6, 17, 33, 132, 136];
const STATUSES: readonly string[] = ['EXPECTED', 'ASSURED', 'SEEN_REPLY', 'FIXED_TIMEOUT', 'OFFLOAD', 'HW_OFFLOAD', 'UNSET'];

/** Decimal, octal or hexadecimal as strtoul() reads it; 0 for what is no number. */
function readNumber(text: string): number {
  const found = /^(0x[0-9a-f]+|\d+)/i.exec(text)?.[1];
  return found === undefined ? 0 : Number(/^0\d/.test(found) ? Number.parseInt(found, 8) : found) >>> 0;
}

type Draft = { -readonly [K in keyof FlowFilter]: FlowFilter[K] };

interface Reading {
  command: ConntrackCommand | undefined;
  table: ConntrackTable;
  readonly filter: Draft;
  as: FlowFormat['as'];
  extended: boolean;
  id: boolean;
  timestamp: boolean;
  events: ConntrackRequest['events'];
  timeoutSeconds: number | undefined;
  zero: boolean;
  /** Names of options that choose flows, for those commands that take none. */
  readonly used: string[];
}

export function parseConntrack(argv: readonly string[]): ConntrackRequest | ConntrackProblem {
  const reading: Reading = {
    command: undefined,
    table: 'conntrack',
    filter: {},
    as: 'text',
    extended: false,
    id: false,
    timestamp: false,
    events: ['NEW', 'UPDATE', 'DESTROY'],
    timeoutSeconds: undefined,
    zero: false,
    used: [],
  };
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const problem = readWord(reading, word, words);
    if (problem !== undefined) return problem;
  }
  const { command, filter } = reading;
  if (command === undefined)
    return { command: 'h', table: 'conntrack', filter: {}, format: { as: 'text', extended: false, id: false, timestamp: false }, events: [], zero: false };
  const [stranger] = reading.used;
  if (!FILTERING.includes(command) && stranger !== undefined) return bad(`Illegal option \`${stranger}' with this command`);
  if (command === 'L' && reading.zero && reading.used.length > 0) return bad("Can't use -z with filtering parameters");
  if (command === 'G' && (filter.originalSource === undefined || filter.originalDestination === undefined) && filter.replySource === undefined)
    return bad("you have to specify `--src' and `--dst'");
  return {
    command,
    table: reading.table,
    filter,
    format: { as: reading.as, extended: reading.extended, id: reading.id, timestamp: reading.timestamp },
    events: reading.events,
    ...(reading.timeoutSeconds === undefined ? {} : { timeoutSeconds: reading.timeoutSeconds }),
    zero: reading.zero,
  };
}

function readWord(reading: Reading, word: string, words: string[]): ConntrackProblem | undefined {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  const option = equals < 0 ? word : word.slice(0, equals);
  const command = Object.hasOwn(COMMANDS, option) ? COMMANDS[option] : undefined;
  if (command !== undefined) {
    if (reading.command !== undefined) return bad('Invalid commands combination');
    reading.command = command;
    const table = words[0];
    if (table === undefined || table.startsWith('-') || !TABLE_COMMANDS.includes(command)) return undefined;
    const known = TABLES.find((name) => name === table);
    if (known === undefined) return bad(`unknown type \`${table}'`);
    reading.table = known;
    words.shift();
    return undefined;
  }
  if (option === '-z' || option === '--zero') {
    reading.zero = true;
    return undefined;
  }
  const nat = NAT_OPTIONS.find((names) => names.includes(option));
  if (nat !== undefined) {
    const next = words[0];
    const address = equals >= 0 ? word.slice(equals + 1) : next !== undefined && !next.startsWith('-') ? words.shift() : '';
    return readNat(reading, nat[0] as string, address ?? '');
  }
  const given = OPTIONS.find((names) => names.includes(option));
  const name = given?.[0] ?? (isProtocolOption(reading, option) ? option : undefined);
  if (name === undefined) {
    // Short options may have their value attached.
    const attached = /^-[^-]./.test(word) ? OPTIONS.find((names) => names.includes(word.slice(0, 2))) : undefined;
    if (attached?.[0] === undefined) return bad(word === '-c' || word === '-l' ? `option \`${word}' requires an argument` : `unknown option \`${word}'`);
    return readOption(reading, attached[0], word.slice(2));
  }
  const value = equals >= 0 ? word.slice(equals + 1) : words.shift();
  if (value === undefined) return bad(`option \`${word}' requires an argument`);
  return readOption(reading, name, value);
}

function isProtocolOption(reading: Reading, option: string): boolean {
  const { protocol } = reading.filter;
  if (protocol === undefined) return false;
  if (option === '--state') return protocol === 6;
  if (Object.hasOwn(PORT_OPTIONS, option)) return PORT_PROTOCOLS.includes(protocol);
  return Object.hasOwn(ICMP_OPTIONS, option) && (option.startsWith('--icmpv6') ? protocol === 58 : protocol === 1);
}

function readNat(reading: Reading, name: string, address: string): ConntrackProblem | undefined {
  if (address !== '' && parseIpPrefix(address) === undefined) return bad(`Invalid IP address \`${address}'`);
  reading.used.push(name);
  if (name === '--src-nat') reading.filter.sourceNat = address;
  else if (name === '--dst-nat') reading.filter.destinationNat = address;
  else reading.filter.anyNat = address;
  return undefined;
}

const ADDRESSES: Readonly<Record<string, 'originalSource' | 'originalDestination' | 'replySource' | 'replyDestination'>> = {
  '--orig-src': 'originalSource',
  '--orig-dst': 'originalDestination',
  '--reply-src': 'replySource',
  '--reply-dst': 'replyDestination',
};

function readOption(reading: Reading, name: string, value: string): ConntrackProblem | undefined {
  const { filter } = reading;
  if (name === '--output') return readOutput(reading, value);
  if (name === '--event-mask') return readEvents(reading, value);
  if (name === '--buffer-size') return undefined;
  if (name === '--timeout') {
    reading.timeoutSeconds = readNumber(value);
    return undefined;
  }
  reading.used.push(name);
  const end = ADDRESSES[name];
  if (end !== undefined) {
    const prefix = parseIpPrefix(value);
    if (prefix === undefined) return bad(`Invalid IP address \`${value}'`);
    const family = isIp6(prefix.address) ? 'ipv6' : 'ipv4';
    if (filter.family !== undefined && filter.family !== family) return bad('mismatched address family');
    filter.family = family;
    filter[end] = value;
    return undefined;
  }
  const port = PORT_OPTIONS[name] ?? ICMP_OPTIONS[name];
  if (port !== undefined) {
    Object.assign(filter, { [port]: readNumber(value) & 0xffff });
    return undefined;
  }
  switch (name) {
    case '--protonum': {
      const number = Object.hasOwn(PROTOCOLS, value.toLowerCase()) ? PROTOCOLS[value.toLowerCase()] : /^\d{1,3}$/.test(value) ? Number(value) : undefined;
      if (number === undefined || number > 255) return bad(`\`${value}' unsupported protocol`);
      filter.protocol = number;
      return undefined;
    }
    case '--family': {
      if (value !== 'ipv4' && value !== 'ipv6') return bad(`\`${value}' unsupported protocol`);
      if (filter.family !== undefined && filter.family !== value) return bad('mismatched address family');
      filter.family = value;
      return undefined;
    }
    case '--state':
      if (!(TCP_STATE_NAMES as readonly string[]).includes(value)) return bad(`unknown option \`--state'`);
      filter.state = value;
      return undefined;
    case '--mark': {
      const [number = '', mask] = value.split('/');
      filter.mark = [readNumber(number), mask === undefined ? 0xffffffff : readNumber(mask)];
      return undefined;
    }
    case '--zone':
      filter.zone = readNumber(value);
      return undefined;
    case '--orig-zone':
      filter.originalZone = readNumber(value);
      return undefined;
    case '--reply-zone':
      filter.replyZone = readNumber(value);
      return undefined;
    default: {
      const status = value.split(',');
      if (!status.every((word) => STATUSES.includes(word))) return bad(`Bad parameter \`${value}'`);
      filter.status = status;
      return undefined;
    }
  }
}

function readOutput(reading: Reading, value: string): ConntrackProblem | undefined {
  for (const word of value.split(',')) {
    if (word === 'xml' || word === 'save') reading.as = word;
    else if (word === 'extended') reading.extended = true;
    else if (word === 'id') reading.id = true;
    else if (word === 'timestamp') reading.timestamp = true;
    // Labels and times of birth are off unless somebody turns them on; user ids there are none.
    else if (word !== 'ktimestamp' && word !== 'labels' && word !== 'userspace') return bad(`Bad parameter \`${word}'`);
  }
  return undefined;
}

function readEvents(reading: Reading, value: string): ConntrackProblem | undefined {
  const events = new Set<'NEW' | 'UPDATE' | 'DESTROY'>();
  for (const word of value.split(',')) {
    if (word === 'ALL') for (const kind of ['NEW', 'UPDATE', 'DESTROY'] as const) events.add(kind);
    else if (word === 'NEW') events.add('NEW');
    else if (word === 'UPDATES') events.add('UPDATE');
    else if (word === 'DESTROY') events.add('DESTROY');
    else return bad(`Bad parameter \`${word}'`);
  }
  reading.events = [...events];
  return undefined;
}

/** Whether a flow is one of those that were asked for. */
export function flowMatches(flow: ConnectionView, filter: FlowFilter): boolean {
  const { original, reply } = flow;
  const same = (wanted: number | undefined, value: number | undefined): boolean => wanted === undefined || wanted === value;
  return (
    (filter.family === undefined || filter.family === flow.family) &&
    same(filter.protocol, flow.protocolNumber) &&
    holds(filter.originalSource, original.src) &&
    holds(filter.originalDestination, original.dst) &&
    holds(filter.replySource, reply.src) &&
    holds(filter.replyDestination, reply.dst) &&
    same(filter.originalSourcePort, original.sport) &&
    same(filter.originalDestinationPort, original.dport) &&
    same(filter.replySourcePort, reply.sport) &&
    same(filter.replyDestinationPort, reply.dport) &&
    same(filter.icmpType, original.icmpType) &&
    same(filter.icmpCode, original.icmpCode) &&
    same(filter.icmpId, original.icmpId) &&
    (filter.state === undefined || filter.state === flow.tcpState) &&
    (filter.mark === undefined || (flow.mark & filter.mark[1]) >>> 0 === filter.mark[0]) &&
    zoneMatches(flow, filter) &&
    statusMatches(flow, filter.status) &&
    natMatches(flow, filter)
  );
}

function holds(prefixText: string | undefined, address: string): boolean {
  if (prefixText === undefined || prefixText === '') return true;
  const prefix = parseIpPrefix(prefixText);
  const ip: Ip | undefined = parseIp(address);
  return prefix !== undefined && ip !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip);
}

function zoneMatches(flow: ConnectionView, filter: FlowFilter): boolean {
  const zoneOf = (direction: 'original' | 'reply'): number => (flow.zoneDirection === 'both' || flow.zoneDirection === direction ? flow.zone : 0);
  if (filter.zone !== undefined && (flow.zoneDirection === 'both' ? flow.zone : 0) !== filter.zone) return false;
  if (filter.originalZone !== undefined && zoneOf('original') !== filter.originalZone) return false;
  return filter.replyZone === undefined || zoneOf('reply') === filter.replyZone;
}

function statusMatches(flow: ConnectionView, status: readonly string[] | undefined): boolean {
  return (status ?? []).every((word) => {
    if (word === 'ASSURED') return flow.assured;
    if (word === 'SEEN_REPLY') return !flow.unreplied;
    return word === 'UNSET' && flow.unreplied && !flow.assured;
  });
}

/** Translated towards the address in the direction that was asked for. */
function natMatches(flow: ConnectionView, filter: FlowFilter): boolean {
  const source = (address: string): boolean => flow.nat.includes('SNAT') && holds(address, flow.reply.dst);
  const destination = (address: string): boolean => flow.nat.includes('DNAT') && holds(address, flow.reply.src);
  if (filter.sourceNat !== undefined && !source(filter.sourceNat)) return false;
  if (filter.destinationNat !== undefined && !destination(filter.destinationNat)) return false;
  return filter.anyNat === undefined || source(filter.anyNat) || destination(filter.anyNat);
}
