/** kube-proxy: from Services and EndpointSlices to the chains, sets and virtual services of every node it runs on. */
import { deepEqual } from '../../base/equal.ts';
import type { Origin } from '../../base/origin.ts';
import type { Chain, NetRecord, Rule } from '../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { CILIUM } from '../cni/cilium-config.ts';
import { isDaemon } from '../cni/daemons.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import { clusterSettings, settingsKinds } from '../node/cluster-config.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, listNodes } from '../node/cluster-network.ts';
import { leftBehind } from '../node/left-behind.ts';
import { perState } from '../node/per-state.ts';
import { chainId, rootNetnsId } from '../node/record-ids.ts';
import type { Pod, PodTemplate } from '../pod/types.ts';
import { forwardRules, markMasqRules, nodePortJumps, postroutingRules } from './kube-proxy-base-rules.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { configFor, localDetectorFor, nodePortIps } from './kube-proxy-config.ts';
import { udpNews } from './kube-proxy-conntrack.ts';
import { IPVS_DEVICE, renderIpvsBase, renderIpvsService } from './kube-proxy-ipvs.ts';
import { SERVICE_NAME_LABEL } from './kube-proxy-model.ts';
import { EXTERNAL_SERVICES, FORWARD, MARK_MASQ, NODE_PORTS, POSTROUTING, PROXY_CANARY, PROXY_FIREWALL, SERVICES } from './kube-proxy-names.ts';
import { nodeLocalIps } from './kube-proxy-node-ips.ts';
import type { KubeProxyPresence } from './kube-proxy-presence.ts';
import {
  isProxyAlive,
  isProxyConfig,
  isProxyPod,
  isProxyTemplate,
  KUBEADM_CONFIG_MAP,
  kubeProxyOn,
  kubeProxyProblem,
  leavesRules,
} from './kube-proxy-presence.ts';
import type { RuleCount } from './kube-proxy-servers.ts';
import { kubeProxyServers } from './kube-proxy-servers.ts';
import { LARGE_CLUSTER_ENDPOINTS } from './kube-proxy-service-rules.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';
import { countEndpoints, isLargeCluster, serviceRules, shareList } from './kube-proxy-shared.ts';
import type { EndpointSlice, Service } from './types.ts';

const KUBE_PROXY = 'kube-proxy';
const NO_RULES: readonly Rule[] = [];

interface BaseRules {
  readonly markMasq: readonly Rule[];
  readonly postrouting: readonly Rule[];
  readonly forward: readonly Rule[];
  readonly allNodePorts: readonly Rule[];
}
const baseRules = new WeakMap<ProxyConfig, BaseRules>();

function baseRulesOf(config: ProxyConfig): BaseRules {
  let rules = baseRules.get(config);
  if (rules === undefined) {
    rules = { markMasq: markMasqRules(config), postrouting: postroutingRules(config), forward: forwardRules(config), allNodePorts: nodePortJumps(config, []) };
    baseRules.set(config, rules);
  }
  return rules;
}

/** A node with its kube-proxy, as rules are made for it: once for each family that the cluster has. */
interface Site {
  readonly node: ClusterNode;
  readonly presence: KubeProxyPresence;
  readonly proxies: readonly ProxyNode[];
}

function siteOf(name: string, view: StoreView): Site | undefined {
  const node = findNode(name, view);
  const presence = node === undefined ? undefined : kubeProxyOn(name, view);
  if (node === undefined || presence === undefined) return undefined;
  const place = { nodeName: name, zone: node.zone };
  const proxyOf = (family: IpFamily): ProxyNode => {
    const config = configFor(presence.config, family);
    const [ip, podCidr] = family === 'IPv4' ? [node.ip, node.podCidr] : [node.ip6, node.podCidr6];
    let local: readonly string[] | undefined;
    const localIps = () => (local ??= nodeLocalIps(node, family, view));
    return { place, ip: ip ?? '', localIps, config, detector: localDetectorFor(config, podCidr), largeCluster: isLargeCluster(view, family) };
  };
  return { node, presence, proxies: clusterSettings(view).families.map(proxyOf) };
}

/** By node name, filled when asked for. */
const sites = perState(
  ['EndpointSlice', 'Node', 'Pod', 'ConfigMap', 'DaemonSet', 'KubeProxyConfiguration', ...settingsKinds],
  () => new Map<string, Site | undefined>(),
);

function findSite(name: string, view: StoreView): Site | undefined {
  const known = sites(view);
  if (!known.has(name)) known.set(name, siteOf(name, view));
  return known.get(name);
}

type ChainMaker = (table: Chain['table'], name: string, rules: readonly Rule[], origin: Origin) => Chain;

const chainsOf =
  (netns: string, family: IpFamily): ChainMaker =>
  (table, name, rules, origin) =>
    family === 'IPv4'
      ? { kind: 'chain', id: chainId(netns, table, name), origin, netns, table, name, rules }
      : { kind: 'chain', id: chainId(netns, table, name, 'ipv6'), origin, netns, family: 'ipv6', table, name, rules };

function nodePortRules({ ip, localIps, config }: ProxyNode): readonly Rule[] {
  if (config.nodePortAddresses.length === 0) return baseRulesOf(config).allNodePorts;
  return nodePortJumps(config, nodePortIps(config, ip, [config.family === 'IPv4' ? '127.0.0.1' : '::1', ...localIps()]));
}

/** Mode nftables; a page may fetch it later than the rest. */
export interface NftablesRendering {
  base(netns: string, proxy: ProxyNode, origin: Origin, view: StoreView): NetRecord[];
  service(netns: string, proxy: ProxyNode, service: Service, view: StoreView): NetRecord[];
}

/** The chains that all Services share. Cost: O(Services), their rules are remembered. */
function renderBase(
  { node, presence }: Site,
  proxy: ProxyNode,
  view: StoreView,
  nftables: NftablesRendering,
): { readonly records: readonly NetRecord[]; readonly counts: readonly RuleCount[] } {
  const netns = rootNetnsId(node.name);
  const origin: Origin = { component: KUBE_PROXY, objects: presence.objects };
  if (proxy.config.mode === 'nftables') return { records: nftables.base(netns, proxy, origin, view), counts: [] };
  const shared = new Map<string, Rule[]>();
  let ownRules = 0;
  for (const service of view.list<Service>('Service')) {
    for (const port of serviceRules(service, proxy, view)) {
      ownRules += port.ownRules;
      for (const one of port.shared) {
        const key = `${one.table}/${one.chain}`;
        const list = shared.get(key);
        if (list === undefined) shared.set(key, [one.rule]);
        else list.push(one.rule);
      }
    }
  }
  const chain = chainsOf(netns, proxy.config.family);
  const rules = baseRulesOf(proxy.config);
  const sharedRules = (table: Chain['table'], name: string) => shareList(shared.get(`${table}/${name}`) ?? NO_RULES);
  const chains = [
    chain('mangle', PROXY_CANARY, NO_RULES, origin),
    chain('filter', EXTERNAL_SERVICES, sharedRules('filter', EXTERNAL_SERVICES), origin),
    chain('filter', FORWARD, rules.forward, origin),
    chain('filter', NODE_PORTS, sharedRules('filter', NODE_PORTS), origin),
    chain('filter', PROXY_CANARY, NO_RULES, origin),
    chain('filter', PROXY_FIREWALL, sharedRules('filter', PROXY_FIREWALL), origin),
    chain('filter', SERVICES, sharedRules('filter', SERVICES), origin),
    chain('nat', MARK_MASQ, rules.markMasq, origin),
    chain('nat', NODE_PORTS, sharedRules('nat', NODE_PORTS), origin),
    chain('nat', POSTROUTING, rules.postrouting, origin),
    chain('nat', PROXY_CANARY, NO_RULES, origin),
    chain('nat', SERVICES, shareList([...(shared.get(`nat/${SERVICES}`) ?? NO_RULES), ...nodePortRules(proxy)]), origin),
  ];
  const { family } = proxy.config;
  const inTable = (table: 'nat' | 'filter') => chains.reduce((sum, one) => (one.table === table ? sum + one.rules.length : sum), 0);
  const counts: RuleCount[] = [
    { family, table: 'filter', rules: inTable('filter') },
    { family, table: 'nat', rules: inTable('nat') + ownRules },
  ];
  return { records: chains, counts };
}

/** The chains of one Service. */
function renderService({ node, proxies }: Site, serviceKey: string, view: StoreView, nftables: NftablesRendering): NetRecord[] {
  const service = view.find<Service>(`Service/${serviceKey}`);
  if (service === undefined) return [];
  return proxies.flatMap((proxy): NetRecord[] => {
    const netns = rootNetnsId(node.name);
    if (proxy.config.mode === 'nftables') return nftables.service(netns, proxy, service, view);
    if (proxy.config.mode === 'ipvs') return renderIpvsService(netns, proxy, service, view);
    const chain = chainsOf(netns, proxy.config.family);
    return serviceRules(service, proxy, view).flatMap((port) => port.chains.map((one) => chain('nat', one.name, one.rules, one.origin)));
  });
}

function configDiagnostics({ node, presence }: Site, view: StoreView): NonNullable<Rendering<NetRecord>['diagnostics']> {
  // The same on every node, so that it is said once.
  if (listNodes(view)[0]?.name !== node.name) return [];
  const found: NonNullable<Rendering<NetRecord>['diagnostics']>[number][] = [];
  if (presence.assumed) {
    const message = 'there is no kube-proxy DaemonSet: kube-proxy is taken to run on every node';
    found.push({ key: node.key, diagnostic: { severity: 'info', code: 'assumed', message } });
  }
  if (view.find(KUBEADM_CONFIG_MAP) !== undefined) {
    const message = 'kube-proxy reads its ConfigMap kube-system/kube-proxy; this document is read by kubeadm at installation and has no effect any more';
    for (const object of view.list('KubeProxyConfiguration')) {
      found.push({ key: `${object.kind}/${object.metadata.name}`, diagnostic: { severity: 'info', code: 'no-effect', message } });
    }
  }
  return found;
}

const nodeOf = (key: string): string => (key.includes('|') ? key.slice(0, key.indexOf('|')) : key);
function render(nftables: NftablesRendering, key: string, view: StoreView, before: readonly NetRecord[] = []): Rendering<NetRecord> {
  const bar = key.indexOf('|');
  const site = findSite(nodeOf(key), view);
  if (site === undefined) {
    // A kube-proxy that goes cleans nothing up: only its servers are gone.
    const records = findNode(nodeOf(key), view) !== undefined && leavesRules(view) ? leftBehind(before) : [];
    const problem = bar < 0 && listNodes(view)[0]?.name === key ? kubeProxyProblem(key, view) : undefined;
    if (problem?.object === undefined) return { records };
    return {
      records,
      diagnostics: [{ key: problem.object, diagnostic: { severity: 'error', code: 'kube-proxy', message: `kube-proxy does not start: ${problem.message}` } }],
    };
  }
  if (bar >= 0) {
    const records = renderService(site, key.slice(bar + 1), view, nftables);
    const news = udpNews(key.slice(bar + 1), site.presence, site.proxies, view);
    return news === undefined ? { records } : { records, news };
  }
  const origin: Origin = { component: KUBE_PROXY, objects: site.presence.objects };
  const bases =
    site.presence.config.mode === 'ipvs'
      ? [{ records: renderIpvsBase(rootNetnsId(site.node.name), site.proxies, origin, view), counts: [] }]
      : site.proxies.map((proxy) => renderBase(site, proxy, view, nftables));
  const shared = bases.flatMap((base) => base.records);
  const counts = bases.flatMap((base) => base.counts);
  const servers = kubeProxyServers(site.proxies, origin, counts, view);
  return { records: [...shared, ...servers], diagnostics: configDiagnostics(site, view) };
}

const serviceName = (service: KubeObject) => `${service.metadata.namespace ?? 'default'}/${service.metadata.name}`;
const nodeNames = (view: StoreView) => view.list('Node').map((node) => node.metadata.name);

function allKeysOf(node: string, view: StoreView): string[] {
  return [node, ...view.list('Service').map((service) => `${node}|${serviceName(service)}`)];
}

const allKeys = (view: StoreView): string[] => nodeNames(view).flatMap((node) => allKeysOf(node, view));

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  switch (changed.kind) {
    case 'Service':
      return nodeNames(view).flatMap((node) => [node, `${node}|${serviceName(changed)}`]);
    case 'EndpointSlice': {
      const name = changed.metadata.labels?.[SERVICE_NAME_LABEL];
      if (name === undefined) return [];
      // One slice may carry the cluster over the threshold where comments go, and then every Service's rules change.
      const slice = changed as EndpointSlice;
      const reach = (slice.endpoints?.length ?? 0) * (slice.ports?.length ?? 0);
      if (Math.abs((countEndpoints(view)[slice.addressType] ?? 0) - LARGE_CLUSTER_ENDPOINTS) <= reach) return allKeys(view);
      return nodeNames(view).flatMap((node) => [node, `${node}|${changed.metadata.namespace ?? 'default'}/${name}`]);
    }
    case 'Node':
      return allKeysOf(changed.metadata.name, view);
    case 'Pod': {
      const pod = changed as Pod;
      // Its last agent goes, or its first comes: a kube-proxy is taken for granted again, or no more.
      if (isDaemon(pod, CILIUM)) return allKeys(view);
      return isProxyPod(pod) && pod.spec.nodeName !== undefined ? [...allKeysOf(pod.spec.nodeName, view), `${pod.spec.nodeName}|*`] : [];
    }
    case 'DaemonSet':
      return isProxyTemplate((changed as KubeObject & { readonly spec?: { readonly template?: PodTemplate } }).spec?.template) ? allKeys(view) : [];
    case 'ConfigMap':
      return isProxyConfig(changed) ? allKeys(view) : [];
    default:
      return allKeys(view);
  }
}

/**
 * What a look every 30 s puts right. iptables mode: that somebody has deleted the chains is seen by the missing canary (iptables.Monitor); flushed rules
 * are not noticed. IPVS mode synchronizes all each time, nftables mode only what changed.
 */
function needsRepair(rendered: readonly NetRecord[], find: (id: string) => NetRecord | undefined): boolean {
  const [first] = rendered;
  if (first?.kind === 'ipvs-service' || (first?.kind === 'device' && first.name === IPVS_DEVICE)) return true;
  if (first?.kind !== 'chain') return false;
  return (['mangle', 'nat', 'filter'] as const).some((table) => find(chainId(first.netns, table, PROXY_CANARY, first.family)) === undefined);
}

/** Does a kube-proxy that runs write all that Services share at each synchronization? */
function isSynchronized(node: string, view: StoreView): boolean {
  const mode = kubeProxyOn(node, view)?.config.mode;
  return mode !== undefined && mode !== 'nftables';
}

/** Keys: `<node>` for the shared chains, `<node>|<namespace>/<service>` for those of a Service. */
export const createKubeProxyAgent = (nftables: NftablesRendering): Agent<NetRecord> => ({
  name: KUBE_PROXY,
  watches: ['Service', 'EndpointSlice', 'Node', 'Pod', 'DaemonSet', 'ConfigMap', 'KubeProxyConfiguration', ...settingsKinds],
  keysFor,
  keys: allKeys,
  render: (key, view, before) => render(nftables, key, view, before),
  // Every synchronization writes the shared chains anew, and those of a Service that changed; other Services' are left as they are (partial sync).
  rewrites: (key, view) => (key.includes('|') ? 'whole' : isSynchronized(key, view) ? 'always' : 'differences'),
  repairs: [
    {
      seconds: 30,
      repair: (rendered, find, key, view) =>
        isProxyAlive(nodeOf(key), view) && needsRepair(rendered, find) ? rendered.filter((record) => !deepEqual(find(record.id), record)) : [],
    },
  ],
});
