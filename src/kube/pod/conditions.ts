/** A pod's conditions, whose times move only when they change. Kubernetes: pkg/kubelet/status/generate.go. */
import { type Condition, findCondition, type Pod } from './types.ts';

export function conditions(
  pod: Pod,
  now: string,
  facts: {
    readonly sandbox: boolean;
    readonly initialized: boolean;
    /** Init containers that have not done their work. */
    readonly incomplete: readonly string[];
    readonly unready: readonly string[];
    readonly completed: boolean;
  },
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
              message: `containers with incomplete status: [${facts.incomplete.join(' ')}]`,
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
