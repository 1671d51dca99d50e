/** -m tcp, -m udp: ports (and TCP flags) of the packet itself. Linux: net/netfilter/xt_tcpudp.c */
import { IP_PROTO_TCP, IP_PROTO_UDP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../../wire/packet.ts';
import { type BuiltMatch, defineMatch, type GivenOption, type GivenOptions, type OptionDefinition, type RuleContext, type RuleError } from '../definition.ts';
import { formatPortRange, option, type PortRange, parsePortRange } from '../text.ts';

const PORT_OPTIONS: readonly OptionDefinition[] = [
  { name: 'sport', aliases: ['source-port'], values: 1, invertible: true },
  { name: 'dport', aliases: ['destination-port'], values: 1, invertible: true },
];

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

function parseFlags(text: string): number | undefined {
  if (text === 'ALL') return ALL_FLAGS;
  if (text === 'NONE') return 0;
  let bits = 0;
  for (const name of text.split(',')) {
    const flag = FLAGS.find((f) => f[0] === name);
    if (flag === undefined) return undefined;
    bits |= flag[1];
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

function side(given: GivenOption | undefined): Side | undefined | RuleError {
  if (given === undefined) return undefined;
  const range = parsePortRange(given.values[0] as string);
  return 'error' in range ? range : { range, negated: given.negated };
}

function inside(port: number, wanted: Side): boolean {
  return (port >= wanted.range.min && port <= wanted.range.max) !== wanted.negated;
}

function listPort(word: string, s: Side): string {
  const plural = s.range.min === s.range.max ? word : `${word}s`;
  return `${plural}:${s.negated ? '!' : ''}${formatPortRange(s.range)}`;
}

interface Flags {
  readonly mask: number;
  readonly set: number;
  readonly negated: boolean;
}

function flagsOf(given: GivenOptions): Flags | undefined | RuleError {
  const syn = given.get('syn');
  if (syn !== undefined) return { mask: TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK, set: TCP_SYN, negated: syn.negated };
  const flags = given.get('tcp-flags');
  if (flags === undefined) return undefined;
  const mask = parseFlags(flags.values[0] as string);
  const set = parseFlags(flags.values[1] as string);
  if (mask === undefined) return { error: `Unknown TCP flag \`${flags.values[0]}'` };
  if (set === undefined) return { error: `Unknown TCP flag \`${flags.values[1]}'` };
  return { mask, set, negated: flags.negated };
}

function build(name: 'tcp' | 'udp', protocol: number, given: GivenOptions): BuiltMatch | RuleError {
  const source = side(given.get('sport'));
  const destination = side(given.get('dport'));
  const flags = name === 'tcp' ? flagsOf(given) : undefined;
  if (source !== undefined && 'error' in source) return source;
  if (destination !== undefined && 'error' in destination) return destination;
  if (flags !== undefined && 'error' in flags) return flags;
  const words: string[] = [];
  const listed: string[] = [name];
  if (source !== undefined) {
    words.push(option('sport', source.negated, formatPortRange(source.range)));
    listed.push(listPort('spt', source));
  }
  if (destination !== undefined) {
    words.push(option('dport', destination.negated, formatPortRange(destination.range)));
    listed.push(listPort('dpt', destination));
  }
  if (flags !== undefined) {
    words.push(option('tcp-flags', flags.negated, `${formatFlags(flags.mask)} ${formatFlags(flags.set)}`));
    listed.push(`flags:${flags.negated ? '!' : ''}${formatHexByte(flags.mask)}/${formatHexByte(flags.set)}`);
  }
  const single = destination !== undefined && !destination.negated && destination.range.min === destination.range.max;
  return {
    name,
    text: words.join(' '),
    listing: listed.join(' '),
    ...(single ? { destinationPort: destination.range.min } : {}),
    test({ skb }: RuleContext): boolean {
      // A later fragment has no ports to look at: xt_tcpudp does not match it.
      if (skb.protocol !== protocol || skb.fragmentOffset !== 0) return false;
      if (source !== undefined && !inside(skb.sport, source)) return false;
      if (destination !== undefined && !inside(skb.dport, destination)) return false;
      if (flags === undefined) return true;
      const have = skb.tcp === undefined ? 0 : skb.tcp.flags;
      return ((have & flags.mask) === flags.set) !== flags.negated;
    },
  };
}

const formatHexByte = (value: number): string => `0x${value.toString(16).padStart(2, '0').toUpperCase()}`;

export const tcp = defineMatch({
  name: 'tcp',
  protocol: IP_PROTO_TCP,
  options: [...PORT_OPTIONS, { name: 'syn', values: 0, invertible: true }, { name: 'tcp-flags', values: 2, invertible: true }],
  build: (given) => build('tcp', IP_PROTO_TCP, given),
});

export const udp = defineMatch({ name: 'udp', protocol: IP_PROTO_UDP, options: PORT_OPTIONS, build: (given) => build('udp', IP_PROTO_UDP, given) });
