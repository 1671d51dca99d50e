/** kube-proxy's nftables mode: upstream's own flows through the engine, and the table's text. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { objectView } from '../node/testing/object-view.ts';
import { configFor, DEFAULT_PROXY_CONFIG, localDetectorFor } from './kube-proxy-config.ts';
import { nftServiceRules, renderNftBase, renderNftService } from './kube-proxy-nftables.ts';
import type { ProxyNode } from './kube-proxy-shared.ts';
import { FLOW_NETNS, flowOutcomes } from './testing/engine-flows.ts';
import { nftDump } from './testing/nft-dump.ts';
import type { EndpointSlice, Service } from './types.ts';

interface Case {
  readonly id: string;
  readonly config: {
    readonly mode: string;
    readonly nodeName: string;
    readonly nodeIPs: readonly string[];
    readonly podCIDR: string;
    readonly localDetector: string;
    readonly masqueradeAll: boolean;
    readonly nodePortAddresses: readonly string[] | null;
    readonly ipFamily?: 'IPv4' | 'IPv6';
  };
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly flows: readonly {
    readonly name: string;
    readonly sourceIP: string;
    readonly protocol: string;
    readonly destIP: string;
    readonly destPort: number;
    readonly verdict: string;
    readonly dests?: readonly string[];
    readonly masq?: boolean;
    readonly nftablesOutput?: string;
  }[];
}
interface RulesCase extends Omit<Case, 'flows'> {
  readonly expectedRules?: string;
}
const rulesPath = resolve(import.meta.dirname, '../../../../shared/conformance/kubeproxy-rules.json');
const rulesCases = existsSync(rulesPath)
  ? (JSON.parse(readFileSync(rulesPath, 'utf8')) as { readonly rules: readonly RulesCase[] }).rules.filter((one) => one.config.mode === 'nftables')
  : [];
const path = resolve(import.meta.dirname, '../../../../shared/conformance/kubeproxy-flows.json');
const cases = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] }).cases : [];

/** Upstream's node answers to node ports on its first address, and serves 172.30.0.0/16. */
function proxyOf(one: Pick<Case, 'config'>): ProxyNode {
  const family = one.config.ipFamily ?? 'IPv4';
  const config = configFor(
    {
      ...DEFAULT_PROXY_CONFIG,
      mode: 'nftables',
      clusterCidr: one.config.localDetector === 'clusterCIDR' ? one.config.podCIDR : '',
      masqueradeAll: one.config.masqueradeAll,
      // The default of iptables mode is all addresses.
      nodePortAddresses: one.config.nodePortAddresses ?? (one.config.mode === 'nftables' ? ['primary'] : []),
    },
    family,
  );
  const ip = one.config.nodeIPs.find((address) => address.includes(':') === (family === 'IPv6')) ?? '';
  const localIps = () => one.config.nodeIPs.filter((address) => address.includes(':') === (family === 'IPv6'));
  return { place: { nodeName: one.config.nodeName, zone: '' }, ip, localIps, config, detector: localDetectorFor(config, undefined), largeCluster: false };
}

const cluster: KubeObject = {
  apiVersion: 'kubeadm.k8s.io/v1beta4',
  kind: 'ClusterConfiguration',
  metadata: { name: 'cluster' },
  networking: { serviceSubnet: '172.30.0.0/16,fd00:172:30::/64', podSubnet: '10.0.0.0/8,fd00:10::/64' },
} as KubeObject;

describe.skipIf(cases.length === 0)('kube-proxy in nftables mode, as upstream traces its flows (kubeproxy-flows.json)', () => {
  for (const one of cases) {
    it(one.id, () => {
      const proxy = proxyOf(one);
      const view = objectView([cluster, ...one.services, ...one.endpointSlices]);
      const origin = { component: 'kube-proxy', objects: [] };
      const records = [
        ...renderNftBase(FLOW_NETNS, proxy, origin, view),
        ...one.services.flatMap((service) => renderNftService(FLOW_NETNS, proxy, service, view)),
      ];
      const ips = one.config.nodeIPs.filter((ip) => ip.includes(':') === (proxy.config.family === 'IPv6'));
      for (const flow of one.flows) {
        // In this mode there are no node ports on localhost and no rules for health check ports.
        if (flow.destIP === '127.0.0.1' || flow.verdict === 'accept') continue;
        const outcomes = flowOutcomes(ips, records, flow);
        const verdict = flow.nftablesOutput === undefined ? flow.verdict : flow.nftablesOutput.toLowerCase();
        expect([...new Set(outcomes.map((outcome) => outcome.verdict))], flow.name).toEqual([verdict]);
        if (flow.nftablesOutput !== undefined) continue;
        expect([...new Set(outcomes.flatMap((outcome) => outcome.destination ?? []))].sort(), flow.name).toEqual([...(flow.dests ?? [])].sort());
        for (const outcome of outcomes) expect(outcome.masquerade, flow.name).toBe(flow.masq === true);
      }
    });
  }
});

const objectMeta = (name: string, labels: Readonly<Record<string, string>> = {}) => ({ name, namespace: 'shop', labels });
const service = (name: string, spec: Omit<Service['spec'], 'clusterIPs'>, status?: Service['status']): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: objectMeta(name),
  spec,
  ...(status === undefined ? {} : { status }),
});
const slice = (name: string, port: number, endpoints: readonly { readonly ip: string; readonly node?: string }[], portName = 'web'): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: objectMeta(`${name}-1`, { 'kubernetes.io/service-name': name }),
  addressType: 'IPv4',
  ports: [{ name: portName, port, protocol: 'TCP' }],
  endpoints: endpoints.map(({ ip, node }) => ({ addresses: [ip], ...(node === undefined ? {} : { nodeName: node }) })),
});

describe('the table of kube-proxy', () => {
  const proxy = proxyOf({
    config: {
      mode: 'nftables',
      nodeName: 'n1',
      nodeIPs: ['192.168.0.2'],
      podCIDR: '10.0.0.0/8',
      localDetector: 'clusterCIDR',
      masqueradeAll: false,
      nodePortAddresses: null,
    },
  });
  const dump = (...objects: readonly KubeObject[]) => nftDump(proxy, ['192.168.0.2'], [cluster, ...objects]);
  /** Lines that the objects add, with hashes as numbers in the order in which they are met. */
  const added = (...objects: readonly KubeObject[]) => {
    const before = new Set(dump());
    const lines = dump(...objects).flatMap((line) => (before.has(line) ? [] : [line.replace(/^add (\S+) ip kube-proxy /, '$1 ')]));
    const byName = (line: string) => line.replaceAll(/-[A-Z2-7]{8}-/g, '-');
    lines.sort((x, y) => (byName(x) < byName(y) ? -1 : 1));
    const hashes = [...new Set(lines.flatMap((line) => line.match(/(?<=-)[A-Z2-7]{8}(?=-)/g) ?? []))];
    return lines.map((line) => line.replaceAll(/(?<=-)[A-Z2-7]{8}(?=-)/g, (hash) => String(hashes.indexOf(hash) + 1)));
  };
  const ports = [{ name: 'web', port: 80, protocol: 'TCP' }] as const;

  it.runIf(rulesCases.length > 0).each(rulesCases.map((one) => [one.id, one] as const))(
    '%s: the complete text is the same (kubeproxy-rules.json)',
    (_id, one) => {
      const expected = (one.expectedRules ?? 'missing')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'));
      expect(nftDump(proxyOf(one), one.config.nodeIPs, [cluster, ...one.services, ...one.endpointSlices])).toEqual(expected.sort());
    },
  );

  it('names chains by a hash and by what they are for', () => {
    const [rules] = nftServiceRules(
      { ...service('svc1', { clusterIP: '172.30.0.41', ports: [{ name: 'p80', port: 80 }] }), metadata: { name: 'svc1', namespace: 'ns1' } },
      proxy,
      objectView([
        cluster,
        {
          ...slice('svc1', 80, [{ ip: '10.180.0.1' }], 'p80'),
          metadata: { name: 'x', namespace: 'ns1', labels: { 'kubernetes.io/service-name': 'svc1' } },
        } as EndpointSlice,
      ]),
    );
    expect(rules?.chains.map((chain) => chain.name)).toEqual(['endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80', 'service-ULMVA6XW-ns1/svc1/tcp/p80']);
  });

  it('leads a ClusterIP to one of its endpoints, and marks what does not come from a pod', () => {
    expect(added(service('a', { clusterIP: '172.30.0.41', ports }), slice('a', 8080, [{ ip: '10.1.0.1' }, { ip: '10.1.0.2' }]))).toEqual([
      'chain endpoint-1-shop/a/tcp/web__10.1.0.1/8080',
      'chain endpoint-2-shop/a/tcp/web__10.1.0.2/8080',
      'chain service-3-shop/a/tcp/web',
      'element cluster-ips { 172.30.0.41 }',
      'element service-ips { 172.30.0.41 . tcp . 80 : goto service-3-shop/a/tcp/web }',
      'rule endpoint-1-shop/a/tcp/web__10.1.0.1/8080 ip saddr 10.1.0.1 jump mark-for-masquerade',
      'rule endpoint-1-shop/a/tcp/web__10.1.0.1/8080 meta l4proto tcp dnat to 10.1.0.1:8080',
      'rule endpoint-2-shop/a/tcp/web__10.1.0.2/8080 ip saddr 10.1.0.2 jump mark-for-masquerade',
      'rule endpoint-2-shop/a/tcp/web__10.1.0.2/8080 meta l4proto tcp dnat to 10.1.0.2:8080',
      'rule service-3-shop/a/tcp/web ip daddr 172.30.0.41 ip saddr != 10.0.0.0/8 jump mark-for-masquerade',
      'rule service-3-shop/a/tcp/web numgen random mod 2 vmap { 0 : goto endpoint-1-shop/a/tcp/web__10.1.0.1/8080 , 1 : goto endpoint-2-shop/a/tcp/web__10.1.0.2/8080 }',
    ]);
  });

  it('refuses a Service without endpoints at once', () => {
    expect(added(service('b', { type: 'NodePort', clusterIP: '172.30.0.42', ports: [{ ...ports[0], nodePort: 30080 }] }))).toEqual([
      'element cluster-ips { 172.30.0.42 }',
      'element no-endpoint-nodeports { tcp . 30080 comment "shop/b:web" : goto reject-chain }',
      'element no-endpoint-services { 172.30.0.42 . tcp . 80 comment "shop/b:web" : goto reject-chain }',
    ]);
  });

  it('drops what externalTrafficPolicy Local sends to a node without endpoints, but lets pods and the node itself go on', () => {
    const spec = { type: 'NodePort', clusterIP: '172.30.0.43', externalTrafficPolicy: 'Local', ports: [{ ...ports[0], nodePort: 30081 }] };
    expect(added(service('c', spec), slice('c', 80, [{ ip: '10.1.0.1', node: 'n2' }])).filter((line) => /external|node/.test(line))).toEqual([
      'chain external-2-shop/c/tcp/web',
      'element no-endpoint-nodeports { tcp . 30081 comment "shop/c:web" : drop }',
      'element service-nodeports { tcp . 30081 : goto external-2-shop/c/tcp/web }',
      'rule external-2-shop/c/tcp/web fib saddr type local goto service-2-shop/c/tcp/web comment "short-circuit local traffic"',
      'rule external-2-shop/c/tcp/web fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"',
      'rule external-2-shop/c/tcp/web ip saddr 10.0.0.0/8 goto service-2-shop/c/tcp/web comment "short-circuit pod traffic"',
    ]);
  });

  it('keeps a client with its endpoint in a set that forgets, and sources out that may not use the load balancer', () => {
    const spec = {
      type: 'LoadBalancer',
      clusterIP: '172.30.0.44',
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      loadBalancerSourceRanges: [' 203.0.113.0/25'],
      ports,
    };
    const one = service('d', spec, { loadBalancer: { ingress: [{ ip: '5.6.7.8' }] } });
    expect(added(one, slice('d', 80, [{ ip: '10.1.0.1' }])).filter((line) => /affinity|firewall/.test(line))).toEqual([
      'chain firewall-2-shop/d/tcp/web',
      'element firewall-ips { 5.6.7.8 . tcp . 80 : goto firewall-2-shop/d/tcp/web }',
      'rule endpoint-1-shop/d/tcp/web__10.1.0.1/80 update @affinity-1-shop/d/tcp/web__10.1.0.1/80 { ip saddr }',
      'rule firewall-2-shop/d/tcp/web ip saddr != { 203.0.113.0/25 } drop',
      'rule service-2-shop/d/tcp/web ip saddr @affinity-1-shop/d/tcp/web__10.1.0.1/80 goto endpoint-1-shop/d/tcp/web__10.1.0.1/80',
      'set affinity-1-shop/d/tcp/web__10.1.0.1/80 { type ipv4_addr ; flags dynamic,timeout ; timeout 60s ; }',
    ]);
  });
});
