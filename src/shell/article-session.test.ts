/** The article's whole terminal session, replayed in the default world: every line runs and prints in the real tool's format. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../world/testing/article.ts';
import type { World } from '../world/world.ts';

/** Names and ages differ from the article's; a pattern says what must be equal, spaces included. */
function expectLines(text: string, patterns: readonly (string | RegExp)[]): void {
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  for (const [index, pattern] of patterns.entries()) {
    if (typeof pattern === 'string') expect(lines[index]).toBe(pattern);
    else expect(lines[index]).toMatch(pattern);
  }
  expect(lines).toHaveLength(patterns.length);
}

const prompt = (world: World, session = 'main'): string | undefined => world.sessions().find((view) => view.id === session)?.prompt;

describe("the article's session", () => {
  it('lists flannel’s pods on the nodes’ own addresses', () => {
    const world = openArticle();
    expect(prompt(world)).toBe('controlplane:~$ ');
    expectLines(runLine(world, 'kubectl get pods -n kube-flannel -o wide').stdout, [
      'NAME                    READY   STATUS    RESTARTS   AGE   IP           NODE           NOMINATED NODE   READINESS GATES',
      /^kube-flannel-ds-[a-z0-9]{5} {3}1\/1 {5}Running {3}0 {10}15m {3}172\.30\.1\.2 {3}controlplane {3}<none> {11}<none>$/,
      /^kube-flannel-ds-[a-z0-9]{5} {3}1\/1 {5}Running {3}0 {10}15m {3}172\.30\.2\.2 {3}node01 {9}<none> {11}<none>$/,
    ]);
  });

  it('captures TCP on flannel.1 of node01 while a curl crosses, and Ctrl-C sums up', () => {
    const world = openArticle();
    world.openSession('second', { host: 'node01' });
    expect(prompt(world, 'second')).toBe('node01:~$ ');
    const from = world.terminalLength;
    world.command('second', "tcpdump -i flannel.1 -n 'tcp' -vvv");
    expect(world.sessions().find((view) => view.id === 'second')).toMatchObject({ busy: true, endless: true });
    expect(runLine(world, 'kubectl exec client -- curl -s web-service').stdout).toMatch(/^Hello from web-/);
    world.elapse(1000);
    world.interrupt('second');
    const text = world
      .terminalFrom(from)
      .filter((entry) => entry.session === 'second' && (entry.kind === 'stdout' || entry.kind === 'stderr'))
      .map((entry) => entry.text)
      .join('');
    expect(text).toContain('tcpdump: listening on flannel.1, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n');
    expect(text).toMatch(/ {4}10\.244\.0\.3\.\d+ > 10\.244\.1\.[345]\.80: Flags \[S\], cksum 0x[0-9a-f]{4} \(correct\), seq \d+, win \d+, options \[mss 1410,/);
    expect(text).toMatch(/HTTP, length: \d+\n\tGET \/ HTTP\/1\.1\n/);
    expect(text).toMatch(/\^C\n\d+ packets captured\n\d+ packets received by filter\n0 packets dropped by kernel\n$/);
    expect(prompt(world, 'second')).toBe('node01:~$ ');
  });

  it('shows the web pods, exposes the deployment and describes its Service', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl delete service web-service').stdout).toBe('service "web-service" deleted from default namespace\n');
    expectLines(runLine(world, 'kubectl get pods -l app=web -o wide').stdout, [
      'NAME                   READY   STATUS    RESTARTS   AGE   IP           NODE     NOMINATED NODE   READINESS GATES',
      ...[3, 4, 5].map(
        (last) => new RegExp(`^web-[a-z0-9]+-[a-z0-9]{5} {3}1/1 {5}Running {3}0 {10}15m {3}10\\.244\\.1\\.${last} {3}node01 {3}<none> {11}<none>$`),
      ),
    ]);
    expect(runLine(world, 'kubectl expose depolyment web --name=web-service').stderr).toBe('error: the server doesn\'t have a resource type "depolyment"\n');
    expect(runLine(world, 'kubectl expose deployment web --name=web-service --type=ClusterIP --port=80 --target-port=80').output).toBe(
      'service/web-service exposed\n',
    );
    expectLines(runLine(world, 'kubectl describe service web-service').stdout, [
      'Name:                     web-service',
      'Namespace:                default',
      'Labels:                   app=web',
      'Annotations:              <none>',
      'Selector:                 app=web',
      'Type:                     ClusterIP',
      'IP Family Policy:         SingleStack',
      'IP Families:              IPv4',
      /^IP: {23}10\.(?:9[6-9]|10\d|11[01])\.\d+\.\d+$/,
      /^IPs: {22}10\.(?:9[6-9]|10\d|11[01])\.\d+\.\d+$/,
      'Port:                     <unset>  80/TCP',
      'TargetPort:               80/TCP',
      'Endpoints:                10.244.1.3:80,10.244.1.4:80,10.244.1.5:80',
      'Session Affinity:         None',
      'Internal Traffic Policy:  Cluster',
      'Events:                   <none>',
    ]);
  });

  it('enters a fresh netshoot pod and asks CoreDNS for the Service', () => {
    const world = openArticle();
    const entered = runLine(world, 'kubectl run -it --image=nicolaka/netshoot --restart=Never test-dns -- sh');
    expect(entered.output).toBe(
      "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\nIf you don't see a command prompt, try pressing enter.\n",
    );
    expect(prompt(world)).toBe('~ # ');
    expect(runLine(world, 'nslookup web-service').output).toBe(
      ';; Got recursion not available from 10.96.0.10\nServer:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\tweb-service.default.svc.cluster.local\nAddress: 10.97.253.216\n;; Got recursion not available from 10.96.0.10\n\n',
    );
    expect(runLine(world, 'cat /etc/resolv.conf').output).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    runLine(world, 'exit');
    expect(prompt(world)).toBe('controlplane:~$ ');
  });

  it('makes a namespace, a deployment and a Service in it', () => {
    const world = openArticle();
    const create = 'kubectl create deployment nginx-app --image=nginx --replicas=2 -n test';
    expect(runLine(world, create)).toMatchObject({ stderr: 'error: failed to create deployment: namespaces "test" not found\n', exitCode: 1 });
    expect(runLine(world, 'kubectl create namespace ingress-ngnix').output).toBe('namespace/ingress-ngnix created\n');
    expect(runLine(world, 'kubectl create ns test').output).toBe('namespace/test created\n');
    expect(runLine(world, 'kubectl create ns test').stderr).toBe('Error from server (AlreadyExists): namespaces "test" already exists\n');
    expect(runLine(world, create).output).toBe('deployment.apps/nginx-app created\n');
    expect(runLine(world, 'kubectl expose deployment nginx-app --name=nginx-service --port=80 --target-port=80 -n test').output).toBe(
      'service/nginx-service exposed\n',
    );
    world.elapse(56_000);
    const pod = /^nginx-app-[a-z0-9]+-[a-z0-9]{5} {3}1\/1 {5}Running {3}0 {10}56s$/;
    const pods = runLine(world, 'kubectl get pods -n test').stdout;
    expect(pods.split('\n')[0]).toMatch(/^NAME {20,}READY {3}STATUS {4}RESTARTS {3}AGE$/);
    for (const line of pods.trimEnd().split('\n').slice(1)) expect(line).toMatch(pod);
    expectLines(runLine(world, 'kubectl get svc -n test').stdout, [
      /^NAME {12}TYPE {8}CLUSTER-IP +EXTERNAL-IP {3}PORT\(S\) {3}AGE$/,
      /^nginx-service {3}ClusterIP {3}10\.\d+\.\d+\.\d+ +<none> {8}80\/TCP {4}56s$/,
    ]);
    expectLines(runLine(world, 'kubectl get svc -n test -o wide').stdout, [
      /^NAME {12}TYPE {8}CLUSTER-IP +EXTERNAL-IP {3}PORT\(S\) {3}AGE {3}SELECTOR$/,
      /^nginx-service {3}ClusterIP {3}10\.\d+\.\d+\.\d+ +<none> {8}80\/TCP {4}56s {3}app=nginx-app$/,
    ]);
  });

  it('refuses a manifest from the internet with the reason', () => {
    const world = openArticle();
    const refused = runLine(world, 'kubectl apply -f https://example.com/deploy.yaml');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('nothing leaves this page');
  });

  it('has its own re-creation in place of the article’s ingress-nginx manifest, and says so', () => {
    const applied = runLine(
      openArticle(),
      'kubectl apply -f https://raw.githubusercontent.com/kubernetes/ingress-nginx/controller-v1.8.1/deploy/static/provider/baremetal/deploy.yaml',
    );
    expect(applied.exitCode).toBe(0);
    expect(applied.stderr).toContain('not fetched');
    expect(applied.stdout).toContain('deployment.apps/ingress-nginx-controller created');
  });

  it('debugs as the article’s last list says', () => {
    const world = openArticle();
    expect(runLine(world, 'kubectl get networkpolicy -n default').stderr).toBe('No resources found in default namespace.\n');
    expect(runLine(world, 'kubectl get pods -n default --show-labels | grep -c app=web').stdout).toBe('3\n');
    const verbose = runLine(world, 'kubectl exec client -- curl web-service:80 -sv');
    expect(verbose.output).toContain('> GET / HTTP/1.1\n');
    expect(verbose.output).toContain('< HTTP/1.1 200 OK\n');
    expect(runLine(world, 'kubectl logs -n kube-system deploy/coredns | grep DENIED').exitCode).toBe(1);
  });
});
