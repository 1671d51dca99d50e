/** Keeps the number of a ReplicaSet's pods. Kubernetes: pkg/controller/replicaset/replica_set.go. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, Index } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import { type Condition, findCondition, isActive, isReady, isTerminating, type Pod } from '../pod/types.ts';
import { Availability } from './availability.ts';
import { claim, controllerOf, createPods, crowdOf, deletionOrder, ownersOf, podFromTemplate } from './pods.ts';
import type { ReplicaSet } from './types.ts';

/** Kubernetes: BurstReplicas, the most pods made or deleted in one look; these changes bring the next look. */
const burstReplicas = 500;
const component = 'replicaset-controller';

export const replicaSetController = defineController({
  name: 'replicaset-controller',
  watches: ['ReplicaSet', 'Pod'],
  keysFor: (changed, view) => (changed.kind === 'ReplicaSet' ? [objectKey(changed)] : ownersOf('ReplicaSet', changed, view)),
  reconcile(key, context) {
    const set = context.view.find<ReplicaSet>(key);
    if (set === undefined) return;
    const pods = claim<Pod>('Pod', set, set.spec.selector, context);
    // None came or went by its labels: then they are counted without a look into thousands of them.
    const isSteady = pods === context.view.owned('Pod', set.metadata.uid ?? '');
    const active = isSteady ? countOf(set, context, '') : pods.filter(isActive).length;
    const refusal = isTerminating(set) ? undefined : manage(set, pods, active, context);
    if (refusal !== undefined) context.retry(key);
    report(set, isSteady, refusal, context);
  },
});

/** Active pods by their controller, and those of them that are ready. */
const states: Index = {
  kind: 'Pod',
  values(object) {
    const uid = controllerOf(object)?.uid;
    if (uid === undefined || !isActive(object as Pod)) return [];
    return isReady(object as Pod) ? [uid, `${uid}/ready`] : [uid];
  },
};

const countOf = (set: ReplicaSet, { view }: ControllerContext, state: '' | '/ready'): number => view.indexed(states, `${set.metadata.uid}${state}`).size;

/** Why a pod could not be made. */
function manage(set: ReplicaSet, pods: readonly Pod[], active: number, context: ControllerContext): string | undefined {
  const difference = active - (set.spec.replicas ?? 1);
  if (difference < 0) {
    const template = podFromTemplate(set, set.spec.template, { generateName: `${set.metadata.name}-` });
    return createPods(set, template, Math.min(-difference, burstReplicas), component, context);
  }
  if (difference > 0) {
    for (const pod of podsToDelete(set, pods.filter(isActive), difference, context)) {
      context.remove(objectKey(pod));
      context.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
    }
  }
  return undefined;
}

function podsToDelete(set: ReplicaSet, active: readonly Pod[], count: number, context: ControllerContext): readonly Pod[] {
  if (count >= active.length) return active.slice(0, burstReplicas);
  // Related are the pods of all ReplicaSets of the same Deployment.
  const owner = controllerOf(set);
  const related =
    owner === undefined
      ? active
      : context.view
          .owned<ReplicaSet>('ReplicaSet', owner.uid)
          .flatMap((sibling) => (sibling.metadata.uid === set.metadata.uid ? active : context.view.owned<Pod>('Pod', sibling.metadata.uid ?? '')));
  return deletionOrder(active, crowdOf(related), context.timestamp).slice(0, Math.min(count, burstReplicas));
}

/** Stays as it was first told until pods can be made again. Kubernetes: replica_set_utils.go, calculateStatus. */
function failureOf(set: ReplicaSet, refusal: string | undefined, now: string): readonly Condition[] | undefined {
  if (refusal === undefined) return undefined;
  const known = findCondition(set.status?.conditions, 'ReplicaFailure');
  return [known ?? { type: 'ReplicaFailure', status: 'True', lastTransitionTime: now, reason: 'FailedCreate', message: refusal }];
}

/** How many pods there are, have all labels of the template, are ready, are available. */
type Counts = readonly [active: number, labeled: number, ready: number, available: number];

function countAll(set: ReplicaSet, current: ReplicaSet, context: ControllerContext): Counts {
  const pods = context.view.owned<Pod>('Pod', set.metadata.uid ?? '').filter(isActive);
  const labels = set.spec.template.metadata?.labels ?? {};
  let labeled = 0;
  let ready = 0;
  let available = 0;
  const availability = new Availability(current.spec.minReadySeconds, context);
  for (const pod of pods) {
    if (matchesLabels(labels, pod.metadata.labels)) labeled += 1;
    if (!isReady(pod)) continue;
    ready += 1;
    if (availability.isAvailable(pod)) available += 1;
  }
  availability.await(objectKey(set), context);
  return [pods.length, labeled, ready, available];
}

/** Pods that the selector finds have all labels of the template, and whoever is ready is available. */
const isPlain = ({ spec: { template, selector, minReadySeconds = 0 } }: ReplicaSet): boolean =>
  minReadySeconds === 0 && matchesLabels(template.metadata?.labels ?? {}, selector.matchLabels);

function report(set: ReplicaSet, isSteady: boolean, refusal: string | undefined, context: ControllerContext): void {
  const current = context.view.find<ReplicaSet>(objectKey(set)) ?? set;
  const all = isSteady && isPlain(current) && isPlain(set) ? countOf(set, context, '') : undefined;
  const allReady = countOf(set, context, '/ready');
  const [active, labeled, ready, available] = all === undefined ? countAll(set, current, context) : [all, all, allReady, allReady];
  const conditions = failureOf(current, refusal, context.timestamp);
  const status = {
    replicas: active,
    ...(labeled === 0 ? {} : { fullyLabeledReplicas: labeled }),
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    observedGeneration: current.metadata.generation ?? 1,
    ...(conditions === undefined ? {} : { conditions }),
  };
  if (!deepEqual(status, current.status)) context.updateStatus({ ...current, status });
}
