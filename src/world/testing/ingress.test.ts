/** ingress-nginx in the article's cluster, request by request; and what the Ingress conformance suite expects, where its cases are at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { articleFiles, openArticle, runLine } from './article.ts';

const deploy = 'https://raw.githubusercontent.com/kubernetes/ingress-nginx/controller-v1.8.1/deploy/static/provider/baremetal/deploy.yaml';
const echo = (name: string, text: string, labels = `app: ${name}`) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {${labels}}}
spec: {containers: [{name: echo, image: hashicorp/http-echo, args: [-listen=:8080, -text=${text}]}]}
---
`;
const service = (name: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 8080}]}
---
`;

interface Path {
  readonly path: string;
  readonly to: string;
  readonly type?: string;
}
const ingress = (name: string, host: string, paths: readonly Path[], annotations: Readonly<Record<string, string>> = {}) =>
  `${JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value])) },
    spec: {
      ingressClassName: 'nginx',
      rules: [
        {
          host,
          http: { paths: paths.map(({ path, to, type = 'Prefix' }) => ({ path, pathType: type, backend: { service: { name: to, port: { number: 8080 } } } })) },
        },
      ],
    },
  })}\n---\n`;

function open(text: string): World {
  const files = [...articleFiles(), { path: 'ingress.yaml', text }];
  const world = openArticle({ files, trace: false });
  runLine(world, `kubectl apply -f ${deploy} && sleep 30`);
  return world;
}

/** The answer of the controller to a request from the client pod: status, then the body's first line. */
function ask(world: World, url: string, options = ''): string {
  const [host = '', ...path] = url.split('/');
  const { stdout } = runLine(
    world,
    `kubectl exec client -- curl -s -w ' %{http_code}' ${options} -H 'Host: ${host}' http://ingress-nginx-controller.ingress-nginx/${path.join('/')}`,
  );
  const code = /(\d{3})$/.exec(stdout)?.[1] ?? '';
  const body = stdout.slice(0, -code.length - 1);
  return `${code} ${/<title>/.test(body) ? '' : (body.split('\n')[0] ?? '')}`.trim();
}

/** In TLS, with the certificate checked against its own. */
function askSecurely(world: World, url: string): string {
  const [host = ''] = url.split('/');
  const ip = runLine(world, 'kubectl get svc -n ingress-nginx ingress-nginx-controller -o jsonpath={.spec.clusterIP}').stdout;
  const { stdout } = runLine(world, `curl -s -w '%{http_code}' --cacert ${host}.crt --resolve ${host}:443:${ip} https://${url}`);
  return `${stdout.slice(-3)} ${stdout.slice(0, -3).trim()}`;
}

describe('an Ingress in the hands of ingress-nginx', () => {
  const world = open(
    [
      ...['one', 'two', 'canary'].map((name) => echo(name, name) + service(name)),
      service('empty'),
      // Listens elsewhere than its Service says.
      `apiVersion: v1\nkind: Pod\nmetadata: {name: wrong, labels: {app: wrong}}\nspec: {containers: [{name: web, image: nginx}]}\n---\n${service('wrong')}`,
      `apiVersion: v1\nkind: Pod\nmetadata: {name: who, labels: {app: who}}\nspec: {containers: [{name: who, image: traefik/whoami, args: [--port=8080]}]}\n---\n${service('who')}`,
      ingress('paths', 'shop.test', [
        { path: '/', to: 'one' },
        { path: '/cart', to: 'two' },
        { path: '/empty', to: 'empty' },
        { path: '/wrong', to: 'wrong' },
        { path: '/gone', to: 'nobody' },
        { path: '/exact', to: 'two', type: 'Exact' },
      ]),
      ingress('older', 'late.test', [{ path: '/', to: 'one' }]),
      ingress('rewrite', 'api.test', [{ path: '/api(/|$)(.*)', to: 'who', type: 'ImplementationSpecific' }], { 'rewrite-target': '/$2', 'use-regex': 'true' }),
      ingress('limited', 'limited.test', [{ path: '/', to: 'one' }], { 'limit-rps': '1', 'limit-burst-multiplier': '2' }),
      ingress('denied', 'denied.test', [{ path: '/', to: 'one' }], { 'whitelist-source-range': '192.0.2.0/24' }),
      ingress('moved', 'moved.test', [{ path: '/', to: 'one' }], { 'permanent-redirect': 'http://shop.test/cart' }),
      ingress('main', 'canary.test', [{ path: '/', to: 'one' }]),
      ingress('canary', 'canary.test', [{ path: '/', to: 'canary' }], {
        canary: 'true',
        'canary-weight': '10',
        'canary-by-header': 'X-Canary',
        'canary-by-cookie': 'canary',
      }),
      ingress('small', 'small.test', [{ path: '/', to: 'one' }], { 'proxy-body-size': '8' }),
    ].join(''),
  );

  it('goes by host, then by the longest path, element by element', () => {
    expect(
      ['shop.test/', 'shop.test/cart', 'shop.test/cart/1', 'shop.test/cartoon', 'shop.test/exact', 'shop.test/exact/'].map((url) => ask(world, url)),
    ).toEqual(['200 one', '200 two', '200 two', '200 one', '200 two', '200 one']);
    expect(ask(world, 'nobody.test/')).toBe('404');
  });

  it('answers 503 without endpoints or Service, and 502 when the endpoint refuses three times', () => {
    expect(ask(world, 'shop.test/empty')).toBe('503');
    expect(ask(world, 'shop.test/gone')).toBe('503');
    expect(ask(world, 'shop.test/wrong')).toBe('502');
    const log = runLine(world, 'kubectl logs -n ingress-nginx deploy/ingress-nginx-controller | grep /wrong').stdout;
    expect(log).toMatch(/ 502 150 .* \[default-wrong-8080\] \[\] (10\.244\.\d+\.\d+:8080), \1, \1 0, 0, 0 [\d., ]+ 502, 502, 502 [0-9a-f]{32}\n$/);
  });

  it('rewrites by the groups of an expression, without case', () => {
    expect(runLine(world, "kubectl exec client -- curl -s -H 'Host: api.test' http://ingress-nginx-controller.ingress-nginx/API/v1/users?x=1").stdout).toMatch(
      /^GET \/v1\/users\?x=1 HTTP\/1.1$/m,
    );
    expect(ask(world, 'api.test/other')).toBe('404');
  });

  it('tells the backend who asked', () => {
    const { stdout } = runLine(
      world,
      "kubectl exec client -- curl -s -H 'Host: api.test' -H 'X-Forwarded-For: 1.2.3.4' http://ingress-nginx-controller.ingress-nginx/api/",
    );
    const client = runLine(world, "kubectl get pod client -o jsonpath='{.status.podIP}'").stdout;
    expect(stdout).toContain(`X-Forwarded-For: ${client}\n`);
    expect(stdout).toContain('X-Original-Forwarded-For: 1.2.3.4\n');
    expect(stdout).toContain('X-Forwarded-Proto: http\n');
  });

  it('keeps to limits, source ranges, redirects and body sizes of its annotations', () => {
    expect(Array.from({ length: 5 }, () => ask(world, 'limited.test/'))).toEqual(['200 one', '200 one', '200 one', '503', '503']);
    expect(ask(world, 'denied.test/')).toBe('403');
    expect(
      runLine(
        world,
        "kubectl exec client -- curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: moved.test' http://ingress-nginx-controller.ingress-nginx/x",
      ).stdout,
    ).toBe('301 http://shop.test/cart');
    expect(ask(world, 'small.test/', '-d 12345678')).toBe('200 one');
    expect(ask(world, 'small.test/', '-d 123456789')).toBe('413');
    // Bytes count, not letters.
    expect(ask(world, 'small.test/', '-d äöüß')).toBe('200 one');
    expect(ask(world, 'small.test/', '-d äöüßä')).toBe('413');
  });

  it('gives a canary its share, and all that ask for it by header or cookie', () => {
    expect(ask(world, 'canary.test/', "-H 'X-Canary: always'")).toBe('200 canary');
    expect(ask(world, 'canary.test/', '-b canary=always')).toBe('200 canary');
    expect(ask(world, 'canary.test/', "-H 'X-Canary: never'")).toBe('200 one');
    runLine(
      world,
      'kubectl exec client -- sh -c \'for i in $(seq 200); do curl -s -H "Host: canary.test" http://ingress-nginx-controller.ingress-nginx/; done\' > /tmp/all',
    );
    const share = Number(runLine(world, 'grep -c canary /tmp/all').stdout) / 200;
    expect(share).toBeGreaterThan(0.04);
    expect(share).toBeLessThan(0.17);
  });

  it('is reachable where the controller says once a minute, at the node of its pod', () => {
    runLine(world, 'sleep 60');
    const node = runLine(world, "kubectl get pod -n ingress-nginx -l app.kubernetes.io/component=controller -o jsonpath='{.items[0].status.hostIP}'").stdout;
    expect(runLine(world, "kubectl get ingress paths -o jsonpath='{.status.loadBalancer.ingress[*].ip}'").stdout).toBe(node);
    expect(runLine(world, 'kubectl describe ingress paths | tail -1').stdout).toMatch(
      /^ {2}Normal {2}Sync {4}.* nginx-ingress-controller {2}Scheduled for sync\n$/,
    );
    expect(runLine(world, 'kubectl exec -n ingress-nginx deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf').stdout).toContain(
      '\t\tlocation = /cart {\n',
    );
  });
});

const file = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/conformance/ingress.json');

interface Request {
  readonly name: string;
  readonly method?: string;
  readonly scheme?: string;
  readonly host?: string;
  readonly path?: string;
  readonly status?: number;
  readonly backend?: string;
}
interface Suite {
  readonly featureCases: readonly {
    readonly id: string;
    readonly ingress: { readonly metadata: { readonly name: string }; readonly spec: { readonly ingressClassName?: string } };
    readonly services: readonly string[];
    readonly requests: readonly Request[];
  }[];
  readonly pathTypeTable: readonly {
    readonly rules: readonly { readonly pathType: string; readonly path: string }[];
    readonly requestPath: string;
    readonly winner: number | null;
  }[];
}

describe.skipIf(!existsSync(file))('the Ingress conformance cases (skipped where ../shared/conformance is absent)', () => {
  const suite: Suite = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { featureCases: [], pathTypeTable: [] };

  it('send each plain request where they should', () => {
    const names = [...new Set(suite.featureCases.flatMap(({ services }) => services))];
    // Conformance runs against the default class, without sending everybody to HTTPS.
    const ingresses = suite.featureCases.map(({ ingress: one }) => ({
      ...one,
      metadata: { ...one.metadata, annotations: { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' } },
      spec: { ...one.spec, ingressClassName: one.spec.ingressClassName ?? 'nginx' },
    }));
    const world = open(names.map((name) => echo(name, name) + service(name)).join('') + ingresses.map((one) => `${JSON.stringify(one)}\n---\n`).join(''));
    runLine(
      world,
      "openssl req -x509 -newkey ec -nodes -days 30 -keyout k -out foo.bar.com.crt -subj /CN=foo -addext 'subjectAltName=DNS:foo.bar.com' && kubectl create secret tls conformance-tls --cert foo.bar.com.crt --key k",
    );
    const failed: string[] = [];
    let asked = 0;
    for (const { requests } of suite.featureCases) {
      for (const { name, method = 'GET', scheme, host = '', path = '/', status, backend = '' } of requests) {
        if (status === undefined) continue;
        // Host "": what no rule names.
        const url = `${host === '' ? 'any.test' : host}${path}`;
        const answer = scheme === 'https' ? askSecurely(world, url) : ask(world, url, `-X ${method}`);
        asked += 1;
        // The suite's cases stand for themselves; here the default backend of the first takes what matches nothing.
        const expected = status === 404 && !answer.startsWith('404') ? '200 echo-service' : `${status} ${backend}`.trim();
        if (answer !== expected) failed.push(`${name}: ${answer} instead of ${expected}`);
      }
    }
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(20);
  });

  it('choose the winner of each row of the table of paths', () => {
    const services = Array.from({ length: 3 }, (_, i) => `rule-${i}`);
    const ingresses = suite.pathTypeTable.map(({ rules }, row) =>
      ingress(
        `row-${row}`,
        `row-${row}.test`,
        rules.map(({ path, pathType }, i) => ({ path, type: pathType, to: `rule-${i}` })),
      ),
    );
    const world = open(services.map((name) => echo(name, name) + service(name)).join('') + ingresses.join(''));
    const answers = suite.pathTypeTable.map(({ requestPath }, row) => ask(world, `row-${row}.test${requestPath}`));
    expect(answers).toEqual(suite.pathTypeTable.map(({ winner }) => (winner === null ? '404' : `200 rule-${winner}`)));
  });
});
