/** IPv6 addresses of a device: those the kernel gives by itself, and what may be asked of all. Linux: net/ipv6/addrconf.c */
import { ipOf } from '../addr/ip.ts';
import { ALL_NODES6, ALL_ROUTERS6, LOOPBACK6, linkLocalOf, solicitedNode } from '../addr/ip6.ts';
import { mac } from '../addr/mac.ts';
import type { DeviceState, LocalAddress } from '../device/device-state.ts';
import type { Device } from '../records.ts';
import type { Ip, Ip6 } from '../wire/packet.ts';
import type { DeviceSettings6 } from './device-settings6.ts';

/** Kinds of devices that have no hardware address to make one of, or make none. */
const WITHOUT_LINK_LOCAL: ReadonlySet<string> = new Set(['loopback', 'tun', 'ipip', 'wireguard']);

/** `::1` of lo, and the link-local address of everything else that has a MAC; of devices that are up. */
export function derivedAddresses(record: Device, settings: DeviceSettings6): LocalAddress[] {
  if (!record.up || settings.disabled) return [];
  if (record.type === 'loopback') return [{ ip: LOOPBACK6, prefixLength: 128, broadcast: undefined, scope: 'host', derived: true }];
  if (WITHOUT_LINK_LOCAL.has(record.type) || !settings.generatesLinkLocal) return [];
  const ip = linkLocalOf(mac(record.mac));
  // Somebody has written the very address down.
  if (record.addresses.some((a) => a.ip.includes(':') && ipOf(a.ip) === ip)) return [];
  return [{ ip, prefixLength: 64, broadcast: undefined, scope: 'link', derived: true }];
}

/** The device has this very address, tentative ones too. */
export const hasAddress = (device: DeviceState, ip: Ip): boolean => device.addresses.some((a) => a.ip === ip);

export const isTentative = (device: DeviceState, ip: Ip): boolean => typeof ip === 'bigint' && device.tentative.has(ip);

/** ipv6_get_lladdr(): undefined while it is tentative, or where there is none. */
export function linkLocalAddress(device: DeviceState): Ip6 | undefined {
  for (const a of device.addresses) if (typeof a.ip === 'bigint' && a.scope === 'link' && !device.tentative.has(a.ip)) return a.ip;
  return undefined;
}

/** ipv6_chk_mcast_addr(): the groups a kernel joins by itself. */
export function listensTo(device: DeviceState, group: Ip6, forwarding: boolean): boolean {
  if (group === ALL_NODES6 || (forwarding && group === ALL_ROUTERS6)) return true;
  return device.addresses.some((a) => typeof a.ip === 'bigint' && solicitedNode(a.ip) === group);
}
