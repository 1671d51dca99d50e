/** The status of a Deployment. Kubernetes: pkg/controller/deployment/{sync,progress}.go. */
import { type Condition, findCondition } from '../pod/types.ts';
import { type Budget, isComplete, totalActual, totalAvailable, totalReady, totalWanted } from './rollout.ts';
import type { Deployment, ReplicaSet } from './types.ts';

type Status = NonNullable<Deployment['status']>;

/** @param now RFC 3339 */
export function deploymentStatus(deployment: Deployment, sets: readonly ReplicaSet[], newSet: ReplicaSet | undefined, budget: Budget, now: string): Status {
  const available = totalAvailable(sets);
  const counts = {
    replicas: totalActual(sets),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: totalReady(sets),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalWanted(sets) - available),
  };
  // As the API shows it, counts of zero are absent.
  const shown = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
  const status: Status = { observedGeneration: deployment.metadata.generation ?? 1, ...shown };
  return { ...status, conditions: conditions(deployment, status, newSet, available >= budget.replicas - budget.maxUnavailable, now) };
}

function conditions(deployment: Deployment, status: Status, newSet: ReplicaSet | undefined, enough: boolean, now: string): readonly Condition[] {
  const before = deployment.status?.conditions;
  const availability = enough
    ? set(before, now, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : set(before, now, 'Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.');
  return [availability, progress(deployment, status, newSet, now)];
}

function progress(deployment: Deployment, status: Status, newSet: ReplicaSet | undefined, now: string): Condition {
  const before = deployment.status?.conditions;
  if (deployment.spec.paused === true) return set(before, now, 'Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused');
  const what = newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  if (isComplete(deployment, status)) return set(before, now, 'Progressing', 'True', 'NewReplicaSetAvailable', `${what} has successfully progressed.`);
  const old = findCondition(before, 'Progressing');
  if (old === undefined && newSet !== undefined)
    return set(before, now, 'Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set "${newSet.metadata.name}"`);
  return set(before, now, 'Progressing', 'True', 'ReplicaSetUpdated', `${what} is progressing.`);
}

/** Times move only when what they are about does. */
function set(before: readonly Condition[] | undefined, now: string, type: string, status: string, reason: string, message: string): Condition {
  const old = findCondition(before, type);
  if (old !== undefined && old.status === status && old.reason === reason && old.message === message) return old;
  return { type, status, lastUpdateTime: now, lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now, reason, message };
}
