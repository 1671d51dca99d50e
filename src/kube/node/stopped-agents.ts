/**
 * Which of a node's agents have been stopped (`systemctl stop kubelet`): the annotation `kubehop.dev/stopped` on the Node lists them, parted by
 * commas; `true` means all. What runs on the node goes on running.
 */
import type { Node } from './types.ts';

export type NodeAgent = 'kubelet' | 'kube-proxy' | 'cilium-agent';

export const STOPPED_ANNOTATION = 'kubehop.dev/stopped';
/** When the kubelet was last heard of; written by the node controller. */
export const STOPPED_SINCE_ANNOTATION = 'kubehop.dev/stopped-since';

export function isStopped(node: Node, agent: NodeAgent): boolean {
  const value = node.metadata.annotations?.[STOPPED_ANNOTATION];
  return value !== undefined && (value === 'true' || value.split(',').some((word) => word.trim() === agent));
}
