/** The iptables rules that kube-proxy writes on every node whatever the Services are, and how it hooks its chains in. */
import type { Origin } from '../../base/origin.ts';
import type { Rule } from '../../net/records.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { EXTERNAL_SERVICES, FORWARD, KUBELET_FIREWALL, MARK_MASQ, NODE_PORTS, POSTROUTING, PROXY_FIREWALL, SERVICES } from './kube-proxy-names.ts';

export const KUBE_PROXY: Origin = { component: 'kube-proxy', objects: [] };
const rules = (texts: readonly string[]): readonly Rule[] => texts.map((text) => ({ text }));

/** A jump from a built-in chain, in the order kube-proxy inserts them: each at the head, so the last comes first. */
export interface BuiltInJump {
  readonly table: 'nat' | 'filter' | 'mangle' | 'raw';
  readonly from: 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';
  readonly text: string;
  /** Of the CNI's: into which family's chains; absent: IPv4. */
  readonly family?: 'ipv6';
  /** Of the CNI's: before all others, not behind them. */
  readonly first?: true;
  /** The same of its daemon, which looks after it. */
  readonly head?: true;
}

const NEW = '-m conntrack --ctstate NEW';

/** Kubernetes: pkg/proxy/iptables, iptablesJumpChains. */
export const KUBE_PROXY_JUMPS: readonly BuiltInJump[] = [
  { table: 'filter', from: 'INPUT', text: `${NEW} -m comment --comment "kubernetes externally-visible service portals" -j ${EXTERNAL_SERVICES}` },
  { table: 'filter', from: 'FORWARD', text: `${NEW} -m comment --comment "kubernetes externally-visible service portals" -j ${EXTERNAL_SERVICES}` },
  { table: 'filter', from: 'INPUT', text: `-m comment --comment "kubernetes health check service ports" -j ${NODE_PORTS}` },
  { table: 'filter', from: 'FORWARD', text: `${NEW} -m comment --comment "kubernetes service portals" -j ${SERVICES}` },
  { table: 'filter', from: 'OUTPUT', text: `${NEW} -m comment --comment "kubernetes service portals" -j ${SERVICES}` },
  { table: 'filter', from: 'FORWARD', text: `-m comment --comment "kubernetes forwarding rules" -j ${FORWARD}` },
  { table: 'filter', from: 'INPUT', text: `${NEW} -m comment --comment "kubernetes load balancer firewall" -j ${PROXY_FIREWALL}` },
  { table: 'filter', from: 'OUTPUT', text: `${NEW} -m comment --comment "kubernetes load balancer firewall" -j ${PROXY_FIREWALL}` },
  { table: 'filter', from: 'FORWARD', text: `${NEW} -m comment --comment "kubernetes load balancer firewall" -j ${PROXY_FIREWALL}` },
  { table: 'nat', from: 'OUTPUT', text: `-m comment --comment "kubernetes service portals" -j ${SERVICES}` },
  { table: 'nat', from: 'PREROUTING', text: `-m comment --comment "kubernetes service portals" -j ${SERVICES}` },
  { table: 'nat', from: 'POSTROUTING', text: `-m comment --comment "kubernetes postrouting rules" -j ${POSTROUTING}` },
];

/** Written by kube-proxy and by the kubelet alike, whoever comes first. Kubernetes: pkg/kubelet, syncIPTablesRules. */
export const LOCALNET_RULE =
  '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

export function markMasqRules(config: ProxyConfig): readonly Rule[] {
  return rules([`-j MARK --or-mark ${config.masqueradeMark}`]);
}

/** The mark is taken off again before masquerading, or a tunnel's outer packet would be masqueraded for a second time. */
export function postroutingRules(config: ProxyConfig): readonly Rule[] {
  const mark = config.masqueradeMark;
  const how = config.randomFully ? ' --random-fully' : '';
  const words = '-m comment --comment "kubernetes service traffic requiring SNAT"';
  if (!config.unmarks) return rules([`${words} -m mark --mark ${mark}/${mark} -j MASQUERADE${how}`]);
  return rules([`-m mark ! --mark ${mark}/${mark} -j RETURN`, `-j MARK --xor-mark ${mark}`, `${words} -j MASQUERADE${how}`]);
}

export function forwardRules(config: ProxyConfig): readonly Rule[] {
  const mark = config.masqueradeMark;
  const counted = config.nfacct ? ' -m nfacct --nfacct-name ct_state_invalid_dropped_pkts' : '';
  return rules([
    ...(config.conntrackTcpLiberal || !config.dropsInvalid ? [] : [`-m conntrack --ctstate INVALID${counted} -j DROP`]),
    `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
    '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  ]);
}

/** The rules of KUBE-FIREWALL that kube-proxy writes too: only where it has opened node ports on localhost. */
export function localnetRules(config: ProxyConfig): readonly Rule[] {
  return config.localhostNodePorts && config.family === 'IPv4' ? rules([LOCALNET_RULE]) : [];
}

/**
 * The last rules of KUBE-SERVICES: where node ports are served. `nodeIps` are the node's addresses inside `nodePortAddresses`; they
 * matter only where that is not empty.
 */
export function nodePortJumps(config: ProxyConfig, nodeIps: readonly string[]): readonly Rule[] {
  const words = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
  if (config.nodePortAddresses.length === 0) {
    const loopback = config.family === 'IPv6' ? ' ! -d ::1/128' : config.localhostNodePorts ? '' : ' ! -d 127.0.0.0/8';
    return rules([`${words} -m addrtype --dst-type LOCAL${loopback} -j ${NODE_PORTS}`]);
  }
  const served = nodeIps.filter((ip) => (config.family === 'IPv6' ? ip !== '::1' : config.localhostNodePorts || !ip.startsWith('127.')));
  return rules(served.map((ip) => `${words} -d ${ip} -j ${NODE_PORTS}`));
}

/** Chains of table filter in the order kube-proxy declares them. */
export const FILTER_CHAINS = [NODE_PORTS, SERVICES, EXTERNAL_SERVICES, KUBELET_FIREWALL, FORWARD, PROXY_FIREWALL] as const;
/** … and of table nat. */
export const NAT_CHAINS = [SERVICES, NODE_PORTS, POSTROUTING, MARK_MASQ] as const;
