/** kube-proxy's rules, made once and shared by reference between nodes: a hundred nodes have the same Service chains. */
import { contains, parseCidr, parseIp4 } from '../../net/addr/ip4.ts';
import type { Rule } from '../../net/records.ts';
import type { StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import type { LocalDetector, ProxyConfig } from './kube-proxy-config.ts';
import { SERVICE_NAME_LABEL, servicePorts, usesLocalEndpoints } from './kube-proxy-model.ts';
import type { EndpointChains, PortRules } from './kube-proxy-service-rules.ts';
import { LARGE_CLUSTER_ENDPOINTS, portRules } from './kube-proxy-service-rules.ts';
import type { EndpointSlice, Service } from './types.ts';

export interface ProxyNode {
  readonly name: string;
  readonly ip: string;
  readonly config: ProxyConfig;
  readonly detector: LocalDetector;
  readonly largeCluster: boolean;
}

interface Remembered {
  readonly slices: readonly EndpointSlice[];
  readonly config: ProxyConfig;
  readonly detectorText: string;
  readonly largeCluster: boolean;
  readonly endpointChains: EndpointChains;
  readonly rules: readonly PortRules[];
}

/** The latest rules of each Service object that are the same on every node. Keyed by immutable objects, so never stale. */
const remembered = new WeakMap<Service, Remembered>();

const detectorText = (detector: LocalDetector) =>
  detector.by === 'cidr' ? detector.cidr : detector.by === 'interface' ? `${detector.name}/${detector.exact}` : '';
const sameItems = <T>(a: readonly T[], b: readonly T[]) => a.length === b.length && a.every((item, i) => item === b[i]);

/** Is the IPv4 address in the range? False for anything malformed. */
export function inRange(range: string, ip: string): boolean {
  const parsed = parseCidr(range);
  const address = parseIp4(ip);
  return parsed !== undefined && address !== undefined && contains(parsed.network, parsed.prefixLength, address);
}

export function slicesOf(service: Service, view: StoreView): readonly EndpointSlice[] {
  return view.select<EndpointSlice>('EndpointSlice', service.metadata.namespace ?? 'default', { [SERVICE_NAME_LABEL]: service.metadata.name });
}

const NO_CHAINS: EndpointChains = new Map();

/** The rules of all ports of a Service on a node. */
export function serviceRules(service: Service, node: ProxyNode, view: StoreView): readonly PortRules[] {
  const { config, detector, largeCluster } = node;
  const slices = slicesOf(service, view);
  const text = detectorText(detector);
  const known = remembered.get(service);
  const comparable = known !== undefined && known.config === config && known.largeCluster === largeCluster && known.detectorText === text;
  if (comparable && sameItems(known.slices, slices)) return known.rules;
  const ports = servicePorts(service, slices, config.family);
  const endpointChains: EndpointChains = new Map();
  const options = {
    config,
    detector,
    nodeName: node.name,
    nodeIp: node.ip,
    largeCluster,
    known: comparable ? known.endpointChains : NO_CHAINS,
    used: endpointChains,
    contains: inRange,
  };
  const rules = ports.map((port) => portRules(port, options));
  // Rules that name this node's own endpoints or address are this node's only.
  if (!ports.some((port) => usesLocalEndpoints(port) || port.sourceRanges.length > 0)) {
    remembered.set(service, { slices, config, detectorText: text, largeCluster, endpointChains, rules });
  }
  return rules;
}

/** Endpoints times ports over all slices. Kubernetes: pkg/proxy/iptables, largeClusterEndpointsThreshold. */
export const countEndpoints = perState(['EndpointSlice'], (view): number => {
  let count = 0;
  for (const slice of view.list<EndpointSlice>('EndpointSlice')) count += (slice.endpoints?.length ?? 0) * (slice.ports?.length ?? 0);
  return count;
});

export const isLargeCluster = (view: StoreView): boolean => countEndpoints(view) > LARGE_CLUSTER_ENDPOINTS;

/** Lists of rules that were made before, by their first rule. */
const lists = new WeakMap<Rule, readonly (readonly Rule[])[]>();
const NONE: readonly Rule[] = [];
/** Nodes of one cluster have few different lists with the same beginning. */
const MAX_LISTS = 4;

/** The same reference for lists of the same rules, so that they are compiled once. */
export function shareList(rules: readonly Rule[]): readonly Rule[] {
  const first = rules[0];
  if (first === undefined) return NONE;
  const known = lists.get(first) ?? [];
  const same = known.find((list) => sameItems(list, rules));
  if (same !== undefined) return same;
  lists.set(first, [rules, ...known].slice(0, MAX_LISTS));
  return rules;
}
