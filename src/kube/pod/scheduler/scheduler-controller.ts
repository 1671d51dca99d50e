/**
 * kube-scheduler: gives each waiting pod a node. All waiting pods are one key, so that what is known of the nodes is gathered once per look and kept
 * up to date while the queue is worked through; nothing is remembered between looks.
 */
import { deepEqual } from '../../../base/equal.ts';
import { defineController } from '../../../objects/define.ts';
import type { ControllerContext, KubeObject, ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { type LabelSelector, matchesLabels } from '../../label-selector.ts';
import type { Service } from '../../service/types.ts';
import { qosClass } from '../qos.ts';
import { type Condition, findCondition, isFinished, isTerminating, namespaceOf, type Pod, type PodStatus, type TopologySpreadConstraint } from '../types.ts';
import { type Refusal, refuse, unschedulableMessage } from './filters.ts';
import { type NodeState, nodeStates, occupy, release } from './node-state.ts';
import { PodCounter } from './pod-counter.ts';
import { type Candidate, chooseCandidate, findVictims, ineligibleBecause } from './preemption.ts';
import { chooseNode } from './scores.ts';
import { affinityCheck, allStandingRules, type StandingRule, spreadCheck, standingRulesOf } from './topology.ts';

const component = 'default-scheduler';
const queue: ObjectKey = 'Pod/*';

export const scheduler = defineController({
  name: 'kube-scheduler',
  watches: ['Pod', 'Node'],
  keysFor(changed, view) {
    if (changed.kind === 'Node') return [queue];
    const pod = changed as Pod;
    // A waiting pod matters whenever it changes; a bound one when it makes room: it has ended or gone.
    if ((pod.spec.nodeName ?? '') === '' || isFinished(pod)) return [queue];
    return view.find(objectKey(pod)) === undefined ? [queue] : [];
  },
  reconcile(_key, context) {
    const waiting = context.view.list<Pod>('Pod').filter(isWaiting);
    if (waiting.length === 0) return;
    const round = new Round(context);
    for (const pod of waiting.sort(queueOrder)) round.schedule(pod);
  },
});

const isWaiting = (pod: Pod): boolean =>
  (pod.spec.nodeName ?? '') === '' && !isTerminating(pod) && !isFinished(pod) && (pod.spec.schedulerName ?? component) === component;

/** Kubernetes: plugins/queuesort: more important first, then who waits longer. */
function queueOrder(a: Pod, b: Pod): number {
  const byPriority = (b.spec.priority ?? 0) - (a.spec.priority ?? 0);
  if (byPriority !== 0) return byPriority;
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return left === right ? 0 : left < right ? -1 : 1;
}

/** One walk through the queue. */
class Round {
  readonly #context: ControllerContext;
  readonly #states: readonly NodeState[];
  readonly #counter: PodCounter;
  readonly #standing: StandingRule[];
  readonly #defaultSelectors = new Map<string, LabelSelector | undefined>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#states = nodeStates(context.view);
    this.#counter = new PodCounter(context.view);
    this.#standing = allStandingRules(context.view, this.#states, this.#counter);
  }

  schedule(pod: Pod): void {
    if ((pod.spec.schedulingGates ?? []).length > 0) {
      this.#report(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates');
      return;
    }
    const spread = spreadCheck(pod, this.#states, this.#counter);
    const affinity = affinityCheck(pod, this.#states, this.#counter, this.#standing);
    const refusals: Refusal[] = [];
    const candidates: NodeState[] = [];
    const resolvable: NodeState[] = [];
    for (const state of this.#states) {
      const refusal = refuse(pod, state, spread, affinity);
      if (refusal === undefined) candidates.push(state);
      else refusals.push(refusal);
      if (refusal?.resolvable === true) resolvable.push(state);
    }
    const chosen = chooseNode(pod, candidates, this.#states, this.#softConstraints(pod, candidates.length), this.#counter);
    if (chosen !== undefined) {
      this.#bind(pod, chosen);
      return;
    }
    const because = ineligibleBecause(pod, this.#context.view);
    if (because !== undefined) {
      this.#refuse(pod, unschedulableMessage(refusals, { because }));
      return;
    }
    const fits = (state: NodeState): boolean => refuse(pod, state, spread, affinity) === undefined;
    const found = resolvable.map((state) => findVictims(pod, state, this.#context.view, fits)).filter((one) => one !== undefined);
    const candidate = chooseCandidate(found);
    this.#refuse(pod, unschedulableMessage(refusals, candidate === undefined ? 'none' : 'victims'));
    if (candidate !== undefined) this.#preempt(pod, candidate);
  }

  /** The victims are deleted; the pod is placed when they have gone. Kubernetes: prepareCandidate. */
  #preempt(pod: Pod, { state, victims }: Candidate): void {
    const { view } = this.#context;
    const nodeName = state.node.metadata.name;
    for (const victim of victims) {
      if (isTerminating(victim)) continue;
      this.#context.event(victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata.uid ?? ''} on node ${nodeName}`, component, { action: 'Preempting' });
      const told: Condition = {
        type: 'DisruptionTarget',
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: this.#context.timestamp,
        reason: 'PreemptionByScheduler',
        message: `${component}: preempting to accommodate a higher priority pod`,
      };
      const others = (victim.status?.conditions ?? []).filter((one) => one.type !== told.type);
      this.#context.updateStatus({ ...victim, status: { ...victim.status, conditions: [...others, told] } });
      this.#context.remove(objectKey(victim));
      release(state, victim);
    }
    const current = view.find<Pod>(objectKey(pod));
    if (current !== undefined) this.#context.updateStatus({ ...current, status: { ...current.status, nominatedNodeName: nodeName } });
    // Nobody who comes later in the queue takes the room.
    occupy(state, pod);
  }

  #bind(pod: Pod, state: NodeState): void {
    const nodeName = state.node.metadata.name;
    const bound = this.#context.update({ ...pod, spec: { ...pod.spec, nodeName } }) as Pod | undefined;
    if (bound === undefined) return;
    occupy(state, bound);
    this.#counter.placed(bound, nodeName);
    this.#standing.push(...standingRulesOf(bound, state.node, this.#counter));
    const words = `Successfully assigned ${namespaceOf(pod)}/${pod.metadata.name} to ${nodeName}`;
    this.#context.event(bound, 'Normal', 'Scheduled', words, component, { action: 'Binding' });
  }

  #refuse(pod: Pod, message: string): void {
    if (this.#report(pod, 'Unschedulable', message)) this.#context.event(pod, 'Warning', 'FailedScheduling', message, component, { action: 'Scheduling' });
  }

  /** Whether it said something new. */
  #report(pod: Pod, reason: string, message: string): boolean {
    const before = findCondition(pod.status?.conditions, 'PodScheduled');
    if (before?.reason === reason && before.message === message) return false;
    const now = this.#context.timestamp;
    const condition: Condition = {
      type: 'PodScheduled',
      status: 'False',
      lastProbeTime: null,
      lastTransitionTime: before?.status === 'False' ? (before.lastTransitionTime ?? now) : now,
      reason,
      message,
    };
    const others = (pod.status?.conditions ?? []).filter((one) => one.type !== 'PodScheduled');
    const status: PodStatus = { ...pod.status, phase: 'Pending', qosClass: pod.status?.qosClass ?? qosClass(pod), conditions: [...others, condition] };
    if (!deepEqual(status, pod.status)) this.#context.updateStatus({ ...pod, status });
    return true;
  }

  /** Its own ScheduleAnyway constraints, or the cluster's default ones for pods that belong to a Service or a controller. */
  #softConstraints(pod: Pod, candidates: number): readonly TopologySpreadConstraint[] {
    const own = pod.spec.topologySpreadConstraints ?? [];
    if (own.length > 0) return own.filter((one) => one.whenUnsatisfiable === 'ScheduleAnyway');
    if (candidates <= 1) return [];
    const owner = pod.metadata.ownerReferences?.find((one) => one.controller === true);
    const id = `${namespaceOf(pod)} ${owner?.uid ?? JSON.stringify(pod.metadata.labels ?? {})}`;
    if (!this.#defaultSelectors.has(id)) this.#defaultSelectors.set(id, defaultSelector(pod, this.#context.view));
    const labelSelector = this.#defaultSelectors.get(id);
    if (labelSelector === undefined) return [];
    return [
      { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway', labelSelector },
      { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway', labelSelector },
    ];
  }
}

type WithSelector = KubeObject & { readonly spec?: { readonly selector?: LabelSelector } };

/** All labels by which Services and the controller know the pod. Kubernetes: plugins/helper/spread.go, DefaultSelector. */
function defaultSelector(pod: Pod, view: StoreView): LabelSelector | undefined {
  const matchLabels: Record<string, string> = {};
  for (const service of view.list<Service>('Service', namespaceOf(pod))) {
    const { selector } = service.spec;
    if (selector !== undefined && Object.keys(selector).length > 0 && matchesLabels(selector, pod.metadata.labels)) Object.assign(matchLabels, selector);
  }
  const owner = pod.metadata.ownerReferences?.find((one) => one.controller === true);
  const controller =
    owner?.kind === 'ReplicaSet' || owner?.kind === 'StatefulSet' ? view.find<WithSelector>(`${owner.kind}/${namespaceOf(pod)}/${owner.name}`) : undefined;
  const selector = controller?.spec?.selector;
  Object.assign(matchLabels, selector?.matchLabels);
  const matchExpressions = selector?.matchExpressions ?? [];
  if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) return undefined;
  return { matchLabels, ...(matchExpressions.length === 0 ? {} : { matchExpressions }) };
}
