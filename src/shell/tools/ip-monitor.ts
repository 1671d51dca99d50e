/** ip monitor: what changes in links, addresses, routes, rules and neighbours, as it changes. iproute2: ip/ipmonitor.c; what the kernel reports: its rtnetlink notifications. */
import { formatRfc3339 } from '../../base/time.ts';
import type { Route } from '../../net/records.ts';
import { formatRouteLine, formatRule } from '../../net/stack/format-route.ts';
import type { Invocation, Outcome, Watch } from '../command.ts';
import { virtualMs } from '../kubectl/age.ts';
import { addressLine, lifetimes } from './ip-address.ts';
import { neighborLine, neighborsOf } from './ip-neigh.ts';
import { tablesOf } from './ip-route.ts';
import { allRules } from './ip-rule.ts';
import { etherLine, headLine, type IpOptions } from './link-words.ts';
import { devicesOf, findDevice, routesOf } from './net-view.ts';

const USAGE = `Usage: ip monitor [ all | OBJECTS ] [ FILE ] [ label ] [ all-nsid ]
                  [ dev DEVICE ]
OBJECTS :=  address | link | mroute | neigh | netconf |
            nexthop | nsid | prefix | route | rule | stats
FILE := file FILENAME
`;

type Kind = 'LINK' | 'ADDR' | 'RULE' | 'ROUTE' | 'NEIGH';
const KINDS: readonly Kind[] = ['LINK', 'ADDR', 'RULE', 'ROUTE', 'NEIGH'];
/** iproute2's words in the order in which it tries abbreviations; nothing of the simulated kernel changes in the others. */
const WORDS: readonly (readonly [string, Kind | undefined])[] = [
  ['link', 'LINK'],
  ['address', 'ADDR'],
  ['route', 'ROUTE'],
  ['mroute', undefined],
  ['prefix', undefined],
  ['neigh', 'NEIGH'],
  ['netconf', undefined],
  ['rule', 'RULE'],
  ['nsid', undefined],
  ['nexthop', undefined],
  ['stats', undefined],
];

interface Thing {
  readonly kind: Kind;
  readonly key: string;
  readonly text: string;
  readonly device: string | undefined;
  /** A neighbour that is asked or waits: the kernel tells nobody until that has an outcome. */
  readonly quiet: boolean;
}

interface MonitorState {
  readonly kinds: readonly Kind[];
  readonly options: IpOptions;
  readonly device: string | undefined;
  readonly label: boolean;
  seen: readonly Thing[];
}

export function ipMonitor(invocation: Invocation, options: IpOptions, words: readonly string[]): Outcome {
  const { err, host, place } = invocation;
  const kinds = new Set<Kind>();
  let named = false;
  let label = false;
  let device: string | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    const object = WORDS.find(([name]) => name.startsWith(word));
    if (word === 'file' || word === 'dev') {
      const value = words[i + 1];
      if (value === undefined) {
        err('Command line is not complete. Try option "help"\n');
        return 255;
      }
      if (word === 'file') {
        err('Cannot fopen: No such file or directory\n');
        return 255;
      }
      device = value;
      i += 1;
    } else if (word === 'label' || word === 'all') {
      label = true;
    } else if (word === 'help') {
      err(USAGE);
      return 255;
    } else if (object !== undefined && word !== '') {
      named = true;
      if (object[1] !== undefined) kinds.add(object[1]);
    } else if (word !== 'all-nsid') {
      err(`Argument "${word}" is unknown, try "ip monitor help".\n`);
      return 255;
    }
  }
  if (device !== undefined && findDevice(host, place.netns, device) === undefined) {
    err(`Cannot find device "${device}"\n`);
    return 1;
  }
  const state: MonitorState = { kinds: named ? KINDS.filter((kind) => kinds.has(kind)) : KINDS, options, device, label, seen: [] };
  state.seen = thingsOf(invocation, state);
  return { kind: 'watch', watch: 'ip-monitor', state, timeoutSeconds: Number.POSITIVE_INFINITY };
}

export const monitorWatch: Watch = {
  look: (state: MonitorState, io) => {
    const invocation = io.invocation();
    const now = thingsOf(invocation, state);
    for (const line of changesOf(invocation, state, now)) io.out(line);
    state.seen = now;
    return undefined;
  },
};

/** Everything that is watched, in the order in which the kernel would tell of it if it all came at once. */
function thingsOf(invocation: Invocation, state: MonitorState): Thing[] {
  const { host, place } = invocation;
  const { options } = state;
  const things: Thing[] = [];
  const add = (kind: Kind, key: string, text: string, device: string | undefined, quiet = false): void => {
    if (state.device === undefined || device === state.device) things.push({ kind, key: `${kind} ${key}`, text, device, quiet });
  };
  const families: readonly (4 | 6)[] = options.family === undefined ? [4, 6] : [options.family];
  const ofFamily = (text: string): boolean => options.family === undefined || text.includes(':') === (options.family === 6);
  const newLine = options.oneLine ? '\\' : '\n';
  for (const device of state.kinds.includes('LINK') || state.kinds.includes('ADDR') ? devicesOf(host, place.netns) : []) {
    if (state.kinds.includes('LINK')) {
      const head = headLine(invocation, device, false).replace(/qlen \d+$/, '');
      add('LINK', device.id, `${head}${newLine}${etherLine(invocation, device)}\n`, device.name);
    }
    if (!state.kinds.includes('ADDR')) continue;
    for (const address of host.engine.addresses(device.id)) {
      if (!ofFamily(address.ip) || address.tentative) continue;
      const text = `${device.index}: ${device.name}    ${addressLine(device, address)}${newLine}${lifetimes(address)}\n`;
      add('ADDR', `${device.id} ${address.ip}/${address.prefixLength}`, text, device.name);
    }
  }
  if (state.kinds.includes('RULE'))
    for (const family of families)
      for (const rule of allRules(invocation, family))
        add('RULE', `${family} ${rule.id}`, `${rule.priority}:\t${formatRule(rule, options.details)}\n`, undefined);
  if (state.kinds.includes('ROUTE')) {
    const routes = tablesOf(invocation).flatMap((table) => routesOf(host, place.netns, table));
    for (const route of routes.sort((a, b) => rank(a) - rank(b) || b.table - a.table)) {
      if (!ofFamily(route.destination)) continue;
      const format = { details: options.details, newLine: options.oneLine ? '\\\t' : '\n\t' };
      const key = route.id === '' ? `${route.table} ${route.type} ${route.destination} ${route.device ?? ''}` : route.id;
      add('ROUTE', key, `${formatRouteLine(route, format)}\n`, route.device ?? route.nextHops?.[0]?.device);
    }
  }
  if (state.kinds.includes('NEIGH')) {
    for (const neighbor of neighborsOf(invocation)) {
      if (!ofFamily(neighbor.ip)) continue;
      const quiet = neighbor.state === 'INCOMPLETE' || neighbor.state === 'DELAY';
      add('NEIGH', `${neighbor.device} ${neighbor.ip}`, neighborLine(neighbor, { ...options, statistics: false }, true), neighbor.device, quiet);
    }
  }
  return things;
}

/** When an address comes, it is local before its network is reachable; of IPv6 the groups come first. */
const rank = (route: Route): number => (route.destination.includes(':') ? (route.type === 'multicast' ? 1 : 2) : 0);

function changesOf(invocation: Invocation, state: MonitorState, now: readonly Thing[]): string[] {
  const before = new Map(state.seen.map((thing) => [thing.key, thing]));
  const after = new Set(now.map((thing) => thing.key));
  const lines: string[] = [];
  const tell = (kind: Kind, text: string): void => {
    lines.push(`${stamp(invocation, state.options)}${state.label ? `[${kind}]` : ''}${text}`);
  };
  const gone = state.seen.filter((thing) => !after.has(thing.key));
  for (const kind of KINDS) {
    if (kind !== 'LINK') for (const thing of gone.filter((one) => one.kind === kind).reverse()) tellGone(invocation, thing, tell);
    for (const thing of now) {
      if (thing.kind !== kind || thing.quiet) continue;
      const old = before.get(thing.key);
      if (old === undefined || old.quiet || old.text !== thing.text) tell(kind, thing.text);
    }
  }
  for (const thing of gone) if (thing.kind === 'LINK') tell('LINK', `Deleted ${thing.text}`);
  return lines;
}

function tellGone(invocation: Invocation, thing: Thing, tell: (kind: Kind, text: string) => void): void {
  const deviceUp = thing.device === undefined || findDevice(invocation.host, invocation.place.netns, thing.device)?.up === true;
  // IPv4 routes of a device that goes down vanish without a word; ip6_fib tells of each.
  if (thing.kind === 'ROUTE' && !deviceUp && !thing.text.endsWith('pref medium\n')) return;
  if (thing.kind !== 'NEIGH' || !deviceUp) {
    tell(thing.kind, `Deleted ${thing.text}`);
    return;
  }
  // A neighbour that is deleted by hand fails first; one that was still being asked has never been told of.
  const failed = thing.text.replace(/(?: lladdr \S+)? [A-Z]+ \n$/, ' FAILED \n');
  if (failed !== thing.text) tell('NEIGH', failed);
  tell('NEIGH', `Deleted ${failed}`);
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** -t: a line of its own; -ts: before each line. By the virtual clock, in UTC. */
function stamp(invocation: Invocation, options: IpOptions): string {
  if (options.stamp === undefined) return '';
  const us = Math.floor(virtualMs(invocation.host) * 1000);
  const time = formatRfc3339(Math.floor(us / 1e6) * 1000);
  if (options.stamp === 'short') return `[${time.replace('Z', '')}.${String(us % 1e6).padStart(6, '0')}] `;
  const [year = '', month = '', day = ''] = time.slice(0, 10).split('-');
  const weekday = DAYS[(Math.floor(us / 86_400e6) + 4) % 7] ?? '';
  return `Timestamp: ${weekday} ${MONTHS[Number(month) - 1] ?? ''} ${day.replace(/^0/, ' ')} ${time.slice(11, 19)} ${year} ${us % 1e6} usec\n`;
}
