/** Which of the nodes that can take a pod is the best. Kubernetes: pkg/scheduler/framework/plugins; the weights are those of the default profile. */
import { preferenceWeight } from '../node-affinity.ts';
import { tolerates } from '../tolerations.ts';
import type { Pod, TopologySpreadConstraint } from '../types.ts';
import { type NodeState, requestsOf } from './node-state.ts';
import type { PodCounter } from './pod-counter.ts';
import { affinityScore, spreadCost } from './topology.ts';

const weights = { taints: 3, nodeAffinity: 2, spread: 2, podAffinity: 2, leastAllocated: 1, balanced: 1 } as const;
const best = 100;

/** 0..100, more free is better: the mean of cpu and memory. */
function leastAllocated(pod: Pod, state: NodeState): number {
  const { nonZeroCpu, nonZeroMemory } = requestsOf(pod);
  const share = (wanted: number, allocatable: number): number =>
    allocatable === 0 || wanted > allocatable ? 0 : Math.floor(((allocatable - wanted) * best) / allocatable);
  return Math.floor(
    (share(state.nonZeroCpu + nonZeroCpu, state.allocatable.get('cpu') ?? 0) +
      share(state.nonZeroMemory + nonZeroMemory, state.allocatable.get('memory') ?? 0)) /
      2,
  );
}

/** 0..100, the nearer the used shares of cpu and memory are to each other the better. */
function balanced(pod: Pod, state: NodeState): number {
  const { amounts } = requestsOf(pod);
  const cpu = state.allocatable.get('cpu') ?? 0;
  const memory = state.allocatable.get('memory') ?? 0;
  if (cpu === 0 || memory === 0) return 0;
  const share = (resource: string, allocatable: number): number => Math.min(1, ((state.used.get(resource) ?? 0) + (amounts.get(resource) ?? 0)) / allocatable);
  return Math.floor((1 - Math.abs(share('cpu', cpu) - share('memory', memory)) / 2) * best);
}

/** Scales to 0..100; `reverse` where small raw numbers are good. */
function normalize(raw: readonly number[], reverse: boolean): readonly number[] {
  const most = Math.max(...raw);
  const least = Math.min(0, ...raw);
  if (most === least) return raw.map(() => (reverse ? best : 0));
  return raw.map((value) => {
    const scaled = Math.floor((best * (value - least)) / (most - least));
    return reverse ? best - scaled : scaled;
  });
}

/** The best of at least one node; of equals the one with fewer pods, then the first by name. */
export function chooseNode(
  pod: Pod,
  candidates: readonly NodeState[],
  states: readonly NodeState[],
  constraints: readonly TopologySpreadConstraint[],
  counter: PodCounter,
): NodeState | undefined {
  if (candidates.length <= 1) return candidates[0];
  const totals = candidates.map((state) => weights.leastAllocated * leastAllocated(pod, state) + weights.balanced * balanced(pod, state));
  const add = (raw: readonly number[], weight: number, reverse: boolean): void => {
    normalize(raw, reverse).forEach((score, index) => {
      totals[index] = (totals[index] ?? 0) + weight * score;
    });
  };
  add(
    candidates.map(
      (state) => (state.node.spec?.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule' && !tolerates(pod.spec.tolerations, taint)).length,
    ),
    weights.taints,
    true,
  );
  if (pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution !== undefined) {
    add(
      candidates.map((state) => preferenceWeight(pod.spec, state.node)),
      weights.nodeAffinity,
      false,
    );
  }
  const neighbours = affinityScore(pod, states, counter);
  if (neighbours !== undefined) add(candidates.map(neighbours), weights.podAffinity, false);
  const crowding = spreadCost(pod, constraints, states, counter);
  if (crowding !== undefined) add(candidates.map(crowding), weights.spread, true);
  let winner = 0;
  for (let index = 1; index < candidates.length; index += 1) {
    const difference = (totals[index] ?? 0) - (totals[winner] ?? 0);
    if (difference > 0 || (difference === 0 && (candidates[index]?.podCount ?? 0) < (candidates[winner]?.podCount ?? 0))) winner = index;
  }
  return candidates[winner];
}
