/** Which endpoints a Service has: from its selector and the pods, as a pure function. Kubernetes: staging/src/k8s.io/endpointslice/{reconciler,utils}.go. */
import type { StoreView } from '../../objects/types.ts';
import { parseIpv4 } from '../addresses.ts';
import type { IpFamily } from '../node/cluster-config.ts';
import type { Node } from '../node/types.ts';
import { type Container, isFinished, isReady, isTerminating, namespaceOf, type Pod } from '../pod/types.ts';
import type { Endpoint, EndpointPort, Service, ServicePort } from './types.ts';

/** Endpoints whose pods resolve the Service's ports to the same numbers; they share slices. */
export interface EndpointGroup {
  /** Equal texts, equal ports. */
  readonly portsKey: string;
  readonly ports: readonly EndpointPort[];
  /** In order of address. */
  readonly endpoints: readonly Endpoint[];
}

/** Ports of ordinary containers and of sidecars, which are init containers that keep running. */
function findPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars] satisfies Container[]) {
    const found = container.ports?.find((one) => one.name === target && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

export function endpointPorts(service: Service, pod: Pod): readonly EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const port of service.spec.ports ?? []) {
    const number = findPort(pod, port);
    // A pod without a port of that name still is an endpoint, only not for this port.
    if (number === undefined) continue;
    ports.push({
      name: port.name ?? '',
      port: number,
      protocol: port.protocol ?? 'TCP',
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    });
  }
  return ports;
}

const hasNamedTarget = (service: Service): boolean => (service.spec.ports ?? []).some((port) => typeof port.targetPort === 'string');

/** What an endpoint was made of, beside its pod. */
interface Made {
  readonly publishNotReady: boolean;
  readonly subdomain: string;
  readonly zone: string | undefined;
  readonly distribution: string | undefined;
  readonly endpoint: Endpoint;
}
/** By family: the latest endpoint of each Pod object: while nothing it is made of changes it is the very same one, and nobody downstream compares its content. */
const latest = { IPv4: new WeakMap<Pod, Made>(), IPv6: new WeakMap<Pod, Made>() };

/** The pod's address of a family; '' while it has none. */
export function podIpOf(pod: Pod, family: IpFamily): string {
  const all = pod.status?.podIPs?.map((one) => one.ip) ?? [pod.status?.podIP ?? ''];
  return all.find((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6')) ?? '';
}

export function endpointOf(service: Service, pod: Pod, view: StoreView, family: IpFamily): Endpoint {
  const publishNotReady = service.spec.publishNotReadyAddresses === true;
  const zone = view.find<Node>(`Node/${pod.spec.nodeName ?? ''}`)?.metadata.labels?.['topology.kubernetes.io/zone'];
  const subdomain = pod.spec.subdomain === service.metadata.name ? service.metadata.name : '';
  const distribution = service.spec.trafficDistribution;
  const known = latest[family].get(pod);
  if (
    known !== undefined &&
    known.publishNotReady === publishNotReady &&
    known.subdomain === subdomain &&
    known.zone === zone &&
    known.distribution === distribution
  )
    return known.endpoint;
  const endpoint = makeEndpoint(service, pod, zone, family);
  latest[family].set(pod, { publishNotReady, subdomain, zone, distribution, endpoint });
  return endpoint;
}

function makeEndpoint(service: Service, pod: Pod, zone: string | undefined, family: IpFamily): Endpoint {
  const terminating = isTerminating(pod);
  const serving = isReady(pod) || service.spec.publishNotReadyAddresses === true;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const nodeName = pod.spec.nodeName ?? '';
  const { hostname, subdomain } = pod.spec;
  return {
    addresses: [podIpOf(pod, family)],
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && hostname !== '' && subdomain === service.metadata.name ? { hostname } : {}),
    nodeName,
    targetRef: { kind: 'Pod', name: pod.metadata.name, namespace: namespaceOf(pod), uid: pod.metadata.uid ?? '' },
    ...(zone === undefined ? {} : { zone }),
    ...hintsOf(service, ready, nodeName, zone),
  };
}

/** Each ready endpoint is meant for its own zone, and with PreferSameNode for its own node before that. Kubernetes: staging/src/k8s.io/endpointslice/trafficdist. */
function hintsOf({ spec: { trafficDistribution } }: Service, ready: boolean, nodeName: string, zone: string | undefined): Pick<Endpoint, 'hints'> {
  const forNode = trafficDistribution === 'PreferSameNode' && nodeName !== '';
  const near = forNode || trafficDistribution === 'PreferClose' || trafficDistribution === 'PreferSameZone';
  if (!ready || !near || (zone === undefined && !forNode)) return {};
  return { hints: { ...(zone === undefined ? {} : { forZones: [{ name: zone }] }), ...(forNode ? { forNodes: [{ name: nodeName }] } : {}) } };
}

/** Kubernetes: ShouldPodBeInEndpoints. */
const servesEndpoints = (pod: Pod, family: IpFamily): boolean => podIpOf(pod, family) !== '' && !isFinished(pod);

interface Grouped {
  readonly pods: readonly Pod[];
  readonly nodes: readonly unknown[];
  readonly groups: readonly EndpointGroup[];
}
/** By family: the latest groups of each Service object; two controllers ask for them, one after the other. Valid for those very lists. */
const grouped = { IPv4: new WeakMap<Service, Grouped>(), IPv6: new WeakMap<Service, Grouped>() };

export function endpointGroups(service: Service, view: StoreView, family: IpFamily): readonly EndpointGroup[] {
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const pods = view.list<Pod>('Pod', namespaceOf(service));
  const nodes = view.list('Node');
  const known = grouped[family].get(service);
  if (known !== undefined && known.pods === pods && known.nodes === nodes) return known.groups;
  const groups = groupEndpoints(service, selector, view, family);
  grouped[family].set(service, { pods, nodes, groups });
  return groups;
}

function groupEndpoints(service: Service, selector: Readonly<Record<string, string>>, view: StoreView, family: IpFamily): readonly EndpointGroup[] {
  const pods = view.select<Pod>('Pod', namespaceOf(service), selector).filter((pod) => servesEndpoints(pod, family));
  const sameForAll = hasNamedTarget(service) ? undefined : endpointPorts(service, pods[0] ?? emptyPod);
  const groups = new Map<string, { readonly ports: readonly EndpointPort[]; readonly endpoints: Endpoint[] }>();
  for (const pod of pods) {
    const ports = sameForAll ?? endpointPorts(service, pod);
    const portsKey = sameForAll === undefined ? formatPortsKey(ports) : '';
    const group = groups.get(portsKey);
    if (group === undefined) groups.set(portsKey, { ports, endpoints: [endpointOf(service, pod, view, family)] });
    else group.endpoints.push(endpointOf(service, pod, view, family));
  }
  return [...groups.values()].map((group) => ({ portsKey: formatPortsKey(group.ports), ports: group.ports, endpoints: sortByAddress(group.endpoints) }));
}

const emptyPod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: '' }, spec: { containers: [] } };

export const formatPortsKey = (ports: readonly EndpointPort[]): string =>
  ports
    .map((port) => `${port.name ?? ''}/${port.port ?? ''}/${port.protocol ?? 'TCP'}/${port.appProtocol ?? ''}`)
    .sort()
    .join(' ');

/** Of the Service; the first is that of its Endpoints object. */
export const familiesOf = (service: Service): readonly IpFamily[] => {
  const families = (service.spec.ipFamilies ?? []).filter((family): family is IpFamily => family === 'IPv4' || family === 'IPv6');
  if (families.length > 0) return families;
  return [service.spec.clusterIP?.includes(':') === true ? 'IPv6' : 'IPv4'];
};

/** In order of address, IPv4 by number. */
export function sortByAddress(endpoints: readonly Endpoint[]): Endpoint[] {
  const keyed = endpoints.map((endpoint) => ({ endpoint, text: endpoint.addresses[0] ?? '', number: parseIpv4(endpoint.addresses[0] ?? '') ?? 0 }));
  keyed.sort((a, b) => a.number - b.number || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return keyed.map((one) => one.endpoint);
}
