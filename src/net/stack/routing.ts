/** Where a packet goes: routing for what came in and for what was made here. Linux: net/ipv4/route.c, net/ipv4/fib_frontend.c */
import { inPrefix, isUnspecified } from '../addr/ip.ts';
import { ip4, isLimitedBroadcast, isLoopback, isMulticast, isZeroNet } from '../addr/ip4.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { DropReason } from '../trace-event.ts';
import type { Ip, Ip4 } from '../wire/packet.ts';
import { type CompiledRoute, leavesBy, RTN_BLACKHOLE, RTN_BROADCAST, RTN_LOCAL, RTN_NONE, RTN_PROHIBIT, RTN_UNICAST, RTN_UNREACHABLE } from './fib.ts';
import type { FlowFields } from './multipath.ts';
import type { NetnsState } from './netns-state.ts';
import { routeInput6 } from './routing6.ts';
import { addressFor } from './source-address.ts';

export type InputRoute =
  | { readonly kind: 'local'; readonly route: CompiledRoute | undefined }
  | {
      readonly kind: 'forward';
      readonly route: CompiledRoute;
      readonly device: DeviceState;
      /** The sender would do better to go to this next hop by itself (IPSKB_DOREDIRECT). */
      readonly redirect: boolean;
    }
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
/** 224.0.0.1 */
const ALL_HOSTS = ip4('224.0.0.1');

const drop = (reason: DropReason, detail: string, route?: CompiledRoute): InputRoute => ({ kind: 'drop', reason, detail, route });

/** ip_route_input(): for a packet that came in by `device`. `flow` is the packet, for rules and for the choice between ways. */
export function routeInput(netns: NetnsState, device: DeviceState, src: Ip, dst: Ip, flow?: FlowFields): InputRoute {
  if (typeof src === 'bigint' || typeof dst === 'bigint') return typeof dst === 'bigint' ? routeInput6(netns, device, dst, flow) : MIXED;
  if (isMulticast(src) || isLimitedBroadcast(src)) return drop('IP_INVALID_SOURCE', 'martian source: a group address');
  if (isLimitedBroadcast(dst) || (src === 0 && dst === 0)) return broadcastInput(netns, device, src, undefined, flow);
  if (isZeroNet(src)) return drop('IP_INVALID_SOURCE', 'martian source: an address of 0.0.0.0/8');
  if (isZeroNet(dst)) return drop('IP_INVALID_DEST', 'martian destination: an address of 0.0.0.0/8');
  const settings = netns.settings(device);
  if (!settings.routesLocalnet) {
    if (isLoopback(dst)) return drop('IP_LOCALNET', 'martian destination: a loopback address from a wire');
    if (isLoopback(src)) return drop('IP_LOCALNET', 'martian source: a loopback address from a wire');
  }
  // Every host is in the group of all hosts; others would have to be joined.
  if (isMulticast(dst)) return dst === ALL_HOSTS ? { kind: 'local', route: undefined } : drop('IP_INVALID_DEST', 'nobody here has joined this group');
  const route = netns.fib.lookup(dst, flow, device.name, undefined);
  if (route !== undefined && route.type === RTN_BROADCAST) return broadcastInput(netns, device, src, route, flow);
  if (route !== undefined && route.type === RTN_LOCAL) {
    const checked = validateSource(netns, device, src, undefined, flow);
    return typeof checked === 'object' ? checked : { kind: 'local', route };
  }
  const no = noWay(route, settings.forwarding);
  if (no !== undefined) return no;
  if (route === undefined || route.device === undefined) return drop('IP_INVALID_DEST', 'martian destination', route);
  const checked = validateSource(netns, device, src, route.device, flow);
  if (typeof checked === 'object') return checked;
  const redirect = route.device === device && checked && settings.sendsRedirects && (settings.sharedMedia || onLink(device, src, route.gateway));
  return { kind: 'forward', route, device: route.device, redirect };
}

function broadcastInput(netns: NetnsState, device: DeviceState, src: Ip4, route: CompiledRoute | undefined, flow: FlowFields | undefined): InputRoute {
  if (src !== 0) {
    const checked = validateSource(netns, device, src, undefined, flow);
    if (typeof checked === 'object') return checked;
  }
  return { kind: 'local', route };
}

/** What is not for this host and may not or cannot go on. */
function noWay(route: CompiledRoute | undefined, forwarding: boolean): InputRoute | undefined {
  if (!forwarding) return { kind: 'unreachable', reason: 'IP_FORWARDING_DISABLED', detail: 'net.ipv4.ip_forward = 0', code: undefined, route };
  if (route === undefined) return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'no route to the destination', code: 0, route };
  switch (route.type) {
    case RTN_NONE:
      return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'a rule says unreachable', code: 0, route };
    case RTN_BLACKHOLE:
      return drop('IP_INNOROUTES', 'blackhole route', route);
    case RTN_UNREACHABLE:
      return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'unreachable route', code: 1, route };
    case RTN_PROHIBIT:
      return { kind: 'unreachable', reason: 'IP_INNOROUTES', detail: 'prohibit route', code: 13, route };
    default:
      return undefined;
  }
}

/**
 * fib_validate_source(): is the sender one that may be on this side? Otherwise the drop; else whether it is a neighbour on the device's own link, which only
 * a whole lookup tells. `outDevice` is where the packet would leave.
 */
function validateSource(
  netns: NetnsState,
  device: DeviceState,
  src: Ip4,
  outDevice: DeviceState | undefined,
  flow: FlowFields | undefined,
): InputRoute | boolean {
  const settings = netns.settings(device);
  const { fib } = netns;
  const filter = settings.reversePathFilter;
  if (filter === 0 && (outDevice !== device || !settings.sendsRedirects)) {
    if (settings.acceptsLocal) return false;
    if (!fib.custom) return fib.deviceOf(src) === undefined ? false : drop('IP_LOCAL_SOURCE', 'martian source: an address of this host');
  }
  // As the reply would go: the addresses turned round, the mark left out (src_valid_mark 0).
  const back = fib.resultFor(src, flow === undefined ? undefined : { ...reversed(flow), mark: 0 }, outDevice?.name ?? 'lo', undefined);
  if (back === undefined || back.type === RTN_UNREACHABLE || back.type === RTN_PROHIBIT || back.type === RTN_BLACKHOLE || back.type === RTN_NONE)
    return filter === 0 ? false : drop('IP_RPFILTER', 'rp_filter: no route back to the source', back);
  if (back.type !== RTN_UNICAST && !(back.type === RTN_LOCAL && settings.acceptsLocal))
    return drop('IP_LOCAL_SOURCE', 'martian source: an address of this host', back);
  if (leavesBy(back, device)) return !back.hasGateway;
  const hasAddress = device.addresses.some((a) => typeof a.ip === 'number');
  if (filter === STRICT || (filter !== 0 && !hasAddress))
    return drop('IP_RPFILTER', `rp_filter: the way back is ${back.device?.name ?? 'another'}, not ${device.name}`, back);
  return false;
}

const reversed = (flow: FlowFields): FlowFields => ({ ...flow, src: 0, sport: flow.dport, dport: flow.sport });

/** inet_addr_onlink(): both in one subnet of the device. */
const onLink = (device: DeviceState, a: Ip, b: Ip): boolean =>
  device.addresses.some((own) => inPrefix(own.ip, own.prefixLength, a) && (b === 0 || inPrefix(own.ip, own.prefixLength, b)));

export type RouteErrno = 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL';
export type OutputRoute =
  | {
      readonly kind: 'ok';
      readonly route: CompiledRoute;
      readonly device: DeviceState;
      readonly nextHop: Ip;
      readonly local: boolean;
      /** What the kernel fills in where the sender has no address; undefined when the netns has none. */
      readonly source: Ip | undefined;
    }
  | { readonly kind: 'error'; readonly errno: RouteErrno };

const failed = (errno: RouteErrno): OutputRoute => ({ kind: 'error', errno });
const NO_ROUTE = failed('ENETUNREACH');

/** ip_route_output(): for a packet made here. What is addressed to this host goes by lo. `outDevice`: the socket is bound to it. */
export function routeOutput(netns: NetnsState, dst: Ip, flow?: FlowFields, outDevice?: DeviceState): OutputRoute {
  if (outDevice !== undefined && !outDevice.up) return NO_ROUTE;
  const given = flow === undefined || isUnspecified(flow.src) ? undefined : flow.src;
  if (outDevice !== undefined && typeof dst === 'number' && (isLimitedBroadcast(dst) || isMulticast(dst))) return onTheDevice(netns, dst, outDevice);
  const route = netns.fib.lookup(dst, flow, 'lo', outDevice);
  if (route === undefined) return outDevice === undefined || typeof dst === 'bigint' ? NO_ROUTE : onTheDevice(netns, dst, outDevice);
  switch (route.type) {
    case RTN_LOCAL: {
      const loopback = netns.loopback;
      return loopback === undefined ? NO_ROUTE : { kind: 'ok', route, device: loopback, nextHop: dst, local: true, source: route.source ?? dst };
    }
    case RTN_UNREACHABLE:
      return failed('EHOSTUNREACH');
    case RTN_PROHIBIT:
      return failed('EACCES');
    case RTN_BLACKHOLE:
      return failed('EINVAL');
    case RTN_NONE:
      return NO_ROUTE;
    default:
  }
  const device = route.device as DeviceState;
  if (typeof given === 'number' && isLoopback(given) && device.record.type !== 'loopback' && !netns.settings(device).routesLocalnet) return failed('EINVAL');
  const learnt = netns.pathMtus.size === 0 ? undefined : netns.pathMtus.get(dst);
  // A group has no gateway: the default route only names the device.
  const direct = !route.hasGateway || (typeof dst === 'number' && isMulticast(dst) && route.prefixLength < 4);
  const nextHop = learnt?.gateway ?? (direct ? dst : route.gateway);
  return { kind: 'ok', route, device, nextHop, local: false, source: route.source };
}

/** Routing knows no way, but the socket is bound to a device: the destination is taken to be on its link. */
function onTheDevice(netns: NetnsState, dst: Ip4, device: DeviceState): OutputRoute {
  const source = addressFor(netns.devices.values(), device, undefined, dst, 'link');
  const route: CompiledRoute = {
    type: isMulticast(dst) || !isLimitedBroadcast(dst) ? RTN_UNICAST : RTN_BROADCAST,
    table: 0,
    prefixLength: 32,
    metric: 0,
    device,
    gateway: 0,
    hasGateway: false,
    source,
    mtuBytes: 0,
    mtuLocked: false,
    ignored: false,
    ways: undefined,
    reference: { text: `bound to ${device.name}`, table: 0, prefixLength: 32, origin: { component: 'kernel', objects: [] } },
    traceIndex: -1,
  };
  return { kind: 'ok', route, device, nextHop: dst, local: false, source };
}

/** MTU by the route and its device alone, which is all that forwarding looks at. */
export const routeMtu = (route: CompiledRoute | undefined, device: DeviceState): number =>
  route !== undefined && route.mtuBytes > 0 ? route.mtuBytes : device.mtuBytes;

/** The path MTU a local packet may have: of route and device, or what an ICMP error has taught. */
export function pathMtu(netns: NetnsState, route: CompiledRoute | undefined, device: DeviceState, dst: Ip, nowNs: number): number {
  const mtu = routeMtu(route, device);
  const learnt = netns.pathMtus.size === 0 ? undefined : netns.pathMtus.get(dst);
  if (learnt === undefined) return mtu;
  if (learnt.expiresNs <= nowNs) {
    netns.pathMtus.delete(dst);
    return mtu;
  }
  return learnt.mtuBytes === 0 ? mtu : Math.min(mtu, learnt.mtuBytes);
}

/** The path MTU is fixed, by the route or because it was taught to be smaller than min_pmtu: then nothing that must not be cut is sent. */
export function isMtuLocked(netns: NetnsState, route: CompiledRoute, dst: Ip): boolean {
  return route.mtuLocked || netns.pathMtus.get(dst)?.locked === true;
}
