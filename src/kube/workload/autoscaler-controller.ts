/** Scales a workload by what its pods are busy with, four times a minute. Kubernetes: pkg/controller/podautoscaler/horizontal.go. */
import { deepEqual } from '../../base/equal.ts';
import { parseRfc3339 } from '../../base/time.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { type LabelSelector, selectObjects } from '../label-selector.ts';
import { type Condition, findCondition, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';
import { type Memory, maxRemembered, noMemory, normalize } from './autoscaler-behavior.ts';
import { type MetricFailure, type Proposal, proposalOf } from './autoscaler-metrics.ts';

const component = 'horizontal-pod-autoscaler';
const periodMs = 15_000;
const memoryAnnotation = 'kubehop.dev/autoscaler-memory';

type Scalable = KubeObject & { readonly spec: { readonly replicas?: number; readonly selector: LabelSelector } };
type Status = NonNullable<HorizontalPodAutoscaler['status']>;

export const autoscalerController = defineController({
  name: component,
  watches: ['HorizontalPodAutoscaler'],
  keysFor: (changed) => [objectKey(changed)],
  reconcile(key, context) {
    const autoscaler = context.view.find<HorizontalPodAutoscaler>(key);
    if (autoscaler === undefined || isTerminating(autoscaler)) return;
    const nowMs = parseRfc3339(context.timestamp) ?? 0;
    const memory = memoryOf(autoscaler);
    const last = memory.syncedMs || (parseRfc3339(autoscaler.metadata.creationTimestamp ?? '') ?? nowMs);
    const leftMs = last + periodMs - nowMs;
    context.requeueAfter(key, (leftMs > 0 ? leftMs : periodMs) * 1e6);
    if (leftMs <= 0) look(autoscaler, { ...memory, syncedMs: nowMs }, key, context);
  },
});

/** It is the annotation of a program: what cannot be read counts as nothing. */
function memoryOf(autoscaler: HorizontalPodAutoscaler): Memory {
  const pairs = (text: string | undefined) =>
    (text ?? '').split(' ').flatMap((word): (readonly [number, number])[] => {
      const match = /^(\d{1,15}):(-?\d{1,9})$/.exec(word);
      return match === null ? [] : [[Number(match[1]), Number(match[2])]];
    });
  const [synced = '', recommended, scaled] = (autoscaler.metadata.annotations?.[memoryAnnotation] ?? '').split(';');
  return synced === '' || !/^\d{1,15}$/.test(synced) ? noMemory : { syncedMs: Number(synced), recommended: pairs(recommended), scaled: pairs(scaled) };
}

const formatPairs = (pairs: Memory['recommended']): string =>
  pairs
    .slice(-maxRemembered)
    .map(([time, value]) => `${time}:${value}`)
    .join(' ');

function look(autoscaler: HorizontalPodAutoscaler, memory: Memory, key: ObjectKey, context: ControllerContext): void {
  const { kind, name } = autoscaler.spec.scaleTargetRef;
  const target = context.view.find<Scalable>(`${kind}/${namespaceOf(autoscaler)}/${name}`);
  const conditions = new Conditions(autoscaler, context.timestamp);
  if (target === undefined || !['Deployment', 'ReplicaSet', 'StatefulSet'].includes(kind)) {
    const message = `the HPA controller was unable to get the target's current scale: ${kind.toLowerCase()}s.apps ${JSON.stringify(name)} not found`;
    conditions.set('AbleToScale', 'False', 'FailedGetScale', message);
    context.event(autoscaler, 'Warning', 'FailedGetScale', message.slice(message.indexOf(': ') + 2), component);
    write(key, memory, { ...autoscaler.status, conditions: conditions.all }, context);
    return;
  }
  conditions.set('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
  const current = target.spec.replicas ?? 1;
  const decision = decide(autoscaler, target, current, conditions, context);
  if (decision === undefined) {
    write(key, memory, { ...autoscaler.status, currentReplicas: current, desiredReplicas: current, conditions: conditions.all }, context);
    return;
  }
  const { wanted, reason, metrics } = decision;
  const nowMs = memory.syncedMs;
  const result =
    metrics === undefined ? { replicas: wanted, stabilized: undefined, limited: undefined } : normalize(autoscaler, current, wanted, memory, nowMs);
  if (metrics !== undefined) {
    tellStability(result.stabilized, conditions);
    if (result.limited === undefined) conditions.set('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
    else conditions.set('ScalingLimited', 'True', result.limited.reason, result.limited.message);
  }
  const { replicas } = result;
  const rescaled = replicas !== current && context.update({ ...target, spec: { ...target.spec, replicas } }) !== undefined;
  if (rescaled) {
    context.event(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`, component);
    conditions.set('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${replicas}`);
  }
  const status: Status = {
    ...autoscaler.status,
    currentReplicas: current,
    desiredReplicas: replicas,
    ...(metrics === undefined ? {} : { currentMetrics: metrics }),
    ...(rescaled ? { lastScaleTime: context.timestamp } : {}),
    conditions: conditions.all,
  };
  const recommended = metrics === undefined ? memory.recommended : [...memory.recommended, [nowMs, wanted] as const];
  const scaled = rescaled ? [...memory.scaled, [nowMs, replicas - current] as const] : memory.scaled;
  write(key, { ...memory, recommended, scaled }, status, context);
}

interface Decision {
  readonly wanted: number;
  readonly reason: string;
  /** Undefined where the bounds decided before any metric. */
  readonly metrics: Status['currentMetrics'];
}

function decide(
  autoscaler: HorizontalPodAutoscaler,
  target: Scalable,
  current: number,
  conditions: Conditions,
  context: ControllerContext,
): Decision | undefined {
  const { minReplicas = 1, maxReplicas, metrics = [] } = autoscaler.spec;
  if (current === 0 && minReplicas !== 0) {
    conditions.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
    return undefined;
  }
  if (current > maxReplicas) return { wanted: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas', metrics: undefined };
  if (current < minReplicas) return { wanted: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas', metrics: undefined };
  const pods = selectObjects<Pod>(context.view, 'Pod', namespaceOf(autoscaler), target.spec.selector);
  const answers = metrics.map((metric) => proposalOf(metric, target, pods, current, context.view));
  const proposals = answers.filter((one): one is Proposal => 'replicas' in one);
  const failure = answers.find((one): one is MetricFailure => 'reason' in one);
  const [first] = proposals;
  const best = proposals.reduce((most, one) => (most === undefined || one.replicas > most.replicas ? one : most), first);
  // With a metric that is not known, nothing is taken away on the word of the others.
  if (best === undefined || (failure !== undefined && best.replicas < current)) {
    if (failure !== undefined) tellFailure(autoscaler, failure, conditions, context);
    return undefined;
  }
  const found = `the HPA was able to successfully calculate a replica count from ${best.name}`;
  conditions.set('ScalingActive', 'True', 'ValidMetricFound', found);
  const reason = best.replicas > current ? `${best.name} above target` : 'All metrics below target';
  return { wanted: best.replicas, reason, metrics: proposals.map((one) => one.status) };
}

function tellFailure(autoscaler: HorizontalPodAutoscaler, { reason, message }: MetricFailure, conditions: Conditions, context: ControllerContext): void {
  conditions.set('ScalingActive', 'False', reason, `the HPA was unable to compute the replica count: ${message}`);
  context.event(autoscaler, 'Warning', reason, message, component);
  const all = `invalid metrics (1 invalid out of ${autoscaler.spec.metrics?.length ?? 0}), first error is: ${message}`;
  context.event(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', all, component);
}

function tellStability(stabilized: 'ScaleUpStabilized' | 'ScaleDownStabilized' | undefined, conditions: Conditions): void {
  if (stabilized === 'ScaleDownStabilized')
    conditions.set('AbleToScale', 'True', stabilized, 'recent recommendations were higher than current one, applying the highest recent recommendation');
  else if (stabilized === 'ScaleUpStabilized')
    conditions.set('AbleToScale', 'True', stabilized, 'recent recommendations were lower than current one, applying the lowest recent recommendation');
  else conditions.set('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size');
}

function write(key: ObjectKey, memory: Memory, status: Status, context: ControllerContext): void {
  const current = context.view.find<HorizontalPodAutoscaler>(key);
  if (current === undefined) return;
  const text = `${memory.syncedMs};${formatPairs(memory.recommended)};${formatPairs(memory.scaled)}`;
  const annotated = { ...current, metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, [memoryAnnotation]: text } } };
  const written = context.update(annotated) ?? current;
  if (!deepEqual(status, current.status)) context.updateStatus({ ...written, status });
}

/** In the order in which they were first set. */
class Conditions {
  all: readonly Condition[];
  readonly #now: string;

  constructor(autoscaler: HorizontalPodAutoscaler, now: string) {
    this.all = autoscaler.status?.conditions ?? [];
    this.#now = now;
  }

  set(type: string, status: string, reason: string, message: string): void {
    const old = findCondition(this.all, type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? this.#now) : this.#now;
    const condition = { type, status, lastTransitionTime, reason, message };
    this.all = old === undefined ? [...this.all, condition] : this.all.map((one) => (one === old ? condition : one));
  }
}
