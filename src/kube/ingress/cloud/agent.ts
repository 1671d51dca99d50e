/** A cloud's balancer at work: the proxy on the machine that stands for it, and the ways to pods that the cloud's network knows. */
import type { HttpProxyConfig, PathMatch, ProxyBackend, ProxyHost, ProxyRoute } from '../../../net/app/proxy/config.ts';
import type { NetRecord, Process, Route } from '../../../net/records.ts';
import type { Agent, ObjectKey, Rendering, StoreView } from '../../../objects/types.ts';
import { findNode, listNodes, NETWORK_KINDS } from '../../node/cluster-network.ts';
import { gatewayRoute } from '../../node/devices.ts';
import { processId, ROUTER_HOST, rootNetnsId } from '../../node/record-ids.ts';
import { namespaceOf } from '../../pod/types.ts';
import { kubeProxyOn } from '../../service/kube-proxy-presence.ts';
import { speakers } from '../../service/load-balancer/announcements.ts';
import type { Service, ServicePort } from '../../service/types.ts';
import type { Ingress, IngressBackend, IngressPath } from '../ingress.ts';
import { readyEndpoints } from '../named-service.ts';
import { type CloudClass, cloudClassOf, complaint, machineOf, targetsPods } from './classes.ts';
import { MACHINE_OF } from './controller.ts';

/** ALB: idle_timeout; the others are alike. */
const READ_MS = 60_000;
const CONNECT_MS = 10_000;

/** `/a/*` of those that take asterisks. */
function pathOf({ path = '', pathType }: IngressPath): PathMatch {
  if (path === '' || path === '/' || path === '/*') return { kind: 'prefix', value: '/' };
  if (pathType === 'Exact') return { kind: 'exact', value: path };
  if (pathType === 'Prefix') return { kind: 'elements', value: path };
  return path.endsWith('*') ? { kind: 'prefix', value: path.slice(0, -1) } : { kind: 'exact', value: path };
}

const exactFirst = (a: ProxyRoute, b: ProxyRoute): number =>
  Number(b.match.path.kind === 'exact') - Number(a.match.path.kind === 'exact') || b.match.path.value.length - a.match.path.value.length;

interface Made {
  readonly route: Omit<ProxyRoute, 'match'>;
  readonly backend: ProxyBackend;
  readonly pods: boolean;
}

function backendOf(ingress: Ingress, reference: IngressBackend | undefined, cloud: CloudClass, view: StoreView): Made | undefined {
  const name = reference?.service?.name;
  const service = name === undefined ? undefined : view.find<Service>(`Service/${namespaceOf(ingress)}/${name}`);
  if (name === undefined || service === undefined || complaint(ingress, name, service, cloud) !== undefined) return undefined;
  const { port } = reference?.service ?? {};
  const found = service.spec.ports?.find((one: ServicePort) => (port?.name === undefined ? one.port === port?.number : one.name === port.name));
  if (found === undefined) return undefined;
  const pods = targetsPods(ingress, service, cloud);
  const nodes = speakers(view).flatMap((node) => (kubeProxyOn(node.metadata.name, view) === undefined ? [] : (findNode(node.metadata.name, view)?.ip ?? [])));
  const endpoints = pods ? readyEndpoints(service, found.name ?? '', view) : nodes.map((ip) => ({ ip, port: found.nodePort ?? 0 }));
  const backend = { name: `${namespaceOf(ingress)}/${name}:${found.port}`, endpoints };
  return {
    backend,
    pods,
    route: {
      owner: `${namespaceOf(ingress)}/${ingress.metadata.name}`,
      said: pods ? 'its targets are pods' : `its targets are nodes, at node port ${found.nodePort ?? 0}`,
      action: {
        kind: 'forward',
        targets: [{ backend: backend.name, weight: 1 }],
        connectTimeoutMs: CONNECT_MS,
        readTimeoutMs: READ_MS,
        requestTimeoutMs: 0,
        tries: 1,
      },
    },
  };
}

function compile(ingress: Ingress, cloud: CloudClass, address: string, view: StoreView): { readonly config: HttpProxyConfig; readonly pods: boolean } {
  const backends = new Map<string, ProxyBackend>();
  const hosts = new Map<string, ProxyRoute[]>();
  let pods = false;
  const add = (host: string, path: PathMatch, reference: IngressBackend | undefined): void => {
    const made = backendOf(ingress, reference, cloud, view);
    if (made === undefined) return;
    backends.set(made.backend.name, made.backend);
    pods ||= made.pods;
    const list = hosts.get(host) ?? [];
    hosts.set(host, [...list, { ...made.route, match: { path } }]);
  };
  for (const { host = '', http } of ingress.spec?.rules ?? []) for (const one of http?.paths ?? []) add(host.toLowerCase(), pathOf(one), one.backend);
  const ranked = [...hosts].map(([name, routes]): ProxyHost => ({ name, routes: [...routes].sort(exactFirst) }));
  const fallback = backendOf(ingress, ingress.spec?.defaultBackend, cloud, view);
  const last: ProxyRoute[] = [];
  if (fallback !== undefined) {
    backends.set(fallback.backend.name, fallback.backend);
    pods ||= fallback.pods;
    last.push({ ...fallback.route, match: { path: { kind: 'prefix', value: '/' } } });
  }
  // Rules of an ALB without a host are for every host.
  const anywhere = cloud.flavour === 'alb' ? (ranked.find(({ name }) => name === '')?.routes ?? []) : [];
  const all = ranked.map((host) => ({ ...host, routes: [...host.routes, ...(host.name === '' ? [] : anywhere), ...last] }));
  if (last.length > 0 && !hosts.has('')) all.push({ name: '', routes: last });
  return {
    pods,
    config: { port: 80, address, flavour: cloud.flavour, quiet: true, tells: true, server: address, hosts: all, backends: [...backends.values()] },
  };
}

interface Machine {
  readonly ingress: Ingress;
  readonly cloud: CloudClass;
  readonly address: string;
}

function machineAt(key: string, view: StoreView): Machine | undefined {
  const host = view.find(`Host/${key}`) as
    | { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }; readonly spec?: { readonly address?: string } }
    | undefined;
  const ingress = view.find<Ingress>((host?.metadata.annotations?.[MACHINE_OF] ?? '') as ObjectKey);
  const cloud = ingress === undefined ? undefined : cloudClassOf(ingress, view);
  const address = host?.spec?.address;
  return ingress === undefined || cloud === undefined || address === undefined || machineOf(ingress, cloud) !== key ? undefined : { ingress, cloud, address };
}

const machines = (view: StoreView): readonly string[] =>
  view.list('Host').flatMap(({ metadata }) => (metadata.annotations?.[MACHINE_OF] === undefined ? [] : [metadata.name]));

/** Each node's pods, by that node: routes of a cloud's network. */
function podRoutes(view: StoreView): Route[] {
  const needed = machines(view).some((name) => {
    const machine = machineAt(name, view);
    return machine !== undefined && compile(machine.ingress, machine.cloud, machine.address, view).pods;
  });
  if (!needed) return [];
  const origin = { component: 'cloud-ingress', objects: machines(view).map((name): ObjectKey => `Host/${name}`) };
  return listNodes(view).flatMap(({ ip, podCidr }) =>
    ip === undefined || podCidr === undefined ? [] : [gatewayRoute(rootNetnsId(ROUTER_HOST), podCidr, ip, 'eth0', origin, 'static')],
  );
}

function render(key: string, view: StoreView): Rendering<NetRecord> {
  if (key === ROUTER_HOST) return { records: podRoutes(view) };
  const machine = machineAt(key, view);
  if (machine === undefined) return { records: [] };
  const { ingress, cloud, address } = machine;
  const netns = rootNetnsId(key);
  const owner: ObjectKey = `Ingress/${namespaceOf(ingress)}/${ingress.metadata.name}`;
  const process: Process = {
    kind: 'process',
    id: processId(netns, cloud.flavour),
    origin: { component: 'cloud-ingress', objects: [owner, `Host/${key}`] },
    netns,
    app: 'http-proxy',
    name: cloud.flavour,
    config: compile(ingress, cloud, address, view).config,
  };
  return {
    records: [process],
    diagnostics: [
      { key: owner, path: 'spec', diagnostic: { severity: 'info', code: 'simplified', message: `${cloud.title}. Simplified: ${cloud.simplified}` } },
    ],
  };
}

/** Keys are names of machines, and `router`. */
export const cloudIngressAgent: Agent<NetRecord> = {
  name: 'cloud-ingress',
  watches: ['Host', 'Ingress', 'IngressClass', 'Service', 'EndpointSlice', ...NETWORK_KINDS],
  keysFor: (changed, view) => {
    const all = machines(view);
    if (changed.kind === 'Host') return [changed.metadata.name, ROUTER_HOST];
    return all.length === 0 ? [] : [...all, ROUTER_HOST];
  },
  keys: (view) => [...machines(view), ROUTER_HOST],
  render,
};
