/** Which pods of a node its kubelet has to look at: of thousands that run as they should, nothing is to be done for any. */
import { type Index, type ObjectKey, objectKey, type StoreView } from '../../objects/types.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { nextChangeSeconds } from './back-off.ts';
import type { PodRuntime } from './pod-runtime.ts';
import { sourceNames } from './sources.ts';
import { findCondition, isFinished, isTerminating, namespaceOf, type Pod } from './types.ts';

/** With more of them it is cheaper to look at every pod. */
const maxRuntimes = 256;

/** Running, ready and reported for this very version of the spec: nothing to do. The common case, so it must be cheap. */
export function isSettled(pod: Pod): boolean {
  const { status } = pod;
  return (
    status?.phase === 'Running' &&
    (status.podIP ?? '') !== '' &&
    status.observedGeneration === (pod.metadata.generation ?? 1) &&
    findCondition(status.conditions, 'Ready')?.status === 'True'
  );
}

/** Told from the pod alone: something is to be done, or will be when its time comes. Whether a time is known at all does not depend on the time. */
function isBusy(pod: Pod): boolean {
  if (isTerminating(pod)) return true;
  return !isFinished(pod) && (!isSettled(pod) || sourceNames(pod).length > 0 || nextChangeSeconds(pod, '') !== undefined);
}

const busy: Index = {
  kind: 'Pod',
  values(object) {
    const pod = object as Pod;
    const { nodeName } = pod.spec;
    return nodeName !== undefined && nodeName !== '' && isBusy(pod) ? [nodeName] : [];
  },
};

/** All but those that are settled, use no sources and of which nothing is remembered. In order of their keys. */
export function busyPodsOn(view: StoreView, nodeName: string): readonly Pod[] {
  const runtimes = view.list<PodRuntime>('PodRuntime');
  if (runtimes.length > maxRuntimes) return podsOn(view, nodeName);
  const keys = new Set<ObjectKey>(view.indexed(busy, nodeName));
  for (const runtime of runtimes) {
    const pod = view.find<Pod>(`Pod/${namespaceOf(runtime)}/${runtime.metadata.name}`);
    if (pod?.spec.nodeName === nodeName) keys.add(objectKey(pod));
  }
  return [...keys].sort().flatMap((key) => view.find<Pod>(key) ?? []);
}
