/** Pods that ask others by themselves (`kubehop.dev/rate`): what is asked, counted, read, and refused when it is written wrong. */
import { describe, expect, it } from 'vitest';
import { articleFiles, openArticle, runLine } from './testing/article.ts';
import { traffic } from './traffic.ts';

const pod = (name: string, rate: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations:\n    kubehop.dev/rate: ${JSON.stringify(rate)}\nspec:\n  nodeName: controlplane\n  containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]\n`;
const open = (text: string, seed = 1) => openArticle({ files: [...articleFiles(), { path: 'load.yaml', text }], seed });
const requests = (totals: readonly { readonly outcome: string; readonly requests: number }[]) =>
  Object.fromEntries(totals.map((one) => [one.outcome, one.requests]));

describe('a pod with a rate', () => {
  const world = open(
    [pod('steady', 'http://web-service/ 20/s constant metrics=9102'), pod('users', 'http://web-service/ users=3 think=100ms keep-alive')].join('---\n'),
  );

  it('asks so often in a second, and its latencies and shares can be read', () => {
    world.elapse(30_500);
    const steady = traffic(world, 'Pod/default/steady');
    expect(steady?.countedBy).toBe('clients');
    expect(steady?.seconds.at(-1)?.requests).toBe(20);
    expect(steady?.p50Ms).toBeGreaterThan(0.1);
    expect(steady?.p99Ms).toBeGreaterThanOrEqual(steady?.p50Ms ?? Number.POSITIVE_INFINITY);
    const service = traffic(world, 'Service/default/web-service');
    expect(service?.streams.map((one) => one.key)).toEqual(['Pod/default/steady', 'Pod/default/users']);
    expect(service?.endpoints.length).toBe(3);
    expect(service?.endpoints.reduce((sum, one) => sum + one.share, 0)).toBeCloseTo(1);
    for (const one of service?.endpoints ?? []) expect(one.share).toBeGreaterThan(0.1);
    const answered = service?.endpoints.reduce((sum, one) => sum + one.requests, 0) ?? 0;
    const asked = service?.seconds.reduce((sum, one) => sum + one.requests, 0) ?? 0;
    expect(Math.abs(answered - asked)).toBeLessThanOrEqual(2);
  });

  it('lets three users who think a tenth of a second ask about thirty times a second over connections that stay', () => {
    const users = traffic(world, 'Pod/default/users');
    const mean = (users?.seconds.slice(-30).reduce((sum, one) => sum + one.requests, 0) ?? 0) / 30;
    expect(mean).toBeGreaterThan(24);
    expect(mean).toBeLessThan(35);
    const kept = runLine(world, 'kubectl exec users -- ss -tn state established')
      .output.split('\n')
      .filter((line) => line.includes('10.97.253.216:80'));
    expect(kept.length).toBeGreaterThanOrEqual(1);
    expect(kept.length).toBeLessThanOrEqual(3);
  });

  it('tells its counters to whoever reads /metrics', () => {
    const { output } = runLine(world, 'kubectl exec steady -- curl -s localhost:9102/metrics');
    expect(output).toMatch(/^load_requests_total\{target="http:\/\/web-service\/",outcome="2xx"\} 6\d\d$/m);
    expect(output).toMatch(/^load_request_duration_seconds_bucket\{target="http:\/\/web-service\/",le="\+Inf"\} 6\d\d$/m);
  });

  it('counts by kind what fails, and goes with its pod', () => {
    runLine(world, 'kubectl scale deployment web --replicas=0');
    world.elapse(5_000);
    // The node answers with an ICMP error once a second (after six at once): icmp_ratelimit. The other requests hear nothing.
    const { refused = 0, timeout = 0 } = requests(traffic(world, 'Pod/default/steady')?.totals ?? []);
    expect(refused).toBeGreaterThan(5);
    expect(timeout).toBeGreaterThan(refused);
    runLine(world, 'kubectl delete pod steady --now');
    expect(traffic(world, 'Pod/default/steady')).toBeUndefined();
  });

  it('is the same in each run, also from a moment of the past on', () => {
    const other = open(pod('p', 'http://web-service/ 50/s'), 7);
    other.elapse(1_000);
    const log = (world: typeof other) => JSON.stringify(world.hops(world.headSeq - 40, world.headSeq));
    const whole = other.suppose(() => {
      other.elapse(1_000);
      return log(other);
    });
    other.elapse(1_000);
    expect(log(other)).toBe(whole);
    const again = open(pod('p', 'http://web-service/ 50/s'), 7);
    again.elapse(2_000);
    expect(traffic(again, 'Pod/default/p')).toEqual(traffic(other, 'Pod/default/p'));
  });
});

describe('a log that is full of what happens by itself', () => {
  it('lets time stand still and says so, and what somebody types still happens', () => {
    const world = openArticle({ files: [...articleFiles(), { path: 'load.yaml', text: pod('steady', 'http://web-service/ 20/s') }], maxIdleRows: 5_000 });
    for (let i = 0; i < 100; i += 1) world.elapse(100);
    const { headSeq, nowNs } = world;
    expect(headSeq).toBeGreaterThanOrEqual(5_000);
    expect(headSeq).toBeLessThan(10_000);
    world.elapse(60_000);
    expect(world.nowNs).toBe(nowNs);
    expect(world.diagnostics.map(({ code }) => code)).toContain('log-full');
    expect(runLine(world, 'kubectl exec client -- curl -s http://web-service/').output).toMatch(/^Hello from web-/);
    expect(world.headSeq).toBeGreaterThan(headSeq);
  });
});

describe('a rate that is written wrong', () => {
  it.each([
    ['web 20', '"20" is none of'],
    ['ftp://web 1/s', 'must be a URL'],
    ['http://web/ 0/s', 'must be more than 0'],
    ['http://web/', 'a rate such as 20/s is needed'],
    ['http://web/ 1/s think=1s', 'users that think have no rate'],
    ['http://web/ 1/s timeout=0s', 'must be a duration'],
    ['http://web/ 1/s burst=0', 'must be between 1 and 1000'],
  ])('%s is refused at its line', (rate, words) => {
    const world = openArticle({ files: articleFiles() });
    const { diagnostics, applied } = world.edit('load.yaml', pod('p', rate));
    expect(applied).toBe(false);
    expect(diagnostics.map((one) => one.message).join('\n')).toContain(words);
    expect(diagnostics.find((one) => one.severity === 'error')?.span?.startLine).toBe(6);
  });
});
