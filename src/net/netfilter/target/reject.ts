/** -j REJECT: drops and says so with an ICMP error or a RST. Linux: net/ipv4/netfilter/ipt_REJECT.c */
import { IP_PROTO_TCP } from '../../wire/packet.ts';
import { DROP, defineTarget, type RejectWith } from '../definition.ts';
import { FORWARD, INPUT, OUTPUT } from '../hook.ts';

const WAYS: readonly (readonly [RejectWith, readonly string[]])[] = [
  ['icmp-net-unreachable', ['net-unreach']],
  ['icmp-host-unreachable', ['host-unreach']],
  ['icmp-proto-unreachable', ['proto-unreach']],
  ['icmp-port-unreachable', ['port-unreach']],
  ['icmp-net-prohibited', ['net-prohib']],
  ['icmp-host-prohibited', ['host-prohib']],
  ['tcp-reset', ['tcp-rst']],
  ['icmp-admin-prohibited', ['admin-prohib']],
];

export const reject = defineTarget({
  name: 'REJECT',
  tables: ['filter'],
  hooks: [INPUT, FORWARD, OUTPUT],
  options: [{ name: 'reject-with', values: 1 }],
  build(given, head) {
    const text = given.get('reject-with')?.values[0] ?? 'icmp-port-unreachable';
    const way = WAYS.find(([name, aliases]) => name === text || aliases.includes(text))?.[0];
    if (way === undefined) return { error: `unknown reject type "${text}"` };
    if (way === 'tcp-reset' && (head.protocol !== IP_PROTO_TCP || head.protocolNegated)) return { error: 'TCP_RESET invalid for non-tcp' };
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
