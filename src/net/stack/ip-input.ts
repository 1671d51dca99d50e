/** IPv4 on its way in: PREROUTING, the routing decision, then up to this host or on to the next. Linux: net/ipv4/ip_input.c, ip_forward.c */
import { formatIp, isMulticastIp } from '../addr/ip.ts';
import type { DeviceState } from '../device/device-state.ts';
import { FORWARD, INPUT, PREROUTING } from '../netfilter/hook.ts';
import { emitDropped, emitRouted } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_IPIP, IP_PROTO_TCP, IP_PROTO_UDP, TCP_ACK } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import type { Core } from './core.ts';
import { FORWARD_NS, LOCAL_DELIVER_NS, RECEIVE_NS, ROUTE_NS } from './costs.ts';
import { dropDamagedContent, dropDamagedHeader } from './damage.ts';
import type { CompiledRoute } from './fib.ts';
import { isFragment, reassemble } from './fragment.ts';
import { receiveIcmp } from './icmp.ts';
import { allowsRouteError } from './icmp-limit.ts';
import { sendRedirect } from './icmp-redirect.ts';
import { output } from './ip-output.ts';
import { IP_FORWARDED, IP_IN_DELIVERS, IP_IN_OCTETS, IP_IN_RECEIVES } from './mib.ts';
import type { NetnsState } from './netns-state.ts';
import { type InputRoute, pathMtu, routeInput, routeMtu } from './routing.ts';
import { PACKET_HOST, PACKET_OTHERHOST, type Skb } from './skb.ts';

/** Peers whose progress is remembered at once. */
const MAX_CONFIRMATIONS = 1024;

/** ip_rcv(): a frame with an IP packet in it, behind the device's tap. */
export function receiveIp(core: Core, device: DeviceState, arrived: Skb): void {
  const netns = device.netns;
  core.nowNs += RECEIVE_NS;
  let packet = arrived;
  if (packet.packetType === PACKET_OTHERHOST) {
    emitDropped(core, device.place, packet, 'OTHERHOST', 'the frame is for another MAC address');
    return;
  }
  if (packet.corruptByte >= 0 && dropDamagedHeader(core, device, packet)) return;
  netns.mib.add(IP_IN_RECEIVES, 1);
  netns.mib.add(IP_IN_OCTETS, ipBytes(packet));
  if (packet.preroutingDone) {
    // br_netfilter has run PREROUTING on the bridge; what it knew of ports ends here.
    packet.preroutingDone = false;
    packet.physIn = undefined;
  } else {
    if (isFragment(packet) && netns.rulesetFor(packet.dst)?.conntrack === true) {
      const whole = reassemble(core, netns, device, packet);
      if (whole === undefined) return;
      packet = whole;
    }
    if (!core.hooks.run(netns, PREROUTING, packet, device, undefined, 0)) return;
  }
  // What comes over lo was routed when it went out.
  if (device.record.type === 'loopback') {
    deliverLocal(core, netns, device, packet);
    return;
  }
  core.nowNs += ROUTE_NS;
  const decision = routeInput(netns, device, packet.src, packet.dst, packet);
  switch (decision.kind) {
    case 'local':
      if (decision.route !== undefined) emitRouted(core, device.place, decision.route, 'local', undefined, packet);
      deliverLocal(core, netns, device, packet);
      return;
    case 'forward':
      forward(core, netns, device, packet, decision);
      return;
    case 'drop':
      // Linux: net/ipv4/ip_input.c, ip_rcv_finish_core.
      if (decision.reason === 'IP_RPFILTER') netns.mib.count('TcpExtIPReversePathFilter');
      emitDropped(core, device.place, packet, decision.reason, decision.detail, routeCause(decision.route));
      return;
    case 'unreachable':
      if (decision.code === undefined) emitDropped(core, device.place, packet, decision.reason, decision.detail, routeCause(decision.route));
      else if (allowsRouteError(netns, packet.src, core.nowNs))
        core.layers.dropWithError(netns, packet, device.place, decision.reason, decision.detail, { type: 3, code: decision.code }, routeCause(decision.route));
      else emitDropped(core, device.place, packet, decision.reason, `${decision.detail}; no ICMP error (rate limit)`, routeCause(decision.route));
  }
}

const routeCause = (route: CompiledRoute | undefined): { route?: CompiledRoute['reference'] } => (route === undefined ? {} : { route: route.reference });

/** ip_forward(): the TTL and the MTU are looked at before FORWARD's rules, and the TTL is taken down before them. */
function forward(core: Core, netns: NetnsState, inDevice: DeviceState, packet: Skb, decision: Extract<InputRoute, { kind: 'forward' }>): void {
  const { route, device } = decision;
  core.nowNs += FORWARD_NS;
  emitRouted(core, inDevice.place, route, 'forward', undefined, packet);
  if (packet.packetType !== PACKET_HOST) {
    emitDropped(core, inDevice.place, packet, 'OTHERHOST', 'a broadcast frame is not forwarded');
    return;
  }
  if (packet.ttl <= 1) {
    core.layers.dropWithError(netns, packet, inDevice.place, 'IP_TTL_EXPIRED', `TTL ${packet.ttl}`, { type: 11, code: 0 });
    return;
  }
  const bytes = ipBytes(packet);
  const biggest = packet.fragMaxBytes > 0 ? packet.fragMaxBytes : bytes;
  const mtu = netns.forwardsByPathMtu ? pathMtu(netns, route, device, packet.dst, core.nowNs) : routeMtu(route, device);
  if (biggest > mtu && packet.dontFragment) {
    const detail = `${bytes} bytes, MTU of ${route.mtuBytes > 0 ? 'the route' : device.name} is ${mtu}, and DF is set`;
    core.layers.dropWithError(netns, packet, inDevice.place, 'PKT_TOO_BIG', detail, { type: 3, code: 4, mtu });
    return;
  }
  packet.ttl -= 1;
  packet.headerRow = -1;
  const nextHop = route.hasGateway ? route.gateway : packet.dst;
  if (decision.redirect) sendRedirect(core, netns, packet, nextHop);
  netns.mib.add(IP_FORWARDED, 1);
  if (!core.hooks.run(netns, FORWARD, packet, inDevice, device, 0)) return;
  output(core, netns, packet, route, device, nextHop, inDevice);
}

/** ip_local_deliver(): whole datagrams pass INPUT and go to their protocol. */
function deliverLocal(core: Core, netns: NetnsState, device: DeviceState, arrived: Skb): void {
  let packet = arrived;
  if (isFragment(packet)) {
    const whole = reassemble(core, netns, device, packet);
    if (whole === undefined) return;
    packet = whole;
  }
  if (!core.hooks.run(netns, INPUT, packet, device, undefined, 0)) return;
  packet.fragMaxBytes = 0;
  netns.mib.add(IP_IN_DELIVERS, 1);
  core.nowNs += LOCAL_DELIVER_NS;
  if (packet.corruptByte >= 0 && dropDamagedContent(core, device, packet)) return;
  switch (packet.protocol) {
    case IP_PROTO_ICMP:
      receiveIcmp(core, netns, device, packet);
      return;
    case IP_PROTO_UDP:
      if (core.layers.tunnelReceive(netns, packet)) return;
      if (core.userland.deliver(netns.id, packet)) return;
      netns.mib.count('UdpNoPorts');
      if (packet.packetType !== PACKET_HOST || isMulticastIp(packet.dst)) {
        emitDropped(core, device.place, packet, 'NO_SOCKET', `nobody listens on UDP port ${packet.dport}`);
        return;
      }
      core.layers.dropWithError(netns, packet, device.place, 'NO_SOCKET', `nobody listens on UDP ${formatIp(packet.dst)}:${packet.dport}`, {
        type: 3,
        code: 3,
      });
      return;
    case IP_PROTO_TCP:
      noteProgress(netns, packet);
      if (!core.userland.deliver(netns.id, packet))
        emitDropped(core, device.place, packet, 'NO_SOCKET', `no socket for TCP ${formatIp(packet.dst)}:${packet.dport}`);
      return;
    case IP_PROTO_SCTP:
      if (packet.sctp !== undefined && core.userland.deliver(netns.id, packet)) return;
      core.layers.dropWithError(netns, packet, device.place, 'UNHANDLED_PROTO', `IP protocol ${packet.protocol}`, { type: 3, code: 2 });
      return;
    default:
      // Without such a device it is a protocol unknown here like any other.
      if (packet.protocol === IP_PROTO_IPIP && core.layers.tunnelReceive(netns, packet)) return;
      core.layers.dropWithError(netns, packet, device.place, 'UNHANDLED_PROTO', `IP protocol ${packet.protocol}`, { type: 3, code: 2 });
  }
}

/** tcp_ack() with forward progress: the next segment to this peer confirms its neighbour (sk_dst_confirm), which then need not be asked again. */
export function noteProgress(netns: NetnsState, packet: Skb): void {
  const tcp = packet.tcp;
  if (tcp === undefined || (tcp.flags & TCP_ACK) === 0 || netns.confirmations.get(packet.src)?.ack === tcp.ack) return;
  if (netns.confirmations.size >= MAX_CONFIRMATIONS) netns.confirmations.clear();
  netns.confirmations.set(packet.src, { ack: tcp.ack, pending: true });
}
