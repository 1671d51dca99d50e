/** One word in a kind cluster's description, another road between its nodes. */
import { describe, expect, it } from 'vitest';
import { CNI_NAMES } from '../../kube/cni/choice-names.ts';
import { createShell } from '../../shell/index.ts';
import { actionsFor } from '../actions/actions.ts';
import { allParts } from '../all-parts.ts';
import { largestFrame, roadFacts } from '../road-facts.ts';
import { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

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

/** A request by the Service's address: its tunnel, the MTU where it starts, and what is seen between the machines. */
function roadOf(world: World): string {
  const from = world.headSeq;
  const { exitCode } = runLine(world, 'kubectl exec client -- curl -sS -m 2 10.96.0.80');
  const hops = world.hops(from, world.headSeq + 1);
  const { tunnels: all, mtuBytes, podAddresses, carriers } = roadFacts(hops, world.topology());
  const within = largestFrame(hops, world.topology()).map((part) => part.name);
  // Cilium's VNI is the sender's identity, a number that is given out.
  const tunnels = new Set(all.map((one) => one.replace(/VNI \d{5}$/, 'VNI of the sender')));
  return `${[...tunnels].join('+') || 'plain'} ${mtuBytes} ${podAddresses.length > 0 ? 'pods seen' : `${carriers.join()} around ${within.slice(2, -2).join(' ')}`} ${exitCode}`;
}

const ROADS: Readonly<Record<string, string>> = {
  kindnet: 'plain 1500 pods seen 0',
  flannel: 'VXLAN, VNI 1 1450 UDP port 8472 around UDP VXLAN Ethernet IPv4 0',
  'flannel-direct-routing': 'plain 1450 pods seen 0',
  'flannel-host-gw': 'plain 1500 pods seen 0',
  'flannel-wireguard': 'WireGuard 1420 UDP port 51820 around UDP WireGuard IPv4 0',
  'flannel-ipip': 'IPIP 1480 IP protocol 4 around IPv4 0',
  calico: 'IPIP 1480 IP protocol 4 around IPv4 0',
  'calico-cross-subnet': 'plain 1480 pods seen 0',
  'calico-bgp': 'plain 1500 pods seen 0',
  'calico-route-reflector': 'plain 1500 pods seen 0',
  'calico-top-of-rack': 'plain 1500 pods seen 0',
  'calico-vxlan': 'VXLAN, VNI 4096 1450 UDP port 4789 around UDP VXLAN Ethernet IPv4 0',
  cilium: 'VXLAN, VNI of the sender 1500 UDP port 8472 around UDP VXLAN Ethernet IPv4 0',
  'cilium-geneve': 'Geneve, VNI of the sender 1500 UDP port 6081 around UDP Geneve Ethernet IPv4 0',
  'cilium-native': 'plain 1500 pods seen 0',
  'cilium-with-kube-proxy': 'VXLAN, VNI of the sender 1500 UDP port 8472 around UDP VXLAN Ethernet IPv4 0',
  ptp: 'plain 1500 pods seen 0',
  bridge: 'plain 1500 pods seen 7',
};

const TABLES: Readonly<Record<string, readonly string[]>> = {
  '': ['ip route', 'ip neigh show nud permanent'],
  flannel: [
    'cat /run/flannel/subnet.env',
    'ip -d link show type vxlan',
    'bridge fdb show dev flannel.1',
    'ip -d link show type ipip',
    'wg show',
    "iptables-save | grep -e '-A FLANNEL'",
  ],
  calico: [
    'ip -d link show type vxlan',
    'bridge fdb show dev vxlan.calico',
    'ip -d link show type ipip',
    'calicoctl node status',
    'calicoctl get ippools -o wide',
    'calicoctl ipam show --show-blocks',
    'birdcl show route',
    'birdcl show protocols',
  ],
  cilium: [
    'ip -d link show type vxlan',
    'ip -d link show type geneve',
    'bpftool net show',
    'kubectl -n kube-system exec ds/cilium -- cilium-dbg status --brief',
    'kubectl -n kube-system exec ds/cilium -- cilium-dbg bpf lb list',
    'kubectl -n kube-system exec ds/cilium -- cilium-dbg endpoint list',
    'kubectl -n kube-system exec ds/cilium -- cilium-dbg bpf ipcache list',
    'kubectl -n kube-system exec ds/cilium -- cilium-dbg service list',
  ],
};

/** What a way leaves in the tables of a node, as its own tools print it; times and ages are those of this test alone. */
function tablesOf(world: World, name: string): string {
  const lines = [...(TABLES[''] ?? []), ...(TABLES[name.split('-')[0] ?? ''] ?? [])];
  return lines
    .flatMap((line) => {
      const { stdout } = runLine(world, line.startsWith('kubectl') ? line : `ssh kind-worker ${line.includes('|') ? `"${line}"` : line}`);
      return stdout === '' ? [] : [`$ ${line}\n${stdout.replace(/\d\d:\d\d:\d\d(?:\.\d+)?|\d+s\b/g, (time) => time.replace(/\d/g, '0'))}`];
    })
    .join('\n');
}

describe('networking.cni', () => {
  it('has a road and tables for each of its words, and takes others with another word as if the cluster were made anew', async () => {
    const world = open('{cni: kindnet}');
    const roads: Record<string, string> = {};
    let tables = '';
    for (const name of CNI_NAMES) {
      world.edit('kind.yaml', manifest(`{cni: ${name}}`));
      roads[name] = roadOf(world);
      tables += `======== ${name}\n${tablesOf(world, name)}\n`;
    }
    expect(roads).toEqual(ROADS);
    await expect(tables).toMatchFileSnapshot('cni-tables.golden.txt');
    world.edit('kind.yaml', manifest('{cni: kindnet}'));
    expect(roadOf(world)).toBe(ROADS.kindnet);
    expect([...world.records.values()].filter((record) => /^(?:bpf|ipset|wireguard)/.test(record.kind) || /cali|KUBE-IPVS/.test(record.id))).toEqual([]);
  });
});

describe('another pod network, offered for the texts on the page', () => {
  const offered = (world: World, title: string) => actionsFor(world, { kind: 'network' }).find((one) => one.title === title);

  it('is one word of a kind cluster', () => {
    const world = open('{ipFamily: ipv4}');
    expect(offered(world, 'kindnet')?.edit).toBeUndefined();
    expect(offered(world, 'Calico, VXLAN')?.edit?.after).toBe(manifest('{cni: calico-vxlan, ipFamily: ipv4}'));
    const bare = manifest('X').replace('networking: X\n', '');
    world.edit('kind.yaml', bare);
    expect(offered(world, 'flannel, VXLAN')?.edit?.after).toBe(bare.replace('v1alpha4\n', 'v1alpha4\nnetworking:\n  cni: flannel\n'));
  });

  it('is one word of flannel’s file, or the manifests of another CNI in its place, with which pods start anew', () => {
    const world = openArticle({ files: articleFiles(), trace: false });
    const flannel = world.files.find((file) => file.path === 'flannel.yaml')?.text ?? '';
    expect(offered(world, 'flannel, VXLAN')?.edit).toBeUndefined();
    expect(offered(world, 'flannel, host-gw')?.edit).toEqual({ file: 'flannel.yaml', before: flannel, after: flannel.replace('"vxlan"', '"host-gw"') });
    expect(offered(world, 'ptp and a router that knows the nodes’ ranges')).toBeUndefined();
    const edit = offered(world, 'Cilium, VXLAN')?.edit;
    expect(edit?.after).not.toContain('flannel');
    expect(world.edit('flannel.yaml', edit?.after ?? '').applied).toBe(true);
    expect(runLine(world, 'kubectl exec client -- curl -sS -m 3 web-service').output).toMatch(/^Hello from web-/);
    expect(offered(world, 'Cilium, VXLAN')?.edit).toBeUndefined();
    expect(runLine(world, 'ip -br link show type bridge; ls /etc/cni/net.d').output).toBe('05-cilium.conflist\n');
  });

  it('is a file of its own where the cluster is the given one', () => {
    const world = openArticle({ files: articleFiles().filter((file) => ['web.yaml', 'client.yaml'].includes(file.path)), trace: false });
    const edit = offered(world, 'Calico, IPIP')?.edit;
    expect(edit).toMatchObject({ file: 'network.yaml', before: null });
    world.edit('network.yaml', edit?.after ?? '');
    expect(runLine(world, 'kubectl exec client -- curl -sS -m 3 web-service').output).toMatch(/^Hello from web-/);
    expect(runLine(world, 'kubectl get ds -A --no-headers | grep -c flannel').output).toBe('0\n');
  });
});

describe('a CNI whose daemons are deleted', () => {
  const tables = (world: World): string =>
    ['ip route', 'ip -br link', "iptables-save | grep -v '^#'", 'bpftool net show', 'ls /etc/cni/net.d']
      .map((line) => runLine(world, `ssh kind-worker "${line}"`).output)
      .join('\n')
      .replace(/\[\d+:\d+\]/g, '');
  const late = `kubectl run late --image=nginx --overrides='{"spec":{"nodeName":"kind-worker"}}'`;

  it.each([
    ['kindnet', 'kube-system ds kindnet', 'Running'],
    ['flannel', 'kube-flannel ds kube-flannel-ds', 'Running'],
    ['cilium', 'kube-system ds cilium', 'ContainerCreating'],
  ])('leaves what the kernel keeps, the wires of pods and its file: %s', (name, daemons, becomes) => {
    const world = open(`{cni: ${name}}`);
    const before = tables(world);
    expect(runLine(world, `kubectl delete -n ${daemons}`).exitCode).toBe(0);
    expect(tables(world)).toBe(before);
    expect(roadOf(world)).toBe(ROADS[name]);
    runLine(world, late);
    expect(runLine(world, 'kubectl get pod late --no-headers').output).toContain(becomes);
    if (becomes !== 'Running')
      expect(runLine(world, 'kubectl describe pod late').output).toContain('dial unix /var/run/cilium/cilium.sock: connect: no such file or directory');
  });

  it('keeps the wires of its pods when another CNI comes; new pods are plugged in by that one', () => {
    const world = open('{cni: flannel}');
    const wire = runLine(world, 'kubectl exec client -- ip route').output;
    runLine(world, 'kubectl delete -n kube-flannel ds kube-flannel-ds');
    runLine(world, 'kubectl apply -f https://raw.githubusercontent.com/projectcalico/calico/v3.30.3/manifests/calico.yaml');
    runLine(world, late);
    expect(runLine(world, 'kubectl exec client -- ip route').output).toBe(wire);
    expect(runLine(world, 'ssh kind-worker ip route').output).toMatch(/^10\.244\.\d+\.\d+ dev cali[0-9a-f]{11} scope link $/m);
    // Calico's file comes before flannel's; flannel's stays.
    expect(runLine(world, 'ssh kind-worker ls /etc/cni/net.d; ssh kind-worker ip -br link show type bridge').output).toMatch(
      /^10-calico\.conflist {2}10-flannel\.conflist\ncni0 /,
    );
  });
});
