/** Arbitrary IPv4 and ARP packets, and tunnels around them, for property tests. */
import * as fc from 'fast-check';
import { formatIp6, ip6FromBytes } from '../../addr/ip6.ts';
import { dnsMessageBytes } from '../dns-codec.ts';
import type { DnsMessage, DnsResourceRecord } from '../dns-message.ts';
import { blankPacket } from '../new-packet.ts';
import type { Packet, Payload, TcpOptions } from '../packet.ts';
import type { SctpChunk } from '../sctp.ts';
import { utf8Length } from '../utf8.ts';

const u16 = fc.integer({ min: 0, max: 65535 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const mac = fc.integer({ min: 0, max: 0xffffffffffff });

const text = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((value) => (value.codePointAt(0) ?? 0) > 31);
const payload: fc.Arbitrary<Payload | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: 1, max: 200 }).map((bytes) => ({ bytes })),
  text.map((value) => ({ bytes: utf8Length(value), text: value })),
);

const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const name = fc.array(label, { minLength: 0, maxLength: 5 }).map((labels) => (labels.length === 0 ? '.' : `${labels.join('.')}.`));
const ip = i32.map((value) => `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`);
const record: fc.Arbitrary<DnsResourceRecord> = fc
  .tuple(
    name,
    u32,
    fc.oneof(
      ip.map((data) => ({ type: 'A' as const, data })),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ({ type: 'AAAA' as const, data: formatIp6(ip6FromBytes(bytes)) })),
      name.map((data) => ({ type: 'CNAME' as const, data })),
      fc.tuple(u16, u16, u16, name).map((parts) => ({ type: 'SRV' as const, data: parts.join(' ') })),
      fc.tuple(u16, name).map((parts) => ({ type: 'MX' as const, data: parts.join(' ') })),
      fc.tuple(name, name, u32, u32, u32, u32, u32).map((parts) => ({ type: 'SOA' as const, data: parts.join(' ') })),
      fc.stringMatching(/^[a-z =]{0,300}$/).map((data) => ({ type: 'TXT' as const, data: `"${data}"` })),
    ),
  )
  .map(([owner, ttlSeconds, rest]) => ({ name: owner, ttlSeconds, ...rest }));
const plainMessage: fc.Arbitrary<DnsMessage> = fc.record({
  id: u16,
  response: fc.boolean(),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  rcode: fc.constantFrom('NOERROR' as const, 'NXDOMAIN' as const, 'SERVFAIL' as const, 'REFUSED' as const),
  question: fc.record({ name, type: fc.constantFrom('A' as const, 'AAAA' as const, 'SRV' as const, 'ANY' as const) }),
  answers: fc.array(record, { maxLength: 3 }),
  authorities: fc.array(record, { maxLength: 1 }),
  additionals: fc.array(record, { maxLength: 1 }),
});
const edns = fc.record({ udpBytes: u16, cookie: fc.constantFrom('0011223344556677', '00112233445566778899aabbccddeeff') }, { requiredKeys: ['udpBytes'] });
export const dnsMessage: fc.Arbitrary<DnsMessage> = fc
  .tuple(plainMessage, fc.option(edns))
  .map(([message, option]) => (option === null ? message : { ...message, authenticData: true, edns: option }));

const options: fc.Arbitrary<TcpOptions> = fc.record(
  { mss: u16, sackPermitted: fc.constant(true), timestamps: fc.record({ value: u32, echo: u32 }), windowScale: fc.integer({ min: 0, max: 14 }) },
  { requiredKeys: [] },
);

const base = fc.record({
  ethSrc: mac,
  ethDst: mac,
  src: i32,
  dst: i32,
  ttl: fc.integer({ min: 0, max: 255 }),
  tos: fc.integer({ min: 0, max: 255 }),
  ipId: u16,
  dontFragment: fc.boolean(),
});

/** Ports on which a payload has a meaning of its own are left to the cases that mean it. */
const port = u16.filter((value) => ![53, 4789, 6081, 8472, 51820].includes(value));
export const tcpPacket = fc
  .tuple(base, port, port, u32, u32, u16, fc.integer({ min: 0, max: 31 }), options, payload)
  .map(([fields, sport, dport, seq, ack, window, flags, opts, data]): Packet => {
    return { ...blankPacket(), ...fields, protocol: 6, sport, dport, tcp: { flags, seq, ack, window, options: opts }, payload: data };
  });
export const udpPacket = fc
  .tuple(base, port, port, payload)
  .map(([fields, sport, dport, data]): Packet => ({ ...blankPacket(), ...fields, protocol: 17, sport, dport, payload: data }));
const offer = fc.record({ tag: u32, windowBytes: u32, outStreams: u16, inStreams: u16, tsn: u32 });
const octets = fc.uint8Array({ maxLength: 40 }).map((bytes) => String.fromCharCode(...bytes));
const sctpChunk: fc.Arbitrary<SctpChunk> = fc.oneof(
  offer.map((one) => ({ kind: 'INIT' as const, offer: one })),
  fc.tuple(offer, octets).map(([one, cookie]) => ({ kind: 'INIT ACK' as const, offer: one, cookie })),
  fc.record({ kind: fc.constant('SACK' as const), tsn: u32, windowBytes: u32 }),
  octets.map((cookie) => ({ kind: 'COOKIE ECHO' as const, cookie })),
  fc.constantFrom('COOKIE ACK' as const, 'SHUTDOWN ACK' as const).map((kind) => ({ kind })),
  u32.map((tsn) => ({ kind: 'SHUTDOWN' as const, tsn })),
  fc.tuple(fc.constantFrom('ABORT' as const, 'SHUTDOWN COMPLETE' as const), fc.boolean()).map(([kind, reflected]) => ({ kind, reflected })),
  fc.tuple(fc.constantFrom(4, 5), octets).map(([type, body]) => ({ kind: 'OTHER' as const, type, flags: 0, body })),
);
const sctpData = fc.record({ kind: fc.constant('DATA' as const), tsn: u32, stream: u16, sequence: u16, protocolId: u32 });
/** At most one chunk of data, with the bytes of the payload. */
export const sctpPacket = fc
  .tuple(base, port, port, u32, fc.array(sctpChunk, { minLength: 1, maxLength: 3 }), fc.option(fc.tuple(sctpData, text)))
  .map(([fields, sport, dport, tag, chunks, data]): Packet => {
    const sctp = { tag, chunks: data === null ? chunks : [...chunks, data[0]] };
    const bytes = data === null ? undefined : { bytes: utf8Length(data[1]), text: data[1] };
    return { ...blankPacket(), ...fields, protocol: 132, sport, dport, sctp, payload: bytes };
  });
const dnsPacket = fc.tuple(base, port, dnsMessage).map(
  ([fields, sport, message]): Packet => ({
    ...blankPacket(),
    ...fields,
    protocol: 17,
    sport,
    dport: 53,
    payload: { bytes: dnsMessageBytes(message), dns: message },
  }),
);
const echoPacket = fc
  .tuple(base, fc.constantFrom(0, 8), u16, u16, payload)
  .map(([fields, type, id, sequence, data]): Packet => ({ ...blankPacket(), ...fields, protocol: 1, icmp: { type, code: 0, id, sequence }, payload: data }));
const errorPacket = fc.tuple(base, tcpPacket, fc.constantFrom([3, 3], [3, 1], [11, 0], [3, 4])).map(([fields, quoted, [type, code]]): Packet => {
  const mtu = type === 3 && code === 4 ? { mtu: 1450 } : {};
  return {
    ...blankPacket(),
    ...fields,
    protocol: 1,
    icmp: { type: type as number, code: code as number, id: 0, sequence: 0, ...mtu, quoted: { ...quoted, ethSrc: 0, ethDst: 0 } },
  };
});
const arpPacket = fc
  .tuple(base, fc.constantFrom(1 as const, 2 as const), mac, i32, mac, i32)
  .map(([{ ethSrc, ethDst }, operation, senderMac, senderIp, targetMac, targetIp]): Packet => {
    return { ...blankPacket(), ethSrc, ethDst, etherType: 0x0806, arp: { operation, senderMac, senderIp, targetMac, targetIp } };
  });
export const plain = fc.oneof(tcpPacket, udpPacket, dnsPacket, echoPacket, errorPacket, arpPacket);
export const vxlanPacket = fc
  .tuple(base, port, fc.constantFrom(8472, 4789), fc.integer({ min: 0, max: 0xffffff }), plain)
  .map(([fields, sport, dport, vni, inner]): Packet => ({ ...blankPacket(), ...fields, protocol: 17, sport, dport, vni, inner }));
