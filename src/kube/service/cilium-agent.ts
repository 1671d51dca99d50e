/** What Cilium's agent writes into the maps of its node: who has which address anywhere, and every Service as frontends and backends. Cilium v1.18: pkg/ipcache, pkg/loadbalancer/reconciler */
import type { Origin } from '../../base/origin.ts';
import type { HttpServerConfig } from '../../net/app/server-config.ts';
import {
  type BpfBackend,
  type BpfIpcacheEntry,
  type BpfPolicy,
  type BpfService,
  type BpfServiceType,
  bpfEndpointId,
  bpfIpcacheId,
  bpfPolicyId,
  bpfServiceId,
  IDENTITY_HOST,
  IDENTITY_KUBE_APISERVER,
  IDENTITY_REMOTE_NODE,
  IDENTITY_WORLD,
} from '../../net/bpf/bpf-records.ts';
import type { NetRecord, Process } from '../../net/records.ts';
import type { Agent, KubeObject, ObjectKey, Rendering, StoreView } from '../../objects/types.ts';
import { objectKey } from '../../objects/types.ts';
import { routerIp } from '../cni/cilium.ts';
import { CILIUM, CILIUM_CONFIG_MAP, type CiliumConfig, ciliumSettings } from '../cni/cilium-config.ts';
import { endpointNumbers } from '../cni/cilium-identity.ts';
import { localIdentities, MAX_ENTRIES, policyCompiler } from '../cni/cilium-policy.ts';
import { ciliumRules, POLICY_KINDS } from '../cni/cilium-rules.ts';
import { daemonNodes, isDaemon, joinedNodes } from '../cni/daemons.ts';
import type { ClusterNode } from '../node/cluster-network.ts';
import { findNode, NETWORK_KINDS } from '../node/cluster-network.ts';
import { leftBehind } from '../node/left-behind.ts';
import { perState } from '../node/per-state.ts';
import { podsByNode } from '../node/pods-by-node.ts';
import { processId, rootNetnsId } from '../node/record-ids.ts';
import { hasSandbox } from '../pod/running.ts';
import type { Pod } from '../pod/types.ts';
import type { Endpoint, ServicePort } from './kube-proxy-model.ts';
import { isForeign, SERVICE_NAME_LABEL, servicePorts } from './kube-proxy-model.ts';
import { localReady } from './kube-proxy-servers.ts';
import { slicesOf } from './kube-proxy-shared.ts';
import { chooseEndpoints } from './kube-proxy-topology.ts';
import type { Service } from './types.ts';

const AGENT = 'cilium-agent';
const ZONE_LABEL = 'topology.kubernetes.io/zone';

interface Site {
  readonly node: ClusterNode;
  readonly netns: string;
  readonly config: CiliumConfig;
}

function siteOf(name: string, view: StoreView): Site | undefined {
  const { config, failure } = ciliumSettings(view);
  const node = failure === undefined && daemonNodes(CILIUM, view).includes(name) ? findNode(name, view) : undefined;
  return node === undefined || node.ip === undefined ? undefined : { node, netns: rootNetnsId(name), config };
}

function ipcacheEntry(site: Site, prefix: string, identity: number, behind: string | undefined, objects: readonly ObjectKey[]): BpfIpcacheEntry {
  const tunnelEndpoint = site.config.routing === 'tunnel' ? behind : undefined;
  return {
    kind: 'bpf-ipcache',
    id: bpfIpcacheId(site.netns, prefix),
    origin: { component: AGENT, objects },
    netns: site.netns,
    prefix,
    identity,
    ...(tunnelEndpoint === undefined ? {} : { tunnelEndpoint }),
  };
}

/** Addresses behind the Service kubernetes. */
const apiServerIps = (view: StoreView): ReadonlySet<string> =>
  new Set(
    view
      .select<KubeObject & { readonly endpoints?: readonly { readonly addresses?: readonly string[] }[] }>('EndpointSlice', 'default', API_SERVER_LABELS)
      .flatMap(({ endpoints = [] }) => endpoints.flatMap(({ addresses = [] }) => addresses)),
  );
const API_SERVER_LABELS = { [SERVICE_NAME_LABEL]: 'kubernetes' };

const podPrefixes = perState(['Pod'], (view) => new Set(view.list<Pod>('Pod').flatMap((pod) => (hasSandbox(pod) ? [`${pod.status?.podIP ?? ''}/32`] : []))));

/** The node's own addresses, the other nodes with their ranges, the rest of the world, and the ranges of it that policies speak of. */
function renderNodes(site: Site, view: StoreView): NetRecord[] {
  const entries = new Map(renderPlaces(site, view).map((record) => [record.id, record]));
  const pods = podPrefixes(view);
  for (const [cidr, identity] of localIdentities(ciliumRules(view)).cidrs) {
    const known = entries.get(bpfIpcacheId(site.netns, cidr));
    if (pods.has(cidr) || (known?.kind === 'bpf-ipcache' && known.identity !== IDENTITY_WORLD)) continue;
    const behind = known?.kind === 'bpf-ipcache' ? known.tunnelEndpoint : undefined;
    const record = ipcacheEntry(site, cidr, identity, behind, [CILIUM_CONFIG_MAP]);
    entries.set(record.id, record);
  }
  return [...entries.values()];
}

function renderPlaces(site: Site, view: StoreView): NetRecord[] {
  const { node, netns } = site;
  const records: NetRecord[] = [ipcacheEntry(site, '0.0.0.0/0', IDENTITY_WORLD, undefined, [CILIUM_CONFIG_MAP])];
  const own = [node.ip, routerIp(node)].filter((ip) => ip !== undefined);
  for (const ip of own) {
    const origin: Origin = { component: AGENT, objects: [node.key] };
    records.push(
      { kind: 'bpf-endpoint', id: bpfEndpointId(netns, ip), origin, netns, ip, endpointId: 0, identity: IDENTITY_HOST, device: '', mac: '00:00:00:00:00:00' },
      ipcacheEntry(site, `${ip}/32`, IDENTITY_HOST, undefined, [node.key]),
    );
  }
  const apiServers = apiServerIps(view);
  for (const name of joinedNodes(CILIUM, view)) {
    const other = name === node.name ? undefined : findNode(name, view);
    if (other?.ip === undefined) continue;
    records.push(ipcacheEntry(site, `${other.ip}/32`, apiServers.has(other.ip) ? IDENTITY_KUBE_APISERVER : IDENTITY_REMOTE_NODE, undefined, [other.key]));
    const router = routerIp(other);
    if (router !== undefined) records.push(ipcacheEntry(site, `${router}/32`, IDENTITY_REMOTE_NODE, other.ip, [other.key]));
    if (other.podCidr !== undefined && site.config.routing === 'tunnel') records.push(ipcacheEntry(site, other.podCidr, IDENTITY_WORLD, other.ip, [other.key]));
  }
  return records;
}

function renderPod(site: Site, key: ObjectKey, view: StoreView): NetRecord[] {
  const pod = view.find<Pod>(key);
  if (pod === undefined || !hasSandbox(pod)) return [];
  const identity = endpointNumbers(view).identities.get(key) ?? IDENTITY_WORLD;
  const nodeName = pod.spec.nodeName ?? '';
  const behind = nodeName === site.node.name ? undefined : findNode(nodeName, view)?.ip;
  return [ipcacheEntry(site, `${pod.status?.podIP ?? ''}/32`, identity, behind, [key])];
}

/** A policy map for each endpoint of the node, whether some policy selects it or not. */
function renderPolicies(site: Site, view: StoreView): Rendering<NetRecord> {
  const { identities, endpoints } = endpointNumbers(view);
  const compiler = policyCompiler(view, apiServerIps(view).has(site.node.ip ?? ''));
  const full = new Set<ObjectKey>();
  const records = (podsByNode(view).get(site.node.name) ?? []).filter(hasSandbox).map((pod): BpfPolicy => {
    const key = objectKey(pod);
    const ip = pod.status?.podIP ?? '';
    const { enforcesIngress, enforcesEgress, entries, policies, overflow } = compiler.policyOf(identities.get(key) ?? 0, pod);
    if (overflow) for (const policy of policies) full.add(policy);
    const origin = { component: AGENT, objects: [...policies, key] };
    const endpointId = endpoints.get(key) ?? 0;
    return { kind: 'bpf-policy', id: bpfPolicyId(site.netns, ip), origin, netns: site.netns, ip, endpointId, enforcesIngress, enforcesEgress, entries };
  });
  const message = `the policy map of an endpoint has no room for more than ${MAX_ENTRIES} entries`;
  return { records, diagnostics: [...full].map((key) => ({ key, path: 'spec', diagnostic: { severity: 'error', code: 'cilium', message } })) };
}

/** One list of backends for each list of endpoints: nodes share it. */
const backendsOf = new WeakMap<readonly Endpoint[], readonly BpfBackend[]>();

function backends(endpoints: readonly Endpoint[]): readonly BpfBackend[] {
  let list = backendsOf.get(endpoints);
  if (list === undefined) {
    list = endpoints.map(({ ip, port, pod }) => ({ ip, port, ...(pod === undefined ? {} : { origin: { component: AGENT, objects: [pod] } }) }));
    backendsOf.set(endpoints, list);
  }
  return list;
}

interface Frontend {
  readonly type: BpfServiceType;
  readonly ip: string;
  readonly port: number;
  readonly routable: boolean;
  readonly sourceRanges?: readonly string[];
}

function frontendsOf(port: ServicePort, { config, node }: Site): Frontend[] {
  const list: Frontend[] = [{ type: 'ClusterIP', ip: port.clusterIp, port: port.port, routable: false }];
  if (!config.kubeProxyReplacement) return list;
  const ranges = port.sourceRanges.length === 0 ? {} : { sourceRanges: port.sourceRanges };
  if (port.nodePort !== 0)
    list.push(
      { type: 'NodePort', ip: '0.0.0.0', port: port.nodePort, routable: false },
      { type: 'NodePort', ip: node.ip ?? '', port: port.nodePort, routable: true },
    );
  for (const ip of port.externalIps) list.push({ type: 'ExternalIPs', ip, port: port.port, routable: true });
  for (const ip of port.loadBalancerIps) list.push({ type: 'LoadBalancer', ip, port: port.port, routable: true, ...ranges });
  return list;
}

function renderPort(site: Site, port: ServicePort, zone: string): BpfService[] {
  const { protocol } = port;
  // Node ports and addresses from outside: Cilium has them of TCP and UDP only.
  if (protocol === 'sctp' && !site.config.sctp) return [];
  const hinted = site.config.serviceTopology ? port : withoutHints(port);
  const { cluster, local } = chooseEndpoints(hinted, { nodeName: site.node.name, zone });
  const origin: Origin = { component: AGENT, objects: [port.service] };
  return frontendsOf(port, site).flatMap((frontend) => {
    if (protocol === 'sctp' && frontend.type !== 'ClusterIP') return [];
    const inside = port.internalLocal ? local : cluster;
    const outside = port.externalLocal ? local : cluster;
    const isClusterIp = frontend.type === 'ClusterIP';
    const twoScopes = !isClusterIp && port.externalLocal !== port.internalLocal;
    const service = (scope: BpfService['scope'], endpoints: readonly Endpoint[]): BpfService => ({
      kind: 'bpf-service',
      id: bpfServiceId(site.netns, frontend.ip, frontend.port, protocol, scope),
      origin,
      netns: site.netns,
      protocol,
      scope,
      ...frontend,
      twoScopes,
      externalLocal: !isClusterIp && port.externalLocal,
      internalLocal: port.internalLocal,
      affinitySeconds: port.affinitySeconds,
      backends: backends(endpoints),
    });
    if (isClusterIp) return [service('external', inside)];
    return twoScopes ? [service('external', outside), service('internal', inside)] : [service('external', outside)];
  });
}

const bare = new WeakMap<ServicePort, ServicePort>();
const NONE: readonly string[] = [];

/** Hints are somebody else's business unless enable-service-topology says so. */
function withoutHints(port: ServicePort): ServicePort {
  if (port.endpoints.every((e) => e.zoneHints.length === 0 && e.nodeHints.length === 0)) return port;
  let known = bare.get(port);
  if (known === undefined) {
    known = { ...port, endpoints: port.endpoints.map((e) => ({ ...e, zoneHints: NONE, nodeHints: NONE })) };
    bare.set(port, known);
  }
  return known;
}

function renderService(site: Site, key: ObjectKey, view: StoreView): NetRecord[] {
  const service = view.find<Service>(key);
  if (service === undefined || isForeign(service.metadata.labels)) return [];
  const zone = view.find<KubeObject>(site.node.key)?.metadata.labels?.[ZONE_LABEL] ?? '';
  const ports = servicePorts(service, slicesOf(service, view), 'IPv4');
  return [...ports.flatMap((port) => renderPort(site, port, zone)), ...healthServer(site, ports)];
}

/** A load balancer asks each node whether it has pods of the Service. Cilium: pkg/loadbalancer/healthserver */
function healthServer(site: Site, ports: readonly ServicePort[]): Process[] {
  const [first] = ports;
  if (first === undefined || first.healthCheckNodePort === 0 || !site.config.kubeProxyReplacement) return [];
  const count = localReady(ports, site.node.name);
  const body = `{"service":{"namespace":"${first.namespace}","name":"${first.serviceName}"},"localEndpoints":${count}}\n`;
  const headers = [
    { name: 'Content-Type', value: 'application/json' },
    { name: 'X-Load-Balancing-Endpoint-Weight', value: String(count) },
  ];
  const config: HttpServerConfig = { port: first.healthCheckNodePort, server: 'pages', pages: [{ path: '*', code: count > 0 ? 200 : 503, headers, body }] };
  const id = processId(site.netns, `${AGENT}.${first.namespace}.${first.serviceName}`);
  return [{ kind: 'process', id, origin: { component: AGENT, objects: [first.service] }, netns: site.netns, app: 'http-server', name: AGENT, config }];
}

function render(key: string, view: StoreView, before: readonly NetRecord[] = []): Rendering<NetRecord> {
  const [name = '', object] = key.split('|') as [string, ObjectKey | typeof POLICY | undefined];
  const site = siteOf(name, view);
  // Maps are the kernel's: they stay as they are when the agent has gone.
  if (site === undefined) return { records: findNode(name, view) === undefined ? [] : leftBehind(before) };
  if (object === undefined) return { records: renderNodes(site, view) };
  if (object === POLICY) return renderPolicies(site, view);
  return { records: object.startsWith('Pod/') ? renderPod(site, object, view) : renderService(site, object, view) };
}

const POLICY = 'policy';

const nodeNames = (view: StoreView): readonly string[] => view.list('Node').map((node) => node.metadata.name);

/** Where nobody runs Cilium a change of an object is nothing to look at. */
const forEachNode = (object: ObjectKey | typeof POLICY, view: StoreView): string[] =>
  daemonNodes(CILIUM, view).length === 0 ? [] : nodeNames(view).map((node) => `${node}|${object}`);

function allKeys(view: StoreView): string[] {
  const objects = [...view.list('Pod'), ...view.list('Service')].map(objectKey);
  return nodeNames(view).flatMap((node) => [node, `${node}|${POLICY}`, ...objects.map((object) => `${node}|${object}`)]);
}

function keysFor(changed: KubeObject, view: StoreView): readonly string[] {
  switch (changed.kind) {
    case 'Pod':
      // The agent itself: a node begins or ends to take part.
      if (isDaemon(changed as Pod, CILIUM)) return ['*', ...allKeys(view)];
      return (changed as Pod).spec.hostNetwork === true ? [] : [...forEachNode(objectKey(changed), view), ...forEachNode(POLICY, view)];
    case 'Service':
      return [...forEachNode(objectKey(changed), view), ...forEachNode(POLICY, view)];
    case 'NetworkPolicy':
    case 'CiliumNetworkPolicy':
    case 'CiliumClusterwideNetworkPolicy':
      return daemonNodes(CILIUM, view).length === 0 ? [] : nodeNames(view).flatMap((node) => [node, `${node}|${POLICY}`]);
    case 'EndpointSlice': {
      const name = changed.metadata.labels?.[SERVICE_NAME_LABEL];
      // Whose addresses are the API server's is known of nodes.
      if (name === 'kubernetes' && changed.metadata.namespace === 'default' && daemonNodes(CILIUM, view).length > 0) return allKeys(view);
      return name === undefined ? [] : forEachNode(`Service/${changed.metadata.namespace ?? 'default'}/${name}`, view);
    }
    case 'ConfigMap':
      return objectKey(changed) === CILIUM_CONFIG_MAP ? allKeys(view) : [];
    default:
      if (ciliumSettings(view).failure !== undefined || daemonNodes(CILIUM, view).length > 0) return allKeys(view);
      // With a machine goes what was in its kernel.
      return changed.kind === 'Node' ? [`${changed.metadata.name}*`] : [];
  }
}

/** Keys: `<node>` for nodes and the world, `<node>|policy` for the policy maps of its endpoints, `<node>|<Pod or Service key>` for what is known of it there. */
export const ciliumAgent: Agent<NetRecord> = {
  name: AGENT,
  watches: ['Service', 'EndpointSlice', 'Pod', 'ConfigMap', 'Namespace', ...POLICY_KINDS, ...NETWORK_KINDS],
  keysFor,
  keys: (view) => (daemonNodes(CILIUM, view).length === 0 ? [] : allKeys(view)),
  render,
};
