/** The routes of table main that come with a device's addresses. Linux: net/ipv4/fib_frontend.c, fib_add_ifaddr */
import type { Origin } from '../../base/origin.ts';
import { formatPrefix, ipOf, networkOf } from '../addr/ip.ts';
import type { Device, Route } from '../records.ts';

const KERNEL: Origin = { component: 'kernel', objects: [] };
const TABLE_MAIN = 254;

/** One `proto kernel` route for each prefix of an address on a device that is up; none for an IPv4 /32 and for lo. IPv6 routes have metric 256 and no source. */
export function connectedRoutes(device: Device, origin: Origin = KERNEL): Route[] {
  if (!device.up || device.type === 'loopback') return [];
  const routes: Route[] = [];
  for (const address of device.addresses) {
    const six = address.ip.includes(':');
    // A host's address is a route of its own in IPv6 only.
    if (address.prefixLength === 32 && !six) continue;
    const destination = formatPrefix(networkOf(ipOf(address.ip), address.prefixLength), address.prefixLength);
    if (routes.some((r) => r.destination === destination)) continue;
    routes.push({
      kind: 'route',
      id: `${device.netns}/route/${TABLE_MAIN}/${destination}${six ? '/256' : ''}`,
      origin,
      netns: device.netns,
      table: TABLE_MAIN,
      destination,
      type: 'unicast',
      device: device.name,
      protocol: 'kernel',
      scope: six ? 'global' : 'link',
      ...(six ? {} : { source: address.ip }),
      metric: six ? 256 : 0,
      onlink: false,
    });
  }
  return routes;
}
