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
