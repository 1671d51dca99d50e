/** Where an IPv6 packet goes that came in: no martian tables, no reverse path filter, groups and link-local addresses by their device. Linux: net/ipv6/route.c */
import { formatIp } from '../addr/ip.ts';
import { isLinkLocal6, isMulticast6 } from '../addr/ip6.ts';
import type { DeviceState } from '../device/device-state.ts';
import { ICMP6_NO_ROUTE, ICMP6_PROHIBITED } from '../wire/icmp6.ts';
import type { Ip6 } from '../wire/packet.ts';
import { RTN_BLACKHOLE, RTN_LOCAL, RTN_NONE, RTN_PROHIBIT, RTN_UNREACHABLE } from './fib.ts';
import { listensTo } from './ip6-addresses.ts';
import type { FlowFields } from './multipath.ts';
import type { NetnsState } from './netns-state.ts';
import type { InputRoute } from './routing.ts';

/** ip6_route_input(). `code` of an unreachable one is ICMPv6's. */
export function routeInput6(netns: NetnsState, device: DeviceState, dst: Ip6, flow: FlowFields | undefined): InputRoute {
  const settings = netns.settings6(device);
  if (isMulticast6(dst)) {
    if (listensTo(device, dst, settings.forwarding)) return { kind: 'local', route: netns.fib.findOn(dst, device) };
    return { kind: 'drop', reason: 'OTHERHOST', detail: `nobody here listens to the group ${formatIp(dst)}`, route: undefined };
  }
  const route = isLinkLocal6(dst) ? netns.fib.findOn(dst, device) : netns.fib.lookup(dst, flow, device.name, undefined);
  if (route?.type === RTN_LOCAL) return { kind: 'local', route };
  if (route === undefined) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'no route to the destination', code: ICMP6_NO_ROUTE, route };
  if (!netns.forwarding6) return { kind: 'unreachable', reason: 'IP_FORWARDING_DISABLED', detail: 'net.ipv6.conf.all.forwarding = 0', code: undefined, route };
  if (route.type === RTN_NONE) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'a rule says unreachable', code: ICMP6_NO_ROUTE, route };
  if (route.type === RTN_BLACKHOLE) return { kind: 'drop', reason: 'IP_INNOROUTES', detail: 'blackhole route', route };
  if (route.type === RTN_UNREACHABLE) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'unreachable route', code: ICMP6_NO_ROUTE, route };
  if (route.type === RTN_PROHIBIT) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'prohibit route', code: ICMP6_PROHIBITED, route };
  return { kind: 'forward', route, device: route.device as DeviceState, redirect: false };
}
