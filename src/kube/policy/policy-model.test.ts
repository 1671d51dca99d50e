/** Policies judged for many pods at once and one by one agree; a thousand pods and five hundred policies are no matter of patience; what the API server does not say is said. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { type MatrixPort, matrixChanges, policyMatrix } from './matrix.ts';
import { lintPolicies } from './policy-lint.ts';
import { buildModel, findEndpoint } from './policy-model.ts';
import type { PolicyEndpoint } from './policy-types.ts';
import { verdict } from './verdict.ts';

const ports: readonly MatrixPort[] = [
  { protocol: 'TCP', port: 80 },
  { protocol: 'UDP', port: 53 },
];
const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } },
});
const pod = (index: number, place: string, labels: Readonly<Record<string, string>>, extra: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `p${index}`, namespace: place, labels },
  spec: { nodeName: `node${index % 2}`, containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 80, protocol: 'TCP' as const }] }], ...extra },
  status: { phase: 'Running', podIP: `10.244.${index >> 8}.${index & 255}` },
});

const label = fc.constantFrom('a', 'b', 'c');
const selector = fc.oneof(
  fc.constant({}),
  label.map((app) => ({ matchLabels: { app } })),
  fc
    .record({ operator: fc.constantFrom('In', 'NotIn'), value: label })
    .map(({ operator, value }) => ({ matchExpressions: [{ key: 'app', operator, values: [value] }] })),
);
const place = fc.constantFrom('x', 'y');
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({
    namespaceSelector: fc.oneof(
      fc.constant({}),
      place.map((name) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })),
    ),
    podSelector: selector,
  }),
  fc.constantFrom({ ipBlock: { cidr: '10.244.0.0/29' } }, { ipBlock: { cidr: '10.244.0.0/28', except: ['10.244.0.4/30'] } }),
);
const port = fc.constantFrom<object>({ port: 80 }, { port: 'web' }, { protocol: 'UDP' }, { port: 50, endPort: 90 });
const rules = (side: 'from' | 'to') =>
  fc.array(fc.record({ [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) }), { maxLength: 2 });
const policy = fc
  .record({ place, podSelector: selector, ingress: rules('from'), egress: rules('to'), types: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']) })
  .map(({ place: where, types, ...spec }) => ({ where, spec: { ...spec, policyTypes: types } }));
const clusterPeer = fc.oneof(
  place.map((name) => ({ namespaces: { matchLabels: { 'kubernetes.io/metadata.name': name } } })),
  fc.record({ pods: fc.record({ podSelector: selector }) }),
);
const clusterPolicy = fc.record({
  tier: fc.constantFrom('Admin', 'Baseline'),
  priority: fc.integer({ min: 0, max: 3 }),
  subject: clusterPeer,
  ingress: fc.array(fc.record({ action: fc.constantFrom('Accept', 'Deny', 'Pass'), from: fc.array(clusterPeer, { minLength: 1, maxLength: 2 }) }), {
    maxLength: 2,
  }),
});

describe('Policies', () => {
  it('are the same in a matrix of groups as pair by pair', () => {
    const pods = ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'd'].map((app, index) => pod(index, index < 4 ? 'x' : 'y', { app, extra: `${index}` }));
    const host = { ...pod(8, 'x', { app: 'a' }, { hostNetwork: true }), status: { phase: 'Running', podIP: '172.18.0.2' } };
    fc.assert(
      fc.property(fc.array(policy, { maxLength: 3 }), fc.array(clusterPolicy, { maxLength: 2 }), (own, cluster) => {
        const policies: KubeObject[] = [
          ...own.map(({ where, spec }, index) => ({
            apiVersion: 'networking.k8s.io/v1',
            kind: 'NetworkPolicy',
            metadata: { name: `n${index}`, namespace: where },
            spec,
          })),
          ...cluster.map((spec, index) => ({
            apiVersion: 'policy.networking.k8s.io/v1alpha2',
            kind: 'ClusterNetworkPolicy',
            metadata: { name: `c${index}` },
            spec,
          })),
        ];
        const model = buildModel({ pods: [...pods, host], namespaces: [namespace('x'), namespace('y')], nodes: [], policies });
        const matrix = policyMatrix(model, ports);
        for (const from of model.endpoints) {
          for (const to of model.endpoints) {
            if (from === to) continue;
            ports.forEach((one, index) => {
              const { egress, ingress } = verdict(model, { from, to, ...one });
              const side = egress.allowed ? (ingress.allowed ? '.' : 'I') : ingress.allowed ? 'E' : 'B';
              const [a, b] = [matrix.groupOf.get(from.id) ?? -1, matrix.groupOf.get(to.id) ?? -1];
              expect(matrix.cell(index, a, b), `${from.id} to ${to.id}: ${egress.reason}; ${ingress.reason}`).toBe(side);
              expect(matrix.open(index, a, b)).toBe(side === '.');
            });
          }
        }
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  it('of a thousand pods and five hundred policies are judged for every pair within seconds, in fewer groups than pods', () => {
    const namespaces = Array.from({ length: 10 }, (_, index) => namespace(`n${index}`, { team: `t${index % 3}` }));
    const pods = Array.from({ length: 1000 }, (_, index) => pod(index, `n${index % 10}`, { app: `a${index % 20}`, hash: `h${index}` }));
    const policies = Array.from({ length: 500 }, (_, index) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `n${index}`, namespace: `n${index % 10}` },
      spec: {
        podSelector: { matchLabels: { app: `a${index % 20}` } },
        ingress: [
          {
            from: [{ namespaceSelector: { matchLabels: { team: `t${index % 3}` } }, podSelector: { matchLabels: { app: `a${(index * 7) % 20}` } } }],
            ports: [{ port: 'web' }],
          },
        ],
      },
    }));
    const started = process.hrtime.bigint();
    const before = policyMatrix(buildModel({ pods, namespaces, nodes: [], policies }), ports);
    const { allowed, pairs } = before.allowedPairs(0);
    const after = policyMatrix(buildModel({ pods, namespaces, nodes: [], policies: policies.slice(1) }), ports);
    const { changes } = matrixChanges(before, after, 10);
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    expect(before.groups.length).toBeLessThan(100);
    expect(pairs).toBe(999_000);
    expect(allowed).toBeGreaterThan(0);
    expect(allowed).toBeLessThan(pairs);
    expect(changes.every((one) => one.before !== one.after)).toBe(true);
    // Ten times the goal: other tests may be running on this machine.
    expect(seconds).toBeLessThan(10);
  });

  it('tell which term missed, and why', () => {
    const policies = [
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'db', namespace: 'x' },
        spec: {
          podSelector: { matchLabels: { app: 'b' } },
          policyTypes: ['Ingress'],
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'a' } } }], ports: [{ port: 'web' }] }],
        },
      },
    ];
    const model = buildModel({
      pods: [pod(0, 'x', { app: 'a' }), pod(1, 'x', { app: 'b' }), pod(2, 'y', { app: 'a' })],
      namespaces: [namespace('x'), namespace('y')],
      nodes: [],
      policies,
    });
    const end = (id: string) => findEndpoint(model, id) ?? (model.endpoints[0] as PolicyEndpoint);
    const ask = (from: string, port_: number) => verdict(model, { from: end(from), to: end('x/p1'), protocol: 'TCP', port: port_ }).ingress;
    expect(ask('x/p0', 80)).toMatchObject({
      allowed: true,
      reason: 'NetworkPolicy x/db allows it: spec.ingress[0]',
      by: { policy: 'NetworkPolicy/x/db', path: 'spec.ingress[0]' },
    });
    expect(ask('y/p2', 80).policies[0]?.rules[0]?.peers).toEqual([
      { path: 'spec.ingress[0].from[0]', matched: false, reason: 'y/p2 is in namespace y; without a namespaceSelector only pods of x match' },
    ]);
    expect(ask('x/p0', 81).policies[0]?.rules[0]?.ports[0]?.reason).toBe('port web of x/p1 is TCP 80, not TCP 81');
    expect(ask('203.0.113.7', 80)).toMatchObject({ allowed: false, reason: 'x/db isolates x/p1 for ingress, and no rule allows this' });
  });

  it('that are not what they look like are pointed out', () => {
    const cluster = new TestCluster().apply(`apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: postgres}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: elsewhere}
spec: {podSelector: {matchLabels: {app: db}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dash, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {name: default}}
        - podSelector: {matchLabels: {app: db}}
      ports: [{port: pg}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: service, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.10/32}}]}]}
`);
    const found = lintPolicies(cluster.api.view).map(({ key, path, diagnostic }) => `${key} ${path} ${diagnostic.code}`);
    expect(found).toEqual(
      expect.arrayContaining([
        'NetworkPolicy/default/elsewhere metadata.namespace policy-wrong-namespace',
        'NetworkPolicy/shop/dash spec.ingress[0].from[1] policy-and-or',
        'NetworkPolicy/shop/dash spec.ingress[0].from[0].namespaceSelector policy-namespace-label',
        'NetworkPolicy/shop/dash spec.ingress[0].ports[0].port policy-named-port',
        'NetworkPolicy/shop/service spec.egress[0].to[0].ipBlock.cidr policy-service-cidr',
      ]),
    );
  });
});
