/** All conformance cases of network policies by packets, for every CNI that enforces them: the rows that `npm run conformance` prints. */
import { calicoKind } from '../../cni/calico/testing/felix-bench.ts';
import { ciliumKind } from '../../cni/testing/cilium-bench.ts';
import { clusterPolicySteps, cyclonusSteps, e2eSteps, haveCases, recipeSteps, type Step } from './conformance-cases.ts';
import { kindnetKind, kubeNetworkPoliciesKind } from './packet-bench.ts';
import { type PacketRun, packetRun } from './packet-run.ts';
import type { BenchKind, Way } from './policy-bench.ts';

export { haveCases };

interface Enforcing {
  readonly name: string;
  readonly kind: BenchKind;
  readonly droppedBy: string;
  /** Undefined: it acts on the step; else why it does not. */
  without(step: Step): string | undefined;
}

const hasClusterPolicy = (step: Step): boolean => step.policies.some((policy) => policy.kind !== 'NetworkPolicy');
const names = (step: Step, field: string): boolean => JSON.stringify(step.policies).includes(`"${field}"`);

const ENFORCING: readonly Enforcing[] = [
  {
    name: 'kindnet',
    kind: kindnetKind,
    droppedBy: 'kindnetd',
    without: (step) => (hasClusterPolicy(step) ? 'kindnetd does not act on ClusterNetworkPolicy' : undefined),
  },
  { name: 'kube-network-policies', kind: kubeNetworkPoliciesKind, droppedBy: 'kube-network-policies', without: () => undefined },
  {
    name: 'Calico',
    kind: calicoKind,
    droppedBy: 'NETFILTER_DROP',
    without: (step) => (hasClusterPolicy(step) && names(step, 'nodes') ? 'Felix makes nothing of peers by node' : undefined),
  },
  {
    name: 'Cilium',
    kind: ciliumKind,
    droppedBy: 'Policy denied',
    without: (step) => {
      if (hasClusterPolicy(step)) return 'its agent does not act on ClusterNetworkPolicy';
      return names(step, 'ipBlock') ? 'an address range never means a pod' : undefined;
    },
  },
];

const FILES: readonly { readonly name: string; readonly steps: () => readonly Step[] }[] = [
  { name: 'netpol-e2e', steps: e2eSteps },
  { name: 'netpol-cyclonus', steps: cyclonusSteps },
  { name: 'netpol-recipes', steps: recipeSteps },
  { name: 'cluster-network-policy', steps: clusterPolicySteps },
];

export interface ConformanceRow extends PacketRun {
  readonly file: string;
  readonly cni: string;
  readonly way: Way;
  /** Steps left out, by why. */
  readonly without: ReadonlyMap<string, number>;
}

/** One row after the other, as they are done. `filter`: part of the name of a file or a CNI. */
export function* conformanceRows(filter = ''): Generator<ConformanceRow> {
  for (const { name: file, steps } of FILES) {
    for (const { name: cni, kind, droppedBy, without } of ENFORCING) {
      if (!`${file} ${cni}`.toLowerCase().includes(filter.toLowerCase())) continue;
      const left = new Map<string, number>();
      const meant = steps().filter((step) => {
        const why = without(step);
        if (why !== undefined) left.set(why, (left.get(why) ?? 0) + 1);
        return why === undefined;
      });
      for (const way of ['pod', 'service'] as const) yield { file, cni, way, without: left, ...packetRun(meant, kind, { droppedBy, way }) };
    }
  }
}
