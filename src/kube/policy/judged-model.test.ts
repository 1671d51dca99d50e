/** Calico's and Cilium's own kinds: what walk and matrix say is what happens to packets, for policies drawn by chance. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../base/prng.ts';
import type { KubeObject } from '../../objects/types.ts';
import { calicoKind } from '../cni/calico/testing/felix-bench.ts';
import { ciliumKind } from '../cni/testing/cilium-bench.ts';
import { objectView } from '../node/testing/object-view.ts';
import type { Pod } from '../pod/types.ts';
import { judgedModel } from './judged-model.ts';
import { policyMatrix } from './matrix.ts';
import { findEndpoint } from './policy-model.ts';
import type { Probe, Step } from './testing/conformance-cases.ts';
import { type BenchKind, policyBench } from './testing/policy-bench.ts';
import { verdict } from './verdict.ts';

const OUTSIDE = '203.0.113.9';
const nodes = [0, 1, 2].map((index) => ({ name: `node${index}`, ip: `172.18.0.${index + 2}` }));
const pods: readonly Pod[] = [
  ['a', 'web'],
  ['a', 'db'],
  ['b', 'web'],
  ['b', 'tool'],
].map(([namespace = '', app = ''], index) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: app, namespace, labels: { app } },
  spec: { nodeName: `node${index % 3}`, containers: [{ name: 'c', ports: [{ name: 'main', containerPort: 80, protocol: 'TCP' }] }] },
  status: { phase: 'Running', podIP: `10.99.${index % 3}.${10 + index}`, podIPs: [{ ip: `10.99.${index % 3}.${10 + index}` }] },
}));
const namespaces: readonly KubeObject[] = ['a', 'b'].map((name) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
}));
const id = (pod: Pod): string => `${pod.metadata.namespace}/${pod.metadata.name}`;
const ends = [...pods.map(id), 'external'];
const PORTS = [
  ['TCP', 80],
  ['TCP', 81],
  ['UDP', 80],
  ['ICMP', 0],
] as const;
const probes: readonly Probe[] = ends.flatMap((from) =>
  pods.flatMap((to) => (from === id(to) ? [] : PORTS.map(([protocol, port]): Probe => ({ from, to: id(to), protocol, port, allowed: true })))),
);

const stepOf = (policies: readonly KubeObject[]): Step => ({ id: '', pods, namespaces, nodes: [], policies, probes: [] });

/** Sentences about pairs of which packets, walk and matrix do not say the same, and how many packets arrived. */
function disagreements(
  kind: BenchKind,
  drawn: readonly (readonly KubeObject[])[],
): { readonly wrong: string[]; readonly arrived: number; readonly sent: number } {
  const bench = policyBench(stepOf([]), kind);
  const wrong: string[] = [];
  let [arrived, sent] = [0, 0];
  for (const policies of drawn) {
    bench.enforce(stepOf(policies));
    const model = judgedModel(objectView([...kind.cluster(nodes), ...namespaces, ...pods, ...policies]));
    const end = (text: string) => findEndpoint(model, text === 'external' ? OUTSIDE : text) ?? { id: text, ips: [], ports: [] };
    const matrix = policyMatrix(
      model,
      PORTS.map(([protocol, port]) => ({ protocol, port })),
      ends.map(end),
    );
    probes.forEach((probe, at) => {
      // Each pair and port comes round in every third set.
      if ((at + policies.length) % 3 !== 0) return;
      const outcome = bench.send(probe)?.arrived === true;
      sent += 1;
      if (outcome) arrived += 1;
      const [from, to] = [end(probe.from), end(probe.to)];
      const walk = verdict(model, { from, to, protocol: probe.protocol, port: probe.port });
      const port = PORTS.findIndex(([protocol, number]) => protocol === probe.protocol && number === probe.port);
      const open = matrix.open(port, matrix.groupOf.get(from.id) ?? -1, matrix.groupOf.get(to.id) ?? -1);
      if (walk.allowed !== outcome || open !== outcome)
        wrong.push(
          `${probe.from} to ${probe.to} ${probe.protocol} ${probe.port}: packet ${outcome}, walk ${walk.allowed} (${walk.egress.reason}; ${walk.ingress.reason}), matrix ${open}: ${JSON.stringify(policies)}`,
        );
    });
  }
  return { wrong, arrived, sent };
}

const pick = <T>(prng: Prng, list: readonly T[]): T => list[prng.uint32() % list.length] as T;
const several = <T>(prng: Prng, most: number, make: () => T): T[] => Array.from({ length: prng.uint32() % (most + 1) }, make);
const maybe = (prng: Prng, part: () => object): object => (prng.uint32() % 2 === 0 ? {} : part());

function calicoPolicies(prng: Prng): KubeObject[] {
  const selector = () => pick(prng, ["app == 'web'", "app == 'db'", 'all()', "app in {'web', 'tool'}", "app != 'web'", '!has(nothing)']);
  const entity = () => ({
    ...maybe(prng, () => ({ selector: selector() })),
    ...maybe(prng, () =>
      pick(prng, [{}, {}, { nets: ['10.99.1.0/24'] }, { notNets: ['203.0.113.0/24'] }, { namespaceSelector: "kubernetes.io/metadata.name == 'a'" }]),
    ),
  });
  const ports = () => pick(prng, [{}, { ports: [80] }, { ports: ['80:81'] }, { ports: ['main'] }, { notPorts: [81] }]);
  const rule = () => ({
    action: pick(prng, ['Allow', 'Allow', 'Deny', 'Pass', 'Log']),
    ...pick(prng, [{ destination: entity() }, { protocol: 'TCP', destination: { ...entity(), ...ports() } }, { protocol: 'ICMP' }, { notProtocol: 'UDP' }]),
    source: entity(),
  });
  const tiers = [
    { apiVersion: 'projectcalico.org/v3', kind: 'Tier', metadata: { name: 'first' }, spec: { order: 10, ...maybe(prng, () => ({ defaultAction: 'Pass' })) } },
  ];
  const policies = Array.from({ length: 1 + (prng.uint32() % 4) }, (_, index) => {
    const own = prng.uint32() % 2 === 0;
    const tier = pick(prng, ['default', 'first']);
    return {
      apiVersion: 'projectcalico.org/v3',
      kind: own ? 'NetworkPolicy.projectcalico.org' : 'GlobalNetworkPolicy',
      metadata: { name: `${tier}.p${index}`, ...(own ? { namespace: pick(prng, ['a', 'b']) } : {}) },
      spec: {
        tier,
        ...maybe(prng, () => ({ order: prng.uint32() % 3 })),
        selector: selector(),
        types: pick(prng, [['Ingress'], ['Egress'], ['Ingress', 'Egress']]),
        ingress: several(prng, 3, rule),
        egress: several(prng, 3, rule),
      },
    };
  });
  return [...tiers, ...policies, ...several(prng, 1, () => kubernetesPolicy(prng))] as KubeObject[];
}

function kubernetesPolicy(prng: Prng): KubeObject {
  const selector = () => pick(prng, [{}, { matchLabels: { app: 'web' } }, { matchLabels: { app: 'db' } }]);
  const policyTypes = pick(prng, [['Ingress'], ['Egress']]);
  const peer = () => pick(prng, [{ podSelector: selector() }, { namespaceSelector: {}, podSelector: selector() }]);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'plain', namespace: 'a' },
    spec: {
      podSelector: selector(),
      policyTypes,
      ingress: policyTypes.includes('Ingress') ? [{ from: [peer()] }] : [],
      egress: policyTypes.includes('Egress') ? [{ to: [peer()], ports: [{ protocol: 'TCP', port: 80 }] }] : [],
    },
  } as unknown as KubeObject;
}

function ciliumPolicies(prng: Prng): KubeObject[] {
  const selector = () =>
    pick(prng, [
      {},
      { matchLabels: { app: 'web' } },
      { matchLabels: { app: 'tool' } },
      { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
    ]);
  const peers = (side: 'from' | 'to') =>
    pick(prng, [
      { [`${side}Endpoints`]: [selector()] },
      { [`${side}Endpoints`]: [{ matchLabels: { 'k8s:io.kubernetes.pod.namespace': 'b' } }] },
      { [`${side}Entities`]: [pick(prng, ['world', 'cluster', 'all', 'host', 'remote-node'])] },
      { [`${side}CIDRSet`]: [{ cidr: '0.0.0.0/0', except: pick(prng, [[], ['203.0.113.0/24']]) }] },
      {},
    ]);
  const ports = () =>
    pick(prng, [
      {},
      { toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] },
      { toPorts: [{ ports: [{ port: '80', protocol: 'ANY' }] }] },
      { toPorts: [{ ports: [{ port: '80', endPort: 90, protocol: 'TCP' }] }] },
      { icmps: [{ fields: [{ type: 8, family: 'IPv4' }] }] },
    ]);
  const side = (name: 'from' | 'to') => several(prng, 2, () => ({ ...peers(name), ...ports() }));
  const policies = Array.from({ length: 1 + (prng.uint32() % 3) }, (_, index) => {
    const own = prng.uint32() % 2 === 0;
    return {
      apiVersion: 'cilium.io/v2',
      kind: own ? 'CiliumNetworkPolicy' : 'CiliumClusterwideNetworkPolicy',
      metadata: { name: `p${index}`, ...(own ? { namespace: pick(prng, ['a', 'b']) } : {}) },
      spec: {
        endpointSelector: selector(),
        ingress: side('from'),
        egress: side('to'),
        ...maybe(prng, () => ({ ingressDeny: side('from').slice(0, 1) })),
        ...maybe(prng, () => ({ enableDefaultDeny: { egress: false } })),
      },
    };
  });
  return [...policies, ...several(prng, 1, () => kubernetesPolicy(prng))] as unknown as KubeObject[];
}

const RUNS = 8;
describe("A CNI's own policies mean the same to packets, walk and matrix", () => {
  it.each([
    ['Calico', calicoKind, calicoPolicies],
    ['Cilium', ciliumKind, ciliumPolicies],
  ] as const)('in %s', (name, kind, draw) => {
    const prng = Prng.fork(7, name);
    const { wrong, arrived, sent } = disagreements(
      kind,
      Array.from({ length: RUNS }, () => draw(prng)),
    );
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(arrived).toBeGreaterThan(sent / 20);
    expect(sent - arrived).toBeGreaterThan(sent / 20);
  });
});
