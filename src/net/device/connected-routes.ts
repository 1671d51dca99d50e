/** The routes of table main that come with a device's addresses. Linux: net/ipv4/fib_frontend.c, fib_add_ifaddr */
import type { Origin } from '../../base/origin.ts';
import { formatCidr, ip4, maskOf } from '../addr/ip4.ts';
import type { Device, Route } from '../records.ts';

const KERNEL: Origin = { component: 'kernel', objects: [] };
const TABLE_MAIN = 254;

/** One `proto kernel scope link` route for each address with a prefix shorter than 32 on a device that is up; none for 127.0.0.0/8. */
export function connectedRoutes(device: Device, origin: Origin = KERNEL): Route[] {
  if (!device.up || device.type === 'loopback') return [];
  const routes: Route[] = [];
  for (const address of device.addresses) {
    if (address.prefixLength === 32) continue;
    const destination = formatCidr(ip4(address.ip) & maskOf(address.prefixLength), address.prefixLength);
    if (routes.some((r) => r.destination === destination)) continue;
    routes.push({
      kind: 'route',
      id: `${device.netns}/route/${TABLE_MAIN}/${destination}`,
      origin,
      netns: device.netns,
      table: TABLE_MAIN,
      destination,
      type: 'unicast',
      device: device.name,
      protocol: 'kernel',
      scope: 'link',
      source: address.ip,
      metric: 0,
      onlink: false,
    });
  }
  return routes;
}
