/** bridge: forwarding databases and bridge ports of iproute2. */
import type { FdbView } from '../../net/engine.ts';
import type { FdbEntry } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { deviceFlags, deviceTitle } from './ip-link.ts';
import { deviceById, devicesOf, findDevice, isIp4 } from './net-view.ts';

export const bridge = defineCommand({
  name: 'bridge',
  summary: 'forwarding database and ports: bridge fdb show, bridge link',
  group: 'network',
  run: (invocation) => {
    const words = [...invocation.argv];
    let details = false;
    let statistics = false;
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      if (/^-d/.test(option)) details = true;
      else if (/^-s/.test(option)) statistics = true;
      else if (!/^-c/.test(option)) {
        invocation.err(`Option "${option}" is unknown, try "bridge help".\n`);
        return 255;
      }
    }
    const object = words.shift() ?? '';
    if (object !== '' && 'fdb'.startsWith(object)) return fdb(invocation, words, statistics);
    if (object !== '' && 'link'.startsWith(object)) return link(invocation, words, details);
    if (object === 'vlan' || object === 'mdb') {
      invocation.err(`bridge ${object}: not modelled\n`);
      return 1;
    }
    invocation.err(
      object === '' || object === 'help'
        ? 'Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\nwhere  OBJECT := { link | fdb }\n'
        : `Object "${object}" is unknown, try "bridge help".\n`,
    );
    return 255;
  },
  complete: (words, current) =>
    (words.length === 1 ? ['fdb', 'link'] : ['show', 'dev', 'br', 'add', 'del']).filter((candidate) => candidate.startsWith(current)),
});

function fdbLine(entry: FdbView, showDevice: boolean): string {
  const parts = [entry.mac];
  if (showDevice) parts.push(`dev ${entry.device}`);
  if (entry.dst !== undefined) parts.push(`dst ${entry.dst}`);
  if (entry.master !== undefined) parts.push(`master ${entry.master}`);
  if (entry.self) parts.push('self');
  return `${parts.join(' ')} ${entry.state === 'dynamic' ? '' : entry.state}\n`;
}

function fdb(invocation: Invocation, words: readonly string[], _statistics: boolean): number {
  const { host, place, out, err } = invocation;
  const action = words[0] ?? 'show';
  const rest = words.slice(1);
  const word = (name: string): string | undefined => {
    const at = rest.indexOf(name);
    return at < 0 ? undefined : rest[at + 1];
  };
  const deviceName = word('dev') ?? word('brport');
  const bridgeName = word('br');
  for (const name of [deviceName, bridgeName]) {
    if (name !== undefined && findDevice(host, place.netns, name) === undefined) {
      err(`Cannot find ${name === bridgeName ? 'bridge' : ''} device "${name}"\n`.replace('find  ', 'find '));
      return 1;
    }
  }
  if (['show', 'list', 'ls', 's'].includes(action)) {
    const order = new Map(devicesOf(host, place.netns).map((device, index) => [device.name, index]));
    const entries = host.engine.fdb(place.netns).toSorted((a, b) => (order.get(a.device) ?? 0) - (order.get(b.device) ?? 0));
    for (const entry of entries) {
      if (deviceName !== undefined && entry.device !== deviceName) continue;
      if (bridgeName !== undefined && entry.master !== bridgeName && entry.device !== bridgeName) continue;
      out(fdbLine(entry, deviceName === undefined));
    }
    return 0;
  }
  const mac = rest[0]?.toLowerCase() ?? '';
  if (action !== 'add' && action !== 'append' && action !== 'replace' && action !== 'del') {
    err(`Command "${action}" is unknown, try "bridge fdb help".\n`);
    return 255;
  }
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac)) {
    err(`Invalid mac address ${rest[0] ?? ''}\n`);
    return 1;
  }
  if (deviceName === undefined) {
    err('Device and address are required arguments.\n');
    return 1;
  }
  const dst = word('dst');
  if (dst !== undefined && !isIp4(dst)) {
    err(`Invalid address "${dst}"\n`);
    return 1;
  }
  const prefix = `${place.netns}/fdb/${deviceName}/${mac}`;
  const id = dst === undefined ? prefix : `${prefix}/${dst}`;
  const existing = [...host.engine.records.values()].filter(
    (record) => record.kind === 'fdb' && (record.id === id || (dst === undefined && record.id.startsWith(`${prefix}/`))),
  );
  if (action === 'del') {
    if (existing.length === 0) {
      err('RTNETLINK answers: No such file or directory\n');
      return 2;
    }
    for (const record of existing) host.engine.records.remove(record.id);
  } else {
    if (existing.length > 0 && action === 'add') {
      err('RTNETLINK answers: File exists\n');
      return 2;
    }
    if (action === 'replace') for (const record of existing) host.engine.records.remove(record.id);
    const entry: FdbEntry = {
      kind: 'fdb',
      id,
      origin: { component: 'user', objects: [] },
      netns: place.netns,
      device: deviceName,
      mac,
      ...(dst === undefined ? {} : { dst }),
      state: rest.includes('static') ? 'static' : 'permanent',
    };
    host.engine.records.put(entry);
  }
  host.settle();
  return 0;
}

function link(invocation: Invocation, words: readonly string[], details: boolean): number {
  const { host, place, out } = invocation;
  const wanted = words.includes('dev') ? words[words.indexOf('dev') + 1] : undefined;
  for (const device of devicesOf(host, place.netns)) {
    if (device.master === undefined || (wanted !== undefined && device.name !== wanted)) continue;
    const master = deviceById(host, device.master)?.name ?? '?';
    const title = device.type === 'veth' ? deviceTitle(invocation, device) : device.name;
    const port = device.bridgePort;
    const onOff = (value: boolean | undefined): string => (value === true ? 'on' : 'off');
    out(
      `${device.index}: ${title}: <${deviceFlags(invocation, device)}> mtu ${device.mtuBytes} master ${master} state ${device.up ? 'forwarding' : 'disabled'} priority 32 cost 2 \n`,
    );
    if (details)
      out(
        `    hairpin ${onOff(port?.hairpin)} guard off root_block off fastleave off learning ${onOff(port?.learning)} flood on mcast_flood on bcast_flood on mcast_to_unicast off neigh_suppress off vlan_tunnel off isolated ${onOff(port?.isolated)} \n`,
      );
  }
  return 0;
}
