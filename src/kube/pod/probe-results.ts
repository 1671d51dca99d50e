/** What the kubelet does with what it hears of containers: results of probes and hooks, ends of processes. Kubernetes: pkg/kubelet/prober/{prober,prober_manager}.go. */
import type { ControllerContext, StoreView } from '../../objects/types.ts';
import { isOver } from './back-off.ts';
import { allContainers, isSidecar, statusOfContainer } from './containers.ts';
import { type ContainerHealth, newRuntime, type ProbeReport, putRuntime, readReport, runtimeOf } from './pod-runtime.ts';
import { probeOf, sentProbes } from './probes.ts';
import type { Situation } from './status.ts';
import { advanceStop } from './stopping.ts';
import { type Container, isTerminating, type Pod } from './types.ts';

type Findings = Pick<Extract<Situation, { stage: 'started' }>, 'health'>;
type Health = Readonly<Record<string, ContainerHealth>>;

const DEFAULT_GRACE_SECONDS = 30;
export const graceOf = (pod: Pod): number => pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;

/** What is known of the present run of a container. */
export function healthOf(pod: Pod, view: StoreView, container: string): ContainerHealth | undefined {
  const known = runtimeOf(pod, view)?.spec.health[container];
  return known !== undefined && known.restartCount === (statusOfContainer(pod, container)?.restartCount ?? 0) ? known : undefined;
}

/** Reads what has been said since the last look, and lets the containers that are being stopped go on with it. True when something is new. */
export function takeReports(pod: Pod, context: ControllerContext): boolean {
  const runtime = runtimeOf(pod, context.view);
  if (runtime === undefined) return false;
  const { reports } = runtime.spec;
  let health = runtime.spec.health;
  for (const report of reports) health = heard(pod, health, report, context);
  const next = advanceStops(pod, health, context.timestamp);
  if (next === runtime.spec.health && reports.length === 0) return false;
  context.update({ ...runtime, spec: { ...runtime.spec, health: next, reports: [] } });
  return true;
}

function heard(pod: Pod, all: Health, report: ProbeReport, context: ControllerContext): Health {
  const read = readReport(report);
  const container = allContainers(pod).find((one) => one.name === read?.container);
  // A late word about a run that is over.
  if (read === undefined || container === undefined || read.restartCount !== (statusOfContainer(pod, read.container)?.restartCount ?? 0)) return all;
  const { kind, restartCount, result } = read;
  const earlier = all[container.name];
  const known: ContainerHealth = earlier?.restartCount === restartCount ? earlier : { restartCount };
  const put = (health: ContainerHealth): Health => ({ ...all, [container.name]: health });
  switch (kind) {
    case 'exit':
      return known.exit === undefined ? put({ ...known, exit: { code: Number(report.text), at: context.timestamp } }) : all;
    case 'notRun':
      return put({ ...known, notRun: report.text });
    case 'postStart':
    case 'preStop':
      if (result === undefined) return all;
      if (result === 'failure') {
        const word = kind === 'postStart' ? 'PostStartHook' : 'PreStopHook';
        context.event(pod, 'Warning', `Failed${word}`, `${word} failed`, 'kubelet');
        if (kind === 'postStart') return put(kill(pod, { ...known, postStart: result }, 'FailedPostStartHook', graceOf(pod), context));
      }
      return put({ ...known, [kind]: result });
    default: {
      if (result === undefined) {
        context.event(pod, 'Warning', 'Unhealthy', report.text.trimEnd(), 'kubelet');
        return all;
      }
      const next = { ...known, [kind]: result };
      if (result === 'success' || kind === 'readiness') return put(next);
      const restarts = (pod.spec.restartPolicy ?? 'Always') !== 'Never';
      const words = `Container ${container.name} failed ${kind} probe${restarts ? ', will be restarted' : ''}`;
      const own = probeOf(container, kind)?.terminationGracePeriodSeconds;
      return put(kill(pod, next, words, typeof own === 'number' ? own : graceOf(pod), context));
    }
  }
}

/** Kubernetes: pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions. */
function kill(pod: Pod, health: ContainerHealth, words: string, graceSeconds: number, context: ControllerContext): ContainerHealth {
  if (health.stopping !== undefined || health.exit !== undefined) return health;
  context.event(pod, 'Normal', 'Killing', words, 'kubelet');
  return { ...health, stopping: { since: context.timestamp, graceSeconds } };
}

function advanceStops(pod: Pod, all: Health, now: string): Health {
  let next = all;
  const hasEnded = (name: string): boolean =>
    statusOfContainer(pod, name)?.state?.running === undefined || (next[name]?.stopping !== undefined && next[name]?.exit !== undefined);
  // The last one first: a sidecar waits for all that were started after it. Kubernetes: pkg/kubelet/kuberuntime/kuberuntime_termination_order.go.
  let isHeld = false;
  for (const container of [...allContainers(pod)].reverse()) {
    const known = all[container.name];
    const status = statusOfContainer(pod, container.name);
    if (known?.stopping !== undefined && known.restartCount === (status?.restartCount ?? 0)) {
      const health = advanceStop(container, known, now, status?.state?.running?.startedAt, isHeld && isSidecar(pod, container));
      if (health !== known) next = { ...next, [container.name]: health };
    }
    if ((isTerminating(pod) || isOver(pod)) && !hasEnded(container.name)) isHeld = true;
  }
  return next;
}

/** Begins to stop running containers; those that leave at once have then left. */
export function stopContainers(pod: Pod, containers: readonly Container[], since: string, graceSeconds: number, context: ControllerContext): void {
  const runtime = runtimeOf(pod, context.view);
  let health: Health = runtime?.spec.health ?? {};
  for (const container of containers) {
    const restartCount = statusOfContainer(pod, container.name)?.restartCount ?? 0;
    const earlier = health[container.name];
    const known: ContainerHealth = earlier?.restartCount === restartCount ? earlier : { restartCount };
    if (known.stopping !== undefined || known.exit !== undefined) continue;
    health = { ...health, [container.name]: { ...known, stopping: { since, graceSeconds } } };
  }
  health = advanceStops(pod, health, context.timestamp);
  if (runtime === undefined) putRuntime(newRuntime(pod, health, []), context);
  else if (health !== runtime.spec.health) context.update({ ...runtime, spec: { ...runtime.spec, health } });
}

export function probeFindings(pod: Pod, view: StoreView): Findings {
  const known = runtimeOf(pod, view)?.spec.health ?? {};
  return {
    health: (container: Container, restartCount: number) => {
      const own = known[container.name];
      const health = own?.restartCount === restartCount ? own : undefined;
      const kinds = health?.notRun === undefined ? sentProbes(container) : [];
      // A container whose postStart hook is under way has not started for the kubelet.
      const waits = container.lifecycle?.postStart !== undefined && health?.postStart === undefined;
      const started = !waits && (!kinds.includes('startup') || health?.startup === 'success');
      const ready = started && (!kinds.includes('readiness') || health?.readiness === 'success');
      return {
        started,
        ready,
        ...(waits ? { waits } : {}),
        ...(health?.exit === undefined ? {} : { exit: health.exit }),
        ...(health?.notRun === undefined ? {} : { notRun: true }),
      };
    },
  };
}
