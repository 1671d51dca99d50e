/** The status of a Deployment. Kubernetes: pkg/controller/deployment/{sync,progress}.go. */
import { parseRfc3339 } from '../../base/time.ts';
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
  const failure = replicaFailure(newSet === undefined ? sets : [newSet, ...sets]);
  const told = conditions(deployment, status, newSet, available >= budget.replicas - budget.maxUnavailable, now);
  return { ...status, conditions: failure === undefined ? told : [...told, failure] };
}

/** The first that a set tells of itself, the new one's before the old ones'. Kubernetes: getReplicaFailures. */
function replicaFailure(sets: readonly ReplicaSet[]): Condition | undefined {
  for (const { status } of sets) {
    const found = findCondition(status?.conditions, 'ReplicaFailure');
    if (found !== undefined) return { ...found, lastUpdateTime: found.lastTransitionTime ?? '' };
  }
  return undefined;
}

function conditions(deployment: Deployment, status: Status, newSet: ReplicaSet | undefined, enough: boolean, now: string): readonly Condition[] {
  const before = deployment.status?.conditions;
  const availability = enough
    ? set(before, now, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : set(before, now, 'Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.');
  return [availability, progress(deployment, status, newSet, now)];
}

/** Kubernetes: the deadline that means none. */
const noDeadline = 2_147_483_647;
const deadlineOf = ({ spec }: Deployment): number | undefined =>
  spec.progressDeadlineSeconds === undefined || spec.progressDeadlineSeconds === noDeadline ? undefined : spec.progressDeadlineSeconds;

const createError = 'ReplicaSetCreateError';

/** The condition of a Deployment whose new set was refused. */
export const createFailure = (deployment: Deployment, message: string, now: string): readonly Condition[] => {
  const before = deployment.status?.conditions ?? [];
  return [...before.filter((one) => one.type !== 'Progressing'), set(before, now, 'Progressing', 'False', createError, message)];
};

const timedOut = 'ProgressDeadlineExceeded';
const available = 'NewReplicaSetAvailable';

function progress(deployment: Deployment, status: Status, newSet: ReplicaSet | undefined, now: string): Condition {
  const before = deployment.status?.conditions;
  const old = findCondition(before, 'Progressing');
  if (deployment.spec.paused === true && old?.reason !== timedOut)
    return set(before, now, 'Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused');
  const what = newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  // A set without a status has been made in this look.
  // No set could be made: the look that failed has told why.
  if (newSet === undefined && old?.reason === createError) return old;
  if (newSet !== undefined && (old === undefined || newSet.status === undefined))
    return set(before, now, 'Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set "${newSet.metadata.name}"`);
  // A rollout that has succeeded stays so, whatever becomes of its pods later.
  if (old?.reason === available && (status.replicas ?? 0) === (status.updatedReplicas ?? 0)) return old;
  if (isComplete(deployment, status)) return set(before, now, 'Progressing', 'True', available, `${what} has successfully progressed.`);
  if (old === undefined || old.reason === 'DeploymentPaused' || hasProgressed(deployment.status ?? {}, status))
    return moved(old, now, 'ReplicaSetUpdated', `${what} is progressing.`);
  const leftMs = progressLeftMs(deployment, { ...status, conditions: [old] }, now);
  return leftMs !== undefined && leftMs <= 0 ? set(before, now, 'Progressing', 'False', timedOut, `${what} has timed out progressing.`) : old;
}

/** Kubernetes: DeploymentProgressing. */
function hasProgressed(old: Status, now: Status): boolean {
  const outdated = (one: Status) => (one.replicas ?? 0) - (one.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    outdated(now) < outdated(old) ||
    (now.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

/** Milliseconds until a rollout that does not move counts as failed; undefined when none is awaited. Kubernetes: DeploymentTimedOut. */
export function progressLeftMs(deployment: Deployment, status: Status, now: string): number | undefined {
  const deadline = deadlineOf(deployment);
  const condition = findCondition(status.conditions, 'Progressing');
  if (deadline === undefined || condition === undefined || deployment.spec.paused === true) return undefined;
  if (condition.reason === available || condition.reason === timedOut) return undefined;
  const since = parseRfc3339(condition.lastUpdateTime ?? '');
  return since === undefined ? undefined : since + deadline * 1000 - (parseRfc3339(now) ?? since);
}

/** Every step forward gives the rollout its whole time again. */
function moved(old: Condition | undefined, now: string, reason: string, message: string): Condition {
  const lastTransitionTime = old?.status === 'True' ? (old.lastTransitionTime ?? now) : now;
  return { type: 'Progressing', status: 'True', lastUpdateTime: now, lastTransitionTime, reason, message };
}

/** Times move only when what they are about does. */
function set(before: readonly Condition[] | undefined, now: string, type: string, status: string, reason: string, message: string): Condition {
  const old = findCondition(before, type);
  if (old !== undefined && old.status === status && old.reason === reason && old.message === message) return old;
  return { type, status, lastUpdateTime: now, lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now, reason, message };
}
