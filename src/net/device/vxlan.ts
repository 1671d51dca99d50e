/** A VXLAN tunnel device: Ethernet frames in UDP (RFC 7348). Linux: drivers/net/vxlan/vxlan_core.c */
import { hashText } from '../../base/prng.ts';
import { compareIp, formatIp, ipOf } from '../addr/ip.ts';
import { BROADCAST_MAC, isGroupMac, ZERO_MAC } from '../addr/mac.ts';
import type { Core } from '../stack/core.ts';
import { DECAPSULATE_NS, ENCAPSULATE_NS } from '../stack/costs.ts';
import type { NetnsState, TunnelEntry } from '../stack/netns-state.ts';
import { cloneSkb, PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, type Skb, scrub } from '../stack/skb.ts';
import { emitDecapsulated, emitDropped } from '../trace/emit.ts';
import { ROW_ENCAPSULATED } from '../trace/trace-log.ts';
import { IP_PROTO_UDP, type Packet, TUNNEL_VXLAN } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';

/** Outer Ethernet is the wire's own; IP, UDP, VXLAN and the inner Ethernet header are added. */
const OVERHEAD_BYTES = 50;
/** srcport 0 0: the kernel's ephemeral range. */
const SOURCE_PORT_MIN = 32768;
const SOURCE_PORT_MAX = 60999;
const OUTER_TTL = 64;
const DEFAULT_AGEING_NS = 300e9;
/** How deep tunnels may run through tunnels (the kernel's transmit recursion limit). */
const MAX_DEPTH = 8;

/** vxlan_xmit(): behind the device's tap. */
export function vxlanTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const record = device.record;
  if (record.type !== 'vxlan') return;
  if (core.depth >= MAX_DEPTH) {
    emitDropped(core, device.place, packet, 'HOP_LIMIT', 'a tunnel that leads into itself');
    return;
  }
  core.nowNs += ENCAPSULATE_NS;
  const entries = device.netns.tunnel(device, packet.ethDst);
  const learnt = entries === undefined ? device.learnt.get(packet.ethDst) : undefined;
  if (entries === undefined && learnt !== undefined && core.nowNs <= learnt.updatedNs + DEFAULT_AGEING_NS) {
    encapsulate(core, device, packet, {
      remote: learnt.remote,
      remoteText: formatIp(learnt.remote),
      origin: { component: 'kernel', objects: [] },
      traceIndex: -1,
    });
    return;
  }
  const remotes = entries ?? device.netns.tunnel(device, ZERO_MAC);
  if (remotes === undefined) {
    emitDropped(core, device.place, packet, 'VXLAN_NO_REMOTE', `${device.name} has no FDB entry for this MAC and none for unknown ones`);
    device.txDropped += 1;
    return;
  }
  for (let i = 0; i < remotes.length; i += 1) encapsulate(core, device, i === remotes.length - 1 ? packet : cloneSkb(packet), remotes[i] as TunnelEntry);
}

function encapsulate(core: Core, device: DeviceState, packet: Skb, to: TunnelEntry): void {
  const record = device.record;
  if (record.type !== 'vxlan') return;
  const outer = core.newSkb();
  outer.id = packet.id;
  outer.causeSeq = packet.causeSeq;
  // The mark belongs to the skb, not to the packet: it is still there for the outer one.
  outer.mark = packet.mark;
  outer.protocol = IP_PROTO_UDP;
  outer.src = ipOf(record.localIp);
  outer.dst = to.remote;
  outer.ttl = OUTER_TTL;
  outer.sport = sourcePort(core, packet);
  outer.dport = record.destinationPort;
  outer.vni = record.vni;
  outer.checksumPartial = true;
  outer.inner = packet;
  scrub(packet);
  if (core.log.enabled) {
    if (to.traceIndex < 0) {
      to.traceIndex = core.log.reference({
        kind: 'tunnel',
        protocol: 'vxlan',
        vni: record.vni,
        localIp: record.localIp,
        remoteIp: to.remoteText,
        overheadBytes: OVERHEAD_BYTES,
        fdbOrigin: to.origin,
      });
    }
    core.log.add(core.nowNs, ROW_ENCAPSULATED, 0, device.place, outer, to.traceIndex, 0, 0);
  } else core.log.skip();
  core.depth += 1;
  core.layers.localOut(device.netns, outer);
  core.depth -= 1;
}

/** udp_flow_src_port(): the same flow always takes the same port, so that routers in between keep its packets in order. */
function sourcePort(core: Core, packet: Skb): number {
  const hash = packet.flowHash !== 0 ? packet.flowHash : symmetricHash(core.seed, packet);
  const mixed = (hash ^ (hash << 16)) >>> 0;
  return SOURCE_PORT_MIN + Math.floor((mixed / 4294967296) * (SOURCE_PORT_MAX - SOURCE_PORT_MIN));
}

/** The flow dissector orders the two ends, so that both directions of a flow give one hash. */
function symmetricHash(seed: number, packet: Packet): number {
  const swap = compareIp(packet.src, packet.dst) > 0;
  const low = swap ? packet.dst : packet.src;
  const high = swap ? packet.src : packet.dst;
  const ports = packet.sport > packet.dport ? `${packet.dport} ${packet.sport}` : `${packet.sport} ${packet.dport}`;
  return hashText(`${low} ${high} ${ports} ${packet.protocol}`, seed ^ 0x5bd1e995);
}

/** vxlan_rcv(): a UDP datagram for a tunnel of this netns. True when some tunnel device owns the port, whatever becomes of the packet. */
export function vxlanReceive(core: Core, netns: NetnsState, outer: Skb): boolean {
  let owner: DeviceState | undefined;
  for (const device of netns.tunnelDevices) {
    const record = device.record;
    if (record.type !== 'vxlan' || record.destinationPort !== outer.dport || !device.up) continue;
    owner = device;
    if (record.vni === outer.vni) break;
  }
  if (owner === undefined) return false;
  const record = owner.record;
  const inner = outer.inner;
  core.nowNs += DECAPSULATE_NS;
  if (inner === undefined || record.type !== 'vxlan' || record.vni !== outer.vni) {
    emitDropped(core, owner.place, outer, 'VXLAN_VNI_NOT_FOUND', inner === undefined ? 'no VXLAN header in it' : `no tunnel device with VNI ${outer.vni}`);
    return true;
  }
  if (inner.ethSrc === owner.mac) {
    emitDropped(core, owner.place, outer, 'VXLAN_NO_REMOTE', 'the inner frame is from this very device');
    return true;
  }
  if (record.learning && !isGroupMac(inner.ethSrc)) owner.learnt.set(inner.ethSrc, { port: owner, remote: outer.src, updatedNs: core.nowNs });
  scrub(inner);
  inner.id = outer.id;
  inner.causeSeq = outer.causeSeq;
  inner.flowHash = 0;
  if (inner.ethDst === owner.mac) inner.packetType = PACKET_HOST;
  else if (inner.ethDst === BROADCAST_MAC) inner.packetType = PACKET_BROADCAST;
  else inner.packetType = isGroupMac(inner.ethDst) ? PACKET_MULTICAST : PACKET_OTHERHOST;
  emitDecapsulated(core, owner, TUNNEL_VXLAN, outer.vni, inner);
  core.layers.receive(owner, inner);
  return true;
}
