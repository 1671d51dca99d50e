/** What Calico is set up with: its pools, its back end, Felix' settings. Calico v3.30: felix/config, node/pkg/lifecycle/startup */
import type { ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { type Cidr, parseCidr } from '../../addresses.ts';
import type { ClusterNode } from '../../node/cluster-network.ts';
import { underlayOf } from '../../node/cluster-network.ts';
import { perState } from '../../node/per-state.ts';
import type { Node } from '../../node/types.ts';
import type { ConfigMap } from '../../pod/mounts.ts';
import { daemonsOf } from '../daemons.ts';
import { matches, selectorOf } from './selector.ts';
import type { BgpConfiguration, Encapsulation, FelixConfiguration, IpPool } from './types.ts';

export const CALICO = 'calico';
export const CALICO_VERSION = 'v3.30.3';
export const CALICO_CONFIG_MAP: ObjectKey = 'ConfigMap/kube-system/calico-config';
export const CALICO_KEYS = ['calico_backend'] as const;
export const DEFAULT_AS_NUMBER = 64512;
/** What nodes say of themselves on their Node. Calico: libcalico-go/lib/backend/k8s/resources/node.go */
export const NODE_ADDRESS = 'projectcalico.org/IPv4Address';
export const TUNNEL_ADDRESS = { ipip: 'projectcalico.org/IPv4IPIPTunnelAddr', vxlan: 'projectcalico.org/IPv4VXLANTunnelAddr' } as const;
export const VXLAN_MAC = 'projectcalico.org/VXLANTunnelMACAddr';
export const AS_NUMBER = 'projectcalico.org/ASNumber';
export const REFLECTOR_ID = 'projectcalico.org/RouteReflectorClusterID';
export type Tunnel = keyof typeof TUNNEL_ADDRESS;

/** An IPPool of IPv4 addresses. */
export interface Pool {
  readonly key: ObjectKey;
  readonly name: string;
  readonly cidr: string;
  readonly range: Cidr;
  /** Prefix length of a block. */
  readonly blockSize: number;
  readonly tunnel: Tunnel | undefined;
  readonly mode: Encapsulation;
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
  readonly announced: boolean;
  readonly automatic: boolean;
  readonly uses: readonly string[];
  readonly nodeSelector: string;
}

export interface CalicoSettings {
  readonly backend: 'bird' | 'vxlan' | 'none';
  readonly pools: readonly Pool[];
  /** Which tunnels some pool needs. */
  readonly tunnels: readonly Tunnel[];
  readonly felix: NonNullable<FelixConfiguration['spec']>;
  readonly bgp: NonNullable<BgpConfiguration['spec']>;
}

function toPool(pool: IpPool): Pool[] {
  const range = parseCidr(pool.spec?.cidr ?? '');
  const spec = pool.spec;
  if (range === undefined || spec?.cidr === undefined) return [];
  const tunnel: Tunnel | undefined = (spec.vxlanMode ?? 'Never') !== 'Never' ? 'vxlan' : (spec.ipipMode ?? 'Never') !== 'Never' ? 'ipip' : undefined;
  return [
    {
      key: objectKey(pool),
      name: pool.metadata.name,
      cidr: spec.cidr,
      range,
      blockSize: Math.max(spec.blockSize ?? 26, range.prefixLength),
      tunnel,
      mode: (tunnel === 'vxlan' ? spec.vxlanMode : tunnel === 'ipip' ? spec.ipipMode : undefined) ?? 'Never',
      natOutgoing: spec.natOutgoing === true,
      disabled: spec.disabled === true,
      announced: spec.disableBGPExport !== true,
      automatic: spec.assignmentMode !== 'Manual',
      uses: spec.allowedUses ?? ['Workload', 'Tunnel'],
      nodeSelector: spec.nodeSelector ?? 'all()',
    },
  ];
}

export const SETTING_KINDS = ['ConfigMap', 'IPPool', 'FelixConfiguration', 'BGPConfiguration'] as const;

export const calicoSettings = perState(SETTING_KINDS, (view): CalicoSettings => {
  const backend = view.find<ConfigMap>(CALICO_CONFIG_MAP)?.data?.calico_backend;
  const pools = view.list<IpPool>('IPPool').flatMap(toPool);
  return {
    backend: backend === 'vxlan' || backend === 'none' ? backend : 'bird',
    pools,
    tunnels: (['ipip', 'vxlan'] as const).filter((tunnel) => pools.some((pool) => pool.tunnel === tunnel && !pool.disabled)),
    felix: view.find<FelixConfiguration>('FelixConfiguration/default')?.spec ?? {},
    bgp: view.find<BgpConfiguration>('BGPConfiguration/default')?.spec ?? {},
  };
});

/** Calico runs, or has run, somewhere. */
export const hasCalico = (view: StoreView): boolean => daemonsOf(CALICO, view).size > 0;

export function poolTakes(pool: Pool, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  return matches(selectorOf(pool.nodeSelector), (label) => (Object.hasOwn(labels, label) ? labels[label] : undefined));
}

export function nodeAnnotation(name: string, annotation: string, view: StoreView): string | undefined {
  return view.find<Node>(`Node/${name}`)?.metadata.annotations?.[annotation];
}

/** The address of a node's end of a tunnel. */
export const tunnelAddress = (name: string, tunnel: Tunnel, view: StoreView): string | undefined => nodeAnnotation(name, TUNNEL_ADDRESS[tunnel], view);

export const cardMtu = (node: ClusterNode, view: StoreView): number => node.mtuBytes ?? underlayOf(view).mtuBytes;
const OVERHEAD_BYTES: Readonly<Record<Tunnel, number>> = { vxlan: 50, ipip: 20 };

export function tunnelMtu(node: ClusterNode, tunnel: Tunnel, view: StoreView): number {
  const { felix } = calicoSettings(view);
  return (tunnel === 'vxlan' ? felix.vxlanMTU : felix.ipipMTU) ?? cardMtu(node, view) - OVERHEAD_BYTES[tunnel];
}

/** Of a pod's wire: the smallest that its packets may need. Calico: felix/dataplane/linux, determinePodMTU; veth_mtu "0" */
export function podMtu(node: ClusterNode, view: StoreView): number {
  const written = Number(view.find<ConfigMap>(CALICO_CONFIG_MAP)?.data?.veth_mtu ?? 0);
  if (Number.isInteger(written) && written >= 68) return written;
  return Math.min(cardMtu(node, view), ...calicoSettings(view).tunnels.map((tunnel) => tunnelMtu(node, tunnel, view)));
}
