/** The bridge plugin: cni0 on the node and a veth pair for each pod. CNI: plugins/main/bridge/bridge.go, plugins/ipam/host-local. */
import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { parseIpPrefix } from '../../net/addr/ip.ts';
import { contains, formatIp4, ip4, parseCidr } from '../../net/addr/ip4.ts';
import { formatIp6, parseIp6 } from '../../net/addr/ip6.ts';
import type { BridgeDevice, NetRecord, VethDevice } from '../../net/records.ts';
import type { Ip4, Ip6 } from '../../net/wire/packet.ts';
import { objectKey } from '../../objects/types.ts';
import { address6, gatewayRoute, kernelRoutes, subnetAddress } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { DEVICE_INDEX, deviceId, rootNetnsId } from '../node/record-ids.ts';
import type { PodSite } from './cni.ts';

export interface BridgeOptions {
  readonly nodeName: string;
  /** cni0 when absent. */
  readonly name?: string;
  /** The node's range: its first address is the bridge's. */
  readonly podCidr: string;
  /** The same in IPv6. */
  readonly podCidr6?: string | undefined;
  /** The bridge's IPv4 address, where it is not the first. */
  readonly gateway?: string | undefined;
  readonly mtuBytes: number;
  readonly hairpin: boolean;
  readonly defaultGateway: boolean;
  /** `isGateway`: the bridge has an address; absent: yes. */
  readonly hasAddress?: boolean;
  /** Further routes of pods, through the gateway where they name none. */
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
  /** A further range that is reached through the bridge, such as flannel's whole network. */
  readonly clusterCidr?: string;
  readonly clusterCidr6?: string | undefined;
  /** ifindex of the bridge, behind which those of the wires come; absent: that of cni0. */
  readonly firstIndex?: number;
  /** What caused the bridge. */
  readonly origin: Origin;
}

/** The options with everything worked out that is the same for all pods of the node. */
export interface Bridge extends BridgeOptions {
  readonly name: string;
  readonly netns: string;
  readonly id: string;
  /** Undefined without IPv4. */
  readonly four: { readonly network: Ip4; readonly prefixLength: number; readonly gateway: string } | undefined;
  readonly six: { readonly network: Ip6; readonly prefixLength: number; readonly gateway: string } | undefined;
}

/** Linux: IFNAMSIZ leaves 11 characters after `veth`; the plugin uses 8. */
const vethName = (pod: PodSite): string =>
  `veth${hashText(pod.pod.metadata.uid ?? pod.netns)
    .toString(16)
    .padStart(8, '0')}`;

/** Undefined where the node has no range that holds a bridge and a pod. */
export function makeBridge(options: BridgeOptions): Bridge | undefined {
  const range = parseCidr(options.podCidr);
  const four = range === undefined || range.prefixLength > 30 ? undefined : { ...range, gateway: options.gateway ?? formatIp4(range.network + 1) };
  const prefix = parseIpPrefix(options.podCidr6 ?? '');
  const six =
    prefix === undefined || typeof prefix.network !== 'bigint' || prefix.prefixLength > 126
      ? undefined
      : { network: prefix.network, prefixLength: prefix.prefixLength, gateway: formatIp6(prefix.network + 1n) };
  if (four === undefined && six === undefined) return undefined;
  const netns = rootNetnsId(options.nodeName);
  const name = options.name ?? 'cni0';
  return { ...options, name, netns, id: deviceId(netns, name), four, six };
}

/** The bridge and the node's route to its pods. */
export function renderBridge(bridge: Bridge): NetRecord[] {
  const cni0: BridgeDevice = {
    kind: 'device',
    id: bridge.id,
    origin: bridge.origin,
    netns: bridge.netns,
    name: bridge.name,
    index: bridge.firstIndex ?? DEVICE_INDEX.cni0,
    mac: macFromName(bridge.id),
    mtuBytes: bridge.mtuBytes,
    up: true,
    addresses:
      bridge.hasAddress === false
        ? []
        : [
            ...(bridge.four === undefined ? [] : [subnetAddress(bridge.four.gateway, bridge.four.prefixLength)]),
            ...(bridge.six === undefined ? [] : [address6(bridge.six.gateway, bridge.six.prefixLength)]),
          ],
    type: 'bridge',
    ageingSeconds: 300,
  };
  return [cni0, ...kernelRoutes(cni0)];
}

/** Unique on the node while pod addresses are: the devices every node has come first, then one per address of the range. */
function vethIndex(site: PodSite, { four, six, firstIndex }: Bridge): number {
  const first = firstIndex ?? DEVICE_INDEX.cni0;
  if (site.ip === '') {
    const offset = Number((parseIp6(site.ip6 ?? '') ?? 0n) - (six?.network ?? 0n));
    return first + (offset > 0 && offset < 0x1000000 ? offset : 0x1000000);
  }
  const address = ip4(site.ip);
  const inRange = four !== undefined && contains(four.network, four.prefixLength, address);
  return first + (inRange ? address - four.network : 0x1000000 + (address & 0xffffff));
}

/** The veth pair and the routes in the pod. */
export function attachToBridge(site: PodSite, bridge: Bridge): NetRecord[] {
  const hostName = vethName(site);
  const hostId = deviceId(bridge.netns, hostName);
  const podId = deviceId(site.netns, 'eth0');
  const origin: Origin = { component: 'cni-bridge', objects: [objectKey(site.pod), ...bridge.origin.objects] };
  const eth0: VethDevice = {
    kind: 'device',
    id: podId,
    origin,
    netns: site.netns,
    name: 'eth0',
    index: 2,
    mac: macFromName(podId),
    mtuBytes: bridge.mtuBytes,
    up: true,
    addresses: [
      ...(site.ip === '' ? [] : [subnetAddress(site.ip, bridge.four?.prefixLength ?? 32)]),
      ...(site.ip6 === undefined ? [] : [address6(site.ip6, bridge.six?.prefixLength ?? 128)]),
    ],
    type: 'veth',
    peer: hostId,
  };
  const veth: VethDevice = {
    kind: 'device',
    id: hostId,
    origin,
    netns: bridge.netns,
    name: hostName,
    index: vethIndex(site, bridge),
    mac: macFromName(hostId),
    mtuBytes: bridge.mtuBytes,
    up: true,
    addresses: [],
    master: bridge.id,
    bridgePort: { hairpin: bridge.hairpin, isolated: false, learning: true },
    type: 'veth',
    peer: podId,
  };
  const records: NetRecord[] = [eth0, veth];
  const routes = (gateway: string | undefined, everywhere: string, cluster: string | undefined): void => {
    if (gateway === undefined) return;
    if (bridge.defaultGateway) records.push(gatewayRoute(site.netns, everywhere, gateway, 'eth0', origin));
    if (cluster !== undefined) records.push(gatewayRoute(site.netns, cluster, gateway, 'eth0', origin));
  };
  if (site.ip !== '') routes(bridge.four?.gateway, '0.0.0.0/0', bridge.clusterCidr);
  if (site.ip6 !== undefined) routes(bridge.six?.gateway, '::/0', bridge.clusterCidr6);
  for (const { dst, gw } of bridge.routes ?? []) {
    const via = gw ?? (dst.includes(':') ? bridge.six : bridge.four)?.gateway;
    if (via !== undefined && !records.some((record) => record.kind === 'route' && record.destination === dst))
      records.push(gatewayRoute(site.netns, dst, via, 'eth0', origin));
  }
  records.push(...kernelRoutes(eth0));
  return records;
}
