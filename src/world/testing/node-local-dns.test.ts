/** NodeLocal DNSCache in the article's cluster: the manifest of kubernetes/kubernetes cluster/addons/dns/nodelocaldns in short. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from './article.ts';

const text = `apiVersion: v1
kind: Service
metadata: {name: kube-dns-upstream, namespace: kube-system}
spec:
  ports: [{name: dns, port: 53, protocol: UDP, targetPort: 53}, {name: dns-tcp, port: 53, protocol: TCP, targetPort: 53}]
  selector: {k8s-app: kube-dns}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: node-local-dns, namespace: kube-system}
data:
  Corefile: |
    cluster.local:53 {
        errors
        cache {
                success 9984 30
                denial 9984 5
        }
        reload
        loop
        bind 169.254.20.10 10.96.0.10
        forward . __PILLAR__CLUSTER__DNS__ {
                force_tcp
        }
        prometheus :9253
        health 169.254.20.10:8080
        }
    in-addr.arpa:53 {
        errors
        cache 30
        reload
        loop
        bind 169.254.20.10 10.96.0.10
        forward . __PILLAR__CLUSTER__DNS__ {
                force_tcp
        }
        prometheus :9253
        }
    .:53 {
        errors
        cache 30
        reload
        loop
        bind 169.254.20.10 10.96.0.10
        forward . __PILLAR__UPSTREAM__SERVERS__
        prometheus :9253
        }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-local-dns, namespace: kube-system, labels: {k8s-app: node-local-dns}}
spec:
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec:
      hostNetwork: true
      dnsPolicy: Default
      tolerations: [{operator: Exists}]
      containers:
      - name: node-cache
        image: registry.k8s.io/dns/k8s-dns-node-cache:1.25.0
        args: ["-localip", "169.254.20.10,10.96.0.10", "-conf", "/etc/Corefile", "-upstreamsvc", "kube-dns-upstream"]
        ports: [{containerPort: 53, name: dns, protocol: UDP}, {containerPort: 53, name: dns-tcp, protocol: TCP}, {containerPort: 9253, name: metrics, protocol: TCP}]
        livenessProbe: {httpGet: {host: 169.254.20.10, path: /health, port: 8080}, initialDelaySeconds: 60, timeoutSeconds: 5}
        volumeMounts: [{mountPath: /etc/coredns, name: config-volume}]
      volumes: [{name: config-volume, configMap: {name: node-local-dns, items: [{key: Corefile, path: Corefile.base}]}}]
`;

describe('NodeLocal DNSCache', () => {
  const world = openArticle({ files: [{ path: 'nodelocal.yaml', text }] });
  const run = (line: string) => runLine(world, line).output;
  run('kubectl run client --image=dnsutils -- sleep infinity');
  run('sleep 30');

  it('answers on its own address and in the place of the DNS Service, past conntrack', () => {
    expect(run('kubectl exec client -- dig +short kubernetes.default.svc.cluster.local')).toContain('10.96.0.1');
    expect(run('kubectl exec client -- dig +short kubernetes.default.svc.cluster.local @169.254.20.10')).toContain('10.96.0.1');
    expect(run('kubectl exec client -- dig +short example.com')).toContain('93.184.215.14');
    const node = run("kubectl get pod client -o jsonpath='{.spec.nodeName}'").trim();
    expect(run(`ssh ${node} conntrack -L -p udp --dport 53 2>/dev/null`)).not.toContain('dst=10.96.0.10');
    // The cluster's names come over TCP from CoreDNS.
    expect(run(`ssh ${node} ss -tn`)).toMatch(/ESTAB.*:53\b/);
  });

  it('holds its addresses on a device of its own and has its rules at the head of the chains', () => {
    expect(run('ip -br addr show nodelocaldns')).toContain('169.254.20.10/32 10.96.0.10/32');
    expect(run('iptables-save -t raw')).toContain(
      '-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK\n',
    );
    expect(run('iptables -S INPUT').split('\n')[1]).toBe(
      '-A INPUT -d 10.96.0.10/32 -p udp -m udp --dport 53 -m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT',
    );
  });

  it('takes its device and its rules with it when it goes', () => {
    run('kubectl delete daemonset -n kube-system node-local-dns');
    run('sleep 40');
    expect(run('ip link show nodelocaldns')).toContain('does not exist');
    expect(run('iptables-save')).not.toContain('NodeLocal');
    expect(run('kubectl exec client -- dig +short kubernetes.default.svc.cluster.local')).toContain('10.96.0.1');
  });
});
