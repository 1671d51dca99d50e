import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../addr/ip.ts';
import { mac } from '../addr/mac.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { decodeFrame } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { layersOf } from './layers.ts';
import { frameBytes } from './lengths.ts';
import { IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Packet } from './packet.ts';
import { newTcpdumpState, tcpdumpLines } from './tcpdump/lines.ts';
import type { TcpdumpOptions } from './tcpdump/view.ts';
import { parseFilter } from './tcpdump-filter.ts';
import { matchesFilter } from './tcpdump-match.ts';
import { captured } from './testing/captured.ts';
import { blank6, icmp6Packet, plain6, vxlanPacket6 } from './testing/packets6.ts';
import { packetSummary } from './words.ts';

const ip6 = (text: string): bigint => parseIp(text) as bigint;

describe('IPv6 frames', () => {
  it('come back from their bytes as they were', () => {
    fc.assert(
      fc.property(fc.oneof(plain6, vxlanPacket6), (packet) => {
        const bytes = encodeFrame(packet);
        expect(bytes.length).toBe(frameBytes(packet));
        expect(decodeFrame(bytes)).toEqual(packet);
      }),
      { numRuns: 400 },
    );
  });

  it('carry checksums that add up over the pseudo header', () => {
    fc.assert(
      fc.property(plain6, (packet) => {
        const bytes = encodeFrame(packet);
        const pseudo = sumWords(bytes, 22, 54) + packet.protocol + (bytes.length - 54);
        expect(finishChecksum(sumWords(bytes, 54, bytes.length, pseudo))).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('are refused or decoded, never a crash, whatever the bytes', () => {
    fc.assert(
      fc.property(plain6, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 8 }), fc.nat(200), (packet, changes, cut) => {
        const bytes = encodeFrame(packet).slice(0, Math.max(14, frameBytes(packet) - cut));
        for (const [at, value] of changes) if (at >= 14 && at < bytes.length) bytes[at] = value;
        const decoded = decodeFrame(bytes);
        if (decoded !== undefined) layersOf(decoded);
        return true;
      }),
      { numRuns: 300 },
    );
  });

  it('say in a fragment header which part of the datagram they are', () => {
    const whole = { ...example('echo'), payload: { bytes: 1400 } };
    const first: Packet = { ...whole, moreFragments: true, fragmentBytes: 1352, ipId: 0xabcd1234 };
    const last: Packet = { ...whole, fragmentOffset: 1352, fragmentBytes: 56, ipId: 0xabcd1234 };
    expect(frameBytes(first)).toBe(1414);
    expect(frameBytes(last)).toBe(118);
    const back = decodeFrame(encodeFrame(last));
    expect(back).toMatchObject({ fragmentOffset: 1352, fragmentBytes: 56, moreFragments: false, ipId: 0xabcd1234, protocol: IP_PROTO_ICMP6 });
    const bytes = [...encodeFrame(first).slice(62), ...encodeFrame(last).slice(62)];
    expect(bytes).toEqual([...encodeFrame(whole).slice(54)]);
  });
});

const A = { ethSrc: mac('02:00:00:00:00:0a'), ethDst: mac('02:00:00:00:00:f0'), src: ip6('fd00:1::a'), dst: ip6('fd00:2::c') };
const UDP: Packet = { ...blank6(), ...A, flowLabel: 0x65553, protocol: IP_PROTO_UDP, sport: 36697, dport: 999, payload: { bytes: 3, text: 'hi\n' } };

function example(
  name:
    | 'echo'
    | 'solicitation'
    | 'advertisement'
    | 'duplicate'
    | 'router-solicitation'
    | 'port'
    | 'address'
    | 'route'
    | 'too-big'
    | 'hop-limit'
    | 'udp'
    | 'syn'
    | 'router',
): Packet {
  const router = { ...A, ethSrc: A.ethDst, ethDst: A.ethSrc, src: ip6('fd00:1::1'), dst: A.src, flowLabel: 0x47104 };
  switch (name) {
    case 'echo':
      return icmp6Packet({ ...A, flowLabel: 0xb9e94 }, { type: 128, code: 0, id: 32689, sequence: 1 }, { bytes: 56 });
    case 'solicitation':
      return icmp6Packet(
        { ...A, ethDst: mac('33:33:ff:00:00:01'), dst: ip6('ff02::1:ff00:1'), ttl: 255 },
        { type: 135, code: 0, id: 0, sequence: 0, neighbor: { target: ip6('fd00:1::1'), sourceMac: A.ethSrc } },
      );
    case 'duplicate':
      return icmp6Packet(
        { ...A, ethDst: mac('33:33:ff:00:00:0a'), src: 0n, dst: ip6('ff02::1:ff00:a'), ttl: 255 },
        { type: 135, code: 0, id: 0, sequence: 0, neighbor: { target: ip6('fd00:1::a') } },
      );
    case 'advertisement':
      return icmp6Packet(
        { ...router, flowLabel: 0, ttl: 255 },
        {
          type: 136,
          code: 0,
          id: 0,
          sequence: 0,
          neighbor: { target: ip6('fd00:1::1'), fromRouter: true, solicited: true, override: true, targetMac: A.ethDst },
        },
      );
    case 'router-solicitation':
      return icmp6Packet(
        { ...A, ethDst: mac('33:33:00:00:00:02'), dst: ip6('ff02::2'), ttl: 255 },
        { type: 133, code: 0, id: 0, sequence: 0, neighbor: { sourceMac: A.ethSrc } },
      );
    case 'router':
      return icmp6Packet(
        { ...router, flowLabel: 0, src: ip6('fe80::1'), dst: ip6('ff02::1'), ttl: 255 },
        {
          type: 134,
          code: 0,
          id: 0,
          sequence: 0,
          neighbor: {
            sourceMac: A.ethDst,
            router: {
              hopLimit: 64,
              managed: false,
              other: true,
              lifetimeSeconds: 1800,
              reachableMs: 0,
              retransMs: 0,
              mtuBytes: 1500,
              prefixes: [{ network: ip6('fd00:1::'), prefixLength: 64, onLink: true, autonomous: true, validSeconds: 86400, preferredSeconds: 0xffffffff }],
            },
          },
        },
      );
    case 'port':
      return icmp6Packet({ ...router, src: A.dst, ttl: 63 }, { type: 1, code: 4, id: 0, sequence: 0, quoted: UDP });
    case 'address':
      return icmp6Packet(router, { type: 1, code: 3, id: 0, sequence: 0, quoted: { ...example('echo'), dst: ip6('fd00:2::77') } });
    case 'route':
      return icmp6Packet(router, { type: 1, code: 0, id: 0, sequence: 0, quoted: { ...example('echo'), dst: ip6('fd00:3::1') } });
    case 'too-big':
      return icmp6Packet(router, { type: 2, code: 0, id: 0, sequence: 0, mtu: 1400, quoted: { ...example('echo'), payload: { bytes: 1400 } } });
    case 'hop-limit':
      return icmp6Packet(router, { type: 3, code: 0, id: 0, sequence: 0, quoted: example('echo') });
    case 'udp':
      return UDP;
    case 'syn':
      return {
        ...blank6(),
        ...A,
        tos: 0x10,
        protocol: IP_PROTO_TCP,
        sport: 40000,
        dport: 80,
        tcp: { flags: 2, seq: 1000, ack: 0, window: 64800, options: { mss: 1440 } },
      };
  }
}

const OPTIONS: TcpdumpOptions = { numeric: true, verbosity: 0, link: false, time: 'none', epochMs: 0 };
const line = (packet: Packet, options: Partial<TcpdumpOptions> = {}): string =>
  tcpdumpLines(captured(packet), { ...OPTIONS, ...options }, newTcpdumpState()).trimEnd();

// As tcpdump 4.99 printed the very frames of a world of network namespaces.
describe('tcpdump of IPv6', () => {
  it.each([
    ['solicitation', 'IP6 fd00:1::a > ff02::1:ff00:1: ICMP6, neighbor solicitation, who has fd00:1::1, length 32'],
    ['duplicate', 'IP6 :: > ff02::1:ff00:a: ICMP6, neighbor solicitation, who has fd00:1::a, length 24'],
    ['advertisement', 'IP6 fd00:1::1 > fd00:1::a: ICMP6, neighbor advertisement, tgt is fd00:1::1, length 32'],
    ['router-solicitation', 'IP6 fd00:1::a > ff02::2: ICMP6, router solicitation, length 16'],
    ['router', 'IP6 fe80::1 > ff02::1: ICMP6, router advertisement, length 64'],
    ['echo', 'IP6 fd00:1::a > fd00:2::c: ICMP6, echo request, id 32689, seq 1, length 64'],
    ['hop-limit', 'IP6 fd00:1::1 > fd00:1::a: ICMP6, time exceeded in-transit for fd00:2::c, length 112'],
    ['address', 'IP6 fd00:1::1 > fd00:1::a: ICMP6, destination unreachable, unreachable address fd00:2::77, length 112'],
    ['route', 'IP6 fd00:1::1 > fd00:1::a: ICMP6, destination unreachable, unreachable route fd00:3::1, length 112'],
    ['port', 'IP6 fd00:2::c > fd00:1::a: ICMP6, destination unreachable, unreachable port, fd00:2::c udp port 999, length 59'],
    ['too-big', 'IP6 fd00:1::1 > fd00:1::a: ICMP6, packet too big, mtu 1400, length 1240'],
    ['udp', 'IP6 fd00:1::a.36697 > fd00:2::c.999: UDP, length 3'],
    ['syn', 'IP6 fd00:1::a.40000 > fd00:2::c.80: Flags [S], seq 1000, win 64800, options [mss 1440], length 0'],
  ] as const)('%s', (name, text) => {
    expect(line(example(name))).toBe(text);
  });

  it('tells the header and the options with -v', () => {
    expect(line(example('advertisement'), { verbosity: 1, link: true })).toBe(
      '02:00:00:00:00:f0 > 02:00:00:00:00:0a, ethertype IPv6 (0x86dd), length 86: (hlim 255, next-header ICMPv6 (58) payload length: 32) fd00:1::1 > fd00:1::a: [icmp6 sum ok] ICMP6, neighbor advertisement, length 32, tgt is fd00:1::1, Flags [router, solicited, override]\n\t  destination link-address option (2), length 8 (1): 02:00:00:00:00:f0',
    );
    expect(line(example('echo'), { verbosity: 1 })).toBe(
      'IP6 (flowlabel 0xb9e94, hlim 64, next-header ICMPv6 (58) payload length: 64) fd00:1::a > fd00:2::c: [icmp6 sum ok] ICMP6, echo request, id 32689, seq 1',
    );
  });

  it('has a part of a datagram as frag (offset|bytes)', () => {
    const first: Packet = { ...example('echo'), payload: { bytes: 1400 }, moreFragments: true, fragmentBytes: 1352, ipId: 0x1234 };
    expect(line(first)).toBe('IP6 fd00:1::a > fd00:2::c: frag (0|1352) ICMP6, echo request, id 32689, seq 1, length 1352');
    expect(line({ ...first, fragmentOffset: 1352, moreFragments: false, fragmentBytes: 56 })).toBe('IP6 fd00:1::a > fd00:2::c: frag (1352|56)');
  });

  it.runIf(spawnSync('tcpdump', ['--version']).status === 0)('is what the tcpdump on this machine prints', () => {
    const names = [
      'solicitation',
      'duplicate',
      'advertisement',
      'router-solicitation',
      'router',
      'echo',
      'hop-limit',
      'address',
      'route',
      'port',
      'too-big',
      'udp',
      'syn',
    ] as const;
    const packets: Packet[] = [...names.map((name) => example(name)), { ...UDP, payload: { bytes: 1500 }, moreFragments: true, fragmentBytes: 1352, ipId: 7 }];
    for (const flags of ['-nt', '-nte', '-ntv', '-ntve']) {
      const real = spawnSync('tcpdump', [flags, '-r', '-'], { input: pcap(packets) }).stdout.toString();
      const ours = packets.map((packet) => line(packet, { verbosity: flags.includes('v') ? 1 : 0, link: flags.includes('e') })).join('\n');
      expect(`${ours}\n`).toBe(real);
    }
  });
});

/** A classic pcap file with these frames at time 0. */
function pcap(packets: readonly Packet[]): Uint8Array {
  const frames = packets.map(encodeFrame);
  const out = new Uint8Array(24 + frames.reduce((sum, frame) => sum + 16 + frame.length, 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, 0xa1b2c3d4);
  view.setUint16(4, 2);
  view.setUint16(6, 4);
  view.setUint32(16, 65535);
  view.setUint32(20, 1);
  let at = 24;
  for (const frame of frames) {
    view.setUint32(at + 8, frame.length);
    view.setUint32(at + 12, frame.length);
    out.set(frame, at + 16);
    at += 16 + frame.length;
  }
  return out;
}

describe('capture filters', () => {
  const passes = (text: string, packet: Packet): boolean => {
    const parsed = parseFilter(text);
    if (!parsed.ok || parsed.filter === undefined) throw new Error(parsed.ok ? 'empty' : parsed.message);
    return matchesFilter(parsed.filter, captured(packet));
  };
  it.each([
    ['ip6', true],
    ['ip', false],
    ['icmp6', false],
    ['udp', true],
    ['udp port 999', true],
    ['host fd00:1::a', true],
    ['src host fd00:2::c', false],
    ['dst fd00:2::c', true],
    ['net fd00:2::/64', true],
    ['net ::/0 and port 999', true],
    ['ip6 and not udp', false],
    ['ip6[6] = 17', true],
    ['ip6 multicast', false],
    ['host ::1 or host fd00:1::a', true],
    ['host 10.0.0.1', false],
  ] as const)('%s', (text, wanted) => {
    expect(passes(text, UDP)).toBe(wanted);
  });
  it('know ICMPv6 by name', () => {
    expect(passes('icmp6', example('echo'))).toBe(true);
    expect(passes('icmp', example('echo'))).toBe(false);
    expect(passes('icmp6[0] = 128', example('echo'))).toBe(true);
  });
});

describe('an IPv6 packet in words', () => {
  it('is told from the outside in', () => {
    expect(layersOf(example('port')).map((layer) => layer.protocol)).toEqual(['ethernet', 'ipv6', 'icmp6']);
    expect(packetSummary(UDP)).toBe('UDP [fd00:1::a]:36697 > [fd00:2::c]:999');
    expect(packetSummary(example('echo'))).toBe('ICMPv6 fd00:1::a > fd00:2::c echo request, id 32689, seq 1');
  });
});
