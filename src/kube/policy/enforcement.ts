/** Whether anything on the nodes enforces policies, which kinds, and what becomes of open connections: flannel, kube-proxy and the plain plugins enforce nothing. */
import type { StoreView } from '../../objects/types.ts';
import { daemonsOf } from '../cni/daemons.ts';
import { cniOf } from '../cni/index.ts';
import { listNodes } from '../node/cluster-network.ts';
import type { ControlPlane } from '../node/control-plane.ts';
import { perState } from '../node/per-state.ts';
import { parseImage } from '../pod/images.ts';
import type { Pod } from '../pod/types.ts';

/** Of connections that a changed policy no longer allows. `judged`: each packet is; `cut`: they are taken out of the connection table. */
export type OpenConnections = 'kept' | 'cut' | 'judged';

export interface OpenConnectionsOf {
  /** A program that enforces: `kindnetd`, `kube-network-policies`, `cilium`, `calico`. */
  readonly by: string;
  readonly what: OpenConnections;
}

export interface NodeEnforcement {
  readonly node: string;
  readonly cni: string;
  /** Programs that enforce there: `kindnetd`, `kube-network-policies`, `cilium`, `calico`. */
  readonly by: readonly string[];
  /** Kinds that hold there. */
  readonly kinds: readonly string[];
  /** By program. */
  readonly open: ReadonlyMap<string, OpenConnections>;
}

export interface Enforcement {
  readonly nodes: readonly NodeEnforcement[];
  /** For the screen: one or two sentences. */
  readonly sentence: string;
  /** What happens to open connections when policies change. Empty where nobody enforces. */
  readonly openConnections: readonly OpenConnectionsOf[];
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
const STANDALONE = 'kube-network-policies';

/** The setting --strict-mode, which is on since v1.0. kube-network-policies: pkg/cmd/cmd.go */
export function isStrict(pod: Pod): boolean {
  const container = pod.spec.containers.find((one) => parseImage(one.image ?? '').repository.endsWith(`/${STANDALONE}`)) ?? pod.spec.containers[0];
  const written = [...(container?.command ?? []), ...(container?.args ?? [])].flatMap((word) => /^--?strict-mode(?:=(.*))?$/.exec(word)?.[1] ?? []);
  const bare = [...(container?.command ?? []), ...(container?.args ?? [])].some((word) => /^--?strict-mode$/.test(word));
  if (bare) return true;
  const last = written.at(-1);
  return last === undefined ? /^v[1-9]/.test(parseImage(container?.image ?? '').tag) : /^(?:1|t|true)$/i.test(last);
}

export const enforcement = perState(['Pod', 'Node', 'ConfigMap', 'ControlPlane'], (view: StoreView): Enforcement => {
  const extra = daemonsOf(STANDALONE, view);
  const asked = view.list<ControlPlane>('ControlPlane').some((one) => one.spec?.openConnections === 'Cut') ? 'cut' : 'kept';
  const nodes = listNodes(view).map((node): NodeEnforcement => {
    const { cni, own } = cniOf(node, view);
    const known = own ? CNI_KINDS[cni.name] : undefined;
    const daemon = extra.get(node.name);
    const tags = daemon?.running === true ? daemon.pod.spec.containers.map((one) => parseImage(one.image ?? '').tag) : undefined;
    const open = new Map<string, OpenConnections>();
    if (known !== undefined) open.set(known.by, known.by === 'cilium' ? 'judged' : asked);
    if (daemon?.running === true) open.set(STANDALONE, isStrict(daemon.pod) ? 'cut' : 'kept');
    return {
      node: node.name,
      cni: cni.name,
      by: [...(known === undefined ? [] : [known.by]), ...(tags === undefined ? [] : [STANDALONE])],
      kinds: [
        ...new Set([
          ...(known?.kinds ?? []),
          ...(tags === undefined ? [] : ['NetworkPolicy', ...(tags.some((tag) => /npa|v1alpha/.test(tag)) ? CLUSTER_KINDS : [])]),
        ]),
      ],
      open,
    };
  });
  return { nodes, sentence: sentenceOf(nodes), openConnections: openOf(nodes) };
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

function openOf(nodes: readonly NodeEnforcement[]): readonly OpenConnectionsOf[] {
  const found = new Map<string, OpenConnectionsOf>();
  for (const { open } of nodes) for (const [by, what] of open) found.set(`${by} ${what}`, { by, what });
  return [...found.values()];
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
