/** -m multiport: up to fifteen ports or ranges. Linux: net/netfilter/xt_multiport.c */
import { IP_PROTO_TCP, IP_PROTO_UDP } from '../../wire/packet.ts';
import { defineMatch } from '../definition.ts';
import { formatPortRange, option, type PortRange, parsePortRange } from '../text.ts';

const KINDS = ['sports', 'dports', 'ports'] as const;
const LIMIT = 15;
/** TCP, UDP, UDPLITE, DCCP, SCTP have ports. */
const WITH_PORTS = new Set([IP_PROTO_TCP, IP_PROTO_UDP, 33, 132, 136]);

export const multiport = defineMatch({
  name: 'multiport',
  options: [
    { name: 'sports', aliases: ['source-ports'], values: 1, invertible: true },
    { name: 'dports', aliases: ['destination-ports'], values: 1, invertible: true },
    { name: 'ports', values: 1, invertible: true },
  ],
  build(given, head) {
    if (head.protocolNegated || !WITH_PORTS.has(head.protocol)) return { error: "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'" };
    const kind = KINDS.find((k) => given.has(k));
    if (kind === undefined) return { error: 'multiport expection an option' };
    const wanted = given.get(kind);
    const negated = wanted?.negated ?? false;
    const ranges: PortRange[] = [];
    let slots = 0;
    for (const part of (wanted?.values[0] ?? '').split(',')) {
      const range = parsePortRange(part);
      if ('error' in range) return range;
      slots += range.min === range.max ? 1 : 2;
      if (slots > LIMIT) return { error: 'too many ports specified' };
      ranges.push(range);
    }
    const printed = ranges.map(formatPortRange).join(',');
    const has = (port: number): boolean => ranges.some((r) => port >= r.min && port <= r.max);
    return {
      name: 'multiport',
      text: option(kind, negated, printed),
      listing: `multiport ${kind} ${negated ? '!' : ''}${printed}`,
      test({ skb }) {
        if (skb.fragmentOffset !== 0) return false;
        const found = kind === 'sports' ? has(skb.sport) : kind === 'dports' ? has(skb.dport) : has(skb.sport) || has(skb.dport);
        return found !== negated;
      },
    };
  },
});
