/** The conversations in a capture file: who talked to whom, how much, and the packets of each in order. */
import { compareIp, formatEndpoint, formatIp } from '../addr/ip.ts';
import { type CaptureFile, MAX_CAPTURE_PACKETS } from './capture-file.ts';
import { decodeFrame, decodeRaw } from './decode.ts';
import { encodeIp } from './encode.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2, LINKTYPE_RAW } from './link-type.ts';
import { IP_PROTO_ICMP, IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Ip, type Packet } from './packet.ts';
import { packetSummary } from './words.ts';

export interface FlowEnd {
  readonly ip: Ip;
  /** 0 where the protocol has none; of an echo its identifier. */
  readonly port: number;
}

export interface FlowPacket {
  /** Since the flow's first packet. */
  readonly atNs: number;
  /** Sent by the side that began. */
  readonly forward: boolean;
  /** The IP packet. */
  readonly bytes: Uint8Array;
}

export interface Flow {
  readonly protocol: string;
  /** Who sent the first packet. */
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  /** Where it was seen first; packets of other interfaces are the same ones again. */
  readonly interface: string;
  /** Since the file's first packet. */
  readonly startNs: number;
  readonly durationNs: number;
  /** The first packet in words. */
  readonly first: string;
  readonly forwardPackets: number;
  readonly forwardBytes: number;
  readonly backPackets: number;
  readonly backBytes: number;
  readonly packets: readonly FlowPacket[];
}

export interface FlowList {
  readonly flows: readonly Flow[];
  /** Frames that are no IP packet, or one that is not understood, or cut short. */
  readonly skipped: number;
}

export const MAX_FLOWS = 5_000;

interface Growing {
  readonly interface: number;
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  readonly protocol: string;
  readonly first: string;
  readonly startNs: bigint;
  readonly packets: FlowPacket[];
}

/** Flows in order of their first packet; at most MAX_FLOWS, packets of later ones count as skipped. */
export function flowsOf(file: CaptureFile): FlowList {
  const growing = new Map<string, Growing>();
  let skipped = 0;
  const originNs = file.packets[0]?.unixNs ?? 0n;
  for (const captured of file.packets.slice(0, MAX_CAPTURE_PACKETS)) {
    const packet = captured.bytes.length < captured.wireBytes ? undefined : ipPacketOf(captured.bytes, file.interfaces[captured.interface]?.linkType ?? -1);
    const ends = packet === undefined ? undefined : endsOf(packet);
    if (packet === undefined || ends === undefined) {
      skipped += 1;
      continue;
    }
    const forwardFirst = compareEnds(ends.from, ends.to) <= 0;
    const [low, high] = forwardFirst ? [ends.from, ends.to] : [ends.to, ends.from];
    const key = `${packet.protocol} ${low.ip} ${low.port} ${high.ip} ${high.port}`;
    let flow = growing.get(key);
    if (flow === undefined) {
      if (growing.size >= MAX_FLOWS) {
        skipped += 1;
        continue;
      }
      const names = { protocol: protocolName(packet.protocol), first: packetSummary(packet) };
      flow = { interface: captured.interface, ...ends, ...names, startNs: captured.unixNs, packets: [] };
      growing.set(key, flow);
    }
    if (captured.interface !== flow.interface) continue;
    const forward = packet.src === flow.from.ip && ends.from.port === flow.from.port;
    flow.packets.push({ atNs: Number(captured.unixNs - flow.startNs), forward, bytes: encodeIp(packet) });
  }
  return { flows: [...growing.values()].map((flow) => finished(flow, file, originNs)), skipped };
}

function finished(flow: Growing, file: CaptureFile, originNs: bigint): Flow {
  const bytes = (forward: boolean): number => flow.packets.reduce((sum, packet) => sum + (packet.forward === forward ? packet.bytes.length : 0), 0);
  const forwardPackets = flow.packets.filter((packet) => packet.forward).length;
  return {
    protocol: flow.protocol,
    from: flow.from,
    to: flow.to,
    interface: file.interfaces[flow.interface]?.name ?? '',
    startNs: Number(flow.startNs - originNs),
    durationNs: flow.packets.at(-1)?.atNs ?? 0,
    first: flow.first,
    forwardPackets,
    forwardBytes: bytes(true),
    backPackets: flow.packets.length - forwardPackets,
    backBytes: bytes(false),
    packets: flow.packets,
  };
}

function ipPacketOf(bytes: Uint8Array, linkType: number): Packet | undefined {
  switch (linkType) {
    case LINKTYPE_ETHERNET: {
      const packet = decodeFrame(bytes);
      return packet?.arp === undefined ? packet : undefined;
    }
    case LINKTYPE_RAW:
      return decodeRaw(bytes);
    case LINKTYPE_LINUX_SLL:
      return decodeRaw(bytes.subarray(16));
    case LINKTYPE_LINUX_SLL2:
      return decodeRaw(bytes.subarray(20));
    default:
      return undefined;
  }
}

function endsOf(packet: Packet): { readonly from: FlowEnd; readonly to: FlowEnd } | undefined {
  if (packet.fragmentOffset > 0) return undefined;
  const { src, dst, sport, dport, icmp } = packet;
  if (packet.protocol === IP_PROTO_TCP || packet.protocol === IP_PROTO_UDP) return { from: { ip: src, port: sport }, to: { ip: dst, port: dport } };
  const id = icmp?.quoted === undefined ? (icmp?.id ?? 0) : 0;
  return { from: { ip: src, port: id }, to: { ip: dst, port: id } };
}

function compareEnds(a: FlowEnd, b: FlowEnd): number {
  return compareIp(a.ip, b.ip) || a.port - b.port;
}

const NAMES: Readonly<Record<number, string>> = { [IP_PROTO_TCP]: 'TCP', [IP_PROTO_UDP]: 'UDP', [IP_PROTO_ICMP]: 'ICMP', [IP_PROTO_ICMP6]: 'ICMPv6' };
const protocolName = (protocol: number): string => NAMES[protocol] ?? `proto ${protocol}`;

/** `10.244.0.3:40000`; without a port where the protocol has none. */
export function formatEnd(flow: Flow, end: FlowEnd): string {
  return flow.protocol === 'TCP' || flow.protocol === 'UDP' ? formatEndpoint(end.ip, end.port) : formatIp(end.ip);
}
