/** The built-in iptables chains of a node with everybody's jumps in them, and the chains that the kubelet itself writes. */
import type { Origin } from '../../base/origin.ts';
import type { Chain, NetRecord, Rule } from '../../net/records.ts';
import type { Agent, KubeObject, Rendering, StoreView } from '../../objects/types.ts';
import { isCniConfig, isCniDaemon } from '../cni/cni-agent.ts';
import { cniOf, cnis, netDirOf } from '../cni/index.ts';
import { mappedPorts, portmapJumps } from '../cni/portmap.ts';
import { hasMasquerade } from '../cni/reference.ts';
import { isNodeCachePod, nodeLocalRawChains, nodeLocalRules, nodeLocalRulesFor } from '../dns/node-local.ts';
import type { Pod } from '../pod/types.ts';
import type { BuiltInJump } from '../service/kube-proxy-base-rules.ts';
import { KUBE_PROXY_JUMPS, LOCALNET_RULE } from '../service/kube-proxy-base-rules.ts';
import type { ProxyConfig } from '../service/kube-proxy-config.ts';
import { IPVS_JUMPS } from '../service/kube-proxy-ipvs-rules.ts';
import { KUBELET_FIREWALL, PROXY_CANARY } from '../service/kube-proxy-names.ts';
import { isProxyAlive, isProxyConfig, isProxyPod, kubeProxyOn, leavesRules } from '../service/kube-proxy-presence.ts';
import { clusterSettings } from './cluster-config.ts';
import { findNode, listNodes, NETWORK_KINDS } from './cluster-network.ts';
import { ensureJumps } from './merge-record.ts';
import { chainId, rootNetnsId } from './record-ids.ts';

/** Built-in chains by table, in the order of iptables-save. Linux: net/ipv4/netfilter/iptable_*.c. */
const BUILT_IN = {
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
} as const;
const KUBELET_CANARY = 'KUBE-KUBELET-CANARY';
const IPTABLES_HINT = 'KUBE-IPTABLES-HINT';
/** A plugin runs when a pod is plugged in: nobody looks after its rules later. */
const PORTMAP: Origin = { component: 'portmap', objects: [] };
const PORTMAP_DNAT = '-j CNI-HOSTPORT-DNAT';
const NO_RULES: readonly Rule[] = [];
const NO_JUMPS: readonly BuiltInJump[] = [];
const PROXY_JUMPS: Readonly<Record<ProxyConfig['mode'], readonly BuiltInJump[]>> = { iptables: KUBE_PROXY_JUMPS, ipvs: IPVS_JUMPS, nftables: NO_JUMPS };
const FIREWALL_RULES: readonly Rule[] = [{ text: LOCALNET_RULE }];

/**
 * kubelet comes first, kube-proxy inserts its jumps at the head one after the other, the CNI appends.
 * Kubernetes: pkg/kubelet/kubelet_network_linux.go; pkg/proxy/iptables/proxier.go.
 */
function jumpsInto(
  family: Chain['family'],
  table: Chain['table'],
  chain: string,
  origins: { readonly kubelet: Origin; readonly proxy: Origin; readonly cni: Origin },
  proxyJumps: readonly BuiltInJump[],
  cniJumps: ReturnType<ReturnType<typeof cniOf>['cni']['jumps']>,
): readonly Rule[] {
  const rules: Rule[] = [];
  // The kubelet guards 127.0.0.0/8 alone: IPv6 has no route_localnet.
  if (family !== 'ipv6' && table === 'filter' && (chain === 'INPUT' || chain === 'OUTPUT'))
    rules.push({ text: `-j ${KUBELET_FIREWALL}`, origin: origins.kubelet });
  for (const jump of proxyJumps) if (jump.table === table && jump.from === chain) rules.unshift({ text: jump.text, origin: origins.proxy });
  for (const jump of cniJumps) {
    if (jump.table !== table || jump.from !== chain || jump.family !== family) continue;
    if (jump.head === true) rules.unshift({ text: jump.text, origin: origins.cni });
    else if (jump.first === true) rules.unshift({ text: jump.text, origin: PORTMAP });
    else rules.push({ text: jump.text, origin: jump.text.endsWith(PORTMAP_DNAT) ? PORTMAP : origins.cni });
  }
  return rules.length === 0 ? NO_RULES : rules;
}

/** The raw table is there once somebody has rules in it. */
function rawChains(
  local: readonly Chain[],
  netns: string,
  family: Chain['family'],
  origin: Origin,
  jumps: (chain: string) => readonly Rule[],
): readonly Chain[] {
  const own = ['PREROUTING', 'OUTPUT'].map((name) => [name, jumps(name)] as const);
  if (own.every(([, rules]) => rules.length === 0)) return local;
  return own.map(([name, rules]): Chain => {
    const id = chainId(netns, 'raw', name, family);
    const shape = { ...(family === undefined ? {} : { family }), table: 'raw' as const, name, policy: 'ACCEPT' as const };
    return { kind: 'chain', id, origin, netns, ...shape, rules: [...rules, ...(local.find((chain) => chain.id === id)?.rules ?? [])] };
  });
}

/** Components whose jumps stay where they are when their daemons go. */
const leavingCnis: readonly string[] = cnis.map((cni) => cni.name);

function jumpsLeft(before: readonly NetRecord[], id: string, by: readonly string[]): readonly Rule[] {
  const chain = by.length === 0 ? undefined : before.find((record) => record.id === id);
  return chain?.kind === 'chain' ? chain.rules.filter((rule) => by.includes(rule.origin?.component ?? '')) : NO_RULES;
}

function render(name: string, view: StoreView, before: readonly NetRecord[] = []): Rendering<NetRecord> {
  const node = findNode(name, view);
  if (node === undefined) return { records: [] };
  const netns = rootNetnsId(name);
  const kernel: Origin = { component: 'kernel', objects: [node.key] };
  const kubelet: Origin = { component: 'kubelet', objects: [node.key] };
  const presence = kubeProxyOn(name, view);
  const proxy: Origin = { component: 'kube-proxy', objects: presence?.objects ?? [] };
  const proxyJumps = presence === undefined ? NO_JUMPS : PROXY_JUMPS[presence.config.mode];
  const { cni, site, running, plugin, pluginSite } = cniOf(node, view);
  const portmap = plugin.portmap?.(pluginSite);
  const cniJumps = [
    ...(running ? cni.jumps(site) : []),
    ...(plugin === cni ? [] : plugin.jumps(pluginSite)),
    ...(portmap === undefined ? [] : portmapJumps(pluginSite, portmap)),
  ];
  const cniOrigin: Origin = { component: cni.name, objects: [node.key] };
  const nodeLocal = nodeLocalRules(name, view);
  // Who is not there any more has left its jumps, if it ever wrote some.
  const gone = [...leavingCnis.filter((one) => !running || one !== cni.name), ...(presence === undefined && leavesRules(view) ? ['kube-proxy'] : [])];
  const records: Chain[] = [];
  for (const one of clusterSettings(view).families) {
    const family = one === 'IPv6' ? ('ipv6' as const) : undefined;
    const chain = (table: Chain['table'], name: string, origin: Origin, rules: readonly Rule[], policy?: 'ACCEPT'): void => {
      const shape = { ...(family === undefined ? {} : { family }), table, name, ...(policy === undefined ? {} : { policy }), rules };
      records.push({ kind: 'chain', id: chainId(netns, table, name, family), origin, netns, ...shape });
    };
    for (const table of ['mangle', 'filter', 'nat'] as const) {
      for (const name of BUILT_IN[table]) {
        const rules = jumpsInto(family, table, name, { kubelet, proxy, cni: cniOrigin }, proxyJumps, cniJumps);
        const left = jumpsLeft(before, chainId(netns, table, name, family), gone);
        const local = nodeLocalRulesFor(nodeLocal, table, name, family);
        chain(table, name, kernel, left.length === 0 && local.length === 0 ? rules : [...local, ...left, ...rules], 'ACCEPT');
      }
      // Empty chains by which the kubelet notices that somebody has flushed the table.
      for (const name of table === 'mangle' ? [IPTABLES_HINT, KUBELET_CANARY] : [KUBELET_CANARY]) chain(table, name, kubelet, NO_RULES);
    }
    records.push(
      ...rawChains(nodeLocalRawChains(nodeLocal, netns, family, kernel), netns, family, kernel, (name) => [
        ...jumpsLeft(before, chainId(netns, 'raw', name, family), gone),
        ...jumpsInto(family, 'raw', name, { kubelet, proxy, cni: cniOrigin }, NO_JUMPS, cniJumps),
      ]),
    );
    if (family === undefined) chain('filter', KUBELET_FIREWALL, kubelet, FIREWALL_RULES);
  }
  return { records };
}

const names = (view: StoreView) => listNodes(view).map((node) => node.name);

/** A file of /etc/cni/net.d asks for a rule for each pod. */
function isMasqueraded(pod: Pod, view: StoreView): boolean {
  if (pod.spec.hostNetwork === true || pod.spec.nodeName === undefined || view.list('CniConfig').length === 0) return false;
  const { loaded } = netDirOf(pod.spec.nodeName, view);
  return loaded.ok && hasMasquerade(loaded.conf);
}

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  if (changed.kind === 'Node') return [changed.metadata.name];
  if (changed.kind === 'Pod') {
    const pod = changed as Pod;
    return pod.spec.nodeName !== undefined &&
      (isProxyPod(pod) || isNodeCachePod(pod) || isCniDaemon(pod) || mappedPorts(pod).length > 0 || isMasqueraded(pod, view))
      ? [pod.spec.nodeName]
      : [];
  }
  if (changed.kind === 'ConfigMap' && !isCniConfig(changed) && !isProxyConfig(changed)) return [];
  return names(view);
}

const cniNames: ReadonlySet<string> = new Set(cnis.map((cni) => cni.name));
const canaryOf = (record: Chain): string => chainId(record.netns, record.table, PROXY_CANARY, record.family);

/** Keys are node names. */
export const builtInChainsAgent: Agent<NetRecord> = {
  name: 'built-in-chains',
  watches: ['Pod', 'ConfigMap', 'DaemonSet', 'KubeProxyConfiguration', ...NETWORK_KINDS],
  keysFor,
  keys: names,
  render,
  repairs: [
    // flanneld makes sure of its own jumps; kube-proxy inserts its again when it has found its canary gone.
    {
      seconds: 5,
      repair: (rendered, find) => rendered.flatMap((record) => ensureJumps(record, find(record.id), (component) => cniNames.has(component), 'last')),
    },
    {
      seconds: 30,
      repair: (rendered, find, node, view) =>
        isProxyAlive(node, view) && rendered.some((record) => record.kind === 'chain' && find(canaryOf(record)) === undefined)
          ? rendered.flatMap((record) => ensureJumps(record, find(record.id), (component) => component === 'kube-proxy', 'first'))
          : [],
    },
  ],
};
