/** The status a kubelet reports for a pod, as a pure function of the pod and its situation. Kubernetes: pkg/kubelet/kubelet_pods.go. */
import { exitCodeOf } from './container-exit.ts';
import { containerId, imageId, qualifiedImage } from './identity.ts';
import { qosClass } from './qos.ts';
import { type Condition, type Container, type ContainerState, type ContainerStatus, findCondition, namespaceOf, type Pod, type PodStatus } from './types.ts';

export type Situation =
  /** The sandbox does not exist yet: no network, no address, or a volume is missing. */
  | { readonly stage: 'creating' }
  /** `configErrors`: containers that cannot be created, with the kubelet's reason; `crashes`: those whose program ends with an error, with its last words. */
  | { readonly stage: 'started'; readonly podIp: string; readonly configErrors: ReadonlyMap<string, string>; readonly crashes: ReadonlyMap<string, string> };

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
    ...(created ? { containerID: containerId(pod.metadata.uid ?? '', container.name) } : {}),
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

function run(pod: Pod, container: Container, situation: Extract<Situation, { stage: 'started' }>, now: string): Outcome {
  const configError = situation.configErrors.get(container.name);
  if (configError !== undefined) {
    return { status: statusOf(pod, container, { waiting: { reason: 'CreateContainerConfigError', message: configError } }, {}), ended: undefined };
  }
  const before = earlier(pod, container.name);
  const sameImage = before?.image === qualifiedImage(container.image ?? '') || before?.image === container.image;
  // A changed image is a new container; any other running one is left alone.
  const restarts = (before?.restartCount ?? 0) + (before?.state?.running !== undefined && !sameImage ? 1 : 0);
  const crash = situation.crashes.get(container.name);
  const policy = pod.spec.restartPolicy ?? 'Always';
  // What has ended under a policy that does not start it again stays ended.
  const ended = sameImage && policy !== 'Always' ? before?.state?.terminated?.exitCode : undefined;
  const exitCode = crash === undefined ? (exitCodeOf(container) ?? ended) : 1;
  if (exitCode === undefined) {
    const startedAt = sameImage ? (before?.state?.running?.startedAt ?? now) : now;
    return { status: statusOf(pod, container, { running: { startedAt } }, { ready: true, started: true, restartCount: restarts }), ended: undefined };
  }
  const endedAt = before?.state?.terminated?.finishedAt ?? before?.lastState?.terminated?.finishedAt ?? now;
  const terminated = {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...(crash === undefined ? {} : { message: crash }),
    startedAt: endedAt,
    finishedAt: endedAt,
  };
  if (policy === 'Never' || (policy === 'OnFailure' && exitCode === 0)) return { status: statusOf(pod, container, { terminated }, {}), ended: exitCode };
  // Started again at once, ended again, and now held back for ten seconds.
  const waiting = {
    reason: 'CrashLoopBackOff',
    message: `back-off 10s restarting failed container=${container.name} pod=${pod.metadata.name}_${namespaceOf(pod)}(${pod.metadata.uid ?? ''})`,
  };
  return { status: statusOf(pod, container, { waiting }, { restartCount: Math.max(restarts, 1), lastState: { terminated } }), ended: undefined };
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
  const anyCreated = outcomes.some((outcome) => outcome.status.state?.waiting?.reason !== 'CreateContainerConfigError');
  return {
    ...base,
    ...addresses,
    phase: allEnded ? (outcomes.every((outcome) => outcome.ended === 0) ? 'Succeeded' : 'Failed') : anyCreated ? 'Running' : 'Pending',
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
