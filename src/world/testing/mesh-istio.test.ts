/** Istio's own objects: what the proxies of clients do with requests, and whom the proxies of servers let in. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples', 'mesh-outsider');
const istio = { path: 'istio.yaml', text: readFileSync(join(folder, 'istio.yaml'), 'utf8') };

const deployment = (name: string, version: string, container: string, annotations = '') => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}-${version}, namespace: shop}
spec:
  selector: {matchLabels: {app: ${name}, version: ${version}}}
  template:
    metadata: {labels: {app: ${name}, version: ${version}${annotations}}}
    spec: {containers: [{name: main, ${container}}]}
`;
const service = (name: string, port = 80) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: ${port}}]}
`;
const shop = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "accessLogFile: /dev/stdout"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
${deployment('web', 'v1', 'image: hashicorp/http-echo, args: [-text=v1, -listen=:80]')}
${deployment('web', 'v2', 'image: hashicorp/http-echo, args: [-text=v2, -listen=:80]')}
${deployment('slow', 'v1', 'image: gcr.io/k8s-staging-gateway-api/echo-basic:v1, ports: [{containerPort: 3000}]')}
${deployment('ill', 'v1', 'image: hashicorp/http-echo, args: [-text=ill, -listen=:80, -status-code=503]')}
${deployment('ill', 'v2', 'image: hashicorp/http-echo, args: [-text=well, -listen=:80]')}
${deployment('bare', 'v1', 'image: hashicorp/http-echo, args: [-text=bare, -listen=:80]', ', sidecar.istio.io/inject: "false"')}
${deployment('client', 'v1', 'image: nicolaka/netshoot, command: [sleep, infinity]')}
${service('web')}${service('slow', 3000)}${service('ill')}${service('bare', 81)}`;

const rules = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: web, subset: v2}}]
  - match: [{uri: {prefix: /late}}]
    fault: {delay: {percentage: {value: 100}, fixedDelay: 2s}, abort: {percentage: {value: 100}, httpStatus: 418}}
    route: [{destination: {host: web, subset: v1}}]
  - match: [{uri: {prefix: /v3}}]
    route: [{destination: {host: web, subset: v3}}]
  - match: [{method: {regex: "P.*"}, withoutHeaders: {x-ok: {}}}]
    directResponse: {status: 405, body: {string: read only}}
  - match: [{uri: {exact: /moved}}]
    redirect: {uri: /there, authority: other.example, redirectCode: 302}
  - route: [{destination: {host: web, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: slow, namespace: shop}
spec: {host: slow, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-secrets, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, action: DENY, rules: [{to: [{operation: {paths: [/secret*]}}]}]}
`;

describe('Istio', () => {
  const world: World = openArticle({ files: [istio, { path: 'shop.yaml', text: shop }, { path: 'rules.yaml', text: rules }], trace: true });
  const run = (line: string) => runLine(world, line);
  const curl = (rest: string) => run(`kubectl exec -n shop deploy/client-v1 -- curl -sS ${rest}`).stdout;
  const log = (pod: string, lines: number) => run(`kubectl logs -n shop deploy/${pod} -c istio-proxy --tail=${lines}`).stdout.trimEnd().split('\n');
  for (const name of ['web-v1', 'web-v2', 'slow-v1', 'ill-v1', 'ill-v2', 'bare-v1', 'client-v1'])
    run(`kubectl rollout status -n shop deployment ${name} --timeout=60s`);

  it('sends requests to a subset by a header, and all others by the last rule', () => {
    expect(curl("-H 'end-user: jason' web")).toBe('v2\n');
    expect(curl('web web web web')).toBe('v1\nv1\nv1\nv1\n');
    expect(log('client-v1', 1)[0]).toMatch(
      /^\[2026-\S+Z\] "GET \/ HTTP\/1\.1" 200 - via_upstream - "-" 0 3 \d+ \d+ "-" "curl\/\S+" "[0-9a-f]{8}-[0-9a-f-]{27}" "web" "10\.244\.\S+:80" outbound\|80\|v1\|web\.shop\.svc\.cluster\.local 10\.244\.\S+ 10\.\S+:80 10\.244\.\S+ - -$/,
    );
    expect(log('web-v1', 1)[0]).toMatch(
      / inbound\|80\|\| 127\.0\.0\.6:\d+ 10\.244\.\S+:80 10\.244\.\S+ outbound_\.80_\.v1_\.web\.shop\.svc\.cluster\.local default$/,
    );
  });

  it('makes faults where they are asked for', () => {
    expect(curl("-w ' %{http_code} %{time_total}' web/late")).toMatch(/^fault filter abort 418 2\.00/);
    expect(log('client-v1', 1)[0]).toContain('"GET /late HTTP/1.1" 418 DI,FI fault_filter_abort - "-" 0 18 2000 - ');
  });

  it('answers, redirects, and fails for a subset that nobody has described', () => {
    expect(curl("-X PUT -w ' %{http_code}' web")).toBe('read only 405');
    expect(curl("-X PUT -H 'x-ok: 1' web")).toBe('v1\n');
    expect(curl('-i web/moved')).toMatch(/^HTTP\/1\.1 302 Found\r\nlocation: http:\/\/other\.example\/there\r\n/);
    expect(curl("-w '%{http_code}' web/v3")).toBe('503');
    expect(log('client-v1', 1)[0]).toContain(' 503 NC cluster_not_found - "-" 0 0 0 - ');
  });

  it('refuses what an AuthorizationPolicy denies, and names the rule', () => {
    expect(curl("-w ' %{http_code}' web/secret/plan")).toBe('RBAC: access denied 403');
    expect(log('web-v1', 1)[0]).toContain('403 - rbac_access_denied_matched_policy[ns[shop]-policy[no-secrets]-rule[0]] - "-" 0 19 0 - ');
  });

  it('lets nobody in but whom an ALLOW names, by the name in his certificate', () => {
    const allow = (who: string) =>
      world.edit(
        'allow.yaml',
        `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: viewers, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/${who}]}}]}]}\n`,
      );
    allow('robot');
    expect(curl('web')).toBe('RBAC: access denied');
    expect(log('web-v1', 1)[0]).toContain(' 403 - rbac_access_denied_matched_policy[none] ');
    allow('default');
    expect(curl('web')).toBe('v1\n');
    world.edit('allow.yaml', '');
  });

  it('opens the circuit: one connection, one request that waits, and the third fails at once', () => {
    const { stdout } = run(
      `kubectl exec -n shop deploy/client-v1 -- sh -c 'for i in 1 2 3; do curl -s -o /dev/null -w "%{http_code} %{time_total}\\n" "slow/?delay=1s" & done; wait'`,
    );
    const answers = stdout.trimEnd().split('\n').sort();
    expect(answers.map((line) => line.slice(0, 5))).toEqual(['200 1', '200 2', '503 0']);
    expect(log('client-v1', 3).join('\n')).toMatch(
      / 503 UO upstream_reset_before_response_started\{overflow\} - "-" 0 81 0 - .* "slow" "-" outbound\|80\|\|slow\.shop/,
    );
  });

  it('tries again where a connection fails, and gives up with URX', () => {
    expect(curl("-w ' %{http_code}' bare")).toBe(
      'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused 503',
    );
    expect(log('client-v1', 1)[0]).toContain(
      '503 URX,UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused} - "delayed_connect_error:_Connection_refused" 0 ',
    );
  });

  it('shows an error of a backend as it is, and hides it once retries are asked for', () => {
    const codes = () => curl(`-o /dev/null -w '%{http_code} ' ${Array.from({ length: 8 }, () => 'ill').join(' ')}`).match(/200|503/g) ?? [];
    expect(new Set(codes())).toEqual(new Set(['200', '503']));
    world.edit(
      'retry.yaml',
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ill, namespace: shop}\nspec: {hosts: [ill], http: [{retries: {attempts: 2, retryOn: 5xx}, route: [{destination: {host: ill}}]}]}\n`,
    );
    expect(new Set(codes())).toEqual(new Set(['200']));
  });

  it('puts an endpoint out that fails in a row, and takes it back after its time', () => {
    world.edit('retry.yaml', '');
    world.edit(
      'outlier.yaml',
      `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: ill, namespace: shop}\nspec: {host: ill, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 50}}}\n`,
    );
    const ask = (count: number) =>
      curl(Array.from({ length: count }, () => 'ill').join(' '))
        .trimEnd()
        .split('\n');
    const count = (lines: readonly string[]) => lines.filter((line) => line === 'ill').length;
    expect(count(ask(12))).toBe(2);
    expect(count(ask(6))).toBe(0);
    const endpoints = run("istioctl proxy-config endpoints deploy/client-v1 -n shop --cluster 'outbound|80||ill.shop.svc.cluster.local'").stdout;
    expect(endpoints).toMatch(
      /^ENDPOINT +STATUS +OUTLIER CHECK +CLUSTER\n10\.244\.\S+:80 +HEALTHY +(FAILED|OK) +outbound\|80\|\|ill\.shop\.svc\.cluster\.local\n/,
    );
    expect(endpoints.match(/FAILED/g)).toHaveLength(1);
    run('sleep 31');
    expect(count(ask(12))).toBe(2);
  });

  it('shows what the proxies have been told', () => {
    const status = run('istioctl proxy-status').stdout.split('\n');
    expect(status[0]).toMatch(/^NAME +CLUSTER +ISTIOD +VERSION +SUBSCRIBED TYPES$/);
    expect(status[1]).toMatch(/^client-v1-\S+\.shop {5}Kubernetes {5}istiod-\S+ {5}1\.27\.1 {6}4 \(CDS,LDS,EDS,RDS\)$/);
    const clusters = run('istioctl pc clusters deploy/client-v1 -n shop --fqdn web.shop.svc.cluster.local').stdout;
    expect(clusters).toBe(
      [
        'SERVICE FQDN                   PORT     SUBSET     DIRECTION     TYPE     DESTINATION RULE',
        'web.shop.svc.cluster.local     80       -          outbound      EDS      web.shop',
        'web.shop.svc.cluster.local     80       v1         outbound      EDS      web.shop',
        'web.shop.svc.cluster.local     80       v2         outbound      EDS      web.shop',
        '',
      ].join('\n'),
    );
    expect(run('istioctl pc routes deploy/client-v1 -n shop --name 80').stdout).toMatch(
      /^80 +web\.shop\.svc\.cluster\.local:80 +web\.shop\.svc, web\.shop\.svc\.cluster\.local \+ 4 more\.\.\. +\/\* +web\.shop$/m,
    );
    expect(run('istioctl pc listeners deploy/client-v1 -n shop --port 80').stdout).toBe(
      'ADDRESSES PORT MATCH                                DESTINATION\n0.0.0.0   80   ALL                                  PassthroughCluster\n0.0.0.0   80   Trans: raw_buffer; App: http/1.1,h2c Route: 80\n',
    );
    const { stdout, stderr, exitCode } = run('istioctl analyze -n shop');
    expect(stdout).toContain('Error [IST0101] (VirtualService shop/web) Referenced host+subset in destinationrule not found: "web+v3"\n');
    expect(stderr).toContain('Error: Analyzers found issues when analyzing namespace: shop.\n');
    expect(exitCode).toBe(79);
  });

  it('has the webhook refuse what istiod would not take', () => {
    expect(
      run(`kubectl apply -f - <<E
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bad, namespace: shop}
spec: {hosts: [web], http: [{match: [{uri: {regex: "("}}]}]}
E`).stderr,
    ).toBe(
      'Error from server: error when creating "STDIN": admission webhook "validation.istio.io" denied the request: configuration is invalid: 2 errors occurred:\n\t* HTTP route, redirect or direct_response is required\n\t* uri: error parsing regexp: missing closing ): `(`; Istio uses RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax)\n\n\n',
    );
  });

  it('asks nobody whom nobody has described once REGISTRY_ONLY is said', () => {
    world.edit('shop.yaml', shop.replace('accessLogFile: /dev/stdout', 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}'));
    expect(curl("-w '%{http_code}' http://1.1.1.1/")).toBe('502');
  });
});
