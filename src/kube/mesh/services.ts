/** Services as the proxies of a mesh know them: clusters of endpoints, listeners by address, and hosts by port. Istio: pilot/pkg/networking/core/{cluster,httproute}.go. */
import type { MeshProtocol, MeshService } from '../../net/app/mesh/config.ts';
import type { ProxyBackend, ProxyEndpoint, ProxyHost, ProxyRoute } from '../../net/app/proxy/config.ts';
import type { StoreView } from '../../objects/types.ts';
import { byRank, compileRoute } from '../gateway/compile-route.ts';
import type { Route } from '../gateway/types.ts';
import { perState } from '../node/per-state.ts';
import { namespaceOf, type Pod } from '../pod/types.ts';
import { type EndpointSlice, isHeadless, needsClusterIp, type Service, type ServicePort, serviceNameLabel } from '../service/types.ts';
import { TLS_MODE_LABEL } from './inject.ts';

const CONNECT_MS = 10_000;
/** The standard retry policy: two more tries. */
const TRIES = 3;

/** By appProtocol, then by the port's name (`http-web`); else by what is seen. Istio: pilot/pkg/networking/util, pkg/config/kube/conversion.go. */
export function protocolOf({ name = '', appProtocol, protocol = 'TCP' }: ServicePort): MeshProtocol | undefined {
  if (protocol !== 'TCP') return undefined;
  const said = (appProtocol ?? name.split('-')[0] ?? '').toLowerCase();
  if (said === 'http' || said === 'kubernetes.io/ws') return 'http';
  return ['tcp', 'https', 'tls', 'mongo', 'redis', 'mysql', 'http2', 'grpc', 'kubernetes.io/h2c', 'kubernetes.io/wss'].includes(said) ? 'tcp' : 'sniffed';
}

const clusterName = (service: Service, port: number): string => `outbound|${port}||${service.metadata.name}.${namespaceOf(service)}.svc.cluster.local`;

/** Addresses of pods whose proxy speaks the mesh's TLS. */
const meshed = perState(['Pod'], (view): ReadonlySet<string> => {
  const found = new Set<string>();
  for (const pod of view.list<Pod>('Pod')) {
    if (pod.metadata.labels?.[TLS_MODE_LABEL] !== 'istio') continue;
    for (const { ip } of pod.status?.podIPs ?? []) if (ip !== undefined) found.add(ip);
  }
  return found;
});

function withTls({ ip, port }: ProxyEndpoint, service: Service, servicePort: number, view: StoreView): ProxyEndpoint {
  if (!meshed(view).has(ip)) return { ip, port };
  const serverName = `outbound_.${servicePort}_._.${service.metadata.name}.${namespaceOf(service)}.svc.cluster.local`;
  return { ip, port, tls: { serverName, why: `the pod behind ${ip} has a proxy of the mesh` } };
}

function clusterOf(service: Service, port: ServicePort, view: StoreView): ProxyBackend {
  const endpoints = new Map<string, ProxyEndpoint>();
  for (const slice of view.select<EndpointSlice>('EndpointSlice', namespaceOf(service), { [serviceNameLabel]: service.metadata.name })) {
    const number = slice.ports?.find((one) => (one.name ?? '') === (port.name ?? ''))?.port;
    if (number === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const [ip] = addresses;
      if (ip !== undefined && conditions?.ready !== false) endpoints.set(`${ip} ${number}`, withTls({ ip, port: number }, service, port.port, view));
    }
  }
  return {
    name: clusterName(service, port.port),
    endpoints: [...endpoints.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port)),
  };
}

/** What all proxies of a cluster have in common. */
export interface MeshModel {
  readonly services: readonly MeshService[];
  readonly backends: readonly ProxyBackend[];
  /** By port: a Service with the routes of its requests. */
  readonly virtual: ReadonlyMap<number, readonly { readonly service: Service; readonly routes: readonly ProxyRoute[] }[]>;
}

const refersTo = (route: Route, service: Service, port: number): boolean =>
  (route.spec?.parentRefs ?? []).some(
    (one) =>
      one.kind === 'Service' &&
      (one.group ?? 'gateway.networking.k8s.io') === '' &&
      one.name === service.metadata.name &&
      (one.namespace ?? namespaceOf(route)) === namespaceOf(service) &&
      (one.port === undefined || one.port === port),
  );

/** Routes that name the Service as their parent (GEP-1294), else all its endpoints. */
function routesOf(service: Service, port: number, view: StoreView, backends: Map<string, ProxyBackend>): readonly ProxyRoute[] {
  const own = view.list<Route>('HTTPRoute').filter((route) => refersTo(route, service, port));
  if (own.length > 0) {
    const found = new Map<string, ProxyBackend>();
    const routes = own
      .flatMap((route) => compileRoute(route, view, found))
      .sort(byRank)
      .map(({ route }) => route);
    for (const [name, backend] of found) {
      const [namespace = '', target = '', number = ''] = name.split('/');
      const to = view.find<Service>(`Service/${namespace}/${target}`);
      backends.set(
        name,
        to === undefined ? backend : { ...backend, endpoints: backend.endpoints.map((endpoint) => withTls(endpoint, to, Number(number), view)) },
      );
    }
    return routes;
  }
  const backend = clusterName(service, port);
  const match = { path: { kind: 'elements', value: '/' } } as const;
  return [
    {
      owner: 'default',
      match,
      action: { kind: 'forward', targets: [{ backend, weight: 1 }], connectTimeoutMs: CONNECT_MS, readTimeoutMs: 0, requestTimeoutMs: 0, tries: TRIES },
    },
  ];
}

export const MESH_SERVICE_KINDS = ['Service', 'EndpointSlice', 'HTTPRoute', 'ReferenceGrant', 'BackendTLSPolicy', 'Secret', 'ConfigMap', 'Pod'] as const;

export const meshModel = perState(MESH_SERVICE_KINDS, (view): MeshModel => {
  const services: MeshService[] = [];
  const backends = new Map<string, ProxyBackend>();
  const virtual = new Map<number, { service: Service; routes: readonly ProxyRoute[] }[]>();
  for (const service of view.list<Service>('Service')) {
    if (!needsClusterIp(service)) continue;
    for (const port of service.spec.ports ?? []) {
      const protocol = protocolOf(port);
      if (protocol === undefined) continue;
      const cluster = clusterOf(service, port, view);
      backends.set(cluster.name, cluster);
      const ips = isHeadless(service) ? cluster.endpoints.map(({ ip }) => ip) : (service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']);
      for (const ip of ips) services.push({ ip, port: port.port, protocol, cluster: cluster.name });
      if (protocol === 'tcp') continue;
      const hosts = virtual.get(port.port) ?? [];
      hosts.push({ service, routes: routesOf(service, port.port, view, backends) });
      virtual.set(port.port, hosts);
    }
  }
  return { services, backends: [...backends.values()], virtual };
});

/** The names that a Service goes by among pods of a namespace. Istio: pilot/pkg/networking/core/httproute.go, generateVirtualHostDomains. */
export function hostsFor(namespace: string, { virtual }: MeshModel): Readonly<Record<string, readonly ProxyHost[]>> {
  const hosts: Record<string, ProxyHost[]> = {};
  for (const [port, all] of virtual) {
    hosts[port] = all.flatMap(({ service, routes }) => {
      const { name } = service.metadata;
      const own = namespaceOf(service);
      const names = [`${name}.${own}.svc.cluster.local`, `${name}.${own}.svc`, `${name}.${own}`, ...(own === namespace ? [name] : [])];
      const ips = isHeadless(service) ? [] : (service.spec.clusterIPs ?? []);
      return [...names, ...ips].map((one) => ({ name: one, routes }));
    });
  }
  return hosts;
}
