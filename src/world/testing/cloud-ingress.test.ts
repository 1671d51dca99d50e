/** Ingress classes whose balancer stands outside the cluster: what each sends to, what the pod sees of the client, and what is said where there is nobody. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './article.ts';

const object = (apiVersion: string, kind: string, name: string, spec: unknown, annotations: Readonly<Record<string, string>> = {}) =>
  `${JSON.stringify({ apiVersion, kind, metadata: { name, annotations }, spec })}\n---\n`;
const ingress = (name: string, className: string | undefined, service: string, annotations: Readonly<Record<string, string>> = {}) =>
  object(
    'networking.k8s.io/v1',
    'Ingress',
    name,
    {
      ...(className === undefined ? {} : { ingressClassName: className }),
      rules: [{ host: 'shop.test', http: { paths: [{ path: '/shop', pathType: 'Prefix', backend: { service: { name: service, port: { number: 80 } } } }] } }],
    },
    annotations,
  );

describe('a balancer of a cloud, outside the cluster', () => {
  const text = [
    object('kubehop.dev/v1alpha1', 'CloudProvider', 'cloud', { addresses: ['192.0.2.0/28'] }),
    object('kubehop.dev/v1alpha1', 'Host', 'visitor', { address: '203.0.113.10' }),
    object('networking.k8s.io/v1', 'IngressClass', 'alb', { controller: 'ingress.k8s.aws/alb' }),
    object('networking.k8s.io/v1', 'IngressClass', 'azure', { controller: 'azure/application-gateway' }),
    object('apps/v1', 'Deployment', 'who', {
      selector: { matchLabels: { app: 'who' } },
      template: { metadata: { labels: { app: 'who' } }, spec: { containers: [{ name: 'who', image: 'traefik/whoami' }] } },
    }),
    object('v1', 'Service', 'pods', { selector: { app: 'who' }, ports: [{ port: 80 }] }, { 'cloud.google.com/neg': '{"ingress": true}' }),
    object('v1', 'Service', 'nodes', { type: 'NodePort', selector: { app: 'who' }, ports: [{ port: 80 }] }),
    object(
      'v1',
      'Service',
      'nobody',
      { type: 'NodePort', selector: { app: 'nobody' }, ports: [{ port: 80 }] },
      { 'cloud.google.com/neg': '{"ingress": true}' },
    ),
    ingress('instance', 'alb', 'nodes'),
    ingress('ip', 'alb', 'pods', { 'alb.ingress.kubernetes.io/target-type': 'ip' }),
    ingress('wrong', 'alb', 'pods'),
    ingress('google', undefined, 'pods', { 'kubernetes.io/ingress.class': 'gce' }),
    ingress('azure', 'azure', 'pods'),
    ingress('empty-aws', 'alb', 'nobody', { 'alb.ingress.kubernetes.io/target-type': 'ip' }),
    ingress('empty-google', undefined, 'nobody', { 'kubernetes.io/ingress.class': 'gce' }),
  ].join('');
  const world = openArticle({ files: [...articleFiles(), { path: 'cloud.yaml', text }], trace: false });
  runLine(world, 'sleep 5');
  const addressOf = (name: string): string => runLine(world, `kubectl get ingress ${name} -o jsonpath='{.status.loadBalancer.ingress[*].ip}'`).stdout;
  const ask = (name: string, path = '/shop/1'): string =>
    runLine(world, `ssh visitor "curl -si -m 5 -H 'Host: shop.test' http://${addressOf(name)}${path}"`).stdout.replaceAll('\r', '');
  const remote = (answer: string): string => /^RemoteAddr: (.*):\d+$/m.exec(answer)?.[1] ?? '';

  it('sends to nodes, whose kube-proxy hides it, or to pods, which see it', () => {
    expect(remote(ask('instance'))).not.toBe(addressOf('instance'));
    for (const name of ['ip', 'google', 'azure']) expect(remote(ask(name))).toBe(addressOf(name));
  });

  it('notes the client each in its own way', () => {
    expect(ask('ip')).toMatch(/^X-Amzn-Trace-Id: Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/m);
    expect(ask('ip')).toMatch(/^X-Forwarded-For: 203\.0\.113\.10$/m);
    expect(ask('google')).toContain(`X-Forwarded-For: 203.0.113.10,${addressOf('google')}\n`);
    expect(ask('google')).toContain('Via: 1.1 google\n');
    expect(ask('azure')).toMatch(/^X-Forwarded-For: 203\.0\.113\.10:\d+$/m);
    expect(ask('azure')).toContain('X-Original-Host: shop.test\n');
  });

  it('answers by itself where nothing fits or nobody is there', () => {
    expect(ask('ip', '/shopping')).toMatch(/^HTTP\/1.1 404 Not Found\nServer: awselb\/2.0\n/);
    expect(ask('google', '/shopping')).toContain('response 404 (backend NotFound)');
    expect(ask('azure', '/shopping')).toContain('<center>Microsoft-Azure-Application-Gateway/v2</center>');
    expect(ask('empty-aws')).toMatch(/^HTTP\/1.1 503 Service Temporarily Unavailable\n/);
    expect(ask('empty-google')).toMatch(/^HTTP\/1.1 502 Bad Gateway\n/);
  });

  it('is not made for a Service without node ports, goes with its Ingress, and says what it leaves out', () => {
    expect(addressOf('wrong')).toBe('');
    expect(runLine(world, 'kubectl describe ingress wrong').stdout).toContain("your service must be of type 'NodePort' or 'LoadBalancer'");
    expect(world.diagnostics.filter(({ code }) => code === 'simplified').map(({ message }) => message.split(':')[0])).toContain('AWS Load Balancer Controller');
    runLine(world, 'kubectl delete ingress google && sleep 1');
    expect(runLine(world, 'kubectl get hosts').stdout).not.toContain('gce-default-google');
  });
});
