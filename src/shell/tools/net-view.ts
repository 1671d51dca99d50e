/** What the host tools print from: the devices, routes and names of one netns, in the order the kernel lists them. */

import { sandboxNetnsName } from '../../kube/cni/call.ts';
import { compareIp, inPrefix, prefixOf } from '../../net/addr/ip.ts';
import type { Device, Route } from '../../net/records.ts';
import { orderOf } from '../../net/stack/fib-rules.ts';
import type { ShellHost } from '../../world/shell-host.ts';

/** In order of ifindex. */
export function devicesOf(host: ShellHost, netns: string): Device[] {
  const devices: Device[] = [];
  for (const record of host.engine.records.values()) if (record.kind === 'device' && record.netns === netns) devices.push(record);
  return devices.sort((a, b) => a.index - b.index);
}

export function findDevice(host: ShellHost, netns: string, name: string): Device | undefined {
  const record = host.engine.records.find(`${netns}/device/${name}`);
  return record?.kind === 'device' ? record : undefined;
}

export function deviceById(host: ShellHost, id: string): Device | undefined {
  const record = host.engine.records.find(id);
  return record?.kind === 'device' ? record : undefined;
}

/** IPv4 as the kernel walks its tree: by address, longer prefixes before shorter, then by metric. IPv6: what contains others comes behind them. */
export function compareRoutes(a: Route, b: Route): number {
  const x = prefixOf(a.destination);
  const y = prefixOf(b.destination);
  if (typeof x.network === 'bigint' && typeof y.network === 'bigint' && x.prefixLength !== y.prefixLength) {
    if (inPrefix(x.network, x.prefixLength, y.network) && x.prefixLength < y.prefixLength) return 1;
    if (inPrefix(y.network, y.prefixLength, x.network) && y.prefixLength < x.prefixLength) return -1;
  }
  return compareIp(x.network, y.network) || y.prefixLength - x.prefixLength || a.metric - b.metric || orderOf(a.id) - orderOf(b.id);
}

/** Written routes and those of addresses. */
export function routesOf(host: ShellHost, netns: string, table: number): Route[] {
  const routes: Route[] = [];
  for (const record of host.engine.records.values()) if (record.kind === 'route' && record.netns === netns && record.table === table) routes.push(record);
  for (const route of host.engine.derivedRoutes(netns)) if (route.table === table) routes.push(route);
  return routes.sort(compareRoutes);
}

/** What connects a veth to its other end: `@if5`, and where that is. */
export function peerSuffix(host: ShellHost, device: Device): { readonly name: string; readonly peerNetns: string } | undefined {
  if (device.type !== 'veth') return undefined;
  const peer = deviceById(host, device.peer);
  if (peer === undefined) return undefined;
  return peer.netns === device.netns ? { name: `@${peer.name}`, peerNetns: peer.netns } : { name: `@if${peer.index}`, peerNetns: peer.netns };
}

/** `/var/run/netns` name the CNI runtime gives a pod's netns. */
export const cniNetnsName = sandboxNetnsName;

/** Pods' netns of a host, in the order in which they were made. */
export function podNetnsOf(host: ShellHost, hostId: string): string[] {
  const found: string[] = [];
  for (const record of host.engine.records.values()) if (record.kind === 'netns' && record.hostId === hostId && record.name !== 'root') found.push(record.id);
  return found;
}

/** What `ip netns` calls it: the name somebody gave it, or the one the CNI runtime gave a pod's. */
export function netnsTitle(host: ShellHost, netns: string): string {
  const record = host.engine.records.find(netns);
  return record?.kind === 'netns' && record.origin.component === 'user' ? record.name : cniNetnsName(netns);
}

/** The netns of a host that `ip netns` knows by this name; its id and `1` (the host's own, by pid) count too. */
export function findNetnsByName(host: ShellHost, hostId: string, name: string): string | undefined {
  if (name === '1') return `${hostId}/netns/root`;
  return podNetnsOf(host, hostId).find((netns) => netnsTitle(host, netns) === name || netns === `${hostId}/netns/${name}`);
}

/** Number under which this netns knows another (link-netnsid): the host is 0 for pods, pods count from 0 for the host. */
export function netnsNumber(host: ShellHost, hostId: string, seenFrom: string, other: string): number {
  if (!seenFrom.endsWith('/netns/root')) return 0;
  return Math.max(0, podNetnsOf(host, hostId).indexOf(other));
}

export function isIp4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(text);
}
