/** Keeps the number of a ReplicaSet's pods. Kubernetes: pkg/controller/replicaset/replica_set.go. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { matchesLabels } from '../label-selector.ts';
import { isActive, isReady, isTerminating, type Pod } from '../pod/types.ts';
import { Availability } from './availability.ts';
import { claim, controllerOf, crowdOf, deletionOrder, ownersOf, podFromTemplate } from './pods.ts';
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
    const active = pods.filter(isActive);
    if (!isTerminating(set)) manage(set, active, context);
    report(set, context);
  },
});

function manage(set: ReplicaSet, active: readonly Pod[], context: ControllerContext): void {
  const difference = active.length - (set.spec.replicas ?? 1);
  if (difference < 0) {
    const template = podFromTemplate(set, set.spec.template, { generateName: `${set.metadata.name}-` });
    for (let i = 0; i < Math.min(-difference, burstReplicas); i += 1) {
      const pod = context.create(template);
      // A refusal would be repeated for each: one is enough.
      if (pod === undefined) break;
      context.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`, component);
    }
  } else if (difference > 0) {
    for (const pod of podsToDelete(set, active, difference, context)) {
      context.remove(objectKey(pod));
      context.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
    }
  }
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

function report(set: ReplicaSet, context: ControllerContext): void {
  const current = context.view.find<ReplicaSet>(objectKey(set)) ?? set;
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
  const status = {
    replicas: pods.length,
    ...(labeled === 0 ? {} : { fullyLabeledReplicas: labeled }),
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    observedGeneration: current.metadata.generation ?? 1,
  };
  if (!deepEqual(status, current.status)) context.updateStatus({ ...current, status });
}
