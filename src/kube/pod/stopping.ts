/**
 * How one container stops: its preStop hook runs, then its first process gets SIGTERM; what is left when the grace is over is killed.
 * Kubernetes: pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer.
 */
import { secondsBetween } from './back-off.ts';
import { isScripted, lifeOf } from './container-exit.ts';
import { imageRole, parseImage } from './images.ts';
import type { ContainerHealth } from './pod-runtime.ts';
import type { Container } from './types.ts';

/** However long its hook took or its turn was waited for, the process has at least so long. Kubernetes: minimumGracePeriodInSeconds. */
const LEAST_SECONDS = 2;

/** Linux: kernel/signal.c, SIGNAL_UNKILLABLE: process 1 of its namespace gets no signal that it has no handler for. */
export const IGNORED_SIGTERM = 137;

/** The exit code with which the first process leaves on SIGTERM at once; undefined when it takes no notice of it, or only running it can tell. */
export function leavesOnSigterm(container: Container): number | undefined {
  if (isScripted(container)) return undefined;
  const image = container.image ?? '';
  if (imageRole(image) === 'tools' || (container.command ?? []).some((word) => /(^|\/)(sh|bash|ash|sleep|tail)$/.test(word))) return undefined;
  return /(^|\/)python$/.test(parseImage(image).repository) ? undefined : 0;
}

export const hasPreStop = (container: Container): boolean => {
  const hook = container.lifecycle?.preStop;
  return hook?.sleep !== undefined || hook?.exec !== undefined || hook?.httpGet !== undefined;
};

/** Whether stopping it takes time at all. */
export const stopsAtOnce = (container: Container): boolean => !hasPreStop(container) && leavesOnSigterm(container) !== undefined;

type Stop = NonNullable<ContainerHealth['stopping']>;

const deadlineSeconds = ({ since, graceSeconds, signalledAt }: Stop): number =>
  signalledAt === undefined ? graceSeconds : Math.max(graceSeconds, secondsBetween(since, signalledAt) + LEAST_SECONDS);

/**
 * The next state of a container that is being stopped; the same reference when nothing has changed. `isHeld`: others must end before it is sent its signal.
 */
export function advanceStop(container: Container, health: ContainerHealth, now: string, startedAt: string | undefined, isHeld: boolean): ContainerHealth {
  const { stopping } = health;
  if (stopping === undefined || health.exit !== undefined) return health;
  const waited = secondsBetween(stopping.since, now);
  if (stopping.signalledAt === undefined) {
    const isHooked = hasPreStop(container) && health.preStop === undefined;
    if ((isHooked || isHeld) && waited < stopping.graceSeconds) return health;
    return advanceStop(container, { ...health, stopping: { ...stopping, signalledAt: now } }, now, startedAt, false);
  }
  const code = leavesOnSigterm(container);
  if (code !== undefined) return { ...health, exit: { code, at: now } };
  const life = lifeOf(container);
  if (life !== undefined && secondsBetween(startedAt, now) >= life.seconds) return { ...health, exit: { code: life.exitCode, at: now } };
  return waited >= deadlineSeconds(stopping) ? { ...health, exit: { code: IGNORED_SIGTERM, at: now } } : health;
}

/** Seconds until `advanceStop` has something to do by the clock. */
export function secondsToNextStop({ stopping, exit }: ContainerHealth, now: string): number | undefined {
  if (stopping === undefined || exit !== undefined) return undefined;
  return Math.max(0, deadlineSeconds(stopping) - secondsBetween(stopping.since, now));
}
