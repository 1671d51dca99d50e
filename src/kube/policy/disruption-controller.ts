/** Says how many pods of a PodDisruptionBudget may be evicted now. Kubernetes: pkg/controller/disruption/disruption.go. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject, OwnerReference, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesSelector } from '../label-selector.ts';
import { type Condition, findCondition, isReady, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import { controllerOf } from '../workload/pods.ts';
import { resolveIntOrPercent } from '../workload/template.ts';
import type { PodDisruptionBudget } from './disruption-budget.ts';

const component = 'controllermanager';

export const disruptionController = defineController({
  name: 'disruption-controller',
  watches: ['PodDisruptionBudget', 'Pod', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  keysFor(changed, view) {
    if (changed.kind === 'PodDisruptionBudget') return [objectKey(changed)];
    const budgets = view.list<PodDisruptionBudget>('PodDisruptionBudget', namespaceOf(changed));
    if (budgets.length === 0) return [];
    // What makes pods is known to a budget through their number only.
    return budgets.filter((budget) => changed.kind !== 'Pod' || covers(budget, changed)).map(objectKey);
  },
  reconcile(key, context) {
    const budget = context.view.find<PodDisruptionBudget>(key);
    if (budget !== undefined && !isTerminating(budget)) report(budget, context);
  },
});

export const covers = (budget: PodDisruptionBudget, pod: KubeObject): boolean => matchesSelector(budget.spec?.selector, pod.metadata.labels);

interface Counts {
  readonly expected: number;
  readonly desired: number;
}

function report(budget: PodDisruptionBudget, context: ControllerContext): void {
  const pods = context.view.list<Pod>('Pod', namespaceOf(budget)).filter((pod) => covers(budget, pod));
  const healthy = pods.filter((pod) => isReady(pod) && !isTerminating(pod)).length;
  const counts = countsOf(budget, pods, context.view);
  if (typeof counts === 'string') {
    context.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${counts}`, component);
    write(budget, { ...budget.status, disruptionsAllowed: 0 }, condition(budget, 'False', 'SyncFailed', counts, context.timestamp), context);
    return;
  }
  const allowed = counts.expected > 0 ? Math.max(0, healthy - counts.desired) : 0;
  const status = {
    currentHealthy: healthy,
    desiredHealthy: counts.desired,
    disruptionsAllowed: allowed,
    expectedPods: counts.expected,
    observedGeneration: budget.metadata.generation ?? 1,
  };
  const told =
    allowed > 0 ? condition(budget, 'True', 'SufficientPods', '', context.timestamp) : condition(budget, 'False', 'InsufficientPods', '', context.timestamp);
  write(budget, status, told, context);
}

function write(budget: PodDisruptionBudget, counts: NonNullable<PodDisruptionBudget['status']>, told: Condition, context: ControllerContext): void {
  const status = { ...counts, conditions: [told] };
  if (!deepEqual(status, budget.status)) context.updateStatus({ ...budget, status });
}

function condition(budget: PodDisruptionBudget, status: string, reason: string, message: string, now: string): Condition {
  const old = findCondition(budget.status?.conditions, 'DisruptionAllowed');
  return {
    type: 'DisruptionAllowed',
    status,
    observedGeneration: budget.metadata.generation ?? 1,
    reason,
    message,
    lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now,
  };
}

/** A number of pods that must stay is taken as it is; everything else is reckoned from what the pods' controllers want. Or what is wrong. */
function countsOf({ spec }: PodDisruptionBudget, pods: readonly Pod[], view: StoreView): Counts | string {
  if (spec?.maxUnavailable !== undefined) {
    const expected = wantedBy(pods, view);
    if (typeof expected === 'string') return expected;
    return { expected, desired: Math.max(0, expected - resolveIntOrPercent(spec.maxUnavailable, expected, true)) };
  }
  const least = spec?.minAvailable;
  if (typeof least === 'string') {
    const expected = wantedBy(pods, view);
    return typeof expected === 'string' ? expected : { expected, desired: resolveIntOrPercent(least, expected, true) };
  }
  return { expected: pods.length, desired: least ?? 0 };
}

type Scaled = KubeObject & { readonly spec?: { readonly replicas?: number } };

/** Sum of what the controllers of these pods want, each counted once. */
function wantedBy(pods: readonly Pod[], view: StoreView): number | string {
  const seen = new Set<string>();
  let sum = 0;
  for (const pod of pods) {
    const owner = controllerOf(pod);
    const scaled = owner === undefined ? undefined : scaleOf(owner, namespaceOf(pod), view);
    if (scaled === undefined) return `found no controllers for pod ${JSON.stringify(pod.metadata.name)}`;
    const { uid = '' } = scaled.metadata;
    if (seen.has(uid)) continue;
    seen.add(uid);
    sum += scaled.spec?.replicas ?? 1;
  }
  return sum;
}

/** A Deployment speaks for its ReplicaSets. */
function scaleOf(owner: OwnerReference, namespace: string, view: StoreView): Scaled | undefined {
  if (owner.kind !== 'ReplicaSet' && owner.kind !== 'StatefulSet') return undefined;
  const found = view.find<Scaled>(`${owner.kind}/${namespace}/${owner.name}`);
  const above = found === undefined ? undefined : controllerOf(found);
  return above?.kind === 'Deployment' ? (view.find<Scaled>(`Deployment/${namespace}/${above.name}`) ?? found) : found;
}
