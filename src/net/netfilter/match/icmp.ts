/** -m icmp --icmp-type, -m icmp6 --icmpv6-type: type and code of an ICMP message. Linux: net/ipv4/netfilter/ip_tables.c, icmp_match; net/ipv6/netfilter/ip6_tables.c, icmp6_match */
import { type BuiltMatch, defineMatch, EINVAL, type GivenOption, type RuleError } from '../definition.ts';
import { option, parseUnsigned } from '../text.ts';

/** [name, type, lowest code, highest code]; the first of a type and its codes is the one that is printed without -n. */
type IcmpName = readonly [string, number, number, number];

const ICMP_NAMES: readonly IcmpName[] = [
  ['any', 255, 0, 255],
  ['echo-reply', 0, 0, 255],
  ['pong', 0, 0, 255],
  ['destination-unreachable', 3, 0, 255],
  ['network-unreachable', 3, 0, 0],
  ['host-unreachable', 3, 1, 1],
  ['protocol-unreachable', 3, 2, 2],
  ['port-unreachable', 3, 3, 3],
  ['fragmentation-needed', 3, 4, 4],
  ['source-route-failed', 3, 5, 5],
  ['network-unknown', 3, 6, 6],
  ['host-unknown', 3, 7, 7],
  ['network-prohibited', 3, 9, 9],
  ['host-prohibited', 3, 10, 10],
  ['TOS-network-unreachable', 3, 11, 11],
  ['TOS-host-unreachable', 3, 12, 12],
  ['communication-prohibited', 3, 13, 13],
  ['host-precedence-violation', 3, 14, 14],
  ['precedence-cutoff', 3, 15, 15],
  ['source-quench', 4, 0, 255],
  ['redirect', 5, 0, 255],
  ['network-redirect', 5, 0, 0],
  ['host-redirect', 5, 1, 1],
  ['TOS-network-redirect', 5, 2, 2],
  ['TOS-host-redirect', 5, 3, 3],
  ['echo-request', 8, 0, 255],
  ['ping', 8, 0, 255],
  ['router-advertisement', 9, 0, 255],
  ['router-solicitation', 10, 0, 255],
  ['time-exceeded', 11, 0, 255],
  ['ttl-exceeded', 11, 0, 255],
  ['ttl-zero-during-transit', 11, 0, 0],
  ['ttl-zero-during-reassembly', 11, 1, 1],
  ['parameter-problem', 12, 0, 255],
  ['ip-header-bad', 12, 0, 0],
  ['required-option-missing', 12, 1, 1],
  ['timestamp-request', 13, 0, 255],
  ['timestamp-reply', 14, 0, 255],
  ['address-mask-request', 17, 0, 255],
  ['address-mask-reply', 18, 0, 255],
];

const ICMP6_NAMES: readonly IcmpName[] = [
  ['destination-unreachable', 1, 0, 255],
  ['no-route', 1, 0, 0],
  ['communication-prohibited', 1, 1, 1],
  ['beyond-scope', 1, 2, 2],
  ['address-unreachable', 1, 3, 3],
  ['port-unreachable', 1, 4, 4],
  ['failed-policy', 1, 5, 5],
  ['reject-route', 1, 6, 6],
  ['packet-too-big', 2, 0, 255],
  ['time-exceeded', 3, 0, 255],
  ['ttl-exceeded', 3, 0, 255],
  ['ttl-zero-during-transit', 3, 0, 0],
  ['ttl-zero-during-reassembly', 3, 1, 1],
  ['parameter-problem', 4, 0, 255],
  ['bad-header', 4, 0, 0],
  ['unknown-header-type', 4, 1, 1],
  ['unknown-option', 4, 2, 2],
  ['echo-request', 128, 0, 255],
  ['ping', 128, 0, 255],
  ['echo-reply', 129, 0, 255],
  ['pong', 129, 0, 255],
  ['router-solicitation', 133, 0, 255],
  ['router-advertisement', 134, 0, 255],
  ['neighbour-solicitation', 135, 0, 255],
  ['neighbor-solicitation', 135, 0, 255],
  ['neighbour-advertisement', 136, 0, 255],
  ['neighbor-advertisement', 136, 0, 255],
  ['redirect', 137, 0, 255],
];

/** A name, the beginning of exactly one, or `type[/code]`. */
function parseType(names: readonly IcmpName[], what: 'ICMP' | 'ICMPv6', text: string): IcmpName | RuleError {
  const lower = text.toLowerCase();
  const exact = names.find((n) => n[0].toLowerCase() === lower);
  if (exact !== undefined) return exact;
  const begun = text === '' ? [] : names.filter((n) => n[0].toLowerCase().startsWith(lower));
  if (begun.length > 1) return { error: `Ambiguous ${what} type \`${text}': \`${begun[0]?.[0]}' or \`${begun[1]?.[0]}'?` };
  if (begun[0] !== undefined) return begun[0];
  const slash = text.indexOf('/');
  const type = parseUnsigned(slash < 0 ? text : text.slice(0, slash), 255);
  if (type === undefined) return { error: slash < 0 ? `Unknown ${what} type \`${text}'` : `Invalid ${what} type \`${text.slice(0, slash)}'` };
  if (slash < 0) return [text, type, 0, 255];
  const code = parseUnsigned(text.slice(slash + 1), 255);
  return code === undefined ? { error: `Unknown ${what} code \`${text}'` } : [text, type, code, code];
}

interface Kind {
  readonly name: 'icmp' | 'icmp6';
  readonly words: 'ICMP' | 'ICMPv6';
  readonly names: readonly IcmpName[];
  readonly optionName: string;
  /** How the list begins. */
  readonly listed: string;
  /** The type that means every one. */
  readonly anyType: number;
}

function build(kind: Kind, wanted: GivenOption): BuiltMatch | RuleError {
  const parsed = parseType(kind.names, kind.words, wanted.values[0] as string);
  if ('error' in parsed) return parsed;
  const [, type, minCode, maxCode] = parsed;
  const negated = wanted.negated;
  const oneCode = minCode === maxCode;
  const any = type === kind.anyType;
  const name = kind.names.find((n) => n[1] === type && n[2] === minCode && n[3] === maxCode)?.[0];
  const numeric = `${kind.listed}${negated ? ' !' : ''}type ${type}${oneCode ? ` code ${minCode}` : ''}`;
  return {
    name: kind.name,
    text: option(kind.optionName, negated, any ? 'any' : oneCode ? `${type}/${minCode}` : `${type}`),
    listing: numeric,
    named: name === undefined ? numeric : `${kind.listed} ${negated ? '!' : ''}${name}`,
    test({ skb }) {
      if (skb.icmp === undefined || skb.fragmentOffset !== 0) return false;
      return (any || (skb.icmp.type === type && skb.icmp.code >= minCode && skb.icmp.code <= maxCode)) !== negated;
    },
  };
}

const ICMP: Kind = { name: 'icmp', words: 'ICMP', names: ICMP_NAMES, optionName: 'icmp-type', listed: 'icmp', anyType: 255 };
const ICMP6: Kind = { name: 'icmp6', words: 'ICMPv6', names: ICMP6_NAMES, optionName: 'icmpv6-type', listed: 'ipv6-icmp', anyType: -1 };

export const icmp = defineMatch({
  name: 'icmp',
  family: 'ipv4',
  protocol: 1,
  options: [{ name: 'icmp-type', values: 1, invertible: true, mandatory: true }],
  build: (given, head) => (head.protocol !== 1 || head.protocolNegated ? EINVAL : build(ICMP, given.get('icmp-type') as GivenOption)),
});

export const icmp6 = defineMatch({
  name: 'icmp6',
  family: 'ipv6',
  protocol: 58,
  options: [{ name: 'icmpv6-type', aliases: ['icmp6-type'], values: 1, invertible: true, mandatory: true }],
  build: (given, head) => (head.protocol !== 58 || head.protocolNegated ? EINVAL : build(ICMP6, given.get('icmpv6-type') as GivenOption)),
});
