/** The status a kubelet reports for a pod, as a pure function of the pod and its situation. Kubernetes: pkg/kubelet/kubelet_pods.go. */
import { backOffSeconds, formatSeconds, heldSeconds, RELIST_SECONDS, secondsBetween, type Terminated } from './back-off.ts';
import { exitCodeOf, lifeOf } from './container-exit.ts';
import { containerId, imageId, qualifiedImage } from './identity.ts';
import { PULL_BACK_OFF_SECONDS, pullFailure } from './image-pull.ts';
import { imageRole } from './images.ts';
import { sentProbes } from './probes.ts';
import { qosClass } from './qos.ts';
import { type Condition, type Container, type ContainerState, type ContainerStatus, findCondition, namespaceOf, type Pod, type PodStatus } from './types.ts';

export type Situation =
  /** The sandbox does not exist yet: no network, no address, or a volume is missing. */
  | { readonly stage: 'creating' }
  | {
      readonly stage: 'started';
      readonly podIp: string;
      /** Containers that cannot be created, with the kubelet's reason. */
      readonly configErrors: ReadonlyMap<string, string>;
      /** Those whose program ends with an error as soon as it starts, with its last words. */
      readonly crashes: ReadonlyMap<string, string>;
      /** Those whose probes say that they are to be killed. */
      readonly kills: ReadonlySet<string>;
      /** What the probes say of a container's run. */
      readonly health: (container: Container, restartCount: number) => { readonly started: boolean; readonly ready: boolean };
    };
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

/** The container's earlier status with its start time, so that a second look changes nothing. */
const earlier = (pod: Pod, name: string): ContainerStatus | undefined => pod.status?.containerStatuses?.find((status) => status.name === name);

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
  const before = earlier(pod, container.name);
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
    const end = endOf(look, startedAt);
    if (end === undefined) return runs(look, startedAt, restarts, before?.lastState ?? {});
    return ended(look, terminatedBy(end.exitCode, startedAt, now, end.message), before?.lastState?.terminated, restarts, RELIST_SECONDS);
  }
  const last = before?.state?.terminated ?? (before?.state?.waiting === undefined ? undefined : before.lastState?.terminated);
  if (last === undefined) return start(look, restarts, undefined);
  if (sameImage && !isRestarted(pod, last.exitCode ?? 0)) {
    return {
      status: statusOf(pod, container, { terminated: last }, { restartCount: restarts, lastState: before?.lastState ?? {} }),
      ended: last.exitCode ?? 0,
    };
  }
  const { waiting } = before?.state ?? {};
  const wait = waiting === undefined ? RELIST_SECONDS : heldSeconds(waiting.message);
  // What made it end as soon as it started may have been mended meanwhile: nothing is held back then.
  const isMended = last.message !== undefined && endOf(look, now) === undefined;
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
function endOf({ container, situation, now }: Look, startedAt: string): { readonly exitCode: number; readonly message?: string } | undefined {
  const crash = situation.crashes.get(container.name);
  if (crash !== undefined) return { exitCode: 1, message: crash };
  if (situation.kills.has(container.name)) return { exitCode: stopCode(container) };
  const life = lifeOf(container);
  return life !== undefined && secondsBetween(startedAt, now) >= life.seconds ? { exitCode: life.exitCode } : undefined;
}

/** Servers leave on SIGTERM; a shell or `sleep` as process 1 takes no notice of it and is killed when its grace is over. */
const stopCode = (container: Container): number => (imageRole(container.image ?? '') === 'tools' ? 137 : 0);

const isRestarted = (pod: Pod, exitCode: number): boolean => {
  const policy = pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
};

function terminatedBy(exitCode: number, startedAt: string, finishedAt: string, message?: string): Terminated {
  return { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', ...(message === undefined ? {} : { message }), startedAt, finishedAt };
}

function runs({ pod, container, situation, before }: Look, startedAt: string, restartCount: number, lastState: ContainerState): Outcome {
  const { started, ready } = situation.health(container, restartCount);
  // A dump may say that the container was not ready; without a probe that could tell otherwise it stays so.
  const foundUnready = before?.state?.running !== undefined && before.ready === false && sentProbes(container).length === 0;
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
  const exitCode = crash === undefined ? exitCodeOf(container) : 1;
  if (exitCode === undefined) return runs({ ...look, before: undefined }, now, restartCount, lastState);
  return ended(look, terminatedBy(exitCode, now, now, crash), last, restartCount, 0);
}

/** It has ended. After its first end it is started again at once (`least` seconds later), then it is held back. */
function ended(look: Look, terminated: Terminated, before: Terminated | undefined, restartCount: number, least: number): Outcome {
  const { pod, container } = look;
  const lastState: ContainerState = before === undefined ? {} : { terminated: before };
  const exitCode = terminated.exitCode ?? 0;
  if (!isRestarted(pod, exitCode)) return { status: statusOf(pod, container, { terminated }, { restartCount, lastState }), ended: exitCode };
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

function runInit(pod: Pod, container: Container, now: string): ContainerStatus {
  const before = pod.status?.initContainerStatuses?.find((status) => status.name === container.name);
  if (container.restartPolicy === 'Always') {
    return statusOf(pod, container, { running: { startedAt: before?.state?.running?.startedAt ?? now } }, { ready: true, started: true });
  }
  const finishedAt = before?.state?.terminated?.finishedAt ?? now;
  const exitCode = exitCodeOf(container) ?? 0;
  return statusOf(
    pod,
    container,
    { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: finishedAt, finishedAt } },
    { ready: exitCode === 0 },
  );
}

/** @param now RFC 3339 */
export function podStatus(pod: Pod, hostIp: string, situation: Situation, now: string): PodStatus {
  const initContainers = pod.spec.initContainers ?? [];
  const base: PodStatus = {
    observedGeneration: pod.metadata.generation ?? 1,
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
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
        unready: pod.spec.containers.map((one) => one.name),
        completed: false,
      }),
      ...(initContainers.length === 0
        ? {}
        : { initContainerStatuses: initContainers.map((one) => statusOf(pod, one, { waiting: { reason: 'PodInitializing' } }, {})) }),
      containerStatuses: pod.spec.containers.map((one) => statusOf(pod, one, { waiting }, {})),
    };
  }
  const addresses = { podIP: situation.podIp, podIPs: [{ ip: situation.podIp }] };
  const initStatuses = initContainers.map((one) => runInit(pod, one, now));
  const failedInit = initStatuses.findIndex((status) => (status.state?.terminated?.exitCode ?? 0) !== 0);
  if (failedInit >= 0) {
    return {
      ...base,
      ...addresses,
      phase: pod.spec.restartPolicy === 'Never' ? 'Failed' : 'Pending',
      conditions: conditions(pod, now, { sandbox: true, initialized: false, unready: pod.spec.containers.map((one) => one.name), completed: false }),
      initContainerStatuses: initStatuses.map((status, index) =>
        index <= failedInit ? status : statusOf(pod, initContainers[index] as Container, { waiting: { reason: 'PodInitializing' } }, {}),
      ),
      containerStatuses: pod.spec.containers.map((one) => statusOf(pod, one, { waiting: { reason: 'PodInitializing' } }, {})),
    };
  }
  const outcomes = pod.spec.containers.map((one) => run(pod, one, situation, now));
  const allEnded = outcomes.every((outcome) => outcome.ended !== undefined);
  const unready = outcomes.filter((outcome) => outcome.status.ready !== true).map((outcome) => outcome.status.name ?? '');
  // A container that has never run keeps the pod pending. Kubernetes: pkg/kubelet/kubelet_pods.go, getPhase.
  const anyUnborn = outcomes.some(({ status }) => status.state?.waiting !== undefined && status.lastState?.terminated === undefined);
  return {
    ...base,
    ...addresses,
    phase: allEnded ? (outcomes.every((outcome) => outcome.ended === 0) ? 'Succeeded' : 'Failed') : anyUnborn ? 'Pending' : 'Running',
    conditions: conditions(pod, now, { sandbox: !allEnded, initialized: true, unready, completed: allEnded }),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: outcomes.map((outcome) => outcome.status),
  };
}

function conditions(
  pod: Pod,
  now: string,
  facts: { readonly sandbox: boolean; readonly initialized: boolean; readonly unready: readonly string[]; readonly completed: boolean },
): readonly Condition[] {
  const containers: Partial<Condition> =
    facts.unready.length === 0
      ? {}
      : facts.completed
        ? { reason: 'PodCompleted' }
        : { reason: 'ContainersNotReady', message: `containers with unready status: [${facts.unready.join(' ')}]` };
  const gates = (pod.spec.readinessGates ?? []).filter((gate) => findCondition(pod.status?.conditions, gate.conditionType)?.status !== 'True');
  const gateWords = gates.map((gate) =>
    findCondition(pod.status?.conditions, gate.conditionType) === undefined
      ? `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`
      : `the status of pod readiness gate "${gate.conditionType}" is not "True", but ${findCondition(pod.status?.conditions, gate.conditionType)?.status ?? ''}`,
  );
  const ready: Partial<Condition> =
    facts.unready.length > 0 ? containers : gates.length === 0 ? {} : { reason: 'ReadinessGatesNotReady', message: gateWords.join(', ') };
  const own: readonly Condition[] = [
    condition(pod, now, 'PodReadyToStartContainers', facts.sandbox, {}),
    condition(
      pod,
      now,
      'Initialized',
      facts.initialized,
      facts.completed
        ? { reason: 'PodCompleted' }
        : facts.initialized
          ? {}
          : {
              reason: 'ContainersNotInitialized',
              message: `containers with incomplete status: [${(pod.spec.initContainers ?? []).map((one) => one.name).join(' ')}]`,
            },
    ),
    condition(pod, now, 'Ready', facts.unready.length === 0 && gates.length === 0, ready),
    condition(pod, now, 'ContainersReady', facts.unready.length === 0, containers),
    condition(pod, now, 'PodScheduled', true, {}),
  ];
  const types = new Set(own.map((one) => one.type));
  return [...own, ...(pod.status?.conditions ?? []).filter((one) => !types.has(one.type))];
}

/** The time of a condition moves only when its status does. */
function condition(pod: Pod, now: string, type: string, holds: boolean, words: Partial<Condition>): Condition {
  const before = findCondition(pod.status?.conditions, type);
  const status = holds ? 'True' : 'False';
  return { type, status, lastProbeTime: null, lastTransitionTime: before?.status === status ? (before.lastTransitionTime ?? now) : now, ...words };
}
