/**
 * What a kube-proxy listens on: its health and metrics, and a port for each Service whose load balancer wants to know which nodes have pods.
 * Kubernetes v1.35: pkg/proxy/healthcheck/{proxy_health,service_health}.go, cmd/kube-proxy/app/server.go.
 */
import type { HttpPage, HttpServerConfig } from '../../net/app/server-config.ts';
import type { Process } from '../../net/records.ts';
import type { ObjectKey, Origin, StoreView } from '../../objects/types.ts';
import { clusterSettings } from '../node/cluster-config.ts';
import { processId, rootNetnsId } from '../node/record-ids.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { nodePortIps } from './kube-proxy-config.ts';
import type { ServicePort } from './kube-proxy-model.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';
import { portsOf } from './kube-proxy-shared.ts';
import type { Service } from './types.ts';

const JSON_TYPE = { name: 'Content-Type', value: 'application/json' };
const PLAIN = { name: 'Content-Type', value: 'text/plain' };
const NO_SNIFF = { name: 'X-Content-Type-Options', value: 'nosniff' };
const page = (path: string, code: number, headers: HttpPage['headers'], body: string): HttpPage => ({ path, code, headers, body });

/** How many rules stand in a table, for the metrics of iptables mode. */
export interface RuleCount {
  readonly family: ProxyConfig['family'];
  readonly table: 'nat' | 'filter';
  readonly rules: number;
}

function metricsText(view: StoreView, counts: readonly RuleCount[]): string {
  const { version } = clusterSettings(view);
  const [major = '1', minor = '0'] = version.slice(1).split('.');
  const gauge = (name: string, help: string, rows: readonly string[]) =>
    rows.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${rows.map((row) => `${name}${row}\n`).join('')}`;
  const build = `{compiler="gc",git_version="${version}",major="${major}",minor="${minor}",platform="linux/amd64"} 1`;
  const rows = counts.map((count) => `{ip_family="${count.family}",table="${count.table}"} ${count.rules}`);
  return (
    gauge('kubeproxy_sync_proxy_rules_iptables_total', '[ALPHA] Total number of iptables rules owned by kube-proxy', rows) +
    gauge('kubernetes_build_info', '[ALPHA] A metric with a constant 1 value labeled by major, minor and version of this binary', [build])
  );
}

/** Ready pods of the Service on this node, each once however many ports it serves. Kubernetes: EndpointsMap.LocalReadyEndpoints. */
export function localReady(ports: readonly ServicePort[], nodeName: string): number {
  const ips = new Set<string>();
  for (const port of ports) for (const endpoint of port.endpoints) if (endpoint.ready && endpoint.nodeName === nodeName) ips.add(endpoint.ip);
  return ips.size;
}

function healthPage(service: Service, count: number): HttpPage {
  const { namespace = 'default', name } = service.metadata;
  const body = `{\n\t"service": {\n\t\t"namespace": "${namespace}",\n\t\t"name": "${name}"\n\t},\n\t"localEndpoints": ${count},\n\t"serviceProxyHealthy": true\n}`;
  return page('*', count > 0 ? 200 : 503, [JSON_TYPE, NO_SNIFF, { name: 'X-Load-Balancing-Endpoint-Weight', value: `${count}` }], body);
}

/** `[port, server]` of an address such as `0.0.0.0:10256`, `:10249`, `[::]:10256`; the default where nothing is said. */
function bindOf(text: string, address: string | undefined, port: number): { readonly address?: string; readonly port: number } | undefined {
  if (text === '') return { ...(address === undefined ? {} : { address }), port };
  const match = /^\[?([^\]]*?)\]?:([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, host = '', number = ''] = match;
  return { ...(host === '' || host === '0.0.0.0' || host === '::' ? {} : { address: host }), port: Number(number) };
}

/** The servers of one node's kube-proxy. Cost: O(Services). */
export function kubeProxyServers(proxies: readonly ProxyNode[], origin: Origin, counts: readonly RuleCount[], view: StoreView): Process[] {
  const [first] = proxies;
  if (first === undefined) return [];
  const { config, place } = first;
  const netns = rootNetnsId(place.nodeName);
  const servers: Process[] = [];
  const serve = (name: string, objects: readonly ObjectKey[], at: { readonly address?: string; readonly port: number }, pages: readonly HttpPage[]): void => {
    const http: HttpServerConfig = { ...at, server: 'pages', pages };
    servers.push({ kind: 'process', id: processId(netns, name), origin: { ...origin, objects }, netns, app: 'http-server', name: 'kube-proxy', config: http });
  };
  const healthz = bindOf(config.healthzBindAddress, undefined, 10256);
  const updated = '{"lastUpdated": "$NOW","currentTime": "$NOW"';
  if (healthz !== undefined) {
    serve('kube-proxy.healthz', origin.objects, healthz, [
      page('/healthz', 200, [JSON_TYPE, NO_SNIFF], `${updated}, "nodeEligible": true}`),
      page('/livez', 200, [JSON_TYPE, NO_SNIFF], `${updated}}`),
    ]);
  }
  const metrics = bindOf(config.metricsBindAddress, '127.0.0.1', 10249);
  if (metrics !== undefined) {
    serve('kube-proxy.metrics', origin.objects, metrics, [
      page('/proxyMode', 200, [{ name: 'Content-Type', value: 'text/plain; charset=utf-8' }, NO_SNIFF], config.mode),
      page('/healthz', 200, [{ name: 'Content-Type', value: 'text/plain; charset=utf-8' }, NO_SNIFF], 'ok'),
      page('/metrics', 200, [{ ...PLAIN, value: 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' }], metricsText(view, counts)),
    ]);
  }
  for (const service of view.list<Service>('Service')) {
    const port = service.spec?.healthCheckNodePort ?? 0;
    if (port === 0) continue;
    for (const proxy of proxies) {
      const ports = portsOf(service, proxy.config.family, view);
      if ((ports[0]?.healthCheckNodePort ?? 0) !== port) continue;
      const pages = [healthPage(service, localReady(ports, place.nodeName))];
      const name = `kube-proxy.${service.metadata.namespace ?? 'default'}.${service.metadata.name}`;
      const key: readonly ObjectKey[] = [`Service/${service.metadata.namespace ?? 'default'}/${service.metadata.name}`, ...origin.objects];
      // One socket for all addresses, or one for each of those that serve node ports.
      if (proxy.config.nodePortAddresses.length === 0) serve(name, key, { port }, pages);
      else
        for (const ip of nodePortIps(
          proxy.config,
          proxy.ip,
          [proxy.ip].filter((one) => one !== ''),
        ))
          serve(`${name}.${ip}`, key, { address: ip, port }, pages);
    }
  }
  return servers;
}
