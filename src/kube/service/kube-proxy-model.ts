/**
 * Services and EndpointSlices as kube-proxy sees them, the same for every mode: one entry per service port, with its endpoints.
 * Kubernetes v1.35: pkg/proxy/{serviceport,servicechangetracker,endpoint,endpointslicecache}.go.
 */
import { formatPrefix, parseIpPrefix } from '../../net/addr/ip.ts';
import { formatIp4, parseIp4 } from '../../net/addr/ip4.ts';
import { formatIp6, parseIp6 } from '../../net/addr/ip6.ts';
import type { ObjectKey } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import type { EndpointSlice, Service, Endpoint as SliceEndpoint } from './types.ts';

export interface ServicePort {
  readonly service: ObjectKey;
  readonly family: IpFamily;
  /** `namespace/name`, with `:port` where the port is named: kube-proxy's word for it in comments and hashes. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceName: string;
  /** '' where it has none. */
  readonly portName: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly clusterIp: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  /** 0: none. */
  readonly healthCheckNodePort: number;
  readonly externalIps: readonly string[];
  /** Of load balancers that deliver packets with this very address (ipMode VIP). */
  readonly loadBalancerIps: readonly string[];
  /** `10.0.0.0/8` in Go's form: host bits cleared. */
  readonly sourceRanges: readonly string[];
  /** 0: no affinity. */
  readonly affinitySeconds: number;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** It has a node port, an external IP or a load balancer IP. */
  readonly externallyAccessible: boolean;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** `ip:port`, brackets around IPv6. */
  readonly address: string;
  readonly nodeName: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Zones and nodes whose clients it is meant for; empty: no hint. */
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
  /** The Pod behind it, if any. */
  readonly pod?: ObjectKey;
}

const PROTOCOLS: Readonly<Record<string, ServicePort['protocol']>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };
/** Services and slices with these labels are not even sent to kube-proxy. Kubernetes: cmd/kube-proxy/app/server.go; pkg/proxy/apis/well_known_labels.go. */
const FOREIGN_PROXY_LABEL = 'service.kubernetes.io/service-proxy-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const NONE: readonly string[] = [];

/** An address of the family in its usual form; leading zeros are dropped as Go's ParseIPSloppy does. Undefined for anything else. */
export function addressOf(text: string, family: IpFamily): string | undefined {
  if (family === 'IPv6') {
    const ip = text.includes(':') ? parseIp6(text) : undefined;
    return ip === undefined ? undefined : formatIp6(ip);
  }
  if (parseIp4(text) !== undefined) return text;
  if (!/^[0-9]+(\.[0-9]+){3}$/.test(text)) return undefined;
  const value = parseIp4(
    text
      .split('.')
      .map((part) => String(Number(part)))
      .join('.'),
  );
  return value === undefined ? undefined : formatIp4(value);
}

/** A range of the family with its host bits cleared, as Go's IPNet prints it; undefined for anything else. */
export function rangeOf(text: string, family: IpFamily): string | undefined {
  const [address, length, ...rest] = text.trim().split('/');
  if (address === undefined || length === undefined || rest.length > 0 || !/^[0-9]{1,3}$/.test(length)) return undefined;
  const ip = addressOf(address, family);
  if (ip === undefined) return undefined;
  const prefix = parseIpPrefix(`${ip}/${Number(length)}`);
  return prefix === undefined ? undefined : formatPrefix(prefix.network, prefix.prefixLength);
}

const defined = <T>(value: T | undefined): value is T => value !== undefined;
/** Does an object belong to another proxy, or to nobody? */
export const isForeign = (labels: Readonly<Record<string, string>> | undefined) =>
  labels !== undefined && (labels[FOREIGN_PROXY_LABEL] !== undefined || labels[HEADLESS_LABEL] !== undefined);

/** Kubernetes: pkg/proxy/util, ShouldSkipService; headless Services and ExternalName have no address to capture. */
function skipped(service: Service): boolean {
  const ip = service.spec?.clusterIP;
  return ip === undefined || ip === '' || ip === 'None' || service.spec.type === 'ExternalName' || isForeign(service.metadata.labels);
}

interface Hints {
  readonly forZones?: readonly { readonly name?: string }[];
  readonly forNodes?: readonly { readonly name?: string }[];
}

function namesOf(list: Hints['forZones']): readonly string[] {
  return Array.isArray(list) && list.length > 0 ? list.map((one) => one?.name).filter(defined) : NONE;
}

function endpointOf(one: SliceEndpoint, ip: string, port: number, address: string, namespace: string): Endpoint {
  const { ready, serving, terminating } = one.conditions ?? {};
  const hints = (one.hints ?? undefined) as Hints | undefined;
  const { targetRef } = one;
  return {
    ip,
    port,
    address,
    nodeName: one.nodeName ?? '',
    ready: ready !== false,
    serving: serving !== false,
    terminating: terminating === true,
    zoneHints: namesOf(hints?.forZones),
    nodeHints: namesOf(hints?.forNodes),
    ...(targetRef?.kind === 'Pod' && targetRef.name !== undefined ? { pod: `Pod/${targetRef.namespace ?? namespace}/${targetRef.name}` as ObjectKey } : {}),
  };
}

/** Endpoints of one port out of all slices of the Service, each address once, in the order of their text. Kubernetes: EndpointSliceCache, byEndpoint. */
function endpointsOf(slices: readonly EndpointSlice[], family: IpFamily, portName: string, protocol: string): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType !== family || isForeign(slice.metadata.labels)) continue;
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== portName || (port.protocol ?? 'TCP') !== protocol || port.port === undefined || port.port === 0) continue;
      for (const one of slice.endpoints ?? []) {
        // Only the first address counts.
        const ip = one.addresses[0] === undefined ? undefined : addressOf(one.addresses[0], family);
        if (ip === undefined) continue;
        const address = family === 'IPv6' ? `[${ip}]:${port.port}` : `${ip}:${port.port}`;
        if (!found.has(address)) found.set(address, endpointOf(one, ip, port.port, address, slice.metadata.namespace ?? 'default'));
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** All ports of a Service in the family, in the order of the Service; none where a proxy leaves it alone. */
export function servicePorts(service: Service, slices: readonly EndpointSlice[], family: IpFamily): ServicePort[] {
  if (skipped(service)) return [];
  const { spec } = service;
  const clusterIp = [...(spec.clusterIPs ?? []), spec.clusterIP ?? ''].map((ip) => addressOf(ip, family)).find(defined);
  if (clusterIp === undefined) return [];
  const externalIps = (spec.externalIPs ?? []).map((ip) => addressOf(ip, family)).filter(defined);
  const loadBalancerIps = (service.status?.loadBalancer?.ingress ?? [])
    .filter((ingress) => ingress.ipMode !== 'Proxy')
    .map((ingress) => addressOf(ingress.ip ?? '', family))
    .filter(defined);
  const outside = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  const externalLocal = outside && spec.externalTrafficPolicy === 'Local';
  const { namespace = 'default', name } = service.metadata;
  const ports: ServicePort[] = [];
  for (const port of spec.ports ?? []) {
    const protocol = PROTOCOLS[port.protocol ?? 'TCP'];
    if (protocol === undefined) continue;
    const portName = port.name ?? '';
    const nodePort = port.nodePort ?? 0;
    ports.push({
      service: objectKey(service),
      family,
      name: portName === '' ? `${namespace}/${name}` : `${namespace}/${name}:${portName}`,
      namespace,
      serviceName: name,
      portName,
      protocol,
      clusterIp,
      port: port.port,
      nodePort,
      healthCheckNodePort: spec.type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
      externalIps,
      loadBalancerIps,
      sourceRanges: (spec.loadBalancerSourceRanges ?? []).map((range) => rangeOf(range, family)).filter(defined),
      affinitySeconds: spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800) : 0,
      internalLocal: spec.internalTrafficPolicy === 'Local',
      externalLocal,
      externallyAccessible: nodePort !== 0 || externalIps.length > 0 || loadBalancerIps.length > 0,
      endpoints: endpointsOf(slices, family, portName, port.protocol ?? 'TCP'),
    });
  }
  return ports;
}
