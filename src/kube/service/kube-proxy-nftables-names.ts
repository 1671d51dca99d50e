/** The names in kube-proxy's nftables table. Kubernetes v1.35: pkg/proxy/nftables/proxier.go. */
import type { Endpoint, ServicePort } from './kube-proxy-model.ts';
import { base32, sha256 } from './kube-proxy-sha256.ts';

export const TABLE = 'kube-proxy';
export const MARK_FOR_MASQUERADE = 'mark-for-masquerade';
export const REJECT_CHAIN = 'reject-chain';
export const CLUSTER_IPS = 'cluster-ips';
export const SERVICE_IPS = 'service-ips';
export const SERVICE_NODE_PORTS = 'service-nodeports';
export const NO_ENDPOINT_SERVICES = 'no-endpoint-services';
export const NO_ENDPOINT_NODE_PORTS = 'no-endpoint-nodeports';
export const FIREWALL_IPS = 'firewall-ips';

/** Sets and maps that all Services share. */
export type SharedSet =
  | typeof CLUSTER_IPS
  | typeof SERVICE_IPS
  | typeof SERVICE_NODE_PORTS
  | typeof NO_ENDPOINT_SERVICES
  | typeof NO_ENDPOINT_NODE_PORTS
  | typeof FIREWALL_IPS;

/** NFT_NAME_MAXLEN less room for a prefix. */
const MAX_BASE = 240;

/** A name told apart by its hash, and cut where it is too long for nftables. */
export interface HashedName {
  readonly text: string;
  /** 0..2^20-1, of the hash: what is made from the name keeps its place in the table however many others come and go. */
  readonly number: number;
}

function hashed(name: string): HashedName {
  const digest = sha256(name);
  const text = `${base32(digest).slice(0, 8)}-${name}`;
  const number = ((digest[0] ?? 0) << 12) | ((digest[1] ?? 0) << 4) | ((digest[2] ?? 0) >> 4);
  return { text: text.length > MAX_BASE ? `${text.slice(0, MAX_BASE - 3)}...` : text, number };
}

const plainName = (port: ServicePort): string => `${port.namespace}/${port.serviceName}/${port.protocol}/${port.portName}`;

/** `ULMVA6XW-ns1/svc1/tcp/p80` */
export const servicePortName = (port: ServicePort): HashedName => hashed(plainName(port));

/** `5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80`; colons are not allowed in names. */
export const endpointName = (port: ServicePort, endpoint: Endpoint): HashedName =>
  hashed(`${plainName(port)}__${endpoint.ip.replaceAll(':', '.')}/${endpoint.port}`);
