/** The names of kube-proxy's chains, and the fixed words of its iptables mode. */
import { base32, sha256 } from './kube-proxy-sha256.ts';

export const SERVICES = 'KUBE-SERVICES';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const NODE_PORTS = 'KUBE-NODEPORTS';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const FORWARD = 'KUBE-FORWARD';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
export const PROXY_CANARY = 'KUBE-PROXY-CANARY';
export const KUBELET_FIREWALL = 'KUBE-FIREWALL';

/** The first 16 letters of base32(sha256(text)): chain names hold at most 28 bytes. Kubernetes: pkg/proxy/iptables, portProtoHash. */
export function chainHash(text: string): string {
  return base32(sha256(text)).slice(0, 16);
}

export interface ServiceChainNames {
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
}

/** `portName` is `namespace/name` with `:port` where the port is named; `protocol` lower case. */
export function serviceChainNames(portName: string, protocol: string): ServiceChainNames {
  const hash = chainHash(portName + protocol);
  return { cluster: `KUBE-SVC-${hash}`, local: `KUBE-SVL-${hash}`, external: `KUBE-EXT-${hash}`, firewall: `KUBE-FW-${hash}` };
}

/** `endpoint` is `ip:port`, with brackets for IPv6. */
export function endpointChainName(portName: string, protocol: string, endpoint: string): string {
  return `KUBE-SEP-${chainHash(portName + protocol + endpoint)}`;
}

/** 1/n with ten decimals, as the statistic match takes it. Kubernetes: pkg/proxy/iptables, computeProbability. */
export function probability(n: number): string {
  return (1 / n).toFixed(10);
}
