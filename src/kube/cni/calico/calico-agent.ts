/** What calico-node writes on its node, and what the router of the underlay learns from it. */
import type { Origin } from '../../../base/origin.ts';
import type { NetRecord } from '../../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { findNode, NETWORK_KINDS } from '../../node/cluster-network.ts';
import { gatewayRoute } from '../../node/devices.ts';
import { ROUTER_HOST, rootNetnsId } from '../../node/record-ids.ts';
import type { Pod } from '../../pod/types.ts';
import { daemonNodes, daemonsOf, isDaemon } from '../daemons.ts';
import { BGP_KINDS, learnedRoutes, TOR } from './bgp.ts';
import { renderRoads } from './roads.ts';
import { CALICO } from './settings.ts';

const roads = (node: string): string => `${node}|roads`;
const keysOf = (view: StoreView): readonly string[] => {
  const nodes = [...daemonsOf(CALICO, view).keys()];
  return nodes.length === 0 ? [] : [...nodes.map(roads), roads(ROUTER_HOST)];
};

function renderRouter(): (view: StoreView) => NetRecord[] {
  const netns = rootNetnsId(ROUTER_HOST);
  return (view) =>
    learnedRoutes(TOR, view).map((route) =>
      gatewayRoute(netns, route.destination, route.nextHop, 'eth0', { component: 'bird', objects: route.objects }, 'bird'),
    );
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  const [name = ''] = key.split('|');
  if (name === ROUTER_HOST) return { records: renderRouter()(view) };
  const daemon = daemonNodes(CALICO, view).includes(name) ? daemonsOf(CALICO, view).get(name) : undefined;
  const node = findNode(name, view);
  if (daemon === undefined || node?.ip === undefined) return { records: [] };
  const origin: Origin = { component: 'felix', objects: [node.key, objectKey(daemon.pod)] };
  return { records: renderRoads(node, origin, view) };
}

/** Keys: `<node>|roads`, and the router's. */
export const calicoAgent: Agent<NetRecord> = {
  name: 'calico',
  watches: [...new Set([...BGP_KINDS, ...NETWORK_KINDS])],
  keysFor(changed: KubeObject, view: StoreView): readonly string[] {
    if (changed.kind === 'Pod' && !isDaemon(changed as Pod, CALICO)) return [];
    return keysOf(view);
  },
  keys: keysOf,
  render,
};
