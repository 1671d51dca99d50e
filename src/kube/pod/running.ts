/** What runs of a pod, as its status tells. */
import { statusOfContainer } from './containers.ts';
import type { Pod } from './types.ts';
import { isFinished } from './types.ts';

/** A container that the kubelet reports as running. A status without container states (a hand-written one) counts by its phase. */
export function isContainerRunning(pod: Pod, container: string): boolean {
  if (isFinished(pod)) return false;
  const statuses = pod.status?.containerStatuses;
  if (statuses === undefined) return pod.status?.phase === 'Running';
  return statusOfContainer(pod, container)?.state?.running !== undefined;
}

/** A sandbox exists: the pod is bound, has an address of its own and has not ended. */
export function hasSandbox(pod: Pod): boolean {
  const { nodeName, hostNetwork } = pod.spec;
  return nodeName !== undefined && nodeName !== '' && hostNetwork !== true && (pod.status?.podIP ?? '') !== '' && !isFinished(pod);
}
