/** Where a packet goes: routing for what came in and for what was made here. Linux: net/ipv4/route.c */
import { isLimitedBroadcast, isLoopback, isMulticast, isZeroNet } from '../addr/ip4.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { DropReason } from '../trace-event.ts';
import type { Ip, Ip4 } from '../wire/packet.ts';
import { type CompiledRoute, RTN_BLACKHOLE, RTN_BROADCAST, RTN_LOCAL, RTN_PROHIBIT, RTN_UNICAST, RTN_UNREACHABLE } from './fib.ts';
import type { NetnsState } from './netns-state.ts';
import { routeInput6 } from './routing6.ts';

export type InputRoute =
  | { readonly kind: 'local'; readonly route: CompiledRoute | undefined }
  | { readonly kind: 'forward'; readonly route: CompiledRoute; readonly device: DeviceState }
  /** Invalid addresses or reverse path: dropped without a word. */
  | { readonly kind: 'drop'; readonly reason: DropReason; readonly detail: string; readonly route: CompiledRoute | undefined }
  /** No way on: `code` is that of the ICMP unreachable, undefined where the kernel keeps silent. */
  | {
      readonly kind: 'unreachable';
      readonly reason: DropReason;
      readonly detail: string;
      readonly code: number | undefined;
      readonly route: CompiledRoute | undefined;
    };

const STRICT = 1;
/** A packet has two addresses of one family. */
const MIXED: InputRoute = { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'addresses of two families', route: undefined };

/** fib_validate_source() and the martian checks of ip_route_input_slow(). */
function invalidSource(netns: NetnsState, device: DeviceState, src: Ip4): InputRoute | undefined {
  if (isMulticast(src) || isLimitedBroadcast(src) || (isZeroNet(src) && src !== 0)) {
    return { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'martian source', route: undefined };
  }
  if (isLoopback(src) && !netns.settings(device).routesLocalnet)
    return { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'martian source: loopback address from a wire', route: undefined };
  const fib = netns.fib;
  if (fib.deviceOf(src) !== undefined) return { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'martian source: an address of this host', route: undefined };
  const filter = netns.settings(device).reversePathFilter;
  if (filter === 0) return undefined;
  const back = fib.find(src);
  if (back === undefined || back.type !== RTN_UNICAST)
    return { kind: 'drop', reason: 'IP_RPFILTER', detail: 'rp_filter: no route back to the source', route: back };
  if (filter === STRICT && back.device !== device) {
    return { kind: 'drop', reason: 'IP_RPFILTER', detail: `rp_filter: the way back is ${back.device?.name}, not ${device.name}`, route: back };
  }
  return undefined;
}

/** ip_route_input(): for a packet that came in by `device`. */
export function routeInput(netns: NetnsState, device: DeviceState, src: Ip, dst: Ip): InputRoute {
  if (typeof src === 'bigint' || typeof dst === 'bigint') return typeof dst === 'bigint' ? routeInput6(netns, device, dst) : MIXED;
  if (isLimitedBroadcast(dst)) return { kind: 'local', route: undefined };
  if (isZeroNet(dst)) return { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'martian destination', route: undefined };
  if (isLoopback(dst) && !netns.settings(device).routesLocalnet) {
    return { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'martian destination: loopback address from a wire', route: undefined };
  }
  if (isMulticast(dst)) return { kind: 'drop', reason: 'IP_INADDRERRORS', detail: 'multicast is not simulated', route: undefined };
  const invalid = invalidSource(netns, device, src);
  if (invalid !== undefined) return invalid;
  const route = netns.fib.find(dst);
  if (route !== undefined && (route.type === RTN_LOCAL || route.type === RTN_BROADCAST)) return { kind: 'local', route };
  return onwards(netns, route);
}

function onwards(netns: NetnsState, route: CompiledRoute | undefined): InputRoute {
  if (!netns.forwarding) return { kind: 'unreachable', reason: 'IP_FORWARDING_DISABLED', detail: 'net.ipv4.ip_forward = 0', code: undefined, route };
  if (route === undefined) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'no route to the destination', code: 0, route };
  if (route.type === RTN_BLACKHOLE) return { kind: 'drop', reason: 'IP_INNOROUTES', detail: 'blackhole route', route };
  if (route.type === RTN_UNREACHABLE) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'unreachable route', code: 1, route };
  if (route.type === RTN_PROHIBIT) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'prohibit route', code: 13, route };
  return { kind: 'forward', route, device: route.device as DeviceState };
}

export type OutputRoute =
  | { readonly kind: 'ok'; readonly route: CompiledRoute; readonly device: DeviceState; readonly nextHop: Ip; readonly local: boolean }
  | { readonly kind: 'error'; readonly errno: 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL' };

const NO_ROUTE: OutputRoute = { kind: 'error', errno: 'ENETUNREACH' };

/** ip_route_output(): for a packet made here. What is addressed to this host goes by lo. */
export function routeOutput(netns: NetnsState, dst: Ip): OutputRoute {
  const route = netns.fib.find(dst);
  if (route === undefined) return NO_ROUTE;
  switch (route.type) {
    case RTN_LOCAL: {
      const loopback = netns.loopback;
      return loopback === undefined ? NO_ROUTE : { kind: 'ok', route, device: loopback, nextHop: dst, local: true };
    }
    case RTN_UNREACHABLE:
      return { kind: 'error', errno: 'EHOSTUNREACH' };
    case RTN_PROHIBIT:
      return { kind: 'error', errno: 'EACCES' };
    case RTN_BLACKHOLE:
      return { kind: 'error', errno: 'EINVAL' };
    default:
      return { kind: 'ok', route, device: route.device as DeviceState, nextHop: route.hasGateway ? route.gateway : dst, local: false };
  }
}

/** The path MTU a local packet may have: of the device, or what an ICMP error has taught. */
export function pathMtu(netns: NetnsState, device: DeviceState, dst: Ip, nowNs: number): number {
  const learnt = netns.pathMtus.get(dst);
  if (learnt === undefined) return device.mtuBytes;
  if (learnt.expiresNs <= nowNs) {
    netns.pathMtus.delete(dst);
    return device.mtuBytes;
  }
  return Math.min(device.mtuBytes, learnt.mtuBytes);
}
