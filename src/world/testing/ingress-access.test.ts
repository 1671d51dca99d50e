/** Who gets through ingress-nginx, and to whom: passwords, another server's word, affinity, copies, connections at once. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './article.ts';

const deploy = 'https://raw.githubusercontent.com/kubernetes/ingress-nginx/controller-v1.8.1/deploy/static/provider/baremetal/deploy.yaml';
const pods = (name: string, image: string, replicas: number, targetPort: number) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: c, image: "${image}"}]}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{port: 80, targetPort: ${targetPort}}]}
---
`;
const ingress = (name: string, annotations: Readonly<Record<string, string>>, to = 'who') =>
  `${JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value])) },
    spec: {
      ingressClassName: 'nginx',
      rules: [{ host: `${name}.test`, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: to, port: { number: 80 } } } }] } }],
    },
  })}\n---\n`;
const judge = 'http://judge.default.svc.cluster.local/status';

describe('annotations of ingress-nginx about who gets through', () => {
  const text = [
    pods('who', 'traefik/whoami', 3, 80),
    pods('judge', 'registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0', 1, 3000),
    pods('shadow', 'nginx', 1, 80),
    'apiVersion: v1\nkind: Secret\nmetadata: {name: users}\nstringData: {auth: "ann:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"}\n---\n',
    ingress('sticky', { affinity: 'cookie', 'session-cookie-name': 'route', 'session-cookie-max-age': '3600' }),
    ingress('basic', { 'auth-type': 'basic', 'auth-secret': 'users', 'auth-realm': 'Shop' }),
    ingress('denied', { 'auth-type': 'basic', 'auth-secret': 'nobody' }),
    ingress('yes', { 'auth-url': `${judge}/200`, 'auth-response-headers': 'Content-Type' }),
    ingress('no', { 'auth-url': `${judge}/403` }),
    ingress('login', { 'auth-url': `${judge}/401`, 'auth-signin': 'https://login.test/start' }),
    ingress('broken', { 'auth-url': `${judge}/418` }),
    ingress('copied', { 'mirror-target': 'http://shadow.default.svc.cluster.local$request_uri' }),
    ingress('few', { 'limit-connections': '1' }, 'judge'),
    ingress('bad', { 'limit-rps': 'many' }),
  ].join('');
  const world = openArticle({ files: [...articleFiles(), { path: 'ingress.yaml', text }], trace: false });
  runLine(world, `kubectl apply -f ${deploy} && sleep 30`);
  const service = 'http://ingress-nginx-controller.ingress-nginx';
  const curl = (host: string, path = '/', options = ''): string =>
    runLine(world, `kubectl exec client -- curl -s ${options} -H 'Host: ${host}.test' '${service}${path}'`).stdout;
  const code = (host: string, options = ''): string => curl(host, '/', `-o /dev/null -w '%{http_code} %{redirect_url}' ${options}`).trim();

  it('ask for a password of the Secret; without the Secret nobody is let in', () => {
    expect(curl('basic', '/', '-i')).toMatch(
      /^HTTP\/1.1 401 Unauthorized\r\n[\s\S]*WWW-Authenticate: Basic realm="Shop"\r\n[\s\S]*<h1>401 Authorization Required<\/h1>/,
    );
    expect([code('basic', '-u ann:tset'), code('basic', '-u ann:test'), code('denied', '-u ann:test')]).toEqual(['401', '200', '503']);
    const log = runLine(world, 'kubectl logs -n ingress-nginx deploy/ingress-nginx-controller | grep " - ann "').stdout;
    expect(log).toMatch(/^\S+ - ann \[.*\] "GET \/ HTTP\/1.1" 200 .* \[default-who-80\] /);
  });

  it('ask somebody else, and know yes, 401 and 403', () => {
    expect([code('yes'), code('no'), code('broken')]).toEqual(['200', '403', '500']);
    expect(curl('yes')).toContain('Content-Type: text/plain');
    expect(code('login')).toBe('302 https://login.test/start?rd=http://login.test%2F');
  });

  it('bring a client with its cookie back to the same endpoint', () => {
    const first = curl('sticky', '/', '-i');
    const [, cookie = ''] = /Set-Cookie: (route=[^;]+); Expires=\w{3}, \d\d-\w{3}-\d{4} [\d:]+ GMT; Max-Age=3600; Path=\/; HttpOnly\r\n/.exec(first) ?? [];
    const nameOf = (text: string) => /Hostname: (\S+)/.exec(text)?.[1];
    expect(cookie).not.toBe('');
    const again = Array.from({ length: 4 }, () => curl('sticky', '/', `-i -b '${cookie}'`));
    expect(new Set([first, ...again].map(nameOf)).size).toBe(1);
    expect(again.join('')).not.toContain('Set-Cookie');
    const others = ['a', 'b', 'c', 'd', 'e', 'f'].map((lot) => nameOf(curl('sticky', '/', `-b 'route=${lot}'`)));
    expect(new Set(others).size).toBeGreaterThan(1);
  });

  it('that are not accepted are as if they were not there, and logged', () => {
    expect(code('bad')).toBe('200');
    expect(runLine(world, 'kubectl logs -n ingress-nginx deploy/ingress-nginx-controller | grep validation').stdout).toMatch(
      /^W\d{4} [\d:.]+ +7 validators\.go:243\] validation error on ingress default\/bad: annotation limit-rps contains invalid value many\n$/,
    );
  });

  it('send a copy elsewhere, and let one client do so much at once', () => {
    expect(curl('copied', '/pages?one')).toContain('Hostname: who-');
    expect(runLine(world, 'kubectl logs deploy/shadow').stdout).toContain('"GET /pages?one HTTP/1.1"');
    const both = runLine(
      world,
      `kubectl exec client -- sh -c "curl -s -o /dev/null -H 'Host: few.test' '${service}/?delay=2s' & sleep 1; curl -s -o /dev/null -w '%{http_code}' -H 'Host: few.test' '${service}/'; wait"`,
    ).stdout;
    expect(both).toContain('503');
    expect(code('few')).toBe('200');
  });
});
