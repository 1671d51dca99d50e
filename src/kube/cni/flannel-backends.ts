/** flannel's backends: how the other nodes' ranges are reached. flannel: pkg/backend/{vxlan,hostgw,ipip,wireguard} */
import type { Origin } from '../../base/origin.ts';
import type { NetRecord, Route, VxlanDevice, WireguardDevice } from '../../net/records.ts';
import { bytesToBase64 } from '../../net/wire/binary-text.ts';
import { underlayOf } from '../node/cluster-network.ts';
import { address6, gatewayRoute, kernelRoutes } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { DEVICE_INDEX, deviceId, FLANNEL6_INDEX, fdbId, neighborId, rootNetnsId } from '../node/record-ids.ts';
import { digest64 } from '../pod/identity.ts';
import type { CniSite } from './cni.ts';
import type { FlannelConfig, VxlanBackend, WireguardBackend } from './flannel-config.ts';
import { ENCAPSULATION_BYTES, ENCAPSULATION6_BYTES, FAMILIES, type Half, type Lease, NAME, onUnderlay, type Side, vtepIp, vxlanName } from './flannel-lease.ts';
import { hostRoute } from './ptp.ts';

/** What a packet grows by, where flannel takes the larger header for granted. */
const OVERHEAD_BYTES = { vxlan: ENCAPSULATION_BYTES, wireguard: 80, ipip: 20, 'host-gw': 0 } as const;

export function podMtu(site: CniSite, backend: FlannelConfig['backend']): number {
  return (('mtuBytes' in backend ? backend.mtuBytes : undefined) ?? cardMtu(site)) - OVERHEAD_BYTES[backend.type];
}

const cardMtu = (site: CniSite): number => site.node.mtuBytes ?? underlayOf(site.view).mtuBytes;

/** What the kernel makes of a tunnel's MTU when it is created: never more than the card can carry. Linux: drivers/net/vxlan, vxlan_config_apply. */
const tunnelMtu = (site: CniSite, backend: VxlanBackend, side: Side): number =>
  Math.min(podMtu(site, backend), cardMtu(site) - (side === 'six' ? ENCAPSULATION6_BYTES : ENCAPSULATION_BYTES));

/** flannel: pkg/backend/vxlan/vxlan_network.go: one route, one neighbor and one FDB entry per remote node. */
export function renderVxlan(site: CniSite, backend: VxlanBackend, own: Lease, others: readonly Lease[], side: Side, origin: Origin): NetRecord[] {
  const half = own[side];
  if (half === undefined) return [];
  const netns = rootNetnsId(own.node.name);
  const name = vxlanName(backend, side);
  const id = deviceId(netns, name);
  const device: VxlanDevice = {
    kind: 'device',
    id,
    origin,
    netns,
    name,
    // Behind all that the addresses of the node's pods give.
    index: side === 'four' ? DEVICE_INDEX['flannel.1'] : FLANNEL6_INDEX,
    mac: macFromName(id),
    mtuBytes: tunnelMtu(site, backend, side),
    up: true,
    addresses: [side === 'four' ? { ip: vtepIp(half), prefixLength: 32, scope: 'global' } : address6(vtepIp(half), 128)],
    type: 'vxlan',
    vni: backend.vni,
    localIp: half.ip,
    underlay: deviceId(netns, half.card),
    destinationPort: backend.port,
    learning: backend.learning,
  };
  const records: NetRecord[] = [device];
  if (side === 'six') records.push(...kernelRoutes(device));
  for (const other of others) {
    const there = other[side];
    if (there === undefined) continue;
    const toOther: Origin = { component: NAME, objects: [other.node.key, ...origin.objects] };
    if (backend.directRouting && onUnderlay(site, there, side)) {
      records.push(gatewayRoute(netns, there.podCidr, there.publicIp, 'eth0', toOther));
      continue;
    }
    const mac = macFromName(deviceId(rootNetnsId(other.node.name), name));
    const gateway = vtepIp(there);
    records.push(
      { kind: 'neighbor', id: neighborId(netns, name, gateway), origin: toOther, netns, device: name, ip: gateway, mac, state: 'PERMANENT' },
      { kind: 'fdb', id: fdbId(netns, name, mac, there.publicIp), origin: toOther, netns, device: name, mac, dst: there.publicIp, state: 'permanent' },
      gatewayRoute(netns, there.podCidr, gateway, name, toOther, 'boot', true),
    );
  }
  return records;
}

/** flannel: pkg/backend/hostgw: the other node is the gateway to its pods, which works only inside one subnet. */
export function renderHostGateway(site: CniSite, own: Lease, others: readonly Lease[], side: Side, origin: Origin): Route[] {
  return others.flatMap((other) => {
    const there = other[side];
    if (there === undefined || !onUnderlay(site, there, side)) return [];
    return [gatewayRoute(rootNetnsId(own.node.name), there.podCidr, there.publicIp, 'eth0', { component: NAME, objects: [other.node.key, ...origin.objects] })];
  });
}

/** flannel: pkg/backend/ipip: a device without a remote end, which the gateway of each route gives. */
export function renderIpip(site: CniSite, directRouting: boolean, own: Lease, others: readonly Lease[], origin: Origin): NetRecord[] {
  const half = own.four;
  if (half === undefined) return [];
  const netns = rootNetnsId(own.node.name);
  const id = deviceId(netns, IPIP_DEVICE);
  return [
    {
      ...tunnelBase(site, { type: 'ipip', directRouting }, id, IPIP_DEVICE, origin),
      addresses: [{ ip: vtepIp(half), prefixLength: 32, scope: 'global' }],
      type: 'ipip',
      localIp: half.ip,
      ttl: 'inherit',
      tos: 0,
      pathMtuDiscovery: false,
    },
    ...others.flatMap(({ node, four: there }) => {
      if (there === undefined) return [];
      const toOther: Origin = { component: NAME, objects: [node.key, ...origin.objects] };
      const direct = directRouting && onUnderlay(site, there, 'four');
      return [gatewayRoute(netns, there.podCidr, there.publicIp, direct ? 'eth0' : IPIP_DEVICE, toOther, 'boot', true)];
    }),
  ];
}
const IPIP_DEVICE = 'flannel.ipip';

function tunnelBase(site: CniSite, backend: FlannelConfig['backend'], id: string, name: string, origin: Origin) {
  const netns = rootNetnsId(site.node.name);
  const index = name.endsWith('-v6') ? FLANNEL6_INDEX : DEVICE_INDEX['flannel.1'];
  return { kind: 'device', id, origin, netns, name, index, mac: macFromName(id), mtuBytes: podMtu(site, backend), up: true } as const;
}

/** A key that stands for its node and device, as long as a real one. */
export const wireguardKey = (node: string, device: string): string =>
  bytesToBase64(Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(digest64(`wireguard ${node} ${device}`).slice(2 * i, 2 * i + 2), 16)));

export const WIREGUARD = { four: 'flannel-wg', six: 'flannel-wg-v6' } as const;

/** flannel: pkg/backend/wireguard: one device whose peers are the other nodes, by their ranges; one route to all of them. */
export function renderWireguard(
  site: CniSite,
  backend: WireguardBackend,
  config: FlannelConfig,
  own: Lease,
  others: readonly Lease[],
  origin: Origin,
): NetRecord[] {
  const netns = rootNetnsId(own.node.name);
  const families = FAMILIES.filter((side) => own[side] !== undefined);
  const devices = backend.mode === 'separate' ? families.map((side) => ({ side, sides: [side] })) : [{ side: 'four' as const, sides: families }];
  return devices.flatMap(({ side, sides }): NetRecord[] => {
    const name = WIREGUARD[side];
    const id = deviceId(netns, name);
    const port = side === 'six' ? backend.port6 : backend.port;
    const outer = backend.mode === 'separate' ? side : backend.mode === 'ipv6' ? 'six' : 'four';
    const device: WireguardDevice = {
      ...tunnelBase(site, backend, id, name, origin),
      addresses: sides.map((one) =>
        one === 'four' ? { ip: vtepIp(own.four as Half), prefixLength: 32, scope: 'global' } : address6(vtepIp(own.six as Half), 128),
      ),
      type: 'wireguard',
      listenPort: port,
      publicKey: wireguardKey(own.node.name, name),
      peers: others.flatMap((other) => {
        const end = (other[outer] ?? other.four ?? other.six)?.publicIp;
        const allowedIps = sides.flatMap((one) => other[one]?.podCidr ?? []);
        if (end === undefined || allowedIps.length === 0) return [];
        return [
          {
            publicKey: wireguardKey(other.node.name, name),
            endpoint: end.includes(':') ? `[${end}]:${port}` : `${end}:${port}`,
            allowedIps,
            ...(backend.keepaliveSeconds > 0 ? { keepaliveSeconds: backend.keepaliveSeconds } : {}),
          },
        ];
      }),
    };
    return [
      device,
      ...sides.flatMap((one) => {
        const network = config[one]?.text;
        return network === undefined ? [] : [hostRoute(netns, network, name, origin, one === 'four' ? 'link' : 'global')];
      }),
      ...(sides.includes('six') ? kernelRoutes(device) : []),
    ];
  });
}
