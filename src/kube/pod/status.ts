/** The status a kubelet reports for a pod, as a pure function of the pod and its situation. Kubernetes: pkg/kubelet/kubelet_pods.go. */
import { backOffSeconds, formatSeconds, heldSeconds, isRestarted, RELIST_SECONDS, secondsBetween, type Terminated } from './back-off.ts';
import { conditions } from './conditions.ts';
import { exitCodeOf, isUnknownWork, lifeOf } from './container-exit.ts';
import { statusOfContainer } from './containers.ts';
import { containerId, imageId, qualifiedImage } from './identity.ts';
import { PULL_BACK_OFF_SECONDS, pullFailure } from './image-pull.ts';
import { sentProbes } from './probes.ts';
import { qosClass } from './qos.ts';
import { IGNORED_SIGTERM, leavesOnSigterm } from './stopping.ts';
import { type Container, type ContainerState, type ContainerStatus, findCondition, namespaceOf, type Pod, type PodStatus } from './types.ts';

export type Situation =
  /** The sandbox does not exist yet: no network, no address, or a volume is missing. */
  | { readonly stage: 'creating' }
  | {
      readonly stage: 'started';
      /** The first family's first. */
      readonly podIps: readonly string[];
      /** Containers that cannot be created, with the kubelet's reason. */
      readonly configErrors: ReadonlyMap<string, string>;
      /** Those whose program ends with an error as soon as it starts, with its last words. */
      readonly crashes: ReadonlyMap<string, string>;
      /** What is known of a container's run. */
      readonly health: (container: Container, restartCount: number) => Health;
    };
interface Health {
  readonly started: boolean;
  readonly ready: boolean;
  /** Its process has ended. */
  readonly exit?: { readonly code: number; readonly at: string };
  /** Its command is not simulated. */
  readonly notRun?: true;
}
type Started = Extract<Situation, { stage: 'started' }>;

interface Outcome {
  readonly status: ContainerStatus;
  readonly ended: number | undefined;
}

function statusOf(pod: Pod, container: Container, state: ContainerState, extra: Partial<ContainerStatus>): ContainerStatus {
  const image = container.image ?? '';
  const created = state.running !== undefined || state.terminated !== undefined || extra.lastState?.terminated !== undefined;
  return {
    name: container.name,
    image: created ? qualifiedImage(image) : image,
    imageID: created ? imageId(image) : '',
    ...(created ? { containerID: containerId(pod.metadata.uid ?? '', container.name, extra.restartCount ?? 0) } : {}),
    ready: false,
    started: false,
    restartCount: 0,
    lastState: {},
    state,
    ...extra,
  };
}

/** One container in one situation, at one moment. */
interface Look {
  readonly pod: Pod;
  readonly container: Container;
  readonly situation: Started;
  readonly now: string;
  readonly before: ContainerStatus | undefined;
}

function run(pod: Pod, container: Container, situation: Started, now: string): Outcome {
  const configError = situation.configErrors.get(container.name);
  if (configError !== undefined) {
    return { status: statusOf(pod, container, { waiting: { reason: 'CreateContainerConfigError', message: configError } }, {}), ended: undefined };
  }
  const before = statusOfContainer(pod, container.name);
  const pulling = notPulled(pod, container, before, now);
  if (pulling !== undefined) return { status: pulling, ended: undefined };
  const look: Look = { pod, container, situation, now, before };
  const sameImage = before?.image === qualifiedImage(container.image ?? '') || before?.image === container.image;
  const restarts = before?.restartCount ?? 0;
  const running = before?.state?.running;
  if (running !== undefined) {
    const startedAt = running.startedAt ?? now;
    // A changed image is a new container, in place and at once.
    if (!sameImage) return start(look, restarts + 1, terminatedBy(stopCode(container), startedAt, now));
    const end = endOf(look, startedAt, restarts);
    if (end === undefined) return runs(look, startedAt, restarts, before?.lastState ?? {});
    return ended(look, terminatedBy(end.exitCode, startedAt, end.at ?? now, end.message), before?.lastState?.terminated, restarts, RELIST_SECONDS);
  }
  const last = before?.state?.terminated ?? (before?.state?.waiting === undefined ? undefined : before.lastState?.terminated);
  if (last === undefined) return start(look, restarts, undefined);
  if (sameImage && !isRestarted(pod, container, last.exitCode ?? 0)) {
    return {
      status: statusOf(pod, container, { terminated: last }, { restartCount: restarts, lastState: before?.lastState ?? {} }),
      ended: last.exitCode ?? 0,
    };
  }
  const { waiting } = before?.state ?? {};
  const wait = waiting === undefined ? RELIST_SECONDS : heldSeconds(waiting.message);
  // What made it end as soon as it started may have been mended meanwhile: nothing is held back then.
  const isMended = last.message !== undefined && endOf(look, now, restarts) === undefined;
  if (sameImage && !isMended && secondsBetween(last.finishedAt, now) < wait && before !== undefined) return { status: before, ended: undefined };
  return start(look, restarts + 1, last);
}

/** The status of a container whose image cannot be pulled: the failure, and from ten seconds on that the kubelet waits before it tries again. */
function notPulled(pod: Pod, container: Container, before: ContainerStatus | undefined, now: string): ContainerStatus | undefined {
  const image = container.image ?? '';
  const failure = pullFailure(image);
  if (failure === undefined) return undefined;
  const { waiting } = before?.state ?? {};
  const since = findCondition(pod.status?.conditions, 'ContainersReady')?.lastTransitionTime;
  const isKnown = before?.image === image && (waiting?.reason === 'ErrImagePull' || waiting?.reason === 'ImagePullBackOff');
  const waits = isKnown && (waiting?.reason === 'ImagePullBackOff' || secondsBetween(since, now) >= PULL_BACK_OFF_SECONDS);
  const state: ContainerState = waits
    ? { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${failure.message}` } }
    : { waiting: { reason: failure.reason, message: failure.message } };
  // An image that was changed in place: the container of the old one has ended.
  const running = before?.state?.running;
  const lastState = running === undefined ? (before?.lastState ?? {}) : { terminated: terminatedBy(stopCode(container), running.startedAt ?? now, now) };
  return { ...statusOf(pod, container, state, { restartCount: before?.restartCount ?? 0, lastState }), image };
}

/** Whether the container has ended by now, and how. */
function endOf(
  { pod, container, situation, now }: Look,
  startedAt: string,
  restartCount: number,
): { readonly exitCode: number; readonly at?: string; readonly message?: string } | undefined {
  const crash = situation.crashes.get(container.name);
  if (crash !== undefined) return { exitCode: 1, message: crash };
  const { exit, notRun } = situation.health(container, restartCount);
  const isUnsimulated = isWork(pod, container) && (notRun === true || isUnknownWork(container));
  if (exit !== undefined) return { exitCode: exit.code, at: exit.at };
  if (isUnsimulated) return { exitCode: 0 };
  const life = lifeOf(container);
  return life !== undefined && secondsBetween(startedAt, now) >= life.seconds ? { exitCode: life.exitCode } : undefined;
}

/** An init container that others wait for. */
const isWork = (pod: Pod, container: Container): boolean => container.restartPolicy !== 'Always' && pod.spec.initContainers?.includes(container) === true;

/** With which code it leaves when its image is changed. */
const stopCode = (container: Container): number => leavesOnSigterm(container) ?? IGNORED_SIGTERM;

function terminatedBy(exitCode: number, startedAt: string, finishedAt: string, message?: string): Terminated {
  return { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', ...(message === undefined ? {} : { message }), startedAt, finishedAt };
}

function runs({ pod, container, situation, before }: Look, startedAt: string, restartCount: number, lastState: ContainerState): Outcome {
  const { started, ready } = situation.health(container, restartCount);
  // A dump may say that the container was not ready; without a probe that could tell otherwise it stays so.
  const foundUnready =
    before?.state?.running !== undefined && before.ready === false && sentProbes(container).length === 0 && container.lifecycle?.postStart === undefined;
  // A container that runs on keeps its name, also one that a dump brought.
  const known = before?.state?.running === undefined || before.containerID === undefined ? {} : { containerID: before.containerID };
  return {
    status: statusOf(pod, container, { running: { startedAt } }, { ready: ready && !foundUnready, started, restartCount, lastState, ...known }),
    ended: undefined,
  };
}

function start(look: Look, restartCount: number, last: Terminated | undefined): Outcome {
  const { now, situation, container } = look;
  const lastState: ContainerState = last === undefined ? {} : { terminated: last };
  const crash = situation.crashes.get(container.name);
  const exitCode = crash === undefined ? (isWork(look.pod, container) && isUnknownWork(container) ? 0 : exitCodeOf(container)) : 1;
  if (exitCode === undefined) return runs({ ...look, before: undefined }, now, restartCount, lastState);
  return ended(look, terminatedBy(exitCode, now, now, crash), last, restartCount, 0);
}

/** It has ended. After its first end it is started again at once (`least` seconds later), then it is held back. */
function ended(look: Look, terminated: Terminated, before: Terminated | undefined, restartCount: number, least: number): Outcome {
  const { pod, container } = look;
  const lastState: ContainerState = before === undefined ? {} : { terminated: before };
  const exitCode = terminated.exitCode ?? 0;
  if (!isRestarted(pod, container, exitCode)) return { status: statusOf(pod, container, { terminated }, { restartCount, lastState }), ended: exitCode };
  const wait = backOffSeconds(before, terminated);
  if (wait > 0) {
    const waiting = {
      reason: 'CrashLoopBackOff',
      message: `back-off ${formatSeconds(wait)} restarting failed container=${container.name} pod=${pod.metadata.name}_${namespaceOf(pod)}(${pod.metadata.uid ?? ''})`,
    };
    return { status: statusOf(pod, container, { waiting }, { restartCount, lastState: { terminated } }), ended: undefined };
  }
  if (least > 0) return { status: statusOf(pod, container, { terminated }, { restartCount, lastState }), ended: undefined };
  return start(look, restartCount + 1, terminated);
}

interface InitLook {
  readonly statuses: readonly ContainerStatus[];
  /** All have done their work, and the sidecars have started. */
  readonly isDone: boolean;
  /** One has ended for good, with an error. */
  readonly failed: boolean;
}

/** Init containers one after the other: the next starts when the one before has succeeded, or, a sidecar, has started. */
function runInits(pod: Pod, situation: Started, now: string): InitLook {
  const statuses: ContainerStatus[] = [];
  // Once the others have been started, only sidecars are looked after: a node that forgets does not begin anew.
  const begun =
    pod.status?.containerStatuses?.some(({ state, lastState }) => (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined) === true;
  let isDone = true;
  let failed = false;
  for (const container of pod.spec.initContainers ?? []) {
    const isSide = container.restartPolicy === 'Always';
    const before = statusOfContainer(pod, container.name);
    if (begun && !isSide && before !== undefined) {
      statuses.push(before);
      continue;
    }
    if (!isDone) {
      // One that ran before keeps running: only the start is ordered.
      const known = before?.state?.running !== undefined ? run(pod, container, situation, now).status : undefined;
      statuses.push(known ?? statusOf(pod, container, { waiting: { reason: 'PodInitializing' } }, {}));
      continue;
    }
    const { status, ended: code } = run(pod, container, situation, now);
    const succeeded = !isSide && code === 0;
    const done = isSide ? status.started === true : succeeded;
    if (!isSide && code !== undefined && code !== 0) failed = true;
    if (!done) isDone = begun;
    // An ended init container counts as ready; one at work never does.
    statuses.push(isSide ? status : { ...status, ready: succeeded, ...(status.state?.running === undefined ? {} : { started: status.started ?? true }) });
  }
  return { statuses, isDone, failed };
}

const isInitialized = (container: Container | undefined, status: ContainerStatus | undefined): boolean =>
  container?.restartPolicy === 'Always' ? status?.started === true : status?.state?.terminated?.exitCode === 0;

/** @param now RFC 3339 */
export function podStatus(pod: Pod, hostIps: readonly string[], situation: Situation, now: string): PodStatus {
  const initContainers = pod.spec.initContainers ?? [];
  const base: PodStatus = {
    observedGeneration: pod.metadata.generation ?? 1,
    hostIP: hostIps[0] ?? '',
    hostIPs: hostIps.map((ip) => ({ ip })),
    startTime: pod.status?.startTime ?? now,
    qosClass: pod.status?.qosClass ?? qosClass(pod),
  };
  if (situation.stage === 'creating') {
    const waiting = { reason: initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating' };
    return {
      ...base,
      phase: 'Pending',
      conditions: conditions(pod, now, {
        sandbox: false,
        initialized: initContainers.length === 0,
        incomplete: initContainers.map((one) => one.name),
        unready: pod.spec.containers.map((one) => one.name),
        completed: false,
      }),
      ...(initContainers.length === 0
        ? {}
        : { initContainerStatuses: initContainers.map((one) => statusOf(pod, one, { waiting: { reason: 'PodInitializing' } }, {})) }),
      containerStatuses: pod.spec.containers.map((one) => statusOf(pod, one, { waiting }, {})),
    };
  }
  const addresses = { podIP: situation.podIps[0] ?? '', podIPs: situation.podIps.map((ip) => ({ ip })) };
  const init = runInits(pod, situation, now);
  const initStatuses = init.statuses;
  if (!init.isDone) {
    return {
      ...base,
      ...addresses,
      phase: init.failed ? 'Failed' : 'Pending',
      conditions: conditions(pod, now, {
        sandbox: !init.failed,
        initialized: false,
        incomplete: initContainers.filter((_, index) => !isInitialized(initContainers[index], initStatuses[index])).map((one) => one.name),
        unready: pod.spec.containers.map((one) => one.name),
        completed: false,
      }),
      initContainerStatuses: initStatuses,
      containerStatuses: pod.spec.containers.map((one) => statusOf(pod, one, { waiting: { reason: 'PodInitializing' } }, {})),
    };
  }
  const outcomes = pod.spec.containers.map((one) => run(pod, one, situation, now));
  const allEnded = outcomes.every((outcome) => outcome.ended !== undefined);
  const sidecars = initStatuses.filter((_, index) => initContainers[index]?.restartPolicy === 'Always');
  const unready = [...sidecars, ...outcomes.map((outcome) => outcome.status)].filter((status) => status.ready !== true).map((status) => status.name ?? '');
  // Sidecars outlive the others by a moment; until they have left, the pod has not ended.
  const isOver = allEnded && sidecars.every((status) => status.state?.running === undefined);
  // A container that has never run keeps the pod pending. Kubernetes: pkg/kubelet/kubelet_pods.go, getPhase.
  const anyUnborn = outcomes.some(({ status }) => status.state?.waiting !== undefined && status.lastState?.terminated === undefined);
  return {
    ...base,
    ...addresses,
    phase: isOver ? (outcomes.every((outcome) => outcome.ended === 0) ? 'Succeeded' : 'Failed') : anyUnborn ? 'Pending' : 'Running',
    conditions: conditions(pod, now, { sandbox: !isOver, initialized: true, incomplete: [], unready, completed: isOver }),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: outcomes.map((outcome) => outcome.status),
    ...(pod.spec.ephemeralContainers === undefined || pod.spec.ephemeralContainers.length === 0
      ? {}
      : { ephemeralContainerStatuses: pod.spec.ephemeralContainers.map((one) => debugging(pod, one, isOver, now)) }),
  };
}

/** A container that was added for debugging: never ready, never started again, killed with the sandbox. */
function debugging(pod: Pod, container: Container, isOver: boolean, now: string): ContainerStatus {
  const before = statusOfContainer(pod, container.name);
  const running = before?.state?.running;
  if (running !== undefined && isOver) return statusOf(pod, container, { terminated: terminatedBy(IGNORED_SIGTERM, running.startedAt ?? now, now) }, {});
  if (before !== undefined && before.state?.waiting === undefined) return before;
  return notPulled(pod, container, before, now) ?? statusOf(pod, container, { running: { startedAt: now } }, {});
}
