/** br_netfilter: bridged IP frames pass iptables, and a destination that DNAT changed there decides anew who gets the frame. Linux: net/bridge/br_netfilter_hooks.c */
import { FORWARD, POSTROUTING, PREROUTING } from '../netfilter/hook.ts';
import type { Core } from '../stack/core.ts';
import { NEIGHBOR_NS, ROUTE_NS } from '../stack/costs.ts';
import { cut, isFragment, reassemble } from '../stack/fragment.ts';
import { isConnected } from '../stack/neighbor.ts';
import { routeInput } from '../stack/routing.ts';
import { PACKET_HOST, type Skb } from '../stack/skb.ts';
import { emitDropped, emitResolved, emitRouted } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import type { DeviceState } from './device-state.ts';

/** br_nf_pre_routing(). Returns the packet that is bridged on, or undefined when it is dropped, kept or sent another way. */
export function bridgePrerouting(core: Core, port: DeviceState, bridge: DeviceState, arrived: Skb): Skb | undefined {
  const netns = bridge.netns;
  let packet = arrived;
  if (isFragment(packet) && netns.rulesetFor(packet.dst)?.conntrack === true) {
    const whole = reassemble(core, netns, port, packet);
    if (whole === undefined) return undefined;
    packet = whole;
  }
  packet.physIn = port;
  packet.physOut = undefined;
  const destination = packet.dst;
  // The rules see the bridge as the incoming device; physdev sees the port.
  if (!core.hooks.run(netns, PREROUTING, packet, bridge, undefined, 0)) return undefined;
  packet.preroutingDone = true;
  if (packet.dst === destination) return packet;
  return redirectDnat(core, bridge, packet);
}

/** The second half of br_nf_pre_routing_finish(): the new destination is routed; behind the same bridge the frame stays bridged. */
function redirectDnat(core: Core, bridge: DeviceState, packet: Skb): Skb | undefined {
  core.nowNs += ROUTE_NS;
  const decision = routeInput(bridge.netns, bridge, packet.src, packet.dst, packet);
  if (decision.kind === 'drop') {
    emitDropped(core, bridge.place, packet, decision.reason, decision.detail, decision.route === undefined ? {} : { route: decision.route.reference });
    return undefined;
  }
  if (decision.kind !== 'forward' || decision.device !== bridge) {
    // To the host, which routes it on: the frame is addressed to the bridge itself.
    packet.ethDst = bridge.mac;
    packet.packetType = PACKET_HOST;
    packet.headerRow = -1;
    return packet;
  }
  emitRouted(core, bridge.place, decision.route, 'forward', undefined, packet);
  core.nowNs += NEIGHBOR_NS;
  const nextHop = decision.route.hasGateway ? decision.route.gateway : packet.dst;
  const entry = bridge.neighbors.get(nextHop);
  if (entry !== undefined && isConnected(entry.state) && entry.cachedHeader) {
    packet.ethDst = entry.mac;
    packet.headerRow = -1;
    emitResolved(core, entry, 'cache', packet);
    return packet;
  }
  // The MAC is not at hand: the frame takes the way out by the bridge device (whose tap sees it) and comes back from there.
  packet.bridgedDnat = true;
  core.layers.resolve(bridge, packet, nextHop);
  return undefined;
}

/** br_nf_forward() and br_nf_post_routing(), with in and out both the bridge. Returns the frames that leave by the port: none, one, or the pieces it came in. */
export function forwardHooks(core: Core, bridge: DeviceState, to: DeviceState, packet: Skb): Skb[] {
  const netns = bridge.netns;
  packet.physOut = to;
  packet.packetType = PACKET_HOST;
  if (!core.hooks.run(netns, FORWARD, packet, bridge, bridge, 0)) return [];
  if (!core.hooks.run(netns, POSTROUTING, packet, undefined, bridge, packet.dst)) return [];
  const largest = packet.fragMaxBytes;
  packet.fragMaxBytes = 0;
  return largest > 0 && ipBytes(packet) > largest ? cut(packet, largest) : [packet];
}
