/** Control-plane lag as packets meet it: rules of one node that are older than the cluster. */
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { openArticle, runLine } from './article.ts';

/** Backends of web-service in a node's rules. */
const backends = (world: World, node: string): number =>
  (
    runLine(world, node === 'controlplane' ? 'iptables-save -t nat' : `ssh ${node} iptables-save -t nat`).stdout.match(
      /-j DNAT --to-destination 10\.244\.1\.\d+:80$/gm,
    ) ?? []
  ).length;

describe('a kube-proxy that hears late', () => {
  it('keeps its old rules for that long, while another node has the new ones', () => {
    const world = openArticle();
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/watch-latency=kube-proxy=3s');
    world.elapse(3_000);
    expect([backends(world, 'controlplane'), backends(world, 'node01')]).toEqual([3, 3]);
    runLine(world, 'kubectl scale deployment web --replicas=1');
    expect([backends(world, 'controlplane'), backends(world, 'node01')]).toEqual([3, 1]);
    world.elapse(3_000);
    expect(backends(world, 'controlplane')).toBe(1);
  });

  it('sees the cluster as it was delivered: one change after the other, not the newest at once', () => {
    const world = openArticle();
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/watch-latency=kube-proxy=3s');
    world.elapse(3_000);
    runLine(world, 'kubectl scale deployment web --replicas=1');
    world.elapse(2_000);
    runLine(world, 'kubectl scale deployment web --replicas=4');
    expect([backends(world, 'controlplane'), backends(world, 'node01')]).toEqual([3, 4]);
    world.elapse(1_500);
    expect([backends(world, 'controlplane'), backends(world, 'node01')]).toEqual([1, 4]);
    world.elapse(2_000);
    expect(backends(world, 'controlplane')).toBe(4);
  });

  it('is shown what is on its way to it', () => {
    const world = openArticle();
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/watch-latency=kube-proxy=3s');
    world.elapse(3_000);
    expect(world.deliveries).toEqual([]);
    runLine(world, 'kubectl scale deployment web --replicas=1');
    const slice = world.deliveries.find((one) => one.objectKey.startsWith('EndpointSlice/default/web-service-'));
    expect(slice).toMatchObject({ component: 'kube-proxy', host: 'controlplane' });
    expect((slice?.arrivesNs ?? 0) - (slice?.sentNs ?? 0)).toBe(3e9);
    expect(slice?.sentence).toMatch(/^EndpointSlice default\/web-service-\w+, on its way to kube-proxy on controlplane$/);
    world.elapse(3_000);
    expect(world.deliveries).toEqual([]);
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped=kube-proxy');
    runLine(world, 'kubectl scale deployment web --replicas=2');
    expect(world.deliveries.map((one) => one.sentence)).toContainEqual(expect.stringContaining(', not heard by kube-proxy on controlplane, which is stopped'));
  });

  it('when stopped keeps them until it is started', () => {
    const world = openArticle();
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped=kube-proxy');
    runLine(world, 'kubectl scale deployment web --replicas=1');
    world.elapse(60_000);
    expect([backends(world, 'controlplane'), backends(world, 'node01')]).toEqual([3, 1]);
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped-');
    expect(backends(world, 'controlplane')).toBe(1);
  });

  it('sends clients to pods that have gone; by the log it learns of that later', () => {
    const world = openArticle();
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped=kube-proxy');
    runLine(world, 'kubectl scale deployment web --replicas=1');
    const codes = Array.from({ length: 8 }, () => runLine(world, 'kubectl exec client -- curl -s -m 1 web-service').exitCode);
    expect(codes).toContain(0);
    expect(codes.some((code) => code !== 0)).toBe(true);
    const from = world.headSeq;
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/stopped-');
    const rows = world.hops(from, world.headSeq).filter((hop) => hop.event.step.kind === 'changed' && hop.source === 'kube-proxy');
    expect(rows.length).toBeGreaterThan(0);
  });

  it('costs clients nothing when pods that leave sleep before they stop', () => {
    const world = openArticle();
    runLine(
      world,
      `kubectl patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","lifecycle":{"preStop":{"sleep":{"seconds":5}}}}]}}}}'`,
    );
    world.elapse(10_000);
    runLine(world, 'kubectl annotate node controlplane kubehop.dev/watch-latency=kube-proxy=3s');
    world.elapse(3_000);
    runLine(world, 'kubectl scale deployment web --replicas=1');
    const ask = () => Array.from({ length: 8 }, () => runLine(world, 'kubectl exec client -- curl -s -m 1 web-service').exitCode);
    expect(ask()).toEqual(Array(8).fill(0));
    world.elapse(6_000);
    expect(backends(world, 'controlplane')).toBe(1);
    expect(ask()).toEqual(Array(8).fill(0));
  });
});
