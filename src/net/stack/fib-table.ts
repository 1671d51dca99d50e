/** One routing table of one family, compiled: a Map for each prefix length, longest first. Linux: net/ipv4/fib_trie.c */
import { networkOf } from '../addr/ip.ts';
import { maskOf } from '../addr/ip4.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { RouteReference } from '../trace-event.ts';
import type { Ip } from '../wire/packet.ts';

export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_BLACKHOLE = 4;
export const RTN_UNREACHABLE = 5;
export const RTN_PROHIBIT = 6;
export const RTN_THROW = 7;
export const RTN_MULTICAST = 8;
/** No route at all, because a rule says so (`ip rule add … unreachable`). */
export const RTN_NONE = 9;

export interface CompiledRoute {
  readonly type: number;
  readonly table: number;
  readonly prefixLength: number;
  readonly metric: number;
  /** Absent for blackhole and the like. */
  readonly device: DeviceState | undefined;
  readonly gateway: Ip;
  readonly hasGateway: boolean;
  /** The source address it gives to local packets; undefined when the netns has none to give. */
  readonly source: Ip | undefined;
  /** MTU of the route itself, 0 for none; a locked one is not lowered by path MTU discovery. */
  readonly mtuBytes: number;
  readonly mtuLocked: boolean;
  /** Its device has no carrier and the device's settings ask to ignore such routes. */
  readonly ignored: boolean;
  /** Several ways to choose from by flow; each is a route of its own. */
  readonly ways: readonly Way[] | undefined;
  readonly reference: RouteReference;
  /** Index of the interned reference in the trace log, -1 before its first use. */
  traceIndex: number;
}

/** One way of a multipath route: flows with a hash up to `bound` (of 2^31) that no earlier way took. -1: dead. */
export interface Way {
  readonly route: CompiledRoute;
  readonly bound: number;
}

export class FibTable {
  readonly #byLength: (Map<Ip, CompiledRoute[]> | undefined)[] = [];
  #lengths: number[] = [];

  /** Routes of one prefix come in the order they shall be tried in. */
  add(network: Ip, route: CompiledRoute): void {
    let map = this.#byLength[route.prefixLength];
    if (map === undefined) {
      map = new Map();
      this.#byLength[route.prefixLength] = map;
      this.#lengths = [...this.#lengths, route.prefixLength].sort((a, b) => b - a);
    }
    const same = map.get(network);
    if (same === undefined) map.set(network, [route]);
    else same.push(route);
  }

  /** Longest prefix, then metric. `onDevice`: only routes out of this device, and those without one (fib_table_lookup with an oif). */
  find(ip: Ip, onDevice: DeviceState | undefined): CompiledRoute | undefined {
    for (const length of this.#lengths) {
      const network = typeof ip === 'number' ? ip & maskOf(length) : networkOf(ip, length);
      const routes = (this.#byLength[length] as Map<Ip, CompiledRoute[]>).get(network);
      if (routes === undefined) continue;
      for (const route of routes) if (!route.ignored && (onDevice === undefined || leavesBy(route, onDevice))) return route;
    }
    return undefined;
  }
}

/** Whether a route, or one of its ways, leaves by a device; those without a device suit any. */
export function leavesBy(route: CompiledRoute, device: DeviceState): boolean {
  if (route.ways !== undefined) return route.ways.some((way) => way.bound >= 0 && way.route.device === device);
  return route.device === undefined || route.device === device;
}
