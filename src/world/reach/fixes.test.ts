import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from '../testing/article.ts';
import type { World } from '../world.ts';
import { checkExpectations } from './expectations.ts';
import { fixesFor } from './fixes.ts';
import { answer, questionAt } from './question.ts';

const examples = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'content', 'examples');
function openExample(slug: string, ...before: readonly string[]): World {
  const folder = join(examples, slug);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
  const world = openArticle({ files });
  for (const line of before) runLine(world, line);
  return world;
}
const fixOf = (world: World, from = 'pod/client', to = 'service/shop') => fixesFor(world, answer(world, { from, to }))[0];
/** The lines that a fix adds to its file. */
function added(world: World, from?: string): string {
  const edit = fixOf(world, from)?.edit;
  const old = new Set(edit?.before?.split('\n'));
  return (edit?.after ?? '')
    .split('\n')
    .filter((line) => !old.has(line))
    .join('\n')
    .trim();
}

describe('the nearest fix', () => {
  it('is read off what is there: ports, labels, protocols, probes, addresses', () => {
    expect(added(openExample('wrong-target-port'))).toMatch(/^targetPort: 80\b/);
    expect(added(openExample('selector-mismatch'))).toMatch(/^app: shop\b/);
    expect(added(openExample('protocol-mismatch'))).toMatch(/^protocol: TCP\b/);
    expect(added(openExample('pods-not-ready'))).toMatch(/^path: \/$/m);
    expect(added(openExample('app-on-loopback'))).toContain('-listen=0.0.0.0:5678');
    expect(added(openExample('coredns-down'))).toBe('replicas: 1');
  });

  it('is a command where no text is to blame', () => {
    const lines = (world: World, from?: string, to?: string) => fixOf(world, from, to)?.commands?.map(({ host, line }) => `${host}: ${line}`);
    expect(lines(openExample('bridge-netfilter-off', 'ssh node01 sysctl -w net.bridge.bridge-nf-call-iptables=0'), 'pod/neighbour')).toEqual([
      'node01: sysctl -w net.bridge.bridge-nf-call-iptables=1',
    ]);
    expect(lines(openExample('vxlan-port-blocked', 'ssh node01 iptables -I INPUT -p udp --dport 8472 -j DROP'))).toEqual([
      'node01: iptables -t filter -D INPUT 1',
    ]);
    expect(lines(openExample('forward-policy-drop', 'iptables -P FORWARD DROP', 'ssh node01 iptables -P FORWARD DROP'))).toEqual([
      'controlplane: iptables -P FORWARD ACCEPT',
      'node01: iptables -P FORWARD ACCEPT',
    ]);
    const article = (line: string) => {
      const world = openArticle();
      runLine(world, line);
      return lines(world, 'pod/client', 'service/web-service');
    };
    expect(article('ip route del 10.244.1.0/24')).toEqual(['controlplane: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink']);
    expect(article('ssh node01 ip route del 10.244.0.0/24')).toEqual(['node01: ip route add 10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink']);
    expect(article('sysctl -w net.ipv4.ip_forward=0')).toEqual(['controlplane: sysctl -w net.ipv4.ip_forward=1']);
    expect(article('bridge fdb del $(bridge fdb show dev flannel.1 | cut -d" " -f1) dev flannel.1')?.[0]).toMatch(
      /^controlplane: bridge fdb append [0-9a-f:]{17} dev flannel.1 dst 172.30.2.2$/,
    );
    const hairpin = openExample('hairpin');
    const pod = hairpin.topology().netnses.find((one) => one.title.startsWith('shop-'))?.title;
    expect(lines(hairpin, `pod/${pod}`)?.[0]).toMatch(/^node01: ip link set veth\w+ type bridge_slave hairpin on$/);
    const stopped = openExample(
      'kube-proxy-dead-on-a-node',
      'kubectl annotate node node01 kubehop.dev/stopped=kube-proxy',
      'kubectl rollout restart deployment shop',
      'kubectl rollout status deployment shop --timeout=60s',
    );
    expect(lines(stopped, 'pod/neighbour')).toEqual(['controlplane: kubectl annotate node node01 kubehop.dev/stopped-']);
    expect(answer(stopped, { from: 'pod/neighbour', to: 'service/shop' }).rows[1]?.result.failing?.event.step).toMatchObject({
      kind: 'dropped',
      reason: 'NEIGH_FAILED',
    });
  });

  it('leaves the world as it was, with its texts, inputs and log', () => {
    const world = openExample('selector-mismatch');
    const before = {
      files: world.files,
      document: JSON.stringify(world.document()),
      seq: world.headSeq,
      now: world.nowNs,
      diagnostics: JSON.stringify(world.diagnostics),
    };
    expect(fixOf(world)).toBeDefined();
    expect({
      files: world.files,
      document: JSON.stringify(world.document()),
      seq: world.headSeq,
      now: world.nowNs,
      diagnostics: JSON.stringify(world.diagnostics),
    }).toEqual(before);
    const after = runLine(world, 'kubectl exec client -- curl -sS -m 3 shop');
    const other = openExample('selector-mismatch');
    expect(after).toEqual(runLine(other, 'kubectl exec client -- curl -sS -m 3 shop'));
    expect(JSON.stringify(world.engine.events(0, world.headSeq))).toBe(JSON.stringify(other.engine.events(0, other.headSeq)));
    // The question that a drop of the log stands for.
    const drop = world.engine.events(0, world.headSeq).find(({ step }) => step.kind === 'dropped' && step.reason === 'NETFILTER_DROP');
    expect(questionAt(world, drop?.seq ?? 0)).toEqual({ from: 'pod/default/client', to: 'service/default/shop', protocol: 'TCP', port: 80 });
  });
});

describe('expectations', () => {
  it('are tried for every pair that they name', () => {
    const one = (name: string, spec: string) => `apiVersion: kubehop.dev/v1alpha1\nkind: Expectation\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
    const text = [
      one('a-web', '{from: {pod: client}, to: {service: web-service}}'),
      one('b-closed', '{from: {pod: client}, to: {podSelector: {matchLabels: {app: web}}}, port: 81, outcome: Closed}'),
      one('c-wrong', '{from: {podSelector: {}, namespaceSelector: {}}, to: {podSelector: {matchLabels: {app: web}}}, port: 81}'),
      one('d-nobody', '{from: {pod: nobody}, to: {service: web-service}}'),
    ].join('---\n');
    const world = openArticle({ files: [...articleFiles(), { path: 'expect.yaml', text }] });
    const results = checkExpectations(world);
    expect(results.map(({ title, pass, pairs }) => [title, pass, pairs])).toEqual([
      ['a-web', true, 1],
      ['b-closed', true, 3],
      ['c-wrong', false, 15],
      ['d-nobody', false, 0],
    ]);
    expect(results[2]?.found).toMatch(/^refused from .* to web-.*, NO_SOCKET at web-/);
    expect(results[3]?.found).toBe('nobody fits pod/nobody');
  });
});
