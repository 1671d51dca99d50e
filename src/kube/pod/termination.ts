/**
 * How a pod stops: its preStop hooks run, then SIGTERM; what is left when the grace is over is killed. Servers leave on SIGTERM at once, so that a pod without
 * hooks is gone at once. Kubernetes: pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer.
 */
import type { EventObject } from '../../objects/events.ts';
import { type ControllerContext, objectKey, type StoreView } from '../../objects/types.ts';
import { isStopped } from '../node/stopped-agents.ts';
import type { Node } from '../node/types.ts';
import { secondsBetween } from './back-off.ts';
import { lifeOf } from './container-exit.ts';
import { isContainerRunning } from './running.ts';
import { type Container, isFinished, namespaceOf, type Pod } from './types.ts';

/** The API server's default of terminationGracePeriodSeconds. */
const DEFAULT_GRACE_SECONDS = 30;

/** How long the hook before the stop takes: `sleep: {seconds: 5}`, or a command that sleeps. */
export function preStopSeconds(container: Container): number {
  const hook = container.lifecycle?.preStop;
  if (hook?.sleep !== undefined) return hook.sleep.seconds ?? 0;
  const command = hook?.exec?.command;
  return command === undefined ? 0 : (lifeOf({ name: container.name, command })?.seconds ?? 0);
}

/** What the author should know of a container's hooks: field and words. */
export function hookNotes(container: Container): readonly { readonly field: string; readonly message: string }[] {
  const { preStop, postStart } = container.lifecycle ?? {};
  return [
    ...(postStart === undefined ? [] : [{ field: 'lifecycle.postStart', message: 'postStart hooks are not simulated' }]),
    ...(preStop?.httpGet === undefined ? [] : [{ field: 'lifecycle.preStop', message: 'preStop requests are not simulated: the hook takes no time' }]),
  ];
}

const stopSeconds = (pod: Pod): number =>
  pod.spec.containers.reduce((longest, one) => (isContainerRunning(pod, one.name) ? Math.max(longest, preStopSeconds(one)) : longest), 0);

/** The grace of a deletion: none where nothing takes time. A pod whose kubelet is silent is Terminating until that is heard of again. */
export function gracePeriodSeconds(pod: Pod, view: StoreView): number {
  const { nodeName = '' } = pod.spec;
  if (nodeName === '' || isFinished(pod)) return 0;
  const node = view.find<Node>(`Node/${nodeName}`);
  if (stopSeconds(pod) === 0 && (node === undefined || !isStopped(node, 'kubelet'))) return 0;
  return pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

/** Seconds until a terminating pod has stopped; 0 or less when it has. */
export function secondsToStop(pod: Pod, now: string): number {
  const grace = pod.metadata.deletionGracePeriodSeconds ?? 0;
  return secondsBetween(now, pod.metadata.deletionTimestamp) - grace + Math.min(stopSeconds(pod), grace);
}

/** One look at a terminating pod: says that its containers stop, and removes it when they have. */
export function stopPod(pod: Pod, context: ControllerContext): void {
  for (const { name } of pod.spec.containers) {
    if (isContainerRunning(pod, name)) tellStop(pod, `Stopping container ${name}`, context);
  }
  if (secondsToStop(pod, context.timestamp) <= 0) context.remove(objectKey(pod), 0);
}

function tellStop(pod: Pod, message: string, context: ControllerContext): void {
  const isTold = context.view
    .list<EventObject>('Event', namespaceOf(pod))
    .some((event) => event.involvedObject.uid === pod.metadata.uid && event.reason === 'Killing' && event.message === message);
  if (!isTold) context.event(pod, 'Normal', 'Killing', message, 'kubelet');
}
