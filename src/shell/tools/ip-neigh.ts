/** ip neigh and arp: who has which MAC, written and learnt. iproute2: ip/ipneigh.c */
import { compareIp, inPrefix, ipOf, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { NeighborView } from '../../net/engine.ts';
import type { Neighbor, ProxyNeighbor } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { type Json, printJson } from './link-json.ts';
import type { IpOptions } from './link-words.ts';
import { devicesOf, findDevice } from './net-view.ts';

const USAGE = `Usage: ip neigh { add | del | change | replace }
                { ADDR [ lladdr LLADDR ] [ nud STATE ] proxy ADDR }
                [ dev DEV ] [ router ] [ use ] [ managed ] [ extern_learn ]
                [ protocol PROTO ]

\tip neigh { show | flush } [ proxy ] [ to PREFIX ] [ dev DEV ] [ nud STATE ]
\t\t\t\t  [ vrf NAME ] [ nomaster ]
\tip neigh get { ADDR | proxy ADDR } dev DEV

STATE := { delay | failed | incomplete | noarp | none |
           permanent | probe | reachable | stale }
`;

type State = NeighborView['state'];
const STATES: readonly State[] = ['INCOMPLETE', 'REACHABLE', 'STALE', 'DELAY', 'PROBE', 'FAILED', 'PERMANENT', 'NOARP'];
/** Something holds on to these: their timer. */
const HELD: ReadonlySet<State> = new Set<State>(['INCOMPLETE', 'REACHABLE', 'DELAY', 'PROBE']);

/** IPv4 first, then by device and address. */
export function neighborsOf({ host, place }: Invocation): readonly NeighborView[] {
  const order = new Map(devicesOf(host, place.netns).map((device, index) => [device.name, index]));
  return host.engine
    .neighbors(place.netns)
    .toSorted(
      (a, b) =>
        Number(a.ip.includes(':')) - Number(b.ip.includes(':')) || (order.get(a.device) ?? 0) - (order.get(b.device) ?? 0) || compareIp(ipOf(a.ip), ipOf(b.ip)),
    );
}

interface NeighWords {
  ip: string | undefined;
  to: string | undefined;
  device: string | undefined;
  mac: string | undefined;
  states: Set<string> | undefined;
  proxy: boolean;
}

function readWords({ err }: Invocation, words: readonly string[], selector: boolean): NeighWords | number {
  const read: NeighWords = { ip: undefined, to: undefined, device: undefined, mac: undefined, states: undefined, proxy: false };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'proxy') read.proxy = true;
    else if (['router', 'use', 'managed', 'extern_learn', 'nomaster', 'unused'].includes(word) || (selector && word === 'all')) continue;
    else if (['dev', 'lladdr', 'nud', 'protocol', 'to'].includes(word)) {
      const value = rest.shift();
      if (value === undefined) {
        err('Command line is not complete. Try option "help"\n');
        return 255;
      }
      if (word === 'dev') read.device = value;
      else if (word === 'lladdr') read.mac = value;
      else if (word === 'to') rest.unshift(value);
      else if (word === 'nud') {
        const state = value.toUpperCase();
        if (state !== 'ALL' && state !== 'NONE' && !STATES.some((known) => known === state)) {
          err(`Error: argument "${value}" is wrong: nud state is bad\n\n`);
          return 255;
        }
        read.states ??= new Set();
        for (const one of state === 'ALL' ? STATES : [state]) read.states.add(one);
      }
    } else if (selector) {
      if (parseIpPrefix(word) === undefined) {
        err(`Error: any valid prefix is expected rather than "${word}".\n`);
        return 1;
      }
      read.to = word;
    } else {
      if (parseIp(word) === undefined) {
        err(`Error: any valid address is expected rather than "${word}".\n`);
        return 1;
      }
      read.ip = word;
    }
  }
  return read;
}

export function ipNeigh(invocation: Invocation, options: IpOptions, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const action = words[0] ?? 'show';
  const rest = words.slice(1);
  const is = (...names: readonly string[]): boolean => names.some((name) => name.startsWith(action));
  const selector = is('show', 'list', 'lst', 'flush');
  if (action === 'help') {
    err(USAGE);
    return 255;
  }
  if (!selector && !is('add', 'change', 'chg', 'replace', 'delete', 'get')) {
    err(`Command "${action}" is unknown, try "ip neigh help".\n`);
    return 255;
  }
  if (action === 'flush' && rest.length === 0) {
    err('Flush requires arguments.\n');
    return 255;
  }
  const read = readWords(invocation, rest, selector);
  if (typeof read === 'number') return read;
  if (!selector && (read.ip === undefined || read.device === undefined)) {
    err('Device and destination are required arguments.\n');
    return 255;
  }
  if (read.device !== undefined && findDevice(host, place.netns, read.device) === undefined) {
    err(`Cannot find device "${read.device}"\n`);
    return 1;
  }
  if (is('show', 'list', 'lst')) return showNeighbors(invocation, options, read);
  if (is('flush')) return flushNeighbors(invocation, options, read);
  const target = { ...read, ip: read.ip ?? '', device: read.device ?? '' };
  if (is('get')) return getNeighbor(invocation, options, target);
  if (read.proxy) return changeProxy(invocation, is('delete'), target);
  if (is('delete')) return deleteNeighbor(invocation, target);
  return writeNeighbor(invocation, is('add') ? 'add' : is('replace') ? 'replace' : 'change', target);
}

function fits(read: NeighWords, neighbor: { readonly ip: string; readonly device: string }, family: 4 | 6 | undefined): boolean {
  if (read.device !== undefined && neighbor.device !== read.device) return false;
  if (family !== undefined && neighbor.ip.includes(':') !== (family === 6)) return false;
  const to = read.to === undefined ? undefined : parseIpPrefix(read.to);
  return to === undefined || inPrefix(to.network, to.prefixLength, ipOf(neighbor.ip));
}

export function neighborLine(neighbor: NeighborView, options: IpOptions, withDevice: boolean): string {
  const { ip, device, mac, state } = neighbor;
  const statistics = options.statistics
    ? ` ${HELD.has(state) ? 'ref 1 ' : ''}used ${neighbor.usedSeconds}/${neighbor.confirmedSeconds}/${neighbor.updatedSeconds}probes ${neighbor.probes} `
    : '';
  return `${ip} ${withDevice ? `dev ${device} ` : ''}${mac === undefined ? '' : `lladdr ${mac} `}${statistics}${state} \n`;
}

function jsonOf(neighbor: NeighborView, options: IpOptions, withDevice: boolean): Json {
  const { ip, device, mac, state } = neighbor;
  return {
    dst: ip,
    ...(withDevice ? { dev: device } : {}),
    ...(mac === undefined ? {} : { lladdr: mac }),
    ...(options.statistics
      ? {
          ...(HELD.has(state) ? { refcnt: 1 } : {}),
          used: neighbor.usedSeconds,
          confirmed: neighbor.confirmedSeconds,
          updated: neighbor.updatedSeconds,
          probes: neighbor.probes,
        }
      : {}),
    state: [state],
  };
}

function showNeighbors(invocation: Invocation, options: IpOptions, read: NeighWords): number {
  const { host, place, out } = invocation;
  const withDevice = read.device === undefined;
  if (read.proxy) {
    for (const record of host.engine.records.values()) {
      // What a program answers is no entry of the kernel's.
      if (record.kind !== 'proxy-neighbor' || record.program !== undefined || record.netns !== place.netns || !fits(read, record, options.family)) continue;
      out(`${record.ip} ${withDevice ? `dev ${record.device} ` : ''}proxy \n`);
    }
    return 0;
  }
  const shown = neighborsOf(invocation).filter(
    (neighbor) => fits(read, neighbor, options.family) && (read.states === undefined ? neighbor.state !== 'NOARP' : read.states.has(neighbor.state)),
  );
  if (options.json === true)
    out(
      printJson(
        shown.map((neighbor) => jsonOf(neighbor, options, withDevice)),
        options.pretty === true,
      ),
    );
  else for (const neighbor of shown) out(neighborLine(neighbor, options, withDevice));
  return 0;
}

function flushNeighbors(invocation: Invocation, options: IpOptions, read: NeighWords): number {
  const { host, out } = invocation;
  const doomed = neighborsOf(invocation).filter(
    (neighbor) =>
      fits(read, neighbor, options.family) &&
      (read.states === undefined ? neighbor.state !== 'PERMANENT' && neighbor.state !== 'NOARP' : read.states.has(neighbor.state)),
  );
  for (const neighbor of doomed) remove(invocation, neighbor);
  host.settle();
  if (!options.statistics) return 0;
  if (doomed.length === 0) out('Nothing to flush.\n');
  else out(`\n*** Round 1, deleting ${doomed.length} entries ***\n*** Flush is complete after 1 round ***\n`);
  return 0;
}

interface Target extends NeighWords {
  ip: string;
  device: string;
}

const idOf = (invocation: Invocation, { ip, device }: { readonly ip: string; readonly device: string }): string =>
  `${invocation.place.netns}/neighbor/${device}/${ip}`;
const find = (invocation: Invocation, target: Target): NeighborView | undefined =>
  neighborsOf(invocation).find((neighbor) => neighbor.ip === target.ip && neighbor.device === target.device);

function remove(invocation: Invocation, neighbor: { readonly ip: string; readonly device: string }): void {
  const { host, place } = invocation;
  host.engine.records.remove(idOf(invocation, neighbor));
  host.engine.deleteNeighbors(place.netns, (one) => one.ip === neighbor.ip && one.device === neighbor.device);
}

function getNeighbor(invocation: Invocation, options: IpOptions, target: Target): number {
  const neighbor = find(invocation, target);
  if (neighbor === undefined) {
    invocation.err('Error: Neighbour entry not found.\n');
    return 2;
  }
  invocation.out(neighborLine(neighbor, options, true));
  return 0;
}

function changeProxy({ host, place, err }: Invocation, removes: boolean, { ip, device }: Target): number {
  const record: ProxyNeighbor = {
    kind: 'proxy-neighbor',
    id: `${place.netns}/proxy-neighbor/${device}/${ip}`,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    device,
    ip,
  };
  if (!removes) host.engine.records.put(record);
  else if (host.engine.records.has(record.id)) host.engine.records.remove(record.id);
  else {
    err('RTNETLINK answers: No such file or directory\n');
    return 2;
  }
  host.settle();
  return 0;
}

function deleteNeighbor(invocation: Invocation, target: Target): number {
  if (find(invocation, target) === undefined) {
    invocation.err('RTNETLINK answers: No such file or directory\n');
    return 2;
  }
  remove(invocation, target);
  invocation.host.settle();
  return 0;
}

function writeNeighbor(invocation: Invocation, action: 'add' | 'replace' | 'change', target: Target): number {
  const { host, place, err } = invocation;
  const known = find(invocation, target);
  const refuse = (words: string, status: number): number => {
    err(words);
    return status;
  };
  if (target.mac !== undefined && !/^[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}$/i.test(target.mac)) return refuse(`"${target.mac}" is invalid lladdr.\n`, 1);
  if (known === undefined && action === 'change') return refuse('RTNETLINK answers: No such file or directory\n', 2);
  if (known !== undefined && action === 'add') return refuse('RTNETLINK answers: File exists\n', 2);
  const mac = target.mac === undefined ? known?.mac : target.mac.toLowerCase().replace(/\b[0-9a-f]\b/g, '0$&');
  const state = ([...(target.states ?? ['PERMANENT'])][0] ?? 'PERMANENT') as State;
  if (mac === undefined) return refuse('Error: No link layer address given.\n', 2);
  if (state === 'PERMANENT' || state === 'NOARP') {
    const record: Neighbor = {
      kind: 'neighbor',
      id: idOf(invocation, target),
      origin: { component: 'user', objects: [] },
      netns: place.netns,
      device: target.device,
      ip: target.ip,
      mac,
      state,
    };
    host.engine.records.put(record);
  } else {
    if (host.engine.records.has(idOf(invocation, target))) remove(invocation, target);
    if (state !== 'INCOMPLETE') host.engine.setNeighbor(place.netns, target.device, target.ip, mac, state);
  }
  host.settle();
  return 0;
}

export const arp = defineCommand({
  name: 'arp',
  summary: 'the ARP table (-n)',
  group: 'network',
  run: (invocation) => {
    const rows = neighborsOf(invocation).filter((neighbor) => neighbor.state !== 'NOARP' && !neighbor.ip.includes(':'));
    if (rows.length === 0) return 0;
    invocation.out('Address                  HWtype  HWaddress           Flags Mask            Iface\n');
    for (const { ip, mac, state, device } of rows) {
      const flags = mac === undefined ? '' : state === 'PERMANENT' ? 'CM' : 'C';
      invocation.out(
        `${ip.padEnd(24)} ${mac === undefined ? '        (incomplete)       ' : `ether   ${mac}   `}${mac === undefined ? '' : flags.padEnd(22)}${mac === undefined ? ''.padEnd(15) : ''}${device}\n`,
      );
    }
    return 0;
  },
});
