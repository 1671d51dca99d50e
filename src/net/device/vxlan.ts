/** A VXLAN tunnel device: Ethernet frames in UDP (RFC 7348). Linux: drivers/net/vxlan/vxlan_core.c */
import { formatIp } from '../addr/ip.ts';
import { isGroupMac, ZERO_MAC } from '../addr/mac.ts';
import type { VxlanDevice } from '../records.ts';
import type { Core } from '../stack/core.ts';
import { DECAPSULATE_NS, ENCAPSULATE_NS } from '../stack/costs.ts';
import type { NetnsState, TunnelEntry } from '../stack/netns-state.ts';
import { cloneSkb, type Skb } from '../stack/skb.ts';
import { emitDecapsulated, emitDropped } from '../trace/emit.ts';
import { IP_PROTO_UDP, NO_CHECKSUM, TUNNEL_VXLAN } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';
import { classify, flowSourcePort, mayEnter, newOuter, outerDontFragment, outerTos, outerTtl, release, sendOuter } from './tunnel.ts';

/** Outer Ethernet is the wire's own; IP, UDP, VXLAN and the inner Ethernet header are added. */
export const VXLAN_OVERHEAD_BYTES = 50;
const OVERHEAD6_BYTES = 70;
/** srcport 0 0: the kernel's ephemeral range. */
const SOURCE_PORT_MIN = 32768;
const SOURCE_PORT_MAX = 60999;
const DEFAULT_AGEING_SECONDS = 300;
/** Entries one device learns; the kernel has no limit by default, a simulation needs one. */
const FDB_LIMIT = 65536;

/** vxlan_xmit(): behind the device's tap. */
export function vxlanTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const record = device.record;
  if (record.type !== 'vxlan' || !mayEnter(core, device, packet)) return;
  core.nowNs += ENCAPSULATE_NS;
  if (record.external === true) {
    byTunnelKey(core, device, record, packet);
    return;
  }
  const entries = device.netns.tunnel(device, packet.ethDst);
  const learnt = entries === undefined ? device.learnt.get(packet.ethDst) : undefined;
  if (learnt !== undefined && core.nowNs <= learnt.updatedNs + (record.ageingSeconds ?? DEFAULT_AGEING_SECONDS) * 1e9) {
    encapsulate(core, device, record, packet, {
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
  for (let i = 0; i < remotes.length; i += 1)
    encapsulate(core, device, record, i === remotes.length - 1 ? packet : cloneSkb(packet), remotes[i] as TunnelEntry);
}

/** A device in external mode knows nobody: the packet says where it goes (skb_tunnel_info). */
function byTunnelKey(core: Core, device: DeviceState, record: VxlanDevice, packet: Skb): void {
  const key = packet.tunnelKey;
  packet.tunnelKey = undefined;
  if (key === undefined) {
    emitDropped(core, device.place, packet, 'VXLAN_NO_REMOTE', `${device.name} is external, and nobody gave this packet a tunnel key`);
    device.txDropped += 1;
    return;
  }
  const origin = { component: 'bpf', objects: [] };
  encapsulate(core, device, record, packet, { remote: key.remote, remoteText: formatIp(key.remote), origin, traceIndex: -1, vni: key.id }, key.local);
}

/** vxlan_xmit_one() */
function encapsulate(core: Core, device: DeviceState, record: VxlanDevice, packet: Skb, to: TunnelEntry, local = device.tunnelLocal): void {
  const outer = newOuter(core, packet, TUNNEL_VXLAN, IP_PROTO_UDP);
  outer.src = local;
  outer.dst = to.remote;
  outer.ttl = outerTtl(device, record.ttl, packet);
  outer.tos = outerTos(record.tos, packet);
  outer.dontFragment = outerDontFragment(record.dontFragment, packet);
  outer.sport = flowSourcePort(core, packet, record.sourcePorts?.low ?? SOURCE_PORT_MIN, record.sourcePorts?.high ?? SOURCE_PORT_MAX);
  outer.dport = to.port ?? record.destinationPort;
  outer.vni = to.vni ?? record.vni;
  outer.checksumPartial = typeof to.remote === 'bigint' || record.udpChecksum !== false;
  const overheadBytes = typeof to.remote === 'bigint' ? OVERHEAD6_BYTES : VXLAN_OVERHEAD_BYTES;
  if (typeof to.remote === 'bigint') outer.etherType = 0x86dd;
  else if (record.udpChecksum === false) outer.checksumError = NO_CHECKSUM;
  to.traceIndex = sendOuter(
    core,
    device,
    outer,
    { localIp: local === device.tunnelLocal ? record.localIp : formatIp(local), remoteIp: to.remoteText, overheadBytes, fdbOrigin: to.origin },
    to.traceIndex,
  );
}

/** vxlan_rcv(): a UDP datagram for a tunnel of this netns. True when some tunnel device owns the port, whatever becomes of the packet. */
export function vxlanReceive(core: Core, netns: NetnsState, outer: Skb): boolean {
  let owner: DeviceState | undefined;
  for (const device of netns.tunnelDevices) {
    const record = device.record;
    if (record.type !== 'vxlan' || record.destinationPort !== outer.dport || !device.up) continue;
    // Each family has sockets of its own, and VNIs are looked for behind one socket.
    const six = typeof device.tunnelLocal === 'bigint' || record.remoteIp?.includes(':') === true;
    if (six !== (typeof outer.dst === 'bigint')) continue;
    owner = device;
    if (record.external === true || record.vni === outer.vni) break;
  }
  if (owner === undefined) return false;
  const record = owner.record;
  const inner = outer.tunnel === TUNNEL_VXLAN ? outer.inner : undefined;
  core.nowNs += DECAPSULATE_NS;
  if (inner === undefined || record.type !== 'vxlan' || (record.external !== true && record.vni !== outer.vni)) {
    emitDropped(core, owner.place, outer, 'VXLAN_VNI_NOT_FOUND', inner === undefined ? 'no VXLAN header in it' : `no tunnel device with VNI ${outer.vni}`);
    return true;
  }
  if (record.external !== true && inner.ethSrc === owner.mac) {
    emitDropped(core, owner.place, outer, 'VXLAN_NO_REMOTE', 'the inner frame is from this very device');
    return true;
  }
  if (record.learning && !isGroupMac(inner.ethSrc)) learn(core, owner, outer, inner);
  release(outer, inner);
  if (record.external === true) inner.tunnelKey = { local: outer.dst, remote: outer.src, id: outer.vni };
  classify(owner, inner);
  emitDecapsulated(core, owner, TUNNEL_VXLAN, outer.vni, inner);
  core.layers.receive(owner, inner);
  return true;
}

/** vxlan_snoop(): behind which remote the sender's MAC is; what somebody wrote is not moved. */
function learn(core: Core, device: DeviceState, outer: Skb, inner: Skb): void {
  const known = device.learnt.get(inner.ethSrc);
  if (known !== undefined && known.remote === outer.src) {
    known.updatedNs = core.nowNs;
    return;
  }
  if (known === undefined && device.learnt.size >= FDB_LIMIT) return;
  device.learnt.set(inner.ethSrc, { port: device, remote: outer.src, updatedNs: core.nowNs });
}
