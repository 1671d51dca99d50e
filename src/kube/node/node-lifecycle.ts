/** What becomes of a node whose kubelet is silent. Kubernetes: pkg/controller/nodelifecycle/node_lifecycle_controller.go. */
import { parseRfc3339 } from '../../base/time.ts';
import type { ControllerContext, ObjectKey } from '../../objects/types.ts';
import { type Condition, findCondition, isFinished, type Pod } from '../pod/types.ts';
import { podsOn } from './pods-by-node.ts';
import { isStopped, STOPPED_SINCE_ANNOTATION } from './stopped-agents.ts';
import type { Node, Taint } from './types.ts';

const component = 'node-controller';
export const unreachableTaint = 'node.kubernetes.io/unreachable';
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** `--node-monitor-grace-period`: fifty seconds since 1.32, forty before. */
export function graceSeconds(version: string): number {
  const [, major = '1', minor = '32'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 1 || Number(minor) >= 32 ? 50 : 40;
}

export const isUnreachable = (node: Node): boolean => findCondition(node.status?.conditions, 'Ready')?.status === 'Unknown';

/**
 * Keeps the moment of the kubelet's last word, and once the grace period is over gives the node up.
 *
 * @param key reconciled again when the grace period ends
 * @returns the node as it is now
 */
export function watchHeartbeat(node: Node, version: string, key: ObjectKey, context: ControllerContext): Node {
  const { [STOPPED_SINCE_ANNOTATION]: since, ...annotations } = node.metadata.annotations ?? {};
  if (!isStopped(node, 'kubelet')) {
    if (since === undefined) return node;
    context.event(node, 'Normal', 'Starting', 'Starting kubelet.', 'kubelet', { host: node.metadata.name });
    return write({ ...node, metadata: { ...node.metadata, annotations } }, context);
  }
  const lastMs = parseRfc3339(since ?? '');
  const nowMs = parseRfc3339(context.timestamp) ?? 0;
  if (lastMs === undefined) {
    context.requeueAfter(key, graceSeconds(version) * 1e9);
    const conditions = node.status?.conditions?.map((one) => (isKubelets(one) ? { ...one, lastHeartbeatTime: context.timestamp } : one));
    const heard = conditions === undefined ? node : ((context.updateStatus({ ...node, status: { ...node.status, conditions } }) as Node | undefined) ?? node);
    return write(
      { ...heard, metadata: { ...heard.metadata, annotations: { ...heard.metadata.annotations, [STOPPED_SINCE_ANNOTATION]: context.timestamp } } },
      context,
    );
  }
  const leftMs = lastMs + graceSeconds(version) * 1000 - nowMs;
  if (leftMs > 0) context.requeueAfter(key, leftMs * 1e6);
  else if (!isUnreachable(node)) return giveUp(node, context);
  return node;
}

const isKubelets = (condition: Condition): boolean => kubeletConditions.includes(condition.type);

const write = (node: Node, context: ControllerContext): Node => (context.update(node) as Node | undefined) ?? node;

function giveUp(node: Node, context: ControllerContext): Node {
  const { name } = node.metadata;
  const conditions = node.status?.conditions?.map((one) =>
    isKubelets(one)
      ? {
          ...one,
          status: 'Unknown',
          lastTransitionTime: context.timestamp,
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
        }
      : one,
  );
  const current = conditions === undefined ? node : ((context.updateStatus({ ...node, status: { ...node.status, conditions } }) as Node | undefined) ?? node);
  context.event(current, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`, component);
  for (const pod of podsOn(context.view, name)) markNotReady(pod, context);
  return current;
}

/** Nobody can say any more whether it is ready: its Services send nothing there. */
function markNotReady(pod: Pod, context: ControllerContext): void {
  const ready = findCondition(pod.status?.conditions, 'Ready');
  if (isFinished(pod) || ready?.status !== 'True') return;
  const conditions = (pod.status?.conditions ?? []).map((one) => (one === ready ? { ...one, status: 'False', lastTransitionTime: context.timestamp } : one));
  context.updateStatus({ ...pod, status: { ...pod.status, conditions } });
  context.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready', component);
}

/** The taints of a node that is given up; those it has keep their time. */
export function unreachableTaints(node: Node, now: string): readonly Taint[] {
  const known = (effect: string) => node.spec?.taints?.find((taint) => taint.key === unreachableTaint && taint.effect === effect);
  return ['NoSchedule', 'NoExecute'].map((effect) => known(effect) ?? { key: unreachableTaint, effect, timeAdded: now });
}
