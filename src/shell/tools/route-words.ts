/** The words of `ip route`: what a route is made of, and what selects some. iproute2: ip/iproute.c */
import { bitsOf, formatPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { NextHop, Route } from '../../net/records.ts';
import type { Invocation } from '../command.ts';

/** /etc/iproute2/rt_protos */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'babel',
  14: 'dnrouted',
  15: 'xorp',
  16: 'dhcp',
  18: 'keepalived',
  42: 'mhelloroute',
  99: 'openr',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
};
const TYPES = ['unicast', 'local', 'broadcast', 'multicast', 'blackhole', 'unreachable', 'prohibit', 'throw'] as const;
const SCOPES: Readonly<Record<string, Route['scope']>> = {
  global: 'global',
  site: 'site',
  link: 'link',
  host: 'host',
  '0': 'global',
  '200': 'site',
  '253': 'link',
  '254': 'host',
};
const TABLES: Readonly<Record<string, number>> = { default: 253, main: 254, local: 255 };
/** Metrics of the real tool that nothing here acts on. */
const WITHOUT_EFFECT = new Set([
  'advmss',
  'rtt',
  'rttvar',
  'reordering',
  'window',
  'cwnd',
  'initcwnd',
  'initrwnd',
  'ssthresh',
  'realms',
  'realm',
  'rto_min',
  'hoplimit',
  'quickack',
  'congctl',
  'features',
  'expires',
  'encap',
  'nhid',
  'ttl-propagate',
  'fastopen_no_cookie',
]);

export interface RouteWords {
  destination: string | undefined;
  /** The prefix had host bits set. */
  hostBits: boolean;
  gateway: string | undefined;
  device: string | undefined;
  source: string | undefined;
  metric: number | undefined;
  protocol: string | undefined;
  scope: Route['scope'] | undefined;
  onlink: boolean;
  type: Route['type'] | undefined;
  table: number | 'all' | 'cache' | undefined;
  mtuBytes: number | undefined;
  mtuLocked: boolean;
  nextHops: NextHop[];
  /** Of a selector: `root`, `match` or `exact`. */
  selects: 'root' | 'match' | 'exact';
}

export const parseTable = (word: string): number | undefined => TABLES[word] ?? (/^(?:\d{1,10}|0x[0-9a-f]{1,8})$/i.test(word) ? Number(word) : undefined);

export function parseProtocol(word: string): string | undefined {
  if (Object.values(PROTOCOLS).includes(word)) return word;
  const number = /^\d{1,3}$/.test(word) ? Number(word) : Number.NaN;
  return number <= 255 ? (PROTOCOLS[number] ?? word) : undefined;
}

/** `10.0.0.0/8`, `default`, a bare address; with the host bits cleared. */
export function parseDestination(word: string, family: 4 | 6): { readonly text: string; readonly hostBits: boolean } | undefined {
  if (word === 'default' || word === 'any' || word === 'all') return { text: family === 6 ? '::/0' : '0.0.0.0/0', hostBits: false };
  const prefix = parseIpPrefix(word);
  return prefix === undefined ? undefined : { text: formatPrefix(prefix.network, prefix.prefixLength), hostBits: prefix.network !== prefix.address };
}

class WrongWords extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Reads the words after `ip route add` and the like; prints what is wrong and returns the exit code then. */
export function readRouteWords({ err }: Invocation, family: 4 | 6, words: readonly string[]): RouteWords | number {
  const read: RouteWords = {
    destination: undefined,
    hostBits: false,
    gateway: undefined,
    device: undefined,
    source: undefined,
    metric: undefined,
    protocol: undefined,
    scope: undefined,
    onlink: false,
    type: undefined,
    table: undefined,
    mtuBytes: undefined,
    mtuLocked: false,
    nextHops: [],
    selects: 'exact',
  };
  try {
    readAll(read, [...words], family);
    return read;
  } catch (error) {
    if (!(error instanceof WrongWords)) throw error;
    err(error.message);
    return error.status;
  }
}

function readAll(read: RouteWords, rest: string[], given: 4 | 6): void {
  let family = given;
  const value = (): string => {
    const next = rest.shift();
    if (next === undefined) throw new WrongWords('Command line is not complete. Try option "help"\n', 255);
    return next;
  };
  const wrong = (word: string, what: string): never => {
    throw new WrongWords(`Error: argument "${word}" is wrong: ${what}\n\n`, 255);
  };
  const address = (word: string): string => {
    if (parseIp(word) === undefined) throw new WrongWords(`Error: inet address is expected rather than "${word}".\n`, 1);
    return word;
  };
  const number = (word: string, name: string): number => (/^\d{1,10}$/.test(word) ? Number(word) : wrong(word, `"${name}" value is invalid`));
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'via') {
      let next = value();
      if (next === 'inet' || next === 'inet6') next = value();
      read.gateway = address(next);
      if (next.includes(':')) family = 6;
    } else if (word === 'dev' || word === 'oif') read.device = value();
    else if (word === 'src') read.source = address(value());
    else if (word === 'metric' || word === 'priority' || word === 'preference') read.metric = number(value(), 'metric');
    else if (word === 'mtu') {
      let next = value();
      if (next === 'lock') {
        read.mtuLocked = true;
        next = value();
      }
      read.mtuBytes = number(next, 'mtu');
    } else if (word === 'proto' || word === 'protocol') {
      const next = value();
      read.protocol = parseProtocol(next) ?? wrong(next, '"protocol" value is invalid');
    } else if (word === 'scope') {
      const next = value();
      read.scope = SCOPES[next] ?? wrong(next, 'invalid "scope" value');
    } else if (word === 'onlink') read.onlink = true;
    else if (word === 'pervasive' || word === 'tos' || word === 'dsfield' || word === 'pref') {
      if (word !== 'pervasive') value();
    } else if (word === 'table') {
      const next = value();
      read.table = next === 'all' || next === 'cache' ? next : (parseTable(next) ?? wrong(next, '"table" value is invalid'));
    } else if (word === 'type') {
      const next = value();
      read.type = TYPES.find((type) => type === next) ?? wrong(next, 'node type value is invalid');
    } else if (word === 'nexthop') {
      rest.unshift(word);
      read.nextHops = readNextHops(rest, value, address, wrong);
    } else if (word === 'root' || word === 'match' || word === 'exact') read.selects = word;
    else if (word === 'to') continue;
    else if (TYPES.some((type) => type === word) && read.destination === undefined) read.type = word as Route['type'];
    else if (WITHOUT_EFFECT.has(word)) throw new WrongWords(`ip route: "${word}" is not simulated in Kubehop\n`, 255);
    else if (read.destination === undefined) {
      const destination = parseDestination(word, family);
      if (destination === undefined) throw new WrongWords(`Error: any valid prefix is expected rather than "${word}".\n`, 1);
      read.destination = destination.text;
      read.hostBits = destination.hostBits;
    } else throw new WrongWords(`Error: either "to" is duplicate, or "${word}" is a garbage.\n`, 255);
  }
  // `default via fe80::1` is IPv6's default.
  if (read.destination === '0.0.0.0/0' && family === 6) read.destination = '::/0';
}

function readNextHops(rest: string[], value: () => string, address: (word: string) => string, wrong: (word: string, what: string) => never): NextHop[] {
  const hops: NextHop[] = [];
  while (rest[0] === 'nexthop' && hops.length < 256) {
    rest.shift();
    let gateway: string | undefined;
    let device = '';
    let weight = 1;
    let onlink = false;
    for (let word = rest[0]; word !== undefined && word !== 'nexthop'; word = rest[0]) {
      rest.shift();
      if (word === 'via') gateway = address(value());
      else if (word === 'dev') device = value();
      else if (word === 'onlink') onlink = true;
      else if (word === 'weight') {
        const next = value();
        weight = /^\d{1,3}$/.test(next) && Number(next) >= 1 && Number(next) <= 256 ? Number(next) : wrong(next, '"weight" is invalid');
      } else throw new WrongWords(`Error: argument "${word}" is wrong: "nexthop" or end of line is expected\n\n`, 255);
    }
    hops.push({ ...(gateway === undefined ? {} : { gateway }), device, weight, onlink });
  }
  return hops;
}

/** Whether a route is one of those that a selector names. */
export function selected(read: RouteWords, route: Route, family: 4 | 6): boolean {
  if (route.destination.includes(':') !== (family === 6)) return false;
  if (read.device !== undefined && route.device !== read.device && route.nextHops?.some((hop) => hop.device === read.device) !== true) return false;
  if (read.gateway !== undefined && route.gateway !== read.gateway) return false;
  if (read.protocol !== undefined && route.protocol !== read.protocol) return false;
  if (read.scope !== undefined && route.scope !== read.scope) return false;
  if (read.type !== undefined && route.type !== read.type) return false;
  if (read.source !== undefined && route.source !== read.source) return false;
  if (read.metric !== undefined && route.metric !== read.metric) return false;
  if (read.destination === undefined) return true;
  const wanted = parseIpPrefix(read.destination);
  const own = parseIpPrefix(route.destination);
  if (wanted === undefined || own === undefined || bitsOf(wanted.network) !== bitsOf(own.network)) return false;
  if (read.selects === 'exact') return read.destination === route.destination;
  const [outer, inner] = read.selects === 'root' ? [wanted, own] : [own, wanted];
  const masked = parseIpPrefix(`${formatPrefix(inner.network, bitsOf(inner.network)).split('/')[0]}/${outer.prefixLength}`);
  return outer.prefixLength <= inner.prefixLength && masked?.network === outer.network;
}
