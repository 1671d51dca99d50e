import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from '../testing/article.ts';
import { probe } from './probe.ts';
import { answer } from './question.ts';
import type { ReachAnswer } from './reach-views.ts';

const world = openArticle();
const logOf = () => JSON.stringify(world.engine.events(0, world.headSeq));
const CLIENT = 'controlplane/netns/client.default';
const told = (one: ReachAnswer) => one.conclusion.map((phrase) => phrase.text).join('');
const lines = (one: ReachAnswer) => one.rows.map(({ direction, about, result }) => `${direction} ${result.spec.protocol} ${about}: ${result.outcome}`);

describe('a probe', () => {
  it('is a real attempt that leaves nothing behind', () => {
    runLine(world, 'kubectl exec client -- curl -s web-service');
    const before = {
      log: logOf(),
      now: world.nowNs,
      terminal: world.terminalLength,
      tables: JSON.stringify(world.inspect({ kind: 'netns', id: 'node01/netns/root' })),
      topology: world.topologyVersion,
    };
    const [first, second, third, fourth, fifth] = probe(world, [
      { from: CLIENT, protocol: 'TCP', target: 'web-service', port: 80 },
      { from: CLIENT, protocol: 'TCP', target: '10.244.1.3', port: 81 },
      { from: CLIENT, protocol: 'UDP', target: '10.96.0.10', port: 53 },
      { from: CLIENT, protocol: 'ICMP', target: '10.244.9.9', port: 0 },
      { from: CLIENT, protocol: 'TCP', target: 'no-such-service', port: 80 },
    ]);
    expect(first).toMatchObject({ outcome: 'open', answeredBy: expect.stringMatching(/^node01\/netns\/web-/), said: expect.stringContaining('succeeded') });
    expect(second).toMatchObject({ outcome: 'refused', failing: { event: { step: { kind: 'dropped', reason: 'NO_SOCKET' } } } });
    expect(third).toMatchObject({ outcome: 'open', answeredBy: expect.stringContaining('coredns') });
    expect(fourth?.outcome).not.toBe('open');
    expect(fifth).toMatchObject({ outcome: 'unresolved' });
    expect({
      log: logOf(),
      now: world.nowNs,
      terminal: world.terminalLength,
      tables: JSON.stringify(world.inspect({ kind: 'netns', id: 'node01/netns/root' })),
      topology: world.topologyVersion,
    }).toEqual(before);
    // And it gives the same log afterwards as if nobody had asked.
    const line = 'kubectl exec client -- curl -s web-service';
    const other = openArticle();
    runLine(other, line);
    runLine(other, line);
    runLine(world, line);
    expect(logOf()).toBe(JSON.stringify(other.engine.events(0, other.headSeq)));
  });

  it('is told apart from others that travel at the same time', () => {
    const pods = world.topology().netnses.filter((one) => one.type === 'pod');
    const specs = pods.flatMap((from) => pods.filter((to) => to !== from).map((to) => ({ from: from.id, protocol: 'TCP' as const, target: to.ip, port: 80 })));
    const results = probe(world, specs);
    for (const [index, result] of results.entries()) {
      const to = pods.find((one) => one.ip === specs[index]?.target);
      expect(`${to?.title} ${result.outcome}`).toBe(`${to?.title} ${to?.title.startsWith('web-') ? 'open' : 'refused'}`);
      if (result.outcome === 'open') expect(result.answeredBy).toBe(to?.id);
      else expect(result.failing?.event.netns).toBe(to?.id);
    }
  });
});

describe("why can't A reach B", () => {
  it('tries names, addresses, endpoints, pings, and the way back', () => {
    const one = answer(world, { from: 'pod/client', to: 'service/web-service' });
    expect(one.reached).toBe(true);
    expect(told(one)).toMatch(/^client reaches web-service: 80\/TCP by name, web-service, answered by web-/);
    expect(lines(one).slice(0, 3)).toEqual([
      'there TCP by name, web-service: open',
      'there TCP at its ClusterIP: open',
      expect.stringMatching(/^there TCP its endpoint web-.*: open$/),
    ]);
    expect(lines(one).at(-1)).toMatch(/^back ICMP from web-.*ping: open$/);
    expect(one.rows[0]?.result.hops?.length).toBeGreaterThan(20);
  });

  it('finds the layer that fails: no endpoint, a wrong port, a name that is not there', () => {
    const broken = (from: string, to: string) =>
      openArticle({ files: articleFiles().map((file) => (file.path === 'web.yaml' ? { ...file, text: file.text.replace(from, to) } : file)) });
    const service = articleFiles().find((file) => file.path === 'web.yaml')?.text ?? '';
    expect(service).toContain('targetPort: 80');
    const port = broken('targetPort: 80', 'targetPort: 8080');
    expect(told(answer(port, { from: 'pod/client', to: 'service/web-service' }))).toContain(
      'The endpoint can be pinged, so the way is there: what fails is its port.',
    );
    const selector = broken('app: web        #', 'app: wed        #');
    const none = answer(selector, { from: 'pod/client', to: 'service/web-service' });
    expect(told(none)).toContain('no ready endpoint');
    expect(none.rows[1]?.result.failing?.event.step).toMatchObject({ kind: 'dropped', reason: 'NETFILTER_DROP' });
    expect(told(answer(world, { from: 'pod/nobody', to: 'service/web-service' }))).toContain('there is none called pod/nobody');
  });
});
