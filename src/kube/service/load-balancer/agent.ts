/** What load balancers do to the network: speakers that answer ARP and tell routers, and a cloud's balancer in front of the nodes. */
import type { Origin } from '../../../base/origin.ts';
import { formatPrefix, networkOf, parseIp } from '../../../net/addr/ip.ts';
import type { ArpingConfig } from '../../../net/app/arping.ts';
import type { NetRecord, Process, ProxyNeighbor, Route } from '../../../net/records.ts';
import type { Agent, KubeObject, StoreView } from '../../../objects/types.ts';
import { findNode, NETWORK_KINDS, underlayOf } from '../../node/cluster-network.ts';
import { perState } from '../../node/per-state.ts';
import { MAIN_TABLE, processId, ROUTER_HOST, rootNetnsId } from '../../node/record-ids.ts';
import type { Service } from '../types.ts';
import { type Announcement, announcementsOf } from './announcements.ts';
import { renderCloud } from './cloud.ts';

const SPEAKER = 'metallb-speaker';
/** Announced again and again for five seconds: one may get lost. MetalLB: internal/layer2/announcer.go, spam. */
const ANNOUNCEMENTS: Omit<ArpingConfig, 'destination' | 'source'> = {
  device: 'eth0',
  count: 5,
  timeoutSeconds: 0,
  intervalSeconds: 1.1,
  quitOnReply: false,
  quiet: true,
  broadcastOnly: true,
  mode: 'unsolicited',
};

const KINDS = ['Service', 'EndpointSlice', 'IPAddressPool', 'L2Advertisement', 'BGPAdvertisement', 'BGPPeer', 'CloudProvider', ...NETWORK_KINDS] as const;

const announced = perState(KINDS, (view): readonly Announcement[] =>
  view.list('IPAddressPool').length === 0 ? [] : view.list<Service>('Service').flatMap((service) => announcementsOf(service, view)),
);

/** The elected speaker's own: nobody has the address, it only answers for it. */
function renderSpeaker(node: string, view: StoreView): NetRecord[] {
  const netns = rootNetnsId(node);
  return announced(view).flatMap(({ ip, owner, objects }): NetRecord[] => {
    if (owner !== node || ip.includes(':')) return [];
    const origin: Origin = { component: SPEAKER, objects };
    const answers: ProxyNeighbor = { kind: 'proxy-neighbor', id: `${netns}/proxy-neighbor/eth0/${ip}`, origin, netns, device: 'eth0', ip, program: SPEAKER };
    const config: ArpingConfig = { ...ANNOUNCEMENTS, destination: ip, source: ip };
    const tells: Process = { kind: 'process', id: processId(netns, `${SPEAKER}.${ip}`), origin, netns, app: 'arping', name: SPEAKER, config };
    return [answers, tells];
  });
}

/** What the router has learnt: a route to each address, over as many ways as there are nodes that announce it. */
function renderBgpRoutes(view: StoreView): Route[] {
  const netns = rootNetnsId(ROUTER_HOST);
  const { gateway } = underlayOf(view);
  const routes = new Map<string, Route>();
  for (const { ip, routes: told, objects } of announced(view)) {
    for (const { peer, nodes, prefixLength } of told) {
      const address = parseIp(ip);
      if (peer !== gateway || typeof address !== 'number') continue;
      const destination = formatPrefix(networkOf(address, prefixLength), prefixLength);
      const ways = nodes.flatMap((node) => findNode(node, view)?.ip ?? []).map((to) => ({ gateway: to, device: 'eth0', weight: 1, onlink: false }));
      const [only] = ways;
      if (only === undefined) continue;
      routes.set(destination, {
        kind: 'route',
        id: `${netns}/route/${MAIN_TABLE}/${destination}/20`,
        origin: { component: SPEAKER, objects },
        netns,
        table: MAIN_TABLE,
        destination,
        type: 'unicast',
        ...(ways.length === 1 ? { gateway: only.gateway, device: only.device } : { nextHops: ways }),
        protocol: 'bgp',
        scope: 'global',
        metric: 20,
        onlink: false,
      });
    }
  }
  return [...routes.values()];
}

const keys = (view: StoreView) => [ROUTER_HOST, ...view.list('Node').map((node) => node.metadata.name)];
/** Nothing is announced and no cloud is there: nobody needs to look. */
const isIdle = (view: StoreView) => view.list('IPAddressPool').length === 0 && view.list('CloudProvider').length === 0;

/** Keys: node names, and `router`. */
export const loadBalancerAgent: Agent<NetRecord> = {
  name: 'load-balancer',
  watches: KINDS,
  keysFor: (changed: KubeObject, view) =>
    (changed.kind === 'Service' || changed.kind === 'EndpointSlice') && isIdle(view)
      ? []
      : changed.kind === 'Node'
        ? [changed.metadata.name, ...keys(view)]
        : keys(view),
  keys,
  render(key, view) {
    if (isIdle(view)) return { records: [] };
    return { records: key === ROUTER_HOST ? [...renderBgpRoutes(view), ...renderCloud(view)] : renderSpeaker(key, view) };
  },
};
