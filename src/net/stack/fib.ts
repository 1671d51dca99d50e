/** The routing tables of one netns, compiled: a Map for each prefix length with int32 keys, longest first. Linux: net/ipv4/fib_trie.c, fib_semantics.c */
import type { Origin } from '../../base/origin.ts';
import { cidr, formatIp4, ip4, maskOf } from '../addr/ip4.ts';
import { type DeviceState, selectAddress } from '../device/device-state.ts';
import type { Route } from '../records.ts';
import type { RouteReference } from '../trace-event.ts';
import type { Ip4 } from '../wire/packet.ts';
import { formatRoute } from './format-route.ts';

export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_BLACKHOLE = 4;
export const RTN_UNREACHABLE = 5;
export const RTN_PROHIBIT = 6;
export const RTN_THROW = 7;

export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;

const TYPES: Readonly<Record<Route['type'], number>> = {
  unicast: RTN_UNICAST,
  local: RTN_LOCAL,
  broadcast: RTN_BROADCAST,
  blackhole: RTN_BLACKHOLE,
  unreachable: RTN_UNREACHABLE,
  prohibit: RTN_PROHIBIT,
  throw: RTN_THROW,
};

const KERNEL: Origin = { component: 'kernel', objects: [] };

export interface CompiledRoute {
  readonly type: number;
  readonly table: number;
  readonly prefixLength: number;
  readonly metric: number;
  /** Absent for blackhole and the like. */
  readonly device: DeviceState | undefined;
  readonly gateway: Ip4;
  readonly hasGateway: boolean;
  /** The source address it gives to local packets; undefined when the netns has none to give. */
  readonly source: Ip4 | undefined;
  readonly reference: RouteReference;
  /** Index of the interned reference in the trace log, -1 before its first use. */
  traceIndex: number;
}

class Table {
  readonly #byLength: (Map<Ip4, CompiledRoute[]> | undefined)[] = new Array(33).fill(undefined);
  #lengths: number[] = [];

  add(network: Ip4, route: CompiledRoute): void {
    let map = this.#byLength[route.prefixLength];
    if (map === undefined) {
      map = new Map();
      this.#byLength[route.prefixLength] = map;
      this.#lengths = [...this.#lengths, route.prefixLength].sort((a, b) => b - a);
    }
    const same = map.get(network);
    if (same === undefined) map.set(network, [route]);
    else {
      same.push(route);
      same.sort((a, b) => a.metric - b.metric);
    }
  }

  find(ip: Ip4, onDevice: DeviceState | undefined): CompiledRoute | undefined {
    for (const length of this.#lengths) {
      const routes = (this.#byLength[length] as Map<Ip4, CompiledRoute[]>).get(ip & maskOf(length));
      if (routes === undefined) continue;
      if (onDevice === undefined) return routes[0];
      for (const route of routes) if (route.device === undefined || route.device === onDevice) return route;
    }
    return undefined;
  }
}

export class Fib {
  readonly #local = new Table();
  readonly #main = new Table();
  readonly #addresses = new Map<Ip4, DeviceState>();

  constructor(devices: Iterable<DeviceState>, routes: Iterable<Route>, deviceByName: (name: string) => DeviceState | undefined) {
    const all = [...devices];
    for (const device of all) if (device.up) this.#addLocal(device);
    for (const record of routes) if (record.table === TABLE_MAIN) this.#addRecord(record, deviceByName, all);
  }

  /** Tables local, then main, as `ip rule` has them by default. */
  find(ip: Ip4): CompiledRoute | undefined {
    return this.#local.find(ip, undefined) ?? this.#main.find(ip, undefined);
  }

  /** Only routes out of one device. */
  findOn(ip: Ip4, device: DeviceState): CompiledRoute | undefined {
    return this.#local.find(ip, device) ?? this.#main.find(ip, device);
  }

  isLocal(ip: Ip4): boolean {
    return this.#local.find(ip, undefined)?.type === RTN_LOCAL;
  }

  /** The device that has this very address. */
  deviceOf(ip: Ip4): DeviceState | undefined {
    return this.#addresses.get(ip);
  }

  #addLocal(device: DeviceState): void {
    for (const address of device.addresses) {
      if (!this.#addresses.has(address.ip)) this.#addresses.set(address.ip, device);
      const loopback = device.record.type === 'loopback';
      this.#derive(RTN_LOCAL, address.ip, 32, device, address.ip);
      if (loopback && address.prefixLength < 32) this.#derive(RTN_LOCAL, address.ip & address.mask, address.prefixLength, device, address.ip);
      if (address.broadcast !== undefined) this.#derive(RTN_BROADCAST, address.broadcast, 32, device, address.ip);
      if (loopback && address.prefixLength < 31) this.#derive(RTN_BROADCAST, address.ip | ~address.mask, 32, device, address.ip);
    }
  }

  #derive(type: number, network: Ip4, prefixLength: number, device: DeviceState, source: Ip4): void {
    const word = type === RTN_LOCAL ? 'local' : 'broadcast';
    const destination = prefixLength === 32 ? formatIp4(network) : `${formatIp4(network)}/${prefixLength}`;
    const scope = type === RTN_LOCAL ? 'host' : 'link';
    this.#local.add(network, {
      type,
      table: TABLE_LOCAL,
      prefixLength,
      metric: 0,
      device,
      gateway: 0,
      hasGateway: false,
      source,
      reference: {
        text: `${word} ${destination} dev ${device.name} table local proto kernel scope ${scope} src ${formatIp4(source)}`,
        table: TABLE_LOCAL,
        prefixLength,
        origin: KERNEL,
      },
      traceIndex: -1,
    });
  }

  #addRecord(record: Route, deviceByName: (name: string) => DeviceState | undefined, all: readonly DeviceState[]): void {
    const device = record.device === undefined ? undefined : deviceByName(record.device);
    // A route of a device that is down (or gone) is not in the kernel's table.
    if (record.type === 'unicast' && (device === undefined || !device.up)) return;
    const { network, prefixLength } = cidr(record.destination);
    const gateway = record.gateway === undefined ? 0 : ip4(record.gateway);
    const hasGateway = record.gateway !== undefined;
    const type = TYPES[record.type];
    let source = record.source === undefined ? undefined : ip4(record.source);
    if (source === undefined && device !== undefined) source = selectAddress(device, hasGateway ? gateway : network) ?? firstElsewhere(all, device);
    this.#main.add(network, {
      type,
      table: record.table,
      prefixLength,
      metric: record.metric,
      device,
      gateway,
      hasGateway,
      source,
      reference: { recordId: record.id, text: formatRoute(record), table: record.table, prefixLength, origin: record.origin },
      traceIndex: -1,
    });
  }
}

/** A device without addresses borrows one from another device of the netns. */
export function firstElsewhere(all: Iterable<DeviceState>, not: DeviceState): Ip4 | undefined {
  for (const device of all) {
    if (device === not || !device.up) continue;
    for (const a of device.addresses) if (a.scope === 'global') return a.ip;
  }
  return undefined;
}
