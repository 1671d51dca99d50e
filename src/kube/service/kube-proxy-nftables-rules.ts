/** What one service port is in kube-proxy's nftables table: elements of the shared maps, and chains of its own. Kubernetes v1.35: pkg/proxy/nftables/proxier.go, syncProxyRules. */
import type { ObjectKey, Origin } from '../../base/origin.ts';
import type { NftElement, NftRule } from '../../net/nft/nft-records.ts';
import type { LocalDetector, ProxyConfig } from './kube-proxy-config.ts';
import type { Endpoint, ServicePort } from './kube-proxy-model.ts';
import type { SharedSet } from './kube-proxy-nftables-names.ts';
import {
  CLUSTER_IPS,
  endpointName,
  FIREWALL_IPS,
  MARK_FOR_MASQUERADE,
  NO_ENDPOINT_NODE_PORTS,
  NO_ENDPOINT_SERVICES,
  REJECT_CHAIN,
  SERVICE_IPS,
  SERVICE_NODE_PORTS,
  servicePortName,
} from './kube-proxy-nftables-names.ts';
import type { EndpointChoice } from './kube-proxy-topology.ts';

export interface NftPortChain {
  readonly name: string;
  readonly handle: number;
  readonly rules: readonly NftRule[];
  readonly origin: Origin;
  /** The set beside an endpoint's chain in which its clients are remembered. */
  readonly affinity?: { readonly name: string; readonly handle: number; readonly timeoutMs: number };
}

export interface NftPortRules {
  readonly elements: readonly { readonly set: SharedSet; readonly key: string; readonly element: NftElement }[];
  readonly chains: readonly NftPortChain[];
}

export interface NftPortOptions {
  readonly config: ProxyConfig;
  readonly detector: LocalDetector;
  readonly nodeIp: string;
  /** Endpoints' chains that were written before for the same port: most outlive a change. */
  readonly known: ReadonlyMap<string, NftPortChain>;
  readonly used: Map<string, NftPortChain>;
  readonly contains: (range: string, ip: string) => boolean;
}

/** Handles of one port: a region of the table that its name gives, so that a listing shows its chains together. */
const REGION = 4096;
const FIRST_REGION = 1;
/** Every handle that a port can give out is below. */
export const LAST_HANDLE = (2 ** 20 + FIRST_REGION) * REGION;
const ENDPOINT_PLACES = 512;
const RULES_OF_ENDPOINT = 6;
const PLACE = { service: ENDPOINT_PLACES * RULES_OF_ENDPOINT, local: 0, external: 0, firewall: 0 };
PLACE.local = PLACE.service + 1;
PLACE.external = PLACE.service + 2;
PLACE.firewall = PLACE.service + 3;

const ipWord = (port: ServicePort): 'ip' | 'ip6' => (port.family === 'IPv6' ? 'ip6' : 'ip');

/** The words for "comes from a pod of ours" and its opposite; '' where kube-proxy cannot tell. */
function fromLocal(detector: LocalDetector, ip: 'ip' | 'ip6', not: '' | '!= '): string {
  if (detector.by === 'cidr') return `${ip} saddr ${not}${detector.cidr}`;
  // A prefix is no name of a device; nft takes it behind iifname only.
  if (detector.by === 'interface') return detector.exact ? `iif ${not}"${detector.name}"` : `iifname ${not}"${detector.name}*"`;
  return '';
}

/** @param text what nft prints */
function rulesOf(texts: readonly string[], first: number, origin: Origin): readonly NftRule[] {
  return texts.map((text, i) => ({ text, handle: first + i, origin }));
}

function originOf(service: ObjectKey, pod?: ObjectKey): Origin {
  return { component: 'kube-proxy', objects: pod === undefined ? [service] : [service, pod] };
}

function endpointChain(port: ServicePort, endpoint: Endpoint, region: number): NftPortChain {
  const name = endpointName(port, endpoint);
  const ip = ipWord(port);
  const handle = region + (name.number % ENDPOINT_PLACES) * RULES_OF_ENDPOINT;
  const origin = originOf(port.service, endpoint.pod);
  const affinity = `affinity-${name.text}`;
  const rules = rulesOf(
    [
      // A client that is chosen as its own server must not see itself as the sender.
      `${ip} saddr ${endpoint.ip} jump ${MARK_FOR_MASQUERADE}`,
      ...(port.affinitySeconds > 0 ? [`update @${affinity} { ${ip} saddr }`] : []),
      `meta l4proto ${port.protocol} dnat to ${endpoint.address}`,
    ],
    handle + 2,
    origin,
  );
  const chain = { name: `endpoint-${name.text}`, handle, rules, origin };
  return port.affinitySeconds === 0 ? chain : { ...chain, affinity: { name: affinity, handle: handle + 1, timeoutMs: port.affinitySeconds * 1000 } };
}

/** One port on one node. Cost: O(endpoints of the port). */
export function nftPortRules(port: ServicePort, choice: EndpointChoice, options: NftPortOptions): NftPortRules {
  const { config, detector } = options;
  const { cluster, local, reachable, any } = choice;
  const ip = ipWord(port);
  const base = servicePortName(port);
  const region = (base.number + FIRST_REGION) * REGION;
  const origin = originOf(port.service);
  const endpoints = new Map<Endpoint, NftPortChain>();
  for (const endpoint of reachable) {
    const key = `${port.family} ${port.name} ${port.protocol} ${port.affinitySeconds} ${endpoint.address} ${endpoint.pod ?? ''}`;
    const chain = options.known.get(key) ?? endpointChain(port, endpoint, region);
    options.used.set(key, chain);
    endpoints.set(endpoint, chain);
  }
  const names = { cluster: `service-${base.text}`, local: `local-${base.text}`, external: `external-${base.text}`, firewall: `firewall-${base.text}` };
  const hasInternal = any && !(port.internalLocal && local.length === 0);
  const hasExternal = any && !(port.externalLocal && local.length === 0);
  const internalChain = port.internalLocal ? names.local : names.cluster;
  const externalPolicyChain = port.externalLocal ? names.local : names.cluster;
  const refusal = any ? 'drop' : `goto ${REJECT_CHAIN}`;

  const elements: { set: SharedSet; key: string; element: NftElement }[] = [];
  const add = (set: SharedSet, key: string, data: string) => elements.push({ set, key, element: { text: `${key}${data}` } });
  const serve = (set: SharedSet, key: string, chain: string) => add(set, key, ` : goto ${chain}`);
  const refuse = (set: SharedSet, key: string) => add(set, key, ` comment "${port.name}" : ${refusal}`);
  const at = (address: string) => `${address} . ${port.protocol} . ${port.port}`;

  add(CLUSTER_IPS, port.clusterIp, '');
  if (hasInternal) serve(SERVICE_IPS, at(port.clusterIp), internalChain);
  else refuse(NO_ENDPOINT_SERVICES, at(port.clusterIp));
  const usesFirewall = port.loadBalancerIps.length > 0 && port.sourceRanges.length > 0;
  for (const address of [...port.externalIps, ...port.loadBalancerIps]) {
    if (any) serve(SERVICE_IPS, at(address), names.external);
    if (!hasExternal) refuse(NO_ENDPOINT_SERVICES, at(address));
  }
  if (usesFirewall) for (const address of port.loadBalancerIps) serve(FIREWALL_IPS, at(address), names.firewall);
  if (port.nodePort !== 0) {
    const key = `${port.protocol} . ${port.nodePort}`;
    if (any) serve(SERVICE_NODE_PORTS, key, names.external);
    if (!hasExternal) refuse(NO_ENDPOINT_NODE_PORTS, key);
  }

  const internal: string[] = [];
  if (hasInternal) {
    const outside = fromLocal(detector, ip, '!= ');
    if (config.masqueradeAll) internal.push(`${ip} daddr ${port.clusterIp} jump ${MARK_FOR_MASQUERADE}`);
    else if (outside !== '') internal.push(`${ip} daddr ${port.clusterIp} ${outside} jump ${MARK_FOR_MASQUERADE}`);
  }
  const balance = (chosen: readonly Endpoint[]): string[] => {
    const chains = chosen.map((endpoint) => endpoints.get(endpoint));
    const remembered = port.affinitySeconds === 0 ? [] : chains.map((chain) => `${ip} saddr @${chain?.affinity?.name} goto ${chain?.name}`);
    return [...remembered, `numgen random mod ${chains.length} vmap { ${chains.map((chain, i) => `${i} : goto ${chain?.name}`).join(', ')} }`];
  };
  const chains: NftPortChain[] = [...endpoints.values()];
  const own = (name: string, place: number, texts: readonly string[]) =>
    chains.push({ name, handle: region + place, rules: rulesOf(texts, region + PLACE.firewall + 1, origin), origin });
  if (cluster.length > 0) own(names.cluster, PLACE.service, [...(port.internalLocal ? [] : internal), ...balance(cluster)]);
  if (local.length > 0) own(names.local, PLACE.local, [...(port.internalLocal ? internal : []), ...balance(local)]);
  if (any && port.externallyAccessible) {
    const texts: string[] = [];
    if (!port.externalLocal) texts.push(`jump ${MARK_FOR_MASQUERADE}`);
    else {
      const pods = fromLocal(detector, ip, '');
      if (pods !== '') texts.push(`${pods} goto ${names.cluster} comment "short-circuit pod traffic"`);
      texts.push(`fib saddr type local jump ${MARK_FOR_MASQUERADE} comment "masquerade local traffic"`);
      texts.push(`fib saddr type local goto ${names.cluster} comment "short-circuit local traffic"`);
    }
    if (hasExternal) texts.push(`goto ${externalPolicyChain}`);
    own(names.external, PLACE.external, texts);
  }
  if (usesFirewall) {
    const sources = [...port.sourceRanges];
    // A load balancer's address may be local to the node, and is then also the source of the node's own connections.
    if (sources.some((range) => options.contains(range, options.nodeIp))) sources.push(...port.loadBalancerIps);
    own(names.firewall, PLACE.firewall, [`${ip} saddr != ${sources.length === 1 ? sources[0] : `{ ${sources.join(', ')} }`} drop`]);
  }
  return { elements, chains };
}
