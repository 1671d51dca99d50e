/** What a change of one device does to others, to routes, neighbours and the FDB, as the kernel does it. Every change is a record whose origin is the user. */

import { hashText } from '../../base/prng.ts';
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { BridgePort, Device, NetRecord } from '../../net/records.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { nextIndex } from './device-names.ts';
import { deviceById, devicesOf } from './net-view.ts';

/** Devices stacked on each other deeper than this do not follow any more. */
const MAX_STACK = 8;

export function putDevice(host: ShellHost, next: Device): Device {
  const device: Device = { ...next, origin: { component: 'user', objects: next.origin.objects } };
  host.engine.records.put(device);
  return device;
}

function removeWhere(host: ShellHost, unwanted: (record: NetRecord) => boolean): void {
  for (const record of [...host.engine.records.values()]) if (unwanted(record)) host.engine.records.remove(record.id);
}

const isRouteBy = (record: NetRecord, device: Device): boolean => record.kind === 'route' && record.netns === device.netns && record.device === device.name;
const isNeighborOf = (record: NetRecord, device: Device): boolean =>
  record.kind === 'neighbor' && record.netns === device.netns && record.device === device.name;
const vlansOn = (host: ShellHost, device: Device): Device[] => devicesOf(host, device.netns).filter((one) => one.type === 'vlan' && one.lower === device.id);

/** dev_close(): routes by it and neighbours behind it are forgotten, VLAN devices on it go down with it. Linux: net/ipv4/fib_frontend.c, fib_disable_ip; net/core/neighbour.c, neigh_ifdown */
export function setDown(host: ShellHost, device: Device, depth = 0): void {
  if (!device.up) return;
  putDevice(host, { ...device, up: false });
  removeWhere(host, (record) => isRouteBy(record, device) || isNeighborOf(record, device));
  if (depth < MAX_STACK) for (const vlan of vlansOn(host, device)) setDown(host, vlan, depth + 1);
}

/** dev_open(): the connected routes of its addresses come back, those somebody added stay lost. An errno text when it cannot. */
export function setUp(host: ShellHost, device: Device, depth = 0): string | undefined {
  if (device.up) return undefined;
  if (device.type === 'vlan' && deviceById(host, device.lower)?.up !== true) return 'Network is down';
  const { neverUp: _neverUp, ...rest } = device;
  const opened = { ...(rest as Device), up: true };
  // wg_open(): a socket on a port of the kernel's choice, where nobody named one.
  const next = putDevice(
    host,
    opened.type === 'wireguard' && opened.listenPort === 0 ? { ...opened, listenPort: 32768 + (hashText(opened.id) % 28232) } : opened,
  );
  for (const route of connectedRoutes(next)) host.engine.records.put(route);
  if (depth < MAX_STACK) for (const vlan of vlansOn(host, device)) setUp(host, vlan, depth + 1);
  return undefined;
}

/** br_stp_recalculate_bridge_id(), br_mtu_auto_adjust(): a bridge nobody gave an address has its lowest port's, and the smallest MTU of its ports. */
export function followPorts(host: ShellHost, bridgeId: string | undefined): void {
  const bridge = bridgeId === undefined ? undefined : deviceById(host, bridgeId);
  if (bridge?.type !== 'bridge' || bridge.followsPorts === undefined) return;
  const ports = devicesOf(host, bridge.netns).filter((one) => one.master === bridge.id);
  const lowest = ports.map((one) => one.mac).sort()[0];
  const mac = bridge.followsPorts.mac && lowest !== undefined ? lowest : bridge.mac;
  const mtuBytes = bridge.followsPorts.mtu && ports.length > 0 ? Math.min(...ports.map((one) => one.mtuBytes)) : bridge.mtuBytes;
  if (mac !== bridge.mac || mtuBytes !== bridge.mtuBytes) putDevice(host, { ...bridge, mac, mtuBytes });
}

export const NEW_PORT: BridgePort = { hairpin: false, isolated: false, learning: true };

export function withoutMaster(device: Device): Device {
  const { master: _master, bridgePort: _port, ...bare } = device;
  return bare as Device;
}

/** unregister_netdevice(): with its other end, what is stacked on it, and all that is remembered of it. */
export function removeDevice(host: ShellHost, device: Device, depth = 0): void {
  if (depth >= MAX_STACK || !host.engine.records.has(device.id)) return;
  host.engine.records.remove(device.id);
  removeWhere(
    host,
    (record) =>
      isRouteBy(record, device) || isNeighborOf(record, device) || (record.kind === 'fdb' && record.netns === device.netns && record.device === device.name),
  );
  const peer = device.type === 'veth' ? deviceById(host, device.peer) : undefined;
  if (peer !== undefined) removeDevice(host, peer, depth + 1);
  for (const other of devicesOf(host, device.netns)) {
    if (other.master === device.id) putDevice(host, withoutMaster(other));
    if ((other.type === 'vlan' && other.lower === device.id) || (other.type === 'vxlan' && other.underlay === device.id)) removeDevice(host, other, depth + 1);
  }
  followPorts(host, device.master);
}

/** Everything that names the device follows it to its new id. */
function replaceEverywhere(host: ShellHost, before: Device, after: Device): void {
  host.engine.records.remove(before.id);
  host.engine.records.put(after);
  for (const record of [...host.engine.records.values()]) {
    if (record.kind !== 'device' || record.id === after.id) continue;
    let next: Device = record;
    if ((next.type === 'veth' || next.type === 'ethernet') && next.peer === before.id) next = { ...next, peer: after.id };
    if (next.master === before.id) next = { ...next, master: after.id };
    if (next.type === 'vlan' && next.lower === before.id) next = { ...next, lower: after.id };
    if (next.type === 'vxlan' && next.underlay === before.id) next = { ...next, underlay: after.id };
    if (next !== record) host.engine.records.put(next);
  }
}

/** dev_change_name(): routes and neighbours keep their device under its new name. */
export function renameDevice(host: ShellHost, device: Device, name: string): Device {
  const id = `${device.netns}/device/${name}`;
  const next: Device = { ...device, id, name, origin: { component: 'user', objects: device.origin.objects } };
  replaceEverywhere(host, device, next);
  for (const record of [...host.engine.records.values()]) {
    if (isRouteBy(record, device) && record.kind === 'route') host.engine.records.put({ ...record, device: name });
    else if ((record.kind === 'neighbor' || record.kind === 'fdb') && record.netns === device.netns && record.device === device.name) {
      host.engine.records.remove(record.id);
      host.engine.records.put({ ...record, device: name, id: record.id.replace(`/${record.kind}/${device.name}/`, `/${record.kind}/${name}/`) });
    }
  }
  return next;
}

/** dev_change_net_namespace(): down, without addresses, routes and master; it keeps its number where that is free. */
export function moveDevice(host: ShellHost, device: Device, netns: string, name = device.name): Device {
  setDown(host, device);
  removeWhere(
    host,
    (record) =>
      isRouteBy(record, device) || isNeighborOf(record, device) || (record.kind === 'fdb' && record.netns === device.netns && record.device === device.name),
  );
  const taken = devicesOf(host, netns).some((one) => one.index === device.index);
  const next: Device = {
    ...withoutMaster(device),
    id: `${netns}/device/${name}`,
    netns,
    name,
    index: taken ? nextIndex(host, netns) : device.index,
    up: false,
    addresses: [],
    origin: { component: 'user', objects: device.origin.objects },
  };
  replaceEverywhere(host, device, next);
  followPorts(host, device.master);
  return next;
}

/** The bounds of `ip -d link`: 0 where there is none. */
export function mtuBounds(device: Device): readonly [minimum: number, maximum: number] {
  switch (device.type) {
    case 'loopback':
    case 'dummy':
      return [0, 0];
    case 'tun':
      return [68, device.mode === 'tap' ? 65521 : 65535];
    case 'geneve':
      return [68, 65465];
    case 'vlan':
      return [0, 65535];
    case 'wireguard':
      return [0, 2147483552];
    case 'ipip':
      return [0, 0];
    default:
      return [68, 65535];
  }
}

/** dev_set_mtu(): an error text (with its prefix) when the device does not take it. */
export function setMtu(host: ShellHost, device: Device, mtuBytes: number): string | undefined {
  const [minimum, maximum] = mtuBounds(device);
  if (mtuBytes < minimum) return 'Error: mtu less than device minimum.';
  if (maximum > 0 && mtuBytes > maximum) return 'Error: mtu greater than device maximum.';
  if (device.type === 'vxlan') {
    // vxlan_change_mtu(): never more than the device below leaves.
    const underlay = deviceById(host, device.underlay);
    if (underlay !== undefined && mtuBytes > underlay.mtuBytes - 50) return 'RTNETLINK answers: Invalid argument';
  }
  if (device.type === 'vlan' && mtuBytes > (deviceById(host, device.lower)?.mtuBytes ?? 0)) return 'RTNETLINK answers: Numerical result out of range';
  if (device.type === 'ipip' && (mtuBytes < 68 || mtuBytes > 65515)) return 'RTNETLINK answers: Invalid argument';
  const next: Device = { ...device, mtuBytes };
  putDevice(host, next.type === 'bridge' && next.followsPorts !== undefined ? { ...next, followsPorts: { ...next.followsPorts, mtu: false } } : next);
  followPorts(host, device.master);
  for (const vlan of vlansOn(host, device)) if (vlan.mtuBytes > mtuBytes) putDevice(host, { ...vlan, mtuBytes });
  return undefined;
}

/** dev_set_mac_address() */
export function setMac(host: ShellHost, device: Device, mac: string): string | undefined {
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1 || mac === '00:00:00:00:00:00') return 'RTNETLINK answers: Cannot assign requested address';
  const next: Device = { ...device, mac };
  putDevice(host, next.type === 'bridge' && next.followsPorts !== undefined ? { ...next, followsPorts: { ...next.followsPorts, mac: false } } : next);
  followPorts(host, device.master);
  return undefined;
}
