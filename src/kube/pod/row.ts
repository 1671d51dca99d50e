/** The row of `kubectl get pods`. Kubernetes: pkg/printers/internalversion/printers.go, printPod. */
import type { RowContext, TableColumn } from '../../objects/types.ts';
import { type ContainerStatus, findCondition, type Pod } from './types.ts';

export const podColumns: readonly TableColumn[] = [
  { name: 'NAME', priority: 0 },
  { name: 'READY', priority: 0 },
  { name: 'STATUS', priority: 0 },
  { name: 'RESTARTS', priority: 0 },
  { name: 'AGE', priority: 0 },
  { name: 'IP', priority: 1 },
  { name: 'NODE', priority: 1 },
  { name: 'NOMINATED NODE', priority: 1 },
  { name: 'READINESS GATES', priority: 1 },
];

interface Restarts {
  readonly count: number;
  readonly last: string | undefined;
}
const noRestarts: Restarts = { count: 0, last: undefined };
const addRestarts = (sum: Restarts, status: ContainerStatus): Restarts => {
  const finished = status.lastState?.terminated?.finishedAt;
  return {
    count: sum.count + (status.restartCount ?? 0),
    last: finished !== undefined && (sum.last === undefined || finished > sum.last) ? finished : sum.last,
  };
};

const exitWord = (state: { readonly reason?: string; readonly signal?: number; readonly exitCode?: number }): string =>
  state.reason !== undefined && state.reason !== '' ? state.reason : (state.signal ?? 0) !== 0 ? `Signal:${state.signal}` : `ExitCode:${state.exitCode ?? 0}`;

interface Summary {
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: Restarts;
}

/** STATUS, READY and RESTARTS in one pass, since each depends on the others. */
export function summarizePod(pod: Pod): Summary {
  const { status, spec } = pod;
  const phase = status?.phase ?? '';
  const initSpecs = spec.initContainers ?? [];
  const sidecars = new Set(initSpecs.filter((container) => container.restartPolicy === 'Always').map((container) => container.name));
  const total = spec.containers.length + sidecars.size;
  let reason = status?.reason !== undefined && status.reason !== '' ? status.reason : phase;
  if (findCondition(status?.conditions, 'PodScheduled')?.reason === 'SchedulingGated') reason = 'SchedulingGated';

  let ready = 0;
  let restarts = noRestarts;
  let sidecarRestarts = noRestarts;
  let initializing = false;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    restarts = addRestarts(restarts, container);
    const sidecar = sidecars.has(container.name ?? '');
    if (sidecar) sidecarRestarts = addRestarts(sidecarRestarts, container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated !== undefined && (terminated.exitCode ?? 0) === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready === true) ready += 1;
      continue;
    }
    if (terminated !== undefined) reason = `Init:${exitWord(terminated)}`;
    else if (waiting?.reason !== undefined && waiting.reason !== '' && waiting.reason !== 'PodInitializing') reason = `Init:${waiting.reason}`;
    else reason = `Init:${index}/${initSpecs.length}`;
    initializing = true;
    break;
  }

  if (!initializing || findCondition(status?.conditions, 'Initialized')?.status === 'True') {
    restarts = sidecarRestarts;
    let hasRunning = false;
    for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
      restarts = addRestarts(restarts, container);
      const { waiting, terminated, running } = container.state ?? {};
      if (waiting?.reason !== undefined && waiting.reason !== '') reason = waiting.reason;
      else if (terminated !== undefined) reason = exitWord(terminated);
      else if (container.ready === true && running !== undefined) {
        hasRunning = true;
        ready += 1;
      }
    }
    // Some containers completed while others go on.
    if (reason === 'Completed' && hasRunning) reason = findCondition(status?.conditions, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
  }

  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') reason = 'Unknown';
    else if (phase !== 'Failed' && phase !== 'Succeeded') reason = 'Terminating';
  }
  return { reason, ready, total, restarts };
}

export function podRow(pod: Pod, context: RowContext): readonly string[] {
  const { reason, ready, total, restarts } = summarizePod(pod);
  const gates = pod.spec.readinessGates ?? [];
  const met = gates.filter((gate) => findCondition(pod.status?.conditions, gate.conditionType)?.status === 'True').length;
  return [
    pod.metadata.name,
    `${ready}/${total}`,
    reason,
    restarts.count > 0 && restarts.last !== undefined ? `${restarts.count} (${context.age(restarts.last)} ago)` : `${restarts.count}`,
    context.age(pod.metadata.creationTimestamp),
    pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || '<none>',
    pod.spec.nodeName || '<none>',
    pod.status?.nominatedNodeName || '<none>',
    gates.length === 0 ? '<none>' : `${met}/${gates.length}`,
  ];
}
