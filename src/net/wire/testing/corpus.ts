/** Many different frames, always the same ones: what the real tcpdump and tshark are asked about. */
import * as fc from 'fast-check';
import { encodeFrame, encodeTapped } from '../encode.ts';
import { blankPacket } from '../new-packet.ts';
import { type Packet, TUNNEL_GENEVE, TUNNEL_IPIP } from '../packet.ts';
import { plain, sctpPacket, tcpPacket, udpPacket, vxlanPacket } from './packets.ts';
import { plain6, vxlanPacket6 } from './packets6.ts';

const text = (value: string) => ({ bytes: value.length, text: value });

function tcpWith(fields: Partial<Packet>, flags: number, payload: string, seq = 1000, ack = 2000): Packet {
  return {
    ...blankPacket(),
    ethSrc: 0x0a580af40003,
    ethDst: 0x0a580af40001,
    src: 0x0af40003,
    dst: 0x0af40104,
    protocol: 6,
    sport: 40000,
    dport: 80,
    dontFragment: true,
    ...fields,
    tcp: { flags, seq, ack, window: 502, options: { timestamps: { value: 7, echo: 9 } } },
    payload: payload === '' ? undefined : text(payload),
  };
}

/** What people look at: requests, answers, and protocols that tcpdump reads into. */
function known(): Packet[] {
  const reply = { src: 0x0af40104, dst: 0x0af40003, sport: 80, dport: 40000 };
  return [
    tcpWith({}, 2, '', 999, 0),
    tcpWith(reply, 18, '', 1999, 1000),
    tcpWith({}, 16, ''),
    tcpWith({}, 24, 'GET / HTTP/1.1\r\nHost: web\r\n\r\n'),
    tcpWith(reply, 24, 'HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nHello\n', 2000, 1029),
    tcpWith(reply, 24, 'no newline in it', 2042, 1029),
    tcpWith({}, 17, '', 1029, 2058),
    tcpWith({}, 20, 'gone', 1030, 2058),
    tcpWith({ dport: 22 }, 24, 'SSH-2.0-OpenSSH_9.6\r\n'),
    tcpWith({ dport: 25 }, 24, 'EHLO me\r\n'),
    tcpWith({ dport: 21 }, 24, '220 ready\r\n'),
    tcpWith({ dport: 6379 }, 24, '*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n'),
    tcpWith({ dport: 6379 }, 24, '+OK\r\n'),
    tcpWith({ dport: 6379 }, 24, '$-1\r\n'),
    tcpWith({ checksumPartial: true }, 24, 'left to the card'),
    tcpWith({ tos: 3, ttl: 1 }, 16, ''),
    tcpWith({ vlan: 10 }, 16, ''),
    tcpWith({ vlan: 20 * 65536 + 0x600a }, 16, ''),
  ];
}

function around(inner: Packet): Packet[] {
  const outer: Packet = { ...blankPacket(), ethSrc: 2, ethDst: 4, src: 0x0a000001, dst: 0x0a000002, protocol: 17, sport: 50000, vni: 7, inner };
  return [
    { ...outer, dport: 6081, tunnel: TUNNEL_GENEVE },
    { ...outer, protocol: 4, sport: 0, vni: 0, tunnel: TUNNEL_IPIP, inner: { ...inner, raw: true } },
    { ...outer, dport: 8472, checksumPartial: true, inner },
    { ...outer, dport: 8472, inner: { ...inner, checksumPartial: true } },
  ];
}

/** Ports that mean nothing to tcpdump, where they are not a tunnel's or DNS'. */
function quietPorts(packet: Packet): Packet {
  const quiet = (port: number): number => ([53, 4789, 8472].includes(port) ? port : 20_000 + (port % 10_000));
  const { icmp, inner } = packet;
  return {
    ...packet,
    sport: packet.sport === 0 ? 0 : quiet(packet.sport),
    dport: packet.dport === 0 ? 0 : quiet(packet.dport),
    ...(icmp?.quoted === undefined ? {} : { icmp: { ...icmp, quoted: quietPorts(icmp.quoted) } }),
    ...(inner === undefined ? {} : { inner: quietPorts(inner) }),
  };
}

/** Ethernet frames; `random` of each kind besides the known ones. */
export function corpus(random: number): Uint8Array[] {
  const sample = (arbitrary: fc.Arbitrary<Packet>) => fc.sample(arbitrary, { numRuns: random, seed: 11 }).map(quietPorts);
  const packets = [
    ...known(),
    ...around(tcpWith({}, 24, 'GET / HTTP/1.1\r\n\r\n')),
    ...sample(plain),
    ...sample(vxlanPacket),
    ...sample(plain6),
    ...sample(vxlanPacket6),
    ...sample(sctpPacket),
  ];
  for (const packet of sample(fc.oneof(tcpPacket, udpPacket))) packets.push({ ...packet, checksumPartial: true });
  const frames = packets.map(encodeTapped);
  for (const packet of sample(udpPacket)) {
    const whole = { ...packet, dontFragment: false };
    frames.push(encodeFrame({ ...whole, moreFragments: true, fragmentBytes: 8 }), encodeFrame({ ...whole, fragmentOffset: 8, fragmentBytes: 8 }));
  }
  return frames;
}

/** A classic pcap file of them, a millisecond apart. */
export function corpusFile(
  frames: readonly Uint8Array[],
  header: Uint8Array,
  record: (bytes: Uint8Array, wireBytes: number, timeNs: number) => Uint8Array,
  snapBytes = 262_144,
): Uint8Array {
  const parts = [header, ...frames.map((frame, i) => record(frame.subarray(0, snapBytes), frame.length, i * 1e6))];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
