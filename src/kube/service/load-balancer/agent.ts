/** What load balancers do to the network: speakers that answer ARP and tell routers, and a cloud's balancer in front of the nodes. */
import type { Origin } from '../../../base/origin.ts';
import { formatPrefix, networkOf, parseIp } from '../../../net/addr/ip.ts';
import type { ArpingConfig } from '../../../net/app/arping.ts';
import type { Chain, NetRecord, Process, ProxyNeighbor, Route, Rule } from '../../../net/records.ts';
import type { Agent, KubeObject, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { findNode, NETWORK_KINDS, underlayOf } from '../../node/cluster-network.ts';
import { perState } from '../../node/per-state.ts';
import { chainId, MAIN_TABLE, processId, ROUTER_HOST, rootNetnsId } from '../../node/record-ids.ts';
import { probability } from '../kube-proxy-names.ts';
import { kubeProxyOn } from '../kube-proxy-presence.ts';
import { portsOf } from '../kube-proxy-shared.ts';
import type { Service } from '../types.ts';
import { type Announcement, announcementsOf, speakers } from './announcements.ts';
import type { CloudProvider } from './kinds.ts';
import { poolHolds } from './pools.ts';

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

/** Nodes that a cloud's health check passes: kube-proxy's own, or for policy Local the Service's health check node port. */
function healthyNodes(service: Service, view: StoreView): readonly string[] {
  const proxied = speakers(view).filter((node) => kubeProxyOn(node.metadata.name, view) !== undefined);
  const local = service.spec.externalTrafficPolicy === 'Local';
  const endpoints = local ? portsOf(service, 'IPv4', view).flatMap((port) => port.endpoints.filter((endpoint) => endpoint.ready)) : [];
  const found = proxied.filter((node) => !local || endpoints.some((endpoint) => endpoint.nodeName === node.metadata.name));
  return found.flatMap((node) => findNode(node.metadata.name, view)?.ip ?? []);
}

/** A pass-through balancer: the destination becomes a node's port, the source stays, and answers come back through the router. */
function renderCloud(view: StoreView): Chain[] {
  const [cloud] = view.list<CloudProvider>('CloudProvider');
  if (cloud === undefined) return [];
  const netns = rootNetnsId(ROUTER_HOST);
  const nat: Rule[] = [];
  const mangle: Rule[] = [];
  for (const service of view.list<Service>('Service')) {
    const ips = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip !== undefined && poolHolds(cloud.spec?.addresses ?? [], ip) ? [ip] : []));
    if (ips.length === 0) continue;
    const origin: Origin = { component: 'cloud', objects: [objectKey(service), objectKey(cloud)] };
    const nodes = healthyNodes(service, view);
    for (const ip of ips) {
      for (const port of service.spec.ports ?? []) {
        const protocol = (port.protocol ?? 'TCP').toLowerCase();
        const match = `-d ${ip}/32 -p ${protocol} -m ${protocol} --dport ${port.port}`;
        const targets = (port.nodePort ?? 0) === 0 ? [] : nodes;
        if (targets.length === 0) mangle.push({ text: `${match} -j DROP`, origin });
        targets.forEach((node, i) => {
          const left = targets.length - i;
          const chance = left > 1 ? ` -m statistic --mode random --probability ${probability(left)}` : '';
          nat.push({ text: `${match}${chance} -j DNAT --to-destination ${node}:${port.nodePort}`, origin });
        });
      }
    }
  }
  const origin: Origin = { component: 'cloud', objects: [objectKey(cloud)] };
  const chain = (table: 'nat' | 'mangle', rules: readonly Rule[]): Chain => ({
    kind: 'chain',
    id: chainId(netns, table, 'PREROUTING'),
    origin,
    netns,
    table,
    name: 'PREROUTING',
    policy: 'ACCEPT',
    rules,
  });
  return [chain('mangle', mangle), chain('nat', nat)];
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
