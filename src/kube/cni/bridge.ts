/** The bridge plugin: cni0 on the node and a veth pair for each pod. CNI: plugins/main/bridge/bridge.go, plugins/ipam/host-local. */
import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { contains, formatIp4, ip4, parseCidr } from '../../net/addr/ip4.ts';
import type { BridgeDevice, NetRecord, VethDevice } from '../../net/records.ts';
import { objectKey } from '../../objects/types.ts';
import { gatewayRoute, kernelRoutes, subnetAddress } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { DEVICE_INDEX, deviceId, rootNetnsId } from '../node/record-ids.ts';
import type { PodSite } from './cni.ts';

export interface BridgeOptions {
  readonly nodeName: string;
  /** The node's range: its first address is the bridge's. */
  readonly podCidr: string;
  readonly mtuBytes: number;
  readonly hairpin: boolean;
  readonly defaultGateway: boolean;
  /** A further range that is reached through the bridge, such as flannel's whole network. */
  readonly clusterCidr?: string;
  /** What caused the bridge. */
  readonly origin: Origin;
}

const BRIDGE = 'cni0';
/** Linux: IFNAMSIZ leaves 11 characters after `veth`; the plugin uses 8. */
const vethName = (pod: PodSite): string => `veth${hashText(pod.pod.metadata.uid ?? pod.netns).toString(16).padStart(8, '0')}`;

const gatewayOf = (podCidr: string): string | undefined => {
  const range = parseCidr(podCidr);
  return range === undefined || range.prefixLength > 30 ? undefined : formatIp4(range.network + 1);
};

/** The bridge and the node's route to its pods. */
export function renderBridge(options: BridgeOptions): NetRecord[] {
  const range = parseCidr(options.podCidr);
  const gateway = gatewayOf(options.podCidr);
  if (range === undefined || gateway === undefined) return [];
  const netns = rootNetnsId(options.nodeName);
  const id = deviceId(netns, BRIDGE);
  const cni0: BridgeDevice = {
    kind: 'device',
    id,
    origin: options.origin,
    netns,
    name: BRIDGE,
    index: DEVICE_INDEX.cni0,
    mac: macFromName(id),
    mtuBytes: options.mtuBytes,
    up: true,
    addresses: [subnetAddress(gateway, range.prefixLength)],
    type: 'bridge',
    ageingSeconds: 300,
  };
  return [cni0, ...kernelRoutes(cni0)];
}

/** Unique on the node while pod addresses are: the devices every node has come first, then one per address of the range. */
function vethIndex(ip: string, podCidr: string): number {
  const range = parseCidr(podCidr);
  const address = ip4(ip);
  const offset = range !== undefined && contains(range.network, range.prefixLength, address) ? address - range.network : 0x10000 + (address >>> 0) % 0x10000;
  return DEVICE_INDEX.cni0 + offset;
}

/** The veth pair and the routes in the pod. */
export function attachToBridge(site: PodSite, options: BridgeOptions): NetRecord[] {
  const range = parseCidr(options.podCidr);
  const gateway = gatewayOf(options.podCidr);
  if (range === undefined || gateway === undefined) return [];
  const host = rootNetnsId(options.nodeName);
  const hostName = vethName(site);
  const hostId = deviceId(host, hostName);
  const podId = deviceId(site.netns, 'eth0');
  const origin: Origin = { component: 'cni-bridge', objects: [objectKey(site.pod), ...options.origin.objects] };
  const common = { kind: 'device', origin, mtuBytes: options.mtuBytes, up: true, type: 'veth' } as const;
  const eth0: VethDevice = {
    ...common,
    id: podId,
    netns: site.netns,
    name: 'eth0',
    index: 2,
    mac: macFromName(podId),
    addresses: [subnetAddress(site.ip, range.prefixLength)],
    peer: hostId,
  };
  const veth: VethDevice = {
    ...common,
    id: hostId,
    netns: host,
    name: hostName,
    index: vethIndex(site.ip, options.podCidr),
    mac: macFromName(hostId),
    addresses: [],
    master: deviceId(host, BRIDGE),
    bridgePort: { hairpin: options.hairpin, isolated: false, learning: true },
    peer: podId,
  };
  return [
    eth0,
    veth,
    ...(options.defaultGateway ? [gatewayRoute(site.netns, '0.0.0.0/0', gateway, 'eth0', origin)] : []),
    ...(options.clusterCidr === undefined ? [] : [gatewayRoute(site.netns, options.clusterCidr, gateway, 'eth0', origin)]),
    ...kernelRoutes(eth0),
  ];
}
