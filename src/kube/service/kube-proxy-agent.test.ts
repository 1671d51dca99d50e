import { describe, expect, it } from 'vitest';
import type { Chain } from '../../net/records.ts';
import type { KubeObject } from '../../objects/types.ts';
import { hostAgent } from '../node/host-agent.ts';
import { objectView } from '../node/testing/object-view.ts';
import { configMap, diagnosticsOf, node, pod, renderAll } from '../node/testing/small-cluster.ts';
import { kubeProxyAgent } from './testing/kube-proxy.ts';

const nodes = [node('a', '172.30.1.2', '10.244.0.0/24'), node('b', '172.30.2.2', '10.244.1.0/24')];
const service = (name: string, ip: string, spec: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'ClusterIP', clusterIP: ip, clusterIPs: [ip], ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }], ...spec },
});
const slice = (name: string, endpoints: readonly (readonly [ip: string, node: string])[]): KubeObject =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: endpoints.map(([ip, nodeName]) => ({ addresses: [ip], nodeName, targetRef: { kind: 'Pod', name: `pod-${ip}`, namespace: 'default' } })),
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  }) as KubeObject;
const web = [
  service('web', '10.97.0.1'),
  slice('web', [
    ['10.244.1.3', 'b'],
    ['10.244.0.9', 'a'],
  ]),
];
const chain = (records: ReadonlyMap<string, unknown>, host: string, table: string, name: string) =>
  records.get(`${host}/netns/root/chain/${table}/${name}`) as Chain | undefined;

describe('kube-proxy', () => {
  it('shares the rules of a Service between nodes', () => {
    const records = renderAll(kubeProxyAgent, objectView([...nodes, ...web]));
    const chains = [...records.values()].filter((record): record is Chain => record.kind === 'chain' && record.netns === 'a/netns/root');
    expect(chains.length).toBeGreaterThan(12);
    for (const one of chains) expect(records.get(one.id.replace(/^a/, 'b')), one.name).toHaveProperty('rules', one.rules);
    for (const one of chains) expect((records.get(one.id.replace(/^a/, 'b')) as Chain).rules).toBe(one.rules);
  });

  it('links a rule to its Service, and to the Pod behind it', () => {
    const records = renderAll(kubeProxyAgent, objectView([...nodes, ...web]));
    const services = chain(records, 'a', 'nat', 'KUBE-SERVICES');
    expect(services?.rules[0]?.origin).toEqual({ component: 'kube-proxy', objects: ['Service/default/web'] });
    const endpoint = [...records.values()].find((record) => record.kind === 'chain' && record.name.startsWith('KUBE-SEP-')) as Chain;
    expect(endpoint.origin.objects).toEqual(['Service/default/web', 'Pod/default/pod-10.244.0.9']);
  });

  it('writes an edit of one Service only to the chains of that Service and the shared ones', () => {
    const view = objectView([...nodes, ...web]);
    expect(kubeProxyAgent.keysFor(web[1] as KubeObject, view)).toEqual(['a', 'a|default/web', 'b', 'b|default/web']);
  });

  it('keeps same-node endpoints apart where the traffic policy is Local', () => {
    const records = renderAll(kubeProxyAgent, objectView([...nodes, service('web', '10.97.0.1', { internalTrafficPolicy: 'Local' }), web[1] as KubeObject]));
    const local = (host: string) =>
      [...records.values()].filter(
        (record): record is Chain => record.kind === 'chain' && record.netns === `${host}/netns/root` && record.name.startsWith('KUBE-SVL-'),
      );
    expect(local('a')[0]?.rules.at(-1)?.text).toContain('"default/web -> 10.244.0.9:8080"');
    expect(local('b')[0]?.rules.at(-1)?.text).toContain('"default/web -> 10.244.1.3:8080"');
  });

  it('refuses a Service without endpoints', () => {
    const records = renderAll(kubeProxyAgent, objectView([...nodes, service('web', '10.97.0.1')]));
    expect(chain(records, 'a', 'filter', 'KUBE-SERVICES')?.rules.map((rule) => rule.text)).toEqual([
      '-m comment --comment "default/web has no endpoints" -m tcp -p tcp -d 10.97.0.1 --dport 80 -j REJECT',
    ]);
    expect(chain(records, 'a', 'nat', 'KUBE-SERVICES')?.rules.length).toBe(1);
  });

  it('leaves comments out of endpoint rules in clusters of more than 1,000 endpoints', () => {
    const many = Array.from({ length: 11 }, (_, i) => ({
      ...slice(
        'web',
        Array.from({ length: 100 }, (_each, j) => [`10.244.${i}.${j + 2}`, 'a'] as const),
      ),
      metadata: { name: `web-${i}`, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    }));
    const records = renderAll(kubeProxyAgent, objectView([...nodes, web[0] as KubeObject, ...many]));
    const endpoint = [...records.values()].find((record) => record.kind === 'chain' && record.name.startsWith('KUBE-SEP-')) as Chain;
    expect(endpoint.rules.map((rule) => rule.text).join('\n')).not.toContain('comment');
  });
});

describe('where kube-proxy runs', () => {
  const proxy = (host: string, version = 'v1.34.2') =>
    pod(`kube-proxy-${host}`, 'kube-system', host, '172.30.0.9', {
      hostNetwork: true,
      containers: [{ name: 'kube-proxy', image: `registry.k8s.io/kube-proxy:${version}` }],
      volumes: [{ name: 'c', configMap: { name: 'kube-proxy' } }],
    });
  const config = (text: string) => configMap('kube-proxy', 'kube-system', { 'config.conf': text });

  it('is where its pods run, when it is installed', () => {
    const view = objectView([...nodes, ...web, config('mode: iptables\nclusterCIDR: 10.244.0.0/16\n'), proxy('b')]);
    const records = renderAll(kubeProxyAgent, view);
    expect(chain(records, 'a', 'nat', 'KUBE-SERVICES')).toBeUndefined();
    expect(chain(records, 'b', 'nat', 'KUBE-SERVICES')).toBeDefined();
    const sysctls = (host: string) =>
      (renderAll(hostAgent, view).get(`${host}/netns/root`) as { sysctls: Record<string, number> }).sysctls['net.ipv4.conf.all.route_localnet'];
    expect([sysctls('a'), sysctls('b')]).toEqual([undefined, 1]);
  });

  it('is nowhere once its DaemonSet has gone and its ConfigMap is left', () => {
    expect(renderAll(kubeProxyAgent, objectView([...nodes, ...web, config('')])).size).toBe(0);
  });

  it('is taken for granted in a world of Nodes only, and it says so', () => {
    const view = objectView([...nodes, ...web]);
    expect(renderAll(kubeProxyAgent, view).size).toBeGreaterThan(20);
    expect(diagnosticsOf(kubeProxyAgent, view)).toEqual(['Node/a: there is no kube-proxy DaemonSet: kube-proxy is taken to run on every node']);
  });

  it('follows its configuration', () => {
    const records = renderAll(kubeProxyAgent, objectView([...nodes, ...web, config('iptables:\n  masqueradeAll: true\n  masqueradeBit: 15\n'), proxy('a')]));
    expect(chain(records, 'a', 'nat', 'KUBE-MARK-MASQ')?.rules[0]?.text).toBe('-j MARK --or-mark 0x8000');
    const cluster = [...records.values()].find((record) => record.kind === 'chain' && record.name.startsWith('KUBE-SVC-')) as Chain;
    expect(cluster.rules[0]?.text).toBe('-m comment --comment "default/web cluster IP" -m tcp -p tcp -d 10.97.0.1 --dport 80 -j KUBE-MARK-MASQ');
  });

  it.each([
    ['v1.14.10', false, false],
    ['v1.17.8', false, true],
    ['v1.17.9', true, true],
    ['v1.18.5', false, true],
    ['v1.18.6-rc.1', true, true],
    ['latest', true, true],
  ])('of version %s takes its mark off: %s, drops INVALID packets: %s', (version, unmarks, dropsInvalid) => {
    const records = renderAll(kubeProxyAgent, objectView([...nodes, ...web, proxy('a', version)]));
    const text = (table: string, name: string) =>
      chain(records, 'a', table, name)
        ?.rules.map((rule) => rule.text)
        .join('\n');
    expect(text('nat', 'KUBE-POSTROUTING')?.includes('--xor-mark')).toBe(unmarks);
    expect(text('filter', 'KUBE-FORWARD')?.includes('INVALID')).toBe(dropsInvalid);
  });

  it('does not start with a mode or a scheduler that there is not', () => {
    const view = (text: string) => objectView([...nodes, ...web, config(text), proxy('a')]);
    expect(diagnosticsOf(kubeProxyAgent, view('mode: userspace\n'))).toEqual([
      'ConfigMap/kube-system/kube-proxy: kube-proxy does not start: KubeProxyConfiguration.ProxyMode: Invalid value: "userspace": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])',
    ]);
    expect(renderAll(kubeProxyAgent, view('mode: ipvs\nipvs:\n  scheduler: fastest\n')).size).toBe(0);
  });

  it('writes in another mode what that mode consists of', () => {
    const kinds = (mode: string) =>
      new Set([...renderAll(kubeProxyAgent, objectView([...nodes, ...web, config(`mode: ${mode}\n`), proxy('a')])).values()].map((record) => record.kind));
    expect([...kinds('ipvs')].sort()).toEqual(['chain', 'device', 'ipset', 'ipvs-service', 'process']);
    expect([...kinds('nftables')].sort()).toEqual(['nft-chain', 'nft-set', 'nft-table', 'process']);
  });
});
