/** ip route: show, add, append, replace, change, del, flush of both families. iproute2: ip/iproute.c */
import { parseIp } from '../../net/addr/ip.ts';
import type { NextHop, Route } from '../../net/records.ts';
import { formatRouteLine, type RouteFormat, tableName } from '../../net/stack/format-route.ts';
import type { Invocation } from '../command.ts';
import { routeGet } from './ip-route-get.ts';
import { type Json, printJson } from './link-json.ts';
import type { IpOptions } from './link-words.ts';
import { findDevice, routesOf } from './net-view.ts';
import { type RouteWords, readRouteWords, selected } from './route-words.ts';

const MAIN = 254;
const LOCAL = 255;
const METRIC6 = 1024;

const USAGE = `Usage: ip route { list | flush } SELECTOR
       ip route save SELECTOR
       ip route restore
       ip route showdump
       ip route get [ ROUTE_GET_FLAGS ] ADDRESS
                            [ from ADDRESS iif STRING ]
                            [ oif STRING ] [ tos TOS ]
                            [ mark NUMBER ] [ vrf NAME ]
                            [ uid NUMBER ] [ ipproto PROTOCOL ]
                            [ sport NUMBER ] [ dport NUMBER ]
       ip route { add | del | change | append | replace } ROUTE
`;

const FLUSH = ['flush'];
const SHOW = ['show', 'list', 'lst', 'ls', 'sh'];
const WRITE = ['add', 'append', 'prepend', 'replace', 'change', 'chg'] as const;
type Write = 'add' | 'append' | 'prepend' | 'replace' | 'change';

export function ipRoute(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const action = words[0] ?? 'show';
  const rest = words.slice(1);
  const family = options.family ?? (rest.some((word) => word.includes(':') && parseIp(word.split('/')[0] ?? '') !== undefined) ? 6 : 4);
  const starts = (names: readonly string[]): string | undefined => names.find((name) => name.startsWith(action));
  if (action === 'get') return routeGet(invocation, options, rest);
  if (action === 'help') {
    invocation.err(USAGE);
    return 255;
  }
  if (starts(SHOW) !== undefined) return showRoutes(invocation, options, family, rest);
  const write = starts(WRITE);
  if (write !== undefined) return addRoute(invocation, write === 'chg' ? 'change' : (write as Write), family, rest);
  if (starts(['delete']) !== undefined || action === 'del') return deleteRoute(invocation, family, rest);
  if (starts(FLUSH) !== undefined) return flushRoutes(invocation, options, family, rest);
  if (action === 'save') {
    invocation.err('Not sending a binary stream to stdout\n');
    return 255;
  }
  invocation.err(`Command "${action}" is unknown, try "ip route help".\n`);
  return 255;
}

/** Tables in the order in which the kernel's hash has them: by the last byte of their number. */
export function tablesOf({ host, place }: Invocation): number[] {
  const tables = new Set<number>([MAIN, LOCAL]);
  for (const record of host.engine.records.values()) if (record.kind === 'route' && record.netns === place.netns) tables.add(record.table);
  return [...tables].sort((a, b) => (a & 255) - (b & 255) || a - b);
}

function selectRoutes(invocation: Invocation, family: 4 | 6, words: readonly string[]): { readonly read: RouteWords; readonly routes: Route[] } | number {
  const { host, place, err } = invocation;
  const read = readRouteWords(invocation, family, words);
  if (typeof read === 'number') return read;
  if (read.device !== undefined && findDevice(host, place.netns, read.device) === undefined) {
    err(`Cannot find device "${read.device}"\n`);
    return 1;
  }
  const tables = read.table === 'all' ? tablesOf(invocation) : read.table === 'cache' ? [] : [read.table ?? MAIN];
  const routes = tables.flatMap((table) => routesOf(host, place.netns, table));
  return { read, routes: routes.filter((route) => selected(read, route, family)) };
}

function formatOf(invocation: Invocation, options: IpOptions, read: RouteWords): RouteFormat {
  const down = invocation.host.engine.linkdownDevices(invocation.place.netns);
  const hide = new Set<string>();
  if (read.device !== undefined) hide.add('dev');
  if (read.gateway !== undefined) hide.add('via');
  if (typeof read.table === 'number') hide.add('table');
  if (read.protocol !== undefined) hide.add('proto');
  if (read.scope !== undefined) hide.add('scope');
  return { details: options.details, hide, linkdown: (device) => down.has(device), newLine: options.oneLine ? '\\\t' : '\n\t' };
}

function showRoutes(invocation: Invocation, options: IpOptions, family: 4 | 6, words: readonly string[]): number {
  const found = selectRoutes(invocation, family, words);
  if (typeof found === 'number') return found;
  const { read } = found;
  let { routes } = found;
  // Without -4 or -6 `table all` and `root …` show both families.
  if (read.table === 'all' && options.family === undefined && read.destination === undefined) {
    const other = selectRoutes(invocation, 6, words);
    if (typeof other !== 'number') routes = [...routes, ...other.routes];
  }
  const format = formatOf(invocation, options, read);
  if (options.json === true) {
    invocation.out(
      printJson(
        routes.map((route) => routeJson(route, format)),
        options.pretty === true,
      ),
    );
    return 0;
  }
  for (const route of routes) invocation.out(`${formatRouteLine(route, format)}\n`);
  return 0;
}

function routeJson(route: Route, format: RouteFormat): Json {
  const hidden = (word: string): boolean => format.hide?.has(word) === true;
  const details = format.details === true;
  const six = route.destination.includes(':');
  const flagsOf = (device: string | undefined, onlink: boolean): string[] => [
    ...(onlink ? ['onlink'] : []),
    ...(device !== undefined && format.linkdown?.(device) === true ? ['linkdown'] : []),
  ];
  const text = route.destination === '0.0.0.0/0' || route.destination === '::/0' ? 'default' : route.destination.replace(six ? /\/128$/ : /\/32$/, '');
  return {
    ...(route.type !== 'unicast' || details ? { type: route.type } : {}),
    dst: text,
    ...(route.gateway === undefined || hidden('via') ? {} : { gateway: route.gateway }),
    ...(route.device === undefined || hidden('dev') ? {} : { dev: route.device }),
    ...(route.table === MAIN || hidden('table') ? {} : { table: tableName(route.table) }),
    ...((route.protocol !== 'boot' || details) && !hidden('proto') ? { protocol: route.protocol } : {}),
    ...(!six && (route.scope !== 'global' || details) && !hidden('scope') ? { scope: route.scope } : {}),
    ...(route.source === undefined ? {} : { prefsrc: route.source }),
    ...(route.metric !== 0 ? { metric: route.metric } : six ? { metric: route.type === 'local' ? 0 : METRIC6 } : {}),
    flags: flagsOf(route.device, route.onlink),
    ...(route.mtuBytes === undefined ? {} : { metrics: [{ mtu: route.mtuBytes }] }),
    ...(six ? { pref: 'medium' } : {}),
    ...(route.nextHops === undefined
      ? {}
      : {
          nexthops: route.nextHops.map((hop) => ({
            ...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
            dev: hop.device,
            weight: hop.weight,
            flags: flagsOf(hop.device, hop.onlink),
          })),
        }),
  };
}

class Refusal {
  readonly text: string;
  readonly status: number;
  constructor(text: string, status: number) {
    this.text = text;
    this.status = status;
  }
}
const kernel = (words: string): Refusal => new Refusal(`RTNETLINK answers: ${words}\n`, 2);
const refused = (words: string): Refusal => new Refusal(`Error: ${words}\n`, 2);

/** fib_check_nh(): the device a next hop leaves by, or why there is none. The gateway must itself be on a link. */
function checkHop(invocation: Invocation, gateway: string | undefined, device: string | undefined, onlink: boolean, family: 4 | 6): string | Refusal {
  const { host, place } = invocation;
  if (device !== undefined && findDevice(host, place.netns, device) === undefined) return new Refusal(`Cannot find device "${device}"\n`, 1);
  const up = device === undefined || findDevice(host, place.netns, device)?.up === true;
  if (gateway === undefined) {
    if (device === undefined) return kernel('No such device');
    return up ? device : refused('Device for nexthop is not up.');
  }
  if (onlink) {
    if (device === undefined) return refused('Nexthop device required for onlink.');
    return up ? device : refused('Nexthop device is not up');
  }
  if (family === 6 && gateway.startsWith('fe80')) return device ?? refused('Dev not specified for link-local gateway.');
  const towards = host.engine.routeGet(place.netns, gateway, device === undefined ? {} : { oif: device });
  const invalid =
    'error' in towards || towards.gateway !== undefined || towards.table === 0 || (device !== undefined && !towards.local && towards.device !== device);
  if (!invalid) return towards.local ? (device ?? deviceOfAddress(invocation, gateway) ?? towards.device) : towards.device;
  return family === 6 ? kernel('No route to host') : refused('Nexthop has invalid gateway.');
}

function deviceOfAddress({ host, place }: Invocation, ip: string): string | undefined {
  for (const route of host.engine.derivedRoutes(place.netns)) if (route.type === 'local' && route.destination === `${ip}/32`) return route.device;
  return undefined;
}

/** The record that the words make, or why the kernel refuses it. */
function buildRoute(invocation: Invocation, read: RouteWords, family: 4 | 6): Route | Refusal {
  const { host, place } = invocation;
  if (read.destination === undefined) return kernel(read.gateway === undefined ? 'No such device' : 'Invalid argument');
  if (read.hostBits && family === 4) return refused('Invalid prefix for given prefix length.');
  if (read.nextHops.length === 1 && read.device === undefined && read.gateway === undefined) {
    const [hop] = read.nextHops as [NextHop];
    read.gateway = hop.gateway;
    read.device = hop.device === '' ? undefined : hop.device;
    read.onlink ||= hop.onlink;
    read.nextHops = [];
  }
  const type = read.type ?? 'unicast';
  const leads = type === 'unicast' || type === 'local' || type === 'broadcast' || type === 'multicast';
  const hops: NextHop[] = [];
  for (const hop of read.nextHops) {
    const device = checkHop(invocation, hop.gateway, hop.device === '' ? undefined : hop.device, hop.onlink || read.onlink, family);
    if (device instanceof Refusal) return device;
    hops.push({ ...hop, device, onlink: hop.onlink || read.onlink });
  }
  const device = leads && hops.length === 0 ? checkHop(invocation, read.gateway, read.device, read.onlink, family) : undefined;
  if (device instanceof Refusal) return device;
  if (read.source !== undefined && !isLocal(invocation, read.source)) return refused(family === 6 ? 'Invalid source address.' : 'Invalid prefsrc address.');
  const table = typeof read.table === 'number' ? read.table : type === 'local' || type === 'broadcast' ? LOCAL : MAIN;
  const metric = read.metric ?? (family === 6 ? METRIC6 : 0);
  const direct = read.gateway === undefined && hops.length === 0;
  const scope = read.scope ?? (type === 'local' ? 'host' : type === 'broadcast' || type === 'multicast' || (type === 'unicast' && direct) ? 'link' : 'global');
  const written = family === 6 && !leads ? 'lo' : device;
  return {
    kind: 'route',
    id: `${place.netns}/route/${table}/${read.destination}${metric === 0 ? '' : `/${metric}`}`,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    table,
    destination: read.destination,
    type,
    ...(read.gateway === undefined ? {} : { gateway: read.gateway }),
    ...(written === undefined || hops.length > 0 ? {} : { device: written }),
    ...(hops.length === 0 ? {} : { nextHops: hops }),
    protocol: read.protocol ?? 'boot',
    scope,
    ...(read.source === undefined ? {} : { source: read.source }),
    metric,
    onlink: hops.length === 0 && read.onlink,
    ...(read.mtuBytes === undefined ? {} : { mtuBytes: read.mtuBytes, ...(read.mtuLocked ? { mtuLocked: true } : {}) }),
  };

  function isLocal({ host: shell }: Invocation, ip: string): boolean {
    const found = shell.engine.routeGet(place.netns, ip);
    return !('error' in found) && found.local && host === shell;
  }
}

/** Routes with one key: table, destination and metric, in the order in which they are tried. */
function sameKey({ host, place }: Invocation, wanted: Route): Route[] {
  return routesOf(host, place.netns, wanted.table).filter(
    (route) => route.id !== '' && route.destination === wanted.destination && route.metric === wanted.metric,
  );
}

const withOrder = (id: string, order: number): string => (order === 0 ? id : `${id}#${order}`);
const orderOfId = (id: string): number => Number(id.split('#')[1] ?? 0);
const sameWay = (a: Route, b: Route): boolean =>
  a.type === b.type && a.gateway === b.gateway && a.device === b.device && a.source === b.source && JSON.stringify(a.nextHops) === JSON.stringify(b.nextHops);

function addRoute(invocation: Invocation, action: Write, given: 4 | 6, words: readonly string[]): number {
  const { host, err } = invocation;
  const read = readRouteWords(invocation, given, words);
  if (typeof read === 'number') return read;
  const family = read.destination?.includes(':') === true ? 6 : given;
  const built = buildRoute(invocation, read, family);
  const route = built instanceof Refusal ? built : place(invocation, action, built, family);
  if (route instanceof Refusal) {
    err(route.text);
    return route.status;
  }
  host.engine.records.put(route);
  host.settle();
  return 0;
}

/** Where the new route comes among those of its key, as the flags of the netlink message say. */
function place(invocation: Invocation, action: Write, route: Route, family: 4 | 6): Route | Refusal {
  const same = sameKey(invocation, route);
  const [first] = same;
  switch (action) {
    case 'add':
      return first === undefined ? route : kernel('File exists');
    case 'append':
    case 'prepend': {
      if (same.some((other) => sameWay(other, route))) return kernel('File exists');
      if (first === undefined) return route;
      const orders = same.map((other) => orderOfId(other.id));
      return { ...route, id: withOrder(route.id, action === 'append' ? Math.max(...orders) + 1 : Math.min(...orders) - 1) };
    }
    case 'replace':
      return first === undefined ? route : { ...route, id: first.id };
    case 'change':
      if (first === undefined) return family === 6 ? kernel('No such file or directory') : kernel('No such file or directory');
      return { ...route, id: first.id };
  }
}

function deleteRoute(invocation: Invocation, given: 4 | 6, words: readonly string[]): number {
  const { host, err } = invocation;
  const read = readRouteWords(invocation, given, words);
  if (typeof read === 'number') return read;
  if (read.device !== undefined && findDevice(host, invocation.place.netns, read.device) === undefined) {
    err(`Cannot find device "${read.device}"\n`);
    return 1;
  }
  const family = read.destination?.includes(':') === true ? 6 : given;
  const table = typeof read.table === 'number' ? read.table : read.type === 'local' || read.type === 'broadcast' ? LOCAL : MAIN;
  const wanted: RouteWords = { ...read, selects: 'exact' };
  const found =
    read.destination === undefined
      ? undefined
      : routesOf(host, invocation.place.netns, table).find((route) => route.id !== '' && selected(wanted, route, family) && hopsFit(read, route));
  if (found === undefined) {
    err('RTNETLINK answers: No such process\n');
    return 2;
  }
  host.engine.records.remove(found.id);
  host.settle();
  return 0;
}

const hopsFit = (read: RouteWords, route: Route): boolean =>
  read.nextHops.length === 0 ||
  (route.nextHops?.length === read.nextHops.length && read.nextHops.every((hop, i) => hop.gateway === route.nextHops?.[i]?.gateway));

function flushRoutes(invocation: Invocation, options: IpOptions, family: 4 | 6, words: readonly string[]): number {
  const { host, err, out } = invocation;
  if (words.length === 0) {
    err('"ip route flush" requires arguments.\n');
    return 255;
  }
  if (words[0] === 'cache' || (words[0] === 'table' && words[1] === 'cache')) {
    host.engine.flushRouteCache(invocation.place.netns);
    return 0;
  }
  const found = selectRoutes(invocation, family, words);
  if (typeof found === 'number') return found;
  const doomed = found.routes.filter((route) => route.id !== '');
  for (const route of doomed) host.engine.records.remove(route.id);
  host.settle();
  if (!options.statistics) return 0;
  if (doomed.length === 0) out('Nothing to flush.\n');
  else out(`\n*** Round 1, deleting ${doomed.length} entries ***\n*** Flush is complete after 1 round ***\n`);
  return 0;
}
