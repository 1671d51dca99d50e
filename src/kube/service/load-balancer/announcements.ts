/** Who announces which address: MetalLB's election by hash in layer 2, and the nodes that BGP routes go to. MetalLB: speaker/{layer2_controller,bgp_controller}.go. */
import type { ObjectKey, StoreView } from '../../../objects/types.ts';
import { objectKey } from '../../../objects/types.ts';
import { matchesSelector } from '../../label-selector.ts';
import { isNodeReady, type Node } from '../../node/types.ts';
import { sha256 } from '../kube-proxy-sha256.ts';
import { portsOf } from '../kube-proxy-shared.ts';
import type { Service } from '../types.ts';
import type { BgpAdvertisement, BgpPeer, IpAddressPool, L2Advertisement } from './kinds.ts';
import { poolHolds } from './pools.ts';

const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';

export interface Announcement {
  readonly service: Service;
  readonly ip: string;
  readonly pool: string;
  /** The objects behind it, the Service first. */
  readonly objects: readonly ObjectKey[];
  /** In layer 2 the one that answers; undefined where nobody does. */
  readonly owner: string | undefined;
  /** Over BGP: those that routes go to, by the address of the peer, with the route's prefix length. */
  readonly routes: readonly { readonly peer: string; readonly nodes: readonly string[]; readonly prefixLength: number }[];
}

const compare = (a: Uint8Array, b: Uint8Array): number => {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
};

/** Nodes with a speaker: Ready ones, but not those that are kept out of load balancers (kubeadm's control planes). */
export const speakers = (view: StoreView): readonly Node[] =>
  view.list<Node>('Node').filter((node) => isNodeReady(node) && node.metadata.labels?.[EXCLUDED] === undefined);

/** Of these nodes those that may take traffic for the Service: all while any endpoint is ready, or with policy Local those that have one. */
function serving(service: Service, ip: string, nodes: readonly Node[], view: StoreView): readonly Node[] {
  const ready = portsOf(service, ip.includes(':') ? 'IPv6' : 'IPv4', view).flatMap((port) => port.endpoints.filter((endpoint) => endpoint.ready));
  if (ready.length === 0) return [];
  if (service.spec.externalTrafficPolicy !== 'Local') return nodes;
  const local = new Set(ready.map((endpoint) => endpoint.nodeName));
  return nodes.filter((node) => local.has(node.metadata.name));
}

const namesPool = (pools: readonly string[] | undefined, pool: string): boolean => pools === undefined || pools.length === 0 || pools.includes(pool);
const selects = (selectors: Parameters<typeof matchesSelector>[0][] | undefined, node: Node): boolean =>
  selectors === undefined || selectors.length === 0 || selectors.some((selector) => matchesSelector(selector, node.metadata.labels));

export const poolsOf = (view: StoreView): readonly IpAddressPool[] =>
  [...view.list<IpAddressPool>('IPAddressPool')].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
export const findPool = (ip: string, view: StoreView): IpAddressPool | undefined => poolsOf(view).find((pool) => poolHolds(pool.spec?.addresses ?? [], ip));

export function announcementsOf(service: Service, view: StoreView): readonly Announcement[] {
  if (service.spec?.type !== 'LoadBalancer') return [];
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }): Announcement[] => {
    const pool = ip === undefined ? undefined : findPool(ip, view);
    if (ip === undefined || pool === undefined) return [];
    const name = pool.metadata.name;
    const nodes = serving(service, ip, speakers(view), view);
    const layer2 = view.list<L2Advertisement>('L2Advertisement').filter((one) => namesPool(one.spec?.ipAddressPools, name));
    const [owner] = nodes
      .filter((node) => layer2.some((one) => selects(one.spec?.nodeSelectors as [] | undefined, node)))
      .map((node) => ({ name: node.metadata.name, hash: sha256Bytes(`${node.metadata.name}#${ip}`) }))
      .sort((a, b) => compare(a.hash, b.hash));
    const bgp = view.list<BgpAdvertisement>('BGPAdvertisement').filter((one) => namesPool(one.spec?.ipAddressPools, name));
    const routes = view.list<BgpPeer>('BGPPeer').flatMap((peer) => {
      const heard = bgp.filter((one) => namesPool(one.spec?.peers, peer.metadata.name));
      const from = nodes.filter(
        (node) => selects(peer.spec?.nodeSelectors as [] | undefined, node) && heard.some((one) => selects(one.spec?.nodeSelectors as [] | undefined, node)),
      );
      const prefixLength = heard[0]?.spec?.aggregationLength ?? 32;
      return from.length === 0 ? [] : [{ peer: peer.spec?.peerAddress ?? '', nodes: from.map((node) => node.metadata.name), prefixLength }];
    });
    const objects = [service, pool, ...layer2, ...bgp].map(objectKey);
    return [{ service, ip, pool: name, objects, owner: owner?.name, routes }];
  });
}

const sha256Bytes = (text: string): Uint8Array => Uint8Array.from(sha256(text));
