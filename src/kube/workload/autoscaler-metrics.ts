/**
 * What an autoscaler measures: what the metrics-server knows of the ready pods, or what the annotation `kubehop.dev/cpu-load: 1500m` (or
 * `kubehop.dev/memory-load`) on what is scaled says, the load of all its pods together, which its ready pods share evenly.
 * Kubernetes: pkg/controller/podautoscaler/replica_calculator.go.
 */
import type { KubeObject, StoreView } from '../../objects/types.ts';
import { parseQuantity } from '../pod/quantity.ts';
import { isReady, isTerminating, type Pod } from '../pod/types.ts';
import type { MetricSpec, MetricStatus } from './autoscaler.ts';
import { metricsState, podUsage } from './pod-metrics.ts';

/** Kubernetes: `--horizontal-pod-autoscaler-tolerance`. */
const tolerance = 0.1;

export interface Proposal {
  readonly replicas: number;
  /** As events call it: `cpu resource utilization (percentage of request)`. */
  readonly name: string;
  readonly status: MetricStatus;
}
export interface MetricFailure {
  readonly reason: string;
  readonly message: string;
}

const noMetrics = 'the server could not find the requested resource (get pods.metrics.k8s.io)';

/** How many replicas one metric asks for. */
export function proposalOf(metric: MetricSpec, target: KubeObject, pods: readonly Pod[], current: number, view: StoreView): Proposal | MetricFailure {
  if (metric.resource === undefined) {
    const message = `unable to get metric: no metrics are known of type ${metric.type}`;
    return { reason: `FailedGet${metric.type}Metric`, message };
  }
  const { name, target: wanted } = metric.resource;
  const failed = (message: string): MetricFailure => ({
    reason: 'FailedGetResourceMetric',
    message: wanted.averageUtilization === undefined ? `failed to get ${name} usage: ${message}` : `failed to get ${name} utilization: ${message}`,
  });
  const counted = pods.filter((pod) => !isTerminating(pod) && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded');
  const ready = counted.filter(isReady);
  const said = parseQuantity(target.metadata.annotations?.[`kubehop.dev/${name}-load`] ?? '');
  if (said === undefined && metricsState(view) !== 'available')
    return failed(
      `unable to get metrics for resource ${name}: ${metricsState(view) === 'absent' ? `unable to fetch metrics from resource metrics API: ${noMetrics}` : 'no metrics returned from resource metrics API'}`,
    );
  if (ready.length === 0) return failed('did not receive metrics for targeted pods (pods might be unready)');
  const load = said ?? ready.reduce((sum, pod) => sum + usedBy(pod, name, view), 0);
  const averageValue = formatAmount(load / ready.length, name);
  if (wanted.averageUtilization === undefined) {
    const goal = parseQuantity(wanted.averageValue ?? '') ?? 0;
    const replicas = replicasFor((count) => load / count / goal, ready.length, counted.length, current);
    return { replicas, name: `${name} resource`, status: { type: 'Resource', resource: { name, current: { averageValue } } } };
  }
  const requests = counted.map((pod) => requestOf(pod, name));
  const lacking = requests.find((one) => typeof one === 'string');
  if (typeof lacking === 'string') return failed(lacking);
  const perPod = (requests as readonly number[]).reduce((sum, one) => sum + one, 0) / counted.length;
  const utilizationOf = (count: number): number => Math.trunc((100 * load) / (perPod * count) + 1e-9);
  const goal = wanted.averageUtilization;
  const replicas = replicasFor((count) => utilizationOf(count) / goal, ready.length, counted.length, current);
  const status = { type: 'Resource', resource: { name, current: { averageUtilization: utilizationOf(ready.length), averageValue } } };
  return { replicas, name: `${name} resource utilization (percentage of request)`, status };
}

/**
 * @param ratioOf how far above its goal the metric is when so many pods share the load
 * @param all the ready ones and those that are not: these count as idle when it goes up
 */
function replicasFor(ratioOf: (count: number) => number, ready: number, all: number, current: number): number {
  const ratio = ratioOf(ready);
  if (all === ready || ratio <= 1) return Math.abs(1 - ratio) <= tolerance + 1e-9 ? current : Math.ceil(ratio * ready - 1e-9);
  const careful = ratioOf(all);
  if (Math.abs(1 - careful) <= tolerance + 1e-9 || careful < 1) return current;
  return Math.max(current, Math.ceil(careful * all - 1e-9));
}

function usedBy(pod: Pod, resource: string, view: StoreView): number {
  const usage = podUsage(pod, view);
  return usage === undefined ? 0 : resource === 'cpu' ? usage.cpuMilli / 1000 : resource === 'memory' ? usage.memoryBytes : 0;
}

/** Sum of the containers' requests, or the sentence about the one that has none. */
function requestOf(pod: Pod, resource: string): number | string {
  let sum = 0;
  for (const container of pod.spec.containers) {
    const amount = parseQuantity(container.resources?.requests?.[resource] ?? '');
    if (amount === undefined) return `missing request for ${resource} in container ${container.name} of Pod ${pod.metadata.name}`;
    sum += amount;
  }
  return sum;
}

const formatAmount = (amount: number, resource: string): string =>
  resource !== 'cpu'
    ? `${Math.ceil(amount)}`
    : Math.ceil(amount * 1000 - 1e-9) % 1000 === 0
      ? `${Math.ceil(amount - 1e-9)}`
      : `${Math.ceil(amount * 1000 - 1e-9)}m`;
