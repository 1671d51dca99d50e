import { describe, expect, it } from 'vitest';
import type { HttpServerConfig } from '../../net/app/server-config.ts';
import type { Process } from '../../net/records.ts';
import type { KubeObject } from '../../objects/types.ts';
import { objectView } from '../node/testing/object-view.ts';
import { configMap, node, pod, renderAll } from '../node/testing/small-cluster.ts';
import { kubeProxyAgent } from './testing/kube-proxy.ts';

const nodes = [node('a', '172.30.1.2', '10.244.0.0/24'), node('b', '172.30.2.2', '10.244.1.0/24')];
const service: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.9',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 31500,
    ports: [
      { name: 'http', port: 80, protocol: 'TCP', nodePort: 30080 },
      { name: 'https', port: 443, protocol: 'TCP', nodePort: 30443 },
    ],
  },
};
const slice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-x', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  endpoints: [
    { addresses: ['10.244.1.3'], nodeName: 'b' },
    { addresses: ['10.244.1.4'], nodeName: 'b', conditions: { ready: false, serving: true, terminating: true } },
  ],
  ports: [
    { name: 'http', port: 80, protocol: 'TCP' },
    { name: 'https', port: 443, protocol: 'TCP' },
  ],
} as KubeObject;

function servers(objects: readonly KubeObject[], host: string): ReadonlyMap<string, HttpServerConfig> {
  const records = [...renderAll(kubeProxyAgent, objectView([...nodes, ...objects])).values()];
  const processes = records.filter((record): record is Process => record.kind === 'process' && record.netns === `${host}/netns/root`);
  return new Map(processes.map((one) => [one.id.slice(one.id.lastIndexOf('/') + 1), one.config as HttpServerConfig]));
}
const proxyWith = (config: string) => [
  configMap('kube-proxy', 'kube-system', { 'config.conf': config }),
  pod('kube-proxy-a', 'kube-system', 'a', '172.30.1.2', {
    hostNetwork: true,
    containers: [{ name: 'kube-proxy', image: 'registry.k8s.io/kube-proxy:v1.34.2' }],
    volumes: [{ name: 'c', configMap: { name: 'kube-proxy' } }],
  }),
];

describe('a health check node port', () => {
  it('answers with the number of ready pods on the node, each once, and 503 where there is none', () => {
    const health = (host: string) => servers([service, slice], host).get('kube-proxy.shop.web')?.pages?.[0];
    expect(health('b')?.code).toBe(200);
    expect(health('b')?.body).toBe(
      '{\n\t"service": {\n\t\t"namespace": "shop",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}',
    );
    expect([health('a')?.code, health('a')?.headers.at(-1)]).toEqual([503, { name: 'X-Load-Balancing-Endpoint-Weight', value: '0' }]);
  });

  it('is there for policy Local only', () => {
    const cluster = { ...service, spec: { ...(service.spec as object), externalTrafficPolicy: 'Cluster' } };
    expect([...servers([cluster, slice], 'a').keys()]).toEqual(['kube-proxy.healthz', 'kube-proxy.metrics']);
  });

  it('listens on the addresses of nodePortAddresses', () => {
    const found = servers([service, slice, ...proxyWith('nodePortAddresses: [172.30.0.0/16]\n')], 'a').get('kube-proxy.shop.web.172.30.1.2');
    expect(found).toMatchObject({ address: '172.30.1.2', port: 31500 });
  });
});

describe('kube-proxy’s own ports', () => {
  it('are 10256 for everybody and 10249 for the node itself', () => {
    const found = servers([], 'a');
    expect([found.get('kube-proxy.healthz'), found.get('kube-proxy.metrics')]).toMatchObject([{ port: 10256 }, { port: 10249, address: '127.0.0.1' }]);
    expect(found.get('kube-proxy.healthz')?.address).toBeUndefined();
  });

  it('follow the configuration', () => {
    const found = servers(proxyWith('metricsBindAddress: 0.0.0.0:9100\nhealthzBindAddress: 172.30.1.2:9101\n'), 'a');
    expect(found.get('kube-proxy.metrics')).toMatchObject({ port: 9100 });
    expect(found.get('kube-proxy.metrics')?.address).toBeUndefined();
    expect(found.get('kube-proxy.healthz')).toMatchObject({ port: 9101, address: '172.30.1.2' });
  });

  it('are closed where it does not run', () => {
    expect(servers(proxyWith(''), 'b').size).toBe(0);
  });

  it('tell mode and rules', () => {
    const pages = servers([service, slice], 'a').get('kube-proxy.metrics')?.pages ?? [];
    expect(pages.find((page) => page.path === '/proxyMode')?.body).toBe('iptables');
    expect(pages.find((page) => page.path === '/metrics')?.body).toMatch(/^kubeproxy_sync_proxy_rules_iptables_total\{ip_family="IPv4",table="nat"\} [0-9]+$/m);
  });
});
