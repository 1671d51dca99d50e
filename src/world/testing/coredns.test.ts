/** CoreDNS in a whole cluster: what an edited Corefile does and when, what its logs say, and how its container ends. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './article.ts';

function cluster() {
  const world = openArticle();
  const run = (line: string) => runLine(world, line).output;
  const edit = (script: string) => run(`kubectl get cm -n kube-system coredns -o yaml | sed '${script}' | kubectl apply -f -`);
  const logs = () => run('kubectl logs -n kube-system -l k8s-app=kube-dns --tail=-1');
  return { run, edit, logs };
}

describe('an edited Corefile', () => {
  it('is taken up by reload, which says so; then queries are logged as it asks', () => {
    const { run, edit, logs } = cluster();
    edit('s/errors$/errors\\n        log/');
    run('kubectl exec client -- nslookup web-service');
    expect(logs()).not.toContain('[INFO] Reloading\n');
    run('sleep 130');
    expect(logs()).toMatch(/\[INFO\] Reloading\n\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}\n\[INFO\] Reloading complete\n/);
    run('kubectl exec client -- dig +noedns web-service.default.svc.cluster.local');
    expect(logs()).toMatch(
      /\[INFO\] 10\.244\.0\.\d+:\d+ - \d+ "A IN web-service\.default\.svc\.cluster\.local\. udp 55 false 512" NOERROR qr,aa,rd 108 0\.000\d{6}s\n/,
    );
  });

  it('with an unknown plugin is refused with its words, and the old one goes on with the names of now', () => {
    const { run, edit, logs } = cluster();
    edit('s/ready/readdy/');
    run('sleep 130');
    expect(logs()).toContain(
      "[INFO] Reloading\n[ERROR] Restart failed: /etc/coredns/Corefile:6 - Error during parsing: Unknown directive 'readdy'\n[ERROR] plugin/reload: Corefile changed but reload failed: starting with listener file descriptors: /etc/coredns/Corefile:6 - Error during parsing: Unknown directive 'readdy'\n",
    );
    run('kubectl create service clusterip late --clusterip=10.99.0.9 --tcp=80');
    expect(run('kubectl exec client -- dig +short late.default.svc.cluster.local')).toBe('10.99.0.9\n');
    run('kubectl rollout restart -n kube-system deployment/coredns');
    run('sleep 30');
    expect(run('kubectl get pods -n kube-system -l k8s-app=kube-dns')).toMatch(/0\/1 +(CrashLoopBackOff|Error)/);
  });

  it('that asks itself is found out by the probe of loop, which ends the server', () => {
    const { run, edit, logs } = cluster();
    edit('s#/etc/resolv.conf#127.0.0.1#');
    run('sleep 130');
    expect(logs()).toMatch(
      /\[FATAL\] plugin\/loop: Loop \(127\.0\.0\.1:\d+ -> :53\) detected for zone "\.", see https:\/\/coredns\.io\/plugins\/loop#troubleshooting\. Query: "HINFO \d+\.\d+\."\n/,
    );
    expect(run('kubectl get pods -n kube-system -l k8s-app=kube-dns')).toContain('CrashLoopBackOff');
  });
});

describe('the names beyond the cluster', () => {
  it('answer by CoreDNS, from the root down, and as addresses with a web server', () => {
    const { run } = cluster();
    expect(run('kubectl exec client -- curl -s http://example.com')).toContain('Example Domain');
    expect(run('dig +short @8.8.8.8 www.example.com')).toBe('example.com.\n93.184.215.14\n');
    const trace = run('dig +trace example.com');
    for (const server of ['a.root-servers.net', 'a.gtld-servers.net', 'a.iana-servers.net'])
      expect(trace).toMatch(new RegExp(`;; Received \\d+ bytes from \\S+\\(${server}\\)`));
  });

  it('may be added by a Host: single names, and whole zones that it serves itself', () => {
    const text = `apiVersion: kubehop.dev/v1alpha1
kind: Host
metadata: {name: office}
spec:
  address: 203.0.113.10
  ports: [80]
  dns:
    names: [db.example.com]
    zones: [{name: corp.test, records: "@ 60 A 203.0.113.10\\n*.dev 60 A 203.0.113.10"}]
`;
    const world = openArticle({ files: [...articleFiles(), { path: 'office.yaml', text }] });
    const run = (line: string) => runLine(world, line).output;
    expect(run('kubectl exec client -- dig +short db.example.com')).toBe('203.0.113.10\n');
    expect(run('kubectl exec client -- dig +short a.dev.corp.test')).toBe('203.0.113.10\n');
    expect(run('dig +trace corp.test')).toContain('(ns.corp.test)');
  });
});
