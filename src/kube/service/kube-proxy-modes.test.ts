/** The same Services and the same packets in kube-proxy's three modes, through the engine: one documented verdict, or a documented difference. */
import { describe, expect, it } from 'vitest';
import type { NetRecord } from '../../net/records.ts';
import { RULE_NS } from '../../net/stack/costs.ts';
import type { KubeObject } from '../../objects/types.ts';
import type { ProxyConfig } from './kube-proxy-config.ts';
import { FLOW_NETNS, FLOW_NODE, flowOutcomes, flowTimeNs } from './testing/engine-flows.ts';
import { proxyRecords } from './testing/proxy-records.ts';

const MODES = ['iptables', 'nftables', 'ipvs'] as const;
type Mode = (typeof MODES)[number];

const NODE = '192.168.0.2';
const POD = '10.244.0.9';
const OUTSIDE = '203.0.113.5';
const BLOCKED = '203.0.113.200';

const port = (more: object = {}) => ({ name: 'web', port: 80, protocol: 'TCP', ...more });
const service = (name: string, spec: object, status?: object): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec, ...(status === undefined ? {} : { status }) }) as KubeObject;
const slice = (
  name: string,
  ...endpoints: readonly { readonly ip: string; readonly node?: string; readonly ready?: boolean; readonly terminating?: boolean }[]
) =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace: 'shop', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints.map(({ ip, node, ready, terminating }) => ({
      addresses: [ip],
      ...(node === undefined ? {} : { nodeName: node }),
      conditions: { ready: ready ?? true, serving: true, terminating: terminating ?? false },
    })),
  }) as unknown as KubeObject;

const HERE = { ip: '10.244.0.10', node: FLOW_NODE };
const THERE = { ip: '10.244.1.10', node: 'other' };

const objects: readonly KubeObject[] = [
  {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    metadata: { name: 'cluster' },
    networking: { serviceSubnet: '10.96.0.0/16', podSubnet: '10.244.0.0/16' },
  } as KubeObject,
  service('plain', { clusterIP: '10.96.0.10', ports: [port()] }),
  slice('plain', HERE, THERE),
  service('empty', { type: 'NodePort', clusterIP: '10.96.0.11', ports: [port({ nodePort: 30011 })] }),
  service('inside-local', { clusterIP: '10.96.0.12', internalTrafficPolicy: 'Local', ports: [port()] }),
  slice('inside-local', HERE, THERE),
  service('inside-far', { clusterIP: '10.96.0.13', internalTrafficPolicy: 'Local', ports: [port()] }),
  slice('inside-far', THERE),
  service('node-port', { type: 'NodePort', clusterIP: '10.96.0.14', ports: [port({ nodePort: 30014 })] }),
  slice('node-port', HERE, THERE),
  service('outside-local', { type: 'NodePort', clusterIP: '10.96.0.15', externalTrafficPolicy: 'Local', ports: [port({ nodePort: 30015 })] }),
  slice('outside-local', HERE, THERE),
  service('outside-far', { type: 'NodePort', clusterIP: '10.96.0.16', externalTrafficPolicy: 'Local', ports: [port({ nodePort: 30016 })] }),
  slice('outside-far', THERE),
  service(
    'balanced',
    {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.17',
      externalIPs: ['192.0.2.77'],
      loadBalancerSourceRanges: ['203.0.113.0/25'],
      ports: [port({ nodePort: 30017 })],
    },
    { loadBalancer: { ingress: [{ ip: '192.0.2.17', ipMode: 'VIP' }] } },
  ),
  slice('balanced', HERE, THERE),
  service('leaving', { clusterIP: '10.96.0.18', ports: [port()] }),
  slice('leaving', { ...HERE, ready: false, terminating: true }),
];

/** What is expected: endpoints chosen (`a` here, `b` there) with `!` where the client is hidden behind the node, or a refusal. */
interface Row {
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly port?: number;
  readonly all?: string;
  readonly iptables?: string;
  readonly nftables?: string;
  readonly ipvs?: string;
}

const rows: readonly Row[] = [
  { what: 'a pod asks a ClusterIP', from: POD, to: '10.96.0.10', all: 'a b' },
  { what: 'a pod that is chosen as its own server', from: HERE.ip, to: '10.96.0.10', all: 'a! b' },
  { what: 'somebody outside asks a ClusterIP', from: OUTSIDE, to: '10.96.0.10', all: 'a! b!' },
  { what: 'the node asks a ClusterIP', from: NODE, to: '10.96.0.10', all: 'a! b!' },
  { what: 'no endpoints at all', from: POD, to: '10.96.0.11', all: 'reject' },
  { what: 'no endpoints at all, by node port', from: OUTSIDE, to: NODE, port: 30011, all: 'reject' },
  // kube-proxy in iptables mode has no rule for other ports of a ClusterIP: the packet goes where the routes lead.
  { what: 'another port of a ClusterIP', from: POD, to: '10.96.0.10', port: 81, iptables: 'no-rule', nftables: 'reject', ipvs: 'reject' },
  { what: 'a ClusterIP that nobody has', from: POD, to: '10.96.9.9', iptables: 'no-rule', nftables: 'drop', ipvs: 'no-rule' },
  { what: 'internalTrafficPolicy Local with an endpoint here', from: POD, to: '10.96.0.12', all: 'a' },
  // IPVS has a virtual service without a server, and says so.
  { what: 'internalTrafficPolicy Local without an endpoint here', from: POD, to: '10.96.0.13', all: 'drop', ipvs: 'reject' },
  { what: 'a node port from outside', from: OUTSIDE, to: NODE, port: 30014, all: 'a! b!' },
  { what: 'a node port from a pod', from: POD, to: NODE, port: 30014, all: 'a! b!' },
  { what: 'externalTrafficPolicy Local with an endpoint here', from: OUTSIDE, to: NODE, port: 30015, all: 'a' },
  // Pods and the node itself are served by all endpoints, as if they had gone out to a load balancer and come back; IPVS cannot tell them apart.
  { what: 'externalTrafficPolicy Local, from a pod', from: POD, to: NODE, port: 30015, all: 'a b', ipvs: 'a' },
  { what: 'externalTrafficPolicy Local without an endpoint here', from: OUTSIDE, to: NODE, port: 30016, all: 'drop', ipvs: 'b' },
  { what: 'externalTrafficPolicy Local without an endpoint here, from a pod', from: POD, to: NODE, port: 30016, all: 'b' },
  { what: 'an external IP', from: OUTSIDE, to: '192.0.2.77', all: 'a! b!' },
  { what: 'a load balancer address, from an allowed source', from: OUTSIDE, to: '192.0.2.17', all: 'a! b!' },
  { what: 'a load balancer address, from another source', from: BLOCKED, to: '192.0.2.17', all: 'drop' },
  { what: 'the node port of that Service is not protected', from: BLOCKED, to: NODE, port: 30017, all: 'a! b!' },
  { what: 'an endpoint that terminates and serves is used while there is no other', from: POD, to: '10.96.0.18', all: 'a' },
];

const NAMES: Readonly<Record<string, string>> = { [`${HERE.ip}:8080`]: 'a', [`${THERE.ip}:8080`]: 'b' };

function outcome(records: readonly NetRecord[], row: Row): string {
  const seen = flowOutcomes([NODE], records, { sourceIP: row.from, protocol: 'TCP', destIP: row.to, destPort: row.port ?? 80 });
  const words = seen.map((one) => (one.verdict === 'dnat' ? `${NAMES[one.destination ?? ''] ?? one.destination}${one.masquerade ? '!' : ''}` : one.verdict));
  return [...new Set(words)].sort().join(' ');
}

describe.each(MODES)('kube-proxy in %s mode', (mode: Mode) => {
  const config: Partial<ProxyConfig> = { mode, nodePortAddresses: mode === 'nftables' ? ['primary'] : [] };
  const records = proxyRecords(FLOW_NETNS, FLOW_NODE, NODE, config, objects);
  it.each(rows.map((row) => [row.what, row] as const))('%s', (_what, row) => {
    expect(outcome(records, row)).toBe(row[mode] ?? row.all);
  });
});

describe('the time a first packet takes to its endpoint', () => {
  const many = (count: number): readonly KubeObject[] =>
    Array.from({ length: count }, (_, i) => i).flatMap((i) => [
      service(`s${1000000 + i}`, { clusterIP: `10.96.${Math.floor(i / 250)}.${(i % 250) + 1}`, ports: [port()] }),
      slice(`s${1000000 + i}`, { ip: `10.244.${Math.floor(i / 250)}.${(i % 250) + 1}`, node: 'other' }),
    ]);
  /** Virtual nanoseconds on the node before DNAT, for the last of so many Services. */
  const timeNs = (mode: Mode, count: number): number => {
    const records = proxyRecords(FLOW_NETNS, FLOW_NODE, NODE, { mode, nodePortAddresses: mode === 'nftables' ? ['primary'] : [] }, [
      ...objects.slice(0, 1),
      ...many(count),
    ]);
    const last = count - 1;
    return flowTimeNs([NODE], records, { sourceIP: POD, protocol: 'TCP', destIP: `10.96.${Math.floor(last / 250)}.${(last % 250) + 1}`, destPort: 80 });
  };

  it('grows with the number of Services in iptables mode, whose chain is a list, and in no other', () => {
    const grown = (mode: Mode) => timeNs(mode, 520) - timeNs(mode, 20);
    expect(grown('iptables')).toBeGreaterThanOrEqual(500 * RULE_NS);
    expect(grown('iptables')).toBeLessThan(500 * RULE_NS * 1.2);
    expect(grown('nftables')).toBe(0);
    expect(grown('ipvs')).toBe(0);
  });
});
