/** -j REJECT: drops and says so with an ICMP error or a RST. Linux: net/ipv4/netfilter/ipt_REJECT.c, net/ipv6/netfilter/ip6t_REJECT.c */
import { IP_PROTO_TCP } from '../../wire/packet.ts';
import { DROP, defineTarget, EINVAL, type Family, type RejectWith } from '../definition.ts';
import { FORWARD, INPUT, OUTPUT } from '../hook.ts';

type Way = readonly [name: RejectWith, alias: string];

/** In the tool's order: the beginning of a name takes the first that fits. */
const WAYS: Readonly<Record<Family, readonly Way[]>> = {
  ipv4: [
    ['icmp-net-unreachable', 'net-unreach'],
    ['icmp-host-unreachable', 'host-unreach'],
    ['icmp-port-unreachable', 'port-unreach'],
    ['icmp-proto-unreachable', 'proto-unreach'],
    ['icmp-net-prohibited', 'net-prohib'],
    ['icmp-host-prohibited', 'host-prohib'],
    ['tcp-reset', 'tcp-rst'],
    ['icmp-admin-prohibited', 'admin-prohib'],
  ],
  ipv6: [
    ['icmp6-no-route', 'no-route'],
    ['icmp6-adm-prohibited', 'adm-prohibited'],
    ['icmp6-addr-unreachable', 'addr-unreach'],
    ['icmp6-port-unreachable', 'port-unreach'],
    ['tcp-reset', 'tcp-reset'],
    ['icmp6-policy-fail', 'policy-fail'],
    ['icmp6-reject-route', 'reject-route'],
  ],
};

export const reject = defineTarget({
  name: 'REJECT',
  tables: ['filter'],
  hooks: [INPUT, FORWARD, OUTPUT],
  options: [{ name: 'reject-with', values: 1 }],
  build(given, head) {
    const text = (given.get('reject-with')?.values[0] ?? (head.family === 'ipv6' ? 'icmp6-port-unreachable' : 'icmp-port-unreachable')).toLowerCase();
    const ways = WAYS[head.family];
    const way = ways.find(([name, alias]) => name.startsWith(text) || alias.startsWith(text))?.[0];
    if (way === undefined) return { error: `unknown reject type "${given.get('reject-with')?.values[0]}"` };
    if (way === 'tcp-reset' && (head.protocol !== IP_PROTO_TCP || head.protocolNegated)) return EINVAL;
    return {
      name: 'REJECT',
      text: `--reject-with ${way}`,
      listing: `reject-with ${way}`,
      run(context) {
        context.reject(way);
        return DROP;
      },
    };
  },
});
