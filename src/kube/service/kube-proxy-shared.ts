/** kube-proxy's rules, made once and shared by reference between nodes: a hundred nodes have the same Service chains. */
import type { Rule } from '../../net/records.ts';
import type { StoreView } from '../../objects/types.ts';
import { perState } from '../node/per-state.ts';
import type { LocalDetector, ProxyConfig } from './kube-proxy-config.ts';
import { inRange } from './kube-proxy-config.ts';
import type { ServicePort } from './kube-proxy-model.ts';
import { isForeign, SERVICE_NAME_LABEL, servicePorts } from './kube-proxy-model.ts';
import type { EndpointChains, PortRules } from './kube-proxy-service-rules.ts';
import { LARGE_CLUSTER_ENDPOINTS, portRules } from './kube-proxy-service-rules.ts';
import type { ProxyPlace } from './kube-proxy-topology.ts';
import { dependsOnNode } from './kube-proxy-topology.ts';
import type { EndpointSlice, Service } from './types.ts';

/** kube-proxy of one node and one family. */
export interface ProxyNode {
  readonly place: ProxyPlace;
  /** Of the family; '' without. */
  readonly ip: string;
  /** All addresses of the family on the node but those of loopback and kube-ipvs0. */
  readonly localIps: () => readonly string[];
  readonly config: ProxyConfig;
  readonly detector: LocalDetector;
  readonly largeCluster: boolean;
}

interface Remembered {
  readonly slices: readonly EndpointSlice[];
  readonly detectorText: string;
  readonly largeCluster: boolean;
  readonly endpointChains: EndpointChains;
  readonly rules: readonly PortRules[];
}

/** By configuration: the latest rules of each Service object that are the same on every node. Keyed by immutable objects, so never stale. */
const rememberedBy = new WeakMap<ProxyConfig, WeakMap<Service, Remembered>>();

function rememberedFor(config: ProxyConfig): WeakMap<Service, Remembered> {
  let known = rememberedBy.get(config);
  if (known === undefined) {
    known = new WeakMap();
    rememberedBy.set(config, known);
  }
  return known;
}

const detectorText = (detector: LocalDetector) =>
  detector.by === 'cidr' ? detector.cidr : detector.by === 'interface' ? `${detector.name}/${detector.exact}` : '';
const sameItems = <T>(a: readonly T[], b: readonly T[]) => a.length === b.length && a.every((item, i) => item === b[i]);

export function slicesOf(service: Service, view: StoreView): readonly EndpointSlice[] {
  return view.select<EndpointSlice>('EndpointSlice', service.metadata.namespace ?? 'default', { [SERVICE_NAME_LABEL]: service.metadata.name });
}

const NO_CHAINS: EndpointChains = new Map();

interface PortsOf {
  readonly slices: readonly EndpointSlice[];
  readonly ports: readonly ServicePort[];
}
/** The latest ports of each Service object, by family: every node of a cluster and every part of kube-proxy asks for the same. */
const latestPorts = { IPv4: new WeakMap<Service, PortsOf>(), IPv6: new WeakMap<Service, PortsOf>() };

/** What kube-proxy knows of a Service in a family. */
export function portsOf(service: Service, family: ProxyConfig['family'], view: StoreView): readonly ServicePort[] {
  const slices = slicesOf(service, view);
  const known = latestPorts[family].get(service);
  if (known !== undefined && sameItems(known.slices, slices)) return known.ports;
  const ports = servicePorts(service, slices, family);
  latestPorts[family].set(service, { slices, ports });
  return ports;
}

/** The rules of all ports of a Service on a node. */
export function serviceRules(service: Service, node: ProxyNode, view: StoreView): readonly PortRules[] {
  const { config, detector, largeCluster } = node;
  const slices = slicesOf(service, view);
  const text = detectorText(detector);
  const remembered = rememberedFor(config);
  const known = remembered.get(service);
  const comparable = known !== undefined && known.largeCluster === largeCluster && known.detectorText === text;
  if (comparable && sameItems(known.slices, slices)) return known.rules;
  const ports = portsOf(service, config.family, view);
  const endpointChains: EndpointChains = new Map();
  const options = {
    config,
    detector,
    place: node.place,
    nodeIp: node.ip,
    largeCluster,
    known: comparable ? known.endpointChains : NO_CHAINS,
    used: endpointChains,
    contains: inRange,
  };
  const rules = ports.map((port) => portRules(port, options));
  // Rules that name this node's own endpoints or address are this node's only.
  if (!ports.some((port) => dependsOnNode(port) || port.sourceRanges.length > 0)) {
    remembered.set(service, { slices, detectorText: text, largeCluster, endpointChains, rules });
  }
  return rules;
}

/** Endpoints times ports over all slices that kube-proxy sees, by family. Kubernetes: pkg/proxy/iptables, largeClusterEndpointsThreshold. */
export const countEndpoints = perState(['EndpointSlice'], (view): Readonly<Record<string, number>> => {
  const count = { IPv4: 0, IPv6: 0, FQDN: 0 };
  for (const slice of view.list<EndpointSlice>('EndpointSlice')) {
    const labels = slice.metadata.labels;
    if (labels?.[SERVICE_NAME_LABEL] === undefined || isForeign(labels) || !Object.hasOwn(count, slice.addressType)) continue;
    count[slice.addressType as keyof typeof count] += (slice.endpoints?.length ?? 0) * (slice.ports?.length ?? 0);
  }
  return count;
});

export const isLargeCluster = (view: StoreView, family: ProxyConfig['family']): boolean => (countEndpoints(view)[family] ?? 0) > LARGE_CLUSTER_ENDPOINTS;

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
