/** ip link set and del: what people change of a device, with the kernel's conditions and iproute2's words. */
import type { BridgePort, Device } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { forgetBridge } from '../node-files.ts';
import { followPorts, moveDevice, NEW_PORT, putDevice, removeDevice, renameDevice, setDown, setMac, setMtu, setUp, withoutMaster } from './device-change.ts';
import { isDeviceName, isMac } from './device-names.ts';
import { changeKind } from './link-kinds.ts';
import { kernelSays, type Refusal, refuse, wrong } from './link-refusal.ts';
import { deviceById, findDevice, findNetnsByName } from './net-view.ts';

/** Port flags by the words of `bridge link set` and `ip link set … type bridge_slave`. */
export const PORT_FLAGS: Readonly<Record<string, keyof BridgePort>> = {
  hairpin: 'hairpin',
  isolated: 'isolated',
  learning: 'learning',
  flood: 'flood',
  mcast_flood: 'multicastFlood',
  bcast_flood: 'broadcastFlood',
  neigh_suppress: 'neighborSuppress',
};
/** Accepted, printed as their default, and without effect here. */
export const IDLE_PORT_FLAGS: ReadonlySet<string> = new Set([
  'guard',
  'bpdu_guard',
  'root_block',
  'fastleave',
  'mcast_to_unicast',
  'vlan_tunnel',
  'locked',
  'learning_sync',
]);

export function setLink(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const rest = [...words];
  if (rest[0] === 'dev') rest.shift();
  const name = rest.shift();
  if (name === undefined) {
    err('Not enough information: "dev" argument is required.\n');
    return 255;
  }
  const device = findDevice(host, place.netns, name);
  if (device === undefined) {
    err(`Cannot find device "${name}"\n`);
    return 1;
  }
  const plan = parseSet(invocation, device, rest);
  const refusal = 'text' in plan ? plan : applySet(invocation, device, plan);
  if (refusal !== undefined) err(`${refusal.text}\n`);
  host.settle();
  return refusal?.status ?? 0;
}

interface Plan {
  up?: boolean;
  mtuBytes?: number;
  mac?: string;
  name?: string;
  netns?: string;
  /** '' for none. */
  master?: string;
  txQueueLength?: number;
  promiscuous?: boolean;
  port?: Partial<Record<keyof BridgePort, boolean>>;
  kind?: { readonly kind: string; readonly words: readonly string[] };
}

const garbage = (word: string): Refusal => refuse(`Error: either "dev" is duplicate, or "${word}" is a garbage.`, 255);
const WITH_VALUE: ReadonlySet<string> = new Set([
  'group',
  'alias',
  'addrgenmode',
  'gso_max_segs',
  'gso_max_size',
  'xdp',
  'arp',
  'multicast',
  'allmulticast',
  'dynamic',
  'trailers',
]);

/** All words are looked at before anything changes, as iproute2 sends one request. */
function parseSet(invocation: Invocation, device: Device, words: readonly string[]): Plan | Refusal {
  const { host, place } = invocation;
  const rest = [...words];
  const plan: Plan = {};
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const value = rest[0] ?? '';
    switch (word) {
      case 'up':
        plan.up = true;
        continue;
      case 'down':
        plan.up = false;
        continue;
      case 'nomaster':
        plan.master = '';
        continue;
      case 'type':
        rest.shift();
        if (value === 'bridge_slave') {
          const port = parsePort(rest.splice(0));
          if ('text' in port) return port;
          plan.port = port;
        } else plan.kind = { kind: value, words: rest.splice(0) };
        continue;
      case 'mtu':
        if (!/^\d{1,9}$/.test(value)) return wrong(value, 'Invalid "mtu" value\n');
        plan.mtuBytes = Number(value);
        break;
      case 'address':
      case 'addr':
        if (!isMac(value)) return refuse(`"${value}" is invalid lladdr.`, 1);
        plan.mac = value.toLowerCase();
        break;
      case 'name':
        if (!isDeviceName(value)) return wrong(value, '"name" not a valid ifname');
        plan.name = value;
        break;
      case 'txqueuelen':
      case 'qlen':
      case 'txqlen':
        if (!/^\d{1,9}$/.test(value)) return wrong(value, 'Invalid "txqueuelen" value\n');
        plan.txQueueLength = Number(value);
        break;
      case 'promisc':
        if (value !== 'on' && value !== 'off') return refuse(`Error: argument of "promisc" must be "on" or "off", not "${value}"`, 255);
        plan.promiscuous = value === 'on';
        break;
      case 'netns': {
        const netns = findNetnsByName(host, place.hostId, value);
        if (netns === undefined) return wrong(value, 'Invalid "netns" value\n');
        plan.netns = netns;
        break;
      }
      case 'master': {
        const master = findDevice(host, place.netns, value);
        if (master === undefined) return wrong(value, 'Device does not exist\n');
        if (master.type !== 'bridge' || master.id === device.id || device.type === 'bridge' || device.type === 'loopback')
          return kernelSays('Operation not supported');
        plan.master = master.id;
        break;
      }
      default:
        if (!WITH_VALUE.has(word)) return garbage(word);
    }
    rest.shift();
  }
  return plan;
}

/** `hairpin on …`; every word is a flag with on or off. */
export function parsePort(words: readonly string[]): Partial<Record<keyof BridgePort, boolean>> | Refusal {
  const port: Partial<Record<keyof BridgePort, boolean>> = {};
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i] ?? '';
    const value = words[i + 1] ?? '';
    const flag = Object.hasOwn(PORT_FLAGS, word) ? PORT_FLAGS[word] : undefined;
    if (flag === undefined && (IDLE_PORT_FLAGS.has(word) || ['state', 'priority', 'cost', 'mcast_router'].includes(word))) continue;
    if (flag === undefined) return refuse(`bridge_slave: unknown option "${word}"?`, 255);
    if (value !== 'on' && value !== 'off') return refuse(`Error: argument of "${word}" must be one of "off", "on", not "${value}"`, 234);
    port[flag] = value === 'on';
  }
  return port;
}

function applySet(invocation: Invocation, device: Device, plan: Plan): Refusal | undefined {
  const { host } = invocation;
  const now = (): Device => deviceById(host, device.id) ?? device;
  // rtnl: do_setlink() takes them in this order: netns, address, mtu, name, master, flags, queue length, the kind's own.
  if (plan.netns !== undefined && plan.netns !== device.netns) {
    if (device.type === 'loopback' || device.type === 'bridge') return kernelSays('Invalid argument');
    const taken = findDevice(host, plan.netns, plan.name ?? device.name);
    if (taken !== undefined) return kernelSays('File exists');
    const moved = moveDevice(host, device, plan.netns, plan.name);
    return plan.up === true ? answer(setUp(host, moved)) : undefined;
  }
  if (plan.mac !== undefined) {
    const error = setMac(host, now(), plan.mac);
    if (error !== undefined) return refuse(error, 2);
  }
  if (plan.mtuBytes !== undefined) {
    const error = setMtu(host, now(), plan.mtuBytes);
    if (error !== undefined) return refuse(error, 2);
  }
  let current = now();
  if (plan.name !== undefined && plan.name !== device.name) {
    if (findDevice(host, device.netns, plan.name) !== undefined) return kernelSays('File exists');
    current = renameDevice(host, current, plan.name);
  }
  if (plan.master !== undefined) {
    const left = current.master;
    current = putDevice(
      host,
      plan.master === '' ? withoutMaster(current) : ({ ...withoutMaster(current), master: plan.master, bridgePort: NEW_PORT } as Device),
    );
    followPorts(host, left);
    followPorts(host, plan.master === '' ? undefined : plan.master);
  }
  if (plan.port !== undefined) {
    if (current.bridgePort === undefined) return kernelSays('Operation not supported');
    current = putDevice(host, { ...current, bridgePort: { ...current.bridgePort, ...plan.port } });
  }
  if (plan.up !== undefined) {
    if (plan.up) {
      const error = answer(setUp(host, current));
      if (error !== undefined) return error;
    } else setDown(host, current);
    current = deviceById(host, current.id) ?? current;
  }
  if (plan.txQueueLength !== undefined) current = putDevice(host, { ...current, txQueueLength: plan.txQueueLength });
  if (plan.promiscuous !== undefined) current = putDevice(host, { ...current, promiscuous: plan.promiscuous });
  return plan.kind === undefined ? undefined : changeKind(invocation, current, plan.kind.kind, plan.kind.words);
}

const answer = (error: string | undefined): Refusal | undefined => (error === undefined ? undefined : kernelSays(error));

export function deleteLink(invocation: Invocation, words: readonly string[]): number {
  const { host, place, err } = invocation;
  const rest = words.filter((word, index) => word !== 'dev' && word !== 'type' && words[index - 1] !== 'type');
  const name = rest[0];
  const device = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (device === undefined) {
    err(name === undefined ? 'Not enough information: "dev" argument is required.\n' : `Cannot find device "${name}"\n`);
    return name === undefined ? 255 : 1;
  }
  // lo and a network card are no devices that a command made.
  if (device.type === 'loopback' || device.type === 'ethernet') {
    err('RTNETLINK answers: Operation not supported\n');
    return 2;
  }
  removeDevice(host, device);
  if (device.type === 'bridge') forgetBridge(host, place.netns, device.name);
  host.settle();
  return 0;
}
