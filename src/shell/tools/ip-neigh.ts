/** ip neigh and arp: who has which MAC, written and learnt. */

import type { NeighborView } from '../../net/engine.ts';
import type { Neighbor } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { devicesOf, findDevice, isIp4 } from './net-view.ts';

/** In order of device, then address. */
function neighborsOf({ host, place }: Invocation): readonly NeighborView[] {
  const order = new Map(devicesOf(host, place.netns).map((device, index) => [device.name, index]));
  const number = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return host.engine.neighbors(place.netns).toSorted((a, b) => (order.get(a.device) ?? 0) - (order.get(b.device) ?? 0) || number(a.ip) - number(b.ip));
}

export function ipNeigh(invocation: Invocation, words: readonly string[]): number {
  const { host, place, out, err } = invocation;
  const action = words[0] ?? 'show';
  const rest = words.slice(1);
  const word = (name: string): string | undefined => {
    const at = rest.indexOf(name);
    return at < 0 ? undefined : rest[at + 1];
  };
  const deviceName = word('dev');
  if (deviceName !== undefined && findDevice(host, place.netns, deviceName) === undefined) {
    err(`Cannot find device "${deviceName}"\n`);
    return 1;
  }
  switch (action) {
    case 'show':
    case 'list':
    case 'ls':
    case 's': {
      const wanted = rest.find((candidate) => isIp4(candidate));
      const state = word('nud')?.toUpperCase();
      for (const neighbor of neighborsOf(invocation)) {
        if (deviceName !== undefined && neighbor.device !== deviceName) continue;
        if (wanted !== undefined && neighbor.ip !== wanted) continue;
        if (state !== undefined && neighbor.state !== state) continue;
        out(
          `${neighbor.ip} ${deviceName === undefined ? `dev ${neighbor.device} ` : ''}${neighbor.mac === undefined ? '' : `lladdr ${neighbor.mac} `}${neighbor.state} \n`,
        );
      }
      return 0;
    }
    case 'flush': {
      if (rest.length === 0) {
        err('Flush requires arguments.\n');
        return 1;
      }
      host.engine.deleteNeighbors(place.netns, (neighbor) => (deviceName === undefined || neighbor.device === deviceName) && neighbor.state !== 'PERMANENT');
      return 0;
    }
    case 'del':
    case 'delete':
    case 'add':
    case 'replace':
      return changeNeighbor(invocation, action === 'add' || action === 'replace' ? action : 'del', rest, deviceName, word('lladdr'));
    default:
      err(`Command "${action}" is unknown, try "ip neigh help".\n`);
      return 255;
  }
}

function changeNeighbor(
  invocation: Invocation,
  action: 'add' | 'replace' | 'del',
  words: readonly string[],
  device: string | undefined,
  mac: string | undefined,
): number {
  const { host, place, err } = invocation;
  const ip = words.find((candidate) => isIp4(candidate));
  if (ip === undefined || device === undefined) {
    err('Device and destination are required arguments.\n');
    return 255;
  }
  const id = `${place.netns}/neighbor/${device}/${ip}`;
  const written = host.engine.records.has(id);
  if (action === 'del') {
    const learnt = host.engine.deleteNeighbors(place.netns, (neighbor) => neighbor.ip === ip && neighbor.device === device);
    if (written) host.engine.records.remove(id);
    if (!written && learnt === 0) {
      err('RTNETLINK answers: No such file or directory\n');
      return 2;
    }
    host.settle();
    return 0;
  }
  if (mac === undefined || !/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(mac)) {
    err(mac === undefined ? 'RTNETLINK answers: Invalid argument\n' : `"${mac}" is invalid lladdr.\n`);
    return mac === undefined ? 2 : 255;
  }
  if (action === 'add' && written) {
    err('RTNETLINK answers: File exists\n');
    return 2;
  }
  const record: Neighbor = {
    kind: 'neighbor',
    id,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    device,
    ip,
    mac: mac.toLowerCase(),
    state: 'PERMANENT',
  };
  host.engine.records.put(record);
  host.settle();
  return 0;
}

export const arp = defineCommand({
  name: 'arp',
  summary: 'the ARP table (-n)',
  group: 'network',
  run: (invocation) => {
    const rows = neighborsOf(invocation).filter((neighbor) => neighbor.state !== 'NOARP');
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
