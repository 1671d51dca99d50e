/** The ptp plugin: a wire for each pod that ends in its node's kernel, and a route to this pod alone. CNI: plugins/main/ptp/ptp.go */
import type { Origin } from '../../base/origin.ts';
import { hashText } from '../../base/prng.ts';
import { formatIp, type IpPrefix, parseIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { NetRecord, Route, VethDevice } from '../../net/records.ts';
import { objectKey } from '../../objects/types.ts';
import { address6, gatewayRoute, subnetAddress } from '../node/devices.ts';
import { macFromName } from '../node/mac.ts';
import { DEVICE_INDEX, deviceId } from '../node/record-ids.ts';
import type { PodSite } from './cni.ts';

export interface PtpOptions {
  /** id of the node's netns. */
  readonly root: string;
  /** The ranges that addresses come from, with the address of the host's ends; the first of the range when absent. */
  readonly ranges: readonly { readonly subnet: string; readonly gateway?: string | undefined }[];
  readonly mtuBytes: number;
  /** Destinations that pods reach through it, beside the range itself. */
  readonly routes: readonly string[];
  /** ifindex behind which those of the wires come; absent: behind the devices that every node has. */
  readonly firstIndex?: number;
  /** What caused it, beside the pod. */
  readonly objects: Origin['objects'];
}

/** One family of a pod's wire: its address, the range that holds it, and the address that each host end of a wire has. */
interface Leg {
  readonly ip: string;
  readonly range: IpPrefix;
  readonly gateway: string;
}

const isSix = (ip: string): boolean => ip.includes(':');
const alone = (ip: string): string => `${ip}/${isSix(ip) ? 128 : 32}`;

function legOf(ip: string | undefined, options: PtpOptions): Leg | undefined {
  if (ip === undefined || ip === '') return undefined;
  const wanted = options.ranges.find(({ subnet }) => isSix(subnet) === isSix(ip));
  const range = parseIpPrefix(wanted?.subnet ?? '');
  if (range === undefined) return undefined;
  const first = typeof range.network === 'bigint' ? range.network + 1n : range.network + 1;
  return { ip, range, gateway: wanted?.gateway ?? formatIp(first) };
}

/** A route straight out of a device. */
export function hostRoute(netns: string, destination: string, device: string, origin: Origin, scope: Route['scope'], source?: string): Route {
  const { gateway: _, ...route } = gatewayRoute(netns, destination, '', device, origin);
  return { ...route, scope, ...(source === undefined ? {} : { source }) };
}

/** On the node a route to this pod alone, in the pod everything by way of the host's end. */
function legRoutes(leg: Leg, options: PtpOptions, host: string, netns: string, origin: Origin): Route[] {
  const six = isSix(leg.ip);
  const network = `${formatIp(leg.range.network)}/${leg.range.prefixLength}`;
  return [
    hostRoute(options.root, alone(leg.ip), host, origin, six ? 'global' : 'host'),
    ...options.routes.filter((dst) => isSix(dst) === six && dst !== network).map((dst) => gatewayRoute(netns, dst, leg.gateway, 'eth0', origin)),
    { ...gatewayRoute(netns, network, leg.gateway, 'eth0', origin), source: leg.ip },
    hostRoute(netns, alone(leg.gateway), 'eth0', origin, six ? 'global' : 'link', leg.ip),
  ];
}

function vethIndex(legs: readonly Leg[], first: number): number {
  const [leg] = legs;
  const ip = leg === undefined ? undefined : parseIp(leg.ip);
  if (leg === undefined || ip === undefined) return first;
  const offset = Number(BigInt(ip) - BigInt(leg.range.network));
  return first + (offset > 0 && offset < 0x1000000 ? offset : 0x1000000);
}

/** Both ends of the pod's wire, its addresses and routes. */
export function attachPtp(pod: PodSite, options: PtpOptions): NetRecord[] {
  const legs = [legOf(pod.ip, options), legOf(pod.ip6, options)].filter((leg) => leg !== undefined);
  if (legs.length === 0) return [];
  const origin: Origin = { component: 'cni-ptp', objects: [objectKey(pod.pod), ...options.objects] };
  const { root, mtuBytes } = options;
  const hostName = `veth${hashText(pod.pod.metadata.uid ?? pod.netns)
    .toString(16)
    .padStart(8, '0')}`;
  const [hostId, podId] = [deviceId(root, hostName), deviceId(pod.netns, 'eth0')];
  const veth = (id: string, netns: string, name: string, peer: string, index: number, addresses: VethDevice['addresses']): VethDevice => {
    return { kind: 'device', id, origin, netns, name, index, mac: macFromName(id), mtuBytes, up: true, addresses, type: 'veth', peer };
  };
  return [
    veth(
      podId,
      pod.netns,
      'eth0',
      hostId,
      2,
      legs.map((leg) => (isSix(leg.ip) ? address6(leg.ip, leg.range.prefixLength) : subnetAddress(leg.ip, leg.range.prefixLength))),
    ),
    veth(
      hostId,
      root,
      hostName,
      podId,
      vethIndex(legs, options.firstIndex ?? DEVICE_INDEX.cni0),
      legs.map((leg) => (isSix(leg.ip) ? address6(leg.gateway, 128) : { ip: leg.gateway, prefixLength: 32, scope: 'global' as const })),
    ),
    ...legs.flatMap((leg) => legRoutes(leg, options, hostName, pod.netns, origin)),
  ];
}
