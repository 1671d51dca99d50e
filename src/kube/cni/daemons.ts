/** Where the daemons of CNIs run, found once per state of the store. */
import type { StoreView } from '../../objects/types.ts';
import { podsByNode } from '../node/pods-by-node.ts';
import { imageRole } from '../pod/images.ts';
import { isContainerRunning } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import { isTerminating } from '../pod/types.ts';

/** The pods of one daemon by node name, in the store's order. */
type Daemons = ReadonlyMap<string, Pod>;

/** Keyed by the store's own index, which is replaced whenever a Pod changes. */
const indexes = new WeakMap<ReadonlyMap<string, readonly Pod[]>, Map<string, Daemons>>();

/** The pod is this daemon's, whatever its state. */
export function isDaemon(pod: Pod, role: string): boolean {
  return pod.spec.hostNetwork === true && pod.spec.containers.some((container) => imageRole(container.image ?? '') === role);
}

function runs(pod: Pod, role: string): boolean {
  return isDaemon(pod, role) && !isTerminating(pod) && pod.spec.containers.some((container) => imageRole(container.image ?? '') === role && isContainerRunning(pod, container.name));
}

/** Running daemons of a role (`flannel`). */
export function daemonsOf(role: string, view: StoreView): Daemons {
  const groups = podsByNode(view);
  let byRole = indexes.get(groups);
  if (byRole === undefined) {
    byRole = new Map();
    indexes.set(groups, byRole);
  }
  let daemons = byRole.get(role);
  if (daemons === undefined) {
    const found = new Map<string, Pod>();
    for (const [node, pods] of groups) {
      const daemon = pods.find((pod) => runs(pod, role));
      if (daemon !== undefined) found.set(node, daemon);
    }
    daemons = found;
    byRole.set(role, daemons);
  }
  return daemons;
}

/** Names of the nodes on which a daemon runs. */
export function daemonNodes(role: string, view: StoreView): readonly string[] {
  return [...daemonsOf(role, view).keys()].sort();
}
