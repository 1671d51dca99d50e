/** Evicts pods that do not, or no longer, tolerate a NoExecute taint of their node. Kubernetes: pkg/controller/tainteviction/taint_eviction.go. */
import { parseRfc3339 } from '../../base/time.ts';
import { defineController } from '../../objects/define.ts';
import type { ControllerContext, ObjectKey } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { toleratesTaint } from '../pod/tolerations.ts';
import { isActive, namespaceOf, type Pod } from '../pod/types.ts';
import { podsOn } from './pods-by-node.ts';
import type { Node, Taint } from './types.ts';

const component = 'taint-eviction-controller';

const evicting = (node: Node | undefined): readonly Taint[] => node?.spec?.taints?.filter((taint) => taint.effect === 'NoExecute') ?? [];

export const taintEvictionController = defineController({
  name: component,
  watches: ['Node', 'Pod'],
  keysFor(changed, view) {
    const name = changed.kind === 'Node' ? changed.metadata.name : ((changed as Pod).spec.nodeName ?? '');
    const key: ObjectKey = `Node/${name}`;
    const node = changed.kind === 'Node' ? (changed as Node) : name === '' ? undefined : view.find<Node>(key);
    return evicting(node).length === 0 ? [] : [key];
  },
  reconcile(key, context) {
    const found = context.view.find<Node>(key);
    if (evicting(found).length === 0 || found === undefined) return;
    const node = withTimes(found, context);
    for (const pod of podsOn(context.view, node.metadata.name)) if (isActive(pod)) judge(pod, evicting(node), key, context);
  },
});

/** A toleration's seconds count from when the taint was set; who set it need not have said when. */
function withTimes(node: Node, context: ControllerContext): Node {
  const taints = node.spec?.taints ?? [];
  if (taints.every((taint) => taint.effect !== 'NoExecute' || taint.timeAdded !== undefined)) return node;
  const timed = taints.map((taint) => (taint.effect === 'NoExecute' && taint.timeAdded === undefined ? { ...taint, timeAdded: context.timestamp } : taint));
  return (context.update({ ...node, spec: { ...node.spec, taints: timed } }) as Node | undefined) ?? node;
}

function judge(pod: Pod, taints: readonly Taint[], key: ObjectKey, context: ControllerContext): void {
  const nowMs = parseRfc3339(context.timestamp) ?? 0;
  let leftMs = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const used = (pod.spec.tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
    if (used.length === 0) leftMs = 0;
    // A pod that came after the taint has its time from its own start.
    const sinceMs = Math.max(parseRfc3339(taint.timeAdded ?? '') ?? nowMs, parseRfc3339(pod.status?.startTime ?? '') ?? 0);
    for (const { tolerationSeconds } of used)
      if (tolerationSeconds !== undefined) leftMs = Math.min(leftMs, sinceMs + Math.max(0, tolerationSeconds) * 1000 - nowMs);
  }
  if (leftMs <= 0) evict(pod, context);
  else if (leftMs !== Number.POSITIVE_INFINITY) context.requeueAfter(key, leftMs * 1e6);
}

function evict(pod: Pod, context: ControllerContext): void {
  context.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespaceOf(pod)}/${pod.metadata.name}`, component);
  const disrupted = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: context.timestamp,
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  };
  const others = (pod.status?.conditions ?? []).filter((one) => one.type !== 'DisruptionTarget');
  context.updateStatus({ ...pod, status: { ...pod.status, conditions: [...others, disrupted] } });
  context.remove(objectKey(pod));
}
