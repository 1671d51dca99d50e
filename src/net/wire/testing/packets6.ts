/** Arbitrary IPv6 packets for property tests. */
import * as fc from 'fast-check';
import { blankPacket } from '../new-packet.ts';
import { ETHERTYPE_IPV6, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type NeighborMessage, type Packet } from '../packet.ts';

const u16 = fc.integer({ min: 0, max: 65535 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const anyMac = fc.integer({ min: 0, max: 0xffffffffffff });
const anyIp6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const base = fc.record({
  ethSrc: anyMac,
  ethDst: anyMac,
  src: anyIp6,
  dst: anyIp6,
  ttl: fc.integer({ min: 0, max: 255 }),
  tos: fc.integer({ min: 0, max: 255 }),
  flowLabel: fc.integer({ min: 0, max: 0xfffff }),
});
const port = u16.filter((value) => value !== 53 && value !== 4789 && value !== 8472);
const payload = fc.option(
  fc.integer({ min: 1, max: 200 }).map((bytes) => ({ bytes })),
  { nil: undefined },
);
export const blank6 = (): Packet => ({ ...blankPacket(), etherType: ETHERTYPE_IPV6 });
export const tcpPacket6 = fc
  .tuple(base, port, port, u32, u32, u16, fc.integer({ min: 0, max: 31 }), payload)
  .map(([fields, sport, dport, seq, ack, window, flags, data]): Packet => {
    return { ...blank6(), ...fields, protocol: IP_PROTO_TCP, sport, dport, tcp: { flags, seq, ack, window, options: { mss: 1440 } }, payload: data };
  });
export const udpPacket6 = fc
  .tuple(base, port, port, payload)
  .map(([fields, sport, dport, data]): Packet => ({ ...blank6(), ...fields, protocol: IP_PROTO_UDP, sport, dport, payload: data }));
export const icmp6Packet = (fields: object, message: Packet['icmp'], data?: Packet['payload']): Packet => ({
  ...blank6(),
  ...fields,
  protocol: IP_PROTO_ICMP6,
  icmp: message,
  payload: data,
});
const echoPacket = fc
  .tuple(base, fc.constantFrom(128, 129), u16, u16, payload)
  .map(([fields, type, id, sequence, data]) => icmp6Packet(fields, { type, code: 0, id, sequence }, data));
const errorPacket = fc
  .tuple(base, fc.oneof(tcpPacket6, udpPacket6), fc.constantFrom([1, 0], [1, 1], [1, 3], [1, 4], [2, 0], [3, 0], [4, 1]))
  .map(([fields, quoted, [type, code]]) => {
    const extra = type === 2 ? { mtu: 1400 } : type === 4 ? { pointer: 40 } : {};
    return icmp6Packet(fields, { type: type as number, code: code as number, id: 0, sequence: 0, ...extra, quoted: { ...quoted, ethSrc: 0, ethDst: 0 } });
  });
const neighborPacket = fc
  .tuple(base, anyIp6, anyMac, fc.boolean(), fc.boolean(), fc.boolean(), fc.constantFrom(133, 134, 135, 136), u32)
  .map(([fields, target, hardware, a, b, c, type, number]) => {
    const messages: Readonly<Record<number, NeighborMessage>> = {
      133: a ? {} : { sourceMac: hardware },
      134: {
        sourceMac: hardware,
        router: {
          hopLimit: 64,
          managed: a,
          other: b,
          lifetimeSeconds: number & 0xffff,
          reachableMs: number,
          retransMs: 0,
          ...(c ? { mtuBytes: 1500 } : {}),
          prefixes: b ? [{ network: target, prefixLength: 64, onLink: a, autonomous: c, validSeconds: number, preferredSeconds: 0xffffffff }] : [],
        },
      },
      135: { target, ...(a ? { sourceMac: hardware } : {}) },
      136: { target, fromRouter: a, solicited: b, override: c, ...(b ? { targetMac: hardware } : {}) },
    };
    return icmp6Packet(fields, { type, code: 0, id: 0, sequence: 0, neighbor: messages[type] as NeighborMessage });
  });
export const plain6 = fc.oneof(tcpPacket6, udpPacket6, echoPacket, errorPacket, neighborPacket);
export const vxlanPacket6 = fc
  .tuple(base, port, fc.integer({ min: 0, max: 0xffffff }), plain6)
  .map(([fields, sport, vni, inner]): Packet => ({ ...blank6(), ...fields, protocol: IP_PROTO_UDP, sport, dport: 8472, vni, inner }));
