/**
 * How a pod stops: its containers stop together, then its sidecars, the last one first; when all have ended, or the grace is over, it is removed. A pod whose
 * containers leave on SIGTERM at once is gone at once. Kubernetes: pkg/kubelet/kuberuntime/{kuberuntime_container,kuberuntime_termination_order}.go.
 */
import { deepEqual } from '../../base/equal.ts';
import type { EventObject } from '../../objects/events.ts';
import { type ControllerContext, objectKey, type StoreView } from '../../objects/types.ts';
import { isStopped } from '../node/stopped-agents.ts';
import type { Node } from '../node/types.ts';
import { secondsBetween } from './back-off.ts';
import { conditions } from './conditions.ts';
import { allContainers, statusOfContainer } from './containers.ts';
import { graceOf, healthOf, stopContainers } from './probe-results.ts';
import { isContainerRunning } from './running.ts';
import { secondsToNextStop, stopsAtOnce } from './stopping.ts';
import { type Container, type ContainerStatus, isFinished, namespaceOf, type Pod } from './types.ts';

/** Time for SIGKILL and for what comes after it. */
const REMOVAL_SECONDS = 2;

const running = (pod: Pod): readonly Container[] => allContainers(pod).filter((one) => isContainerRunning(pod, one.name));

/** The grace of a deletion: none where nothing takes time. A pod whose kubelet is silent is Terminating until that is heard of again. */
export function gracePeriodSeconds(pod: Pod, view: StoreView): number {
  const { nodeName = '' } = pod.spec;
  if (nodeName === '' || isFinished(pod)) return 0;
  const node = view.find<Node>(`Node/${nodeName}`);
  if (running(pod).every(stopsAtOnce) && (node === undefined || !isStopped(node, 'kubelet'))) return 0;
  return graceOf(pod);
}

/** Seconds until something happens by the clock to a pod that stops; 0 when it has happened, undefined when only its programs can tell. */
export function secondsToStop(pod: Pod, view: StoreView, now: string): number | undefined {
  let seconds: number | undefined;
  for (const container of running(pod)) {
    const health = healthOf(pod, view, container.name);
    const own = health === undefined ? undefined : secondsToNextStop(health, now);
    if (own !== undefined && (seconds === undefined || own < seconds)) seconds = own;
  }
  return seconds;
}

/** One look at a terminating pod: lets its containers stop, tells who has, and removes it when all have. */
export function stopPod(pod: Pod, context: ControllerContext): void {
  const { deletionTimestamp, deletionGracePeriodSeconds: grace = 0 } = pod.metadata;
  const now = context.timestamp;
  const left = secondsBetween(now, deletionTimestamp);
  // Each sidecar that waited for its turn to the end has a moment of its own.
  const latest = -REMOVAL_SECONDS * (1 + (pod.spec.initContainers ?? []).length);
  if (grace > 0 && left > latest) {
    for (const container of allContainers(pod)) tellStop(pod, container, context);
    stopContainers(pod, running(pod), now, Math.max(0, left), context);
    const seen = withEnds(pod, context);
    if (seen !== pod) context.updateStatus(seen);
    if (running(seen).length > 0) return;
  }
  context.remove(objectKey(pod), 0);
}

/** The pod with the ends of its containers in its status; itself when nobody has ended. */
function withEnds(pod: Pod, context: ControllerContext): Pod {
  const { timestamp } = context;
  const look = (status: ContainerStatus): ContainerStatus => {
    const exit = status.state?.running === undefined ? undefined : healthOf(pod, context.view, status.name ?? '')?.exit;
    if (exit === undefined) return status;
    const terminated = {
      exitCode: exit.code,
      reason: exit.code === 0 ? 'Completed' : 'Error',
      ...(status.state?.running?.startedAt === undefined ? {} : { startedAt: status.state.running.startedAt }),
      finishedAt: exit.at,
    };
    return { ...status, ready: false, started: false, state: { terminated } };
  };
  const { initContainerStatuses, containerStatuses = [], ...rest } = pod.status ?? {};
  const main = containerStatuses.map(look);
  const init = initContainerStatuses?.map(look);
  if (deepEqual(main, containerStatuses) && deepEqual(init, initContainerStatuses)) return pod;
  const changed = { ...pod, status: { ...rest, ...(init === undefined ? {} : { initContainerStatuses: init }), containerStatuses: main } };
  const unready = [...(init ?? []).filter((one) => isSidecarName(pod, one.name)), ...main].filter((one) => one.ready !== true).map((one) => one.name ?? '');
  return {
    ...changed,
    status: { ...changed.status, conditions: conditions(changed, timestamp, { sandbox: true, initialized: true, incomplete: [], unready, completed: false }) },
  };
}

const isSidecarName = (pod: Pod, name: string | undefined): boolean =>
  pod.spec.initContainers?.some((one) => one.name === name && one.restartPolicy === 'Always') === true;

function tellStop(pod: Pod, { name }: Container, context: ControllerContext): void {
  if (statusOfContainer(pod, name)?.state?.running === undefined) return;
  const message = `Stopping container ${name}`;
  const isTold = context.view
    .list<EventObject>('Event', namespaceOf(pod))
    .some((event) => event.involvedObject.uid === pod.metadata.uid && event.reason === 'Killing' && event.message === message);
  if (!isTold) context.event(pod, 'Normal', 'Killing', message, 'kubelet');
}
