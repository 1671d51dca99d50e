import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { formatIp6, ip6FromBytes, parseIp6 } from '../addr/ip6.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { decodeFrame } from './decode.ts';
import { decodeDns, dnsMessageBytes, encodeDns, isWireName } from './dns-codec.ts';
import type { DnsMessage, DnsResourceRecord } from './dns-message.ts';
import { encodeFrame } from './encode.ts';
import { layersOf } from './layers.ts';
import { frameBytes } from './lengths.ts';
import { blankPacket } from './new-packet.ts';
import type { Packet, Payload, TcpOptions } from './packet.ts';
import { decodeUtf8, encodeUtf8, utf8Length, utf8Prefix } from './utf8.ts';

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
const dns: fc.Arbitrary<DnsMessage> = fc.record({
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
const tcpPacket = fc
  .tuple(base, port, port, u32, u32, u16, fc.integer({ min: 0, max: 31 }), options, payload)
  .map(([fields, sport, dport, seq, ack, window, flags, opts, data]): Packet => {
    return { ...blankPacket(), ...fields, protocol: 6, sport, dport, tcp: { flags, seq, ack, window, options: opts }, payload: data };
  });
const udpPacket = fc
  .tuple(base, port, port, payload)
  .map(([fields, sport, dport, data]): Packet => ({ ...blankPacket(), ...fields, protocol: 17, sport, dport, payload: data }));
const dnsPacket = fc.tuple(base, port, dns).map(
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
const plain = fc.oneof(tcpPacket, udpPacket, dnsPacket, echoPacket, errorPacket, arpPacket);
const vxlanPacket = fc
  .tuple(base, port, fc.constantFrom(8472, 4789), fc.integer({ min: 0, max: 0xffffff }), plain)
  .map(([fields, sport, dport, vni, inner]): Packet => ({ ...blankPacket(), ...fields, protocol: 17, sport, dport, vni, inner }));

describe('frames', () => {
  it('come back from their bytes as they were', () => {
    fc.assert(
      fc.property(fc.oneof(plain, vxlanPacket), (packet) => {
        const bytes = encodeFrame(packet);
        expect(bytes.length).toBe(frameBytes(packet));
        expect(decodeFrame(bytes)).toEqual(packet);
      }),
      { numRuns: 300 },
    );
  });

  it('carry checksums that add up', () => {
    fc.assert(
      fc.property(fc.oneof(tcpPacket, udpPacket), (packet) => {
        const bytes = encodeFrame(packet);
        expect(finishChecksum(sumWords(bytes, 14, 34))).toBe(0);
        const pseudo = sumWords(bytes, 26, 34) + (bytes[23] as number) + bytes.length - 34;
        expect(finishChecksum(sumWords(bytes, 34, bytes.length, pseudo))).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('are refused or decoded, never a crash, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.oneof(plain, vxlanPacket), fc.nat(), fc.nat(255), (noise, packet, where, value) => {
        decodeFrame(noise);
        const bytes = encodeFrame(packet);
        bytes[where % bytes.length] = value;
        decodeFrame(bytes);
        decodeFrame(bytes.subarray(0, where % bytes.length));
      }),
      { numRuns: 200 },
    );
  });

  it('have the TCP checksum of a captured segment', () => {
    const packet = blankPacket();
    packet.src = ip4('10.244.1.3');
    packet.dst = ip4('10.244.1.2');
    packet.protocol = 6;
    packet.sport = 9999;
    packet.dport = 47528;
    packet.tcp = { flags: 20, seq: 0, ack: 2605312381, window: 0, options: {} };
    const bytes = encodeFrame(packet);
    expect(bytes.length).toBe(54);
    expect(((bytes[50] as number) << 8) | (bytes[51] as number)).toBe(0x3265);
  });

  it('show as layers from the outside in', () => {
    const inner = { ...blankPacket(), src: ip4('10.244.0.3'), dst: ip4('10.244.1.3'), protocol: 6, sport: 40000, dport: 80 };
    inner.tcp = { flags: 24, seq: 1, ack: 1, window: 502, options: {} };
    inner.payload = { bytes: 18, text: 'GET / HTTP/1.1\r\n\r\n' };
    const outer: Packet = { ...blankPacket(), src: ip4('172.30.1.2'), dst: ip4('172.30.2.2'), protocol: 17, sport: 50000, dport: 8472, vni: 1, inner };
    expect(layersOf(outer).map((layer) => layer.protocol)).toEqual(['ethernet', 'ipv4', 'udp', 'vxlan', 'ethernet', 'ipv4', 'tcp', 'http']);
    expect(layersOf(outer)[1]).toMatchObject({ src: '172.30.1.2', totalBytes: 20 + 8 + 8 + 14 + 20 + 20 + 18 });
  });
});

describe('DNS messages', () => {
  it('survive both with and without name compression, and never grow by it', () => {
    fc.assert(
      fc.property(dns, (message) => {
        const long = encodeDns(message, false);
        const short = encodeDns(message, true);
        expect(long.length).toBe(dnsMessageBytes(message));
        expect(short.length).toBeLessThanOrEqual(long.length);
        expect(decodeDns(long)).toEqual(message);
        expect(decodeDns(short)).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  it('with a pointer to itself are refused', () => {
    const bytes = Uint8Array.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]);
    expect(decodeDns(bytes)).toBeUndefined();
  });

  it('have names of at most 255 bytes in labels of at most 63', () => {
    expect(isWireName('web.default.svc.cluster.local.')).toBe(true);
    expect(isWireName(`${'a'.repeat(64)}.`)).toBe(false);
    expect(isWireName(`${'a.'.repeat(128)}`)).toBe(false);
    expect(isWireName('a..b.')).toBe(false);
  });
});

describe('IPv6 texts', () => {
  it('are written in their canonical form', () => {
    const canonical = (value: string) => formatIp6(parseIp6(value) ?? 0n);
    expect(canonical('2001:0DB8:0:0:1:0:0:1')).toBe('2001:db8::1:0:0:1');
    expect(canonical('::')).toBe('::');
    expect(canonical('fe80::')).toBe('fe80::');
    expect(canonical('::ffff:a00:1')).toBe('::ffff:10.0.0.1');
    expect(parseIp6('1::2::3')).toBeUndefined();
    expect(parseIp6('12345::')).toBeUndefined();
    expect(parseIp6('1:2:3:4:5:6:7:8:9')).toBeUndefined();
  });
});

describe('UTF-8', () => {
  it('round-trips and knows its length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (value, limit) => {
        const bytes = encodeUtf8(value);
        expect(bytes.length).toBe(utf8Length(value));
        expect(decodeUtf8(bytes)).toBe(value);
        const cut = utf8Prefix(value, limit);
        const part = value.slice(0, cut);
        expect(value === '' || cut > 0).toBe(true);
        expect(utf8Length(part) <= limit || [...part].length === 1).toBe(true);
      }),
    );
  });

  it('refuses overlong and broken sequences', () => {
    for (const bytes of [[0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xe2, 0x82]])
      expect(decodeUtf8(Uint8Array.from(bytes))).toBeUndefined();
  });
});
