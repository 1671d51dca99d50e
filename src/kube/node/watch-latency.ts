/**
 * Control-plane lag: how long after a change each component hears of it. `ControlPlane` objects say it for components, by name; the annotation
 * `kubehop.dev/watch-latency: kube-proxy=3s,kubelet=500ms` says it for the agents of one Node and counts more. Without either nothing takes time.
 * A late agent sees the objects as they have been delivered (`objects/mailbox.ts`); a late controller, once it wakes, as they are by then.
 */
import type { StoreView, WatchLatency } from '../../objects/types.ts';
import { parseDurationNs } from './cluster-network.ts';
import type { ControlPlane } from './control-plane.ts';
import { perState } from './per-state.ts';
import { isStopped } from './stopped-agents.ts';
import type { Node } from './types.ts';

export const LATENCY_ANNOTATION = 'kubehop.dev/watch-latency';
/** What a kubelet or kube-proxy does not hear while it is stopped, it hears when it starts. */
const never = Number.POSITIVE_INFINITY;
const maxEntries = 20;

/** `kube-proxy=3s,kubelet=500ms`; what cannot be read is left out. */
export function parseLatencies(text: string | undefined): ReadonlyMap<string, number> {
  const latencies = new Map<string, number>();
  for (const part of (text ?? '').split(',').slice(0, maxEntries)) {
    const [name = '', time] = part.split('=').map((one) => one.trim());
    const latencyNs = parseDurationNs(time);
    if (name !== '' && latencyNs !== undefined) latencies.set(name, latencyNs);
  }
  return latencies;
}

/** The node whose agent looks after a key: the kubelet's are `Node/<name>`, kube-proxy's begin with the node's name. */
export function nodeOf(component: string, key: string): string | undefined {
  if (component === 'kubelet') return key.slice(key.indexOf('/') + 1);
  return component === 'kube-proxy' || component === 'cilium-agent' ? key.split('|', 1)[0] : undefined;
}

/** Undefined when nobody is late: then nothing is looked up for each key. */
export const watchLatency: (view: StoreView) => WatchLatency | undefined = perState(['ControlPlane', 'Node'], (view) => {
  const general = new Map<string, number>();
  for (const { spec } of view.list<ControlPlane>('ControlPlane'))
    for (const [name, time] of Object.entries(spec?.watchLatency ?? {})) general.set(name, parseDurationNs(time) ?? 0);
  const byNode = new Map<string, ReadonlyMap<string, number>>();
  for (const node of view.list<Node>('Node')) {
    const own = new Map(parseLatencies(node.metadata.annotations?.[LATENCY_ANNOTATION]));
    // A stopped kubelet is silent by its own rule: its node must be seen to be so.
    // What has been loaded goes on working: rules, and programs with their maps.
    for (const agent of ['kube-proxy', 'cilium-agent'] as const) if (isStopped(node, agent)) own.set(agent, never);
    if (own.size > 0) byNode.set(node.metadata.name, own);
  }
  if (general.size === 0 && byNode.size === 0) return undefined;
  return (component, key) => {
    const node = nodeOf(component, key);
    return (node === undefined ? undefined : byNode.get(node)?.get(component)) ?? general.get(component) ?? 0;
  };
});
