/** Keeps the numbered pods of a StatefulSet. Kubernetes: pkg/controller/statefulset/stateful_set_control.go. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isActive, isReady, isTerminating, namespaceOf, type Pod, type PodTemplate } from '../pod/types.ts';
import { Availability } from './availability.ts';
import { type ControllerRevision, currentRevision, pruneRevisions, revisionLabel, templateOf } from './controller-revision.ts';
import { claim, ownersOf, podFromTemplate } from './pods.ts';
import { createClaims, ownClaims, withClaims } from './stateful-set-claims.ts';
import { resolveIntOrPercent } from './template.ts';
import type { StatefulSet } from './types.ts';

const component = 'statefulset-controller';

export const statefulSetController = defineController({
  name: 'statefulset-controller',
  watches: ['StatefulSet', 'Pod'],
  keysFor: (changed, view) => (changed.kind === 'StatefulSet' ? [objectKey(changed)] : ownersOf('StatefulSet', changed, view)),
  reconcile(key, context) {
    const set = context.view.find<StatefulSet>(key);
    if (set === undefined) return;
    const claimed = claim<Pod>('Pod', set, set.spec.selector, context);
    const pods = new Map<number, Pod>();
    for (const pod of claimed) {
      const ordinal = ordinalOf(set, pod);
      if (ordinal !== undefined) pods.set(ordinal, pod);
    }
    const availability = new Availability(set.spec.minReadySeconds, context);
    const update = isTerminating(set) ? (set.status?.updateRevision ?? '') : currentRevision(set, labelsOf, context).metadata.name;
    if (!isTerminating(set)) manage({ set, update, current: set.status?.currentRevision ?? update, pods, availability, context });
    const current = report(set, update, availability, context);
    if (!isTerminating(set)) pruneRevisions(set, claimed, [update, current], context);
    availability.await(key, context);
  },
});

const labelsOf = (hash: string): Readonly<Record<string, string>> => ({ 'controller.kubernetes.io/hash': hash });

/** What one look works with. */
interface Look {
  readonly set: StatefulSet;
  /** Name of the revision of the template as it is now. */
  readonly update: string;
  /** Name of the revision that pods below the partition have. */
  readonly current: string;
  readonly pods: ReadonlyMap<number, Pod>;
  readonly availability: Availability;
  readonly context: ControllerContext;
}

function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const { name } = pod.metadata;
  if (!name.startsWith(`${set.metadata.name}-`)) return undefined;
  const text = name.slice(set.metadata.name.length + 1);
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

/** In order and one at a time, unless management is Parallel: a pod starts when all before it are available, and goes when all after it have gone. */
function manage(look: Look): void {
  const { set, pods, availability, context } = look;
  const start = set.spec.ordinals?.start ?? 0;
  const end = start + (set.spec.replicas ?? 1);
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  for (let ordinal = start; ordinal < end; ordinal += 1) {
    const pod = pods.get(ordinal);
    if (pod !== undefined) ownClaims(set, pod, ordinal, false, context);
    if (pod !== undefined && !isTerminating(pod) && !isActive(pod)) removePod(set, pod, context);
    else if (pod === undefined) createPod(look, ordinal);
    else if (availability.isAvailable(pod) && !isTerminating(pod)) continue;
    if (!parallel) return;
  }
  const condemned = [...pods.keys()].filter((ordinal) => ordinal < start || ordinal >= end).sort((a, b) => b - a);
  for (const ordinal of condemned) {
    const pod = pods.get(ordinal);
    if (pod !== undefined && !isTerminating(pod)) {
      ownClaims(set, pod, ordinal, true, context);
      removePod(set, pod, context);
    }
    if (!parallel) return;
  }
  if (set.spec.updateStrategy?.type !== 'OnDelete') renew(look, start, end);
}

/** The highest number is renewed first; the next only when those above it are available again, but for as many as may be missing. */
function renew({ set, update, pods, availability, context }: Look, start: number, end: number): void {
  const rolling = set.spec.updateStrategy?.rollingUpdate;
  const most = Math.max(1, resolveIntOrPercent(rolling?.maxUnavailable ?? 1, set.spec.replicas ?? 1, false));
  let unavailable = 0;
  for (let ordinal = start; ordinal < end; ordinal += 1) {
    const pod = pods.get(ordinal);
    if (pod === undefined || isTerminating(pod) || !availability.isAvailable(pod)) unavailable += 1;
  }
  for (let ordinal = end - 1; ordinal >= Math.max(start, rolling?.partition ?? 0); ordinal -= 1) {
    const pod = pods.get(ordinal);
    const isWell = pod !== undefined && !isTerminating(pod) && availability.isAvailable(pod);
    if (pod !== undefined && !isTerminating(pod) && pod.metadata.labels?.[revisionLabel] !== update) {
      if (isWell && unavailable >= most) return;
      removePod(set, pod, context);
      if (isWell) unavailable += 1;
    } else if (!isWell && unavailable >= most) return;
  }
}

/** Below the partition a pod that is made anew has the template it had. Kubernetes: newVersionedStatefulSetPod. */
function templateFor({ set, update, current, context }: Look, ordinal: number): { readonly template: PodTemplate; readonly revision: string } {
  const partition = set.spec.updateStrategy?.type === 'OnDelete' ? 0 : (set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
  const old =
    current === update || ordinal >= partition ? undefined : context.view.find<ControllerRevision>(`ControllerRevision/${namespaceOf(set)}/${current}`);
  const template = old === undefined ? undefined : templateOf(old);
  return template === undefined ? { template: set.spec.template, revision: update } : { template, revision: current };
}

function createPod(look: Look, ordinal: number): void {
  const { set, context } = look;
  const name = `${set.metadata.name}-${ordinal}`;
  if (createClaims(set, ordinal, component, context) !== undefined) {
    context.retry(objectKey(set));
    return;
  }
  const { template, revision } = templateFor(look, ordinal);
  const labels = { 'apps.kubernetes.io/pod-index': `${ordinal}`, [revisionLabel]: revision, 'statefulset.kubernetes.io/pod-name': name };
  // With the headless Service these make the pod's own DNS name.
  const spec = withClaims(
    set,
    {
      ...template.spec,
      hostname: name,
      ...(set.spec.serviceName === undefined || set.spec.serviceName === '' ? {} : { subdomain: set.spec.serviceName }),
    },
    ordinal,
  );
  const pod = context.create(podFromTemplate(set, { ...template, spec }, { name, labels }));
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

/** @returns the current revision as it is now */
function report(set: StatefulSet, update: string, availability: Availability, context: ControllerContext): string {
  const known = context.view.find<StatefulSet>(objectKey(set)) ?? set;
  const pods = context.view.owned<Pod>('Pod', set.metadata.uid ?? '').filter(isActive);
  const ready = pods.filter(isReady).length;
  const updated = pods.filter((pod) => pod.metadata.labels?.[revisionLabel] === update).length;
  const replicas = set.spec.replicas ?? 1;
  // Kubernetes: completeRollingUpdate.
  const done = set.spec.updateStrategy?.type !== 'OnDelete' && updated === replicas && pods.length === replicas && ready === replicas;
  const current = done ? update : (known.status?.currentRevision ?? update);
  const old = pods.filter((pod) => pod.metadata.labels?.[revisionLabel] === current).length;
  const status = {
    observedGeneration: known.metadata.generation ?? 1,
    replicas: pods.length,
    availableReplicas: pods.filter((pod) => availability.isAvailable(pod)).length,
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    ...(old === 0 ? {} : { currentReplicas: old }),
    currentRevision: current,
    updateRevision: update,
    collisionCount: 0,
  };
  if (!deepEqual(status, known.status)) context.updateStatus({ ...known, status });
  return current;
}
