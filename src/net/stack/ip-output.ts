/** IPv4 on its way out: OUTPUT and POSTROUTING, fragments, the next hop. Linux: net/ipv4/ip_output.c */
import type { DeviceState } from '../device/device-state.ts';
import { OUTPUT, POSTROUTING } from '../netfilter/hook.ts';
import { emitDropped, emitRouted } from '../trace/emit.ts';
import { ipBytes } from '../wire/lengths.ts';
import type { Ip } from '../wire/packet.ts';
import type { Core, LocalOutResult } from './core.ts';
import { LOCAL_OUTPUT_NS, ROUTE_NS } from './costs.ts';
import type { CompiledRoute } from './fib.ts';
import { cut } from './fragment.ts';
import { localOut6 } from './ip6-output.ts';
import { IP_OUT_OCTETS, IP_OUT_REQUESTS, IP_OUT_TRANSMITS } from './mib.ts';
import type { NetnsState } from './netns-state.ts';
import { isMtuLocked, pathMtu, routeMtu, routeOutput } from './routing.ts';
import type { Skb } from './skb.ts';

/** ip_local_out(): the source may be 0, then the route gives it. A change of destination in OUTPUT (DNAT) routes again, with the source kept. */
export function localOut(core: Core, netns: NetnsState, packet: Skb, bound?: DeviceState): LocalOutResult {
  if (typeof packet.dst === 'bigint') return localOut6(core, netns, packet, bound);
  core.nowNs += LOCAL_OUTPUT_NS;
  netns.mib.add(IP_OUT_REQUESTS, 1);
  let route = routeOutput(netns, packet.dst, packet, bound);
  if (route.kind === 'error') {
    netns.mib.count('IpOutNoRoutes');
    emitDropped(core, netns.place, packet, 'IP_OUTNOROUTES', `no route to the destination (${route.errno})`);
    return route.errno;
  }
  core.nowNs += ROUTE_NS;
  if (packet.src === 0) {
    if (route.source === undefined) {
      emitDropped(core, netns.place, packet, 'IP_OUTNOROUTES', 'the netns has no address to send from');
      return 'EADDRNOTAVAIL';
    }
    packet.src = route.source;
    packet.headerRow = -1;
  }
  if (!packet.dontFragment && packet.ipId === 0) {
    packet.ipId = netns.nextIpId;
    netns.nextIpId = (netns.nextIpId % 65535) + 1;
    packet.headerRow = -1;
  }
  emitRouted(core, route.device.place, route.route, 'output', packet.src, packet);
  if (packet.dontFragment && isMtuLocked(netns, route.route, packet.dst)) packet.dontFragment = false;
  const { dst: destination, mark } = packet;
  if (!core.hooks.run(netns, OUTPUT, packet, undefined, route.device, route.nextHop)) return packet.taken ? 'ok' : 'EPERM';
  // ip_route_me_harder(): the new destination, or a mark that rules of routing may ask for.
  if (packet.dst !== destination || (packet.mark !== mark && netns.fib.custom)) {
    route = routeOutput(netns, packet.dst, packet, bound);
    if (route.kind === 'error') {
      emitDropped(core, netns.place, packet, 'IP_OUTNOROUTES', `no route to the new destination (${route.errno})`);
      return route.errno;
    }
    core.nowNs += ROUTE_NS;
    emitRouted(core, route.device.place, route.route, 'output', packet.src, packet);
  }
  return output(core, netns, packet, route.route, route.device, route.nextHop, undefined);
}

/** ip_output(): behind the routing decision. `inDevice` is where a forwarded packet came in. */
export function output(
  core: Core,
  netns: NetnsState,
  packet: Skb,
  route: CompiledRoute,
  device: DeviceState,
  nextHop: Ip,
  inDevice: DeviceState | undefined,
): LocalOutResult {
  if (!core.hooks.run(netns, POSTROUTING, packet, inDevice, device, nextHop)) return 'EPERM';
  const bytes = ipBytes(packet);
  netns.mib.add(IP_OUT_TRANSMITS, 1);
  netns.mib.add(IP_OUT_OCTETS, bytes);
  const limit = inDevice === undefined || netns.forwardsByPathMtu ? pathMtu(netns, route, device, packet.dst, core.nowNs) : routeMtu(route, device);
  if (bytes <= limit && packet.fragMaxBytes === 0) {
    core.layers.resolve(device, packet, nextHop);
    return 'ok';
  }
  if (bytes > limit && packet.dontFragment) {
    core.layers.dropWithError(netns, packet, device.place, 'PKT_TOO_BIG', `${bytes} bytes, MTU ${limit}, and DF is set`, { type: 3, code: 4, mtu: limit });
    return 'EMSGSIZE';
  }
  const mtu = packet.fragMaxBytes > 0 ? Math.min(limit, packet.fragMaxBytes) : limit;
  if (bytes <= mtu) {
    packet.fragMaxBytes = 0;
    core.layers.resolve(device, packet, nextHop);
    return 'ok';
  }
  for (const piece of cut(packet, mtu)) core.layers.resolve(device, piece, nextHop);
  return 'ok';
}
