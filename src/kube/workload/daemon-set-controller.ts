/** Keeps one pod on each node that fits. Kubernetes: pkg/controller/daemon. */
import { deepEqual } from '../../base/equal.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { Node } from '../node/types.ts';
import { fitsNode } from '../pod/node-affinity.ts';
import { untolerated } from '../pod/tolerations.ts';
import { isActive, isReady, isTerminating, type Pod, type PodSpec, type Toleration } from '../pod/types.ts';
import { Availability } from './availability.ts';
import { currentRevision, pruneRevisions, revisionLabel } from './controller-revision.ts';
import { claim, createPod, ownersOf, podFromTemplate } from './pods.ts';
import { resolveIntOrPercent } from './template.ts';
import type { DaemonSet } from './types.ts';

const component = 'daemonset-controller';

export const daemonSetController = defineController({
  name: 'daemonset-controller',
  watches: ['DaemonSet', 'Pod', 'Node'],
  keysFor(changed, view) {
    if (changed.kind === 'DaemonSet') return [objectKey(changed)];
    if (changed.kind === 'Pod') return ownersOf('DaemonSet', changed, view);
    return view.list('DaemonSet').map(objectKey);
  },
  reconcile(key, context) {
    const set = context.view.find<DaemonSet>(key);
    if (set === undefined) return;
    const pods = claim<Pod>('Pod', set, set.spec.selector, context);
    const labelsOf = (hash: string) => ({ [revisionLabel]: hash });
    const hash = isTerminating(set) ? '' : currentRevision(set, labelsOf, context).metadata.name.slice(set.metadata.name.length + 1);
    const availability = new Availability(set.spec.minReadySeconds, context);
    if (!isTerminating(set)) manage(set, hash, pods, availability, context);
    report(set, hash, availability, context);
    if (!isTerminating(set)) pruneRevisions(set, pods, [hash], context);
    availability.await(key, context);
  },
});

/** What a daemon pod endures beyond its template. Kubernetes: pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations. */
const daemonTolerations = (hostNetwork: boolean): readonly Toleration[] => [
  { operator: 'Exists', key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
  { operator: 'Exists', key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
  { operator: 'Exists', key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' },
  { operator: 'Exists', key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' },
  { operator: 'Exists', key: 'node.kubernetes.io/pid-pressure', effect: 'NoSchedule' },
  { operator: 'Exists', key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
  ...(hostNetwork ? [{ operator: 'Exists', key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }] : []),
];

function withDaemonTolerations(spec: PodSpec): PodSpec {
  const own = spec.tolerations ?? [];
  const extra = daemonTolerations(spec.hostNetwork === true).filter(
    (one) => !own.some((other) => other.key === one.key && other.effect === one.effect && other.operator === one.operator),
  );
  return { ...spec, tolerations: [...own, ...extra] };
}

interface Fit {
  readonly shouldRun: boolean;
  readonly shouldContinue: boolean;
}

/** Kubernetes: NodeShouldRunDaemonPod. */
function fitOf(spec: PodSpec, node: Node): Fit {
  if ((spec.nodeName ?? '') !== '' && spec.nodeName !== node.metadata.name) return { shouldRun: false, shouldContinue: false };
  if (!fitsNode(spec, node)) return { shouldRun: false, shouldContinue: false };
  const taints = node.spec?.taints;
  const evicted = untolerated(taints, spec.tolerations, ['NoExecute']) !== undefined;
  return { shouldRun: !evicted && untolerated(taints, spec.tolerations, ['NoSchedule']) === undefined, shouldContinue: !evicted };
}

/** The node a daemon pod is for: where it runs, or where its affinity sends it. */
function targetOf(pod: Pod): string {
  if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') return pod.spec.nodeName;
  for (const term of pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []) {
    const field = term.matchFields?.find((one) => one.key === 'metadata.name' && one.operator === 'In');
    if (field?.values?.[0] !== undefined) return field.values[0];
  }
  return '';
}

const byAge = (a: Pod, b: Pod): number => {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
};

function byTarget(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = targetOf(pod);
    const group = groups.get(node);
    if (group === undefined) groups.set(node, [pod]);
    else group.push(pod);
  }
  return groups;
}

function manage(set: DaemonSet, hash: string, pods: readonly Pod[], availability: Availability, context: ControllerContext): void {
  const spec = withDaemonTolerations(set.spec.template.spec);
  const nodes = context.view.list<Node>('Node');
  const groups = byTarget(pods.filter((pod) => !isTerminating(pod)));
  const present = new Set(nodes.map((node) => node.metadata.name));
  const surge = surgeOf(set, nodes.length);
  const stale: Pod[] = [];
  const candidates: Node[] = [];
  let missing = 0;
  let surged = 0;
  for (const node of nodes) {
    const own = groups.get(node.metadata.name) ?? [];
    const { shouldRun, shouldContinue } = fitOf(spec, node);
    const finished = own.filter((pod) => !isActive(pod));
    for (const pod of finished) removePod(set, pod, context);
    const living = own.filter(isActive).sort(byAge);
    if (shouldRun && living.length === 0) {
      createOn(set, spec, node, hash, context);
      missing += 1;
    } else if (!shouldContinue) for (const pod of living) removePod(set, pod, context);
    else {
      const fresh = living.filter((pod) => pod.metadata.labels?.[revisionLabel] === hash);
      const old = living.filter((pod) => pod.metadata.labels?.[revisionLabel] !== hash);
      // Of several of one template the oldest stays.
      for (const pod of [...fresh.slice(1), ...old.slice(1)]) removePod(set, pod, context);
      const [before, after] = [old[0], fresh[0]];
      if (surge > 0 && before !== undefined && after !== undefined) {
        // The old one goes when the new one works.
        if (availability.isAvailable(after)) removePod(set, before, context);
        else surged += 1;
      } else if (after !== undefined) {
        if (before !== undefined) removePod(set, before, context);
        if (!availability.isAvailable(after)) missing += 1;
      } else if (before !== undefined && surge > 0) {
        // What does not work is replaced at once, beyond the surge.
        if (availability.isAvailable(before)) candidates.push(node);
        else createOn(set, spec, node, hash, context);
      } else if (before !== undefined) stale.push(before);
    }
  }
  for (const [name, own] of groups) if (name !== '' && !present.has(name)) for (const pod of own) removePod(set, pod, context);
  for (const node of candidates.slice(0, Math.max(0, surge - surged))) createOn(set, spec, node, hash, context);
  if (surge === 0) replace(set, stale, missing, nodes.length, availability, context);
}

/** How many nodes may have an old and a new pod at the same time. */
function surgeOf({ spec: { updateStrategy } }: DaemonSet, total: number): number {
  return updateStrategy?.type === 'OnDelete' ? 0 : resolveIntOrPercent(updateStrategy?.rollingUpdate?.maxSurge ?? 0, total, true);
}

/** Pods of an older template go as far as maxUnavailable allows; those that do not work anyway go first. Kubernetes: pkg/controller/daemon/update.go. */
function replace(set: DaemonSet, stale: readonly Pod[], missing: number, total: number, availability: Availability, context: ControllerContext): void {
  if (set.spec.updateStrategy?.type === 'OnDelete') return;
  const most = Math.max(1, resolveIntOrPercent(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, total, true));
  let left = most - missing;
  for (const pod of stale) {
    if (!availability.isAvailable(pod)) removePod(set, pod, context);
    else if (left > 0) {
      left -= 1;
      removePod(set, pod, context);
    }
  }
}

function createOn(set: DaemonSet, spec: PodSpec, node: Node, hash: string, context: ControllerContext): void {
  const required = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.metadata.name] }] }] };
  const affinity = { ...spec.affinity, nodeAffinity: { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required } };
  const template = { ...set.spec.template, spec: { ...spec, affinity } };
  const labels = { [revisionLabel]: hash, 'pod-template-generation': `${set.metadata.generation ?? 1}` };
  const pod = podFromTemplate(set, template, { generateName: `${set.metadata.name}-`, labels });
  if (createPod(set, pod, component, context) !== undefined) context.retry(objectKey(set));
}

function removePod(set: DaemonSet, pod: Pod, context: ControllerContext): void {
  context.remove(objectKey(pod));
  context.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, component);
}

function report(set: DaemonSet, hash: string, availability: Availability, context: ControllerContext): void {
  const current = context.view.find<DaemonSet>(objectKey(set)) ?? set;
  const spec = withDaemonTolerations(set.spec.template.spec);
  const groups = byTarget(context.view.owned<Pod>('Pod', set.metadata.uid ?? '').filter(isActive));
  let desired = 0;
  let scheduled = 0;
  let misscheduled = 0;
  let ready = 0;
  let available = 0;
  let updated = 0;
  for (const node of context.view.list<Node>('Node')) {
    // While it surges the older one counts.
    const [pod] = (groups.get(node.metadata.name) ?? []).toSorted(byAge);
    if (!fitOf(spec, node).shouldRun) {
      if (pod !== undefined) misscheduled += 1;
      continue;
    }
    desired += 1;
    if (pod === undefined) continue;
    scheduled += 1;
    if (isReady(pod)) ready += 1;
    if (availability.isAvailable(pod)) available += 1;
    if (pod.metadata.labels?.[revisionLabel] === hash) updated += 1;
  }
  const unavailable = desired - available;
  const status = {
    currentNumberScheduled: scheduled,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready,
    observedGeneration: current.metadata.generation ?? 1,
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(unavailable === 0 ? {} : { numberUnavailable: unavailable }),
  };
  if (!deepEqual(status, current.status)) context.updateStatus({ ...current, status });
}
