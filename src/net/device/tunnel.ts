/** What all tunnels share: how an outer packet is made and sent, and how what was inside goes on. Linux: net/ipv4/ip_tunnel_core.c, net/ipv4/udp_tunnel_core.c */
import { compareIp, formatIp, ipHash } from '../addr/ip.ts';
import { BROADCAST_MAC, isGroupMac } from '../addr/mac.ts';
import type { OrInherit } from '../records.ts';
import type { Core } from '../stack/core.ts';
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, type Skb, scrub } from '../stack/skb.ts';
import { emitDropped } from '../trace/emit.ts';
import { type Reference, ROW_ENCAPSULATED } from '../trace/trace-log.ts';
import { ETHERTYPE_ARP, type Ip, type Packet, TUNNEL_NAMES, type Tunnel } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';

/** How deep tunnels may run through tunnels (the kernel's transmit recursion limit). */
const MAX_DEPTH = 8;
const ECN_MASK = 3;

/** False, and the packet is dropped, when tunnels lead into themselves. */
export function mayEnter(core: Core, device: DeviceState, packet: Skb): boolean {
  if (core.depth < MAX_DEPTH) return true;
  device.txDropped += 1;
  emitDropped(core, device.place, packet, 'HOP_LIMIT', 'a tunnel that leads into itself');
  return false;
}

/** An outer packet for what a tunnel carries. The mark belongs to the skb, not to the packet: it is still there for the outer one. */
export function newOuter(core: Core, packet: Skb, tunnel: Tunnel, protocol: number): Skb {
  const outer = core.newSkb();
  outer.id = packet.id;
  outer.causeSeq = packet.causeSeq;
  outer.mark = packet.mark;
  outer.protocol = protocol;
  outer.tunnel = tunnel;
  outer.inner = packet;
  return outer;
}

/** Scrubs what is inside, writes the row and sends the outer packet as local traffic. `interned` keeps the row's reference between packets; -1 for the first. */
export function sendOuter(
  core: Core,
  device: DeviceState,
  outer: Skb,
  tunnel: Omit<Extract<Reference, { kind: 'tunnel' }>, 'kind' | 'protocol' | 'vni'>,
  interned: number,
): number {
  if (outer.inner !== undefined) scrub(outer.inner);
  let index = interned;
  if (core.log.enabled) {
    if (index < 0) index = core.log.reference({ kind: 'tunnel', protocol: TUNNEL_NAMES[outer.tunnel], vni: outer.vni, ...tunnel });
    core.log.add(core.nowNs, ROW_ENCAPSULATED, 0, device.place, outer, index, 0, 0);
  } else core.log.skip();
  core.depth += 1;
  core.layers.localOut(device.netns, outer);
  core.depth -= 1;
  return index;
}

const isIp = (packet: Packet): boolean => packet.etherType !== ETHERTYPE_ARP;

/** TTL of an outer packet: a number, that of the IP packet inside, or the host's default. */
export function outerTtl(device: DeviceState, setting: OrInherit | undefined, inner: Packet): number {
  if (setting === 'inherit' && isIp(inner)) return inner.ttl;
  return typeof setting === 'number' && setting !== 0 ? setting : device.netns.defaultTtl;
}

/** ip_tunnel_ecn_encap(): the congestion bits are always the inner packet's. */
export function outerTos(setting: OrInherit | undefined, inner: Packet): number {
  if (!isIp(inner)) return typeof setting === 'number' ? setting : 0;
  const tos = setting === 'inherit' ? inner.tos : (setting ?? 0);
  return (tos & ~ECN_MASK) | (inner.tos & ECN_MASK);
}

export function outerDontFragment(setting: 'set' | 'inherit' | undefined, inner: Packet): boolean {
  return setting === 'set' || (setting === 'inherit' && isIp(inner) && inner.dontFragment);
}

/** udp_flow_src_port(): the same flow always takes the same port, so that routers in between keep its packets in order. In [low, high). */
export function flowSourcePort(core: Core, packet: Skb, low: number, high: number): number {
  const hash = packet.flowHash !== 0 ? packet.flowHash : symmetricHash(core.seed, packet);
  const mixed = (hash ^ (hash << 16)) >>> 0;
  return low + Math.floor((mixed / 4294967296) * (high - low));
}

/** The flow dissector orders the two ends, so that both directions of a flow give one hash. */
function symmetricHash(seed: number, packet: Packet): number {
  const swap = compareIp(packet.src, packet.dst) > 0;
  const low = ipHash(swap ? packet.dst : packet.src);
  const high = ipHash(swap ? packet.src : packet.dst);
  const ports = packet.sport > packet.dport ? (packet.dport << 16) | packet.sport : (packet.sport << 16) | packet.dport;
  let h = Math.imul(low ^ seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15) ^ high, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ ports, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16) ^ packet.protocol, 0x27d4eb2f);
  return h ^ (h >>> 15);
}

/** What was inside is a packet of its own again, with the mark the outer one had when it reached the tunnel. */
export function release(outer: Skb, inner: Skb): void {
  scrub(inner);
  inner.mark = outer.mark;
  inner.id = outer.id;
  inner.causeSeq = outer.causeSeq;
  inner.flowHash = 0;
}

/** eth_type_trans(): for whom a frame is, seen from the device that takes it in. */
export function classify(device: DeviceState, packet: Skb): void {
  const to = packet.ethDst;
  if (to === device.mac) packet.packetType = PACKET_HOST;
  else if (to === BROADCAST_MAC) packet.packetType = PACKET_BROADCAST;
  else packet.packetType = isGroupMac(to) ? PACKET_MULTICAST : PACKET_OTHERHOST;
}

/** For the log: an address that is not chosen yet is empty. */
export const addressText = (ip: Ip | undefined): string => (ip === undefined || ip === 0 ? '' : formatIp(ip));
