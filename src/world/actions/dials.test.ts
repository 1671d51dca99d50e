/** Numbers that decide how much goes where, turned in their texts; and Ingresses in the words of the Gateway API, held against the requests themselves. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from '../testing/article.ts';
import { actionsFor } from './actions.ts';

const echo = (name: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: echo, image: hashicorp/http-echo, args: [-listen=:80, -text=${name}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80}]}
---
`;
const text = `${echo('old')}${echo('new')}apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    nginx.ingress.kubernetes.io/limit-rps: "5"
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: old, port: {name: http}}}}
          - {path: /exact, pathType: Exact, backend: {service: {name: new, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop-canary
  annotations:
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-weight: "10"
    nginx.ingress.kubernetes.io/canary-by-header: x-canary
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: new, port: {number: 80}}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: visitor, annotations: {kubehop.dev/rate: "http://old/ 5/s"}}
spec: {containers: [{name: tools, image: nicolaka/netshoot, command: [sleep, infinity]}]}
`;
const world = openArticle({ files: [...articleFiles(), { path: 'shop.yaml', text }], trace: false });
const apply = (action: { readonly edit?: { readonly file: string; readonly after: string } } | undefined): void => {
  const result = action?.edit === undefined ? undefined : world.edit(action.edit.file, action.edit.after);
  expect(result?.diagnostics.filter(({ severity }) => severity === 'error') ?? []).toEqual([]);
  expect(result?.applied).toBe(true);
};
const dials = () => actionsFor(world, { kind: 'dials' });
const idOf = (title: RegExp): string => dials().find((one) => title.test(one.title))?.dial?.id ?? '';

describe('Ingresses in the words of the Gateway API', () => {
  it('become a Gateway with a listener for each host and a route with the canary as weights; what has no word is named', () => {
    const [action] = actionsFor(world, { kind: 'ways-in' });
    expect(action?.title).toBe('2 Ingresses as Gateway and HTTPRoutes');
    expect(action?.because).toContain('the annotation limit-rps of shop');
    expect(action?.edit?.after).toMatch(/^# Not taken along: the annotation limit-rps of shop\n/);
    apply(action);
    runLine(world, 'sleep 5');
    const ask = (path: string, options = '') =>
      runLine(world, `kubectl exec client -- curl -s -m 3 -H 'Host: shop.example.com' ${options} http://nginx-gateway${path}`).stdout.trim();
    expect(ask('/exact')).toBe('new');
    expect(ask('/', "-H 'x-canary: always'")).toBe('new');
    const shares = runLine(
      world,
      `kubectl exec client -- sh -c 'for i in $(seq 40); do curl -s -H "Host: shop.example.com" nginx-gateway; done' | grep -c new`,
    ).stdout;
    expect(Number(shares)).toBeGreaterThan(0);
    expect(Number(shares)).toBeLessThan(12);
  });

  it('are shown by roles: who provides the class, who runs the Gateway, who writes routes', () => {
    const roles = actionsFor(world, { kind: 'ways-in' }).filter(({ role }) => role !== undefined);
    expect(roles.map(({ role, title }) => `${role} ${title}`)).toEqual([
      'provider GatewayClass kubehop',
      'operator Gateway default/nginx',
      'developer HTTPRoute default/shop-shop-example-com',
    ]);
    expect(roles.at(-1)?.because).toBe('nginx: Accepted=True, ResolvedRefs=True');
  });
});

describe('a dial', () => {
  it('is there for rates, weights of canaries and routes, and replicas', () => {
    expect(dials().map(({ title }) => title)).toEqual(
      expect.arrayContaining(['Requests of visitor', 'Canary of shop-canary', 'old in HTTPRoute shop-shop-example-com', 'Replicas of old']),
    );
  });

  it.each([
    [/^Canary/, 50, 'canary-weight: "50"'],
    [/^Requests of visitor/, 8, 'http://old/ 8/s'],
    [/^Replicas of new/, 4, 'replicas: 4'],
    [/^new in HTTPRoute/, 70, 'weight: 70'],
  ] as const)('%s turned to %i is one changed line of its text', (title, value, line) => {
    const [action] = actionsFor(world, { kind: 'dial', id: idOf(title), value });
    const before = new Set(action?.edit?.before?.split('\n'));
    const changed = (action?.edit?.after ?? '').split('\n').filter((one) => !before.has(one));
    expect(changed).toHaveLength(1);
    expect(changed[0]).toContain(line);
    apply(action);
    expect(actionsFor(world, { kind: 'dial', id: idOf(title), value })).toEqual([]);
  });

  it('that is gone, or asked for no number, changes nothing', () => {
    expect(actionsFor(world, { kind: 'dial', id: 'Deployment/default/none spec.replicas', value: 3 })).toEqual([]);
    expect(actionsFor(world, { kind: 'dial', id: idOf(/^Canary/), value: Number.NaN })).toEqual([]);
    expect(actionsFor(world, { kind: 'dial', id: idOf(/^Replicas of old/), value: 9e9 })[0]?.edit?.after).toContain('replicas: 10');
  });
});
