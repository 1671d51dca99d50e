/**
 * When an ended container is started again: ten seconds after the second end, then twice as long each time, up to five minutes; forgotten when the container
 * has run for ten. Told from its status alone. Kubernetes: pkg/kubelet/kuberuntime/kuberuntime_manager.go, doBackOff; client-go/util/flowcontrol/backoff.go.
 */
import { parseRfc3339 } from '../../base/time.ts';
import { lifeOf } from './container-exit.ts';
import { allContainers, statusOfContainer } from './containers.ts';
import { PULL_BACK_OFF_SECONDS } from './image-pull.ts';
import { type Container, type ContainerState, type ContainerStatus, findCondition, type Pod } from './types.ts';

export const FIRST_SECONDS = 10;
export const MAX_SECONDS = 300;
const FORGOTTEN_AFTER_SECONDS = 600;
/** Containers are looked at once a second: one that ran is found ended, and started again, no sooner. Kubernetes: pkg/kubelet/pleg/generic.go. */
export const RELIST_SECONDS = 1;

export type Terminated = NonNullable<ContainerState['terminated']>;

/** Whole seconds between two RFC 3339 times; 0 where one cannot be read. */
export function secondsBetween(from: string | undefined, to: string | undefined): number {
  const start = parseRfc3339(from ?? '');
  const end = parseRfc3339(to ?? '');
  return start === undefined || end === undefined ? 0 : (end - start) / 1000;
}

/** Seconds to wait after `ended`; `before` is the end before it. */
export function backOffSeconds(before: Terminated | undefined, ended: Terminated): number {
  if (before === undefined || secondsBetween(ended.startedAt, ended.finishedAt) > FORGOTTEN_AFTER_SECONDS) return 0;
  const waited = secondsBetween(before.finishedAt, ended.startedAt);
  if (waited < FIRST_SECONDS) return FIRST_SECONDS;
  const steps = Math.floor(Math.log2(waited / FIRST_SECONDS)) + 1;
  return Math.min(MAX_SECONDS, FIRST_SECONDS * 2 ** steps);
}

/** As Go prints a duration: `10s`, `1m20s`, `5m0s`. */
export const formatSeconds = (seconds: number): string => (seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`);

/** How long the container is held back, from the words of its status. */
export function heldSeconds(message: string | undefined): number {
  const match = /^back-off (?:(\d{1,3})m)?(\d{1,3})s /.exec(message ?? '');
  return match === null ? FIRST_SECONDS : Number(match[1] ?? 0) * 60 + Number(match[2]);
}

/** Its containers have ended and are not started again: sidecars have nobody to serve any more. */
export const isOver = (pod: Pod): boolean =>
  pod.status?.containerStatuses !== undefined &&
  pod.spec.containers.every((container) => {
    const code = pod.status?.containerStatuses?.find((one) => one.name === container.name)?.state?.terminated?.exitCode;
    return code !== undefined && !isRestarted(pod, container, code);
  });

/** Init containers are done when they have succeeded once; sidecars never are. */
export function isRestarted(pod: Pod, container: Container, exitCode: number): boolean {
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (pod.spec.initContainers?.includes(container) !== true) return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
  return container.restartPolicy === 'Always' ? !isOver(pod) : policy !== 'Never' && exitCode !== 0;
}

/** Seconds until a container's status changes by itself; undefined when it does not. */
function secondsLeft(pod: Pod, container: Container, status: ContainerStatus, now: string): number | undefined {
  const { state } = status;
  if (state?.running !== undefined) {
    const life = lifeOf(container);
    return life === undefined ? undefined : life.seconds - secondsBetween(state.running.startedAt, now);
  }
  if (state?.waiting?.reason === 'CrashLoopBackOff') {
    return heldSeconds(state.waiting.message) - secondsBetween(status.lastState?.terminated?.finishedAt, now);
  }
  if (state?.waiting?.reason === 'ErrImagePull') {
    return PULL_BACK_OFF_SECONDS - secondsBetween(findCondition(pod.status?.conditions, 'ContainersReady')?.lastTransitionTime, now);
  }
  const ended = state?.terminated;
  if (ended === undefined || !isRestarted(pod, container, ended.exitCode ?? 0)) return undefined;
  return RELIST_SECONDS - secondsBetween(ended.finishedAt, now);
}

/** Seconds until the next container of the pod ends or is started again; 0 when that time has come. */
export function nextChangeSeconds(pod: Pod, now: string): number | undefined {
  let next: number | undefined;
  for (const container of allContainers(pod)) {
    const status = statusOfContainer(pod, container.name);
    const left = status === undefined ? undefined : secondsLeft(pod, container, status, now);
    if (left !== undefined && (next === undefined || left < next)) next = left;
  }
  return next === undefined ? undefined : Math.max(0, next);
}
