/** A whole world from its text: the article's cluster boots, answers, replays to the byte, keeps running through broken text, and shows its past. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './testing/article.ts';
import type { World } from './world.ts';

const logOf = (world: World) => JSON.stringify(world.engine.events(0, world.headSeq));
const curl = 'kubectl exec client -- curl -s web-service';

describe("the article's cluster", () => {
  it('boots to running pods on the addresses that the article shows', () => {
    const world = openArticle();
    expect(world.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    const pods = world.topology().netnses.filter((netns) => netns.type === 'pod');
    expect(pods.every((pod) => pod.phase === 'Running' && pod.ready)).toBe(true);
    const web = pods.filter((pod) => pod.title.startsWith('web-'));
    expect(web.map((pod) => pod.hostId)).toEqual(['node01', 'node01', 'node01']);
    expect(web.map((pod) => pod.ip).sort()).toEqual(['10.244.1.3', '10.244.1.4', '10.244.1.5']);
    expect(pods.find((pod) => pod.title === 'client')?.hostId).toBe('controlplane');
  });

  it('answers curl by the Service name through DNS, DNAT and the tunnel', () => {
    const world = openArticle();
    const { output, exitCode } = runLine(world, curl);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/web-[a-z0-9]+-[a-z0-9]{5}/);
    const kinds = new Set(world.engine.events(0, world.headSeq).map((event) => event.step.kind));
    for (const kind of ['created', 'bridged', 'matched', 'translated', 'routed', 'encapsulated', 'decapsulated', 'transmitted', 'delivered'] as const)
      expect(kinds).toContain(kind);
  });

  it('ends every packet in delivered or dropped: none vanishes', () => {
    const world = openArticle();
    runLine(world, curl);
    runLine(world, 'kubectl exec client -- ping -c 2 10.244.1.3');
    runLine(world, 'kubectl exec client -- curl -s -m 2 10.244.1.3:81');
    world.elapse(5_000);
    const ended = new Map<number, boolean>();
    for (const event of world.engine.events(0, world.headSeq)) {
      if (event.packetId < 0) continue;
      ended.set(event.packetId, (ended.get(event.packetId) ?? false) || event.step.kind === 'delivered' || event.step.kind === 'dropped');
    }
    expect(ended.size).toBeGreaterThan(20);
    expect([...ended].filter(([, over]) => !over)).toEqual([]);
  });
});

describe('determinism', () => {
  it('gives the same log for the same seed, byte for byte, and another for another seed', () => {
    const first = openArticle({ seed: 7 });
    const second = openArticle({ seed: 7 });
    const other = openArticle({ seed: 8 });
    for (const world of [first, second, other]) runLine(world, curl);
    expect(logOf(second)).toBe(logOf(first));
    expect(logOf(other)).not.toBe(logOf(first));
  });

  it('makes the same world again from its document: files, seed and timed inputs', () => {
    const world = openArticle();
    runLine(world, curl);
    world.elapse(12_345);
    runLine(world, 'kubectl scale deployment web --replicas=5');
    world.edit('client.yaml', `${articleFiles().find((file) => file.path === 'client.yaml')?.text ?? ''}\n# a comment\n`);
    runLine(world, curl);
    const again = openArticle({ files: world.document().files, inputs: world.document().inputs });
    expect(again.nowNs).toBe(world.nowNs);
    expect(logOf(again)).toBe(logOf(world));
    expect(again.terminalFrom(0)).toEqual(world.terminalFrom(0));
  });
});

describe('the past', () => {
  it('shows the tables as they were, and looking changes nothing', () => {
    const world = openArticle();
    const start = world.headSeq;
    runLine(world, curl);
    runLine(world, 'kubectl scale deployment web --replicas=0');
    const log = logOf(world);
    const target = { kind: 'netns', id: 'controlplane/netns/root' } as const;
    const now = world.inspect(target);
    const then = world.inspect(target, start + 1);
    if (now?.kind !== 'netns' || then?.kind !== 'netns') throw new Error('no netns tables');
    const flows = (inspection: typeof now) => inspection.connections.filter((one) => one.protocol === 'tcp').length;
    expect(flows(then)).toBe(0);
    expect(flows(now)).toBe(1);
    const rules = (inspection: typeof now) => inspection.chains.filter((chain) => chain.name.startsWith('KUBE-SEP-')).length;
    expect(rules(then)).toBeGreaterThan(rules(now));
    expect(logOf(world)).toBe(log);
    expect(world.inspect(target)).toEqual(now);
    expect(runLine(world, 'kubectl get deployment web --no-headers').output).toContain('0/0');
  });
});

describe('editing', () => {
  it('grows two pods when replicas becomes 5', () => {
    const world = openArticle();
    const text = articleFiles().find((file) => file.path === 'web.yaml')?.text ?? '';
    const result = world.edit('web.yaml', text.replace(/^ {2}replicas: 3$/m, '  replicas: 5'));
    expect(result.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    expect(result.applied).toBe(true);
    expect(world.topology().netnses.filter((netns) => netns.title.startsWith('web-'))).toHaveLength(5);
  });

  it("keeps the last good world running when the text breaks, and says where in the API server's words", () => {
    const world = openArticle();
    const text = articleFiles().find((file) => file.path === 'web.yaml')?.text ?? '';
    const cases: readonly (readonly [string, RegExp])[] = [
      [text.replace(/^ {2}replicas: 3$/m, '  replicas: three'), /cannot unmarshal|Invalid value/],
      [text.replace(/^ {2}replicas: 3$/m, '  replica: 3'), /unknown field "spec\.replica"/],
      [text.replace(/kind: Service/, 'kind: Sevice'), /no matches for kind "Sevice"/],
      [text.replace(/kind: Deployment/, 'kind: [Deployment'), /yaml|flow|expected/i],
      [text.replace(/ {4}- protocol: TCP\n {6}port: 80\b/, '    - protocol: TCP\n      port: 99999'), /must be between 1 and 65535/],
      [`${text}\n---\n${text}`, /defined twice/],
    ];
    for (const [broken, words] of cases) {
      const result = world.edit('web.yaml', broken);
      const errors = result.diagnostics.filter((one) => one.severity === 'error');
      expect(result.applied, broken).toBe(false);
      expect(errors.length).toBeGreaterThan(0);
      expect(errors.map((one) => one.message).join('\n')).toMatch(words);
      expect(errors[0]?.span?.file).toBe('web.yaml');
      expect(runLine(world, curl).exitCode).toBe(0);
    }
    expect(world.document().inputs.at(-1)).toMatchObject({ kind: 'edit', path: 'web.yaml' });
    expect(world.edit('web.yaml', text).applied).toBe(true);
    expect(world.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
  });
});

describe('a drop is explained', () => {
  const dropOf = (world: World, from: number) => world.hops(from, world.headSeq).filter((hop) => hop.family === 'drop');
  const words = (phrases: readonly { readonly text: string }[] | undefined) => (phrases ?? []).map((phrase) => phrase.text).join('');

  it('when a route is missing', () => {
    const world = openArticle();
    runLine(world, 'ip route del 10.244.1.0/24');
    const from = world.headSeq;
    const { exitCode } = runLine(world, 'kubectl exec client -- curl -s -m 3 10.244.1.3');
    expect(exitCode).toBe(28);
    const drops = dropOf(world, from);
    expect(drops.length).toBeGreaterThan(0);
    expect(words(drops[0]?.fix)).toMatch(/route/);
  });

  it('when the Service has no endpoints', () => {
    const world = openArticle();
    runLine(world, 'kubectl scale deployment web --replicas=0');
    const from = world.headSeq;
    const { exitCode } = runLine(world, 'kubectl exec client -- curl -s -m 3 web-service');
    expect(exitCode).toBe(7);
    const drop = dropOf(world, from)[0];
    expect(drop?.event.step).toMatchObject({ kind: 'dropped', reason: 'NETFILTER_DROP' });
    expect(words(drop?.why)).toMatch(/default\/web-service/);
    expect(words(drop?.fix)).toMatch(/endpoint/);
    expect(drop?.yaml?.file).toBe('web.yaml');
  });

  it('when targetPort is wrong', () => {
    const world = openArticle();
    const text = articleFiles().find((file) => file.path === 'web.yaml')?.text ?? '';
    expect(world.edit('web.yaml', text.replace(/targetPort: 80\b/, 'targetPort: 8080')).applied).toBe(true);
    const from = world.headSeq;
    const { exitCode } = runLine(world, 'kubectl exec client -- curl -s -m 3 web-service');
    expect(exitCode).toBe(7);
    const drop = dropOf(world, from).find((hop) => hop.event.step.kind === 'dropped' && hop.event.step.reason === 'NO_SOCKET');
    expect(words(drop?.fix)).toMatch(/targetPort/);
  });
});

describe('hostile text', () => {
  it('is refused or shown as text, never run and never a prototype key', () => {
    const world = openArticle();
    const hostile = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n    __proto__: polluted\n';
    const result = world.edit('hostile.yaml', hostile);
    expect(result.applied).toBe(false);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(result.diagnostics.some((one) => one.span?.file === 'hostile.yaml' && one.span.startLine === 6)).toBe(true);
    const bomb = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(',')}]`).join('\n')}\n`;
    expect(world.edit('hostile.yaml', bomb).applied).toBe(false);
    expect(world.edit('hostile.yaml', 'x'.repeat(5_000_000)).applied).toBe(false);
    expect(world.edit('hostile.yaml', null).applied).toBe(true);
  });
});
