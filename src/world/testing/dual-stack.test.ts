/** Clusters of two families, and of IPv6 alone: what controllers give out, and packets that arrive by neighbour discovery, ip6tables and the IPv6 tunnel. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './article.ts';

const flannel = articleFiles().find((file) => file.path.endsWith('flannel.yaml'))?.text ?? '';

function cluster(ipFamily: 'dual' | 'ipv6', netConf: string, service: string) {
  const text = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {ipFamily: ${ipFamily}, disableDefaultCNI: true}
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
---
${flannel.replace('"Network": "10.244.0.0/16",', netConf)}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ${service}selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: kind-worker, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: kubehop.dev/v1alpha1
kind: Host
metadata: {name: laptop}
spec: {address: 203.0.113.10}
`;
  const world = openArticle({ files: [{ path: 'cluster.yaml', text }] });
  const run = (line: string) => runLine(world, line).output;
  const field = (what: string, path: string) => run(`kubectl get ${what} -o jsonpath='{${path}}'`);
  return { world, run, field };
}
const DUAL = '"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00:10:244::/56",';
const SIX = '"EnableIPv4": false, "EnableIPv6": true, "IPv6Network": "fd00:10:244::/56",';

describe('a cluster of two families', () => {
  const { run, field } = cluster('dual', DUAL, 'ipFamilyPolicy: PreferDualStack, ');

  it('gives nodes, pods and Services an address of each, and a slice of endpoints for each', () => {
    expect(field('node kind-worker', '.spec.podCIDRs')).toBe('["10.244.1.0/24","fd00:10:244:1::/64"]');
    expect(field('pod client', '.status.podIPs[*].ip')).toMatch(/^10\.244\.1\.\d+ fd00:10:244:1::[0-9a-f]+$/);
    expect(field('svc web', '.spec.ipFamilies')).toBe('["IPv4","IPv6"]');
    expect(field('svc web', '.spec.clusterIPs')).toMatch(/^\["10\.96\.[0-9.]+","fd00:10:96::[0-9a-f]+"\]$/);
    expect(run('kubectl get endpointslices -l kubernetes.io/service-name=web -o jsonpath="{.items[*].addressType}"').split(' ').sort()).toEqual([
      'IPv4',
      'IPv6',
    ]);
    expect(field('svc kubernetes', '.spec.clusterIPs')).toBe('["10.96.0.1"]');
  });

  it('reaches a Service from a pod over IPv6, on every node', () => {
    const address = field('svc web', '.spec.clusterIPs[1]');
    const answers = new Set(Array.from({ length: 24 }, () => run(`kubectl exec client -- curl -6 -s -m 3 http://[${address}]`)));
    expect(answers.size).toBe(4);
    for (const answer of answers) expect(answer).toMatch(/^Hello from web-/);
  });

  it('serves node ports over IPv6 to a machine beyond the router', () => {
    expect(run('ssh laptop curl -6 -s -m 3 http://[fd00:172:30::202]:30080')).toMatch(/^Hello from web-/);
    expect(run('ssh laptop curl -4 -s -m 3 http://172.30.2.2:30080')).toMatch(/^Hello from web-/);
  });

  it('writes the rules of IPv6 with ip6tables, and none into iptables', () => {
    const six = run('ip6tables-save');
    expect(six).toMatch(/-A KUBE-SERVICES -d fd00:10:96::[0-9a-f]+\/128 -p tcp -m comment --comment "default\/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-/);
    expect(six).toMatch(/-A KUBE-SVC-[A-Z0-9]+ ! -s fd00:10:244::\/56 -d fd00:10:96::/);
    expect(six).toContain('-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD');
    expect(six).not.toContain('KUBE-FIREWALL');
    expect(run('iptables-save')).not.toContain('fd00:');
  });

  it('takes the second address back when the policy becomes SingleStack, and gives one again', () => {
    const first = field('svc web', '.spec.clusterIP');
    run(`kubectl patch svc web --type=merge -p '{"spec":{"ipFamilyPolicy":"SingleStack"}}'`);
    expect(field('svc web', '.spec.clusterIPs')).toBe(`["${first}"]`);
    expect(run('kubectl get endpointslices -l kubernetes.io/service-name=web -o jsonpath="{.items[*].addressType}"')).toBe('IPv4');
    expect(run('ip6tables-save')).not.toContain('default/web');
    run(`kubectl patch svc web --type=merge -p '{"spec":{"ipFamilyPolicy":"RequireDualStack"}}'`);
    expect(field('svc web', '.spec.ipFamilies')).toBe('["IPv4","IPv6"]');
  });
});

describe('a cluster of IPv6 alone', () => {
  const { run, field } = cluster('ipv6', SIX, '');

  it('works without an IPv4 address', () => {
    expect(field('svc web', '.spec.clusterIPs')).toMatch(/^\["fd00:10:96::[0-9a-f]+"\]$/);
    expect(field('pod client', '.status.podIPs[*].ip')).toMatch(/^fd00:10:244:1::[0-9a-f]+$/);
    expect(field('endpoints kubernetes', '.subsets[0].addresses[0].ip')).toBe('fd00:172:30::102');
    expect(run(`kubectl exec client -- curl -s -m 3 http://[${field('svc web', '.spec.clusterIP')}]`)).toMatch(/^Hello from web-/);
    expect(run('kubectl exec client -- cat /etc/resolv.conf')).toContain('nameserver fd00:10:96::a\n');
    expect(run('iptables-save')).toBe('');
  });
});
