/** Which endpoints a node may choose for a service port: traffic policies, topology hints, and what is left while pods terminate. Kubernetes v1.35: pkg/proxy/topology.go. */
import type { Endpoint, ServicePort } from './kube-proxy-model.ts';

/** The node as topology sees it. */
export interface ProxyPlace {
  readonly nodeName: string;
  /** Of its label topology.kubernetes.io/zone; '' without. */
  readonly zone: string;
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

/** Does the port ever send traffic to endpoints of the whole cluster? With policy Local for outside traffic too: pods and the node itself take that way. */
export const usesClusterEndpoints = (port: ServicePort): boolean => !port.internalLocal || port.externallyAccessible;
/** Does it ever send traffic only to endpoints on the same node? */
export const usesLocalEndpoints = (port: ServicePort): boolean => port.internalLocal || (port.externalLocal && port.externallyAccessible);

/** May different nodes choose different endpoints? */
export function dependsOnNode(port: ServicePort): boolean {
  return usesLocalEndpoints(port) || port.endpoints.some((endpoint) => endpoint.zoneHints.length > 0 || endpoint.nodeHints.length > 0);
}

const isDraining = (endpoint: Endpoint) => endpoint.serving && endpoint.terminating;

/** Hints count only where every ready endpoint has one, and some endpoint is meant for this node or zone; node hints go before zone hints. */
function hintFilter(endpoints: readonly Endpoint[], place: ProxyPlace): ((endpoint: Endpoint) => boolean) | undefined {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  if (ready.length === 0) return undefined;
  const forNode = (endpoint: Endpoint) => endpoint.nodeHints.includes(place.nodeName);
  if (ready.every((endpoint) => endpoint.nodeHints.length > 0) && ready.some(forNode)) return forNode;
  const forZone = (endpoint: Endpoint) => endpoint.zoneHints.includes(place.zone);
  return ready.every((endpoint) => endpoint.zoneHints.length > 0) && ready.some(forZone) ? forZone : undefined;
}

/** Ready ones; where there are none, those that terminate and still serve. */
function readyOrDraining(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter(isDraining);
}

const NOTHING: EndpointChoice = { cluster: [], local: [], reachable: [], any: false };

/** Kubernetes: pkg/proxy, CategorizeEndpoints. */
export function chooseEndpoints(port: ServicePort, place: ProxyPlace): EndpointChoice {
  const { endpoints } = port;
  if (endpoints.length === 0) return NOTHING;
  const usesCluster = usesClusterEndpoints(port);
  let cluster: readonly Endpoint[] = [];
  if (usesCluster) {
    const hinted = hintFilter(endpoints, place);
    cluster = hinted === undefined ? readyOrDraining(endpoints) : endpoints.filter((endpoint) => endpoint.ready && hinted(endpoint));
  }
  if (!usesLocalEndpoints(port)) return { cluster, local: [], reachable: cluster, any: cluster.length > 0 };
  const any = endpoints.some((endpoint) => endpoint.ready || isDraining(endpoint));
  const local = readyOrDraining(endpoints.filter((endpoint) => place.nodeName !== '' && endpoint.nodeName === place.nodeName));
  if (!usesCluster) return { cluster, local, reachable: local, any };
  const chosen = new Set(cluster);
  return { cluster, local, reachable: [...cluster, ...local.filter((endpoint) => !chosen.has(endpoint))], any };
}
