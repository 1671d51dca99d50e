/** Where the daemons of CNIs run, found once per state of the store. */
import type { StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import { podsByNode } from '../node/pods-by-node.ts';
import type { HostLocalStore } from '../pod/host-local-store.ts';
import { imageRole } from '../pod/images.ts';
import { isContainerRunning } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import { isFinished, isTerminating } from '../pod/types.ts';

export interface Daemon {
  readonly pod: Pod;
  /** False while it crashes: it has no part in the network then, and something to say. */
  readonly running: boolean;
  /** It has run here, though it may crash now: what its init containers install is there. */
  readonly started: boolean;
}

/** Daemons of one role by node name, in the store's order. */
type Daemons = ReadonlyMap<string, Daemon>;

/** By role, filled when asked for. */
const daemonsByRole = perState(['Pod'], () => new Map<string, Daemons>());

/** The pod is this daemon's, whatever its state. */
export function isDaemon(pod: Pod, role: string): boolean {
  return pod.spec.hostNetwork === true && pod.spec.containers.some((container) => imageRole(container.image ?? '') === role);
}

const isRunning = (pod: Pod, role: string) =>
  pod.spec.containers.some((container) => imageRole(container.image ?? '') === role && isContainerRunning(pod, container.name));

const hasStarted = (pod: Pod): boolean =>
  pod.status?.containerStatuses?.some((one) => one.state?.running !== undefined || one.state?.terminated !== undefined || (one.restartCount ?? 0) > 0) ??
  pod.status?.phase === 'Running';

/** One daemon a node; where there are two (an update), the one that runs. */
export function daemonsOf(role: string, view: StoreView): Daemons {
  const byRole = daemonsByRole(view);
  let daemons = byRole.get(role);
  if (daemons === undefined) {
    const found = new Map<string, Daemon>();
    for (const [node, pods] of podsByNode(view)) {
      const own = pods
        .filter((pod) => isDaemon(pod, role) && !isTerminating(pod) && !isFinished(pod))
        .map((pod) => ({ pod, running: isRunning(pod, role), started: hasStarted(pod) }));
      const daemon = own.find((one) => one.running) ?? own[0];
      if (daemon !== undefined) found.set(node, daemon);
    }
    daemons = found;
    byRole.set(role, daemons);
  }
  return daemons;
}

const running = new WeakMap<Daemons, readonly string[]>();

/** Names of the nodes on which a daemon runs. */
export function daemonNodes(role: string, view: StoreView): readonly string[] {
  const daemons = daemonsOf(role, view);
  let names = running.get(daemons);
  if (names === undefined) {
    names = [...daemons].flatMap(([node, daemon]) => (daemon.running ? [node] : [])).sort();
    running.set(daemons, names);
  }
  return names;
}

/** Nodes on which one runs, or has run and has gone altogether: what it has told others of itself is still there. */
export function joinedNodes(role: string, view: StoreView): readonly string[] {
  const running = daemonNodes(role, view);
  const daemons = daemonsOf(role, view);
  const left = view
    .list<HostLocalStore>('HostLocalStore')
    .flatMap(({ metadata, spec }) => (spec?.network === role && !daemons.has(metadata.name) ? [metadata.name] : []));
  return left.length === 0 ? running : [...running, ...left].sort();
}
