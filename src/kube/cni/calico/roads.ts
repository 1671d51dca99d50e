/** The devices and routes of a node that lead to the pods of other nodes: tunnels by Felix, the rest by BIRD. Calico v3.30: felix/dataplane/linux/vxlan_mgr.go, ipip_mgr.go; confd/etc/calico/confd/templates/bird_ipam.cfg.template */
import type { Origin } from '../../../base/origin.ts';
import type { Device, NetRecord, Route } from '../../../net/records.ts';
import type { StoreView } from '../../../objects/types.ts';
import type { ClusterNode } from '../../node/cluster-network.ts';
import { findNode } from '../../node/cluster-network.ts';
import { gatewayRoute } from '../../node/devices.ts';
import { macFromName } from '../../node/mac.ts';
import { deviceId, fdbId, MAIN_TABLE, neighborId, rootNetnsId, routeId } from '../../node/record-ids.ts';
import { daemonNodes } from '../daemons.ts';
import { learnedRoutes } from './bgp.ts';
import { isTunnelled, pieces, poolOf, sameSubnet } from './pieces.ts';
import { CALICO, calicoSettings, nodeAnnotation, tunnelAddress, tunnelMtu, VXLAN_MAC } from './settings.ts';

const CARD = 'eth0';
const INDEX = { tunl0: 3, 'vxlan.calico': 4 } as const;
export const VXLAN_DEVICE = 'vxlan.calico';
export const IPIP_DEVICE = 'tunl0';
/** Felix' own mark on routes that are not through a device of its own. Calico: dataplane/linux/dataplanedefs, VXLANDefaultProto */
const FELIX_PROTOCOL = '80';

function tunnelDevices(node: ClusterNode, origin: Origin, view: StoreView): Device[] {
  const { tunnels, felix } = calicoSettings(view);
  const netns = rootNetnsId(node.name);
  const devices: Device[] = [];
  for (const tunnel of tunnels) {
    const address = tunnelAddress(node.name, tunnel, view);
    if (address === undefined || node.ip === undefined) continue;
    const name = tunnel === 'ipip' ? IPIP_DEVICE : VXLAN_DEVICE;
    const base = {
      kind: 'device',
      id: deviceId(netns, name),
      origin,
      netns,
      name,
      index: INDEX[name],
      mtuBytes: tunnelMtu(node, tunnel, view),
      up: true,
      addresses: [{ ip: address, prefixLength: 32, scope: 'global' }],
    } as const;
    if (tunnel === 'ipip') devices.push({ ...base, mac: macFromName(base.id), type: 'ipip', ttl: 'inherit', tos: 0, pathMtuDiscovery: false });
    else
      devices.push({
        ...base,
        mac: nodeAnnotation(node.name, VXLAN_MAC, view) ?? macFromName(base.id),
        type: 'vxlan',
        vni: felix.vxlanVNI ?? 4096,
        localIp: node.ip,
        underlay: deviceId(netns, CARD),
        destinationPort: felix.vxlanPort ?? 4789,
        learning: false,
      });
  }
  return devices;
}

function blackhole(netns: string, destination: string, origin: Origin, protocol: string): Route {
  return {
    kind: 'route',
    id: routeId(netns, destination),
    origin,
    netns,
    table: MAIN_TABLE,
    destination,
    type: 'blackhole',
    protocol,
    scope: 'global',
    metric: 0,
    onlink: false,
  };
}

/** One entry each for the other nodes' tunnel ends. */
function vxlanNeighbors(node: ClusterNode, origin: Origin, view: StoreView): NetRecord[] {
  const netns = rootNetnsId(node.name);
  return daemonNodes(CALICO, view).flatMap((name): NetRecord[] => {
    const other = name === node.name ? undefined : findNode(name, view);
    const [ip, mac] = [tunnelAddress(name, 'vxlan', view), nodeAnnotation(name, VXLAN_MAC, view)];
    if (other?.ip === undefined || ip === undefined || mac === undefined) return [];
    const toOther: Origin = { ...origin, objects: [other.key, ...origin.objects] };
    return [
      { kind: 'neighbor', id: neighborId(netns, VXLAN_DEVICE, ip), origin: toOther, netns, device: VXLAN_DEVICE, ip, mac, state: 'PERMANENT' },
      { kind: 'fdb', id: fdbId(netns, VXLAN_DEVICE, mac, other.ip), origin: toOther, netns, device: VXLAN_DEVICE, mac, dst: other.ip, state: 'permanent' },
    ];
  });
}

/** Felix' routes: through VXLAN, and beside it within a subnet; all of them where nobody speaks BGP. */
function felixRoutes(node: ClusterNode, origin: Origin, view: StoreView): Route[] {
  const { backend } = calicoSettings(view);
  const running = new Set(daemonNodes(CALICO, view));
  const netns = rootNetnsId(node.name);
  return pieces(view).flatMap((piece): Route[] => {
    if (piece.pool.tunnel !== 'vxlan' && backend === 'bird') return [];
    const from: Origin = { ...origin, objects: [piece.block, piece.pool.key, ...origin.objects] };
    const isBlock = !piece.cidr.endsWith('/32') || piece.pool.blockSize === 32;
    if (piece.node === node.name) return isBlock ? [blackhole(netns, piece.cidr, from, FELIX_PROTOCOL)] : [];
    const other = running.has(piece.node) ? findNode(piece.node, view) : undefined;
    if (other?.ip === undefined) return [];
    const far: Origin = { ...from, objects: [other.key, ...from.objects] };
    const end = piece.pool.tunnel === 'vxlan' && isTunnelled(piece.pool, node, other, view) ? tunnelAddress(other.name, 'vxlan', view) : undefined;
    if (end !== undefined) return [gatewayRoute(netns, piece.cidr, end, VXLAN_DEVICE, far, 'boot', true)];
    return sameSubnet(node, other, view) ? [gatewayRoute(netns, piece.cidr, other.ip, CARD, far, FELIX_PROTOCOL, true)] : [];
  });
}

/** BIRD's: what it has learnt, and a black hole for each of its own blocks so that packets to addresses nobody has do not run in circles. */
function birdRoutes(node: ClusterNode, origin: Origin, view: StoreView): Route[] {
  const { backend, pools } = calicoSettings(view);
  if (backend !== 'bird') return [];
  const netns = rootNetnsId(node.name);
  const bird: Origin = { component: 'bird', objects: origin.objects };
  const routes: Route[] = [];
  for (const piece of pieces(view))
    if (piece.node === node.name && piece.pool.tunnel !== 'vxlan' && !piece.cidr.endsWith('/32'))
      routes.push(blackhole(netns, piece.cidr, { ...bird, objects: [piece.block, piece.pool.key, ...bird.objects] }, 'bird'));
  for (const learned of learnedRoutes(node.name, view)) {
    const pool = poolOf(learned.destination.split('/')[0] ?? '', pools);
    // What VXLAN carries Felix writes.
    if (pool?.tunnel === 'vxlan') continue;
    const next = daemonNodes(CALICO, view)
      .map((name) => findNode(name, view))
      .find((one) => one?.ip === learned.nextHop);
    const from: Origin = {
      ...bird,
      objects: [...(next === undefined ? [] : [next.key]), ...learned.objects, ...(pool === undefined ? [] : [pool.key]), ...bird.objects],
    };
    const tunnelled = pool?.tunnel === 'ipip' && next !== undefined && isTunnelled(pool, node, next, view);
    routes.push(gatewayRoute(netns, learned.destination, learned.nextHop, tunnelled ? IPIP_DEVICE : CARD, from, 'bird', tunnelled));
  }
  return routes;
}

export function renderRoads(node: ClusterNode, origin: Origin, view: StoreView): NetRecord[] {
  const { tunnels } = calicoSettings(view);
  return [
    ...tunnelDevices(node, origin, view),
    ...(tunnels.includes('vxlan') ? vxlanNeighbors(node, origin, view) : []),
    ...felixRoutes(node, origin, view),
    ...birdRoutes(node, origin, view),
  ];
}
