/** bridge: forwarding databases, bridge ports and VLANs of iproute2. */
import { parseIp } from '../../net/addr/ip.ts';
import type { FdbView } from '../../net/engine.ts';
import type { FdbEntry } from '../../net/records.ts';
import { defineCommand, type Invocation } from '../command.ts';
import { putDevice } from './device-change.ts';
import { isMac } from './device-names.ts';
import { printJson } from './link-json.ts';
import { parsePort } from './link-set.ts';
import { deviceFlags, deviceTitle, flagList, hasCarrier } from './link-words.ts';
import { deviceById, devicesOf, findDevice } from './net-view.ts';

interface Options {
  details: boolean;
  statistics: boolean;
  json: boolean;
  pretty: boolean;
}

const USAGE = `Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }
       bridge [ -force ] -batch filename
where  OBJECT := { link | fdb | mdb | vlan | monitor }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] |
                    -o[neline] | -t[imestamp] | -n[etns] name |
                    -c[ompressvlans] -color -p[retty] -j[son] }
`;

export const bridge = defineCommand({
  name: 'bridge',
  summary: 'forwarding database and ports: bridge fdb show, bridge link',
  group: 'network',
  run: (invocation) => {
    const words = [...invocation.argv];
    const options: Options = { details: false, statistics: false, json: false, pretty: false };
    while (words[0]?.startsWith('-') === true) {
      const option = words.shift() ?? '';
      if (/^-d/.test(option)) options.details = true;
      else if (/^-s/.test(option)) options.statistics = true;
      else if (/^-j/.test(option)) options.json = true;
      else if (/^-p/.test(option)) options.pretty = true;
      else if (!/^-[co]/.test(option)) {
        invocation.err(`Option "${option}" is unknown, try "bridge help".\n`);
        return 255;
      }
    }
    const object = words.shift() ?? '';
    if (object !== '' && 'fdb'.startsWith(object)) return fdb(invocation, words, options);
    if (object !== '' && 'link'.startsWith(object)) return link(invocation, words, options);
    if (object !== '' && 'vlan'.startsWith(object)) {
      if (words[0] !== undefined && !'show'.startsWith(words[0]) && !'list'.startsWith(words[0])) {
        invocation.err(`bridge vlan ${words[0]}: VLAN filtering is not simulated; a VLAN device (ip link add link DEV type vlan) is\n`);
        return 255;
      }
      invocation.out('port              vlan-id  \n');
      return 0;
    }
    if (object === 'mdb' || object === 'monitor') {
      invocation.err(`bridge ${object}: not simulated\n`);
      return 255;
    }
    invocation.err(object === '' || object === 'help' ? USAGE : `Object "${object}" is unknown, try "bridge help".\n`);
    return 255;
  },
  complete: (words, current) =>
    (words.length === 1 ? ['fdb', 'link', 'vlan', '-d', '-j'] : ['show', 'dev', 'br', 'add', 'append', 'del', 'set', 'dst']).filter((candidate) =>
      candidate.startsWith(current),
    ),
});

function fdbLine(entry: FdbView, showDevice: boolean, statistics: boolean): string {
  const parts = [entry.mac];
  if (showDevice) parts.push(`dev ${entry.device}`);
  if (statistics && entry.master !== undefined) parts.push('used 0/0');
  if (entry.dst !== undefined) parts.push(`dst ${entry.dst}`);
  if (entry.port !== undefined) parts.push(`port ${entry.port}`);
  if (entry.vni !== undefined) parts.push(`vni ${entry.vni}`);
  if (entry.master !== undefined) parts.push(`master ${entry.master}`);
  if (entry.self) parts.push('self');
  return `${parts.join(' ')} ${entry.state === 'dynamic' ? '' : entry.state}\n`;
}

function fdb(invocation: Invocation, words: readonly string[], options: Options): number {
  const { host, place, out, err } = invocation;
  const action = words[0] ?? 'show';
  const rest = words.slice(1);
  const word = (name: string): string | undefined => {
    const at = rest.indexOf(name);
    return at < 0 ? undefined : rest[at + 1];
  };
  const showing = ['show', 'list', 'ls', 'lst', 's'].includes(action);
  const deviceName = word('dev') ?? (showing ? word('brport') : undefined);
  const bridgeName = showing || action === 'get' ? word('br') : undefined;
  for (const name of [deviceName, bridgeName]) {
    if (name === undefined || findDevice(host, place.netns, name) !== undefined) continue;
    err(name === bridgeName ? `Cannot find bridge device "${name}"\n` : `Cannot find device "${name}"\n`);
    return 255;
  }
  if (showing || action === 'get') {
    const order = new Map(devicesOf(host, place.netns).map((device, index) => [device.name, index]));
    const state = word('state');
    const wantedMac = action === 'get' ? rest[0]?.toLowerCase() : undefined;
    const entries = host.engine
      .fdb(place.netns)
      .toSorted((a, b) => (order.get(a.device) ?? 0) - (order.get(b.device) ?? 0))
      .filter((entry) => deviceName === undefined || entry.device === deviceName)
      .filter((entry) => bridgeName === undefined || entry.master === bridgeName || entry.device === bridgeName)
      .filter((entry) => state === undefined || entry.state === state)
      .filter((entry) => wantedMac === undefined || entry.mac === wantedMac);
    if (action === 'get' && entries.length === 0) {
      err('Error: Fdb entry not found.\n');
      return 255;
    }
    if (options.json)
      out(
        printJson(
          entries.map((entry) => fdbJson(entry, deviceName === undefined)),
          options.pretty,
        ),
      );
    else for (const entry of entries) out(fdbLine(entry, deviceName === undefined, options.statistics));
    return 0;
  }
  if (action === 'flush') return flush(invocation, deviceName);
  if (!['add', 'append', 'replace', 'change', 'del', 'delete'].includes(action)) {
    err(`Command "${action}" is unknown, try "bridge fdb help".\n`);
    return 255;
  }
  return changeFdb(invocation, action, rest, deviceName);
}

function fdbJson(entry: FdbView, showDevice: boolean): { readonly [key: string]: string | number | readonly string[] } {
  return {
    mac: entry.mac,
    ...(showDevice ? { ifname: entry.device } : {}),
    ...(entry.dst === undefined ? {} : { dst: entry.dst }),
    ...(entry.port === undefined ? {} : { port: entry.port }),
    ...(entry.vni === undefined ? {} : { vni: entry.vni }),
    flags: entry.self ? ['self'] : [],
    ...(entry.master === undefined ? {} : { master: entry.master }),
    state: entry.state === 'dynamic' ? '' : entry.state,
  };
}

function flush({ host, place, err }: Invocation, deviceName: string | undefined): number {
  if (deviceName === undefined) {
    err('Device is required.\n');
    return 255;
  }
  for (const record of [...host.engine.records.values()])
    if (record.kind === 'fdb' && record.netns === place.netns && record.device === deviceName) host.engine.records.remove(record.id);
  host.settle();
  return 0;
}

/** The words that may follow `MAC`, with how many values each has. */
const FDB_WORDS: Readonly<Record<string, 0 | 1>> = {
  dev: 1,
  dst: 1,
  port: 1,
  vni: 1,
  src_vni: 1,
  via: 1,
  vlan: 1,
  master: 0,
  self: 0,
  local: 0,
  permanent: 0,
  temp: 0,
  static: 0,
  dynamic: 0,
  router: 0,
  extern_learn: 0,
  use: 0,
};

function changeFdb(invocation: Invocation, action: string, words: readonly string[], deviceName: string | undefined): number {
  const { host, place, err } = invocation;
  const values = new Map<string, string>();
  let macText: string | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    const count = Object.hasOwn(FDB_WORDS, word) ? FDB_WORDS[word] : undefined;
    if (count === undefined) macText = word;
    else values.set(word, count === 1 ? (words[i + 1] ?? '') : '');
    if (count === 1) i += 1;
  }
  if (macText === undefined || deviceName === undefined) {
    err('Device and address are required arguments.\n');
    return 255;
  }
  const mac = macText.toLowerCase();
  if (!isMac(mac)) {
    err(`Invalid mac address ${macText}\n`);
    return 255;
  }
  const dst = values.get('dst');
  if (dst !== undefined && parseIp(dst) === undefined) {
    err(`Error: any valid address is expected rather than "${dst}".\n`);
    return 1;
  }
  const device = findDevice(host, place.netns, deviceName);
  const tunnel = device?.type === 'vxlan';
  // Without `master` the device's own list is meant: of a VXLAN device its FDB, of others the MACs it takes.
  if ((values.has('master') && device?.master === undefined) || (tunnel && dst === undefined && action !== 'del' && action !== 'delete')) {
    err(tunnel ? 'RTNETLINK answers: Invalid argument\n' : 'RTNETLINK answers: Operation not supported\n');
    return 255;
  }
  const prefix = `${place.netns}/fdb/${deviceName}/${mac}`;
  const id = dst === undefined ? prefix : `${prefix}/${dst}`;
  const existing = [...host.engine.records.values()].filter((record) => record.kind === 'fdb' && (record.id === prefix || record.id.startsWith(`${prefix}/`)));
  if (action === 'del' || action === 'delete') {
    const gone = dst === undefined ? existing : existing.filter((record) => record.id === id);
    if (gone.length === 0) {
      err('RTNETLINK answers: No such file or directory\n');
      return 255;
    }
    for (const record of gone) host.engine.records.remove(record.id);
    host.settle();
    return 0;
  }
  if (existing.length > 0 && (action === 'add' || (action === 'append' && existing.some((record) => record.id === id)))) {
    err('RTNETLINK answers: File exists\n');
    return 255;
  }
  if (action === 'replace' || action === 'change') for (const record of existing) host.engine.records.remove(record.id);
  const port = values.get('port');
  const vni = values.get('vni');
  const entry: FdbEntry = {
    kind: 'fdb',
    id,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    device: deviceName,
    mac,
    ...(dst === undefined ? {} : { dst }),
    ...(port === undefined || !/^\d{1,5}$/.test(port) ? {} : { port: Number(port) }),
    ...(vni === undefined || !/^\d{1,8}$/.test(vni) ? {} : { vni: Number(vni) }),
    state: values.has('static') || values.has('temp') ? 'static' : 'permanent',
  };
  host.engine.records.put(entry);
  host.settle();
  return 0;
}

const LINK_SET_USAGE = `Usage: bridge link set dev DEV [ cost COST ] [ priority PRIO ] [ state STATE ]
                               [ guard {on | off} ]
                               [ hairpin {on | off} ]
                               [ fastleave {on | off} ]
                               [ root_block {on | off} ]
                               [ learning {on | off} ]
                               [ learning_sync {on | off} ]
                               [ flood {on | off} ]
                               [ mcast_router MULTICAST_ROUTER ]
                               [ mcast_flood {on | off} ]
                               [ bcast_flood {on | off} ]
                               [ mcast_to_unicast {on | off} ]
                               [ neigh_suppress {on | off} ]
                               [ vlan_tunnel {on | off} ]
                               [ isolated {on | off} ]
                               [ locked {on | off} ]
                               [ hwmode {vepa | veb} ]
                               [ backup_port DEVICE ] [ nobackup_port ]
                               [ self ] [ master ]
       bridge link show [dev DEV]
`;

function setPort(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const rest = words.filter((word) => word !== 'self' && word !== 'master');
  const at = rest.indexOf('dev');
  const name = at < 0 ? undefined : rest[at + 1];
  if (name === undefined) {
    err('Device is a required argument.\n');
    return 255;
  }
  rest.splice(at, 2);
  const port = parsePort(rest);
  if ('status' in port) {
    err(port.status === 255 ? LINK_SET_USAGE : `${port.text}\n`);
    return port.status;
  }
  const device = findDevice(host, place.netns, name);
  if (device === undefined) {
    err(`Cannot find bridge device "${name}"\n`);
    return 255;
  }
  if (device.bridgePort === undefined) {
    err('RTNETLINK answers: Operation not supported\n');
    return 255;
  }
  putDevice(host, { ...device, bridgePort: { ...device.bridgePort, ...port } });
  host.settle();
  return 0;
}

function link(invocation: Invocation, words: readonly string[], options: Options): number {
  const { host, place, out, err } = invocation;
  if (words[0] === 'set') return setPort(invocation, words.slice(1));
  const value = (name: string): string | undefined => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
  const wanted = value('dev');
  const masterName = value('master');
  for (const name of [wanted, masterName]) {
    if (name === undefined || findDevice(host, place.netns, name) !== undefined) continue;
    err(`Cannot find ${name === wanted ? 'bridge ' : ''}device "${name}"\n`);
    return 255;
  }
  const ports = devicesOf(host, place.netns).filter(
    (device) =>
      device.master !== undefined &&
      (wanted === undefined || device.name === wanted) &&
      (masterName === undefined || deviceById(host, device.master)?.name === masterName),
  );
  const state = (device: (typeof ports)[number]): string => (device.up && hasCarrier(invocation, device) ? 'forwarding' : 'disabled');
  if (options.json) {
    out(
      printJson(
        ports.map((device) => ({
          ifindex: device.index,
          ...(device.type === 'veth' && deviceById(host, device.peer)?.netns === device.netns ? { link: deviceById(host, device.peer)?.name ?? '' } : {}),
          ifname: device.name,
          flags: flagList(invocation, device),
          mtu: device.mtuBytes,
          master: deviceById(host, device.master ?? '')?.name ?? '',
          state: state(device),
          priority: 32,
          cost: 2,
        })),
        options.pretty,
      ),
    );
    return 0;
  }
  for (const device of ports) {
    const master = deviceById(host, device.master ?? '')?.name ?? '?';
    const port = device.bridgePort;
    const onOff = (flag: boolean | undefined): string => (flag === true ? 'on' : 'off');
    const notOff = (flag: boolean | undefined): string => (flag === false ? 'off' : 'on');
    out(
      `${device.index}: ${deviceTitle(invocation, device)}: <${deviceFlags(invocation, device)}> mtu ${device.mtuBytes} master ${master} state ${state(device)} priority 32 cost 2 \n`,
    );
    if (options.details)
      out(
        `    hairpin ${onOff(port?.hairpin)} guard off root_block off fastleave off learning ${notOff(port?.learning)} flood ${notOff(port?.flood)} mcast_flood ${notOff(port?.multicastFlood)} bcast_flood ${notOff(port?.broadcastFlood)} mcast_router 1 mcast_to_unicast off neigh_suppress ${onOff(port?.neighborSuppress)} vlan_tunnel off isolated ${onOff(port?.isolated)} locked off \n`,
      );
  }
  return 0;
}

/** bridge-utils: the short list of bridges and their ports. */
export const brctl = defineCommand({
  name: 'brctl',
  summary: 'bridges and their ports: brctl show, brctl showmacs BRIDGE',
  group: 'network',
  run: (invocation) => {
    const { argv, host, place, out, err } = invocation;
    const [action = '', name] = argv;
    const bridges = devicesOf(host, place.netns).filter((device) => device.type === 'bridge');
    if (action === 'show') {
      out('bridge name\tbridge id\t\tSTP enabled\tinterfaces\n');
      for (const one of bridges.filter((device) => name === undefined || device.name === name)) {
        const ports = devicesOf(host, place.netns).filter((device) => device.master === one.id);
        out(`${one.name}\t\t8000.${one.mac.replaceAll(':', '')}\tno\t\t${ports[0]?.name ?? ''}\n`);
        for (const port of ports.slice(1)) out(`\t\t\t\t\t\t\t${port.name}\n`);
      }
      return 0;
    }
    const found = bridges.find((device) => device.name === name);
    if (action === 'showmacs') {
      if (found === undefined) {
        err(`read of forward table failed: No such device\n`);
        return 1;
      }
      const ports = devicesOf(host, place.netns).filter((device) => device.master === found.id);
      out('port no\tmac addr\t\tis local?\tageing timer\n');
      for (const entry of host.engine
        .fdb(place.netns)
        .filter((one) => one.master === found.name)
        .toSorted((a, b) => (a.mac < b.mac ? -1 : 1))) {
        const number = ports.findIndex((port) => port.name === entry.device) + 1;
        out(`${String(number).padStart(3)}\t${entry.mac}\t${entry.state === 'permanent' ? 'yes' : 'no'}\t\t${'0.00'.padStart(7)}\n`);
      }
      return 0;
    }
    err('Usage: brctl [commands]\ncommands:\n\tshow      \t[ <bridge> ]\t\tshow a list of bridges\n\tshowmacs  \t<bridge>\t\tshow a list of mac addrs\n');
    return 1;
  },
});
