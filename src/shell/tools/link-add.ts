/** ip link add: devices made by hand, in the order and with the words of iproute2's iplink_modify(). */
import type { Device, FdbEntry } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { followPorts, NEW_PORT, putDevice } from './device-change.ts';
import { freeName, isDeviceName, isMac, macOf, nextIndex } from './device-names.ts';
import { type KindFields, parseKind } from './link-kinds.ts';
import { kernelSays, type Refusal, refuse, wrong } from './link-refusal.ts';
import { deviceById, findDevice, findNetnsByName } from './net-view.ts';

const USER = { component: 'user', objects: [] } as const;

interface Common {
  name: string | undefined;
  mac: string | undefined;
  mtuBytes: number | undefined;
  txQueueLength: number | undefined;
  netns: string | undefined;
  master: string | undefined;
  link: Device | undefined;
  up: boolean;
  kind: string | undefined;
  /** What follows the kind. */
  rest: string[];
}

export function addLink(invocation: Invocation, words: readonly string[]): number {
  const parsed = parseCommon(invocation, words);
  const refusal = 'status' in parsed ? parsed : parsed.kind === 'veth' ? addVeth(invocation, parsed) : addOne(invocation, parsed);
  if (refusal !== undefined) invocation.err(`${refusal.text}\n`);
  else invocation.host.settle();
  return refusal?.status ?? 0;
}

/** What every device may be given, up to `type KIND`. */
function parseCommon(invocation: Invocation, words: readonly string[]): Common | Refusal {
  const { host, place } = invocation;
  const common: Common = {
    name: undefined,
    mac: undefined,
    mtuBytes: undefined,
    txQueueLength: undefined,
    netns: undefined,
    master: undefined,
    link: undefined,
    up: false,
    kind: undefined,
    rest: [],
  };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'type') {
      common.kind = rest.shift();
      common.rest = rest.splice(0);
      break;
    }
    if (word === 'up' || word === 'down') {
      common.up = word === 'up';
      continue;
    }
    const known = [
      'name',
      'dev',
      'link',
      'address',
      'mtu',
      'txqueuelen',
      'qlen',
      'netns',
      'master',
      'numtxqueues',
      'numrxqueues',
      'gso_max_segs',
      'gso_max_size',
    ];
    const value = known.includes(word) ? (rest.shift() ?? '') : word;
    switch (word) {
      case 'link': {
        common.link = findDevice(host, place.netns, value);
        if (common.link === undefined) return refuse(`Cannot find device "${value}"`, 1);
        break;
      }
      case 'address':
        if (!isMac(value)) return refuse(`"${value}" is invalid lladdr.`, 1);
        common.mac = value.toLowerCase();
        break;
      case 'mtu':
        if (!/^\d{1,9}$/.test(value)) return wrong(value, 'Invalid "mtu" value\n');
        common.mtuBytes = Number(value);
        break;
      case 'txqueuelen':
      case 'qlen':
        if (!/^\d{1,9}$/.test(value)) return wrong(value, 'Invalid "txqueuelen" value\n');
        common.txQueueLength = Number(value);
        break;
      case 'netns': {
        common.netns = findNetnsByName(host, place.hostId, value);
        if (common.netns === undefined) return wrong(value, 'Invalid "netns" value\n');
        break;
      }
      case 'master': {
        const master = findDevice(host, place.netns, value);
        if (master === undefined) return wrong(value, 'Device does not exist\n');
        if (master.type !== 'bridge') return kernelSays('Operation not supported');
        common.master = master.id;
        break;
      }
      case 'numtxqueues':
      case 'numrxqueues':
      case 'gso_max_segs':
      case 'gso_max_size':
        break;
      default:
        if (common.name !== undefined) return refuse(`Error: either "dev" is duplicate, or "${value}" is a garbage.`, 255);
        if (!isDeviceName(value)) return wrong(value, '"name" not a valid ifname');
        common.name = value;
    }
  }
  return common.kind === undefined ? refuse('Not enough information: "type" argument is required', 1) : common;
}

/** The kernel refuses what is already there before it looks at anything else. */
function checked(invocation: Invocation, common: Common, fallback: string): { readonly netns: string; readonly name: string } | Refusal {
  const netns = common.netns ?? invocation.place.netns;
  const name = common.name ?? freeName(invocation.host, netns, fallback);
  if (findDevice(invocation.host, netns, name) !== undefined) return kernelSays('File exists');
  if (common.mac !== undefined && (Number.parseInt(common.mac.slice(0, 2), 16) & 1) === 1) return kernelSays('Cannot assign requested address');
  if (common.mtuBytes !== undefined && common.mtuBytes < 68) return refuse('Error: mtu less than device minimum.', 2);
  if (common.mtuBytes !== undefined && common.mtuBytes > 65535) return refuse('Error: mtu greater than device maximum.', 2);
  return { netns, name };
}

function addOne(invocation: Invocation, common: Common): Refusal | undefined {
  const { host, err } = invocation;
  const kind = common.kind ?? '';
  const parsed = parseKind(invocation, kind, common.rest, common.link);
  if ('status' in parsed) return parsed;
  const where = checked(invocation, common, kind);
  if ('status' in where) return where;
  const twin = sameTunnel(invocation, where.netns, parsed.fields);
  if (twin !== undefined) return twin;
  if (parsed.note !== undefined) err(parsed.note);
  const id = `${where.netns}/device/${where.name}`;
  // vxlan_config_apply(): what is too big is made smaller without a word.
  const limit = parsed.fields.type === 'vxlan' && parsed.fields.underlay !== '' ? parsed.mtuBytes : Number.POSITIVE_INFINITY;
  if (parsed.fields.type === 'vlan' && common.mtuBytes !== undefined && common.mtuBytes > parsed.mtuBytes) return kernelSays('Numerical result out of range');
  const fields = parsed.fields.type === 'bridge' ? bridgeFields(parsed.fields, common) : parsed.fields;
  const device = {
    kind: 'device',
    id,
    origin: USER,
    netns: where.netns,
    name: where.name,
    index: nextIndex(host, where.netns),
    mac: common.mac ?? parsed.mac ?? macOf(id),
    mtuBytes: Math.min(common.mtuBytes ?? parsed.mtuBytes, limit),
    up: common.up,
    addresses: [],
    ...(common.up ? {} : { neverUp: true }),
    ...(common.txQueueLength === undefined ? {} : { txQueueLength: common.txQueueLength }),
    ...(common.master === undefined ? {} : { master: common.master, bridgePort: NEW_PORT }),
    ...fields,
  } as Device;
  putDevice(host, device);
  followPorts(host, device.master);
  if (device.type === 'vxlan' && device.remoteIp !== undefined) host.engine.records.put(defaultDestination(device, device.remoteIp));
  return undefined;
}

function bridgeFields(fields: Extract<KindFields, { type: 'bridge' }>, common: Common): KindFields {
  return { ...fields, followsPorts: { mac: common.mac === undefined, mtu: common.mtuBytes === undefined } };
}

/** What the kernel itself writes for `remote`: where unknown MACs go. */
function defaultDestination(device: Device, remote: string): FdbEntry {
  const mac = '00:00:00:00:00:00';
  return {
    kind: 'fdb',
    id: `${device.netns}/fdb/${device.name}/${mac}/${remote}`,
    origin: USER,
    netns: device.netns,
    device: device.name,
    mac,
    dst: remote,
    state: 'permanent',
  };
}

/** Two tunnels that would take the same packets cannot both be. Linux: vxlan_vni_in_use(), geneve_find_dev(), ip_tunnel_find() */
function sameTunnel(invocation: Invocation, netns: string, fields: { readonly type: string }): Refusal | undefined {
  const wanted = fields as Partial<Device> & { readonly type: string };
  for (const record of invocation.host.engine.records.values()) {
    if (record.kind !== 'device' || record.netns !== netns || record.type !== wanted.type) continue;
    if (record.type === 'vxlan' && wanted.type === 'vxlan') {
      const other = wanted as Extract<Device, { type: 'vxlan' }>;
      if (record.vni === other.vni && record.destinationPort === other.destinationPort)
        return refuse('Error: A VXLAN device with the specified VNI already exists.', 2);
    }
    if (record.type === 'geneve' && wanted.type === 'geneve') {
      const other = wanted as Extract<Device, { type: 'geneve' }>;
      if (record.vni === other.vni && record.destinationPort === other.destinationPort && record.remoteIp === other.remoteIp) return kernelSays('File exists');
    }
    if (record.type === 'ipip' && wanted.type === 'ipip') {
      const other = wanted as Extract<Device, { type: 'ipip' }>;
      if (record.remoteIp === other.remoteIp && record.localIp === other.localIp) return kernelSays('File exists');
    }
    if (record.type === 'vlan' && wanted.type === 'vlan') {
      const other = wanted as Extract<Device, { type: 'vlan' }>;
      if (record.lower === other.lower && record.vlanId === other.vlanId) return kernelSays('File exists');
    }
  }
  return undefined;
}

/** `… type veth [peer [name] NAME [options]]`: both ends at once. */
function addVeth(invocation: Invocation, common: Common): Refusal | undefined {
  const { host } = invocation;
  const words = [...common.rest];
  if (words.length > 0 && words.shift() !== 'peer') return refuse(`veth: unknown option "${common.rest[0]}"`, 255);
  const far = parseCommon(invocation, [...words, 'type', 'veth']);
  if ('status' in far) return far;
  const near = checked(invocation, common, 'veth');
  if ('status' in near) return near;
  const netns = far.netns ?? invocation.place.netns;
  const farName = far.name ?? freeName(host, netns, near.name === 'veth0' ? 'veth1' : 'veth');
  if (findDevice(host, netns, farName) !== undefined || (netns === near.netns && farName === near.name)) return kernelSays('File exists');
  const nearId = `${near.netns}/device/${near.name}`;
  const farId = `${netns}/device/${farName}`;
  // The kernel makes the peer first: it has the smaller number.
  const farIndex = nextIndex(host, netns);
  const nearIndex = netns === near.netns ? farIndex + 1 : nextIndex(host, near.netns);
  putDevice(host, vethEnd(farId, netns, farName, farIndex, nearId, { ...far, mtuBytes: far.mtuBytes ?? common.mtuBytes }));
  const device = putDevice(host, vethEnd(nearId, near.netns, near.name, nearIndex, farId, common));
  followPorts(host, device.master);
  followPorts(host, deviceById(host, farId)?.master);
  return undefined;
}

function vethEnd(id: string, netns: string, name: string, index: number, peer: string, common: Common): Device {
  return {
    kind: 'device',
    id,
    origin: USER,
    netns,
    name,
    index,
    mac: common.mac ?? macOf(id),
    mtuBytes: common.mtuBytes ?? 1500,
    up: common.up,
    addresses: [],
    ...(common.up ? {} : { neverUp: true as const }),
    ...(common.txQueueLength === undefined ? {} : { txQueueLength: common.txQueueLength }),
    ...(common.master === undefined ? {} : { master: common.master, bridgePort: NEW_PORT }),
    type: 'veth',
    peer,
  };
}
