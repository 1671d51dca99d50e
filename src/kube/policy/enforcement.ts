/** Whether anything on the nodes enforces policies, and which kinds: flannel, kube-proxy and the plain plugins do not. */
import type { StoreView } from '../../objects/types.ts';
import { daemonsOf } from '../cni/daemons.ts';
import { cniOf } from '../cni/index.ts';
import { listNodes } from '../node/cluster-network.ts';
import { perState } from '../node/per-state.ts';
import { parseImage } from '../pod/images.ts';

export interface NodeEnforcement {
  readonly node: string;
  readonly cni: string;
  /** Programs that enforce there: `kindnetd`, `kube-network-policies`, `cilium`, `calico`. */
  readonly by: readonly string[];
  /** Kinds that hold there. */
  readonly kinds: readonly string[];
}

export interface Enforcement {
  readonly nodes: readonly NodeEnforcement[];
  /** For the screen: one or two sentences. */
  readonly sentence: string;
}

const CLUSTER_KINDS = ['ClusterNetworkPolicy', 'AdminNetworkPolicy', 'BaselineAdminNetworkPolicy'] as const;
/** What the CNIs that enforce act on, with their own dialects. */
const CNI_KINDS: Readonly<Record<string, { readonly by: string; readonly kinds: readonly string[] }>> = {
  kindnet: { by: 'kindnetd', kinds: ['NetworkPolicy'] },
  cilium: { by: 'cilium', kinds: ['NetworkPolicy', 'CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy'] },
  calico: { by: 'calico', kinds: ['NetworkPolicy', ...CLUSTER_KINDS, 'NetworkPolicy.projectcalico.org', 'GlobalNetworkPolicy'] },
};
/** Kinds that only one CNI knows. */
export const DIALECT_KINDS = ['CiliumNetworkPolicy', 'CiliumClusterwideNetworkPolicy', 'NetworkPolicy.projectcalico.org', 'GlobalNetworkPolicy'] as const;

export const enforcement = perState(['Pod', 'Node', 'ConfigMap'], (view: StoreView): Enforcement => {
  const extra = daemonsOf('kube-network-policies', view);
  const nodes = listNodes(view).map((node): NodeEnforcement => {
    const { cni, own } = cniOf(node, view);
    const known = own ? CNI_KINDS[cni.name] : undefined;
    const daemon = extra.get(node.name);
    const tags = daemon?.running === true ? daemon.pod.spec.containers.map((one) => parseImage(one.image ?? '').tag) : undefined;
    return {
      node: node.name,
      cni: cni.name,
      by: [...(known === undefined ? [] : [known.by]), ...(tags === undefined ? [] : ['kube-network-policies'])],
      kinds: [
        ...new Set([
          ...(known?.kinds ?? []),
          ...(tags === undefined ? [] : ['NetworkPolicy', ...(tags.some((tag) => /npa|v1alpha/.test(tag)) ? CLUSTER_KINDS : [])]),
        ]),
      ],
    };
  });
  return { nodes, sentence: sentenceOf(nodes) };
});

function sentenceOf(nodes: readonly NodeEnforcement[]): string {
  const enforcing = nodes.filter((one) => one.kinds.includes('NetworkPolicy'));
  const cnis = [...new Set(nodes.map((one) => one.cni))].join(', ');
  if (nodes.length === 0) return 'There are no nodes.';
  if (enforcing.length === 0) return `${cnis} does not enforce NetworkPolicy: policies are stored, and every pod may talk to every other one.`;
  const programs = [...new Set(enforcing.flatMap((one) => one.by))].join(' and ');
  if (enforcing.length === nodes.length) return `${programs} enforces NetworkPolicy on every node.`;
  const without = nodes.filter((one) => !enforcing.includes(one)).map((one) => one.node);
  return `${programs} enforces NetworkPolicy, but not on ${without.slice(0, 5).join(', ')}${without.length > 5 ? ' and others' : ''}.`;
}

/** Why an object of this kind has no effect at all; undefined where some node enforces it. */
export function noEffect(kind: string, view: StoreView): string | undefined {
  const { nodes } = enforcement(view);
  if (nodes.length === 0 || nodes.some((one) => one.kinds.includes(kind))) return undefined;
  const [first] = nodes;
  const who = first === undefined || first.by.length === 0 ? (first?.cni ?? '') : first.by.join(' and ');
  return kind === 'NetworkPolicy'
    ? `${who} does not enforce NetworkPolicy: this object is stored and has no effect`
    : `${who} does not act on ${kind}: this object is stored and has no effect`;
}
