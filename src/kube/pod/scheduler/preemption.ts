/**
 * Which less important pods would have to go for a pod to fit. Kubernetes: pkg/scheduler/framework/{preemption/preemption.go,plugins/defaultpreemption}.
 * What pod affinity and topology spread say is not judged anew without the victims: they make room for resources, ports and numbers of pods.
 */
import type { StoreView } from '../../../objects/types.ts';
import { matchesSelector } from '../../label-selector.ts';
import { podsOn } from '../../node/pods-by-node.ts';
import type { PodDisruptionBudget } from '../../policy/disruption-budget.ts';
import { isFinished, isTerminating, namespaceOf, type Pod } from '../types.ts';
import type { NodeState } from './node-state.ts';
import { emptyState, occupy } from './node-state.ts';

export interface Candidate {
  readonly state: NodeState;
  /** Most important first. */
  readonly victims: readonly Pod[];
  readonly violations: number;
}

export const priorityOf = (pod: Pod): number => pod.spec.priority ?? 0;
const startOf = (pod: Pod): string => pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '';
/** More important first; of the same importance, who has run longer. */
const byImportance = (a: Pod, b: Pod): number => priorityOf(b) - priorityOf(a) || (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0);

/** Why a pod may not drive others away, in the scheduler's words. Kubernetes: PodEligibleToPreemptOthers. */
export function ineligibleBecause(pod: Pod, view: StoreView): string | undefined {
  if (pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.status?.nominatedNodeName ?? '';
  const leaves = nominated !== '' && podsOn(view, nominated).some((one) => isTerminating(one) && priorityOf(one) < priorityOf(pod));
  return leaves ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

/**
 * The pods that have to leave a node, or undefined where that does not help.
 *
 * @param fits whether the pod fits on a node so occupied
 */
export function findVictims(pod: Pod, state: NodeState, view: StoreView, fits: (state: NodeState) => boolean): Candidate | undefined {
  const present = podsOn(view, state.node.metadata.name).filter((one) => !isFinished(one));
  const lower = present.filter((one) => priorityOf(one) < priorityOf(pod)).sort(byImportance);
  if (lower.length === 0) return undefined;
  const kept = present.filter((one) => priorityOf(one) >= priorityOf(pod));
  const fitsWith = (others: readonly Pod[]): boolean => {
    const trial = emptyState(state.node);
    for (const one of others) occupy(trial, one);
    return fits(trial);
  };
  if (!fitsWith(kept)) return undefined;
  const { violating, others } = splitByBudgets(lower, view);
  const victims: Pod[] = [];
  let violations = 0;
  // As many as possible stay: first those a budget protects, the more important before the others.
  for (const one of [...violating, ...others]) {
    if (fitsWith([...kept, one])) {
      kept.push(one);
      continue;
    }
    victims.push(one);
    if (violating.includes(one)) violations += 1;
  }
  return victims.length === 0 ? undefined : { state, victims: victims.sort(byImportance), violations };
}

/** Pods whose eviction their budgets would not allow, one after the other. */
function splitByBudgets(pods: readonly Pod[], view: StoreView): { readonly violating: readonly Pod[]; readonly others: readonly Pod[] } {
  const budgets = view.list<PodDisruptionBudget>('PodDisruptionBudget');
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const violating: Pod[] = [];
  const others: Pod[] = [];
  for (const pod of pods) {
    let violates = false;
    for (const budget of budgets) {
      if (namespaceOf(budget) !== namespaceOf(pod) || !matchesSelector(budget.spec?.selector, pod.metadata.labels)) continue;
      const rest = (left.get(budget) ?? 0) - 1;
      left.set(budget, rest);
      if (rest < 0) violates = true;
    }
    (violates ? violating : others).push(pod);
  }
  return { violating, others };
}

const sumOf = (victims: readonly Pod[]): number => victims.reduce((sum, pod) => sum + priorityOf(pod) + 2_147_483_648, 0);
const earliestTop = ({ victims }: Candidate): string => {
  const top = priorityOf(victims[0] as Pod);
  return victims.filter((pod) => priorityOf(pod) === top).reduce((first, pod) => (startOf(pod) < first ? startOf(pod) : first), startOf(victims[0] as Pod));
};

/** Fewest broken budgets, least important victims, smallest sum of importance, fewest victims, the most recently started; else the first. */
export function chooseCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  const order = (a: Candidate, b: Candidate): number =>
    a.violations - b.violations ||
    priorityOf(a.victims[0] as Pod) - priorityOf(b.victims[0] as Pod) ||
    sumOf(a.victims) - sumOf(b.victims) ||
    a.victims.length - b.victims.length ||
    (earliestTop(a) > earliestTop(b) ? -1 : earliestTop(a) < earliestTop(b) ? 1 : 0);
  return [...candidates].sort(order)[0];
}
