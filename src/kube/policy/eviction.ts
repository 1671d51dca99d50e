/** Evicts a pod if its disruption budget allows. Kubernetes: pkg/registry/core/pod/storage/eviction.go. */
import type { Api, ApiFailure, ApiResult } from '../../objects/api.ts';
import type { KubeObject } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isFinished, isReady, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import type { PodDisruptionBudget } from './disruption-budget.ts';
import { covers } from './disruption-controller.ts';

/** The server's answer 429 to an eviction that has to wait. */
export const EVICTION_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";

/** `now` as RFC 3339. Nothing runs until the server settles; the next eviction already counts this one. */
export function evictPod(api: Api, pod: Pod, now: string): ApiResult<KubeObject> {
  const budgets = api.view.list<PodDisruptionBudget>('PodDisruptionBudget', namespaceOf(pod)).filter((budget) => covers(budget, pod));
  const [budget, ...others] = budgets;
  // What has ended, or has not begun, disrupts nothing by going.
  const counts = budget !== undefined && !isFinished(pod) && pod.status?.phase !== 'Pending' && !isTerminating(pod);
  if (counts && others.length > 0)
    return refusal(pod, 'InternalError', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  if (counts && !mayGoUnready(budget, pod)) {
    const allowed = budget.status?.disruptionsAllowed ?? 0;
    if (budget.status === undefined || (budget.status.observedGeneration ?? 0) < (budget.metadata.generation ?? 1) || allowed <= 0)
      return refusal(pod, 'TooManyRequests', EVICTION_REFUSED);
    api.updateStatus({ ...budget, status: { ...budget.status, disruptionsAllowed: allowed - 1 } });
  }
  const told = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: now,
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  const conditions = [...(pod.status?.conditions ?? []).filter((one) => one.type !== told.type), told];
  api.updateStatus({ ...pod, status: { ...pod.status, conditions } } as KubeObject);
  return api.remove(objectKey(pod));
}

/** A pod that is not ready is no loss while the budget is met without it, or where the budget never minds. */
function mayGoUnready(budget: PodDisruptionBudget, pod: Pod): boolean {
  if (isReady(pod)) return false;
  if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

const refusal = (pod: Pod, reason: ApiFailure['reason'], message: string): ApiFailure => ({
  ok: false,
  reason,
  message,
  causes: [],
  details: { kind: 'Pod', name: pod.metadata.name },
});
