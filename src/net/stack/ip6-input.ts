/** IPv6 on its way in: the header's checks, PREROUTING, the routing decision, then up to this host or on to the next. Linux: net/ipv6/ip6_input.c, ip6_output.c (ip6_forward) */
import { formatIp } from '../addr/ip.ts';
import { isLinkLocal6, isMulticast6, LOOPBACK6 } from '../addr/ip6.ts';
import type { DeviceState } from '../device/device-state.ts';
import { FORWARD, INPUT, PREROUTING } from '../netfilter/hook.ts';
import { emitDropped, emitRouted } from '../trace/emit.ts';
import { ICMP6_PARAMETER, ICMP6_PORT_UNREACHABLE, ICMP6_TIME_EXCEEDED, ICMP6_TOO_BIG, ICMP6_UNREACHABLE } from '../wire/icmp6.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP6, IP_PROTO_TCP, IP_PROTO_UDP, type Ip6 } from '../wire/packet.ts';
import { IP_PROTO_SCTP } from '../wire/sctp.ts';
import type { Core } from './core.ts';
import { FORWARD_NS, LOCAL_DELIVER_NS, RECEIVE_NS, ROUTE_NS } from './costs.ts';
import type { CompiledRoute } from './fib.ts';
import { isFragment, reassemble } from './fragment.ts';
import { receiveIcmp6 } from './icmp6.ts';
import { noteProgress } from './ip-input.ts';
import { MIN_MTU6, output6 } from './ip6-output.ts';
import type { NetnsState } from './netns-state.ts';
import { routeInput, routeMtu } from './routing.ts';
import { PACKET_HOST, PACKET_OTHERHOST, type Skb } from './skb.ts';

/** Code of a time exceeded about fragments, and of a parameter problem about the next header, which stands in byte 6. */
const UNKNOWN_NEXT_HEADER = 1;
const NEXT_HEADER_AT = 6;
/** RFC 4443 section 3.1: beyond the scope of the source address. */
const BEYOND_SCOPE = 2;

/** ip6_rcv(): a frame with an IPv6 packet in it, behind the device's tap. */
export function receiveIp6(core: Core, device: DeviceState, arrived: Skb): void {
  const { netns } = device;
  core.nowNs += RECEIVE_NS;
  let packet = arrived;
  if (packet.packetType === PACKET_OTHERHOST) {
    emitDropped(core, device.place, packet, 'OTHERHOST', 'the frame is for another MAC address');
    return;
  }
  if (netns.settings6(device).disabled) {
    emitDropped(core, device.place, packet, 'IPV6DISABLED', `net.ipv6.conf.${device.name}.disable_ipv6 = 1`);
    return;
  }
  const invalid = badHeader(device, packet);
  if (invalid !== undefined) {
    emitDropped(core, device.place, packet, 'IP_INADDRERRORS', invalid);
    return;
  }
  if (packet.preroutingDone) {
    packet.preroutingDone = false;
    packet.physIn = undefined;
  } else {
    if (isFragment(packet) && netns.ruleset6?.conntrack === true) {
      const whole = reassemble(core, netns, device, packet);
      if (whole === undefined) return;
      packet = whole;
    }
    if (!core.hooks.run(netns, PREROUTING, packet, device, undefined, 0n)) return;
  }
  if (device.record.type === 'loopback') {
    deliverLocal(core, netns, device, packet);
    return;
  }
  core.nowNs += ROUTE_NS;
  const decision = routeInput(netns, device, packet.src, packet.dst, packet);
  const cause = decision.kind === 'forward' || decision.route === undefined ? {} : { route: decision.route.reference };
  switch (decision.kind) {
    case 'local':
      if (decision.route !== undefined) emitRouted(core, device.place, decision.route, 'local', undefined, packet);
      deliverLocal(core, netns, device, packet);
      return;
    case 'forward':
      forward(core, netns, device, packet, decision.route, decision.device);
      return;
    case 'drop':
      emitDropped(core, device.place, packet, decision.reason, decision.detail, cause);
      return;
    case 'unreachable':
      if (decision.code === undefined) emitDropped(core, device.place, packet, decision.reason, decision.detail, cause);
      else core.layers.dropWithError(netns, packet, device.place, decision.reason, decision.detail, { type: ICMP6_UNREACHABLE, code: decision.code }, cause);
  }
}

/** ip6_rcv_core(): what no wire may carry. */
function badHeader(device: DeviceState, packet: Skb): string | undefined {
  const src = packet.src as Ip6;
  const dst = packet.dst as Ip6;
  if (isMulticast6(src)) return 'a multicast source';
  if (device.record.type !== 'loopback' && (src === LOOPBACK6 || dst === LOOPBACK6)) return 'the loopback address from a wire';
  return dst === 0n ? 'the unspecified destination' : undefined;
}

/** ip6_forward(): the hop limit and the MTU are looked at before FORWARD's rules, and the hop limit is taken down before them. */
function forward(core: Core, netns: NetnsState, inDevice: DeviceState, packet: Skb, route: CompiledRoute, device: DeviceState): void {
  core.nowNs += FORWARD_NS;
  emitRouted(core, inDevice.place, route, 'forward', undefined, packet);
  const src = packet.src as Ip6;
  const { place } = inDevice;
  if (packet.packetType !== PACKET_HOST) {
    emitDropped(core, place, packet, 'OTHERHOST', 'a multicast frame is not forwarded');
    return;
  }
  if (packet.ttl <= 1) {
    core.layers.dropWithError(netns, packet, place, 'IP_TTL_EXPIRED', `hop limit ${packet.ttl}`, { type: ICMP6_TIME_EXCEEDED, code: 0 });
    return;
  }
  if (src === 0n) {
    emitDropped(core, place, packet, 'IP_INADDRERRORS', 'the unspecified source does not leave its link');
    return;
  }
  if (isLinkLocal6(src)) {
    const detail = `${formatIp(src)} does not leave its link`;
    core.layers.dropWithError(netns, packet, place, 'IP_INADDRERRORS', detail, { type: ICMP6_UNREACHABLE, code: BEYOND_SCOPE });
    return;
  }
  const bytes = ipBytes(packet);
  const mtu = Math.max(MIN_MTU6, routeMtu(route, device));
  const largest = packet.fragMaxBytes;
  if (bytes > mtu && (largest === 0 || largest > mtu)) {
    const detail = `${bytes} bytes, MTU of ${device.name} is ${mtu}; routers do not fragment IPv6`;
    core.layers.dropWithError(netns, packet, place, 'PKT_TOO_BIG', detail, { type: ICMP6_TOO_BIG, code: 0, mtu });
    return;
  }
  packet.ttl -= 1;
  packet.headerRow = -1;
  if (!core.hooks.run(netns, FORWARD, packet, inDevice, device, 0n)) return;
  output6(core, netns, packet, route, device, route.hasGateway ? route.gateway : packet.dst, inDevice);
}

/** ip6_input(): whole datagrams pass INPUT and go to their protocol. */
function deliverLocal(core: Core, netns: NetnsState, device: DeviceState, arrived: Skb): void {
  let packet = arrived;
  if (isFragment(packet)) {
    const whole = reassemble(core, netns, device, packet);
    if (whole === undefined) return;
    packet = whole;
  }
  if (!core.hooks.run(netns, INPUT, packet, device, undefined, 0n)) return;
  packet.fragMaxBytes = 0;
  core.nowNs += LOCAL_DELIVER_NS;
  const to = formatIp(packet.dst);
  switch (packet.protocol) {
    case IP_PROTO_ICMP6:
      receiveIcmp6(core, netns, device, packet);
      return;
    case IP_PROTO_UDP: {
      if (core.layers.tunnelReceive(netns, packet) || core.userland.deliver(netns.id, packet)) return;
      const detail = `nobody listens on UDP [${to}]:${packet.dport}`;
      core.layers.dropWithError(netns, packet, device.place, 'NO_SOCKET', detail, { type: ICMP6_UNREACHABLE, code: ICMP6_PORT_UNREACHABLE });
      return;
    }
    case IP_PROTO_TCP:
      noteProgress(netns, packet);
      if (!core.userland.deliver(netns.id, packet)) emitDropped(core, device.place, packet, 'NO_SOCKET', `no socket for TCP [${to}]:${packet.dport}`);
      return;
    case IP_PROTO_SCTP:
      if (packet.sctp !== undefined && core.userland.deliver(netns.id, packet)) return;
      unknownHeader(core, netns, device, packet);
      return;
    default:
      unknownHeader(core, netns, device, packet);
  }
}

function unknownHeader(core: Core, netns: NetnsState, device: DeviceState, packet: Skb): void {
  const error = { type: ICMP6_PARAMETER, code: UNKNOWN_NEXT_HEADER, pointer: NEXT_HEADER_AT };
  core.layers.dropWithError(netns, packet, device.place, 'UNHANDLED_PROTO', `next header ${packet.protocol}`, error);
}
