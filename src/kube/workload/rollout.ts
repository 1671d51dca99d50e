/** The arithmetic of rolling updates, as pure functions of numbers. Kubernetes: pkg/controller/deployment/{rolling,util/deployment_util}.go. */
import { resolveIntOrPercent } from './template.ts';
import type { Deployment, ReplicaSet } from './types.ts';

export interface Budget {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Surge rounds up, unavailability down; both 0 would stand still, so then one may be missing. Kubernetes: ResolveFenceposts. */
export function budgetOf(deployment: Deployment): Budget {
  const replicas = deployment.spec.replicas ?? 1;
  const strategy = deployment.spec.strategy;
  if (strategy?.type === 'Recreate') return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = resolveIntOrPercent(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, true);
  const resolved = resolveIntOrPercent(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, false);
  const maxUnavailable = maxSurge === 0 && resolved === 0 ? 1 : resolved;
  return { replicas, maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

export const wantedOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
export const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number => sets.reduce((total, set) => total + of(set), 0);
export const totalWanted = (sets: readonly ReplicaSet[]): number => sum(sets, wantedOf);
export const totalAvailable = (sets: readonly ReplicaSet[]): number => sum(sets, availableOf);
export const totalActual = (sets: readonly ReplicaSet[]): number => sum(sets, (set) => set.status?.replicas ?? 0);
export const totalReady = (sets: readonly ReplicaSet[]): number => sum(sets, (set) => set.status?.readyReplicas ?? 0);

/** How many pods the new set may have now. Kubernetes: NewRSNewReplicas. `current`: wanted pods of all sets, the new one's included. */
export function newSetReplicas(budget: Budget, rolling: boolean, current: number, own: number): number {
  if (!rolling) return budget.replicas;
  if (own > budget.replicas) return budget.replicas;
  const most = budget.replicas + budget.maxSurge;
  if (current >= most) return own;
  return own + Math.min(most - current, budget.replicas - own);
}

/** New sizes of the old sets, oldest first; sets that keep their size are absent. Kubernetes: reconcileOldReplicaSets. */
export function shrinkOldSets(budget: Budget, newSet: ReplicaSet, old: readonly ReplicaSet[]): ReadonlyMap<ReplicaSet, number> {
  const sizes = new Map<ReplicaSet, number>();
  const least = budget.replicas - budget.maxUnavailable;
  const newUnavailable = wantedOf(newSet) - availableOf(newSet);
  const maxScaledDown = totalWanted([newSet, ...old]) - least - newUnavailable;
  if (maxScaledDown <= 0) return sizes;

  // Pods that are not available serve nobody: they go first.
  let cleaned = 0;
  for (const set of old) {
    if (cleaned >= maxScaledDown) break;
    const unhealthy = wantedOf(set) - availableOf(set);
    const count = Math.min(maxScaledDown - cleaned, Math.max(unhealthy, 0));
    if (count === 0) continue;
    sizes.set(set, wantedOf(set) - count);
    cleaned += count;
  }

  let spare = totalAvailable([newSet, ...old]) - least;
  for (const set of old) {
    if (spare <= 0) break;
    const size = sizes.get(set) ?? wantedOf(set);
    const count = Math.min(size, spare);
    if (count === 0) continue;
    sizes.set(set, size - count);
    spare -= count;
  }
  return sizes;
}

/**
 * New sizes when the wanted number changes in the middle of a rollout: each set grows or shrinks in proportion. Kubernetes: scale, GetProportion.
 *
 * @param sets active sets
 * @param maxBefore replicas plus surge before the change
 */
export function scaleProportionally(budget: Budget, sets: readonly ReplicaSet[], maxBefore: number): ReadonlyMap<ReplicaSet, number> {
  const allowed = budget.replicas > 0 ? budget.replicas + budget.maxSurge : 0;
  const toAdd = allowed - totalWanted(sets);
  const created = (set: ReplicaSet): string => set.metadata.creationTimestamp ?? '';
  const bySize = [...sets].sort(
    (a, b) =>
      wantedOf(b) - wantedOf(a) ||
      (toAdd > 0 ? (created(a) < created(b) ? 1 : created(a) > created(b) ? -1 : 0) : created(a) < created(b) ? -1 : created(a) > created(b) ? 1 : 0),
  );
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of bySize) {
    const size = wantedOf(set);
    let share = 0;
    if (toAdd !== 0 && size > 0) {
      const fraction = budget.replicas === 0 ? -size : Math.round((size * (budget.replicas + budget.maxSurge)) / Math.max(maxBefore, 1)) - size;
      const left = toAdd - added;
      share = toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
    }
    sizes.set(set, size + share);
    added += share;
  }
  const first = bySize[0];
  // What rounding left over goes to the largest.
  if (first !== undefined && toAdd !== 0) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + toAdd - added));
  return sizes;
}

/** Kubernetes: DeploymentComplete. */
export const isComplete = (deployment: Deployment, status: NonNullable<Deployment['status']>): boolean => {
  const replicas = deployment.spec.replicas ?? 1;
  return (status.updatedReplicas ?? 0) === replicas && (status.replicas ?? 0) === replicas && (status.availableReplicas ?? 0) === replicas;
};
