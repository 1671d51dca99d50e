/** The routing tables of one netns, compiled: of each family a Map for each prefix length, longest first. Linux: net/ipv4/fib_trie.c, fib_semantics.c */
import type { Origin } from '../../base/origin.ts';
import { bitsOf, formatIp, formatPrefix, ipOf, networkOf, prefixOf, sameFamily } from '../addr/ip.ts';
import { maskOf } from '../addr/ip4.ts';
import { type DeviceState, selectAddress } from '../device/device-state.ts';
import type { Route } from '../records.ts';
import type { RouteReference } from '../trace-event.ts';
import type { Ip } from '../wire/packet.ts';
import { formatRoute } from './format-route.ts';

export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_BROADCAST = 3;
export const RTN_BLACKHOLE = 4;
export const RTN_UNREACHABLE = 5;
export const RTN_PROHIBIT = 6;
export const RTN_THROW = 7;
export const RTN_MULTICAST = 8;

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
  readonly gateway: Ip;
  readonly hasGateway: boolean;
  /** The source address it gives to local packets; undefined when the netns has none to give. */
  readonly source: Ip | undefined;
  readonly reference: RouteReference;
  /** Index of the interned reference in the trace log, -1 before its first use. */
  traceIndex: number;
}

class Table {
  readonly #byLength: (Map<Ip, CompiledRoute[]> | undefined)[] = [];
  #lengths: number[] = [];

  add(network: Ip, route: CompiledRoute): void {
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

  find(ip: Ip, onDevice: DeviceState | undefined): CompiledRoute | undefined {
    for (const length of this.#lengths) {
      const routes = (this.#byLength[length] as Map<Ip, CompiledRoute[]>).get(networkOf(ip, length));
      if (routes === undefined) continue;
      if (onDevice === undefined) return routes[0];
      for (const route of routes) if (route.device === undefined || route.device === onDevice) return route;
    }
    return undefined;
  }
}

export class Fib {
  readonly #four = { local: new Table(), main: new Table() };
  readonly #six = { local: new Table(), main: new Table() };
  readonly #addresses = new Map<Ip, DeviceState>();

  constructor(devices: Iterable<DeviceState>, routes: Iterable<Route>, deviceByName: (name: string) => DeviceState | undefined) {
    const all = [...devices];
    for (const device of all) {
      if (!device.up) continue;
      this.#addLocal(device);
      this.#addLocal6(device);
    }
    for (const record of routes) if (record.table === TABLE_MAIN) this.#addRecord(record, deviceByName, all);
  }

  /** Tables local, then main, as `ip rule` has them by default. */
  find(ip: Ip): CompiledRoute | undefined {
    const { local, main } = this.#of(ip);
    return local.find(ip, undefined) ?? main.find(ip, undefined);
  }

  /** Only routes out of one device. */
  findOn(ip: Ip, device: DeviceState): CompiledRoute | undefined {
    const { local, main } = this.#of(ip);
    return local.find(ip, device) ?? main.find(ip, device);
  }

  isLocal(ip: Ip): boolean {
    return this.#of(ip).local.find(ip, undefined)?.type === RTN_LOCAL;
  }

  #of(ip: Ip): { readonly local: Table; readonly main: Table } {
    return typeof ip === 'bigint' ? this.#six : this.#four;
  }

  /** The device that has this very address. */
  deviceOf(ip: Ip): DeviceState | undefined {
    return this.#addresses.get(ip);
  }

  #addLocal(device: DeviceState): void {
    for (const address of device.addresses) {
      if (typeof address.ip === 'bigint') continue;
      if (!this.#addresses.has(address.ip)) this.#addresses.set(address.ip, device);
      const loopback = device.record.type === 'loopback';
      this.#derive(RTN_LOCAL, address.ip, bitsOf(address.ip), device, address.ip);
      const mask = maskOf(address.prefixLength);
      if (loopback && address.prefixLength < 32) this.#derive(RTN_LOCAL, address.ip & mask, address.prefixLength, device, address.ip);
      if (address.broadcast !== undefined) this.#derive(RTN_BROADCAST, address.broadcast, 32, device, address.ip);
      if (loopback && address.prefixLength < 31) this.#derive(RTN_BROADCAST, address.ip | ~mask, 32, device, address.ip);
    }
  }

  /** addrconf.c, addrconf_add_mroute and __ipv6_ifa_notify: an address is local when nobody has claimed it; groups go out by every device. */
  #addLocal6(device: DeviceState): void {
    let groups = false;
    for (const { ip, prefixLength, derived } of device.addresses) {
      if (typeof ip !== 'bigint') continue;
      groups = true;
      if (derived === true && device.record.type !== 'loopback')
        this.#add6(RTN_UNICAST, networkOf(ip, prefixLength), prefixLength, device, TABLE_MAIN, undefined);
      if (device.tentative.has(ip)) continue;
      if (!this.#addresses.has(ip)) this.#addresses.set(ip, device);
      this.#add6(RTN_LOCAL, ip, 128, device, TABLE_LOCAL, ip);
    }
    if (groups && device.record.type !== 'loopback') this.#add6(RTN_MULTICAST, 0xffn << 120n, 8, device, TABLE_LOCAL, undefined);
  }

  #add6(type: number, network: Ip, prefixLength: number, device: DeviceState, table: number, source: Ip | undefined): void {
    const metric = type === RTN_LOCAL ? 0 : 256;
    const word = type === RTN_LOCAL ? 'local ' : type === RTN_MULTICAST ? 'multicast ' : '';
    const destination = prefixLength === 128 ? formatIp(network) : formatPrefix(network, prefixLength);
    const inTable = table === TABLE_LOCAL ? 'table local ' : '';
    const text = `${word}${destination} dev ${device.name} ${inTable}proto kernel metric ${metric} pref medium`;
    const where = table === TABLE_LOCAL ? this.#six.local : this.#six.main;
    const reference = { text, table, prefixLength, origin: KERNEL };
    where.add(network, { type, table, prefixLength, metric, device, gateway: 0, hasGateway: false, source, reference, traceIndex: -1 });
  }

  #derive(type: number, network: Ip, prefixLength: number, device: DeviceState, source: Ip): void {
    const word = type === RTN_LOCAL ? 'local' : 'broadcast';
    const destination = prefixLength === bitsOf(network) ? formatIp(network) : `${formatIp(network)}/${prefixLength}`;
    const scope = type === RTN_LOCAL ? 'host' : 'link';
    this.#of(network).local.add(network, {
      type,
      table: TABLE_LOCAL,
      prefixLength,
      metric: 0,
      device,
      gateway: 0,
      hasGateway: false,
      source,
      reference: {
        text: `${word} ${destination} dev ${device.name} table local proto kernel scope ${scope} src ${formatIp(source)}`,
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
    const { network, prefixLength } = prefixOf(record.destination);
    if (typeof network === 'bigint' && device?.netns.settings6(device).disabled === true) return;
    const gateway = record.gateway === undefined ? 0 : ipOf(record.gateway);
    const hasGateway = record.gateway !== undefined;
    const type = TYPES[record.type];
    let source = record.source === undefined ? undefined : ipOf(record.source);
    // An IPv6 route says no source unless somebody wrote one: it is chosen for each destination.
    if (source === undefined && device !== undefined && typeof network === 'number')
      source = selectAddress(device, hasGateway ? gateway : network) ?? firstElsewhere(all, device, network);
    this.#of(network).main.add(network, {
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
export function firstElsewhere(all: Iterable<DeviceState>, not: DeviceState, family: Ip): Ip | undefined {
  for (const device of all) {
    if (device === not || !device.up) continue;
    for (const a of device.addresses) if (a.scope === 'global' && sameFamily(a.ip, family)) return a.ip;
  }
  return undefined;
}
