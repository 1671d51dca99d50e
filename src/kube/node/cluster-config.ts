/** What the cluster was set up with, read from its configuration documents; kubeadm's defaults where there are none. */

import { formatIp, formatPrefix, type IpPrefix, isIp6, parseIpPrefix } from '../../net/addr/ip.ts';
import type { StoreView } from '../../objects/types.ts';
import { type Cidr, formatCidr, parseCidr } from '../addresses.ts';
import type { ClusterConfiguration, ExtraArgs, KindCluster, KubeletConfiguration, Network } from './cluster-kinds.ts';
import { perState } from './per-state.ts';

export type IpFamily = 'IPv4' | 'IPv6';

export interface ClusterSettings {
  /** Somebody wrote down how the cluster was set up; otherwise all this is assumed. */
  readonly declared: boolean;
  /** Undefined: nodes get no pod range unless their YAML gives one (kubeadm without podSubnet). */
  readonly podCidr: Cidr | undefined;
  readonly nodeCidrMaskSize: number;
  readonly serviceCidr: Cidr;
  /** Families that Services may have, those of the service ranges in their order: the first is what a Service gets when it asks for nothing. */
  readonly families: readonly IpFamily[];
  /** `fd00:10:244::/56`; undefined where pods have no IPv6 addresses. */
  readonly podCidr6: string | undefined;
  readonly nodeCidrMaskSize6: number;
  /** Of the pod ranges, in their order. */
  readonly podFamilies: readonly IpFamily[];
  /** Undefined where Services have no IPv6 addresses. */
  readonly serviceCidr6: string | undefined;
  readonly nodePorts: { readonly first: number; readonly last: number };
  readonly dnsDomain: string;
  /** `v1.34.2` */
  readonly version: string;
  readonly maxPods: number;
  readonly underlayCidr: Cidr;
  /** `fd00:172:30::/64`; undefined where machines have IPv4 alone. */
  readonly underlayCidr6: string | undefined;
}

export const defaultServiceCidr = '10.96.0.0/12';
const IPV4: readonly IpFamily[] = ['IPv4'];
const defaultPodCidr = '10.244.0.0/16';
const defaultUnderlayCidr = '172.30.0.0/16';
const defaultUnderlayCidr6 = 'fd00:172:30::/64';
const defaultVersion = 'v1.34.2';

/** Kinds whose objects change what `clusterSettings` answers. */
export const settingsKinds: readonly [string, ...string[]] = ['ClusterConfiguration', 'Cluster', 'KubeletConfiguration', 'Network'];

function argument(args: ExtraArgs | undefined, name: string): string | undefined {
  if (args === undefined) return undefined;
  if (isArgumentList(args)) return args.find((one) => one.name === name)?.value;
  const value = Object.hasOwn(args, name) ? args[name] : undefined;
  return value === undefined ? undefined : String(value);
}
const isArgumentList = (args: ExtraArgs): args is readonly { readonly name: string; readonly value: string }[] => Array.isArray(args);

/** The first IPv4 range of comma-separated lists. */
const readCidr = (...candidates: readonly (string | undefined)[]): Cidr | undefined => {
  for (const text of candidates) {
    for (const part of (text ?? '').split(',')) {
      const cidr = parseCidr(part.trim());
      if (cidr !== undefined) return cidr;
    }
  }
  return undefined;
};

const prefixesIn = (text: string | undefined): readonly IpPrefix[] => (text ?? '').split(',').flatMap((part) => parseIpPrefix(part.trim()) ?? []);
const familyOf = (prefix: IpPrefix): IpFamily => (isIp6(prefix.address) ? 'IPv6' : 'IPv4');
const ip6Text = (prefixes: readonly IpPrefix[]): string | undefined => {
  const found = prefixes.find((prefix) => isIp6(prefix.address));
  return found === undefined ? undefined : formatPrefix(found.network, found.prefixLength);
};

/** kind: pkg/apis/config/v1alpha4/default.go. */
const KIND_RANGES: Readonly<Record<string, { readonly pods: string; readonly services: string }>> = {
  ipv4: { pods: '10.244.0.0/16', services: '10.96.0.0/16' },
  ipv6: { pods: 'fd00:10:244::/56', services: 'fd00:10:96::/112' },
  dual: { pods: '10.244.0.0/16,fd00:10:244::/56', services: '10.96.0.0/16,fd00:10:96::/112' },
};

export const clusterSettings = perState(settingsKinds, (view: StoreView): ClusterSettings => {
  const kubeadm = view.list<ClusterConfiguration>('ClusterConfiguration')[0];
  const kind = view.list<KindCluster>('Cluster')[0];
  const kubelet = view.list<KubeletConfiguration>('KubeletConfiguration')[0];
  const network = view.list<Network>('Network')[0];
  const described = kubeadm !== undefined;
  const manager = kubeadm?.controllerManager?.extraArgs;
  const kindRanges = kind === undefined ? undefined : KIND_RANGES[kind.networking?.ipFamily ?? 'ipv4'];
  const podRanges =
    argument(manager, 'cluster-cidr') ??
    kubeadm?.networking?.podSubnet ??
    kind?.networking?.podSubnet ??
    kindRanges?.pods ??
    (described ? undefined : defaultPodCidr);
  const serviceRanges =
    argument(kubeadm?.apiServer?.extraArgs, 'service-cluster-ip-range') ??
    kubeadm?.networking?.serviceSubnet ??
    kind?.networking?.serviceSubnet ??
    kindRanges?.services ??
    defaultServiceCidr;
  const servicePrefixes = prefixesIn(serviceRanges);
  const families = [...new Set(servicePrefixes.map(familyOf))];
  const maskSize = Number(argument(manager, 'node-cidr-mask-size') ?? argument(manager, 'node-cidr-mask-size-ipv4') ?? 24);
  const maskSize6 = Number(argument(manager, 'node-cidr-mask-size-ipv6') ?? 64);
  const ports = /^(\d{1,5})-(\d{1,5})$/.exec(argument(kubeadm?.apiServer?.extraArgs, 'service-node-port-range') ?? '');
  const version = kubeadm?.kubernetesVersion ?? /:(v\d+\.\d+\.\d+)/.exec(kind?.nodes?.[0]?.image ?? '')?.[1] ?? defaultVersion;
  return {
    declared: described || kind !== undefined,
    podCidr: readCidr(podRanges),
    podFamilies: [...new Set(prefixesIn(podRanges).map(familyOf))],
    podCidr6: ip6Text(prefixesIn(podRanges)),
    nodeCidrMaskSize: Number.isInteger(maskSize) && maskSize >= 1 && maskSize <= 30 ? maskSize : 24,
    nodeCidrMaskSize6: Number.isInteger(maskSize6) && maskSize6 >= 1 && maskSize6 <= 126 ? maskSize6 : 64,
    serviceCidr: readCidr(serviceRanges) ?? getCidr(defaultServiceCidr),
    serviceCidr6: ip6Text(servicePrefixes),
    families: families.length === 0 ? IPV4 : families,
    nodePorts: ports === null ? { first: 30000, last: 32767 } : { first: Number(ports[1]), last: Number(ports[2]) },
    dnsDomain: kubelet?.clusterDomain || kubeadm?.networking?.dnsDomain || 'cluster.local',
    version: /^v?\d+\.\d+/.test(version) ? `v${version.replace(/^v/, '')}` : defaultVersion,
    maxPods: kubelet?.maxPods ?? 110,
    underlayCidr6: ip6Text(prefixesIn(network?.spec?.cidr)) ?? (families.includes('IPv6') ? defaultUnderlayCidr6 : undefined),
    underlayCidr: readCidr(network?.spec?.cidr, defaultUnderlayCidr) ?? getCidr(defaultUnderlayCidr),
  };
});

/** The address with this number in the first service range. */
export function serviceAddress(settings: ClusterSettings, number: number): string {
  const range = parseIpPrefix(settings.families[0] === 'IPv6' ? (settings.serviceCidr6 ?? '') : formatCidr(settings.serviceCidr));
  if (range === undefined) throw new Error('no service range');
  return formatIp(typeof range.network === 'bigint' ? range.network + BigInt(number) : range.network + number);
}

function getCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`no CIDR: ${text}`);
  return cidr;
}
