/** Keeps the numbered pods of a StatefulSet. Kubernetes: pkg/controller/statefulset/stateful_set_control.go. Volumes of the pods are not simulated. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isActive, isReady, isTerminating, type Pod } from '../pod/types.ts';
import { Availability } from './availability.ts';
import { claim, ownersOf, podFromTemplate } from './pods.ts';
import { templateHash } from './template-hash.ts';
import type { StatefulSet } from './types.ts';

const component = 'statefulset-controller';
const revisionLabel = 'controller-revision-hash';

export const statefulSetController = defineController({
  name: 'statefulset-controller',
  watches: ['StatefulSet', 'Pod'],
  keysFor: (changed, view) => (changed.kind === 'StatefulSet' ? [objectKey(changed)] : ownersOf('StatefulSet', changed, view)),
  reconcile(key, context) {
    const set = context.view.find<StatefulSet>(key);
    if (set === undefined) return;
    const revision = `${set.metadata.name}-${templateHash(set.spec.template)}`;
    const pods = new Map<number, Pod>();
    for (const pod of claim<Pod>('Pod', set, set.spec.selector, context)) {
      const ordinal = ordinalOf(set, pod);
      if (ordinal !== undefined) pods.set(ordinal, pod);
    }
    const availability = new Availability(set.spec.minReadySeconds, context);
    if (!isTerminating(set)) manage(set, revision, pods, availability, context);
    report(set, revision, availability, context);
    availability.await(key, context);
  },
});

function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const { name } = pod.metadata;
  if (!name.startsWith(`${set.metadata.name}-`)) return undefined;
  const text = name.slice(set.metadata.name.length + 1);
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

/** In order and one at a time, unless management is Parallel: a pod starts when all before it are available, and goes when all after it have gone. */
function manage(set: StatefulSet, revision: string, pods: ReadonlyMap<number, Pod>, availability: Availability, context: ControllerContext): void {
  const start = set.spec.ordinals?.start ?? 0;
  const end = start + (set.spec.replicas ?? 1);
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  for (let ordinal = start; ordinal < end; ordinal += 1) {
    const pod = pods.get(ordinal);
    if (pod !== undefined && !isTerminating(pod) && !isActive(pod)) removePod(set, pod, context);
    else if (pod === undefined) createPod(set, revision, ordinal, context);
    else if (availability.isAvailable(pod) && !isTerminating(pod)) continue;
    if (!parallel) return;
  }
  const condemned = [...pods.keys()].filter((ordinal) => ordinal < start || ordinal >= end).sort((a, b) => b - a);
  for (const ordinal of condemned) {
    const pod = pods.get(ordinal);
    if (pod !== undefined && !isTerminating(pod)) removePod(set, pod, context);
    if (!parallel) return;
  }
  if (set.spec.updateStrategy?.type === 'OnDelete') return;
  // The highest number is renewed first; the next only when it is available again.
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (let ordinal = end - 1; ordinal >= Math.max(start, partition); ordinal -= 1) {
    const pod = pods.get(ordinal);
    if (pod === undefined || isTerminating(pod)) return;
    if (pod.metadata.labels?.[revisionLabel] !== revision) {
      removePod(set, pod, context);
      return;
    }
    if (!availability.isAvailable(pod)) return;
  }
}

function createPod(set: StatefulSet, revision: string, ordinal: number, context: ControllerContext): void {
  const name = `${set.metadata.name}-${ordinal}`;
  const labels = { 'apps.kubernetes.io/pod-index': `${ordinal}`, [revisionLabel]: revision, 'statefulset.kubernetes.io/pod-name': name };
  // With the headless Service these make the pod's own DNS name.
  const spec = {
    ...set.spec.template.spec,
    hostname: name,
    ...(set.spec.serviceName === undefined || set.spec.serviceName === '' ? {} : { subdomain: set.spec.serviceName }),
  };
  const pod = context.create(podFromTemplate(set, { ...set.spec.template, spec }, { name, labels }));
  const what = `create Pod ${name} in StatefulSet ${set.metadata.name}`;
  if (pod !== undefined) {
    context.event(set, 'Normal', 'SuccessfulCreate', `${what} successful`, component);
    return;
  }
  context.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${context.refusal}`, component);
  context.retry(objectKey(set));
}

function removePod(set: StatefulSet, pod: Pod, context: ControllerContext): void {
  context.remove(objectKey(pod));
  context.event(set, 'Normal', 'SuccessfulDelete', `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`, component);
}

function report(set: StatefulSet, revision: string, availability: Availability, context: ControllerContext): void {
  const current = context.view.find<StatefulSet>(objectKey(set)) ?? set;
  const pods = context.view.owned<Pod>('Pod', set.metadata.uid ?? '').filter(isActive);
  const ready = pods.filter(isReady).length;
  const updated = pods.filter((pod) => pod.metadata.labels?.[revisionLabel] === revision).length;
  const done = updated === pods.length && pods.length === (set.spec.replicas ?? 1);
  const status = {
    observedGeneration: current.metadata.generation ?? 1,
    replicas: pods.length,
    availableReplicas: pods.filter((pod) => availability.isAvailable(pod)).length,
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    ...(pods.length - updated === 0 && !done ? {} : { currentReplicas: done ? updated : pods.length - updated }),
    currentRevision: done ? revision : (current.status?.currentRevision ?? revision),
    updateRevision: revision,
    collisionCount: 0,
  };
  if (!deepEqual(status, current.status)) context.updateStatus({ ...current, status });
}
