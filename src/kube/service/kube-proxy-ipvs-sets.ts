/** The ipsets of kube-proxy's IPVS mode and who is in them. Kubernetes v1.35: pkg/proxy/ipvs/{ipset,proxier}.go. */
import type { IpSetTypeName } from '../../net/netfilter/ipset/type.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import { inRange, nodePortIps } from './kube-proxy-config.ts';
import type { ServicePort } from './kube-proxy-model.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';

/** By name: its type, and the comment of the rules that match it. */
export const IPVS_SETS = {
  'KUBE-LOOP-BACK': ['hash:ip,port,ip', 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose'],
  'KUBE-CLUSTER-IP': ['hash:ip,port', 'Kubernetes service cluster ip + port for masquerade purpose'],
  'KUBE-EXTERNAL-IP': ['hash:ip,port', 'Kubernetes service external ip + port for masquerade and filter purpose'],
  'KUBE-EXTERNAL-IP-LOCAL': ['hash:ip,port', 'Kubernetes service external ip + port with externalTrafficPolicy=local'],
  'KUBE-LOAD-BALANCER': ['hash:ip,port', 'Kubernetes service lb portal'],
  'KUBE-LOAD-BALANCER-FW': ['hash:ip,port', 'Kubernetes service load balancer ip + port for load balancer with sourceRange'],
  'KUBE-LOAD-BALANCER-LOCAL': ['hash:ip,port', 'Kubernetes service load balancer ip + port with externalTrafficPolicy=local'],
  'KUBE-LOAD-BALANCER-SOURCE-IP': ['hash:ip,port,ip', 'Kubernetes service load balancer ip + port + source IP for packet filter purpose'],
  'KUBE-LOAD-BALANCER-SOURCE-CIDR': ['hash:ip,port,net', 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose'],
  'KUBE-NODE-PORT-TCP': ['bitmap:port', 'Kubernetes nodeport TCP port for masquerade purpose'],
  'KUBE-NODE-PORT-LOCAL-TCP': ['bitmap:port', 'Kubernetes nodeport TCP port with externalTrafficPolicy=local'],
  'KUBE-NODE-PORT-UDP': ['bitmap:port', 'Kubernetes nodeport UDP port for masquerade purpose'],
  'KUBE-NODE-PORT-LOCAL-UDP': ['bitmap:port', 'Kubernetes nodeport UDP port with externalTrafficPolicy=local'],
  'KUBE-NODE-PORT-SCTP-HASH': ['hash:ip,port', "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"],
  'KUBE-NODE-PORT-LOCAL-SCTP-HASH': ['hash:ip,port', "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"],
  'KUBE-HEALTH-CHECK-NODE-PORT': ['bitmap:port', 'Kubernetes health check node port'],
  'KUBE-IPVS-IPS': ['hash:ip', 'Virtual addresses'],
} as const satisfies Readonly<Record<string, readonly [IpSetTypeName, string]>>;

export type IpvsSetName = keyof typeof IPVS_SETS;
export const IPVS_SET_NAMES = Object.keys(IPVS_SETS) as readonly IpvsSetName[];

/** Both families live side by side; a name has 31 characters at most. */
export const setNameOf = (name: IpvsSetName, family: IpFamily): string => (family === 'IPv6' ? name.replace('KUBE-', 'KUBE-6-').slice(0, 31) : name);

export interface IpvsEntries {
  readonly sets: Readonly<Record<IpvsSetName, ReadonlySet<string>>>;
  /** Addresses on kube-ipvs0, in the order of their Services. */
  readonly bound: readonly string[];
  /** Load balancer addresses that the nodes themselves may not use. */
  readonly forbidden: readonly { readonly ip: string; readonly protocol: string; readonly port: number }[];
}

/** Node addresses on which node ports are virtual services. */
export const servedNodeIps = (proxy: ProxyNode): readonly string[] => nodePortIps(proxy.config, proxy.ip, proxy.localIps());

/** Cost: O(service ports and their endpoints). */
export function ipvsEntries(ports: Iterable<ServicePort>, proxy: ProxyNode): IpvsEntries {
  const sets = Object.fromEntries(IPVS_SET_NAMES.map((name) => [name, new Set<string>()])) as Record<IpvsSetName, Set<string>>;
  const forbidden: { ip: string; protocol: string; port: number }[] = [];
  const bound = new Set<string>();
  const nodeIps = servedNodeIps(proxy);
  const ownIps = new Set(proxy.localIps());
  for (const port of ports) {
    const { protocol } = port;
    const entry = (ip: string) => `${ip},${protocol}:${port.port}`;
    for (const endpoint of port.endpoints) {
      if (endpoint.nodeName === proxy.place.nodeName) sets['KUBE-LOOP-BACK'].add(`${endpoint.ip},${protocol}:${endpoint.port},${endpoint.ip}`);
    }
    sets['KUBE-CLUSTER-IP'].add(entry(port.clusterIp));
    bound.add(port.clusterIp);
    for (const ip of port.externalIps) {
      sets[port.externalLocal ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP'].add(entry(ip));
      if (!ownIps.has(ip)) bound.add(ip);
    }
    for (const ip of port.loadBalancerIps) {
      sets['KUBE-LOAD-BALANCER'].add(entry(ip));
      if (port.externalLocal) sets['KUBE-LOAD-BALANCER-LOCAL'].add(entry(ip));
      if (port.sourceRanges.length > 0) {
        sets['KUBE-LOAD-BALANCER-FW'].add(entry(ip));
        for (const range of port.sourceRanges) {
          // ipset knows no network of length 0, and prints a whole address without its length.
          if (!range.endsWith('/0')) sets['KUBE-LOAD-BALANCER-SOURCE-CIDR'].add(`${entry(ip)},${range.replace(range.includes(':') ? /\/128$/ : /\/32$/, '')}`);
        }
        if (port.sourceRanges.some((range) => inRange(range, proxy.ip))) sets['KUBE-LOAD-BALANCER-SOURCE-IP'].add(`${entry(ip)},${ip}`);
        else forbidden.push({ ip, protocol, port: port.port });
      }
      if (!ownIps.has(ip)) bound.add(ip);
    }
    if (port.nodePort !== 0 && nodeIps.length > 0) {
      const entries = protocol === 'sctp' ? nodeIps.map((ip) => `${ip},sctp:${port.nodePort}`) : [String(port.nodePort)];
      const suffix = ({ tcp: 'TCP', udp: 'UDP', sctp: 'SCTP-HASH' } as const)[protocol];
      for (const one of entries) {
        sets[`KUBE-NODE-PORT-${suffix}`].add(one);
        if (port.externalLocal) sets[`KUBE-NODE-PORT-LOCAL-${suffix}`].add(one);
      }
    }
    if (port.healthCheckNodePort !== 0) sets['KUBE-HEALTH-CHECK-NODE-PORT'].add(String(port.healthCheckNodePort));
  }
  for (const ip of bound) sets['KUBE-IPVS-IPS'].add(ip);
  return { sets, bound: [...bound], forbidden };
}
