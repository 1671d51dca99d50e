/** NodeLocal DNSCache: a CoreDNS in each node's own network that answers on a link-local address and in the DNS Service's stead, past conntrack. kubernetes/dns: cmd/node-cache/app/cache_app.go. */
import type { Origin } from '../../base/origin.ts';
import type { Chain, DummyDevice, Rule } from '../../net/records.ts';
import type { StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { isIp } from '../addresses.ts';
import { macFromName } from '../node/mac.ts';
import { podsOn } from '../node/pods-by-node.ts';
import { chainId, deviceId, rootNetnsId } from '../node/record-ids.ts';
import { parseImage } from '../pod/images.ts';
import { isContainerRunning } from '../pod/running.ts';
import type { Container, Pod } from '../pod/types.ts';
import { namespaceOf } from '../pod/types.ts';
import type { Service } from '../service/types.ts';

export const isNodeCache = (container: Container): boolean => parseImage(container.image ?? '').repository.endsWith('/k8s-dns-node-cache');

/** Value of `-name value`, `-name=value` or the same with two dashes. */
function argument(container: Container, name: string): string | undefined {
  const words = [...(container.command ?? []), ...(container.args ?? [])];
  for (const [i, word] of words.entries()) {
    const [key, value] = word.replace(/^--?/, '').split('=');
    if (word.startsWith('-') && key === name) return value ?? words[i + 1];
  }
  return undefined;
}

export const localIpsOf = (container: Container): readonly string[] => (argument(container, 'localip') ?? '').split(',').filter(isIp);

/** The Corefile as node-cache writes it from its template: the addresses behind `-upstreamsvc` and those of the node's resolv.conf. */
export function nodeCacheCorefile(text: string, pod: Pod, container: Container, view: StoreView): string {
  const name = argument(container, 'upstreamsvc');
  const service = name === undefined ? undefined : view.find<Service>(`Service/${namespaceOf(pod)}/${name}`);
  const upstream = (service?.spec.clusterIPs ?? [service?.spec.clusterIP ?? '']).filter(isIp).join(' ');
  return text.replaceAll('__PILLAR__CLUSTER__DNS__', upstream).replaceAll('__PILLAR__UPSTREAM__SERVERS__', '/etc/resolv.conf');
}

/** The dummy device that holds the addresses. */
export function nodeCacheDevice(pod: Pod, container: Container, origin: Origin): DummyDevice | undefined {
  const ips = localIpsOf(container);
  const netns = rootNetnsId(pod.spec.nodeName ?? '');
  const id = deviceId(netns, 'nodelocaldns');
  if (ips.length === 0 || pod.spec.hostNetwork !== true || argument(container, 'setupinterface') === 'false') return undefined;
  return {
    kind: 'device',
    id,
    origin,
    netns,
    name: 'nodelocaldns',
    index: 190,
    mac: macFromName(id),
    mtuBytes: 1500,
    up: true,
    addresses: ips.map((ip) => ({ ip, prefixLength: ip.includes(':') ? 128 : 32, scope: 'global' as const })),
    type: 'dummy',
  };
}

export interface NodeLocalRules {
  readonly origin: Origin;
  readonly rules: readonly { readonly table: 'raw' | 'filter'; readonly chain: string; readonly text: string; readonly family: Chain['family'] }[];
}

/** What a running node-cache has put at the head of the built-in chains, the first on top. */
export function nodeLocalRules(node: string, view: StoreView): NodeLocalRules | undefined {
  for (const pod of podsOn(view, node)) {
    const container = pod.spec.hostNetwork === true ? pod.spec.containers.find(isNodeCache) : undefined;
    if (container === undefined || !isContainerRunning(pod, container.name) || argument(container, 'setupiptables') === 'false') continue;
    const health = argument(container, 'health-port') ?? '8080';
    const rules = localIpsOf(container).flatMap((ip) => {
      const family = ip.includes(':') ? ('ipv6' as const) : undefined;
      const whole = `${ip}/${family === undefined ? 32 : 128}`;
      const one = (table: 'raw' | 'filter', chain: string, protocol: string, way: 'to' | 'from', port: string) => {
        const ends = way === 'to' ? [`-d ${whole}`, `--dport ${port}`] : [`-s ${whole}`, `--sport ${port}`];
        const comment = table === 'raw' ? 'skip conntrack' : 'allow DNS traffic';
        const text = `${ends[0]} -p ${protocol} -m ${protocol} ${ends[1]} -m comment --comment "NodeLocal DNS Cache: ${comment}" -j ${table === 'raw' ? 'NOTRACK' : 'ACCEPT'}`;
        return { table, chain, text, family };
      };
      const both = (table: 'raw' | 'filter', chain: string, way: 'to' | 'from') => ['tcp', 'udp'].map((protocol) => one(table, chain, protocol, way, '53'));
      return [
        ...both('raw', 'PREROUTING', 'to'),
        ...both('filter', 'INPUT', 'to'),
        ...both('raw', 'OUTPUT', 'from'),
        ...both('filter', 'OUTPUT', 'from'),
        ...both('raw', 'OUTPUT', 'to'),
        one('raw', 'OUTPUT', 'tcp', 'to', health),
        one('raw', 'OUTPUT', 'tcp', 'from', health),
      ];
    });
    // Each is put before those that are there already.
    return { origin: { component: 'node-cache', objects: [objectKey(pod)] }, rules: rules.reverse() };
  }
  return undefined;
}

const RAW_CHAINS = ['PREROUTING', 'OUTPUT'] as const;

/** The rules for one built-in chain. */
export const nodeLocalRulesFor = (local: NodeLocalRules | undefined, table: string, chain: string, family: Chain['family']): readonly Rule[] =>
  (local?.rules ?? []).flatMap((rule) =>
    rule.table === table && rule.chain === chain && rule.family === family ? [{ text: rule.text, origin: (local as NodeLocalRules).origin }] : [],
  );

/** The raw table, which exists only where somebody has written to it. */
export function nodeLocalRawChains(local: NodeLocalRules | undefined, netns: string, family: Chain['family'], origin: Origin): readonly Chain[] {
  if (local === undefined || local.rules.every((rule) => rule.family !== family)) return [];
  return RAW_CHAINS.map((name) => ({
    kind: 'chain',
    id: chainId(netns, 'raw', name, family),
    origin,
    netns,
    ...(family === undefined ? {} : { family }),
    table: 'raw',
    name,
    policy: 'ACCEPT',
    rules: nodeLocalRulesFor(local, 'raw', name, family),
  }));
}

export const isNodeCachePod = (pod: Pod): boolean => pod.spec.containers.some(isNodeCache);
