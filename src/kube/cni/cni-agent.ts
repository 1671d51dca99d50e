/** The CNI's part of a node: what its daemon writes, and the bridge once there are pods. */
import type { NetRecord } from '../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { findNode, NETWORK_KINDS } from '../node/cluster-network.ts';
import { leftBehind } from '../node/left-behind.ts';
import { ensureChain } from '../node/merge-record.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { hasSandbox } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import { isDaemon } from './daemons.ts';
import { cniOf, cnis, plugOf } from './index.ts';
import { portmapChains } from './portmap.ts';

const nodeNames = (view: StoreView) => view.list('Node').map((node) => node.metadata.name);
const bridgeKey = (node: string) => `${node}|bridge`;
const bothKeys = (view: StoreView) => nodeNames(view).flatMap((node) => [node, bridgeKey(node)]);

function render(key: string, view: StoreView, before: readonly NetRecord[] = []): Rendering<NetRecord> {
  const bar = key.indexOf('|');
  const node = findNode(bar < 0 ? key : key.slice(0, bar), view);
  if (node === undefined || (node.ip === undefined && node.ip6 === undefined)) return { records: [] };
  const found = cniOf(node, view);
  const { cni, site, running, own, plugin, pluginSite } = found;
  if (bar < 0) {
    // Devices, routes and rules are the kernel's, which keeps them.
    if (!own) return { records: leftBehind(before) };
    const rendering = cni.renderNode(site);
    // A daemon that crashes writes nothing, and still says why.
    if (!running) return { ...rendering, records: leftBehind(before) };
    const others = before.filter((record) => record.origin.component !== cni.name);
    return others.length === 0 ? rendering : { ...rendering, records: [...leftBehind(others), ...rendering.records] };
  }
  const used = new Map(
    podsOn(view, node.name)
      .flatMap((pod) => (hasSandbox(pod) ? [plugOf(found, pod.status?.podIP ?? '')] : []))
      .map(({ cni: one, site: at }) => [one, at]),
  );
  if (used.size === 0) return { records: [] };
  const portmap = plugin.portmap?.(pluginSite);
  const rendered = [...used].flatMap(([one, at]) => one.renderPodNetwork(at));
  const kept = before.filter((record) => record.kind === 'device' || record.kind === 'route');
  // Without the daemon nobody changes the bridge, and a CNI that has none leaves another's alone.
  const isLeft = !own && cni.role !== undefined && kept.length > 0;
  const bridge = isLeft ? kept : rendered.some((record) => record.kind === 'device') ? rendered : [...rendered, ...kept];
  return { records: [...bridge, ...(portmap === undefined ? [] : portmapChains(pluginSite, portmap))] };
}

/** A ConfigMap that some CNI reads. */
export function isCniConfig(changed: KubeObject): boolean {
  const data = (changed as KubeObject & { readonly data?: Readonly<Record<string, string>> }).data;
  return data !== undefined && cnis.some((cni) => cni.configKeys.some((key) => Object.hasOwn(data, key)));
}

export function isCniDaemon(pod: Pod): boolean {
  return cnis.some((cni) => cni.role !== undefined && isDaemon(pod, cni.role));
}

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'Pod') {
    const pod = changed as Pod;
    // A daemon that comes or goes gives or takes a lease, which all other nodes have a route for.
    if (isCniDaemon(pod)) return bothKeys(view);
    return pod.spec.nodeName === undefined || pod.spec.hostNetwork === true ? [] : [bridgeKey(pod.spec.nodeName)];
  }
  if (changed.kind === 'ConfigMap') return isCniConfig(changed) ? bothKeys(view) : [];
  return changed.kind === 'Node' ? [changed.metadata.name, bridgeKey(changed.metadata.name), ...bothKeys(view)] : bothKeys(view);
}

/** flannel's route check is that of its plain-route backends; routes through flannel.1 are written once. flannel: pkg/backend/route_network.go */
const isCheckedRoute = (record: NetRecord): boolean => record.kind === 'route' && record.origin.component === 'flannel' && !record.onlink;

/** Keys: `<node>` for the daemon's records, `<node>|bridge` for the bridge. */
export const cniAgent: Agent<NetRecord> = {
  name: 'cni',
  watches: ['Pod', 'ConfigMap', ...NETWORK_KINDS],
  keysFor,
  keys: bothKeys,
  render,
  repairs: [
    { seconds: 5, repair: (rendered, find) => rendered.flatMap((record) => (record.kind === 'chain' ? ensureChain(record, find(record.id)) : [])) },
    { seconds: 10, repair: (rendered, find) => rendered.filter((record) => isCheckedRoute(record) && find(record.id) === undefined) },
  ],
};
