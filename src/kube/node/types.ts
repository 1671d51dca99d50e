/** Nodes, Namespaces and the documents that describe the cluster itself. */
import { formatIp, parseIpPrefix } from '../../net/addr/ip.ts';
import type { KubeObject } from '../../objects/types.ts';
import { type Condition, findCondition } from '../pod/types.ts';

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}
export interface NodeAddress {
  readonly type: string;
  readonly address: string;
}
export interface NodeSystemInfo {
  readonly kubeletVersion?: string;
  readonly kubeProxyVersion?: string;
  readonly osImage?: string;
  readonly kernelVersion?: string;
  readonly containerRuntimeVersion?: string;
  readonly operatingSystem?: string;
  readonly architecture?: string;
  readonly [name: string]: unknown;
}
export interface Node extends KubeObject {
  readonly spec?: {
    readonly podCIDR?: string;
    readonly podCIDRs?: readonly string[];
    readonly taints?: readonly Taint[];
    readonly unschedulable?: boolean;
    readonly providerID?: string;
  };
  readonly status?: {
    readonly addresses?: readonly NodeAddress[];
    readonly capacity?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions?: readonly Condition[];
    readonly nodeInfo?: NodeSystemInfo;
  };
}
export interface Namespace extends KubeObject {
  readonly status?: { readonly phase?: string };
}

/** All addresses of type InternalIP, in their order. */
export const internalIps = (node: Node): readonly string[] =>
  (node.status?.addresses ?? []).filter((address) => address.type === 'InternalIP').map((address) => address.address);
/** The first address, and the first of the other family: what kubelets take. */
export function hostIps(node: Node): readonly string[] {
  const all = internalIps(node);
  const other = all.find((ip) => ip.includes(':') !== all[0]?.includes(':'));
  return [...all.slice(0, 1), ...(other === undefined ? [] : [other])];
}
/** The IPv4 one where there is one. */
export const internalIp = (node: Node): string | undefined => {
  const all = internalIps(node);
  return all.find((address) => !address.includes(':')) ?? all[0];
};
export const podCidrsOf = (node: Node): readonly string[] => node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]);
/** The IPv4 range where there is one. */
export const podCidrOf = (node: Node): string | undefined => {
  const all = podCidrsOf(node);
  return all.find((range) => !range.includes(':')) ?? all[0];
};
export const isNodeReady = (node: Node): boolean => findCondition(node.status?.conditions, 'Ready')?.status === 'True';
export const isControlPlane = (node: Node): boolean => {
  const labels = node.metadata.labels ?? {};
  return Object.hasOwn(labels, 'node-role.kubernetes.io/control-plane') || Object.hasOwn(labels, 'node-role.kubernetes.io/master');
};

/** What a Node object has no field for and a machine has nevertheless. */
export const MTU_ANNOTATION = 'kubehop.dev/mtu-bytes';
/** Address of a second card, of a hypervisor's own NAT, by which the default route leads: `10.0.2.15/24`. */
export const NAT_CARD_ANNOTATION = 'kubehop.dev/nat-card';
export const NAT_CARD = 'enp0s3';
/** Lines of sysctl.conf: `net.ipv4.ip_forward = 0`. */
export const SYSCTL_ANNOTATION = 'kubehop.dev/sysctl.conf';

/** Of the packets that programs send, in percent, those that the second CPU handles: 0 to 100. */
export const SECOND_CPU_ANNOTATION = 'kubehop.dev/second-cpu-percent';

/** 0..1; undefined where the annotation is missing or none. */
export function secondCpuRatio(node: Node): number | undefined {
  const percent = Number(node.metadata.annotations?.[SECOND_CPU_ANNOTATION] ?? Number.NaN);
  return percent > 0 && percent <= 100 ? percent / 100 : undefined;
}

/** The kernel that a Node's YAML names; undefined for what is no version. */
export function kernelOf(node: Node): { readonly major: number; readonly minor: number } | undefined {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})(?!\d)/.exec(node.status?.nodeInfo?.kernelVersion ?? '') ?? [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

/** MTU of the node's network card; undefined: the underlay's. */
export function nodeMtu(node: Node): number | undefined {
  const mtu = Number(node.metadata.annotations?.[MTU_ANNOTATION] ?? Number.NaN);
  return Number.isInteger(mtu) && mtu >= 68 && mtu <= 65535 ? mtu : undefined;
}

/** Undefined where it has none. */
export function natCard(node: Node): NatCard | undefined {
  const prefix = parseIpPrefix(node.metadata.annotations?.[NAT_CARD_ANNOTATION] ?? '');
  if (prefix === undefined || typeof prefix.address === 'bigint' || prefix.prefixLength > 30) return undefined;
  return { ip: formatIp(prefix.address), prefixLength: prefix.prefixLength, gateway: formatIp((prefix.network as number) + 2) };
}

/** The hypervisor itself is the second address of the range. */
export interface NatCard {
  readonly ip: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

const MAX_SYSCTLS = 100;

/** Settings from the node's annotation; lines that are none are left out. */
export function nodeSysctls(node: Node): Readonly<Record<string, number>> {
  const settings = new Map<string, number>();
  for (const line of (node.metadata.annotations?.[SYSCTL_ANNOTATION] ?? '').split('\n').slice(0, MAX_SYSCTLS)) {
    const match = /^\s*(net(?:[./][\w-]+)+)\s*=\s*(-?\d+)\s*$/.exec(line);
    if (match !== null) settings.set(match[1] as string, Number(match[2]));
  }
  return Object.fromEntries(settings);
}
