/** Turns a Deployment into ReplicaSets and walks from one to the next. One look is one step, as in Kubernetes: pkg/controller/deployment. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isActive, isTerminating, namespaceOf, type Pod, type PodTemplate } from '../pod/types.ts';
import { createFailure, deploymentStatus, progressLeftMs } from './deployment-status.ts';
import { claim, ownerReference, ownersOf } from './pods.ts';
import { type Budget, budgetOf, isComplete, newSetReplicas, scaleProportionally, shrinkOldSets, totalWanted, wantedOf } from './rollout.ts';
import { templateHash } from './template-hash.ts';
import { type Deployment, hashLabel, type ReplicaSet, revisionAnnotation } from './types.ts';

const component = 'deployment-controller';
const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxAnnotation = 'deployment.kubernetes.io/max-replicas';

export const deploymentController = defineController({
  name: 'deployment-controller',
  watches: ['Deployment', 'ReplicaSet'],
  // Pods are seen through the status of their ReplicaSets.
  keysFor: (changed, view) => (changed.kind === 'Deployment' ? [objectKey(changed)] : ownersOf('Deployment', changed, view)),
  reconcile(key, context) {
    const deployment = context.view.find<Deployment>(key);
    if (deployment === undefined || isTerminating(deployment)) return;
    const sets = byAge(claim<ReplicaSet>('ReplicaSet', deployment, deployment.spec.selector, context));
    step(deployment, sets, context);
    finish(deployment, context);
  },
});

/** Oldest first; those of the same moment by revision. */
function byAge(sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return [...sets].sort((a, b) => {
    const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
    return left !== right ? (left < right ? -1 : 1) : revisionOf(a) - revisionOf(b);
  });
}

const revisionOf = (object: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }): number => {
  const value = Number(object.metadata.annotations?.[revisionAnnotation] ?? '0');
  return Number.isSafeInteger(value) ? value : 0;
};

/** Label of the hash apart, the templates are equal. Kubernetes: EqualIgnoreHash. */
function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  const { [hashLabel]: _a, ...left } = a.metadata?.labels ?? {};
  const { [hashLabel]: _b, ...right } = b.metadata?.labels ?? {};
  return deepEqual(left, right) && deepEqual(a.metadata?.annotations ?? {}, b.metadata?.annotations ?? {}) && (a.spec === b.spec || deepEqual(a.spec, b.spec));
}

function step(deployment: Deployment, sets: readonly ReplicaSet[], context: ControllerContext): void {
  const budget = budgetOf(deployment);
  const existing = sets.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  const old = sets.filter((set) => set !== existing);
  const scaled = sets.some(
    (set) =>
      wantedOf(set) > 0 && set.metadata.annotations?.[desiredAnnotation] !== undefined && set.metadata.annotations[desiredAnnotation] !== `${budget.replicas}`,
  );
  if (deployment.spec.paused === true || scaled) {
    scale(deployment, budget, existing, old, context);
    return;
  }
  if (deployment.spec.strategy?.type === 'Recreate') recreate(deployment, budget, existing, old, context);
  else roll(deployment, budget, existing, old, context);
}

function roll(deployment: Deployment, budget: Budget, existing: ReplicaSet | undefined, old: readonly ReplicaSet[], context: ControllerContext): void {
  const newSet = existing ?? createSet(deployment, budget, true, old, context);
  if (newSet === undefined || existing === undefined) return;
  const current = withRevision(deployment, newSet, old, context);
  const size = newSetReplicas(budget, true, totalWanted([current, ...old]), wantedOf(current));
  if (size !== wantedOf(current)) {
    resize(deployment, budget, current, size, context);
    return;
  }
  for (const [set, smaller] of shrinkOldSets(budget, current, old)) resize(deployment, budget, set, smaller, context);
}

function recreate(deployment: Deployment, budget: Budget, existing: ReplicaSet | undefined, old: readonly ReplicaSet[], context: ControllerContext): void {
  const active = old.filter((set) => wantedOf(set) > 0);
  if (active.length > 0) {
    for (const set of active) resize(deployment, budget, set, 0, context);
    return;
  }
  const running = old.some((set) => (set.status?.replicas ?? 0) > 0 || context.view.owned<Pod>('Pod', set.metadata.uid ?? '').some(isActive));
  if (running) return;
  const newSet = existing ?? createSet(deployment, budget, false, old, context);
  if (newSet === undefined || existing === undefined) return;
  const current = withRevision(deployment, newSet, old, context);
  if (wantedOf(current) !== budget.replicas) resize(deployment, budget, current, budget.replicas, context);
}

function scale(deployment: Deployment, budget: Budget, newSet: ReplicaSet | undefined, old: readonly ReplicaSet[], context: ControllerContext): void {
  const all = [...old, ...(newSet === undefined ? [] : [newSet])];
  const active = all.filter((set) => wantedOf(set) > 0);
  const only = active.length === 1 ? active[0] : active.length === 0 ? (newSet ?? all.at(-1)) : undefined;
  if (only !== undefined) {
    resize(deployment, budget, only, budget.replicas, context);
    return;
  }
  if (newSet !== undefined && wantedOf(newSet) === budget.replicas && (newSet.status?.availableReplicas ?? 0) === budget.replicas) {
    for (const set of old) resize(deployment, budget, set, 0, context);
    return;
  }
  if (deployment.spec.strategy?.type === 'Recreate') return;
  const before = Number(active[0]?.metadata.annotations?.[maxAnnotation] ?? deployment.status?.replicas ?? 1);
  for (const [set, size] of scaleProportionally(budget, active, before)) resize(deployment, budget, set, size, context);
}

/** Writes size and the annotations that let the next look recognise a change of the wanted number. */
function resize(deployment: Deployment, budget: Budget, set: ReplicaSet, size: number, context: ControllerContext): void {
  const before = wantedOf(set);
  const annotations = { ...set.metadata.annotations, [desiredAnnotation]: `${budget.replicas}`, [maxAnnotation]: `${budget.replicas + budget.maxSurge}` };
  context.update({ ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas: size } } as ReplicaSet);
  if (size === before) return;
  context.event(
    deployment,
    'Normal',
    'ScalingReplicaSet',
    `Scaled ${size > before ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${size}`,
    component,
  );
}

function nextRevision(old: readonly ReplicaSet[]): number {
  return old.reduce((most, set) => Math.max(most, revisionOf(set)), 0) + 1;
}

function createSet(deployment: Deployment, budget: Budget, rolling: boolean, old: readonly ReplicaSet[], context: ControllerContext): ReplicaSet | undefined {
  const { template } = deployment.spec;
  const size = newSetReplicas(budget, rolling, totalWanted(old), 0);
  const hash = freeHash(deployment, context);
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  const revision = `${nextRevision(old)}`;
  const set: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: namespaceOf(deployment),
      labels,
      annotations: { [desiredAnnotation]: `${budget.replicas}`, [maxAnnotation]: `${budget.replicas + budget.maxSurge}`, [revisionAnnotation]: revision },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      replicas: size,
      selector: { ...deployment.spec.selector, matchLabels: { ...deployment.spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
      minReadySeconds: deployment.spec.minReadySeconds ?? 0,
    },
  };
  const created = context.create(set);
  if (created === undefined) {
    const message = `Failed to create new replica set "${set.metadata.name}": ${context.refusal}`;
    context.event(deployment, 'Warning', 'ReplicaSetCreateError', message, component);
    const current = context.view.find<Deployment>(objectKey(deployment)) ?? deployment;
    context.updateStatus({ ...current, status: { ...current.status, conditions: createFailure(current, message, context.timestamp) } });
    context.retry(objectKey(deployment));
    return undefined;
  }
  if (size > 0) context.event(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${set.metadata.name} from 0 to ${size}`, component);
  setRevision(deployment, revision, context);
  return created as ReplicaSet;
}

/** Another template may have the same hash: then a number is added until the name is free. Kubernetes: collisionCount. */
function freeHash(deployment: Deployment, context: ControllerContext): string {
  for (let collisions = 0; collisions < 100; collisions += 1) {
    const hash = templateHash(deployment.spec.template, collisions);
    if (context.view.find(`ReplicaSet/${namespaceOf(deployment)}/${deployment.metadata.name}-${hash}`) === undefined) return hash;
  }
  return templateHash(deployment.spec.template, 100);
}

/** A set that is in use again (a way back) gets the newest revision. */
function withRevision(deployment: Deployment, set: ReplicaSet, old: readonly ReplicaSet[], context: ControllerContext): ReplicaSet {
  const newest = nextRevision(old);
  let current = set;
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  if (revisionOf(set) < newest || (set.spec.minReadySeconds ?? 0) !== minReadySeconds) {
    const revision = `${Math.max(revisionOf(set), newest)}`;
    const annotations = { ...set.metadata.annotations, [revisionAnnotation]: revision };
    current = (context.update({ ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, minReadySeconds } }) as ReplicaSet | undefined) ?? set;
  }
  setRevision(deployment, current.metadata.annotations?.[revisionAnnotation] ?? `${newest}`, context);
  return current;
}

function setRevision(deployment: Deployment, revision: string, context: ControllerContext): void {
  const current = context.view.find<Deployment>(objectKey(deployment)) ?? deployment;
  if (current.metadata.annotations?.[revisionAnnotation] === revision) return;
  context.update({ ...current, metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, [revisionAnnotation]: revision } } });
}

/** Status, and old sets beyond the history limit. */
function finish(before: Deployment, context: ControllerContext): void {
  const deployment = context.view.find<Deployment>(objectKey(before));
  if (deployment === undefined) return;
  const sets = byAge(context.view.owned<ReplicaSet>('ReplicaSet', deployment.metadata.uid ?? ''));
  const newSet = sets.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  const status = deploymentStatus(deployment, sets, newSet, budgetOf(deployment), context.timestamp);
  if (!deepEqual(status, deployment.status)) context.updateStatus({ ...deployment, status });
  const leftMs = progressLeftMs(deployment, status, context.timestamp);
  if (leftMs !== undefined && leftMs > 0) context.requeueAfter(objectKey(deployment), leftMs * 1e6);
  if (!isComplete(deployment, status)) return;
  const unused = sets.filter((set) => set !== newSet && wantedOf(set) === 0 && (set.status?.replicas ?? 0) === 0);
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  for (const set of unused.slice(0, Math.max(0, unused.length - limit))) context.remove(objectKey(set));
}
