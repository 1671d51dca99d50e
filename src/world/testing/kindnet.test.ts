/** A kind cluster as its description alone gives it: kindnet's wires, routes and masquerade, in both families. */

import { expect, it } from 'vitest';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import { World } from '../world.ts';
import { articleFiles, runLine } from './article.ts';

const manifest = (networking: string): string => `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {${networking}}
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ipFamilyPolicy: PreferDualStack, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: kind-worker2
  containers: [{name: client, image: nicolaka/netshoot, command: [sleep, infinity]}]
`;
const base = articleFiles().filter((file) => file.path !== 'web.yaml' && file.path !== 'client.yaml');
const open = (networking: string): World =>
  World.open({
    parts: allParts,
    document: { version: 1, seed: 1, files: [{ path: 'kind.yaml', text: manifest(networking) }], inputs: [], positions: {} },
    baseFiles: base,
    createShell,
  });
const text = (world: World, line: string) => runLine(world, line).output;

it('has a CNI and a DNS without being told: Services answer in both families', () => {
  const world = open('ipFamily: dual');
  expect(text(world, "kubectl get nodes --no-headers | awk '{print $1, $2}'")).toBe('kind-control-plane Ready\nkind-worker Ready\nkind-worker2 Ready\n');
  for (const family of [4, 6]) expect(text(world, `kubectl exec client -- curl -s -${family} web`)).toMatch(/^Hello from web-/);
});

it("gives a pod the ptp plugin's routes: everything by the host's end of its own wire", () => {
  const world = open('ipFamily: dual');
  const ip = text(world, "kubectl get pod client -o jsonpath='{.status.podIP}'");
  expect(text(world, 'kubectl exec client -- ip route')).toBe(
    `default via 10.244.2.1 dev eth0 \n10.244.2.0/24 via 10.244.2.1 dev eth0 src ${ip} \n10.244.2.1 dev eth0 scope link src ${ip} \n`,
  );
  const routes = text(world, 'ssh kind-worker2 ip route');
  expect(routes).toMatch(new RegExp(`^${ip.replaceAll('.', '\\.')} dev veth[0-9a-f]{8} scope host $`, 'm'));
  expect(routes).toContain('10.244.0.0/24 via 172.30.1.2 dev eth0 \n10.244.1.0/24 via 172.30.2.2 dev eth0 \n');
});

it('masquerades what leaves the pod network, and nothing inside it', () => {
  const world = open('ipFamily: ipv4');
  expect(text(world, 'iptables-save -t nat | grep "A KIND-MASQ"')).toBe(
    '-A KIND-MASQ-AGENT -d 10.244.0.0/16 -m comment --comment "kind-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN\n' +
      '-A KIND-MASQ-AGENT -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE\n',
  );
});

it('stays without a network when its description forbids the default one', () => {
  const world = open('disableDefaultCNI: true');
  expect(text(world, 'kubectl get nodes --no-headers')).toMatch(/kind-worker +NotReady/);
  expect(text(world, 'kubectl -n kube-system get ds')).toBe('No resources found in kube-system namespace.\n');
});
