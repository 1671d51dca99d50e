/** IPv6 on its way out: OUTPUT and POSTROUTING, fragments made by the sender alone, the next hop. Linux: net/ipv6/ip6_output.c */
import { hashText } from '../../base/prng.ts';
import { formatIp } from '../addr/ip.ts';
import type { DeviceState } from '../device/device-state.ts';
import { OUTPUT, POSTROUTING } from '../netfilter/hook.ts';
import { emitDropped, emitRouted } from '../trace/emit.ts';
import { ICMP6_TOO_BIG } from '../wire/icmp6.ts';
import { ipBytes } from '../wire/lengths.ts';
import { ETHERTYPE_IPV6, type Ip } from '../wire/packet.ts';
import type { Core, LocalOutResult } from './core.ts';
import { LOCAL_OUTPUT_NS, ROUTE_NS } from './costs.ts';
import type { CompiledRoute } from './fib.ts';
import { cut } from './fragment.ts';
import { sourceFor } from './ip6-source.ts';
import type { NetnsState } from './netns-state.ts';
import { pathMtu, routeMtu, routeOutput } from './routing.ts';
import type { Skb } from './skb.ts';
import { sysctl } from './sysctl.ts';

/** Every link carries packets of this size (RFC 8200 section 5). */
export const MIN_MTU6 = 1280;

/** ip6_local_out(): a source that was not chosen yet (the number 0) is given by the route. */
export function localOut6(core: Core, netns: NetnsState, packet: Skb, bound?: DeviceState): LocalOutResult {
  core.nowNs += LOCAL_OUTPUT_NS;
  packet.etherType = ETHERTYPE_IPV6;
  let route = routeOutput(netns, packet.dst, packet, bound);
  if (route.kind === 'error') {
    emitDropped(core, netns.place, packet, 'IP_OUTNOROUTES', `no route to the destination (${route.errno})`);
    return route.errno;
  }
  core.nowNs += ROUTE_NS;
  if (packet.src === 0) {
    const source = sourceFor(netns, route, packet.dst);
    if (source === undefined) {
      emitDropped(core, netns.place, packet, 'IP_OUTNOROUTES', `the netns has no address to send to ${formatIp(packet.dst)} from`);
      return 'EADDRNOTAVAIL';
    }
    packet.src = source;
  }
  if (packet.flowLabel === 0 && sysctl(netns.record.sysctls, 'net.ipv6.auto_flowlabels') !== 0) packet.flowLabel = flowLabelOf(core.seed, netns, packet);
  packet.headerRow = -1;
  emitRouted(core, route.device.place, route.route, 'output', packet.src, packet);
  const { dst: destination, mark } = packet;
  if (!core.hooks.run(netns, OUTPUT, packet, undefined, route.device, route.nextHop)) return packet.taken ? 'ok' : 'EPERM';
  if (packet.dst !== destination || (packet.mark !== mark && netns.fib.custom)) {
    route = routeOutput(netns, packet.dst, packet, bound);
    if (route.kind === 'error') {
      emitDropped(core, netns.place, packet, 'IP_OUTNOROUTES', `no route to the new destination (${route.errno})`);
      return route.errno;
    }
    core.nowNs += ROUTE_NS;
    emitRouted(core, route.device.place, route.route, 'output', packet.src, packet);
  }
  return output6(core, netns, packet, route.route, route.device, route.nextHop, undefined);
}

/** ip6_make_flowlabel(): 20 bits of the flow's hash, so that routers can spread flows without looking for ports. */
function flowLabelOf(seed: number, netns: NetnsState, packet: Skb): number {
  const hash =
    packet.flowHash !== 0 ? packet.flowHash : hashText(`${netns.id} ${packet.src} ${packet.dst} ${packet.protocol} ${packet.icmp?.type ?? ''}`, seed);
  return ((hash << 16) | (hash >>> 16)) & 0xfffff;
}

/** ip6_output(): behind the routing decision. `inDevice` is where a forwarded packet came in: only what was put together here is cut again. */
export function output6(
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
  const limit = inDevice === undefined ? pathMtu(netns, route, device, packet.dst, core.nowNs) : routeMtu(route, device);
  const largest = packet.fragMaxBytes;
  packet.fragMaxBytes = 0;
  const mtu = Math.max(MIN_MTU6, largest > 0 ? Math.min(limit, largest) : limit);
  if (bytes <= mtu) {
    core.layers.resolve(device, packet, nextHop);
    return 'ok';
  }
  if (largest === 0 && (packet.dontFragment || inDevice !== undefined)) {
    core.layers.dropWithError(netns, packet, device.place, 'PKT_TOO_BIG', `${bytes} bytes, MTU ${mtu}`, { type: ICMP6_TOO_BIG, code: 0, mtu });
    return 'EMSGSIZE';
  }
  packet.ipId = core.prng(`${netns.id} fragment id`).uint32();
  for (const piece of cut(packet, mtu)) core.layers.resolve(device, piece, nextHop);
  return 'ok';
}
