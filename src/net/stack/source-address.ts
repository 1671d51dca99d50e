/** Which address of its own a kernel puts into a packet. Linux: net/ipv4/devinet.c, inet_select_addr */
import { inPrefix, isLinkLocalIp, sameFamily } from '../addr/ip.ts';
import type { DeviceState } from '../device/device-state.ts';
import type { DeviceAddress } from '../records.ts';
import type { Ip } from '../wire/packet.ts';

/** As in rtnetlink: the larger, the nearer. */
const SCOPES: Readonly<Record<DeviceAddress['scope'] | 'site', number>> = { global: 0, site: 200, link: 253, host: 254 };

/**
 * The device's first address in whose subnet the target lies, else its first; secondary addresses and those of a nearer scope than the route's do not count.
 * A device without any borrows from the others in order. `towards` undefined: any address.
 */
export function addressFor(
  all: Iterable<DeviceState>,
  device: DeviceState,
  towards: Ip | undefined,
  family: Ip,
  scope: keyof typeof SCOPES = 'global',
): Ip | undefined {
  const limit = SCOPES[scope];
  let first: Ip | undefined;
  for (const a of device.addresses) {
    if (!sameFamily(a.ip, family) || a.secondary === true || SCOPES[a.scope] > limit) continue;
    if (towards === undefined || inPrefix(a.ip, a.prefixLength, towards)) return a.ip;
    first ??= a.ip;
  }
  if (first !== undefined) return first;
  for (const other of all) {
    if (other === device || !other.up) continue;
    for (const a of other.addresses) {
      if (sameFamily(a.ip, family) && a.secondary !== true && a.scope !== 'link' && SCOPES[a.scope] <= limit && !isLinkLocalIp(a.ip)) return a.ip;
    }
  }
  return undefined;
}
