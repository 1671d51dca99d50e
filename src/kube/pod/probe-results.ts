/** What the kubelet does with the results of its probes: events, readiness, restarts. Kubernetes: pkg/kubelet/prober/{prober,prober_manager}.go. */
import type { ControllerContext, StoreView } from '../../objects/types.ts';
import { type ContainerHealth, readReport, runtimeOf } from './pod-runtime.ts';
import { type ProbeKind, sentProbes } from './probes.ts';
import type { Situation } from './status.ts';
import type { Container, ContainerStatus, Pod } from './types.ts';

type Findings = Pick<Extract<Situation, { stage: 'started' }>, 'kills' | 'health'>;

const statusOf = (pod: Pod, container: string): ContainerStatus | undefined => pod.status?.containerStatuses?.find((one) => one.name === container);

/** Reads what probers have said since the last look. True when there was something. */
export function takeReports(pod: Pod, context: ControllerContext): boolean {
  const runtime = runtimeOf(pod, context.view);
  if (runtime === undefined || runtime.spec.reports.length === 0) return false;
  const health: Record<string, ContainerHealth> = { ...runtime.spec.health };
  for (const report of runtime.spec.reports) {
    const read = readReport(report);
    // A late word about a run that is over.
    if (read === undefined || read.restartCount !== (statusOf(pod, read.container)?.restartCount ?? 0)) continue;
    const { container, kind, restartCount, result } = read;
    if (result === undefined) {
      context.event(pod, 'Warning', 'Unhealthy', report.text.trimEnd(), 'kubelet');
      continue;
    }
    const known = health[container];
    health[container] = { ...(known?.restartCount === restartCount ? known : {}), restartCount, [kind]: result };
    if (result === 'failure' && kind !== 'readiness') tellKill(pod, container, kind, context);
  }
  context.update({ ...runtime, spec: { ...runtime.spec, health, reports: [] } });
  return true;
}

/** Kubernetes: pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions. */
function tellKill(pod: Pod, container: string, kind: ProbeKind, context: ControllerContext): void {
  const restarts = (pod.spec.restartPolicy ?? 'Always') !== 'Never';
  context.event(pod, 'Normal', 'Killing', `Container ${container} failed ${kind} probe${restarts ? ', will be restarted' : ''}`, 'kubelet');
}

const healthy = { started: true, ready: true };

export function probeFindings(pod: Pod, view: StoreView): Findings {
  const known = runtimeOf(pod, view)?.spec.health ?? {};
  const healthOf = (container: string, restartCount: number): ContainerHealth | undefined =>
    known[container]?.restartCount === restartCount ? known[container] : undefined;
  const kills = new Set<string>();
  for (const { name } of pod.spec.containers) {
    const health = healthOf(name, statusOf(pod, name)?.restartCount ?? 0);
    if (health?.liveness === 'failure' || health?.startup === 'failure') kills.add(name);
  }
  return {
    kills,
    health: (container: Container, restartCount: number) => {
      const kinds = sentProbes(container);
      if (kinds.length === 0) return healthy;
      const health = healthOf(container.name, restartCount);
      const started = !kinds.includes('startup') || health?.startup === 'success';
      return { started, ready: started && (!kinds.includes('readiness') || health?.readiness === 'success') };
    },
  };
}
