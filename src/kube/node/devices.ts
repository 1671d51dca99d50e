/** Short words for the device and route records that every netns of a cluster has. */
import type { Origin } from '../../base/origin.ts';
import { formatIp4, ip4, maskOf } from '../../net/addr/ip4.ts';
import { connectedRoutes } from '../../net/device/connected-routes.ts';
import type { Device, DeviceAddress, EthernetDevice, Link, LoopbackDevice, Route } from '../../net/records.ts';
import { macFromName } from './mac.ts';
import { deviceId, MAIN_TABLE, routeId } from './record-ids.ts';

export function loopback(netns: string, origin: Origin): LoopbackDevice {
  return {
    kind: 'device',
    id: deviceId(netns, 'lo'),
    origin,
    netns,
    name: 'lo',
    index: 1,
    mac: '00:00:00:00:00:00',
    mtuBytes: 65536,
    up: true,
    addresses: [{ ip: '127.0.0.1', prefixLength: 8, scope: 'host' }],
    type: 'loopback',
  };
}

/** A network card whose cable ends at `peer`. */
export function ethernet(
  netns: string,
  name: string,
  origin: Origin,
  options: {
    readonly index: number;
    readonly mtuBytes: number;
    readonly addresses?: readonly DeviceAddress[];
    readonly peer: string;
    readonly link?: Link | undefined;
  },
): EthernetDevice {
  const id = deviceId(netns, name);
  return {
    kind: 'device',
    id,
    origin,
    netns,
    name,
    index: options.index,
    mac: macFromName(id),
    mtuBytes: options.mtuBytes,
    up: true,
    addresses: options.addresses ?? [],
    type: 'ethernet',
    peer: options.peer,
    ...(options.link === undefined ? {} : { link: options.link }),
  };
}

/** A global IPv6 address, which is used at once: nobody else can have it. */
export const address6 = (ip: string, prefixLength: number): DeviceAddress => ({ ip, prefixLength, scope: 'global', noDad: true });

/** A global address with the broadcast address of its subnet. */
export function subnetAddress(ip: string, prefixLength: number): DeviceAddress {
  return { ip, prefixLength, broadcast: formatIp4(ip4(ip) | ~maskOf(prefixLength)), scope: 'global' };
}

/** The routes that the kernel makes of a device's addresses, with the objects the device is there for. */
export function kernelRoutes(device: Device): Route[] {
  return connectedRoutes(device, { component: 'kernel', objects: device.origin.objects });
}

/** A unicast route of table main through a gateway. */
export function gatewayRoute(
  netns: string,
  destination: string,
  gateway: string,
  device: string,
  origin: Origin,
  protocol: Route['protocol'] = 'boot',
  onlink = false,
): Route {
  return {
    kind: 'route',
    // A route of IPv6 without a metric has the kernel's. Linux: net/ipv6/route.c, IP6_RT_PRIO_USER
    id: destination.includes(':') ? `${routeId(netns, destination)}/1024` : routeId(netns, destination),
    origin,
    netns,
    table: MAIN_TABLE,
    destination,
    type: 'unicast',
    gateway,
    device,
    protocol,
    scope: 'global',
    metric: destination.includes(':') ? 1024 : 0,
    onlink,
  };
}
