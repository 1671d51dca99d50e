/** The article's cluster with Calico in flannel's place: its tables as its tools print them, and its policies by packets. */

import { describe, expect, it } from 'vitest';
import { calicoManifest } from '../../kube/cni/manifests/calico.ts';
import { createShell } from '../../shell/index.ts';
import { allParts } from '../all-parts.ts';
import { World } from '../world.ts';
import { articleFiles, runLine } from './article.ts';
import { laptop } from './cilium-world.ts';

const said = (world: World, line: string): string => runLine(world, line).output;

function openCalico(backend: 'bird' | 'vxlan', edit: (text: string) => string = (text) => text, more = ''): World {
  const files = articleFiles().filter((file) => !file.path.includes('flannel'));
  const calico = { path: 'calico.yaml', text: edit(calicoManifest(backend)) };
  const world = World.open({
    parts: allParts,
    document: {
      version: 1,
      seed: 1,
      files: [...files, calico, laptop, ...(more === '' ? [] : [{ path: 'more.yaml', text: more }])],
      inputs: [],
      positions: {},
    },
    baseFiles: [],
    createShell,
  });
  return world;
}
const withoutHashes = (text: string): string => text.replace(/cali[0-9a-f]{11}/g, 'caliX').replace(/-m comment --comment "cali:[\w-]{16}" /g, '');

describe('Calico with BIRD and IPIP', () => {
  const world = openCalico('bird');
  const clientIp = said(world, "kubectl get pod client -o jsonpath='{.status.podIP}'").trim();

  it('gives each node a block, whose first address is the end of its tunnel', () => {
    expect(said(world, 'ip route').replace(/cali[0-9a-f]{11}/g, 'caliX')).toBe(`default via 172.30.0.1 dev eth0 proto static 
blackhole 10.244.145.128/26 proto bird 
10.244.145.129 dev caliX scope link 
10.244.145.130 dev caliX scope link 
10.244.145.131 dev caliX scope link 
10.244.251.0/26 via 172.30.2.2 dev tunl0 proto bird onlink 
172.30.0.0/16 dev eth0 proto kernel scope link src 172.30.1.2 
`);
    expect(said(world, 'ip addr show tunl0')).toContain('inet 10.244.145.128/32 scope global tunl0');
    expect(said(world, 'ip link show tunl0')).toContain('mtu 1480');
  });

  it('puts pods behind a gateway that nobody is', () => {
    expect(said(world, 'kubectl exec client -- ip route')).toBe('default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n');
    expect(said(world, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
    expect(said(world, 'kubectl exec client -- ip neigh')).toMatch(/^169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee /);
    const [device] = /cali[0-9a-f]{11}/.exec(said(world, `ip route get ${clientIp}`)) ?? [''];
    expect(said(world, `sysctl net.ipv4.conf.${device}.proxy_arp`)).toBe(`net.ipv4.conf.${device}.proxy_arp = 1\n`);
  });

  it('reaches Services, the world and itself', () => {
    const service = said(world, "kubectl get service web-service -o jsonpath='{.spec.clusterIP}'").trim();
    for (const from of ['', 'ssh node01 ']) expect(said(world, `${from}curl -sS -m 3 ${service}`)).toMatch(/^Hello from web-/);
    expect(said(world, 'kubectl exec client -- ping -c 1 -W 1 203.0.113.9')).toContain('1 received');
    for (let i = 0; i < 6; i += 1) expect(said(world, 'kubectl exec deploy/web -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
  });

  it('drops what an endpoint’s policy does not allow, on its node, by the rule at the end of the tier', () => {
    expect(
      said(
        world,
        `kubectl create -f - <<'EOF'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {role: frontend}}}], ports: [{port: 80}]}]
EOF`,
      ),
    ).toBe('networkpolicy.networking.k8s.io/web created\n');
    const from = world.engine.traceLength;
    expect(said(world, 'kubectl exec client -- curl -sS -m 1 web-service')).toContain('(28) Connection timed out');
    const drop = world.engine.events(from, world.engine.traceLength).find((event) => event.step.kind === 'dropped');
    expect(drop).toMatchObject({ netns: 'node01/netns/root', step: { reason: 'NETFILTER_DROP' } });
    expect(JSON.stringify(drop?.step)).toContain('NetworkPolicy/default/web');
    expect(withoutHashes(said(world, 'ssh node01 iptables-save -t filter | grep -- "-A cali-pi-"'))).toBe(
      '-A cali-pi-_2a20BaSPViEz4XFucWR -p tcp -m comment --comment "Policy default/knp.default.web ingress" -m set --match-set cali40s:8e8v9b88qXpwDYA2DUkLaK6 src -m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000\n',
    );
    said(world, 'kubectl label pod client role=frontend');
    expect(said(world, 'ssh node01 ipset list cali40s:8e8v9b88qXpwDYA2DUkLaK6')).toContain(`Members:\n${clientIp}\n`);
    expect(said(world, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
  });

  it('asks policies with a lower order first, and logs what it is told to', () => {
    said(
      world,
      `kubectl apply -f - <<'EOF'
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: deny-client}
spec:
  order: 10
  selector: app == 'web'
  types: [Ingress]
  ingress:
  - {action: Log, protocol: TCP, source: {selector: "role == 'frontend'"}}
  - {action: Deny, protocol: TCP, source: {selector: "role == 'frontend'"}}
EOF`,
    );
    expect(said(world, 'kubectl exec client -- curl -sS -m 1 web-service')).toContain('(28) Connection timed out');
    expect(said(world, 'ssh node01 dmesg')).toMatch(
      new RegExp(`calico-packet: IN=tunl0 OUT=cali[0-9a-f]{11} .*SRC=${clientIp.replace(/\./g, '\\.')} .*DPT=80 `),
    );
    expect(said(world, 'kubectl delete globalnetworkpolicy deny-client')).toBe('globalnetworkpolicy.projectcalico.org "deny-client" deleted\n');
    expect(said(world, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
  });

  it('keeps a kind whose name Kubernetes has too apart', () => {
    said(
      world,
      `kubectl apply -f - <<'EOF'
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: web}
spec: {selector: "app == 'none'"}
EOF`,
    );
    expect(said(world, 'kubectl get networkpolicies -o name')).toBe('networkpolicy.networking.k8s.io/web\n');
    expect(said(world, 'kubectl get networkpolicies.projectcalico.org -o name')).toBe('networkpolicy.projectcalico.org/web\n');
    expect(said(world, 'kubectl get networkpolicies.projectcalico.org web -o yaml')).toContain('kind: NetworkPolicy\n');
  });

  it('takes addresses back', () => {
    const used = (): string | undefined => /Block {4}\| 10\.244\.251\.0\/26 .*?\| +64 \| (\d+) /.exec(said(world, 'calicoctl ipam show --show-blocks'))?.[1];
    const before = Number(used());
    said(world, 'kubectl scale deploy web --replicas=1 && kubectl rollout status deploy web && sleep 40');
    expect(Number(used())).toBe(before - 2);
  });

  it('speaks BGP: a session whose packets are dropped ends with its hold time, and its routes go', () => {
    expect(said(world, 'calicoctl node status')).toBe(`Calico process is running.

IPv4 BGP status
+--------------+-------------------+-------+----------+-------------+
| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |    INFO     |
+--------------+-------------------+-------+----------+-------------+
| 172.30.2.2   | node-to-node mesh | up    | 09:00:00 | Established |
+--------------+-------------------+-------+----------+-------------+

IPv6 BGP status
No IPv6 peers found.

`);
    expect(said(world, 'ss -tn')).toMatch(/ESTAB .*172\.30\.1\.2:179 +172\.30\.2\.2:\d+/);
    const rules = ['--dport', '--sport'].map((side) => `INPUT -p tcp ${side} 179 -j DROP`);
    said(world, rules.map((rule) => `iptables -I ${rule}`).join(' && '));
    said(world, 'sleep 245');
    expect(said(world, 'calicoctl node status')).toMatch(/172\.30\.2\.2 .* start .* Active {8}Error: Hold timer expired/);
    expect(said(world, 'ip route')).not.toContain('tunl0');
    expect(said(world, 'birdcl show protocols')).toMatch(
      /^Mesh_172_30_2_2 BGP {6}master {3}start {2}\d\d:\d\d:\d\d {4}Active {8}Error: Hold timer expired {3}$/m,
    );
    said(world, rules.map((rule) => `iptables -D ${rule}`).join(' && '));
    said(world, 'sleep 125');
    expect(said(world, 'ip route')).toContain('10.244.251.0/26 via 172.30.2.2 dev tunl0 proto bird onlink \n');
    expect(said(world, 'birdcl show route')).toMatch(/^10\.244\.251\.0\/26 +via 172\.30\.2\.2 on eth0 \[Mesh_172_30_2_2 .*\] \* \(100\/0\) \[i\]$/m);
  });
});

describe('Calico without BIRD', () => {
  const world = openCalico('vxlan');

  it('leaves its rules and routes when its daemons are deleted, and speaks no more', () => {
    const gone = openCalico('bird');
    const rules = said(gone, 'iptables-save | grep -c cali-');
    said(gone, 'kubectl delete daemonset -n kube-system calico-node; sleep 60');
    expect(said(gone, 'iptables-save | grep -c cali-')).toBe(rules);
    expect(said(gone, 'ip route | grep bird')).toContain('blackhole');
    expect(said(gone, 'ss -ltn | grep -c :179')).toBe('0\n');
    expect(said(gone, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
  });

  it('carries pods in VXLAN between tunnel ends that Felix writes down', () => {
    const route = said(world, 'ip route');
    expect(route).toContain('blackhole 10.244.145.128/26 proto 80 \n');
    expect(route).toContain('10.244.251.0/26 via 10.244.251.0 dev vxlan.calico onlink \n');
    expect(said(world, 'ip -d link show vxlan.calico')).toMatch(/mtu 1450[\s\S]*vxlan id 4096 local 172\.30\.1\.2 dev eth0[\s\S]*dstport 4789 nolearning/);
    const mac = /lladdr (66:[0-9a-f:]+) PERMANENT/.exec(said(world, 'ip neigh show dev vxlan.calico'))?.[1];
    expect(said(world, 'bridge fdb show dev vxlan.calico')).toContain(`${mac} dst 172.30.2.2 self permanent`);
    expect(said(world, 'kubectl exec client -- curl -sS -m 3 web-service')).toMatch(/^Hello from web-/);
    expect(said(world, 'iptables-save -t raw')).toContain('-p udp -m comment --comment');
    expect(said(world, 'conntrack -L -p udp --dport 4789')).not.toContain('dport=4789');
  });
});
