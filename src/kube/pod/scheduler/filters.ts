/** Which nodes can take a pod, and in the scheduler's words why not. Kubernetes: pkg/scheduler/framework/plugins. */
import { isNodeReady } from '../../node/types.ts';
import { fitsNode } from '../node-affinity.ts';
import { tolerates, untolerated } from '../tolerations.ts';
import type { Pod } from '../types.ts';
import { hostPortsOf, type NodeState, requestsOf } from './node-state.ts';
import type { NodeCheck } from './topology.ts';

/** `resolvable`: evicting less important pods could help. */
export interface Refusal {
  readonly reasons: readonly string[];
  readonly resolvable: boolean;
}

const hopeless = (reason: string): Refusal => ({ reasons: [reason], resolvable: false });

/** In the order of the default plugins; the first that refuses speaks. */
export function refuse(pod: Pod, state: NodeState, spread: NodeCheck | undefined, affinity: NodeCheck | undefined): Refusal | undefined {
  const { node } = state;
  const { tolerations } = pod.spec;
  if (node.spec?.unschedulable === true && !tolerates(tolerations, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }))
    return hopeless('node(s) were unschedulable');
  // A node that has never reported carries the not-ready taint from its registration on.
  const registered = node.status?.conditions !== undefined || isNodeReady(node);
  const taint = registered
    ? untolerated(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute'])
    : untolerated([...(node.spec?.taints ?? []), { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }], tolerations, ['NoSchedule', 'NoExecute']);
  if (taint !== undefined) return hopeless(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  if (!fitsNode(pod.spec, node)) return hopeless("node(s) didn't match Pod's node affinity/selector");
  if (hasPortConflict(pod, state)) return { reasons: ["node(s) didn't have free ports for the requested pod ports"], resolvable: true };
  const lacking = lackingResources(pod, state);
  if (lacking.length > 0) return { reasons: lacking, resolvable: couldEverFit(pod, state) };
  const spreadReason = spread?.(state);
  if (spreadReason !== undefined) return { reasons: [spreadReason], resolvable: !spreadReason.endsWith('(missing required label)') };
  const affinityReason = affinity?.(state);
  if (affinityReason !== undefined) return { reasons: [affinityReason], resolvable: affinityReason !== "node(s) didn't match pod affinity rules" };
  return undefined;
}

function hasPortConflict(pod: Pod, state: NodeState): boolean {
  if (state.hostPorts.size === 0) return false;
  for (const wanted of hostPortsOf(pod)) {
    const [protocol, port, address] = wanted.split('/');
    for (const taken of state.hostPorts) {
      const [otherProtocol, otherPort, otherAddress] = taken.split('/');
      if (protocol !== otherProtocol || port !== otherPort) continue;
      const anyAddress = (one: string | undefined) => one === '' || one === '0.0.0.0';
      if (anyAddress(address) || anyAddress(otherAddress) || address === otherAddress) return true;
    }
  }
  return false;
}

function lackingResources(pod: Pod, state: NodeState): readonly string[] {
  const reasons: string[] = [];
  const pods = state.allocatable.get('pods');
  if (pods !== undefined && state.podCount + 1 > pods) reasons.push('Too many pods');
  for (const [resource, amount] of requestsOf(pod).amounts) {
    if (amount === 0) continue;
    if (amount > (state.allocatable.get(resource) ?? 0) - (state.used.get(resource) ?? 0)) reasons.push(`Insufficient ${resource}`);
  }
  return reasons;
}

/** Whether the empty node would be large enough. */
function couldEverFit(pod: Pod, state: NodeState): boolean {
  for (const [resource, amount] of requestsOf(pod).amounts) if (amount > (state.allocatable.get(resource) ?? 0)) return false;
  return true;
}

/**
 * Kubernetes: pkg/scheduler/framework/types.go, FitError; preemption.go.
 *
 * @param preemption `victims` were found and go: nothing is said of it; a text: why the pod may not drive others away
 */
export function unschedulableMessage(refusals: readonly Refusal[], preemption: 'victims' | 'none' | { readonly because: string } = 'none'): string {
  const total = refusals.length;
  if (total === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const { reasons } of refusals) for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const histogram = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const head = `0/${total} nodes are available: ${histogram.join(', ')}.`;
  if (preemption === 'victims') return head;
  if (preemption !== 'none') return `${head} no new claims to deallocate, preemption: ${preemption.because}`;
  const resolvable = refusals.filter((refusal) => refusal.resolvable).length;
  const tail = [
    ...(resolvable > 0 ? [`${resolvable} No preemption victims found for incoming pod`] : []),
    ...(total - resolvable > 0 ? [`${total - resolvable} Preemption is not helpful for scheduling`] : []),
  ].sort();
  return `${head} no new claims to deallocate, preemption: 0/${total} nodes are available: ${tail.join(', ')}.`;
}
