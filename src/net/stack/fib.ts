/** The routing of one netns, compiled: rules, tables and addresses of both families. Linux: net/ipv4/fib_frontend.c, fib_semantics.c */
import type { Origin } from '../../base/origin.ts';
import { bitsOf, formatIp, formatPrefix, ipOf, networkOf, prefixOf } from '../addr/ip.ts';
import { maskOf } from '../addr/ip4.ts';
import type { DeviceState, LocalAddress } from '../device/device-state.ts';
import type { NextHop, Route, RoutingRule } from '../records.ts';
import type { Ip } from '../wire/packet.ts';
import { type CompiledRule, compileRules, orderOf, ruleMatches, rulesOf } from './fib-rules.ts';
import {
  type CompiledRoute,
  FibTable,
  leavesBy,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  type Way,
} from './fib-table.ts';
import { formatRoute } from './format-route.ts';
import { bounds, chooseWay, type FlowFields, flowHash } from './multipath.ts';
import { addressFor } from './source-address.ts';

export {
  type CompiledRoute,
  RTN_BLACKHOLE,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_NONE,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from './fib-table.ts';

export const TABLE_DEFAULT = 253;
export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;

const TYPES: Readonly<Record<Route['type'], number>> = {
  unicast: RTN_UNICAST,
  local: RTN_LOCAL,
  broadcast: RTN_BROADCAST,
  multicast: RTN_MULTICAST,
  blackhole: RTN_BLACKHOLE,
  unreachable: RTN_UNREACHABLE,
  prohibit: RTN_PROHIBIT,
  throw: RTN_THROW,
};

const KERNEL: Origin = { component: 'kernel', objects: [] };
/** A route straight to a device. */
const PLAIN = { gateway: 0, hasGateway: false, mtuBytes: 0, mtuLocked: false, ignored: false, ways: undefined } as const;
/** Rules that one lookup may look at: `goto` only leads onwards, so this is never reached by what people write. */
const MAX_RULES = 10_000;

/** What the tables are made from, and what choosing between ways needs to know. */
export interface FibParts {
  readonly netns: string;
  readonly devices: Iterable<DeviceState>;
  readonly routes: Iterable<Route>;
  readonly rules: Iterable<RoutingRule>;
  deviceByName(name: string): DeviceState | undefined;
  readonly seed: number;
  /** fib_multipath_hash_policy and fib_multipath_use_neigh. */
  readonly hashPolicy: number;
  readonly useNeighbors: boolean;
}

interface FamilyTables {
  readonly tables: Map<number, FibTable>;
  readonly local: FibTable;
  readonly main: FibTable;
  /** Undefined while only the kernel's own rules are there. */
  readonly rules: readonly CompiledRule[] | undefined;
}

export class Fib {
  readonly #four: FamilyTables;
  readonly #six: FamilyTables;
  readonly #addresses = new Map<Ip, DeviceState>();
  readonly #gateways = new Map<Ip, Set<DeviceState>>();
  readonly #all: readonly DeviceState[];
  readonly #parts: FibParts;
  /** Routes that nobody wrote: those of addresses, as `ip route show table local` shows them. */
  readonly derived: Route[] = [];
  /** Somebody wrote rules, or local routes beside those of addresses: then sources are checked by a whole lookup. */
  readonly custom: boolean;

  constructor(parts: FibParts) {
    this.#parts = parts;
    this.#all = [...parts.devices];
    const rules = [...parts.rules];
    this.#four = emptyTables(parts.netns, 4, rules);
    this.#six = emptyTables(parts.netns, 6, rules);
    for (const device of this.#all) {
      this.#addLocal(device);
      if (device.up) this.#addLocal6(device);
    }
    const routes = [...parts.routes];
    this.custom = rules.length > 0 || routes.some((route) => route.type === 'local');
    for (const group of groups(routes)) this.#addGroup(group);
  }

  /** The route that wins for a packet to `ip` made here or seen from nowhere; of several ways the flow's. */
  find(ip: Ip, flow?: FlowFields): CompiledRoute | undefined {
    return this.lookup(ip, flow, 'lo', undefined);
  }

  /** Only routes out of one device. */
  findOn(ip: Ip, device: DeviceState, flow?: FlowFields): CompiledRoute | undefined {
    return this.lookup(ip, flow, 'lo', device);
  }

  /** fib_lookup() and fib_select_path(). `inDevice` is the name of the device it came in by, `lo` for local packets. */
  lookup(ip: Ip, flow: FlowFields | undefined, inDevice: string, outDevice: DeviceState | undefined): CompiledRoute | undefined {
    const route = this.resultFor(ip, flow, inDevice, outDevice);
    if (route?.ways === undefined) return route;
    if (outDevice !== undefined) return route.ways.find((way) => way.bound >= 0 && way.route.device === outDevice)?.route;
    const { seed, hashPolicy, useNeighbors } = this.#parts;
    const source = flow === undefined || flow.src === 0 || flow.src === 0n ? undefined : flow.src;
    return chooseWay(route.ways, flowHash(seed, hashPolicy, ip, flow), inDevice === 'lo' ? source : undefined, useNeighbors);
  }

  /** The route as it stands in its table, with all of its ways. */
  resultFor(ip: Ip, flow: FlowFields | undefined, inDevice: string, outDevice: DeviceState | undefined): CompiledRoute | undefined {
    const family = this.#of(ip);
    if (family.rules !== undefined) return this.#byRules(family, family.rules, ip, flow, inDevice, outDevice);
    const local = family.local.find(ip, outDevice);
    if (local !== undefined && local.type !== RTN_THROW) return local;
    const main = family.main.find(ip, outDevice);
    if (main !== undefined && main.type !== RTN_THROW) return main;
    return family.tables.get(TABLE_DEFAULT)?.find(ip, outDevice);
  }

  #byRules(
    family: FamilyTables,
    rules: readonly CompiledRule[],
    ip: Ip,
    flow: FlowFields | undefined,
    inDevice: string,
    outDevice: DeviceState | undefined,
  ): CompiledRoute | undefined {
    for (let i = 0, looked = 0; i < rules.length && looked < MAX_RULES; i += 1, looked += 1) {
      const rule = rules[i] as CompiledRule;
      if (!ruleMatches(rule, ip, flow, inDevice, outDevice?.name)) continue;
      if (rule.verdict !== undefined) return rule.verdict;
      if (rule.record.action === 'goto') {
        const target = rules.findIndex((other, at) => at > i && other.record.priority === rule.record.target);
        if (target > i) i = target - 1;
        continue;
      }
      if (rule.record.action !== 'lookup') continue;
      const route = family.tables.get(rule.record.table ?? TABLE_MAIN)?.find(ip, outDevice);
      if (route === undefined || route.type === RTN_THROW) continue;
      if (rule.record.suppressPrefixLength !== undefined && route.prefixLength <= rule.record.suppressPrefixLength) continue;
      return route;
    }
    return undefined;
  }

  /** ip_fib_check_default(): some route out of `device` has this gateway. */
  isGateway(ip: Ip, device: DeviceState): boolean {
    return this.#gateways.get(ip)?.has(device) === true;
  }

  isLocal(ip: Ip): boolean {
    return this.#of(ip).local.find(ip, undefined)?.type === RTN_LOCAL;
  }

  /** inet_addr_type(): what table local says of an address; unicast where it says nothing. */
  typeOf(ip: Ip): number {
    return this.#of(ip).local.find(ip, undefined)?.type ?? RTN_UNICAST;
  }

  /** The device that has this very address. */
  deviceOf(ip: Ip): DeviceState | undefined {
    return this.#addresses.get(ip);
  }

  #of(ip: Ip): FamilyTables {
    return typeof ip === 'bigint' ? this.#six : this.#four;
  }

  /** fib_add_ifaddr(): an address is local, also while its device is down; the last one of its subnet is everybody's. */
  #addLocal(device: DeviceState): void {
    for (const address of device.addresses) {
      const { ip } = address;
      if (typeof ip === 'bigint') continue;
      if (!this.#addresses.has(ip)) this.#addresses.set(ip, device);
      const primary = primaryOf(device, address);
      this.#derive(RTN_LOCAL, ip, 32, device, primary);
      if (!device.up) continue;
      if (address.broadcast !== undefined) this.#derive(RTN_BROADCAST, address.broadcast, 32, device, primary);
      if (address.secondary === true) continue;
      const mask = maskOf(address.prefixLength);
      if (device.record.type === 'loopback' && address.prefixLength < 32) this.#derive(RTN_LOCAL, ip & mask, address.prefixLength, device, primary);
      if (address.prefixLength < 31 && address.broadcast !== (ip | ~mask)) this.#derive(RTN_BROADCAST, ip | ~mask, 32, device, primary);
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
    this.#note(type, formatPrefix(network, prefixLength), device, table, undefined, metric);
    where.add(network, { ...PLAIN, type, table, prefixLength, metric, device, source, reference, traceIndex: -1 });
  }

  #derive(type: number, network: Ip, prefixLength: number, device: DeviceState, source: Ip): void {
    const table = this.#of(network).local;
    const known = table.find(network, undefined);
    // Two addresses of one subnet would tell the same broadcast address twice.
    if (known !== undefined && known.prefixLength === prefixLength && known.type === type && known.device === device) return;
    const word = type === RTN_LOCAL ? 'local' : 'broadcast';
    const destination = prefixLength === bitsOf(network) ? formatIp(network) : `${formatIp(network)}/${prefixLength}`;
    const scope = type === RTN_LOCAL ? 'host' : 'link';
    const text = `${word} ${destination} dev ${device.name} table local proto kernel scope ${scope} src ${formatIp(source)}`;
    this.#note(type, formatPrefix(network, prefixLength), device, TABLE_LOCAL, source, 0);
    table.add(network, {
      ...PLAIN,
      type,
      table: TABLE_LOCAL,
      prefixLength,
      metric: 0,
      device,
      source,
      reference: { text, table: TABLE_LOCAL, prefixLength, origin: KERNEL },
      traceIndex: -1,
    });
  }

  #note(type: number, destination: string, device: DeviceState, table: number, source: Ip | undefined, metric: number): void {
    this.derived.push({
      kind: 'route',
      id: '',
      origin: KERNEL,
      netns: this.#parts.netns,
      table,
      destination,
      type: type === RTN_LOCAL ? 'local' : type === RTN_BROADCAST ? 'broadcast' : type === RTN_MULTICAST ? 'multicast' : 'unicast',
      device: device.name,
      protocol: 'kernel',
      scope: type === RTN_LOCAL ? 'host' : 'link',
      ...(source === undefined ? {} : { source: formatIp(source) }),
      metric,
      onlink: false,
    });
  }

  /** One route, or several IPv6 routes of one prefix and metric with gateways, which are ways of one. */
  #addGroup(group: readonly Route[]): void {
    const [record] = group as [Route];
    const hops: readonly NextHop[] | undefined = group.length > 1 ? group.flatMap(hopOf) : record.nextHops;
    const { network } = prefixOf(record.destination);
    const { tables } = this.#of(network);
    let table = tables.get(record.table);
    if (table === undefined) {
      table = new FibTable();
      tables.set(record.table, table);
    }
    if (hops === undefined) {
      const route = this.#compile(record, record.gateway, record.device, network);
      if (route !== undefined) table.add(network, route);
      return;
    }
    const ways = this.#ways(record, hops, network);
    const first = ways.find((way) => way.bound >= 0);
    // A route all of whose devices are down is not in the kernel's table.
    if (first !== undefined) table.add(network, { ...first.route, ways, traceIndex: -1 });
  }

  #ways(record: Route, hops: readonly NextHop[], network: Ip): Way[] {
    const compiled = hops.map((hop) => this.#compile(record, hop.gateway, hop.device, network));
    const alive = bounds(hops.map((hop, i) => ({ weight: hop.weight, alive: compiled[i] !== undefined && compiled[i]?.ignored !== true })));
    return compiled.flatMap((route, i) => (route === undefined ? [] : [{ route, bound: alive[i] as number }]));
  }

  #compile(record: Route, gatewayText: string | undefined, deviceName: string | undefined, network: Ip): CompiledRoute | undefined {
    const device = deviceName === undefined ? undefined : this.#parts.deviceByName(deviceName);
    const type = TYPES[record.type];
    // A route of a device that is down (or gone) is not in the kernel's table; local ones stay (fib_sync_down_dev()).
    if ((type === RTN_UNICAST || type === RTN_BROADCAST) && device?.up !== true) return undefined;
    if (type === RTN_LOCAL && device === undefined) return undefined;
    if (typeof network === 'bigint' && device?.netns.settings6(device).disabled === true) return undefined;
    const gateway = gatewayText === undefined ? undefined : ipOf(gatewayText);
    let source = record.source === undefined ? undefined : ipOf(record.source);
    // An IPv6 route says no source unless somebody wrote one: it is chosen for each destination.
    if (source === undefined && device !== undefined && type !== RTN_LOCAL && typeof network === 'number')
      source = addressFor(this.#all, device, gateway, network, record.scope);
    if (gateway !== undefined && device !== undefined) this.#gateways.set(gateway, (this.#gateways.get(gateway) ?? new Set()).add(device));
    const { prefixLength } = prefixOf(record.destination);
    return {
      type,
      table: record.table,
      prefixLength,
      metric: record.metric,
      device,
      gateway: gateway ?? 0,
      hasGateway: gateway !== undefined,
      source,
      mtuBytes: record.mtuBytes ?? 0,
      mtuLocked: record.mtuLocked === true,
      ignored: device !== undefined && !device.carrier && device.netns.settings(device).ignoresLinkdownRoutes,
      ways: undefined,
      reference: { recordId: record.id, text: textOf(record, gatewayText, deviceName), table: record.table, prefixLength, origin: record.origin },
      traceIndex: -1,
    };
  }
}

function emptyTables(netns: string, family: 4 | 6, rules: readonly RoutingRule[]): FamilyTables {
  const local = new FibTable();
  const main = new FibTable();
  return {
    tables: new Map([
      [TABLE_LOCAL, local],
      [TABLE_MAIN, main],
    ]),
    local,
    main,
    rules: rules.some((rule) => rule.family === family) ? compileRules(rulesOf(netns, family, rules)) : undefined,
  };
}

/** In the order they are tried in: metric, then the order of writing. */
function groups(routes: readonly Route[]): Route[][] {
  const sorted = [...routes].sort((a, b) => a.metric - b.metric || orderOf(a.id) - orderOf(b.id));
  const grouped = new Map<string, Route[]>();
  for (const route of sorted) {
    const siblings = route.destination.includes(':') && route.type === 'unicast' && route.gateway !== undefined;
    const key = siblings ? `${route.table} ${route.destination} ${route.metric}` : route.id;
    const known = grouped.get(key);
    if (known === undefined) grouped.set(key, [route]);
    else known.push(route);
  }
  return [...grouped.values()];
}

const hopOf = (route: Route): NextHop[] =>
  route.device === undefined
    ? []
    : [{ ...(route.gateway === undefined ? {} : { gateway: route.gateway }), device: route.device, weight: 1, onlink: route.onlink }];

/** A secondary address sends as its subnet's first. */
function primaryOf(device: DeviceState, address: LocalAddress): Ip {
  if (address.secondary !== true) return address.ip;
  return device.addresses.find((a) => a.secondary !== true && a.prefixLength === address.prefixLength && sameSubnet(a, address))?.ip ?? address.ip;
}

function sameSubnet(a: LocalAddress, b: LocalAddress): boolean {
  return typeof a.ip === 'number' && typeof b.ip === 'number' && ((a.ip ^ b.ip) & maskOf(a.prefixLength)) === 0;
}

/** Of a route with several ways the one that was chosen. */
function textOf(record: Route, gateway: string | undefined, device: string | undefined): string {
  if (record.nextHops === undefined) return formatRoute(record);
  const { nextHops: _nextHops, ...rest } = record;
  return formatRoute({ ...rest, ...(gateway === undefined ? {} : { gateway }), ...(device === undefined ? {} : { device }) });
}

export { leavesBy };
