/** One word in a kind cluster's description, another road between its nodes. */
import { describe, expect, it } from 'vitest';
import { CNI_CHOICES } from '../../kube/cni/choice.ts';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import { roadFacts } from '../road-facts.ts';
import { World } from '../world.ts';
import { runLine } from './article.ts';

const manifest = (networking: string) => `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: ${networking}
nodes: [{role: control-plane}, {role: worker}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: kind-worker, containers: [{name: nginx, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.80, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: kind-control-plane, containers: [{name: client, image: nicolaka/netshoot, command: [sleep, infinity]}]}
`;
const open = (networking: string): World =>
  World.open({
    parts: allParts,
    document: { version: 1, seed: 1, files: [{ path: 'kind.yaml', text: manifest(networking) }], inputs: [], positions: {} },
    // No CoreDNS: names are not what this is about.
    baseFiles: [],
    createShell,
  });

/** A request by the Service's address: its tunnel, the MTU where it starts, and whether pods' addresses are seen between the machines. */
function roadOf(world: World): string {
  const from = world.headSeq;
  const { exitCode } = runLine(world, 'kubectl exec client -- curl -sS -m 2 10.96.0.80');
  const { tunnels: all, mtuBytes, podAddresses } = roadFacts(world.hops(from, world.headSeq + 1), world.topology());
  // Cilium's VNI is the sender's identity, a number that is given out.
  const tunnels = new Set(all.map((one) => one.replace(/VNI \d{5}$/, 'VNI of the sender')));
  return `${[...tunnels].join('+') || 'plain'} ${mtuBytes} ${podAddresses.length > 0 ? 'pods seen' : 'machines seen'} ${exitCode}`;
}

const ROADS: Readonly<Record<string, string>> = {
  kindnet: 'plain 1500 pods seen 0',
  flannel: 'VXLAN, VNI 1 1450 machines seen 0',
  'flannel-direct-routing': 'plain 1450 pods seen 0',
  'flannel-host-gw': 'plain 1500 pods seen 0',
  'flannel-wireguard': 'WireGuard 1420 machines seen 0',
  'flannel-ipip': 'IPIP 1480 machines seen 0',
  calico: 'IPIP 1480 machines seen 0',
  'calico-cross-subnet': 'plain 1480 pods seen 0',
  'calico-bgp': 'plain 1500 pods seen 0',
  'calico-route-reflector': 'plain 1500 pods seen 0',
  'calico-top-of-rack': 'plain 1500 pods seen 0',
  'calico-vxlan': 'VXLAN, VNI 4096 1450 machines seen 0',
  cilium: 'VXLAN, VNI of the sender 1500 machines seen 0',
  'cilium-geneve': 'Geneve, VNI of the sender 1500 machines seen 0',
  'cilium-native': 'plain 1500 pods seen 0',
  'cilium-with-kube-proxy': 'VXLAN, VNI of the sender 1500 machines seen 0',
  ptp: 'plain 1500 pods seen 0',
  bridge: 'plain 1500 pods seen 7',
};

describe('networking.cni', () => {
  it('has a road for each of its words, and takes another with another word as if the cluster were made anew', () => {
    const world = open('{cni: kindnet}');
    const roads: Record<string, string> = {};
    for (const { name } of CNI_CHOICES) {
      world.edit('kind.yaml', manifest(`{cni: ${name}}`));
      roads[name] = roadOf(world);
    }
    expect(roads).toEqual(ROADS);
    world.edit('kind.yaml', manifest('{cni: kindnet}'));
    expect(roadOf(world)).toBe(ROADS.kindnet);
    expect([...world.records.values()].filter((record) => /^(?:bpf|ipset|wireguard)/.test(record.kind) || /cali|KUBE-IPVS/.test(record.id))).toEqual([]);
  });
});
