/** The networks of a cluster as agents need them: the underlay, the addresses of Nodes, and what kubelets write into resolv.conf. */

import { formatIp, formatPrefix, type IpPrefix, isIp6, parseIpPrefix } from '../../net/addr/ip.ts';
import { contains, formatIp4, maskOf, parseCidr, parseIp4 } from '../../net/addr/ip4.ts';
import { formatIp6, parseIp6 } from '../../net/addr/ip6.ts';
import type { Link } from '../../net/records.ts';
import type { ObjectKey, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { formatCidr } from '../addresses.ts';
import { clusterSettings, serviceAddress } from './cluster-config.ts';
import type { Host, KubeletConfiguration, Network } from './cluster-kinds.ts';
import { perState } from './per-state.ts';
import type { Node } from './types.ts';
import {
  internalIp,
  internalIps,
  isControlPlane,
  kernelOf,
  type NatCard,
  natCard,
  nodeMtu,
  nodeSysctls,
  podCidrOf,
  podCidrsOf,
  secondCpuRatio,
} from './types.ts';

/** The layer-2 network that joins the nodes. */
export interface Underlay {
  /** The Network object behind it, where the document has one. */
  readonly key?: ObjectKey;
  /** `172.30.0.0/16` */
  readonly cidr: string;
  readonly prefixLength: number;
  /** Address of the router at its edge, the nodes' default gateway: the first of the range. */
  readonly gateway: string;
  /** The same in IPv6; undefined where machines have IPv4 alone. */
  readonly six: { readonly prefix: IpPrefix; readonly gateway: string } | undefined;
  readonly mtuBytes: number;
  /** What a host's network card sends through, and what the switch's port sends through; absent: the engine's own wires. */
  readonly hostLink?: Link;
  readonly portLink?: Link;
  /** Whether a small internet lies beyond the router. */
  readonly internet: boolean;
  /** What the machines' own /etc/resolv.conf says. */
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** Of the router, beside its own wires. */
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
}

export interface ClusterNode {
  readonly name: string;
  readonly key: ObjectKey;
  /** IPv4 InternalIP; undefined where the Node has none, and it is then not connected. */
  readonly ip: string | undefined;
  readonly podCidr: string | undefined;
  /** Its IPv6 InternalIP and pod range, in their usual form. */
  readonly ip6: string | undefined;
  readonly podCidr6: string | undefined;
  /** Label topology.kubernetes.io/zone; '' without. */
  readonly zone: string;
  readonly controlPlane: boolean;
  /** Of its network card, where it differs from the underlay's. */
  readonly mtuBytes: number | undefined;
  /** A second card, which has the default route. */
  readonly natCard?: NatCard | undefined;
  /** Settings of its kernel that differ from the usual ones. */
  readonly sysctls: Readonly<Record<string, number>>;
  readonly kernel?: { readonly major: number; readonly minor: number } | undefined;
  readonly secondCpuRatio?: number | undefined;
}

const NS_PER_UNIT: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
const BITS_PER_UNIT: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
/** Half of a believable way through one switch. */
const DEFAULT_LATENCY_NS = 60_000;

/** A duration such as `40us`, `1.5ms`; undefined for anything else. */
export function parseDurationNs(text: string | undefined): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s)$/.exec(text ?? '');
  return match === null ? undefined : Math.round(Number(match[1]) * (NS_PER_UNIT[match[2] ?? ''] ?? 1));
}

/** Bits per second such as `1G`, `100Mbit`; undefined for anything else. */
export function parseBandwidth(text: string | undefined): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)([kKMGT]?)(?:bit|bps|b\/s)?$/.exec(text ?? '');
  const bits = match === null ? 0 : Number(match[1]) * (BITS_PER_UNIT[match[2] ?? ''] ?? 1);
  return bits > 0 ? bits : undefined;
}

function toClusterNode(node: Node): ClusterNode {
  const ip = internalIp(node);
  const podCidr = podCidrOf(node);
  const podPrefix6 = podCidrsOf(node)
    .flatMap((range) => parseIpPrefix(range) ?? [])
    .find((prefix) => isIp6(prefix.network));
  const ip6 = internalIps(node).flatMap((address) => parseIp6(address) ?? [])[0];
  return {
    name: node.metadata.name,
    key: objectKey(node),
    ip: ip !== undefined && parseIp4(ip) !== undefined ? ip : undefined,
    podCidr: podCidr !== undefined && parseCidr(podCidr) !== undefined ? podCidr : undefined,
    ip6: ip6 === undefined ? undefined : formatIp6(ip6),
    podCidr6: podPrefix6 === undefined ? undefined : formatPrefix(podPrefix6.network, podPrefix6.prefixLength),
    zone: node.metadata.labels?.['topology.kubernetes.io/zone'] ?? '',
    controlPlane: isControlPlane(node),
    mtuBytes: nodeMtu(node),
    natCard: natCard(node),
    sysctls: nodeSysctls(node),
    kernel: kernelOf(node),
    secondCpuRatio: secondCpuRatio(node),
  };
}

const nodesByName = perState(['Node'], (view) => new Map(view.list<Node>('Node').map((node) => [node.metadata.name, toClusterNode(node)])));

export function findNode(name: string, view: StoreView): ClusterNode | undefined {
  return nodesByName(view).get(name);
}

export function listNodes(view: StoreView): readonly ClusterNode[] {
  return [...nodesByName(view).values()];
}

/** Without a Network object: the usual range if all nodes fit, else the smallest (at most a /24) that holds them. */
function guessCidr(view: StoreView): string {
  const standard = formatCidr(clusterSettings(view).underlayCidr);
  const range = parseCidr(standard);
  const ips = listNodes(view).flatMap((node) => (node.ip === undefined ? [] : [parseIp4(node.ip) as number]));
  if (range === undefined || ips.every((ip) => contains(range.network, range.prefixLength, ip))) return standard;
  let prefixLength = 24;
  while (prefixLength > 1 && ips.some((ip) => !contains((ips[0] as number) & maskOf(prefixLength), prefixLength, ip))) prefixLength -= 1;
  return `${formatIp4((ips[0] as number) & maskOf(prefixLength))}/${prefixLength}`;
}

/** The way between two machines is two cables: each takes half of the latency, the first all of jitter and loss. */
function linksOf(spec: Network['spec']): { readonly hostLink?: Link; readonly portLink?: Link } {
  if (spec?.latency === undefined && spec?.jitter === undefined && spec?.lossPercent === undefined && spec?.bandwidth === undefined) return {};
  const latencyNs = Math.round((parseDurationNs(spec.latency) ?? DEFAULT_LATENCY_NS) / 2);
  const bits = parseBandwidth(spec.bandwidth);
  const bandwidth = bits === undefined ? {} : { bandwidthBitsPerSecond: bits };
  return {
    hostLink: { latencyNs, jitterNs: parseDurationNs(spec.jitter) ?? 0, lossRatio: (spec.lossPercent ?? 0) / 100, ...bandwidth },
    portLink: { latencyNs, jitterNs: 0, lossRatio: 0, ...bandwidth },
  };
}

/** Kinds whose objects change what the functions of this file answer. */
export const NETWORK_KINDS = ['Node', 'Network', 'ClusterConfiguration', 'Cluster', 'KubeletConfiguration', 'CniConfig'] as const;

/** @throws {Error} when our own default range is malformed. */
export const underlayOf = perState(NETWORK_KINDS, (view): Underlay => {
  const network = view.list<Network>('Network')[0];
  const range = (network?.spec?.cidr ?? '').split(',').flatMap((part) => parseCidr(part.trim()) ?? [])[0] ?? parseCidr(guessCidr(view));
  const prefix = parseIpPrefix(clusterSettings(view).underlayCidr6 ?? '');
  if (range === undefined) throw new Error('no underlay range');
  return {
    ...(network === undefined ? {} : { key: objectKey(network) }),
    cidr: `${formatIp4(range.network)}/${range.prefixLength}`,
    prefixLength: range.prefixLength,
    gateway: formatIp4(range.network + 1),
    internet: network?.spec?.internet !== false,
    nameservers: network?.spec?.dns?.nameservers ?? [formatIp4(range.network + 1)],
    searches: network?.spec?.dns?.searches ?? [],
    six: prefix === undefined ? undefined : { prefix, gateway: formatIp((prefix.network as bigint) + 1n) },
    mtuBytes: network?.spec?.mtuBytes ?? 1500,
    ...linksOf(network?.spec),
    routes: [
      ...(network?.spec?.routes ?? []),
      ...(network?.spec?.podRoutes !== true
        ? []
        : listNodes(view).flatMap(({ ip, ip6, podCidr, podCidr6 }) => [
            ...(ip === undefined || podCidr === undefined ? [] : [{ destination: podCidr, gateway: ip }]),
            ...(ip6 === undefined || podCidr6 === undefined ? [] : [{ destination: podCidr6, gateway: ip6 }]),
          ])),
    ],
  };
});

/** A machine outside the cluster that has an IPv4 address. */
export interface OutsideHost {
  readonly name: string;
  readonly key: ObjectKey;
  readonly ip: string;
  /** On the underlay's own wire; else behind the router, in `network`. */
  readonly inside: boolean;
  /** `203.0.113.0/24` */
  readonly network: string;
  readonly prefixLength: number;
  /** First address of its network, which is the router's. */
  readonly gateway: string;
  /** Its IPv6 address where the cluster has IPv6. */
  readonly six: { readonly ip: string; readonly prefixLength: number; readonly gateway: string } | undefined;
  readonly spec: NonNullable<Host['spec']>;
}

/** On the underlay a machine's IPv6 address ends as its IPv4 one does; a network behind the router has a /64 of 2001:db8::/32 that is named after its IPv4 range. */
function outsideSix(underlay: Underlay, inside: boolean, offset: number, base: number): OutsideHost['six'] {
  if (underlay.six === undefined) return undefined;
  const { prefix, gateway } = underlay.six;
  if (inside) return { ip: ip6OnUnderlay(prefix, offset), prefixLength: prefix.prefixLength, gateway };
  const network = (0x20010db8n << 96n) | (BigInt(base >>> 0) << 64n);
  return { ip: formatIp(network + BigInt(offset)), prefixLength: 64, gateway: formatIp(network + 1n) };
}

/** The IPv6 address of the machine whose IPv4 address is the so manieth of the underlay. */
export const ip6OnUnderlay = (prefix: IpPrefix, offset: number): string => formatIp((prefix.network as bigint) + BigInt(offset));

/** Hosts in the order of the store. Those without an IPv4 address are machines whose cable is not plugged in. */
export const outsideHosts = perState([...NETWORK_KINDS, 'Host'], (view): readonly OutsideHost[] => {
  const underlay = underlayOf(view);
  const range = parseCidr(underlay.cidr);
  return view.list<Host>('Host').flatMap((host): OutsideHost[] => {
    const ip = host.spec?.address;
    const address = ip === undefined ? undefined : parseIp4(ip);
    if (ip === undefined || address === undefined || range === undefined) return [];
    const inside = contains(range.network, range.prefixLength, address);
    const prefixLength = inside ? range.prefixLength : (host.spec?.prefixLength ?? 24);
    const base = address & maskOf(prefixLength);
    return [
      {
        name: host.metadata.name,
        key: objectKey(host),
        ip,
        inside,
        network: `${formatIp4(base)}/${prefixLength}`,
        prefixLength,
        gateway: inside ? underlay.gateway : formatIp4(base + 1),
        six: outsideSix(underlay, inside, address - base, base),
        spec: host.spec ?? {},
      },
    ];
  });
});

export interface ClusterDns {
  /** `cluster.local` */
  readonly domain: string;
  /** What kubelets write into resolv.conf. */
  readonly servers: readonly string[];
}

/** Kubernetes: cmd/kubeadm/app/constants, GetDNSIP: the tenth address of the first service range, unless the kubelets say otherwise. */
export const clusterDns = perState(NETWORK_KINDS, (view): ClusterDns => {
  const settings = clusterSettings(view);
  const servers = view.list<KubeletConfiguration>('KubeletConfiguration')[0]?.clusterDNS;
  return { domain: settings.dnsDomain, servers: servers !== undefined && servers.length > 0 ? servers : [serviceAddress(settings, 10)] };
});
