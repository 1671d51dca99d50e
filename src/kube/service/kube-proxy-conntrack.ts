/** kube-proxy's care for the connection table: UDP entries that still lead to an endpoint that has gone are deleted. Kubernetes v1.35: pkg/proxy/conntrack/cleanup.go. */
import type { ConnectionView, Engine } from '../../net/engine.ts';
import type { StoreView } from '../../objects/types.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import { rootNetnsId } from '../node/record-ids.ts';
import type { ServicePort } from './kube-proxy-model.ts';
import type { KubeProxyPresence } from './kube-proxy-presence.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';
import { portsOf } from './kube-proxy-shared.ts';
import type { Service } from './types.ts';

const isUdp = (port: ServicePort): boolean => port.protocol === 'udp';

/**
 * The endpoints of a Service's UDP ports, and which kube-proxy looks at them: it cleans when they change, and when it starts. Undefined without UDP ports.
 * Kubernetes: UpdateEndpointsMapResult.ConntrackCleanupRequired.
 */
export function udpNews(serviceKey: string, presence: KubeProxyPresence, proxies: readonly ProxyNode[], view: StoreView): string | undefined {
  const service = view.find<Service>(`Service/${serviceKey}`);
  if (service === undefined) return undefined;
  const ports = proxies.flatMap((proxy) => portsOf(service, proxy.config.family, view).filter(isUdp));
  if (ports.length === 0) return undefined;
  const endpoints = ports.flatMap((port) => port.endpoints.map((one) => `${one.address}${one.ready ? 'r' : ''}${one.serving ? 's' : ''}`));
  return `${presence.config.mode} ${presence.objects[0] ?? ''} ${endpoints.join(' ')}`;
}

/** Is the entry one of a UDP Service that has serving endpoints, and leads to none of them? Services without any are left alone, as upstream does. */
export function staleUdp(ports: Iterable<ServicePort>): (connection: ConnectionView) => boolean {
  const byAddress = new Map<string, ReadonlySet<string>>();
  const byNodePort = new Map<number, ReadonlySet<string>>();
  for (const port of ports) {
    if (!isUdp(port)) continue;
    // Terminating ones and those that a policy keeps from this node count as well: a change of policy does not cut what is under way.
    const serving = new Set(port.endpoints.flatMap((endpoint) => (endpoint.serving ? [endpoint.ip] : [])));
    if (serving.size === 0) continue;
    for (const ip of [port.clusterIp, ...port.loadBalancerIps, ...port.externalIps]) byAddress.set(`${ip} ${port.port}`, serving);
    if (port.nodePort !== 0) byNodePort.set(port.nodePort, serving);
  }
  return ({ protocol, original, reply }) => {
    if (protocol !== 'udp') return false;
    const leadsElsewhere = (serving: ReadonlySet<string> | undefined) => serving !== undefined && !serving.has(reply.src);
    return leadsElsewhere(byAddress.get(`${original.dst} ${original.dport}`)) || leadsElsewhere(byNodePort.get(original.dport ?? 0));
  };
}

/** For the API server's `onNews`. Cost: O(Services) for each node that has UDP connections. */
export function proxyNews(agent: string, keys: readonly string[], engine: Engine, view: StoreView): void {
  if (agent !== 'kube-proxy') return;
  let stale: ((connection: ConnectionView) => boolean) | undefined;
  const find = () => {
    const { families } = clusterSettings(view);
    return staleUdp(view.list<Service>('Service').flatMap((service) => families.flatMap((family) => portsOf(service, family, view))));
  };
  const isStale = (connection: ConnectionView): boolean => {
    if (connection.protocol !== 'udp') return false;
    stale ??= find();
    return stale(connection);
  };
  for (const node of new Set(keys.map((key) => key.slice(0, key.indexOf('|'))))) engine.deleteConnections(rootNetnsId(node), isStale, agent);
}
