/** A sidecar mesh: pods get their proxy, iptables bring it their connections, proxies speak mutual TLS and balance requests. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { workloadIdentity } from '../../kube/mesh/identity.ts';
import { parseCertificates } from '../../net/app/tls/certificate.ts';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples', 'mesh-outsider');
const example = ['istio.yaml', 'shop.yaml', 'client.yaml'].map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));

const canary = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web-v2, namespace: shop}
spec:
  selector: {matchLabels: {app: web-v2}}
  template:
    metadata: {labels: {app: web-v2}}
    spec: {containers: [{name: web, image: hashicorp/http-echo, args: [-text=v2], ports: [{containerPort: 5678}], readinessProbe: {httpGet: {path: /, port: 5678}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-v2, namespace: shop}
spec: {selector: {app: web-v2}, ports: [{name: http, port: 80, targetPort: 5678}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: split, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: web, port: 80}]
  rules: [{backendRefs: [{name: web, port: 80, weight: 80}, {name: web-v2, port: 80, weight: 20}]}]
`;

describe('a sidecar mesh', () => {
  const world: World = openArticle({ files: example, trace: true });
  const run = (line: string) => runLine(world, line);
  run('kubectl rollout status -n shop deployment web --timeout=60s; kubectl rollout status -n shop deployment visitor --timeout=60s');

  it('has pods wait for istiod, in the words of a webhook that nobody answers', () => {
    expect(run('kubectl get events -n shop').stdout).toContain(
      'Error creating: Internal error occurred: failed calling webhook "namespace.sidecar-injector.istio.io": failed to call webhook: Post "https://istiod.istio-system.svc:443/inject?timeout=10s": no endpoints available for service "istiod"',
    );
  });

  it('has the rules that istio-init writes', () => {
    const lines = run('kubectl exec -n shop deploy/visitor -- iptables-save -t nat').stdout.split('\n');
    expect(lines.filter((line) => line.startsWith('-A')).join('\n')).toBe(`-A PREROUTING -p tcp -j ISTIO_INBOUND
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
-A ISTIO_INBOUND -p tcp -m tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp -m tcp --dport 15021 -j RETURN
-A ISTIO_INBOUND -p tcp -m tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001`);
  });

  it('carries a request as TLS between two proxies that both show a SPIFFE name, past kube-proxy', () => {
    const { stdout } = run('kubectl exec -n shop deploy/visitor -- curl -sS -i web');
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*server: envoy\r\n\r\nHello from web-/);
    const visitor = run(`kubectl get pod -n shop -l app=visitor -o jsonpath='{.items[0].status.podIP}'`).stdout;
    const seen = run('kubectl exec -n shop deploy/visitor -- conntrack -L').stdout;
    // The pod's own connection goes to the proxy, the proxy's goes to the pod and not to the Service.
    expect(seen).toMatch(new RegExp(`src=${visitor} dst=10\\.\\S+ sport=\\d+ dport=80 src=127\\.0\\.0\\.1 dst=${visitor} sport=15001`));
    expect(seen).toMatch(new RegExp(`src=${visitor} dst=10\\.244\\.\\S+ sport=\\d+ dport=80 src=10\\.244\\.`));
  });

  it('gives a pod a certificate with the name of its ServiceAccount', () => {
    const { chain } = workloadIdentity('u', 'spiffe://cluster.local/ns/shop/sa/default', 0, 0);
    expect(parseCertificates(chain)?.[0]?.altNames).toEqual([{ kind: 'uri', value: 'spiffe://cluster.local/ns/shop/sa/default' }]);
  });

  it('refuses who shows no certificate where STRICT is said, and takes everybody where it is not', () => {
    expect(run('kubectl exec deploy/client -- curl -sS -m 3 web.shop').exitCode).toBe(56);
    run('kubectl delete peerauthentication -n shop default');
    expect(run('kubectl exec deploy/client -- curl -sS -m 3 -i web.shop').stdout).toContain('server: istio-envoy');
  });

  it('splits requests by the weights of an HTTPRoute whose parent is the Service, for clients with a proxy', () => {
    world.edit('canary.yaml', canary);
    run('kubectl rollout status -n shop deployment web-v2 --timeout=60s');
    // One connection: behind a proxy each of its requests is balanced by itself.
    const from = (who: string, host: string) => {
      const lines = run(`kubectl exec ${who} -- curl -s ${Array.from({ length: 50 }, () => host).join(' ')}`).stdout.split('\n');
      return lines.filter((line) => line === 'v2').length;
    };
    const canaries = from('-n shop deploy/visitor', 'web');
    expect(canaries).toBeGreaterThan(3);
    expect(canaries).toBeLessThan(20);
    expect(from('deploy/client', 'web.shop')).toBe(0);
  });

  it('has the kubelet ask through the agent at port 15020', () => {
    const pod = run(
      `kubectl get pod -n shop -l app=web-v2 -o jsonpath='{.items[0].spec.containers[0].readinessProbe.httpGet.path} {.items[0].status.phase}'`,
    ).stdout;
    expect(pod).toBe('/app-health/web/readyz Running');
    expect(run('kubectl get pods -n shop -l app=web-v2').stdout).toContain('2/2');
  });
});
