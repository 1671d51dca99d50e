/** -m icmp --icmp-type: type and code of an ICMP message. Linux: net/ipv4/netfilter/ip_tables.c, icmp_match */
import { IP_PROTO_ICMP } from '../../wire/packet.ts';
import { defineMatch } from '../definition.ts';
import { option, parseUnsigned } from '../text.ts';

/** Name → [type, code]; code -1 = all codes. */
const NAMES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ['any', [255, -1]],
  ['echo-reply', [0, -1]],
  ['pong', [0, -1]],
  ['destination-unreachable', [3, -1]],
  ['network-unreachable', [3, 0]],
  ['host-unreachable', [3, 1]],
  ['protocol-unreachable', [3, 2]],
  ['port-unreachable', [3, 3]],
  ['fragmentation-needed', [3, 4]],
  ['network-prohibited', [3, 9]],
  ['host-prohibited', [3, 10]],
  ['communication-prohibited', [3, 13]],
  ['source-quench', [4, -1]],
  ['redirect', [5, -1]],
  ['echo-request', [8, -1]],
  ['ping', [8, -1]],
  ['time-exceeded', [11, -1]],
  ['ttl-exceeded', [11, -1]],
  ['ttl-zero-during-transit', [11, 0]],
  ['parameter-problem', [12, -1]],
  ['timestamp-request', [13, -1]],
  ['timestamp-reply', [14, -1]],
]);

export const icmp = defineMatch({
  name: 'icmp',
  protocol: IP_PROTO_ICMP,
  options: [{ name: 'icmp-type', values: 1, invertible: true }],
  build(given) {
    const wanted = given.get('icmp-type');
    const text = wanted?.values[0] ?? 'any';
    const negated = wanted?.negated ?? false;
    let pair = NAMES.get(text);
    if (pair === undefined) {
      const [typeText, codeText, more] = text.split('/');
      const type = parseUnsigned(typeText ?? '', 255);
      const code = codeText === undefined ? -1 : parseUnsigned(codeText, 255);
      if (type === undefined || code === undefined || more !== undefined) return { error: `Unknown ICMP type \`${text}'` };
      pair = [type, code];
    }
    const [type, code] = pair;
    const printed = type === 255 ? 'any' : code < 0 ? `${type}` : `${type}/${code}`;
    return {
      name: 'icmp',
      text: option('icmp-type', negated, printed),
      listing: type === 255 ? 'icmp' : `icmptype ${negated ? '!' : ''}${type}${code < 0 ? '' : ` code ${code}`}`,
      test({ skb }) {
        if (skb.icmp === undefined) return false;
        return (type === 255 || (skb.icmp.type === type && (code < 0 || skb.icmp.code === code))) !== negated;
      },
    };
  },
});
