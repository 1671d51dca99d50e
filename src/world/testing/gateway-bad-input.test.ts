/** What a Gateway does with texts that are wrong or too many: the API server's or the controller's own words, and everything else goes on. */
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../objects/types.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const API = 'gateway.networking.k8s.io/v1';
const gateway = (name: string) => ({
  apiVersion: API,
  kind: 'Gateway',
  metadata: { name },
  spec: { gatewayClassName: 'kubehop', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
});
const route = (name: string, parent: string, rules: readonly object[]) => ({
  apiVersion: API,
  kind: 'HTTPRoute',
  metadata: { name },
  spec: { parentRefs: [{ name: parent }], rules },
});
const to = (name: string, port = 80) => ({ backendRefs: [{ name, port }] });
const path = (value: string, type = 'PathPrefix') => ({ matches: [{ path: { type, value } }] });
const echo = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'echo' },
    spec: {
      selector: { matchLabels: { app: 'echo' } },
      template: {
        metadata: { labels: { app: 'echo' } },
        spec: { containers: [{ name: 'echo', image: 'registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0' }] },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'echo' },
    spec: {
      selector: { app: 'echo' },
      ports: [
        { name: 'http', port: 80, targetPort: 3000 },
        { name: 'h2c', port: 81, targetPort: 3001, appProtocol: 'kubernetes.io/h2c' },
      ],
    },
  },
];
const text = (objects: readonly unknown[]): string => objects.map((object) => `${JSON.stringify(object)}\n---\n`).join('');
const base = [
  { apiVersion: API, kind: 'GatewayClass', metadata: { name: 'kubehop' }, spec: { controllerName: 'kubehop.dev/gateway-controller' } },
  gateway('entry'),
  ...echo,
  route('main', 'entry', [
    { ...path('/main'), ...to('echo') },
    { ...path('/h2c'), ...to('echo', 81) },
  ]),
];
const world = openArticle({ files: [...articleFiles(), { path: 'base.yaml', text: text(base) }, { path: 'case.yaml', text: '' }], trace: false });
runLine(world, 'sleep 5');
const ask = (where: string, options = '') => runLine(world, `kubectl exec client -- curl -s -m 20 -w '%{http_code}' ${options} http://${where}`).stdout;
const apply = (object: object) => runLine(world, `kubectl apply -f - <<'END'\n${JSON.stringify(object)}\nEND`).output;

describe('a Gateway', () => {
  it('refuses filters in conflict, repeated ones and a redirect that has backends, as its CRD says it', () => {
    const redirect = { type: 'RequestRedirect', requestRedirect: { scheme: 'https' } };
    const rewrite = { type: 'URLRewrite', urlRewrite: { hostname: 'a.example.com' } };
    expect(apply(route('a', 'entry', [{ filters: [redirect, rewrite] }]))).toContain('but not both');
    expect(apply(route('a', 'entry', [{ filters: [rewrite, rewrite], ...to('echo') }]))).toContain('URLRewrite filter cannot be repeated');
    expect(apply(route('a', 'entry', [{ filters: [redirect], ...to('echo') }]))).toContain('must not be used together with backendRefs');
    expect(apply(route('a', 'entry', [{ ...path('no-slash'), ...to('echo') }]))).toContain("value must be an absolute path and start with '/'");
    expect(apply(route('a', 'entry', [{ backendRefs: [{ name: 'echo', port: 80, weight: -1 }] }]))).toContain('must be between 0 and 1000000, inclusive');
    expect(apply({ ...route('a', 'entry', [to('echo')]), spec: { hostnames: ['Not_A.Host'], rules: [to('echo')] } })).toContain('should match');
    expect(ask('entry-gateway/main')).toMatch(/"pod": "echo-.*200$/s);
  });

  it('says of an expression that is none which it is, and serves all other routes', () => {
    world.edit('case.yaml', text([route('broken', 'entry', [{ ...path('/x(', 'RegularExpression'), ...to('echo') }])]));
    runLine(world, 'sleep 1');
    const status = world.api.view.find<
      KubeObject & {
        readonly status?: { readonly parents?: readonly { readonly conditions: readonly { readonly reason: string; readonly message: string }[] }[] };
      }
    >('HTTPRoute/default/broken')?.status?.parents?.[0]?.conditions[0];
    expect(status?.reason).toBe('UnsupportedValue');
    expect(status?.message).toMatch(/^Regex "\/x\(" is invalid: .*missing closing \)/);
    expect(ask('entry-gateway/main')).toMatch(/200$/);
  });

  it('speaks HTTP/2 to a backend whose port says so', () => {
    expect(ask('entry-gateway/h2c')).toMatch(/"proto": "HTTP\/2\.0".*200$/s);
  });

  it('serves the last of 1,600 routes like the first', () => {
    const rules = (from: number) => Array.from({ length: 16 }, (_, i) => ({ ...path(`/tenant-${from + i}`), ...to('echo') }));
    const many = Array.from({ length: 100 }, (_, i) => route(`many-${i}`, 'entry', rules(i * 16)));
    world.edit('case.yaml', text(many));
    runLine(world, 'sleep 1');
    expect(ask('entry-gateway/tenant-0/a')).toMatch(/200$/);
    expect(ask('entry-gateway/tenant-1599/a')).toMatch(/200$/);
    expect(ask('entry-gateway/tenant-1600/a')).toMatch(/404$/);
  });
});
