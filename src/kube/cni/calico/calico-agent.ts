/** What calico-node writes on its node, and what the router of the underlay learns from it. */
import type { Origin } from '../../../base/origin.ts';
import type { BirdConfig } from '../../../net/app/bird.ts';
import type { NetRecord, Process } from '../../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { findNode, NETWORK_KINDS } from '../../node/cluster-network.ts';
import { gatewayRoute } from '../../node/devices.ts';
import { leftBehind } from '../../node/left-behind.ts';
import { processId, ROUTER_HOST, rootNetnsId } from '../../node/record-ids.ts';
import type { Pod } from '../../pod/types.ts';
import { daemonNodes, daemonsOf, isDaemon } from '../daemons.ts';
import { BGP_KINDS, bgpSpeakers, learnedRoutes, TOR, toldRoutes } from './bgp.ts';
import { FELIX, FELIX_KINDS, renderFelix } from './felix.ts';
import { renderRoads } from './roads.ts';
import { CALICO, calicoSettings } from './settings.ts';

const roads = (node: string): string => `${node}|roads`;
const felix = (node: string): string => `${node}|felix`;
const keysOf = (view: StoreView): readonly string[] => {
  const nodes = [...daemonsOf(CALICO, view).keys()];
  return nodes.length === 0 ? [] : [...nodes.flatMap((node) => [roads(node), felix(node)]), roads(ROUTER_HOST)];
};

const ROAD_KINDS: ReadonlySet<string> = new Set([...BGP_KINDS, ...NETWORK_KINDS]);

function birdProcess(speaker: string, host: string, origin: Origin, view: StoreView): Process[] {
  const found = bgpSpeakers(view).get(speaker);
  if (found === undefined) return [];
  const netns = rootNetnsId(host);
  const config: BirdConfig = {
    ip: found.ip,
    as: found.as,
    port: calicoSettings(view).bgp.listenPort ?? 179,
    peers: found.sessions.map((session) => ({ ip: session.peerIp, as: session.peerAs, tells: toldRoutes(found, session, view) })),
  };
  return [{ kind: 'process', id: processId(netns, 'bird'), origin, netns, app: 'bird', name: 'bird', config }];
}

function renderRouter(view: StoreView): NetRecord[] {
  const netns = rootNetnsId(ROUTER_HOST);
  return [
    ...birdProcess(TOR, ROUTER_HOST, { component: 'bird', objects: [] }, view),
    ...learnedRoutes(TOR, view).map((route) =>
      gatewayRoute(netns, route.destination, route.nextHop, 'eth0', { component: 'bird', objects: route.objects }, 'bird'),
    ),
  ];
}

function render(key: string, view: StoreView, before: readonly NetRecord[] = []): Rendering<NetRecord> {
  const [name = '', part] = key.split('|');
  if (name === ROUTER_HOST) return { records: renderRouter(view) };
  const daemon = daemonNodes(CALICO, view).includes(name) ? daemonsOf(CALICO, view).get(name) : undefined;
  const node = findNode(name, view);
  if (node?.ip === undefined) return { records: [] };
  // Felix' rules and BIRD's routes (`persist` of its kernel protocol) outlive their programs. Calico: confd/etc/calico/confd/templates/bird.cfg.template
  if (daemon === undefined) return { records: leftBehind(before) };
  const origin: Origin = { component: FELIX, objects: [node.key, objectKey(daemon.pod)] };
  return {
    records:
      part === 'felix'
        ? renderFelix(node, origin, view)
        : [...renderRoads(node, origin, view), ...birdProcess(name, name, { ...origin, component: 'bird' }, view)],
  };
}

/** Keys: `<node>|roads`, `<node>|felix`, and the router's. */
export const calicoAgent: Agent<NetRecord> = {
  name: 'calico',
  watches: [...new Set([...BGP_KINDS, ...NETWORK_KINDS, ...FELIX_KINDS])],
  keysFor(changed: KubeObject, view: StoreView): readonly string[] {
    const all = keysOf(view);
    // Endpoints and policies lead no way.
    const isFelix = changed.kind === 'Pod' ? !isDaemon(changed as Pod, CALICO) : !ROAD_KINDS.has(changed.kind);
    if (isFelix) return all.filter((key) => key.endsWith('|felix'));
    // A daemon that has gone is in no list any more.
    const node = changed.kind === 'Pod' ? ((changed as Pod).spec.nodeName ?? '') : '';
    return node === '' ? all : [...new Set([...all, roads(node), felix(node), roads(ROUTER_HOST)])];
  },
  keys: keysOf,
  render,
};
