/** Network policies at 1,000 pods and 500 policies: the full matrix against asking for each pair, one policy more in what each CNI writes, what a packet costs with 1,000 policies, and ten thousand of them. */
import { RecordStore } from '../src/base/record-store.ts';
import { calicoAgent } from '../src/kube/cni/calico/calico-agent.ts';
import { calicoKind } from '../src/kube/cni/calico/testing/felix-bench.ts';
import { ciliumKind } from '../src/kube/cni/testing/cilium-bench.ts';
import { objectView } from '../src/kube/node/testing/object-view.ts';
import { configMap, node, pod } from '../src/kube/node/testing/small-cluster.ts';
import type { Pod } from '../src/kube/pod/types.ts';
import { policyMatrix } from '../src/kube/policy/matrix.ts';
import { policyModel } from '../src/kube/policy/policy-model.ts';
import { policyQueueAgent } from '../src/kube/policy/policy-queue-agent.ts';
import type { Step } from '../src/kube/policy/testing/conformance-cases.ts';
import { kindnetKind } from '../src/kube/policy/testing/packet-bench.ts';
import { policyBench } from '../src/kube/policy/testing/policy-bench.ts';
import { verdict } from '../src/kube/policy/verdict.ts';
import { ciliumAgent } from '../src/kube/service/cilium-agent.ts';
import type { NetRecord } from '../src/net/records.ts';
import { AgentRunner } from '../src/objects/agent-runner.ts';
import type { Agent, KubeObject } from '../src/objects/types.ts';
import { objectKey } from '../src/objects/types.ts';
import { cpuMilliseconds, type Figure, report } from './harness.ts';

const PODS = 1_000;
const NODES = 20;
const NAMESPACES = 25;
const APPS = 40;
const IMAGES = {
  calico: ['quay.io/calico/node:v3.30.3', 'calico-node'],
  cilium: ['quay.io/cilium/cilium:v1.18.1', 'cilium-agent'],
  kindnet: ['docker.io/kindest/kindnetd:v20250512', 'kindnet-cni'],
} as const;

const namespaceOf = (i: number): string => `team-${i % NAMESPACES}`;

/** Every policy selects one app of one namespace and lets in two others, one by its namespace, at a port; every fifth has an address range. */
function policy(i: number, port = 8080): KubeObject {
  const app = (n: number) => ({ matchLabels: { app: `app-${n % APPS}` } });
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `policy-${i}`, namespace: namespaceOf(i) },
    spec: {
      podSelector: app(i),
      policyTypes: ['Ingress', ...(i % 3 === 0 ? ['Egress'] : [])],
      ingress: [
        {
          from: [
            { podSelector: app(i + 1) },
            { namespaceSelector: { matchLabels: { team: `${(i + 2) % NAMESPACES}` } }, podSelector: app(i + 3) },
            ...(i % 5 === 0 ? [{ ipBlock: { cidr: `10.${i % 200}.0.0/16`, except: [`10.${i % 200}.9.0/24`] } }] : []),
          ],
          ports: [{ protocol: 'TCP', port }],
        },
      ],
      ...(i % 3 === 0 ? { egress: [{ to: [{ podSelector: app(i + 4) }] }, { ports: [{ protocol: 'UDP', port: 53 }] }] } : {}),
    },
  } as unknown as KubeObject;
}

function cluster(cni: keyof typeof IMAGES, policies: number) {
  const [image, container] = IMAGES[cni];
  const objects: KubeObject[] = [configMap('cilium-config', 'kube-system', cni === 'cilium' ? { 'routing-mode': 'tunnel' } : {})];
  for (let n = 0; n < NODES; n += 1) {
    objects.push(node(`node${n}`, `172.30.0.${n + 2}`, `10.244.${n}.0/24`));
    objects.push(pod(`agent-${n}`, 'kube-system', `node${n}`, `172.30.0.${n + 2}`, { hostNetwork: true, containers: [{ name: container, image }] }));
  }
  for (let n = 0; n < NAMESPACES; n += 1)
    objects.push({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: `team-${n}`, labels: { team: `${n}`, 'kubernetes.io/metadata.name': `team-${n}` } },
    } as KubeObject);
  for (let i = 0; i < PODS; i += 1) {
    const ip = `10.244.${i % NODES}.${Math.floor(i / NODES) + 2}`;
    const one = pod(
      `pod-${i}`,
      namespaceOf(i),
      `node${i % NODES}`,
      ip,
      { containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 8080 }] }] },
      { app: `app-${i % APPS}`, tier: i % 2 === 0 ? 'a' : 'b' },
    );
    objects.push({ ...one, status: { ...one.status, podIPs: [{ ip }] } } as KubeObject);
  }
  for (let i = 0; i < policies; i += 1) objects.push(policy(i));
  return objectView(objects);
}

const AGENTS: Readonly<Record<keyof typeof IMAGES, Agent<NetRecord>>> = { calico: calicoAgent, cilium: ciliumAgent, kindnet: policyQueueAgent };

function running(cni: keyof typeof IMAGES, policies: number) {
  const view = cluster(cni, policies);
  const runner = new AgentRunner<NetRecord>([AGENTS[cni]], view, new RecordStore<NetRecord>());
  return { view, runner };
}

const figures: Figure[] = [];
const model = policyModel(cluster('kindnet', 500));
const ports = [{ protocol: 'TCP' as const, port: 8080 }];
figures.push({
  name: 'policies: full matrix of 1,000 pods and 500 policies',
  value: cpuMilliseconds(5, () => policyMatrix(model, ports).allowedPairs(0)),
  unit: 'ms',
  goal: 1000,
});
const some = model.endpoints.filter((one) => one.pod !== undefined).slice(0, 100);
const pairs = cpuMilliseconds(3, () => {
  for (const from of some)
    for (const to of model.endpoints) {
      if (to.ips[0] !== undefined) verdict(model, { from, to, protocol: 'TCP', port: 8080 });
    }
});
figures.push({ name: 'policies: the same pair by pair (100 of 1,000 rows, times ten)', value: pairs * 10, unit: 'ms' });
for (const cni of ['kindnet', 'calico', 'cilium'] as const) {
  figures.push({
    name: `policies: ${cni}, first rendering of 1,000 pods and 500 policies`,
    value: cpuMilliseconds(
      2,
      ({ runner }) => runner.run(),
      () => running(cni, 500),
    ),
    unit: 'ms',
  });
  const { view, runner } = running(cni, 500);
  runner.run();
  let port = 8080;
  const change = cpuMilliseconds(9, () => {
    port += 1;
    const after = policy(250, port);
    const before = view.find(objectKey(after));
    view.put(after);
    runner.changed({ id: objectKey(after), ...(before === undefined ? {} : { before }), after });
    runner.run();
  });
  figures.push({ name: `policies: ${cni}, one of 500 policies changed`, value: change, unit: 'ms', goal: 100 });
}
for (const cni of ['kindnet', 'calico', 'cilium'] as const)
  figures.push({
    name: `policies: ${cni}, first rendering of 10,000 policies`,
    value: cpuMilliseconds(
      1,
      ({ runner }) => runner.run(),
      () => running(cni, 10_000),
    ),
    unit: 'ms',
  });

/** One pod that a thousand policies select, or none; the last of them lets the client in. */
function crowded(policies: number): Step {
  const one = (name: string, n: number): Pod => ({
    ...pod(
      name,
      'team-0',
      'node',
      `10.244.0.${n}`,
      { containers: [{ name: 'c', image: 'nginx', ports: [{ containerPort: 80, protocol: 'TCP' }] }] },
      { app: name },
    ),
    status: { phase: 'Running', podIP: `10.244.0.${n}`, podIPs: [{ ip: `10.244.0.${n}` }] },
  });
  const rule = (i: number): KubeObject =>
    ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `policy-${10_000 + i}`, namespace: 'team-0' },
      spec: {
        podSelector: { matchLabels: { app: 'server' } },
        policyTypes: ['Ingress'],
        ingress: [{ from: [{ podSelector: { matchLabels: { app: i === policies - 1 ? 'client' : `app-${i}` } } }], ports: [{ protocol: 'TCP', port: 80 }] }],
      },
    }) as unknown as KubeObject;
  return {
    id: 'crowded',
    pods: [one('server', 2), one('client', 3)],
    namespaces: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team-0', labels: {} } }],
    nodes: [],
    policies: Array.from({ length: policies }, (_gone, i) => rule(i)),
    probes: [],
  };
}

const CONNECTIONS = 500;
for (const [cni, kind] of [
  ['kindnet', kindnetKind],
  ['calico', calicoKind],
  ['cilium', ciliumKind],
] as const) {
  for (const policies of [0, 1_000]) {
    const step = crowded(policies);
    const bench = policyBench(step, kind);
    bench.enforce(step);
    const used = cpuMilliseconds(3, () => {
      for (let i = 0; i < CONNECTIONS; i += 1)
        if (bench.send({ from: 'team-0/client', to: 'team-0/server', protocol: 'TCP', port: 80, allowed: true })?.arrived !== true)
          throw new Error(`${cni}: the packet did not arrive`);
    });
    figures.push({
      name: `policies: ${cni}, first packet of a connection to a pod that ${policies} policies select`,
      value: (used * 1e6) / CONNECTIONS,
      unit: 'ns',
    });
  }
}
report(figures);
