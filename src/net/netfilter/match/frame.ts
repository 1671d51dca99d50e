/** -m mac, -m pkttype: the frame that brought the packet. Linux: net/netfilter/xt_mac.c, xt_pkttype.c */
import { isBroadcastIp, isMulticastIp } from '../../addr/ip.ts';
import { formatMac } from '../../addr/mac.ts';
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST } from '../../stack/skb.ts';
import { defineMatch, type RuleContext } from '../definition.ts';
import { FORWARD, INPUT, PREROUTING } from '../hook.ts';
import { option } from '../text.ts';

/** Six bytes of one or two hexadecimal digits. */
function parseMac(text: string): number | undefined {
  const parts = text.split(':');
  if (parts.length !== 6 || !parts.every((p) => /^[0-9a-f]{1,2}$/i.test(p))) return undefined;
  return parts.reduce((sum, p) => sum * 256 + Number.parseInt(p, 16), 0);
}

export const mac = defineMatch({
  name: 'mac',
  hooks: [PREROUTING, INPUT, FORWARD],
  options: [{ name: 'mac-source', values: 1, invertible: true, mandatory: true }],
  build(given) {
    const wanted = given.get('mac-source');
    const address = parseMac(wanted?.values[0] ?? '');
    if (address === undefined) return { error: 'Invalid MAC address specified.' };
    const negated = wanted?.negated === true;
    const text = formatMac(address);
    return {
      name: 'mac',
      text: option('mac-source', negated, text),
      listing: `MAC ${negated ? '! ' : ''}${text}`,
      // Over lo there is no Ethernet header to look at.
      test: ({ skb, inDevice }) => inDevice !== '' && inDevice !== 'lo' && (skb.ethSrc === address) !== negated,
    };
  },
});

const TYPES: readonly (readonly [string, number])[] = [
  ['unicast', PACKET_HOST],
  ['broadcast', PACKET_BROADCAST],
  ['multicast', PACKET_MULTICAST],
  ['otherhost', PACKET_OTHERHOST],
];
const ALIASES: Readonly<Record<string, string>> = { host: 'unicast', bcast: 'broadcast', mcast: 'multicast' };

/** What the packet is for pkttype: over lo its destination decides. */
function typeOf({ skb, inDevice }: RuleContext): number {
  if (inDevice !== '' && inDevice !== 'lo') return skb.packetType;
  if (isMulticastIp(skb.dst)) return PACKET_MULTICAST;
  return isBroadcastIp(skb.dst) ? PACKET_BROADCAST : PACKET_HOST;
}

export const pkttype = defineMatch({
  name: 'pkttype',
  options: [{ name: 'pkt-type', values: 1, invertible: true, mandatory: true }],
  build(given) {
    const wanted = given.get('pkt-type');
    const word = (wanted?.values[0] ?? '').toLowerCase();
    const type = TYPES.find((t) => t[0] === (ALIASES[word] ?? word));
    if (type === undefined) return { error: `Bad packet type '${wanted?.values[0]}'` };
    const negated = wanted?.negated === true;
    return {
      name: 'pkttype',
      text: option('pkt-type', negated, type[0]),
      listing: `PKTTYPE ${negated ? '!' : ''}= ${type[0]}`,
      test: (context) => (typeOf(context) === type[1]) !== negated,
    };
  },
});
