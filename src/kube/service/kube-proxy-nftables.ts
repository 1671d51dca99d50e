/** kube-proxy in nftables mode: one table a family, the same on every node but for its own addresses. Kubernetes v1.35: pkg/proxy/nftables/proxier.go. */
import type { Origin } from '../../base/origin.ts';
import type { Family } from '../../net/nft/ast.ts';
import type { NftChain, NftElement, NftRecord, NftSet } from '../../net/nft/nft-records.ts';
import { nftChainId, nftSetId, nftTableId } from '../../net/nft/nft-records.ts';
import { parseCommands } from '../../net/nft/parse-command.ts';
import { Transaction } from '../../net/nft/transaction.ts';
import type { StoreView } from '../../objects/types.ts';
import { formatCidr } from '../addresses.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import type { NftablesRendering } from './kube-proxy-agent.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { inRange, nodePortIps } from './kube-proxy-config.ts';
import type { ServicePort } from './kube-proxy-model.ts';
import type { SharedSet } from './kube-proxy-nftables-names.ts';
import {
  CLUSTER_IPS,
  FIREWALL_IPS,
  NO_ENDPOINT_NODE_PORTS,
  NO_ENDPOINT_SERVICES,
  SERVICE_IPS,
  SERVICE_NODE_PORTS,
  TABLE,
} from './kube-proxy-nftables-names.ts';
import type { NftPortChain, NftPortRules } from './kube-proxy-nftables-rules.ts';
import { LAST_HANDLE, nftPortRules } from './kube-proxy-nftables-rules.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';
import { portsOf } from './kube-proxy-shared.ts';
import { chooseEndpoints, dependsOnNode } from './kube-proxy-topology.ts';
import type { Service } from './types.ts';

/** What differs between the tables of two nodes before any Service. */
export interface NftBase {
  readonly family: IpFamily;
  readonly masqueradeMark: string;
  /** Node addresses that serve node ports; undefined: all that are local. */
  readonly nodePortIps: readonly string[] | undefined;
  readonly serviceCidrs: readonly string[];
}

const nftFamily = (family: IpFamily): Family => (family === 'IPv6' ? 'ip6' : 'ip');

/** The transaction of a full synchronisation without any Service, as kube-proxy hands it to nft. */
export function nftBaseText(site: NftBase): string {
  const ip = nftFamily(site.family);
  const address = site.family === 'IPv6' ? 'ipv6_addr' : 'ipv4_addr';
  const mark = site.masqueradeMark;
  const lines: string[] = [`table ip kube-proxy { comment "rules for kube-proxy" ; }`];
  const chain = (name: string, more = '') => lines.push(`chain ip kube-proxy ${name}${more === '' ? '' : ` { ${more} ; }`}`);
  const rule = (name: string, text: string) => lines.push(`rule ip kube-proxy ${name} ${text}`);
  const set = (kind: 'set' | 'map', name: string, type: string, comment: string) =>
    lines.push(`${kind} ip kube-proxy ${name} { type ${type} ; comment "${comment}" ; }`);
  // Its filters look at addresses as they were before DNAT where that comes first, and reject only where the kernel allows it.
  for (const [type, hook, priority, suffix] of BASE_CHAINS) chain(`${type}-${hook}${suffix}`, `type ${type} hook ${hook} priority ${priority}`);
  const made = new Set<string>();
  const once = (name: string) => {
    if (!made.has(name)) chain(name);
    made.add(name);
  };
  for (const [to, from, fresh] of JUMPS) {
    once(to);
    rule(from, `${fresh ? 'ct state new ' : ''}jump ${to}`);
  }
  once('mark-for-masquerade');
  rule('mark-for-masquerade', `mark set mark or ${mark}`);
  rule('masquerading', `mark and ${mark} == 0 return`);
  rule('masquerading', `mark set mark xor ${mark}`);
  rule('masquerading', 'masquerade fully-random');
  set('set', CLUSTER_IPS, address, 'Active ClusterIPs');
  rule('cluster-ips-check', `${ip} daddr @${CLUSTER_IPS} reject comment "Reject traffic to invalid ports of ClusterIPs"`);
  if (site.serviceCidrs.length > 0) {
    rule('cluster-ips-check', `${ip} daddr { ${site.serviceCidrs.join(', ')} } drop comment "Drop traffic to unallocated ClusterIPs"`);
  }
  if (site.nodePortIps !== undefined) {
    set('set', 'nodeport-ips', address, 'IPs that accept NodePort traffic');
    for (const one of site.nodePortIps) lines.push(`element ip kube-proxy nodeport-ips { ${one} }`);
  }
  const noLocalhost = site.family === 'IPv6' ? 'ip6 daddr != ::1' : 'ip daddr != 127.0.0.0/8';
  const served = site.nodePortIps === undefined ? noLocalhost : `${ip} daddr @nodeport-ips`;
  const byAddress = `${ip} daddr . meta l4proto . th dport vmap`;
  const byPort = 'meta l4proto . th dport vmap';
  set('map', NO_ENDPOINT_SERVICES, `${address} . inet_proto . inet_service : verdict`, 'vmap to drop or reject packets to services with no endpoints');
  set('map', NO_ENDPOINT_NODE_PORTS, 'inet_proto . inet_service : verdict', 'vmap to drop or reject packets to service nodeports with no endpoints');
  chain('reject-chain', 'comment "helper for @no-endpoint-services / @no-endpoint-nodeports"');
  rule('reject-chain', 'reject');
  rule('service-endpoints-check', `${byAddress} @${NO_ENDPOINT_SERVICES}`);
  rule('nodeport-endpoints-check', `${served} ${byPort} @${NO_ENDPOINT_NODE_PORTS}`);
  set('map', FIREWALL_IPS, `${address} . inet_proto . inet_service : verdict`, 'destinations that are subject to LoadBalancerSourceRanges');
  rule('firewall-check', `${byAddress} @${FIREWALL_IPS}`);
  set('map', SERVICE_IPS, `${address} . inet_proto . inet_service : verdict`, 'ClusterIP, ExternalIP and LoadBalancer IP traffic');
  set('map', SERVICE_NODE_PORTS, 'inet_proto . inet_service : verdict', 'NodePort traffic');
  rule('services', `${byAddress} @${SERVICE_IPS}`);
  rule('services', `${site.nodePortIps === undefined ? 'fib daddr type local ' : ''}${served} ${byPort} @${SERVICE_NODE_PORTS}`);
  const own = ip === 'ip' ? lines : lines.map((line) => line.replace(' ip kube-proxy', ' ip6 kube-proxy'));
  return own.map((line) => `add ${line}\n`).join('');
}

const BASE_CHAINS = [
  ['filter', 'prerouting', -110, '-pre-dnat'],
  ['filter', 'output', -110, '-pre-dnat'],
  ['filter', 'input', 0, ''],
  ['filter', 'forward', 0, ''],
  ['filter', 'output', 0, ''],
  ['nat', 'prerouting', -100, ''],
  ['nat', 'output', -100, ''],
  ['nat', 'postrouting', 100, ''],
] as const;

/** To, from, new connections only. */
const JUMPS = [
  ['nodeport-endpoints-check', 'filter-input', true],
  ['service-endpoints-check', 'filter-input', true],
  ['service-endpoints-check', 'filter-forward', true],
  ['service-endpoints-check', 'filter-output', true],
  ['firewall-check', 'filter-prerouting-pre-dnat', true],
  ['firewall-check', 'filter-output-pre-dnat', true],
  ['services', 'nat-output', false],
  ['services', 'nat-prerouting', false],
  ['masquerading', 'nat-postrouting', false],
  ['cluster-ips-check', 'filter-forward', true],
  ['cluster-ips-check', 'filter-output', true],
] as const;

interface Remembered {
  readonly ports: readonly ServicePort[];
  readonly detector: string;
  readonly endpointChains: ReadonlyMap<string, NftPortChain>;
  readonly rules: readonly NftPortRules[];
}

/** By configuration: the latest rules of each Service object that are the same on every node. Keyed by immutable objects, so never stale. */
const rememberedBy = new WeakMap<ProxyConfig, WeakMap<Service, Remembered>>();
const NO_CHAINS: ReadonlyMap<string, NftPortChain> = new Map();

export function nftServiceRules(service: Service, proxy: ProxyNode, view: StoreView): readonly NftPortRules[] {
  const { config, place } = proxy;
  const ports = portsOf(service, config.family, view);
  const detector = JSON.stringify(proxy.detector);
  let remembered = rememberedBy.get(config);
  if (remembered === undefined) {
    remembered = new WeakMap();
    rememberedBy.set(config, remembered);
  }
  const known = remembered.get(service);
  const comparable = known !== undefined && known.detector === detector;
  if (comparable && known.ports === ports) return known.rules;
  const used = new Map<string, NftPortChain>();
  const options = { config, detector: proxy.detector, nodeIp: proxy.ip, known: comparable ? known.endpointChains : NO_CHAINS, used, contains: inRange };
  const rules = ports.map((port) => nftPortRules(port, chooseEndpoints(port, place), options));
  // What names this node's own endpoints or address is this node's only.
  if (!ports.some((port) => dependsOnNode(port) || port.sourceRanges.length > 0)) remembered.set(service, { ports, detector, endpointChains: used, rules });
  return rules;
}

/** Base records of any node by the text that makes them, in a netns that does not exist. */
const bases = new Map<string, readonly NftRecord[]>();
const MAX_BASES = 64;
const NOWHERE = '';
const NOBODY: Origin = { component: 'kube-proxy', objects: [] };

function baseOf(text: string): readonly NftRecord[] {
  const known = bases.get(text);
  if (known !== undefined) return known;
  const context = { netns: NOWHERE, origin: NOBODY, nowNs: 0, device: () => undefined, hasDynamic: () => false };
  const records = new Transaction([], context).run(parseCommands(text)).put;
  if (bases.size >= MAX_BASES) bases.clear();
  bases.set(text, records);
  return records;
}

/** Lists of elements that were made before, by their first element, so that they are compiled once. */
const lists = new WeakMap<NftElement, readonly (readonly NftElement[])[]>();
const MAX_LISTS = 4;

function shareElements(elements: readonly NftElement[]): readonly NftElement[] {
  const first = elements[0];
  if (first === undefined) return elements;
  const known = lists.get(first) ?? [];
  const same = known.find((list) => list.length === elements.length && list.every((one, i) => one === elements[i]));
  if (same !== undefined) return same;
  lists.set(first, [elements, ...known].slice(0, MAX_LISTS));
  return elements;
}

/** The table with all that Services share. Cost: O(Services), their elements are remembered. */
export function renderNftBase(netns: string, proxy: ProxyNode, origin: Origin, view: StoreView): NftRecord[] {
  const { config, ip } = proxy;
  const shared = new Map<SharedSet, Map<string, NftElement>>();
  for (const service of view.list<Service>('Service')) {
    for (const port of nftServiceRules(service, proxy, view)) {
      for (const { set, key, element } of port.elements) {
        let elements = shared.get(set);
        if (elements === undefined) {
          elements = new Map();
          shared.set(set, elements);
        }
        // Two ports of one Service have the same ClusterIP; of two Services with the same external address and port the last one is served.
        if (elements.get(key)?.text !== element.text) elements.set(key, element);
      }
    }
  }
  const family = nftFamily(config.family);
  const settings = clusterSettings(view);
  const serviceCidr = config.family === 'IPv6' ? settings.serviceCidr6 : formatCidr(settings.serviceCidr);
  const text = nftBaseText({
    family: config.family,
    masqueradeMark: config.masqueradeMark,
    // Node ports on localhost do not exist in this mode.
    nodePortIps: config.nodePortAddresses.length === 0 ? undefined : nodePortIps(config, ip, proxy.localIps()),
    serviceCidrs: serviceCidr === undefined ? [] : [serviceCidr],
  });
  return baseOf(text).map((record): NftRecord => {
    if (record.kind === 'nft-table') return { ...record, id: nftTableId(netns, family, TABLE), netns, origin, lastHandle: LAST_HANDLE };
    if (record.kind === 'nft-chain') return { ...record, id: nftChainId(netns, family, TABLE, record.name), netns, origin };
    const id = nftSetId(netns, family, TABLE, record.name);
    const elements = record.kind === 'nft-set' ? shared.get(record.name as SharedSet) : undefined;
    return elements === undefined
      ? { ...record, id, netns, origin }
      : { ...(record as NftSet), id, netns, origin, elements: shareElements([...elements.values()]) };
  });
}

/** The chains and sets of one Service. */
export function renderNftService(netns: string, proxy: ProxyNode, service: Service, view: StoreView): NftRecord[] {
  const ip = proxy.config.family;
  const family = nftFamily(ip);
  const records: NftRecord[] = [];
  for (const port of nftServiceRules(service, proxy, view)) {
    for (const { name, handle, rules, origin, affinity } of port.chains) {
      const chain: NftChain = { kind: 'nft-chain', id: nftChainId(netns, family, TABLE, name), origin, netns, family, table: TABLE, name, handle, rules };
      records.push(chain);
      if (affinity === undefined) continue;
      const set: NftSet = {
        kind: 'nft-set',
        id: nftSetId(netns, family, TABLE, affinity.name),
        origin,
        netns,
        family,
        table: TABLE,
        name: affinity.name,
        handle: affinity.handle,
        key: `type ${ip === 'IPv6' ? 'ipv6_addr' : 'ipv4_addr'}`,
        flags: ['dynamic', 'timeout'],
        timeoutMs: affinity.timeoutMs,
        // What nft gives a set that rules add to.
        size: 65535,
        elements: NO_ELEMENTS,
      };
      records.push(set);
    }
  }
  return records;
}
const NO_ELEMENTS: readonly NftElement[] = [];

export const nftables: NftablesRendering = { base: renderNftBase, service: renderNftService };
