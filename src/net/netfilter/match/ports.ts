/** -m tcp, -m udp, -m sctp: ports (and TCP flags and options, SCTP chunks) of the packet itself. Linux: net/netfilter/xt_tcpudp.c, xt_sctp.c */
import type { Skb } from '../../stack/skb.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, type TcpHeader } from '../../wire/packet.ts';
import { chunkFlags, chunkType, IP_PROTO_SCTP, type SctpHeader } from '../../wire/sctp.ts';
import { type BuiltMatch, defineMatch, EINVAL, type GivenOption, type GivenOptions, type RuleContext, type RuleError, type RuleHead } from '../definition.ts';
import { serviceName } from '../names.ts';
import { formatPortRange, option, type PortRange, parsePort, parsePortRange, parseUnsigned } from '../text.ts';

const TWICE = { sport: "Only one `--source-port' allowed", dport: "Only one `--destination-port' allowed" } as const;

/** In the order iptables prints a set of flags. URG is never set by anybody here. */
const FLAGS: readonly (readonly [string, number])[] = [
  ['FIN', TCP_FIN],
  ['SYN', TCP_SYN],
  ['RST', TCP_RST],
  ['PSH', TCP_PSH],
  ['ACK', TCP_ACK],
  ['URG', 32],
];
const ALL_FLAGS = 63;

/** The flags, or the word that is none. */
function parseFlags(text: string): number | string {
  let bits = 0;
  for (const word of text.split(',')) {
    const name = word.toUpperCase();
    const flag = FLAGS.find((f) => f[0] === name);
    if (name === 'ALL') bits |= ALL_FLAGS;
    else if (flag !== undefined) bits |= flag[1];
    else if (name !== 'NONE') return word;
  }
  return bits;
}

function formatFlags(bits: number): string {
  if (bits === 0) return 'NONE';
  return FLAGS.filter((f) => (bits & f[1]) !== 0)
    .map((f) => f[0])
    .join(',');
}

interface Side {
  readonly range: PortRange;
  readonly negated: boolean;
}

function side(given: GivenOption | undefined, udpWords: boolean): Side | undefined | RuleError {
  if (given === undefined) return undefined;
  const text = given.values[0] as string;
  if (udpWords) {
    const bad = text.split(':').find((part) => part !== '' && parsePort(part) === undefined);
    if (bad !== undefined) return { error: `Port "${bad}" does not resolve to anything.\n` };
  }
  const range = parsePortRange(text);
  return 'error' in range ? range : { range, negated: given.negated };
}

/** Every port: then the option says nothing and is not kept. */
const isAll = (s: Side | undefined): boolean => s !== undefined && !s.negated && s.range.min === 0 && s.range.max === 65535;

function inside(port: number, wanted: Side): boolean {
  return (port >= wanted.range.min && port <= wanted.range.max) !== wanted.negated;
}

function listPort(word: string, s: Side, name: (port: number) => string): string {
  const plural = s.range.min === s.range.max ? word : `${word}s`;
  return `${plural}:${s.negated ? '!' : ''}${s.range.min === s.range.max ? name(s.range.min) : `${name(s.range.min)}:${name(s.range.max)}`}`;
}

/** One more thing that a protocol's match looks at beside ports. */
interface Extra {
  readonly text: string;
  readonly listing: string;
  readonly named: string;
  test(skb: Skb): boolean;
}

const hexByte = (value: number): string => `0x${value.toString(16).padStart(2, '0').toUpperCase()}`;

function flagsOf(given: GivenOptions): Extra | undefined | RuleError {
  const syn = given.get('syn');
  const flags = given.get('tcp-flags');
  if (syn !== undefined && flags !== undefined) return { error: "Only one of `--syn' or `--tcp-flags'  allowed" };
  if (syn === undefined && flags === undefined) return undefined;
  const mask = syn !== undefined ? TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK : parseFlags(flags?.values[0] as string);
  const set = syn !== undefined ? TCP_SYN : parseFlags(flags?.values[1] as string);
  if (typeof mask === 'string') return { error: `Unknown TCP flag \`${mask}'` };
  if (typeof set === 'string') return { error: `Unknown TCP flag \`${set}'` };
  const negated = (syn ?? flags)?.negated === true;
  const bang = negated ? '!' : '';
  return {
    text: option('tcp-flags', negated, `${formatFlags(mask)} ${formatFlags(set)}`),
    listing: `flags:${bang}${hexByte(mask)}/${hexByte(set)}`,
    named: `flags:${bang}${formatFlags(mask)}/${formatFlags(set)}`,
    test: (skb) => (((skb.tcp?.flags ?? 0) & mask) === set) !== negated,
  };
}

/** By their kind in the header. */
const hasTcpOption = (tcp: TcpHeader | undefined, kind: number): boolean => {
  const options = tcp?.options;
  if (options === undefined) return false;
  if (kind === 2) return options.mss !== undefined;
  if (kind === 3) return options.windowScale !== undefined;
  if (kind === 4) return options.sackPermitted === true;
  return kind === 8 && options.timestamps !== undefined;
};

function tcpOptionOf(given: GivenOptions): Extra | undefined | RuleError {
  const wanted = given.get('tcp-option');
  if (wanted === undefined) return undefined;
  const kind = parseUnsigned(wanted.values[0] as string, 255);
  if (kind === undefined || kind === 0) return { error: `Bad TCP option "${wanted.values[0]}"` };
  const listing = `option=${wanted.negated ? '!' : ''}${kind}`;
  return {
    text: option('tcp-option', wanted.negated, String(kind)),
    listing,
    named: listing,
    test: (skb) => hasTcpOption(skb.tcp, kind) !== wanted.negated,
  };
}

interface Protocol {
  readonly name: 'tcp' | 'udp' | 'sctp';
  readonly number: number;
  /** What is said when `-p` is another one. */
  readonly elsewhere: RuleError;
  readonly mayBeNegated: boolean;
}

function build(protocol: Protocol, head: RuleHead, given: GivenOptions, extras: readonly Extra[]): BuiltMatch | RuleError {
  if (head.protocol !== protocol.number || (head.protocolNegated && !protocol.mayBeNegated)) return protocol.elsewhere;
  const { name } = protocol;
  const givenSource = side(given.get('sport'), name === 'udp');
  const givenDestination = side(given.get('dport'), name === 'udp');
  if (givenSource !== undefined && 'error' in givenSource) return givenSource;
  if (givenDestination !== undefined && 'error' in givenDestination) return givenDestination;
  const source = isAll(givenSource) ? undefined : givenSource;
  const destination = isAll(givenDestination) ? undefined : givenDestination;
  const words: string[] = [];
  if (source !== undefined) words.push(option('sport', source.negated, formatPortRange(source.range)));
  if (destination !== undefined) words.push(option('dport', destination.negated, formatPortRange(destination.range)));
  const listing = (nameOf: (port: number) => string, part: (e: Extra) => string): string => {
    const listed: string[] = [name];
    if (source !== undefined) listed.push(listPort('spt', source, nameOf));
    if (destination !== undefined) listed.push(listPort('dpt', destination, nameOf));
    return [...listed, ...extras.map(part)].join(' ');
  };
  const single = destination !== undefined && !destination.negated && destination.range.min === destination.range.max;
  return {
    name,
    text: [...words, ...extras.map((e) => e.text)].join(' '),
    listing: listing(String, (e) => e.listing),
    named: listing(
      (port) => serviceName(port, name === 'sctp' ? 'other' : name),
      (e) => e.named,
    ),
    ...(single ? { destinationPort: destination.range.min } : {}),
    test({ skb }: RuleContext): boolean {
      // A later fragment has no ports to look at: xt_tcpudp does not match it.
      if (skb.protocol !== protocol.number || skb.fragmentOffset !== 0) return false;
      if (source !== undefined && !inside(skb.sport, source)) return false;
      if (destination !== undefined && !inside(skb.dport, destination)) return false;
      for (const extra of extras) if (!extra.test(skb)) return false;
      return true;
    },
  };
}

export const tcp = defineMatch({
  name: 'tcp',
  protocol: IP_PROTO_TCP,
  options: [
    { name: 'sport', aliases: ['source-port'], values: 1, invertible: true, twice: TWICE.sport },
    { name: 'dport', aliases: ['destination-port'], values: 1, invertible: true, twice: TWICE.dport },
    { name: 'syn', values: 0, invertible: true, twice: "Only one of `--syn' or `--tcp-flags'  allowed" },
    { name: 'tcp-flags', values: 2, invertible: true, tooFew: '--tcp-flags requires two args.', twice: "Only one of `--syn' or `--tcp-flags'  allowed" },
    { name: 'tcp-option', values: 1, invertible: true, twice: "Only one `--tcp-option' allowed" },
  ],
  build(given, head) {
    const flags = flagsOf(given);
    const tcpOption = tcpOptionOf(given);
    if (flags !== undefined && 'error' in flags) return flags;
    if (tcpOption !== undefined && 'error' in tcpOption) return tcpOption;
    const extras = [tcpOption, flags].filter((e) => e !== undefined);
    return build({ name: 'tcp', number: IP_PROTO_TCP, elsewhere: { error: "TCP match requires '-p tcp'" }, mayBeNegated: true }, head, given, extras);
  },
});

export const udp = defineMatch({
  name: 'udp',
  protocol: IP_PROTO_UDP,
  options: [
    { name: 'sport', aliases: ['source-port'], values: 1, invertible: true, twice: 'source-port' },
    { name: 'dport', aliases: ['destination-port'], values: 1, invertible: true, twice: 'destination-port' },
  ],
  build: (given, head) =>
    build({ name: 'udp', number: IP_PROTO_UDP, elsewhere: { error: "UDP match requires '-p udp'" }, mayBeNegated: true }, head, given, []),
});

const CHUNKS: readonly (readonly [string, number])[] = [
  ['DATA', 0],
  ['INIT', 1],
  ['INIT_ACK', 2],
  ['SACK', 3],
  ['HEARTBEAT', 4],
  ['HEARTBEAT_ACK', 5],
  ['ABORT', 6],
  ['SHUTDOWN', 7],
  ['SHUTDOWN_ACK', 8],
  ['ERROR', 9],
  ['COOKIE_ECHO', 10],
  ['COOKIE_ACK', 11],
  ['ECN_ECNE', 12],
  ['ECN_CWR', 13],
  ['SHUTDOWN_COMPLETE', 14],
  ['I_DATA', 64],
  ['RE_CONFIG', 130],
  ['PAD', 132],
  ['ASCONF', 193],
  ['ASCONF_ACK', 128],
  ['FORWARD_TSN', 192],
  ['I_FORWARD_TSN', 194],
];

/** Letters of --chunk-types' flags, by chunk type: their bits; those of other chunks are ignored (xt_sctp's dump_chunk_flags). */
const CHUNK_FLAGS: Readonly<Record<number, Readonly<Record<string, number>>>> = { 0: { U: 4, B: 2, E: 1, I: 8 }, 6: { T: 1 }, 14: { T: 1 } };

interface WantedChunk {
  readonly type: number;
  readonly flags: string;
}

/** An upper-case letter asks for a flag that is set, a lower-case one for one that is not. */
function hasFlags({ type, flags }: WantedChunk, found: number): boolean {
  const known = CHUNK_FLAGS[type] ?? {};
  return [...flags].every((letter) => {
    const bit = known[letter.toUpperCase()] ?? 0;
    return bit === 0 || ((found & bit) !== 0) === (letter === letter.toUpperCase());
  });
}

/** match_packet(): `all` listed chunks are there, `any` of them is, or `only` such are. `whole`: ALL or NONE was written. */
function matchesChunks(how: string, whole: string, wanted: readonly WantedChunk[], sctp: SctpHeader | undefined): boolean {
  const missing = new Set(whole === 'ALL' ? CHUNKS.map(([, type]) => type) : wanted.map(({ type }) => type));
  for (const chunk of sctp?.chunks ?? []) {
    const type = chunkType(chunk);
    const listed = whole === 'ALL' || wanted.some((one) => one.type === type && hasFlags(one, chunkFlags(chunk)));
    if (listed && how === 'any') return true;
    if (listed) missing.delete(type);
    else if (how === 'only') return false;
  }
  return how === 'only' || (how === 'all' && missing.size === 0);
}

function chunksOf(given: GivenOptions): Extra | undefined | RuleError {
  const wanted = given.get('chunk-types');
  if (wanted === undefined) return undefined;
  const [how = '', list = ''] = wanted.values;
  if (!['all', 'any', 'only'].includes(how)) return { error: '--chunk-types requires two args' };
  const chunks: { readonly name: string; readonly type: number; readonly flags: string }[] = [];
  const whole = list.toUpperCase() === 'ALL' || list.toUpperCase() === 'NONE';
  for (const part of whole ? [] : list.split(',')) {
    const [word = '', flags = ''] = part.split(':');
    const known = CHUNKS.find((c) => c[0] === word.toUpperCase());
    if (known === undefined) return { error: `Unknown sctp chunk type \`${word}'` };
    if (!/^[A-Za-z]*$/.test(flags)) return { error: `Unknown sctp chunk flags \`${flags}'` };
    chunks.push({ name: known[0], type: known[1], flags: flags === '' ? '' : `:${flags}` });
  }
  chunks.sort((a, b) => a.type - b.type);
  const bang = wanted.negated ? '! ' : '';
  const names = whole ? list.toUpperCase() : chunks.map((c) => `${c.name}${c.flags}`).join(',');
  const numbers = whole ? names : chunks.map((c) => `0x${c.type.toString(16).padStart(4, '0')}${c.flags}`).join(',');
  return {
    text: option('chunk-types', wanted.negated, `${how} ${names}`),
    listing: `${bang}${how} ${numbers}`,
    named: `${bang}${how} ${names}`,
    test: ({ sctp }) => matchesChunks(how, whole ? list.toUpperCase() : '', chunks, sctp) !== wanted.negated,
  };
}

export const sctp = defineMatch({
  name: 'sctp',
  protocol: IP_PROTO_SCTP,
  options: [
    { name: 'sport', aliases: ['source-port'], values: 1, invertible: true, twice: TWICE.sport },
    { name: 'dport', aliases: ['destination-port'], values: 1, invertible: true, twice: TWICE.dport },
    { name: 'chunk-types', values: 2, invertible: true, tooFew: '--chunk-types requires two args', twice: "Only one `--chunk-types' allowed" },
  ],
  build(given, head) {
    const chunks = chunksOf(given);
    if (chunks !== undefined && 'error' in chunks) return chunks;
    return build({ name: 'sctp', number: IP_PROTO_SCTP, elsewhere: EINVAL, mayBeNegated: false }, head, given, chunks === undefined ? [] : [chunks]);
  },
});
