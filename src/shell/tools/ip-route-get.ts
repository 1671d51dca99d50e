/** ip route get: what the kernel would do with such a packet. iproute2: ip/iproute.c, iproute_get */
import { formatIp, parseIp } from '../../net/addr/ip.ts';
import type { RouteGetErrno, RouteGetQuery, RouteGetView } from '../../net/engine.ts';
import type { Route } from '../../net/records.ts';
import { formatRouteLine, tableName } from '../../net/stack/format-route.ts';
import type { Invocation } from '../command.ts';
import { type Json, printJson } from './link-json.ts';
import type { IpOptions } from './link-words.ts';
import { findDevice } from './net-view.ts';

const WORDS: Readonly<Record<RouteGetErrno, string>> = {
  ENETUNREACH: 'Network is unreachable',
  EHOSTUNREACH: 'No route to host',
  EACCES: 'Permission denied',
  EINVAL: 'Invalid argument',
};
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58, icmpv6: 58 };

interface Asked {
  destination: string;
  query: { -readonly [K in keyof RouteGetQuery]: RouteGetQuery[K] };
  uid: number;
  fibMatch: boolean;
}

export function routeGet(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const { host, place, out, err } = invocation;
  const asked = readAsked(invocation, words);
  if (typeof asked === 'number') return asked;
  const { destination, query } = asked;
  const found = host.engine.routeGet(place.netns, destination, query);
  if ('error' in found) {
    err(`RTNETLINK answers: ${WORDS[found.error]}\n`);
    return 2;
  }
  if (asked.fibMatch) {
    const record = found.recordId === undefined ? undefined : host.engine.records.find(found.recordId);
    const derived = host.engine.derivedRoutes(place.netns).find((route) => route.type === found.type && route.destination === `${destination}/32`);
    const route: Route | undefined = record?.kind === 'route' ? record : derived;
    out(`${route === undefined ? found.text : formatRouteLine(route, { details: options.details })}\n`);
    return 0;
  }
  if (options.json === true) out(printJson([json(asked, found, options)], options.pretty === true));
  else out(destination.includes(':') ? text6(asked, found, options) : text4(asked, found, options));
  return 0;
}

function readAsked({ host, place, err }: Invocation, words: readonly string[]): Asked | number {
  const rest = [...words];
  const asked: Asked = { destination: '', query: {}, uid: 0, fibMatch: false };
  const device = (name: string): boolean => {
    if (findDevice(host, place.netns, name) !== undefined) return true;
    err(`Cannot find device "${name}"\n`);
    return false;
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'to') continue;
    if (word === 'fibmatch') asked.fibMatch = true;
    else if (word === 'connected' || word === 'notify') continue;
    else if (['from', 'iif', 'oif', 'dev', 'mark', 'uid', 'ipproto', 'sport', 'dport', 'tos'].includes(word)) {
      const value = rest.shift();
      if (value === undefined) {
        err('Command line is not complete. Try option "help"\n');
        return 255;
      }
      if ((word === 'iif' || word === 'oif' || word === 'dev') && !device(value)) return 1;
      if (word === 'from') asked.query.from = value.split('/')[0] ?? value;
      else if (word === 'iif') asked.query.iif = value;
      else if (word === 'oif' || word === 'dev') asked.query.oif = value;
      else if (word === 'mark') asked.query.mark = Number(value);
      else if (word === 'uid') asked.uid = Number(value);
      else if (word === 'ipproto') asked.query.protocol = PROTOCOLS[value] ?? Number(value);
      else if (word === 'sport') asked.query.sport = Number(value);
      else if (word === 'dport') asked.query.dport = Number(value);
    } else {
      const [ip = '', length] = word.split('/');
      const address = parseIp(ip);
      if (address === undefined) {
        err(`Error: any valid prefix is expected rather than "${word}".\n`);
        return 1;
      }
      const full = typeof address === 'bigint' ? '128' : '32';
      if (length !== undefined && length !== full) err(`Warning: /${length} as prefix is invalid, only /${full} (or none) is supported.\n`);
      asked.destination = formatIp(address);
    }
  }
  if (asked.destination !== '') return asked;
  err('need at least a destination address\n');
  return 1;
}

/** A device that packets come in by is named; those that stay here are seen on lo. */
const shownDevice = (found: RouteGetView): string => found.device;

function text4({ destination, query, uid }: Asked, found: RouteGetView, options: IpOptions): string {
  const words: string[] = [];
  if (found.type !== 'unicast' || options.details) words.push(found.type);
  words.push(destination);
  if (query.from !== undefined) words.push('from', query.from);
  if (found.gateway !== undefined) words.push('via', found.gateway);
  words.push('dev', shownDevice(found));
  if (found.table !== 0 && ((found.table !== 254 && found.table !== 255) || options.details)) words.push('table', tableName(found.table));
  if (query.from === undefined && found.source !== undefined) words.push('src', found.source);
  if (query.mark !== undefined && query.mark !== 0) words.push('mark', query.mark > 15 ? `0x${query.mark.toString(16)}` : String(query.mark));
  if (query.iif === undefined) words.push('uid', String(uid));
  const flags = cacheFlags(found);
  const cache = ['    cache', ...(flags.length === 0 ? [] : [`<${flags.map((flag) => (flag === 'broadcast' ? 'brd' : flag)).join(',')}>`])];
  if (found.expiresSeconds !== undefined) cache.push('expires', `${found.expiresSeconds}sec`);
  if (options.statistics && found.expiresSeconds !== undefined) cache.push('users', '1', 'age', '0sec');
  if (found.mtuBytes !== undefined) cache.push('mtu', ...(found.mtuLocked === true ? ['lock'] : []), String(found.mtuBytes));
  if (query.iif !== undefined) cache.push('iif', query.iif);
  return `${words.join(' ')} \n${cache.join(' ')} \n`;
}

function cacheFlags(found: RouteGetView): string[] {
  const flags: string[] = [];
  if (found.redirected) flags.push('redirected');
  if (found.local || found.type !== 'unicast') flags.push('local');
  if (found.type === 'broadcast') flags.push('broadcast');
  if (found.type === 'multicast') flags.push('mc');
  return flags;
}

function text6({ destination, query }: Asked, found: RouteGetView, options: IpOptions): string {
  const words: string[] = [];
  if (found.type !== 'unicast' || options.details) words.push(found.type);
  words.push(destination, 'from', query.from ?? '::');
  if (found.gateway !== undefined) words.push('via', found.gateway);
  words.push('dev', shownDevice(found));
  if (found.table !== 254 && found.table !== 0) words.push('table', tableName(found.table));
  const protocol = / proto (\S+)/.exec(found.text)?.[1];
  if (protocol !== undefined) words.push('proto', protocol);
  if (found.source !== undefined) words.push('src', found.source);
  words.push('metric', / metric (\d+)/.exec(found.text)?.[1] ?? '1024');
  if (found.mtuBytes !== undefined) words.push('mtu', String(found.mtuBytes));
  return `${words.join(' ')} pref medium\n`;
}

function json({ destination, query, uid }: Asked, found: RouteGetView, options: IpOptions): Json {
  return {
    ...(found.type !== 'unicast' || options.details ? { type: found.type } : {}),
    dst: destination,
    ...(query.from === undefined ? {} : { from: query.from }),
    ...(found.gateway === undefined ? {} : { gateway: found.gateway }),
    dev: shownDevice(found),
    ...(found.table !== 0 && ((found.table !== 254 && found.table !== 255) || options.details) ? { table: tableName(found.table) } : {}),
    ...(query.from !== undefined || found.source === undefined ? {} : { prefsrc: found.source }),
    flags: [],
    ...(query.mark === undefined ? {} : { mark: query.mark }),
    ...(query.iif === undefined ? { uid } : {}),
    cache: cacheFlags(found),
    ...(found.expiresSeconds === undefined ? {} : { expires: found.expiresSeconds }),
    ...(found.mtuBytes === undefined ? {} : { metrics: [{ mtu: found.mtuBytes }] }),
    ...(query.iif === undefined ? {} : { iif: query.iif }),
  };
}
