/** What the cluster was set up with, read from its configuration documents; kubeadm's defaults where there are none. */
import type { StoreView } from '../../objects/types.ts';
import { type Cidr, parseCidr } from '../addresses.ts';
import type { ClusterConfiguration, ExtraArgs, KindCluster, KubeletConfiguration, Network } from './cluster-kinds.ts';
import { perState } from './per-state.ts';

export interface ClusterSettings {
  /** Somebody wrote down how the cluster was set up; otherwise all this is assumed. */
  readonly declared: boolean;
  /** Undefined: nodes get no pod range unless their YAML gives one (kubeadm without podSubnet). */
  readonly podCidr: Cidr | undefined;
  readonly nodeCidrMaskSize: number;
  readonly serviceCidr: Cidr;
  readonly nodePorts: { readonly first: number; readonly last: number };
  readonly dnsDomain: string;
  /** `v1.34.2` */
  readonly version: string;
  readonly maxPods: number;
  readonly underlayCidr: Cidr;
}

export const defaultServiceCidr = '10.96.0.0/12';
const defaultPodCidr = '10.244.0.0/16';
const defaultUnderlayCidr = '172.30.0.0/16';
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

const readCidr = (...candidates: readonly (string | undefined)[]): Cidr | undefined => {
  for (const text of candidates) {
    for (const part of (text ?? '').split(',')) {
      const cidr = parseCidr(part.trim());
      if (cidr !== undefined) return cidr;
    }
  }
  return undefined;
};

export const clusterSettings = perState(settingsKinds, (view: StoreView): ClusterSettings => {
  const kubeadm = view.list<ClusterConfiguration>('ClusterConfiguration')[0];
  const kind = view.list<KindCluster>('Cluster')[0];
  const kubelet = view.list<KubeletConfiguration>('KubeletConfiguration')[0];
  const network = view.list<Network>('Network')[0];
  const described = kubeadm !== undefined;
  const podCidr = readCidr(
    argument(kubeadm?.controllerManager?.extraArgs, 'cluster-cidr'),
    kubeadm?.networking?.podSubnet,
    kind?.networking?.podSubnet,
    described ? undefined : defaultPodCidr,
  );
  const maskSize = Number(
    argument(kubeadm?.controllerManager?.extraArgs, 'node-cidr-mask-size') ?? argument(kubeadm?.controllerManager?.extraArgs, 'node-cidr-mask-size-ipv4') ?? 24,
  );
  const ports = /^(\d{1,5})-(\d{1,5})$/.exec(argument(kubeadm?.apiServer?.extraArgs, 'service-node-port-range') ?? '');
  const version = kubeadm?.kubernetesVersion ?? /:(v\d+\.\d+\.\d+)/.exec(kind?.nodes?.[0]?.image ?? '')?.[1] ?? defaultVersion;
  const fallbackServices = kind === undefined ? defaultServiceCidr : '10.96.0.0/16';
  return {
    declared: described || kind !== undefined,
    podCidr,
    nodeCidrMaskSize: Number.isInteger(maskSize) && maskSize >= 1 && maskSize <= 30 ? maskSize : 24,
    serviceCidr:
      readCidr(
        argument(kubeadm?.apiServer?.extraArgs, 'service-cluster-ip-range'),
        kubeadm?.networking?.serviceSubnet,
        kind?.networking?.serviceSubnet,
        fallbackServices,
      ) ?? getCidr(defaultServiceCidr),
    nodePorts: ports === null ? { first: 30000, last: 32767 } : { first: Number(ports[1]), last: Number(ports[2]) },
    dnsDomain: kubelet?.clusterDomain || kubeadm?.networking?.dnsDomain || 'cluster.local',
    version: /^v?\d+\.\d+/.test(version) ? `v${version.replace(/^v/, '')}` : defaultVersion,
    maxPods: kubelet?.maxPods ?? 110,
    underlayCidr: readCidr(network?.spec?.cidr, defaultUnderlayCidr) ?? getCidr(defaultUnderlayCidr),
  };
});

function getCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`no CIDR: ${text}`);
  return cidr;
}
