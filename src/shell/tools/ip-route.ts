/** ip route: show, get, add, del, replace, flush of table main (and what the kernel derives in table local). */
import type { Route } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { devicesOf, findDevice, formatRoute, isIp4, normalCidr, routesOf } from './net-view.ts';

const TABLE_MAIN = 254;
const TABLES: Readonly<Record<string, number>> = { main: 254, local: 255, default: 253, all: 0 };

interface RouteWords {
  destination: string | undefined;
  gateway?: string;
  device?: string;
  source?: string;
  metric?: number;
  protocol?: Route['protocol'];
  scope?: Route['scope'];
  onlink: boolean;
  type: Route['type'];
  table: number;
}

export function ipRoute(invocation: Invocation, options: { readonly details: boolean; readonly family: 4 | 6 | undefined }, words: readonly string[]): number {
  const action = words[0] ?? 'show';
  const rest = words.slice(1);
  if (options.family === 6) return 0;
  switch (action) {
    case 'get':
      return routeGet(invocation, rest);
    case 'add':
    case 'a':
    case 'append':
    case 'replace':
    case 'change':
      return addRoute(invocation, action === 'a' || action === 'append' ? 'add' : action, rest);
    case 'del':
    case 'delete':
      return deleteRoute(invocation, rest);
    case 'flush':
      return flushRoutes(invocation, rest);
    case 'show':
    case 'list':
    case 'ls':
    case 's':
      return showRoutes(invocation, rest);
    default:
      invocation.err(`Command "${action}" is unknown, try "ip route help".\n`);
      return 255;
  }
}

/** Reads what follows `ip route add` and the like; prints the error and returns undefined when it is wrong. */
function readRoute(invocation: Invocation, words: readonly string[]): RouteWords | undefined {
  const { err } = invocation;
  const rest = [...words];
  const read: RouteWords = { destination: undefined, onlink: false, type: 'unicast', table: TABLE_MAIN };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const value = (): string => rest.shift() ?? '';
    if (word === 'via') {
      read.gateway = value();
      if (!isIp4(read.gateway)) {
        err(`Error: inet address is expected rather than "${read.gateway}".\n`);
        return undefined;
      }
    } else if (word === 'dev' || word === 'oif') read.device = value();
    else if (word === 'src') read.source = value();
    else if (word === 'metric' || word === 'preference') read.metric = Number(value());
    else if (word === 'proto') read.protocol = value() as Route['protocol'];
    else if (word === 'scope') read.scope = value() as Route['scope'];
    else if (word === 'onlink') read.onlink = true;
    else if (word === 'table') {
      const name = value();
      read.table = TABLES[name] ?? Number(name);
    } else if (word === 'blackhole' || word === 'unreachable' || word === 'prohibit' || word === 'unicast') read.type = word;
    else if (word === 'to' || word === 'root' || word === 'exact' || word === 'match') continue;
    else if (read.destination === undefined) {
      read.destination = normalCidr(word);
      if (read.destination === undefined) {
        err(`Error: inet prefix is expected rather than "${word}".\n`);
        return undefined;
      }
    } else {
      err(`Error: either "to" is duplicate, or "${word}" is a garbage.\n`);
      return undefined;
    }
  }
  if (
    (read.metric !== undefined && !Number.isInteger(read.metric)) ||
    (read.protocol !== undefined && !['kernel', 'boot', 'static', 'dhcp', 'bird'].includes(read.protocol))
  ) {
    err('Error: argument is wrong: "metric" or "proto" value is invalid\n');
    return undefined;
  }
  return read;
}

function showRoutes(invocation: Invocation, words: readonly string[]): number {
  const { host, place, out, err } = invocation;
  const read = readRoute(invocation, words);
  if (read === undefined) return 1;
  if (read.device !== undefined && findDevice(host, place.netns, read.device) === undefined) {
    err(`Cannot find device "${read.device}"\n`);
    return 1;
  }
  if (read.table === 255) {
    for (const line of localRoutes(invocation)) out(line);
    return 0;
  }
  const tables = read.table === 0 ? [TABLE_MAIN] : [read.table];
  for (const table of tables) {
    for (const route of routesOf(host, place.netns, table)) {
      if (read.device !== undefined && route.device !== read.device) continue;
      if (read.destination !== undefined && route.destination !== read.destination) continue;
      if (read.gateway !== undefined && route.gateway !== read.gateway) continue;
      if (read.protocol !== undefined && route.protocol !== read.protocol) continue;
      const line = formatRoute(route);
      out(`${read.device === undefined ? line : line.replace(` dev ${read.device}`, '')}\n`);
    }
  }
  return 0;
}

/** Table local, as the kernel derives it from addresses. */
function localRoutes({ host, place }: Invocation): string[] {
  const lines: string[] = [];
  for (const device of devicesOf(host, place.netns)) {
    if (!device.up) continue;
    for (const { ip, prefixLength, broadcast } of device.addresses) {
      if (device.type === 'loopback') lines.push(`local 127.0.0.0/${prefixLength} dev ${device.name} proto kernel scope host src ${ip} \n`);
      lines.push(`local ${ip} dev ${device.name} proto kernel scope host src ${ip} \n`);
      const end = device.type === 'loopback' ? '127.255.255.255' : broadcast;
      if (end !== undefined) lines.push(`broadcast ${end} dev ${device.name} proto kernel scope link src ${ip} \n`);
    }
  }
  return lines;
}

function routeGet(invocation: Invocation, words: readonly string[]): number {
  const { host, place, out, err } = invocation;
  const target = words.find((word) => word !== 'to');
  if (target === undefined || !isIp4(target.split('/')[0] ?? '')) {
    err(target === undefined ? 'need at least a destination address\n' : `Error: inet prefix is expected rather than "${target}".\n`);
    return target === undefined ? 255 : 1;
  }
  const destination = target.split('/')[0] ?? '';
  const found = host.engine.routeGet(place.netns, destination);
  if ('error' in found) {
    const words: Readonly<Record<string, string>> = {
      ENETUNREACH: 'Network is unreachable',
      EHOSTUNREACH: 'No route to host',
      EACCES: 'Permission denied',
      EINVAL: 'Invalid argument',
    };
    err(`RTNETLINK answers: ${words[found.error] ?? found.error}\n`);
    return 2;
  }
  const via = found.gateway === undefined ? '' : `via ${found.gateway} `;
  out(
    `${found.local ? 'local ' : ''}${destination} ${via}dev ${found.local ? 'lo' : found.device} src ${found.source} uid 0 \n    cache ${found.local ? '<local> ' : ''}\n`,
  );
  return 0;
}

function addRoute(invocation: Invocation, action: 'add' | 'replace' | 'change', words: readonly string[]): number {
  const { host, place, err } = invocation;
  const read = readRoute(invocation, words);
  if (read === undefined) return 1;
  if (read.destination === undefined) {
    err('RTNETLINK answers: No such device\n');
    return 2;
  }
  let device = read.device;
  if (device !== undefined && findDevice(host, place.netns, device) === undefined) {
    err(`Cannot find device "${device}"\n`);
    return 1;
  }
  if (read.type === 'unicast' && read.gateway !== undefined && !(read.onlink && device !== undefined)) {
    // The gateway must itself be on a link. Linux: net/ipv4/fib_semantics.c, fib_check_nh
    const towards = host.engine.routeGet(place.netns, read.gateway);
    if ('error' in towards || towards.gateway !== undefined || towards.local || (device !== undefined && towards.device !== device)) {
      err('Error: Nexthop has invalid gateway.\n');
      return 2;
    }
    device = towards.device;
  }
  if (read.type === 'unicast' && device === undefined) {
    err('RTNETLINK answers: No such device\n');
    return 2;
  }
  const record = device === undefined ? undefined : findDevice(host, place.netns, device);
  if (record !== undefined && !record.up) {
    err('Error: Device for nexthop is not up.\n');
    return 2;
  }
  const metric = read.metric ?? 0;
  const id = `${place.netns}/route/${read.table}/${read.destination}${metric === 0 ? '' : `/${metric}`}`;
  if (action === 'add' && host.engine.records.has(id)) {
    err('RTNETLINK answers: File exists\n');
    return 2;
  }
  if (action === 'change' && !host.engine.records.has(id)) {
    err('RTNETLINK answers: No such file or directory\n');
    return 2;
  }
  const withDevice = read.type === 'unicast' && device !== undefined;
  host.engine.records.put({
    kind: 'route',
    id,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    table: read.table,
    destination: read.destination,
    type: read.type,
    ...(read.gateway === undefined ? {} : { gateway: read.gateway }),
    ...(withDevice ? { device } : {}),
    protocol: read.protocol ?? 'boot',
    scope: read.scope ?? (read.gateway === undefined && read.type === 'unicast' ? 'link' : 'global'),
    ...(read.source === undefined ? {} : { source: read.source }),
    metric,
    onlink: read.onlink,
  });
  host.settle();
  return 0;
}

function deleteRoute(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const read = readRoute(invocation, words);
  if (read === undefined) return 1;
  const { destination } = read;
  const found = routesOf(host, place.netns, read.table).find(
    (route) =>
      route.destination === destination &&
      (read.gateway === undefined || route.gateway === read.gateway) &&
      (read.device === undefined || route.device === read.device) &&
      (read.metric === undefined || route.metric === read.metric),
  );
  if (found === undefined) {
    err('RTNETLINK answers: No such process\n');
    return 2;
  }
  host.engine.records.remove(found.id);
  host.settle();
  return 0;
}

function flushRoutes(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err } = invocation;
  if (words.length === 0) {
    err('"ip route flush" requires arguments.\n');
    return 1;
  }
  if (words[0] === 'cache') return 0;
  const read = readRoute(invocation, words);
  if (read === undefined) return 1;
  const doomed = routesOf(host, place.netns, read.table === 0 ? TABLE_MAIN : read.table).filter(
    (route) =>
      (read.destination === undefined || route.destination === read.destination) &&
      (read.device === undefined || route.device === read.device) &&
      (read.protocol === undefined || route.protocol === read.protocol),
  );
  for (const route of doomed) host.engine.records.remove(route.id);
  host.settle();
  return 0;
}
