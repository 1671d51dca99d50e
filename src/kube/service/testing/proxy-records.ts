/** All that kube-proxy writes on one node, with the jumps into its iptables chains, for tests that run packets through it. */
import type { Chain, NetRecord } from '../../../net/records.ts';
import type { KubeObject } from '../../../objects/types.ts';
import { builtInChainsAgent } from '../../node/built-in-chains-agent.ts';
import { objectView } from '../../node/testing/object-view.ts';
import type { ProxyConfig } from '../kube-proxy-config.ts';
import { kubeProxyAgent } from './kube-proxy.ts';

const node = (name: string, ip: string): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: { podCIDR: '10.244.0.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  }) as unknown as KubeObject;

const configuration = (config: Partial<ProxyConfig>): KubeObject =>
  ({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    metadata: { name: 'config' },
    mode: config.mode,
    detectLocalMode: config.detectLocalMode,
    detectLocal: { bridgeInterface: config.bridgeInterface, interfaceNamePrefix: config.interfaceNamePrefix },
    iptables: { masqueradeAll: config.masqueradeAll, localhostNodePorts: config.localhostNodePorts },
    conntrack: { tcpBeLiberal: config.conntrackTcpLiberal },
    nodePortAddresses: config.nodePortAddresses,
    ipvs: { scheduler: config.ipvsScheduler },
  }) as unknown as KubeObject;

/** @param netns where the records shall stand, instead of the node's own root netns */
export function proxyRecords(netns: string, name: string, ip: string, config: Partial<ProxyConfig>, objects: readonly KubeObject[]): readonly NetRecord[] {
  const view = objectView([node(name, ip), configuration(config), ...objects]);
  const records = [...kubeProxyAgent.keys(view).flatMap((key) => kubeProxyAgent.render(key, view).records), ...builtInChainsAgent.render(name, view).records];
  const wanted = records.filter((record) => record.kind !== 'process' && 'netns' in record && record.netns === netns);
  // Only kube-proxy is looked at: what others have in the built-in chains stays out.
  return wanted.map((record) => (record.kind === 'chain' && record.policy !== undefined ? { ...record, rules: ownJumps(record) } : record));
}

const ownJumps = (chain: Chain) => chain.rules.filter((rule) => rule.origin?.component === 'kube-proxy');
