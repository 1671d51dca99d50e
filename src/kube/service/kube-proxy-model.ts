/** Services and EndpointSlices as kube-proxy sees them, the same for every mode: one entry per service port, with its endpoints. */
import { formatIp4, parseIp4 } from '../../net/addr/ip4.ts';
import type { ObjectKey } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import type { EndpointSlice, Service } from './types.ts';

export interface ServicePort {
  readonly service: ObjectKey;
  /** `namespace/name`, with `:port` where the port is named: kube-proxy's word for it in comments and hashes. */
  readonly name: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly clusterIp: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  /** 0: none. */
  readonly healthCheckNodePort: number;
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
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
  /** `ip:port`, brackets around IPv6. */
  readonly address: string;
  readonly nodeName: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** The Pod behind it, if any. */
  readonly pod?: ObjectKey;
}

type Family = 'IPv4' | 'IPv6';
const PROTOCOLS: Readonly<Record<string, ServicePort['protocol']>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };
/** Objects with these labels belong to somebody else's proxy. Kubernetes: pkg/proxy/apis/well_known_labels.go. */
const FOREIGN_PROXY_LABEL = 'service.kubernetes.io/service-proxy-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** An address of the family in its usual form; leading zeros are dropped as Go's ParseIPSloppy does. */
function addressOf(text: string, family: Family): string | undefined {
  if (family === 'IPv6') return text.includes(':') ? text.toLowerCase() : undefined;
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

function rangeOf(text: string, family: Family): string | undefined {
  const [address, length, ...rest] = text.trim().split('/');
  if (address === undefined || length === undefined || rest.length > 0 || !/^[0-9]+$/.test(length)) return undefined;
  const ip = addressOf(address, family);
  return ip === undefined || Number(length) > (family === 'IPv4' ? 32 : 128) ? undefined : `${ip}/${Number(length)}`;
}

const defined = <T>(value: T | undefined): value is T => value !== undefined;

/** Kubernetes: pkg/proxy/util, ShouldSkipService; headless Services and ExternalName have no address to capture. */
function skipped(service: Service): boolean {
  const ip = service.spec?.clusterIP;
  return (
    ip === undefined || ip === '' || ip === 'None' || service.spec?.type === 'ExternalName' || service.metadata.labels?.[FOREIGN_PROXY_LABEL] !== undefined
  );
}

function endpointsOf(slices: readonly EndpointSlice[], family: Family, portName: string, protocol: string): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType !== family || slice.metadata.labels?.[HEADLESS_LABEL] !== undefined) continue;
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== portName || (port.protocol ?? 'TCP') !== protocol || port.port === undefined) continue;
      for (const one of slice.endpoints ?? []) {
        const ip = one.addresses[0] === undefined ? undefined : addressOf(one.addresses[0], family);
        if (ip === undefined) continue;
        const address = family === 'IPv6' ? `[${ip}]:${port.port}` : `${ip}:${port.port}`;
        found.set(address, {
          ip,
          address,
          nodeName: one.nodeName ?? '',
          ready: one.conditions?.ready !== false,
          serving: one.conditions?.serving ?? one.conditions?.ready !== false,
          terminating: one.conditions?.terminating === true,
          ...(one.targetRef?.kind === 'Pod' && one.targetRef.name !== undefined
            ? { pod: `Pod/${one.targetRef.namespace ?? slice.metadata.namespace ?? 'default'}/${one.targetRef.name}` }
            : {}),
        });
      }
    }
  }
  // In the order of their text, as Kubernetes: pkg/proxy, byEndpoint.
  return [...found.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** All ports of a Service in the family, in the order of the Service; none where a proxy leaves it alone. Kubernetes: pkg/proxy, newBaseServiceInfo. */
export function servicePorts(service: Service, slices: readonly EndpointSlice[], family: Family): ServicePort[] {
  const spec = service.spec;
  if (skipped(service)) return [];
  const clusterIp = [...(spec.clusterIPs ?? []), spec.clusterIP ?? ''].map((ip) => addressOf(ip, family)).find(defined);
  if (clusterIp === undefined) return [];
  const externalIps = (spec.externalIPs ?? []).map((ip) => addressOf(ip, family)).filter(defined);
  const loadBalancerIps = (spec.type === 'LoadBalancer' ? (service.status?.loadBalancer?.ingress ?? []) : [])
    .filter((ingress) => ingress.ipMode !== 'Proxy')
    .map((ingress) => addressOf(ingress.ip ?? '', family))
    .filter(defined);
  const ranges = spec.loadBalancerSourceRanges ?? service.metadata.annotations?.[SOURCE_RANGES_ANNOTATION]?.split(',') ?? [];
  const exposed = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  const externalLocal = exposed && spec.externalTrafficPolicy === 'Local';
  const base = `${service.metadata.namespace ?? 'default'}/${service.metadata.name}`;
  const ports: ServicePort[] = [];
  for (const port of spec.ports ?? []) {
    const protocol = PROTOCOLS[port.protocol ?? 'TCP'];
    if (protocol === undefined) continue;
    const portName = port.name ?? '';
    const nodePort = exposed ? (port.nodePort ?? 0) : 0;
    ports.push({
      service: objectKey(service),
      name: portName === '' ? base : `${base}:${portName}`,
      protocol,
      clusterIp,
      port: port.port,
      nodePort,
      healthCheckNodePort: spec.type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
      externalIps,
      loadBalancerIps,
      sourceRanges: ranges.map((range) => rangeOf(range, family)).filter(defined),
      affinitySeconds: spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10800) : 0,
      internalLocal: spec.internalTrafficPolicy === 'Local',
      externalLocal,
      externallyAccessible: nodePort !== 0 || externalIps.length > 0 || loadBalancerIps.length > 0,
      endpoints: endpointsOf(slices, family, portName, port.protocol ?? 'TCP'),
    });
  }
  return ports;
}

export interface EndpointChoice {
  /** For traffic policy Cluster. */
  readonly cluster: readonly Endpoint[];
  /** For traffic policy Local: those on this node. */
  readonly local: readonly Endpoint[];
  /** Every endpoint that some rule on this node may choose. */
  readonly reachable: readonly Endpoint[];
  /** Some endpoint exists anywhere, so that absence here is a DROP and not a REJECT. */
  readonly any: boolean;
}

/** Ready ones; where there are none, those that terminate and still serve. */
function usable(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
}

/** Does this port need its same-node endpoints told apart, so that its rules differ from node to node? */
export function usesLocalEndpoints(port: ServicePort): boolean {
  return port.internalLocal || (port.externalLocal && port.externallyAccessible);
}

/** Kubernetes: pkg/proxy, CategorizeEndpoints (without topology hints). */
export function chooseEndpoints(port: ServicePort, nodeName: string): EndpointChoice {
  const usesCluster = !port.internalLocal || port.externallyAccessible;
  const usableAnywhere = usable(port.endpoints);
  const cluster = usesCluster ? usableAnywhere : [];
  const any = usableAnywhere.length > 0;
  if (!usesLocalEndpoints(port)) return { cluster, local: [], reachable: cluster, any };
  const local = usable(port.endpoints.filter((endpoint) => endpoint.nodeName === nodeName));
  const reachable = usesCluster ? [...cluster, ...local.filter((endpoint) => !cluster.includes(endpoint))] : local;
  return { cluster, local, reachable, any };
}
