/** What controllers that make pods do alike: find their own, adopt and release, and decide who goes first. */
import { parseRfc3339 } from '../../base/time.ts';
import type { ControllerContext, KubeObject, OwnerReference, StoreView } from '../../objects/types.ts';
import { isEmptySelector, type LabelSelector, matchesSelector, selectObjects } from '../label-selector.ts';
import { findCondition, isActive, isTerminating, namespaceOf, type Pod, type PodTemplate } from '../pod/types.ts';

export const controllerOf = (object: KubeObject): OwnerReference | undefined => object.metadata.ownerReferences?.find((owner) => owner.controller === true);

export const ownerReference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

/**
 * The objects an owner controls: those it has, minus those whose labels no longer match (released), plus orphans that match (adopted).
 * Kubernetes: pkg/controller/controller_ref_manager.go.
 */
export function claim<T extends KubeObject>(kind: string, owner: KubeObject, selector: LabelSelector, context: ControllerContext): readonly T[] {
  const { view } = context;
  const owned = view.owned<T>(kind, owner.metadata.uid ?? '');
  // Nearly always those that match are those that it has: told without a look into any of them.
  const selected = selectObjects<T>(view, kind, namespaceOf(owner), selector);
  if (selected.length === owned.length && owned.every((object, i) => object === selected[i])) return owned;
  const claimed: T[] = [];
  let changed = false;
  for (const object of owned) {
    if (matchesSelector(selector, object.metadata.labels)) {
      claimed.push(object);
      continue;
    }
    const owners = (object.metadata.ownerReferences ?? []).filter((one) => one.uid !== owner.metadata.uid);
    context.update({ ...object, metadata: { ...object.metadata, ownerReferences: owners } });
    changed = true;
  }
  if (isTerminating(owner) || isEmptySelector(selector)) return claimed;
  // Counting first is cheap: only when more match than are owned there can be orphans.
  const matching = selectObjects<T>(view, kind, namespaceOf(owner), selector);
  if (!changed && matching.length === claimed.length) return claimed;
  for (const object of matching) {
    if (controllerOf(object) !== undefined || isTerminating(object)) continue;
    const adopted = context.update({
      ...object,
      metadata: { ...object.metadata, ownerReferences: [...(object.metadata.ownerReferences ?? []), ownerReference(owner)] },
    });
    if (adopted !== undefined) claimed.push(adopted as T);
  }
  return claimed;
}

/** Keys of the controller of a changed object, or, when it has none, of those whose selector would adopt it. */
export function ownersOf(kind: string, changed: KubeObject, view: StoreView): readonly string[] {
  const owner = controllerOf(changed);
  if (owner !== undefined) return owner.kind === kind ? [`${kind}/${namespaceOf(changed)}/${owner.name}`] : [];
  return view
    .list<KubeObject & { readonly spec: { readonly selector: LabelSelector } }>(kind, namespaceOf(changed))
    .filter((one) => !isEmptySelector(one.spec.selector) && matchesSelector(one.spec.selector, changed.metadata.labels))
    .map((one) => `${kind}/${namespaceOf(changed)}/${one.metadata.name}`);
}

export function podFromTemplate(
  owner: KubeObject,
  template: PodTemplate,
  metadata: { readonly name?: string; readonly generateName?: string; readonly labels?: Readonly<Record<string, string>> },
): Pod {
  const { annotations } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: metadata.name ?? '',
      ...(metadata.generateName === undefined ? {} : { generateName: metadata.generateName }),
      namespace: namespaceOf(owner),
      labels: { ...template.metadata?.labels, ...metadata.labels },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReference(owner)],
    },
    spec: template.spec,
  };
}

/**
 * Creates pods in batches of 1, 2, 4 …: a refusal that meets all of them is met once, not a thousand times. Tells each in an event.
 *
 * @returns the server's words for the first refusal
 */
export function createPods(owner: KubeObject, template: Pod, count: number, component: string, context: ControllerContext): string | undefined {
  let refusal: string | undefined;
  for (let done = 0, batch = 1; done < count && refusal === undefined; done += batch, batch *= 2) {
    for (let i = 0; i < Math.min(batch, count - done); i += 1) {
      const failure = createPod(owner, template, component, context);
      refusal ??= failure;
    }
  }
  return refusal;
}

/** Kubernetes: controller_utils.go, RealPodControl. Undefined when it was accepted, else the server's words. */
export function createPod(owner: KubeObject, template: Pod, component: string, context: ControllerContext): string | undefined {
  const pod = context.create(template);
  if (pod !== undefined) {
    context.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`, component);
    return undefined;
  }
  context.event(owner, 'Warning', 'FailedCreate', `Error creating: ${context.refusal}`, component);
  return context.refusal;
}

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

const deletionCost = (pod: Pod): number => {
  const text = pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0';
  return /^-?\d{1,10}$/.test(text) ? Number(text) : 0;
};
const restarts = (pod: Pod): number => (pod.status?.containerStatuses ?? []).reduce((sum, status) => sum + (status.restartCount ?? 0), 0);

/** Ages that differ by less than a power of two count as equal. Kubernetes: controller_utils.go, criteria of ActivePodsWithRanks. */
function ageBucket(time: string | undefined, nowSeconds: number): number {
  if (time === undefined) return -1;
  const age = nowSeconds - (parseRfc3339(time) ?? 0) / 1000;
  return age <= 0 ? 0 : Math.floor(Math.log2(age + 1)) + 1;
}

/**
 * Sorts pods so that those to be deleted first stand first.
 *
 * @param crowd how many related pods run on a node: of two pods the one on the fuller node goes first
 * @param now RFC 3339
 */
export function deletionOrder(pods: readonly Pod[], crowd: ReadonlyMap<string, number>, now: string): readonly Pod[] {
  const nowSeconds = (parseRfc3339(now) ?? 0) / 1000;
  // Pods of one rollout share their times.
  const buckets = new Map<string | undefined, number>();
  const bucketOf = (time: string | undefined): number => {
    const bucket = buckets.get(time) ?? ageBucket(time, nowSeconds);
    buckets.set(time, bucket);
    return bucket;
  };
  const judged = pods.map((pod) => {
    const ready = findCondition(pod.status?.conditions, 'Ready');
    const node = pod.spec.nodeName ?? '';
    return {
      pod,
      bound: node === '' ? 0 : 1,
      phase: phaseRank[pod.status?.phase ?? 'Pending'] ?? 0,
      ready: ready?.status === 'True' ? 1 : 0,
      cost: deletionCost(pod),
      crowd: crowd.get(node) ?? 0,
      readyFor: ready?.status === 'True' ? bucketOf(ready.lastTransitionTime) : 0,
      restarts: restarts(pod),
      age: bucketOf(pod.metadata.creationTimestamp),
    };
  });
  // Not assigned before assigned; pending before unknown before running; not ready before ready; ready for a shorter time first, more restarts first,
  // younger first.
  judged.sort(
    (a, b) =>
      a.bound - b.bound ||
      a.phase - b.phase ||
      a.ready - b.ready ||
      a.cost - b.cost ||
      b.crowd - a.crowd ||
      a.readyFor - b.readyFor ||
      b.restarts - a.restarts ||
      a.age - b.age ||
      (a.pod.metadata.name < b.pod.metadata.name ? 1 : -1),
  );
  return judged.map(({ pod }) => pod);
}

/** How many active pods of these stand on each node. */
export function crowdOf(pods: readonly Pod[]): ReadonlyMap<string, number> {
  const crowd = new Map<string, number>();
  for (const pod of pods) {
    const { nodeName } = pod.spec;
    if (isActive(pod) && nodeName !== undefined && nodeName !== '') crowd.set(nodeName, (crowd.get(nodeName) ?? 0) + 1);
  }
  return crowd;
}
