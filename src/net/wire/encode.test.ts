import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { formatIp6, parseIp6 } from '../addr/ip6.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { decodeFrame } from './decode.ts';
import { decodeDns, dnsMessageBytes, encodeDns, isWireName } from './dns-codec.ts';
import { encodeFrame } from './encode.ts';
import { layersOf } from './layers.ts';
import { frameBytes } from './lengths.ts';
import { blankPacket } from './new-packet.ts';
import type { Packet } from './packet.ts';
import { dnsMessage, plain, sctpPacket, tcpPacket, udpPacket, vxlanPacket } from './testing/packets.ts';
import { decodeUtf8, encodeUtf8, utf8Length, utf8Prefix } from './utf8.ts';

describe('frames', () => {
  it('come back from their bytes as they were', () => {
    fc.assert(
      fc.property(fc.oneof(plain, vxlanPacket, sctpPacket), (packet) => {
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
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.oneof(plain, vxlanPacket, sctpPacket), fc.nat(), fc.nat(255), (noise, packet, where, value) => {
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
      fc.property(dnsMessage, (message) => {
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
