/** An IP-in-IP tunnel device (RFC 2003): IPv4 packets behind one more IPv4 header. Linux: net/ipv4/ipip.c, net/ipv4/ip_tunnel.c */
import { formatIp } from '../addr/ip.ts';
import type { Core } from '../stack/core.ts';
import { DECAPSULATE_NS, ENCAPSULATE_NS } from '../stack/costs.ts';
import type { NetnsState } from '../stack/netns-state.ts';
import { routeOutput } from '../stack/routing.ts';
import { PACKET_HOST, type Skb } from '../stack/skb.ts';
import { emitDecapsulated, emitDropped } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import { ETHERTYPE_IPV4, IP_PROTO_IPIP, type Ip, TUNNEL_IPIP } from '../wire/packet.ts';
import type { DeviceState } from './device-state.ts';
import { addressText, mayEnter, newOuter, outerTos, release, sendOuter } from './tunnel.ts';

export const IPIP_OVERHEAD_BYTES = 20;

/** ip_tunnel_xmit(): behind the device's tap. */
export function ipipTransmit(core: Core, device: DeviceState, packet: Skb): void {
  const record = device.record;
  if (record.type !== 'ipip' || !mayEnter(core, device, packet)) return;
  if (packet.etherType !== ETHERTYPE_IPV4) {
    device.txDropped += 1;
    emitDropped(core, device.place, packet, 'UNHANDLED_PROTO', `${device.name} carries IPv4 only`);
    return;
  }
  core.nowNs += ENCAPSULATE_NS;
  // Without a remote of its own the device sends to where the route's gateway is (NBMA).
  const remote: Ip = record.remoteIp === undefined ? packet.nextHop : device.tunnelRemote;
  const route = remote === 0 ? undefined : routeOutput(device.netns, remote);
  if (route === undefined || route.kind === 'error' || route.device === device) {
    device.txDropped += 1;
    const why = route?.kind === 'ok' ? `the way to ${formatIp(remote)} is ${device.name} itself` : `no route to the tunnel's other end ${addressText(remote)}`;
    // dst_link_failure(): the sender hears that the host cannot be reached.
    core.layers.dropWithError(device.netns, packet, device.place, 'TUNNEL_NO_ROUTE', why, { type: 3, code: 1 });
    return;
  }
  const dontFragment = record.pathMtuDiscovery || packet.dontFragment;
  const mtu = dontFragment ? route.device.mtuBytes - IPIP_OVERHEAD_BYTES : device.mtuBytes;
  if (packet.dontFragment && ipBytes(packet) > mtu) {
    device.txDropped += 1;
    const why = `${ipBytes(packet)} bytes do not fit: the way to ${formatIp(remote)} leaves ${mtu} for what is inside, and DF is set`;
    core.layers.dropWithError(device.netns, packet, device.place, 'PKT_TOO_BIG', why, { type: 3, code: 4, mtu });
    return;
  }
  const outer = newOuter(core, packet, TUNNEL_IPIP, IP_PROTO_IPIP);
  outer.src = device.tunnelLocal;
  outer.dst = remote;
  outer.ttl = record.ttl === 'inherit' || record.ttl === 0 ? packet.ttl : record.ttl;
  outer.tos = outerTos(record.tos, packet);
  outer.dontFragment = dontFragment;
  outer.ipId = device.netns.nextIpId;
  device.netns.nextIpId = (device.netns.nextIpId % 65535) + 1;
  const fixed = record.remoteIp !== undefined;
  const text = { localIp: record.localIp ?? '', remoteIp: formatIp(remote), overheadBytes: IPIP_OVERHEAD_BYTES, fdbOrigin: record.origin };
  const index = sendOuter(core, device, outer, text, fixed ? device.tunnelText : -1);
  if (fixed) device.tunnelText = index;
}

/** ip_tunnel_lookup(): both addresses, then the remote, then the local one, then the device without any. */
function rank(device: DeviceState, outer: Skb): number {
  const record = device.record;
  if (record.type !== 'ipip' || !device.up) return 0;
  if (record.remoteIp !== undefined && device.tunnelRemote !== outer.src) return 0;
  if (record.localIp !== undefined && device.tunnelLocal !== outer.dst) return 0;
  return 1 + (record.remoteIp === undefined ? 0 : 2) + (record.localIp === undefined ? 0 : 1);
}

/** ipip_rcv(): IP protocol 4 for this host. False when the netns has no such device at all: the protocol is then unknown here. */
export function ipipReceive(core: Core, netns: NetnsState, outer: Skb): boolean {
  let owner: DeviceState | undefined;
  let best = 0;
  let any: DeviceState | undefined;
  for (const device of netns.tunnelDevices) {
    if (device.record.type === 'ipip') any = device;
    const now = rank(device, outer);
    if (now > best) {
      best = now;
      owner = device;
    }
  }
  if (any === undefined) return false;
  core.nowNs += DECAPSULATE_NS;
  const inner = outer.tunnel === TUNNEL_IPIP ? outer.inner : undefined;
  if (owner === undefined || inner === undefined) {
    const why = inner === undefined ? 'no IPv4 packet in it' : `no IPIP device for ${formatIp(outer.src)} > ${formatIp(outer.dst)}`;
    // tunnel4_rcv(): nobody took it.
    core.layers.dropWithError(netns, outer, any.place, 'UNHANDLED_PROTO', why, { type: 3, code: 3 });
    return true;
  }
  release(outer, inner);
  inner.packetType = PACKET_HOST;
  emitDecapsulated(core, owner, TUNNEL_IPIP, 0, inner);
  core.layers.receive(owner, inner);
  return true;
}
