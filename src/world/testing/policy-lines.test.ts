/** What NetworkPolicy says of special traffic, by packets in each CNI that enforces it: answers, open connections, nodes, host network, oneself, Services and what NAT has changed. */
import { describe, expect, it } from 'vitest';
import { calicoManifest } from '../../kube/cni/manifests/calico.ts';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import type { DocumentFile } from '../document.ts';
import { World } from '../world.ts';
import { articleFiles, runLine } from './article.ts';
import { laptop, openCilium } from './cilium-world.ts';

const said = (world: World, line: string): string => runLine(world, line).output;
const tool = (name: string, node: string, more = '', command = '[sleep, infinity]'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: ${name}}}\nspec:\n  nodeName: ${node}\n${more}  containers: [{name: c, image: nicolaka/netshoot, command: ${command}}]\n`;
/** `one` is where the server is, `two` the other node. */
const manifest = (one: string, two: string): DocumentFile => ({
  path: 'lines.yaml',
  text: [
    `apiVersion: v1\nkind: Pod\nmetadata: {name: server, labels: {app: server}}\nspec:\n  nodeName: ${one}\n  containers: [{name: c, image: nginx}, {name: chat, image: nicolaka/netshoot, command: [nc, -lk, -p, "7000"]}]\n`,
    tool('near', one),
    tool('far', two),
    tool('host', two, '  hostNetwork: true\n'),
    `apiVersion: v1\nkind: Service\nmetadata: {name: server}\nspec: {type: NodePort, selector: {app: server}, ports: [{port: 8080, targetPort: 80, nodePort: 30123}]}\n`,
  ].join('---\n'),
});

const KUBE_NETWORK_POLICIES = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-network-policies, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-network-policies}}
  template:
    metadata: {labels: {k8s-app: kube-network-policies}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers: [{name: c, image: "registry.k8s.io/networking/kube-network-policies:v1.0.0", args: [/bin/netpol]}]
`;

interface Cluster {
  readonly world: World;
  readonly one: string;
  readonly two: string;
}
const open = (files: readonly DocumentFile[], baseFiles: readonly DocumentFile[] = []): World =>
  World.open({ parts: allParts, document: { version: 1, seed: 1, files, inputs: [], positions: {} }, baseFiles, createShell });
const base = articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml');
const nodes = 'nodes: [{role: control-plane}, {role: worker}]';
const CNIS: readonly (readonly [string, () => Cluster])[] = [
  [
    'kindnet',
    () => ({
      world: open(
        [{ path: 'kind.yaml', text: `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n${nodes}\n` }, laptop, manifest('kind-control-plane', 'kind-worker')],
        base,
      ),
      one: 'kind-control-plane',
      two: 'kind-worker',
    }),
  ],
  [
    'Calico',
    () => ({
      world: open([
        ...articleFiles().filter((file) => !file.path.includes('flannel')),
        { path: 'calico.yaml', text: calicoManifest('vxlan') },
        laptop,
        manifest('controlplane', 'node01'),
      ]),
      one: 'controlplane',
      two: 'node01',
    }),
  ],
  [
    'kube-network-policies beside flannel',
    () => ({
      world: open([...base, { path: 'kube-network-policies.yaml', text: KUBE_NETWORK_POLICIES }, laptop, manifest('controlplane', 'node01')]),
      one: 'controlplane',
      two: 'node01',
    }),
  ],
  ['Cilium', () => ({ world: openCilium({ more: [manifest('controlplane', 'node01')] }), one: 'controlplane', two: 'node01' })],
];

const policy = (spec: string): string => `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: line}\nspec: ${spec}\n`;
const apply = (world: World, spec: string): void => {
  const { exitCode, output } = runLine(world, `kubectl apply -f - <<'EOF'\n${policy(spec)}EOF`);
  if (exitCode !== 0) throw new Error(output);
};

describe.each(CNIS)('NetworkPolicy in %s', (cni, make) => {
  /** As they are, without anybody's choice. */
  const cuts = cni === 'Cilium' || cni.startsWith('kube-network-policies');
  const { world, one, two } = make();
  const ip = (pod: string): string => said(world, `kubectl get pod ${pod} -o jsonpath='{.status.podIP}'`);
  const server = ip('server');
  const clusterIp = said(world, "kubectl get service server -o jsonpath='{.spec.clusterIP}'");
  const nodeIp = (name: string): string => said(world, `kubectl get node ${name} -o jsonpath='{.status.addresses[?(@.type=="InternalIP")].address}'`);
  /** `open`, or what curl says. */
  const curl = (from: string, to: string): string => {
    const { exitCode } = runLine(world, `${from} curl -s -o /dev/null -m 1 http://${to}`);
    return exitCode === 0 ? 'open' : exitCode === 28 ? 'timeout' : `exit ${exitCode}`;
  };
  const pod = (name: string, container = ''): string => `kubectl exec ${name} ${container}--`;
  const onNode = (name: string): string => (name === said(world, 'hostname').trim() ? '' : `ssh ${name}`);

  it('lets answers, the own node and a pod to itself through when nothing is allowed', () => {
    apply(world, '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress, Egress]}');
    expect([curl(pod('near'), server), curl(pod('far'), server), curl(pod('host'), server)]).toEqual(['timeout', 'timeout', 'timeout']);
    expect(curl(onNode(one), server)).toBe('open');
    expect(curl(onNode(two), server)).toBe('timeout');
    expect(curl(pod('server', '-c chat '), server)).toBe('open');
    expect(curl(pod('server', '-c chat '), 'localhost')).toBe('open');
    expect(curl(pod('server', '-c chat '), `${nodeIp(two)}:10250`)).toBe('timeout');
  });

  it('isolates in its direction only, and answers need no rule', () => {
    apply(world, '{podSelector: {matchLabels: {app: server}}, policyTypes: [Egress]}');
    expect([curl(pod('near'), server), curl(pod('far'), server), curl(pod('host'), server)]).toEqual(['open', 'open', 'open']);
    apply(world, '{podSelector: {matchLabels: {app: far}}, policyTypes: [Ingress]}');
    expect(curl(pod('far'), server)).toBe('open');
  });

  it('means no pod of the host network, neither as the one that is selected nor as a peer by its labels', () => {
    apply(world, '{podSelector: {matchLabels: {app: host}}, policyTypes: [Ingress, Egress]}');
    expect(curl(pod('host'), server)).toBe('open');
    apply(world, '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {app: host}}}]}]}');
    expect(curl(pod('host'), server)).toBe('timeout');
  });

  it('judges what goes through a Service by the pod behind it: its address and its port', () => {
    apply(
      world,
      '{podSelector: {matchLabels: {app: far}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: server}}}], ports: [{port: 80}]}]}',
    );
    expect(curl(pod('far'), `${clusterIp}:8080`)).toBe('open');
    apply(
      world,
      '{podSelector: {matchLabels: {app: far}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: server}}}], ports: [{port: 8080}]}]}',
    );
    expect(curl(pod('far'), `${clusterIp}:8080`)).toBe('timeout');
    apply(world, `{podSelector: {matchLabels: {app: far}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: ${clusterIp}/32}}]}]}`);
    expect(curl(pod('far'), `${clusterIp}:8080`)).toBe('timeout');
  });

  it('sees a client outside by the node that has masqueraded it, unless the traffic policy keeps its address', () => {
    apply(world, '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.9/32}}]}]}');
    expect(curl('ssh laptop', `${nodeIp(two)}:30123`)).toBe('timeout');
    runLine(world, `kubectl patch service server -p '{"spec":{"externalTrafficPolicy":"Local"}}'`);
    expect(curl('ssh laptop', `${nodeIp(one)}:30123`)).toBe('open');
  });

  it(cuts ? 'cuts open connections too' : 'leaves open connections open', () => {
    apply(world, '{podSelector: {matchLabels: {app: nobody}}}');
    runLine(world, `kubectl exec far -- sh -c '(echo before; sleep 4; echo after; sleep 2) | nc ${server} 7000' & sleep 2`);
    apply(world, '{podSelector: {matchLabels: {app: server}}}');
    runLine(world, 'sleep 5');
    expect(curl(pod('far'), server)).toBe('timeout');
    expect(said(world, 'kubectl logs server -c chat')).toBe(cuts ? 'before\n' : 'before\nafter\n');
  });

  it.skipIf(cuts)('cuts open connections where a ControlPlane says so, and those alone that are not allowed any more', () => {
    runLine(
      world,
      `kubectl apply -f - <<'EOF'\napiVersion: kubehop.dev/v1alpha1\nkind: ControlPlane\nmetadata: {name: strict}\nspec: {openConnections: Cut}\nEOF`,
    );
    apply(world, '{podSelector: {matchLabels: {app: nobody}}}');
    for (const from of ['near', 'far'])
      runLine(world, `kubectl exec ${from} -- sh -c '(echo ${from} one; sleep 4; echo ${from} two; sleep 2) | nc ${server} 7000' & sleep 1`);
    apply(world, '{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{podSelector: {matchLabels: {app: near}}}]}]}');
    runLine(world, 'sleep 6');
    const lines = said(world, 'kubectl logs server -c chat').split('\n');
    expect(['near one', 'far one', 'near two', 'far two'].filter((line) => lines.includes(line))).toEqual(['near one', 'far one', 'near two']);
  });
});
