/** How fast an autoscaler may go: stabilization windows and scaling policies. Kubernetes: pkg/controller/podautoscaler/horizontal.go. */
import type { HorizontalPodAutoscaler, ScalingPolicy, ScalingRules } from './autoscaler.ts';

/** What it remembers between looks: times in milliseconds since 1970, with sizes recommended and replicas added (or taken, negative). */
export interface Memory {
  readonly syncedMs: number;
  readonly recommended: readonly (readonly [number, number])[];
  readonly scaled: readonly (readonly [number, number])[];
}
export const noMemory: Memory = { syncedMs: 0, recommended: [], scaled: [] };
/** The longest window is an hour, at four looks a minute. */
export const maxRemembered = 240;

const defaultUp: Required<Pick<ScalingRules, 'stabilizationWindowSeconds' | 'selectPolicy' | 'policies'>> = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const defaultDown: typeof defaultUp = { stabilizationWindowSeconds: 300, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };

export interface Normalized {
  readonly replicas: number;
  /** Whether older recommendations decided. */
  readonly stabilized: 'ScaleUpStabilized' | 'ScaleDownStabilized' | undefined;
  readonly limited: { readonly reason: string; readonly message: string } | undefined;
}

export function normalize(autoscaler: HorizontalPodAutoscaler, current: number, wanted: number, memory: Memory, nowMs: number): Normalized {
  const { behavior, minReplicas = 1, maxReplicas } = autoscaler.spec;
  const up = { ...defaultUp, ...behavior?.scaleUp };
  const down = { ...defaultDown, ...behavior?.scaleDown };
  const within = (seconds: number) => memory.recommended.filter(([time]) => time > nowMs - seconds * 1000).map(([, size]) => size);
  const upTo = Math.min(wanted, ...within(up.stabilizationWindowSeconds));
  const downTo = Math.max(wanted, ...within(down.stabilizationWindowSeconds));
  let replicas = Math.min(Math.max(current, upTo), downTo);
  const stabilized = replicas === wanted ? undefined : replicas > wanted ? 'ScaleDownStabilized' : 'ScaleUpStabilized';
  let limited: Normalized['limited'];
  if (replicas > current) {
    const limit = Math.max(
      current,
      limitOf(up, (policy) => grown(policy, current, memory, nowMs), Math.max, Math.min, current),
    );
    if (replicas > maxReplicas || (replicas > limit && maxReplicas <= limit))
      limited = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' };
    else if (replicas > limit) limited = { reason: 'ScaleUpLimit', message: 'the desired replica count is increasing faster than the maximum scale rate' };
    replicas = Math.min(replicas, maxReplicas, limit);
  } else if (replicas < current) {
    const limit = Math.min(
      current,
      limitOf(down, (policy) => shrunk(policy, current, memory, nowMs), Math.min, Math.max, current),
    );
    if (replicas < minReplicas) limited = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' };
    else if (replicas < limit) limited = { reason: 'ScaleDownLimit', message: 'the desired replica count is decreasing faster than the maximum scale rate' };
    replicas = Math.max(replicas, minReplicas, limit);
  }
  return { replicas, stabilized, limited };
}

function limitOf(
  rules: typeof defaultUp,
  proposed: (policy: ScalingPolicy) => number,
  most: (...values: number[]) => number,
  least: (...values: number[]) => number,
  current: number,
): number {
  if (rules.selectPolicy === 'Disabled' || rules.policies.length === 0) return current;
  return (rules.selectPolicy === 'Min' ? least : most)(...rules.policies.map(proposed));
}

/** The size at the begin of a policy's period. */
function startOf(policy: ScalingPolicy, current: number, memory: Memory, nowMs: number): number {
  return memory.scaled.reduce((size, [time, change]) => (time > nowMs - policy.periodSeconds * 1000 ? size - change : size), current);
}

function grown(policy: ScalingPolicy, current: number, memory: Memory, nowMs: number): number {
  const start = startOf(policy, current, memory, nowMs);
  return policy.type === 'Pods' ? start + policy.value : Math.ceil(start * (1 + policy.value / 100));
}

function shrunk(policy: ScalingPolicy, current: number, memory: Memory, nowMs: number): number {
  const start = startOf(policy, current, memory, nowMs);
  return policy.type === 'Pods' ? start - policy.value : Math.trunc(start * (1 - policy.value / 100));
}
