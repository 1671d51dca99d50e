/** -m multiport: up to fifteen ports or ranges. Linux: net/netfilter/xt_multiport.c */
import { IP_PROTO_TCP, IP_PROTO_UDP } from '../../wire/packet.ts';
import { defineMatch, type RuleError } from '../definition.ts';
import { serviceName } from '../names.ts';
import { formatPortRange, option, type PortRange, parsePort } from '../text.ts';

const KINDS = ['sports', 'dports', 'ports'] as const;
const LIMIT = 15;
/** TCP, UDP, UDPLITE, DCCP, SCTP have ports. */
const WITH_PORTS = new Set([IP_PROTO_TCP, IP_PROTO_UDP, 33, 132, 136]);

function parseRanges(text: string): PortRange[] | RuleError {
  const ranges: PortRange[] = [];
  let slots = 0;
  for (const part of text.split(',')) {
    const colon = part.indexOf(':');
    slots += colon < 0 ? 1 : 2;
    if (slots > LIMIT) return { error: 'too many ports specified' };
    const ports = (colon < 0 ? [part] : [part.slice(0, colon), part.slice(colon + 1)]).map((word) => [word, parsePort(word)] as const);
    const bad = ports.find((p) => p[1] === undefined);
    if (bad !== undefined) return { error: `invalid port/service \`${bad[0]}' specified` };
    const min = ports[0]?.[1] ?? 0;
    const max = ports[1]?.[1] ?? min;
    if (colon >= 0 && min >= max) return { error: 'invalid portrange specified' };
    ranges.push({ min, max });
  }
  return ranges;
}

export const multiport = defineMatch({
  name: 'multiport',
  options: [
    { name: 'sports', aliases: ['source-ports'], values: 1, invertible: true, excludes: ['dports', 'ports'], twice: 'source-ports' },
    { name: 'dports', aliases: ['destination-ports'], values: 1, invertible: true, excludes: ['sports', 'ports'], twice: 'destination-ports' },
    { name: 'ports', values: 1, invertible: true, excludes: ['sports', 'dports'] },
  ],
  build(given, head) {
    const kind = KINDS.find((k) => given.has(k));
    if (kind === undefined) return { error: 'multiport expection an option' };
    if (head.protocol === 0) return { error: "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'" };
    if (head.protocolNegated || !WITH_PORTS.has(head.protocol)) return { error: 'multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP' };
    const wanted = given.get(kind);
    const negated = wanted?.negated ?? false;
    const ranges = parseRanges(wanted?.values[0] ?? '');
    if ('error' in ranges) return ranges;
    const printed = ranges.map(formatPortRange).join(',');
    const service = head.protocol === IP_PROTO_TCP ? 'tcp' : head.protocol === IP_PROTO_UDP ? 'udp' : 'other';
    const nameOf = (port: number): string => serviceName(port, service);
    const names = ranges.map((r) => (r.min === r.max ? nameOf(r.min) : `${nameOf(r.min)}:${nameOf(r.max)}`)).join(',');
    const has = (port: number): boolean => ranges.some((r) => port >= r.min && port <= r.max);
    return {
      name: 'multiport',
      text: option(kind, negated, printed),
      listing: `multiport ${kind} ${negated ? ' !' : ''}${printed}`,
      named: `multiport ${kind} ${negated ? ' !' : ''}${names}`,
      test({ skb }) {
        if (skb.fragmentOffset !== 0) return false;
        const found = kind === 'sports' ? has(skb.sport) : kind === 'dports' ? has(skb.dport) : has(skb.sport) || has(skb.dport);
        return found !== negated;
      },
    };
  },
});
