import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from './testing/article.ts';

describe('changes of records in the log', () => {
  it('says who removed a route, by which command, and what stood there', () => {
    const world = openArticle();
    const from = world.headSeq;
    runLine(world, 'ip route del 10.244.1.0/24');
    const hops = world.hops(from, world.headSeq);
    expect(hops).toHaveLength(1);
    expect(hops[0]).toMatchObject({
      place: 'controlplane/netns/root#route',
      title: 'user removes route',
      summary: '− 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      background: false,
      event: { packetId: -1, step: { kind: 'changed', by: 'user', command: 'ip route del 10.244.1.0/24', replaced: 'flannel' } },
    });
  });

  it('shows of a chain and of sysctls only what differs', () => {
    const world = openArticle();
    const from = world.headSeq;
    runLine(world, 'iptables -I FORWARD 1 -s 10.9.9.9 -j DROP; sysctl -w net.ipv4.ip_forward=0');
    const steps = world.hops(from, world.headSeq).map((hop) => hop.event.step);
    expect(steps).toMatchObject([
      { kind: 'changed', record: 'chain', after: '-A FORWARD -s 10.9.9.9/32 -j DROP' },
      { kind: 'changed', record: 'netns', before: 'net.ipv4.ip_forward = 1', after: 'net.ipv4.ip_forward = 0' },
    ]);
    expect(steps[0]).not.toHaveProperty('before');
  });

  it('names the agent, also in the middle of a person’s command', () => {
    const world = openArticle();
    const from = world.headSeq;
    runLine(world, 'kubectl scale deployment web --replicas=1');
    const makers = new Set(world.hops(from, world.headSeq).flatMap((hop) => (hop.event.step.kind === 'changed' ? [hop.event.step.by] : [])));
    expect(makers).toContain('kube-proxy');
    expect(makers).not.toContain('user');
  });

  it('is the same log when the past is made again', () => {
    const world = openArticle();
    runLine(world, 'ip route del 10.244.1.0/24');
    const seq = world.headSeq - 1;
    runLine(world, 'ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink');
    const then = world.inspect({ kind: 'netns', id: 'controlplane/netns/root' }, seq);
    expect(JSON.stringify(then)).not.toContain('10.244.1.0/24 via');
    expect(world.hops(seq, seq + 1)[0]?.title).toBe('user removes route');
  });
});
