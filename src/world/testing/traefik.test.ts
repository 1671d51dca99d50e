/** Traefik in the article's cluster: what its middlewares do to requests, what it says of itself, and what the Ingress conformance suite expects. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const here = dirname(fileURLToPath(import.meta.url));
const traefik = readFileSync(join(here, '../../content/examples/traefik-middleware-missing/traefik.yaml'), 'utf8');
const strict = '            - --providers.kubernetesingress.strictPrefixMatching=true\n            - --providers.kubernetesingress\n';
const manifest = traefik.replace('            - --providers.kubernetesingress\n', strict);

const echo = (name: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec: {containers: [{name: echo, image: hashicorp/http-echo, args: [-listen=:8080, -text=${name}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 8080}]}
---
`;
const object = (kind: string, name: string, spec: unknown, apiVersion = 'traefik.io/v1alpha1', rest: object = {}) =>
  `${JSON.stringify({ apiVersion, kind, metadata: { name, ...rest }, spec })}\n---\n`;

function open(text: string): World {
  const world = openArticle({ files: [...articleFiles(), { path: 'traefik.yaml', text: `${text}${manifest}` }], trace: false });
  runLine(world, 'sleep 20');
  return world;
}

const curl = (world: World, rest: string): string => runLine(world, `kubectl exec client -- curl -s ${rest}`).stdout;
/** The status, then what came. */
const ask = (world: World, host: string, path: string, options = ''): string =>
  curl(world, `-w '\\n%{http_code}' ${options} -H 'Host: ${host}' 'http://traefik.traefik${path}'`)
    .replace(/^([\s\S]*?)\n?(\d{3})$/, '$2 $1')
    .trim();

const route = (
  name: string,
  routes: readonly { match: string; middlewares?: readonly string[]; services?: readonly unknown[]; priority?: number }[],
  rest: object = {},
) =>
  object('IngressRoute', name, {
    entryPoints: ['web'],
    ...rest,
    routes: routes.map(({ match, middlewares = [], services = [{ name: 'one', port: 8080 }], ...more }) => ({
      match,
      kind: 'Rule',
      services,
      middlewares: middlewares.map((one) => ({ name: one })),
      ...more,
    })),
  });

describe('Traefik', () => {
  const world = open(
    [
      ...['one', 'two'].map(echo),
      `apiVersion: v1\nkind: Pod\nmetadata: {name: who, labels: {app: who}}\nspec: {containers: [{name: who, image: traefik/whoami, args: [--port=8080]}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: who}\nspec: {selector: {app: who}, ports: [{name: http, port: 8080}]}\n---\n`,
      `apiVersion: v1\nkind: Pod\nmetadata: {name: judge, labels: {app: judge}}\nspec: {containers: [{name: judge, image: 'registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0'}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: judge}\nspec: {selector: {app: judge}, ports: [{port: 80, targetPort: 3000}]}\n---\n`,
      // Nobody listens at its port.
      `apiVersion: v1\nkind: Service\nmetadata: {name: wrong}\nspec: {selector: {app: one}, ports: [{port: 8080, targetPort: 9999}]}\n---\n`,
      `apiVersion: v1\nkind: Secret\nmetadata: {name: users}\nstringData: {users: "ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="}\n---\n`,
      object('Middleware', 'strip', { stripPrefix: { prefixes: ['/api'] } }),
      object('Middleware', 'rename', { replacePathRegex: { regex: '^/old/(.*)', replacement: '/new/$1' } }),
      object('Middleware', 'both', { chain: { middlewares: [{ name: 'strip' }, { name: 'mark' }] } }),
      object('Middleware', 'mark', {
        headers: { customRequestHeaders: { 'X-Mark': 'yes', 'User-Agent': '' }, customResponseHeaders: { 'X-Seen': 'by-traefik' } },
      }),
      object('Middleware', 'users', { basicAuth: { secret: 'users', headerField: 'X-User', removeHeader: true } }),
      object('Middleware', 'slow', { rateLimit: { average: 1, burst: 2 } }),
      object('Middleware', 'office', { ipAllowList: { sourceRange: ['192.0.2.0/24'] } }),
      object('Middleware', 'yes', { forwardAuth: { address: 'http://judge.default.svc.cluster.local/status/200', authResponseHeaders: ['Content-Type'] } }),
      object('Middleware', 'no', { forwardAuth: { address: 'http://judge.default.svc.cluster.local/status/403' } }),
      object('Middleware', 'breaker', { circuitBreaker: { expression: 'NetworkErrorRatio() > 0.5', fallbackDuration: '10s' } }),
      object('Middleware', 'https', { redirectScheme: { scheme: 'https', permanent: true } }),
      route('shop', [
        { match: 'Host(`shop.test`)' },
        { match: 'Host(`shop.test`) && PathPrefix(`/low`)', priority: 1, services: [{ name: 'two', port: 8080 }] },
        { match: 'Host(`shop.test`) && Header(`X-Beta`, `1`) && !Query(`plain`)', services: [{ name: 'two', port: 8080 }] },
        { match: 'Host(`shop.test`) && PathPrefix(`/api`)', middlewares: ['both'], services: [{ name: 'who', port: 8080 }] },
        { match: 'Host(`shop.test`) && PathPrefix(`/old/`)', middlewares: ['rename'], services: [{ name: 'who', port: 8080 }] },
        { match: 'Host(`shop.test`) && PathPrefix(`/private`)', middlewares: ['users'], services: [{ name: 'who', port: 8080 }] },
        { match: 'Host(`shop.test`) && PathPrefix(`/slow`)', middlewares: ['slow'] },
        { match: 'Host(`shop.test`) && PathPrefix(`/office`)', middlewares: ['office'] },
        { match: 'Host(`shop.test`) && PathPrefix(`/asked/yes`)', middlewares: ['yes'] },
        { match: 'Host(`shop.test`) && PathPrefix(`/asked/no`)', middlewares: ['no'] },
        { match: 'Host(`shop.test`) && PathPrefix(`/https`)', middlewares: ['https'] },
        { match: 'Host(`shop.test`) && PathPrefix(`/broken`)', services: [{ name: 'wrong', port: 8080 }], middlewares: ['breaker'] },
        { match: 'Host(`shop.test`) && PathPrefix(`/gone`)', middlewares: ['nobody'] },
        {
          match: 'Host(`shares.test`)',
          services: [
            { name: 'one', port: 8080, weight: 3 },
            { name: 'two', port: 8080, weight: 1 },
          ],
        },
      ]),
      route('sticky', [{ match: 'Host(`sticky.test`)', services: [{ name: 'both', kind: 'TraefikService' }] }]),
      object('TraefikService', 'both', { weighted: { services: [{ name: 'one', port: 8080, sticky: { cookie: { name: 'srv' } } }] } }),
    ].join(''),
  );

  it('takes the longest rule, unless a priority is given', () => {
    expect(['/', '/low'].map((path) => ask(world, 'shop.test', path))).toEqual(['200 one', '200 one']);
    expect(ask(world, 'shop.test', '/', "-H 'X-Beta: 1'")).toBe('200 two');
    expect(ask(world, 'shop.test', '/?plain', "-H 'X-Beta: 1'")).toBe('200 one');
    expect(ask(world, 'nobody.test', '/')).toBe('404 404 page not found');
  });

  it('sends requests through their middlewares in order', () => {
    const seen = curl(world, "-i -H 'Host: shop.test' http://traefik.traefik/api/v1?x=1");
    expect(seen).toMatch(/^GET \/v1\?x=1 HTTP\/1.1$/m);
    expect(seen).toContain('X-Forwarded-Prefix: /api\n');
    expect(seen).toContain('X-Mark: yes\n');
    expect(seen).not.toContain('User-Agent');
    expect(seen).toContain('X-Seen: by-traefik\r\n');
    expect(ask(world, 'shop.test', '/old/a/b')).toContain('X-Replaced-Path: /old/a/b');
    expect(ask(world, 'shop.test', '/old/a/b')).toContain('GET /new/a/b HTTP/1.1');
  });

  it('lets in whom a middleware lets in', () => {
    expect(ask(world, 'shop.test', '/private')).toBe('401 401 Unauthorized');
    expect(ask(world, 'shop.test', '/private', '-u ann:wrong')).toBe('401 401 Unauthorized');
    expect(ask(world, 'shop.test', '/private', '-u ann:test')).toContain('X-User: ann');
    expect(ask(world, 'shop.test', '/office')).toBe('403 Forbidden');
    expect(ask(world, 'shop.test', '/asked/yes')).toBe('200 one');
    expect(ask(world, 'shop.test', '/asked/no')).toMatch(/^403/);
    expect(Array.from({ length: 4 }, () => ask(world, 'shop.test', '/slow').slice(0, 3))).toEqual(['200', '200', '429', '429']);
    const moved = "-o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: shop.test' http://traefik.traefik/https/a?b";
    expect(curl(world, moved)).toBe('301 https://shop.test/https/a?b');
  });

  it('opens the circuit to a backend that is not there, and answers for it', () => {
    expect(ask(world, 'shop.test', '/broken')).toBe('502 Bad Gateway');
    runLine(world, 'sleep 1');
    expect(ask(world, 'shop.test', '/broken')).toMatch(/^50[23]/);
    expect(ask(world, 'shop.test', '/broken')).toBe('503 Service Unavailable');
  });

  it('shares by weights, and brings a client with its cookie back', () => {
    runLine(world, 'kubectl exec client -- sh -c \'for i in $(seq 60); do curl -s -H "Host: shares.test" http://traefik.traefik/; done\' > /tmp/shares');
    const share = Number(runLine(world, 'grep -c two /tmp/shares').stdout) / 60;
    expect(share).toBeGreaterThan(0.08);
    expect(share).toBeLessThan(0.45);
    expect(curl(world, "-i -H 'Host: sticky.test' http://traefik.traefik/")).toContain('200 OK');
  });

  it('says of itself what it has, and logs what it has done', () => {
    const routers = JSON.parse(curl(world, 'http://traefik.traefik:8080/api/http/routers')) as readonly {
      rule: string;
      status: string;
      error?: readonly string[];
    }[];
    expect(routers.filter(({ status }) => status === 'disabled')).toMatchObject([
      { rule: 'Host(`shop.test`) && PathPrefix(`/gone`)', error: ['middleware "default-nobody@kubernetescrd" does not exist'] },
    ]);
    expect(JSON.parse(curl(world, 'http://traefik.traefik:8080/api/overview'))).toMatchObject({
      http: { routers: { errors: 1 } },
      providers: ['KubernetesIngress', 'KubernetesCRD'],
    });
    const log = runLine(world, 'kubectl logs -n traefik deploy/traefik').stdout;
    expect(log).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ERR error="middleware \\"default-nobody@kubernetescrd\\" does not exist" routerName=default-shop-[0-9a-f]{20}@kubernetescrd$/m,
    );
    expect(log).toMatch(/^\S+ - - \[[^\]]+\] "GET \/office HTTP\/1.1" 403 9 "-" "curl\/[\d.]+" \d+ "default-shop-[0-9a-f]{20}@kubernetescrd" "-" 0ms$/m);
    expect(log).toMatch(/ - ann \[[^\]]+\] "GET \/private HTTP\/1.1" 200 /);
  });
});

const file = join(here, '../../../../shared/conformance/ingress.json');

interface Suite {
  readonly featureCases: readonly {
    readonly ingress: { readonly metadata: object; readonly spec: object };
    readonly services: readonly string[];
    readonly requests: readonly {
      readonly name: string;
      readonly method?: string;
      readonly scheme?: string;
      readonly host?: string;
      readonly path?: string;
      readonly status?: number;
      readonly backend?: string;
    }[];
  }[];
  readonly pathTypeTable: readonly {
    readonly rules: readonly { readonly pathType: string; readonly path: string }[];
    readonly requestPath: string;
    readonly winner: number | null;
  }[];
}

describe.skipIf(!existsSync(file))('the Ingress conformance cases over Traefik (skipped where ../shared/conformance is absent)', () => {
  const suite: Suite = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { featureCases: [], pathTypeTable: [] };

  it('send each plain request where they should, and choose the winner of each row of paths', () => {
    const names = [...new Set(suite.featureCases.flatMap(({ services }) => services)), 'rule-0', 'rule-1', 'rule-2'];
    const api = 'networking.k8s.io/v1';
    const rows = suite.pathTypeTable.map(({ rules }, row) =>
      object(
        'Ingress',
        `row-${row}`,
        {
          ingressClassName: 'traefik',
          rules: [
            {
              host: `row-${row}.test`,
              http: { paths: rules.map(({ path, pathType }, i) => ({ path, pathType, backend: { service: { name: `rule-${i}`, port: { number: 8080 } } } })) },
            },
          ],
        },
        api,
      ),
    );
    const ingresses = suite.featureCases.map(
      ({ ingress }) => `${JSON.stringify({ ...ingress, spec: { ...ingress.spec, ingressClassName: 'traefik' } })}\n---\n`,
    );
    const world = open([...names.map(echo), ...ingresses, ...rows].join(''));
    const failed: string[] = [];
    let asked = 0;
    const first = (text: string) => text.split('\n')[0];
    for (const { requests } of suite.featureCases) {
      for (const { name, method = 'GET', scheme, host = '', path = '/', status, backend = '' } of requests) {
        if (status === undefined || scheme === 'https') continue;
        asked += 1;
        const answer = first(ask(world, host === '' ? 'any.test' : host, path, `-X ${method}`)) ?? '';
        // The suite's cases stand for themselves; here the default backend of the first takes what matches nothing.
        const expected = status === 404 && !answer.startsWith('404') ? '200 echo-service' : `${status} ${backend}`.trim();
        if (!answer.startsWith(expected)) failed.push(`${name}: ${answer} instead of ${expected}`);
      }
    }
    for (const [row, { requestPath, winner }] of suite.pathTypeTable.entries()) {
      const answer = first(ask(world, `row-${row}.test`, requestPath)) ?? '';
      const expected = winner === null ? '200 echo-service' : `200 rule-${winner}`;
      if (answer !== expected) failed.push(`row ${row} ${requestPath}: ${answer} instead of ${expected}`);
    }
    // Traefik goes by the length of rules, and that of a prefix is longer than that of the same path as Exact.
    expect(failed).toEqual([expect.stringContaining('Exact is preferred (exact /foo matches request /foo): 200 foo-prefix instead of 200 foo-exact')]);
    expect(asked).toBeGreaterThan(20);
  });
});
