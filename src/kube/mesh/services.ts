/** Services as the proxies of a mesh know them: clusters of endpoints, listeners by address, and hosts by port. Istio: pilot/pkg/networking/core/{cluster,httproute}.go. */
import type { MeshProtocol, MeshService } from '../../net/app/mesh/config.ts';
import type { ProxyBackend, ProxyEndpoint, ProxyHost, ProxyRoute } from '../../net/app/proxy/config.ts';
import type { StreamBackend } from '../../net/app/proxy/stream-proxy.ts';
import type { StoreView } from '../../objects/types.ts';
import { byRank, compileRoute } from '../gateway/compile-route.ts';
import type { Route } from '../gateway/types.ts';
import { perState } from '../node/per-state.ts';
import { namespaceOf } from '../pod/types.ts';
import { type EndpointSlice, isHeadless, needsClusterIp, type Service, type ServicePort, serviceNameLabel } from '../service/types.ts';
import { durationMs } from './duration.ts';
import type { Destination, ServiceEntry, TrafficPolicy, VirtualService } from './istio-types.ts';
import { meshConfig } from './mesh-config.ts';
import { backendPolicy, fullHost, hashOf, placed, policyOf, ruleFor } from './traffic-policy.ts';
import { type Client, type ClusterOf, CONNECT_MS, compileVirtualService, STANDARD_RETRY, streamTargets, virtualHosts } from './virtual-service.ts';
import { workloads } from './workloads.ts';

/** By appProtocol, then by the port's name (`http-web`); else by what is seen. Istio: pilot/pkg/networking/util, pkg/config/kube/conversion.go. */
export function protocolOf({ name = '', appProtocol, protocol = 'TCP' }: ServicePort): MeshProtocol | undefined {
  if (protocol !== 'TCP') return undefined;
  const said = (appProtocol ?? name.split('-')[0] ?? '').toLowerCase();
  if (said === 'http' || said === 'kubernetes.io/ws') return 'http';
  return ['tcp', 'https', 'tls', 'mongo', 'redis', 'mysql', 'http2', 'grpc', 'kubernetes.io/h2c', 'kubernetes.io/wss'].includes(said) ? 'tcp' : 'sniffed';
}

/** One port of what can be asked for: a Service's or a ServiceEntry's. */
export interface MeshPort {
  readonly host: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: MeshProtocol;
  /** Addresses that clients ask at. */
  readonly ips: readonly string[];
  /** Names that it goes by beside its host, in its own namespace and elsewhere. */
  readonly aliases: readonly string[];
  readonly shortName: string | undefined;
  readonly endpoints: readonly MeshEndpoint[];
  /** Endpoints have proxies where their pods have one; elsewhere nobody has. */
  readonly external: boolean;
  /** Nobody is chosen: connections go where they were meant to go. */
  readonly passes: boolean;
}
interface MeshEndpoint {
  readonly ip: string;
  readonly port: number;
  readonly locality: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly meshed: boolean;
}

export const clusterName = (host: string, port: number, subset = ''): string => `outbound|${port}|${subset}|${host}`;
export const hostOf = (service: Service): string => `${service.metadata.name}.${namespaceOf(service)}.svc.cluster.local`;

function endpointsOf(service: Service, port: ServicePort, view: StoreView): readonly MeshEndpoint[] {
  const found = new Map<string, MeshEndpoint>();
  const known = workloads(view);
  for (const slice of view.select<EndpointSlice>('EndpointSlice', namespaceOf(service), { [serviceNameLabel]: service.metadata.name })) {
    const number = slice.ports?.find((one) => (one.name ?? '') === (port.name ?? ''))?.port;
    if (number === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const [ip] = addresses;
      if (ip === undefined || conditions?.ready === false) continue;
      const { locality = '', labels = {}, meshed = false } = known.get(ip) ?? {};
      found.set(`${ip} ${number}`, { ip, port: number, locality, labels, meshed });
    }
  }
  return [...found.values()].sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port));
}

function entryPorts({ metadata, spec = {} }: ServiceEntry): readonly MeshPort[] {
  const { hosts = [], ports = [], addresses = [], endpoints = [], resolution = 'NONE', location = 'MESH_EXTERNAL' } = spec;
  return hosts.flatMap((host) =>
    ports.flatMap((port): readonly MeshPort[] => {
      const protocol = protocolOf({ name: (port.protocol ?? '').toLowerCase(), port: port.number });
      if (protocol === undefined) return [];
      return [
        {
          host,
          namespace: metadata.namespace ?? 'default',
          port: port.number,
          protocol: (port.protocol ?? '').toUpperCase() === 'HTTP' ? 'http' : protocol,
          ips: addresses.map((one) => one.replace(/\/32$/, '')),
          aliases: [],
          shortName: undefined,
          endpoints: endpoints.flatMap(({ address, ports: own, labels = {}, locality = '' }) =>
            address === undefined || !/^[0-9a-f.:]+$/i.test(address)
              ? []
              : [{ ip: address, port: own?.[port.name ?? ''] ?? port.targetPort ?? port.number, locality, labels, meshed: false }],
          ),
          external: location === 'MESH_EXTERNAL',
          passes: resolution === 'NONE' || endpoints.length === 0,
        },
      ];
    }),
  );
}

export const MESH_SERVICE_KINDS = [
  'Service',
  'EndpointSlice',
  'HTTPRoute',
  'ReferenceGrant',
  'BackendTLSPolicy',
  'Secret',
  'ConfigMap',
  'Pod',
  'Node',
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
] as const;

/** All that can be asked for. */
export const meshPorts = perState(['Service', 'EndpointSlice', 'Pod', 'Node', 'ServiceEntry'], (view): readonly MeshPort[] => [
  ...view.list<Service>('Service').flatMap((service): readonly MeshPort[] => {
    if (!needsClusterIp(service)) return [];
    const { name } = service.metadata;
    const namespace = namespaceOf(service);
    return (service.spec.ports ?? []).flatMap((port): readonly MeshPort[] => {
      const protocol = protocolOf(port);
      if (protocol === undefined) return [];
      const endpoints = endpointsOf(service, port, view);
      const clusterIps = service.spec.clusterIPs ?? [service.spec.clusterIP ?? ''];
      return [
        {
          host: hostOf(service),
          namespace,
          port: port.port,
          protocol,
          ips: isHeadless(service) ? endpoints.map(({ ip }) => ip) : clusterIps,
          aliases: [`${name}.${namespace}.svc`, `${name}.${namespace}`, ...(isHeadless(service) ? [] : clusterIps)],
          shortName: name,
          endpoints,
          external: false,
          passes: false,
        },
      ];
    });
  }),
  ...view.list<ServiceEntry>('ServiceEntry').flatMap(entryPorts),
]);

/** What a client's proxy knows. */
export interface MeshModel {
  readonly services: readonly MeshService[];
  readonly backends: readonly ProxyBackend[];
  readonly hosts: Readonly<Record<string, readonly ProxyHost[]>>;
}

export const classOf = ({ namespace, labels, locality }: Client): string => JSON.stringify([namespace, locality, Object.entries(labels).sort()]);

const models = perState(MESH_SERVICE_KINDS, () => new Map<string, MeshModel>());
const MAX_MODELS = 4096;

export function meshModel(client: Client, view: StoreView): MeshModel {
  const known = models(view);
  const asksLabels = usesLabels(view);
  const key = classOf(asksLabels ? client : { ...client, labels: {} });
  let model = known.get(key);
  if (model === undefined) {
    if (known.size >= MAX_MODELS) known.clear();
    model = new Builder(client, view).build();
    known.set(key, model);
  }
  return model;
}

/** Whether any object goes by the labels of who asks; else pods of one namespace and place have one model. */
const usesLabels = perState(['VirtualService', 'DestinationRule', 'ConfigMap'], (view): boolean => {
  const text = (object: unknown) => JSON.stringify(object);
  return (
    view.list<VirtualService>('VirtualService').some(({ spec }) => text(spec ?? {}).includes('"sourceLabels"')) ||
    view.list('DestinationRule').some((one) => text(one).includes('"failoverPriority"')) ||
    (meshConfig(view).locality?.failoverPriority ?? []).length > 0
  );
});

export const virtualServices = perState(['VirtualService'], (view) =>
  [...view.list<VirtualService>('VirtualService')].sort((a, b) => (birth(a) < birth(b) ? -1 : 1)),
);
const birth = ({ metadata }: VirtualService): string => `${metadata.creationTimestamp ?? ''} ${metadata.name} ${metadata.namespace ?? ''}`;

/** Compiles what one class of clients gets to know; `backends` are those that something leads to. */
export class Builder {
  readonly #client: Client;
  readonly #view: StoreView;
  readonly #ports: readonly MeshPort[];
  readonly #byHost = new Map<string, MeshPort[]>();
  readonly #backends = new Map<string, ProxyBackend>();

  constructor(client: Client, view: StoreView) {
    this.#client = client;
    this.#view = view;
    this.#ports = meshPorts(view);
    for (const port of this.#ports) {
      const list = this.#byHost.get(port.host) ?? [];
      list.push(port);
      this.#byHost.set(port.host, list);
    }
  }

  get backends(): readonly ProxyBackend[] {
    return [...this.#backends.values()];
  }

  build(): MeshModel {
    const services: MeshService[] = [];
    const hosts: Record<string, ProxyHost[]> = {};
    for (const port of this.#ports) {
      const cluster = this.#cluster(port, undefined);
      const streams = this.#streams(port);
      for (const ip of port.ips)
        services.push({ ip, port: port.port, protocol: port.protocol, cluster: cluster.name, ...(streams === undefined ? {} : { streams }) });
      if (port.protocol === 'tcp') continue;
      const routes = this.#routes(port, cluster);
      const names = [port.host, ...port.aliases, ...(port.namespace === this.#client.namespace && port.shortName !== undefined ? [port.shortName] : [])];
      const list = hosts[port.port] ?? [];
      list.push(...names.map((name) => ({ name, routes })));
      hosts[port.port] = list;
    }
    // Hosts of VirtualServices that nobody else knows count at port 80.
    for (const virtual of virtualServices(this.#view)) {
      for (const host of virtualHosts(virtual)) {
        if (host.startsWith('*') || this.#byHost.has(host) || !isOfMesh(virtual)) continue;
        const list = hosts[80] ?? [];
        if (!list.some(({ name }) => name === host))
          list.push({ name: host, routes: compileVirtualService(virtual, this.#client, { gateway: 'mesh', port: 80 }, this.clusterOf) });
        hosts[80] = list;
      }
    }
    return { services, backends: this.backends, hosts };
  }

  /** The cluster of a destination; one that there is not keeps its name and has no backend. */
  readonly clusterOf: ClusterOf = ({ host, subset, port }: Destination, namespace: string, asked: number) => {
    const whole = fullHost(host, namespace);
    const ports = this.#byHost.get(whole) ?? this.#byHost.get(`${whole}.svc.cluster.local`) ?? [];
    const number = port?.number ?? (ports.length === 1 ? (ports[0]?.port ?? asked) : asked);
    const found = ports.find((one) => one.port === number);
    if (found === undefined) return { name: clusterName(whole, number, subset), connectMs: CONNECT_MS, hashBy: undefined };
    const rule = ruleFor(found.host, found.namespace, this.#client.namespace, this.#view);
    const policy = policyOf(rule, found.port, subset);
    const known = subset === undefined || rule?.spec?.subsets?.some(({ name }) => name === subset) === true;
    const name = known ? this.#cluster(found, subset).name : clusterName(found.host, found.port, subset);
    return { name, connectMs: durationMs(policy.connectionPool?.tcp?.connectTimeout) ?? CONNECT_MS, hashBy: hashOf(policy) };
  };

  #cluster(port: MeshPort, subset: string | undefined): ProxyBackend {
    const name = clusterName(port.host, port.port, subset);
    const known = this.#backends.get(name);
    if (known !== undefined) return known;
    const rule = ruleFor(port.host, port.namespace, this.#client.namespace, this.#view);
    const traffic = policyOf(rule, port.port, subset);
    const labels = rule?.spec?.subsets?.find((one) => one.name === subset)?.labels ?? {};
    const setting = traffic.loadBalancer?.localityLbSetting ?? meshConfig(this.#view).locality;
    const members = port.endpoints.filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value));
    const endpoints = placed(
      members.map((one) => ({ endpoint: this.#endpoint(one, port, subset, traffic), locality: one.locality, labels: one.labels })),
      this.#client,
      setting,
      traffic.outlierDetection !== undefined,
    );
    const backend: ProxyBackend = { name, endpoints, policy: backendPolicy(traffic, rule), ...(port.passes ? { passes: true as const } : {}) };
    this.#backends.set(name, backend);
    return backend;
  }

  /** With the mesh's TLS where the pod has a proxy and nobody says otherwise. */
  #endpoint({ ip, port: number, meshed }: MeshEndpoint, port: MeshPort, subset: string | undefined, { tls }: TrafficPolicy): ProxyEndpoint {
    const mode = tls?.mode;
    if (mode === 'DISABLE') return { ip, port: number };
    if (mode === 'SIMPLE' || mode === 'MUTUAL') {
      const serverName = tls?.sni ?? port.host;
      return {
        ip,
        port: number,
        tls: { serverName, ...(tls?.insecureSkipVerify === true ? { insecure: true as const } : {}), why: `its DestinationRule says ${mode}`, alien: true },
      };
    }
    if (mode === 'ISTIO_MUTUAL' || (meshed && !port.external)) {
      const serverName = tls?.sni ?? `outbound_.${port.port}_.${subset ?? '_'}_.${port.host}`.replace('__.', '_.');
      return { ip, port: number, tls: { serverName, why: meshed ? `the pod behind ${ip} has a proxy of the mesh` : 'its DestinationRule says ISTIO_MUTUAL' } };
    }
    return { ip, port: number };
  }

  /** A VirtualService of this host, else HTTPRoutes that name the Service as their parent (GEP-1294), else all its endpoints. */
  #routes(port: MeshPort, cluster: ProxyBackend): readonly ProxyRoute[] {
    const parents = this.#view.list<Route>('HTTPRoute').filter((route) => refersTo(route, port));
    if (parents.length > 0) return this.#gatewayRoutes(parents);
    const virtual = this.#virtualFor(port.host);
    const compiled = virtual === undefined ? [] : compileVirtualService(virtual, this.#client, { gateway: 'mesh', port: port.port }, this.clusterOf);
    if (virtual !== undefined && (virtual.spec?.http ?? []).length > 0) return compiled;
    const { connectMs, hashBy } = this.clusterOf({ host: port.host, port: { number: port.port } }, port.namespace, port.port);
    return [
      {
        owner: 'default',
        match: { path: { kind: 'elements', value: '/' } },
        action: {
          kind: 'forward',
          targets: [{ backend: cluster.name, weight: 1 }],
          connectTimeoutMs: connectMs,
          readTimeoutMs: 0,
          requestTimeoutMs: 0,
          ...STANDARD_RETRY,
          ...(hashBy === undefined ? {} : { hashBy }),
        },
      },
    ];
  }

  #virtualFor(host: string): VirtualService | undefined {
    const all = virtualServices(this.#view).filter(isOfMesh);
    const wild = (one: string): boolean => one.startsWith('*') && host.endsWith(one.slice(1));
    return all.find((one) => virtualHosts(one).includes(host)) ?? all.find((one) => virtualHosts(one).some(wild));
  }

  #gatewayRoutes(routes: readonly Route[]): readonly ProxyRoute[] {
    const found = new Map<string, ProxyBackend>();
    const compiled = routes
      .flatMap((route) => compileRoute(route, this.#view, found))
      .sort(byRank)
      .map(({ route }) => route);
    for (const [name, backend] of found) {
      const [namespace = '', target = '', number = ''] = name.split('/');
      const port = this.#byHost.get(`${target}.${namespace}.svc.cluster.local`)?.find((one) => one.port === Number(number));
      this.#backends.set(name, port === undefined ? backend : { ...this.#cluster(port, undefined), name });
    }
    return compiled;
  }

  #streams(port: MeshPort): readonly StreamBackend[] | undefined {
    const virtual = this.#virtualFor(port.host);
    const targets = virtual === undefined ? undefined : streamTargets(virtual, this.#client, { gateway: 'mesh', port: port.port });
    if (virtual === undefined || targets === undefined) return undefined;
    return targets.map(({ destination, weight = 1 }) => {
      const { name } = this.clusterOf(destination, namespaceOf(virtual), port.port);
      return { name, weight: targets.length === 1 ? 1 : weight, endpoints: this.#backends.get(name)?.endpoints ?? [] };
    });
  }
}

const isOfMesh = ({ spec }: VirtualService): boolean => spec?.gateways === undefined || spec.gateways.includes('mesh') || spec.gateways.length === 0;

const refersTo = (route: Route, { host, port, namespace, shortName }: MeshPort): boolean =>
  shortName !== undefined &&
  host.endsWith('.svc.cluster.local') &&
  (route.spec?.parentRefs ?? []).some(
    (one) =>
      one.kind === 'Service' &&
      (one.group ?? 'gateway.networking.k8s.io') === '' &&
      one.name === shortName &&
      (one.namespace ?? namespaceOf(route)) === namespace &&
      (one.port === undefined || one.port === port),
  );
