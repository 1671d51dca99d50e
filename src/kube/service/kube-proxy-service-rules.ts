/** The iptables rules that kube-proxy writes for one service port. Kubernetes: pkg/proxy/iptables, syncProxyRules. */
import type { ObjectKey, Origin } from '../../base/origin.ts';
import type { Rule } from '../../net/records.ts';
import type { LocalDetector, ProxyConfig } from './kube-proxy-config.ts';
import { ifLocal, ifNotLocal } from './kube-proxy-config.ts';
import type { Endpoint, ServicePort } from './kube-proxy-model.ts';
import { EXTERNAL_SERVICES, endpointChainName, MARK_MASQ, NODE_PORTS, PROXY_FIREWALL, probability, SERVICES, serviceChainNames } from './kube-proxy-names.ts';
import type { ProxyPlace } from './kube-proxy-topology.ts';
import { chooseEndpoints } from './kube-proxy-topology.ts';

type TableName = 'nat' | 'filter';

/** What one port adds: rules in the shared chains, and chains of its own. */
export interface PortRules {
  readonly shared: readonly { readonly table: TableName; readonly chain: string; readonly rule: Rule }[];
  /** nat chains in the order kube-proxy declares them. */
  readonly chains: readonly PortChain[];
  /** Rules in them. */
  readonly ownRules: number;
}

export interface PortChain {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly origin: Origin;
}

/** Chains of endpoints that were written before for the same Service, configuration and cluster size, by `endpointKey`: most endpoints outlive a change. */
export type EndpointChains = Map<string, PortChain>;

const endpointKey = (port: ServicePort, endpoint: Endpoint): string => `${port.name} ${port.protocol} ${endpoint.address} ${endpoint.pod ?? ''}`;

export interface PortRulesOptions {
  readonly config: ProxyConfig;
  readonly detector: LocalDetector;
  readonly place: ProxyPlace;
  readonly nodeIp: string;
  /** More than 1,000 endpoints in the cluster: comments of endpoint rules are left out. */
  readonly largeCluster: boolean;
  /** What may be used again, and what this call has used or made. */
  readonly known: ReadonlyMap<string, PortChain>;
  readonly used: EndpointChains;
  /** Is an address of the family inside a source range? */
  readonly contains: (range: string, ip: string) => boolean;
}

export const LARGE_CLUSTER_ENDPOINTS = 1000;

/** The hash behind a name is taken once. */
type EndpointChainName = (endpoint: Endpoint) => string;

/** A comment is quoted only where it holds a space, as kube-proxy writes it. */
const comment = (text: string) => `-m comment --comment ${text.includes(' ') ? `"${text}"` : text}`;
const join = (...parts: readonly string[]) => parts.filter((part) => part !== '').join(' ');

/** Collects rules by chain, with the objects they come from. */
class PortRuleWriter {
  readonly shared: { table: TableName; chain: string; rule: Rule }[] = [];
  readonly chains = new Map<string, { name: string; rules: Rule[]; origin: Origin }>();
  readonly #service: Origin;
  /** Of the Service and one Pod behind it. */
  readonly #pods = new Map<ObjectKey, Origin>();

  constructor(service: ObjectKey) {
    this.#service = { component: 'kube-proxy', objects: [service] };
  }

  #origin(pod: ObjectKey | undefined): Origin {
    if (pod === undefined) return this.#service;
    let origin = this.#pods.get(pod);
    if (origin === undefined) {
      origin = { component: 'kube-proxy', objects: [...this.#service.objects, pod] };
      this.#pods.set(pod, origin);
    }
    return origin;
  }

  #rule(text: string, pod?: ObjectKey): Rule {
    return { text, origin: this.#origin(pod) };
  }

  share(table: TableName, chain: string, ...parts: readonly string[]): void {
    this.shared.push({ table, chain, rule: this.#rule(join(...parts)) });
  }

  declare(name: string, pod?: ObjectKey): void {
    this.chains.set(name, { name, rules: [], origin: this.#origin(pod) });
  }

  /** @throws {Error} when the chain was not declared (our own mistake). */
  own(chain: string, pod: ObjectKey | undefined, ...parts: readonly string[]): void {
    const found = this.chains.get(chain);
    if (found === undefined) throw new Error(`chain ${chain} was not declared`);
    found.rules.push(this.#rule(join(...parts), pod));
  }
}

function writeBalancing(
  writer: PortRuleWriter,
  port: ServicePort,
  chain: string,
  endpoints: readonly Endpoint[],
  sep: EndpointChainName,
  largeCluster: boolean,
): void {
  const words = (endpoint: Endpoint) => (largeCluster ? '' : comment(`${port.name} -> ${endpoint.address}`));
  if (port.affinitySeconds > 0) {
    for (const endpoint of endpoints) {
      const recent = `-m recent --name ${sep(endpoint)} --rcheck --seconds ${port.affinitySeconds} --reap`;
      writer.own(chain, endpoint.pod, words(endpoint), recent, `-j ${sep(endpoint)}`);
    }
  }
  endpoints.forEach((endpoint, i) => {
    const left = endpoints.length - i;
    const statistic = left > 1 ? `-m statistic --mode random --probability ${probability(left)}` : '';
    writer.own(chain, endpoint.pod, words(endpoint), statistic, `-j ${sep(endpoint)}`);
  });
}

function writeEndpoint(port: ServicePort, endpoint: Endpoint, largeCluster: boolean): PortChain {
  const name = endpointChainName(port.name, port.protocol, endpoint.address);
  const words = largeCluster ? '' : comment(port.name);
  const affinity = port.affinitySeconds > 0 ? `-m recent --name ${name} --set` : '';
  const origin: Origin = { component: 'kube-proxy', objects: endpoint.pod === undefined ? [port.service] : [port.service, endpoint.pod] };
  const rules = [
    // A client that is chosen as its own server must not see itself as the sender.
    join(words, `-s ${endpoint.ip}`, `-j ${MARK_MASQ}`),
    join(words, affinity, `-m ${port.protocol} -p ${port.protocol}`, `-j DNAT --to-destination ${endpoint.address}`),
  ];
  return { name, rules: rules.map((text) => ({ text, origin })), origin };
}

/** The chains of the endpoints that this node may choose: those known from before, and new ones. */
function endpointChainsOf(port: ServicePort, endpoints: readonly Endpoint[], options: PortRulesOptions): ReadonlyMap<Endpoint, PortChain> {
  const chains = new Map<Endpoint, PortChain>();
  for (const endpoint of endpoints) {
    const key = endpointKey(port, endpoint);
    const chain = options.known.get(key) ?? writeEndpoint(port, endpoint, options.largeCluster);
    options.used.set(key, chain);
    chains.set(endpoint, chain);
  }
  return chains;
}

function writeExternal(writer: PortRuleWriter, port: ServicePort, options: PortRulesOptions, chain: string, clusterChain: string, policyChain: string): void {
  writer.declare(chain);
  if (!port.externalLocal) {
    // The endpoint may be on another node, and its answer must come back through this one.
    writer.own(chain, undefined, comment(`masquerade traffic for ${port.name} external destinations`), `-j ${MARK_MASQ}`);
  } else {
    const local = ifLocal(options.detector);
    if (local !== '') writer.own(chain, undefined, comment(`pod traffic for ${port.name} external destinations`), local, `-j ${clusterChain}`);
    const fromHere = '-m addrtype --src-type LOCAL';
    writer.own(chain, undefined, comment(`masquerade LOCAL traffic for ${port.name} external destinations`), fromHere, `-j ${MARK_MASQ}`);
    writer.own(chain, undefined, comment(`route LOCAL traffic for ${port.name} external destinations`), fromHere, `-j ${clusterChain}`);
  }
  if (policyChain !== '') writer.own(chain, undefined, `-j ${policyChain}`);
}

function writeFirewall(writer: PortRuleWriter, port: ServicePort, options: PortRulesOptions, chain: string, externalChain: string): void {
  writer.declare(chain);
  const words = comment(`${port.name} loadbalancer IP`);
  for (const range of port.sourceRanges) writer.own(chain, undefined, words, `-s ${range}`, `-j ${externalChain}`);
  if (port.sourceRanges.some((range) => options.contains(range, options.nodeIp))) {
    // A load balancer's address may be local to the node, and is then also the source of the node's own connections.
    for (const ip of port.loadBalancerIps) writer.own(chain, undefined, words, `-s ${ip}`, `-j ${externalChain}`);
  }
  writer.own(chain, undefined, comment(`other traffic to ${port.name} will be dropped by ${PROXY_FIREWALL}`));
}

/** All rules of one port on one node. Cost: O(endpoints of the port). */
export function portRules(port: ServicePort, options: PortRulesOptions): PortRules {
  const { config, detector, largeCluster } = options;
  const { cluster, local, reachable, any } = chooseEndpoints(port, options.place);
  const names = serviceChainNames(port.name, port.protocol);
  const writer = new PortRuleWriter(port.service);
  const endpointChains = endpointChainsOf(port, reachable, options);
  const sep: EndpointChainName = (endpoint) => endpointChains.get(endpoint)?.name ?? '';

  const hasInternal = any && !(port.internalLocal && local.length === 0);
  const hasExternal = any && !(port.externalLocal && local.length === 0);
  const internalChain = port.internalLocal ? names.local : names.cluster;
  const externalPolicyChain = port.externalLocal ? names.local : names.cluster;
  const usesExternal = any && port.externallyAccessible;
  const usesFirewall = any && port.loadBalancerIps.length > 0 && port.sourceRanges.length > 0;
  const refusal = any ? 'DROP' : 'REJECT';
  const refused = comment(`${port.name} has no ${any ? 'local ' : ''}endpoints`);
  const protocol = `-m ${port.protocol} -p ${port.protocol}`;
  const clusterMatch = join(protocol, `-d ${port.clusterIp} --dport ${port.port}`);

  if (hasInternal) writer.share('nat', SERVICES, comment(`${port.name} cluster IP`), clusterMatch, `-j ${internalChain}`);
  else writer.share('filter', SERVICES, refused, clusterMatch, `-j ${refusal}`);

  for (const ip of port.externalIps) {
    const match = join(protocol, `-d ${ip} --dport ${port.port}`);
    if (any) writer.share('nat', SERVICES, comment(`${port.name} external IP`), match, `-j ${names.external}`);
    if (!hasExternal) writer.share('filter', EXTERNAL_SERVICES, refused, match, `-j ${refusal}`);
  }
  for (const ip of port.loadBalancerIps) {
    const match = join(protocol, `-d ${ip} --dport ${port.port}`);
    if (any) writer.share('nat', SERVICES, comment(`${port.name} loadbalancer IP`), match, `-j ${usesFirewall ? names.firewall : names.external}`);
    if (usesFirewall) writer.share('filter', PROXY_FIREWALL, comment(`${port.name} traffic not accepted by ${names.firewall}`), match, '-j DROP');
    if (!hasExternal) writer.share('filter', EXTERNAL_SERVICES, refused, match, `-j ${refusal}`);
  }
  if (port.nodePort !== 0) {
    const match = `--dport ${port.nodePort}`;
    if (any) {
      if (config.nfacct && config.localhostNodePorts && config.family === 'IPv4') {
        const counted = '-m nfacct --nfacct-name localhost_nps_accepted_pkts';
        writer.share('nat', NODE_PORTS, comment(port.name), protocol, '-d 127.0.0.0/8', match, counted, `-j ${names.external}`);
      }
      writer.share('nat', NODE_PORTS, comment(port.name), protocol, match, `-j ${names.external}`);
    }
    if (!hasExternal) writer.share('filter', EXTERNAL_SERVICES, refused, '-m addrtype --dst-type LOCAL', protocol, match, `-j ${refusal}`);
  }
  if (port.healthCheckNodePort !== 0) {
    const match = `-m tcp -p tcp --dport ${port.healthCheckNodePort}`;
    writer.share('filter', NODE_PORTS, comment(`${port.name} health check node port`), match, '-j ACCEPT');
  }

  if (cluster.length > 0) writer.declare(names.cluster);
  if (local.length > 0) writer.declare(names.local);
  if (hasInternal) {
    const words = comment(`${port.name} cluster IP`);
    const notLocal = ifNotLocal(detector);
    if (config.masqueradeAll) writer.own(internalChain, undefined, words, clusterMatch, `-j ${MARK_MASQ}`);
    else if (notLocal !== '') writer.own(internalChain, undefined, words, clusterMatch, notLocal, `-j ${MARK_MASQ}`);
  }
  if (usesExternal) writeExternal(writer, port, options, names.external, names.cluster, hasExternal ? externalPolicyChain : '');
  if (usesFirewall) writeFirewall(writer, port, options, names.firewall, names.external);
  if (cluster.length > 0) writeBalancing(writer, port, names.cluster, cluster, sep, largeCluster);
  if (local.length > 0) writeBalancing(writer, port, names.local, local, sep, largeCluster);
  const chains = [...writer.chains.values(), ...endpointChains.values()];
  return { shared: writer.shared, chains, ownRules: chains.reduce((sum, chain) => sum + chain.rules.length, 0) };
}
