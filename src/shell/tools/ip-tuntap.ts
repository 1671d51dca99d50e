/** ip tuntap: devices whose other end is a program. iproute2: ip/iptuntap.c */
import type { TunDevice } from '../../net/records.ts';
import type { Invocation } from '../command.ts';
import { putDevice, removeDevice } from './device-change.ts';
import { freeName, isDeviceName, macOf, nextIndex } from './device-names.ts';
import { devicesOf, findDevice } from './net-view.ts';

/** Flags that the real command takes and that change nothing a packet here could show. */
const IGNORED = new Set(['one_queue', 'pi', 'vnet_hdr', 'multi_queue', 'persist']);

interface Wanted {
  readonly name: string | undefined;
  readonly mode: 'tun' | 'tap' | undefined;
}

/** The words behind `add` or `del`; a text is what the real command says before it gives up. */
function parse(words: readonly string[]): Wanted | string {
  let name: string | undefined;
  let mode: 'tun' | 'tap' | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as string;
    if (word === 'mode') {
      i += 1;
      const value = words[i] ?? '';
      if (value !== 'tun' && value !== 'tap') return `Unknown tunnel mode "${value}"`;
      mode = value;
    } else if (word === 'user' || word === 'group') i += 1;
    else if (IGNORED.has(word)) continue;
    else {
      if (word === 'dev' || word === 'name') i += 1;
      const value = word === 'dev' || word === 'name' ? (words[i] ?? '') : word;
      if (!isDeviceName(value)) return `Error: argument "${value}" is wrong: "name" not a valid ifname`;
      name = value;
    }
  }
  return { name, mode };
}

function add(invocation: Invocation, { name, mode }: Wanted): number {
  const { host, place, err } = invocation;
  if (mode === undefined) {
    err('You failed to specify a tunnel mode\n');
    return 1;
  }
  if (name !== undefined && findDevice(host, place.netns, name) !== undefined) {
    err('ioctl(TUNSETIFF): Device or resource busy\n');
    return 1;
  }
  const chosen = name ?? freeName(host, place.netns, mode);
  const id = `${place.netns}/device/${chosen}`;
  const device: TunDevice = {
    kind: 'device',
    id,
    origin: { component: 'user', objects: [] },
    netns: place.netns,
    name: chosen,
    index: nextIndex(host, place.netns),
    // A tun device carries packets, not frames: it has no address of its own.
    mac: mode === 'tun' ? '00:00:00:00:00:00' : macOf(id),
    mtuBytes: 1500,
    up: false,
    addresses: [],
    txQueueLength: 500,
    type: 'tun',
    mode,
  };
  putDevice(host, device);
  host.settle();
  return 0;
}

function remove(invocation: Invocation, { name, mode }: Wanted): number {
  const { host, place, err } = invocation;
  if (mode === undefined) {
    err('You failed to specify a tunnel mode\n');
    return 1;
  }
  // Opening makes what is not there; letting it go again leaves nothing.
  const device = name === undefined ? undefined : findDevice(host, place.netns, name);
  if (device === undefined) return 0;
  if (device.type !== 'tun' || device.mode !== mode) {
    err('ioctl(TUNSETIFF): Invalid argument\n');
    return 1;
  }
  removeDevice(host, device);
  host.settle();
  return 0;
}

export function ipTuntap(invocation: Invocation, words: readonly string[]): number {
  const { host, place, out, err } = invocation;
  const [action = 'show', ...rest] = words;
  if ('show'.startsWith(action) || 'list'.startsWith(action) || action === 'lst') {
    for (const device of devicesOf(host, place.netns)) if (device.type === 'tun') out(`${device.name}: ${device.mode} persist\n`);
    return 0;
  }
  const adds = 'add'.startsWith(action);
  if (!adds && !'delete'.startsWith(action)) {
    err(`Command "${action}" is unknown, try "ip tuntap help".\n`);
    return 255;
  }
  const wanted = parse(rest);
  if (typeof wanted === 'string') {
    err(`${wanted}\n`);
    return 255;
  }
  return adds ? add(invocation, wanted) : remove(invocation, wanted);
}
