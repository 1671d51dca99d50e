/** Messages of a late control plane as the canvas draws them, from a real world. */
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { messagesOf, pointAt, progressOf } from './deliveries.ts';
import type { Item, Scene } from './scene.ts';

const room = (id: string, x: number) => ({ id, kind: 'room', rect: { x, y: 100, w: 300, h: 400 } }) as unknown as Item;
const scene = { itemById: new Map([room('controlplane', 0), room('node01', 400)].map((one) => [one.id, one])) } as unknown as Scene;

describe('messages to late components', () => {
  const world = openArticle();
  runLine(world, 'kubectl annotate node node01 kubehop.dev/watch-latency=kube-proxy=3s');
  world.elapse(3_500);
  runLine(world, 'kubectl scale deployment web --replicas=2');
  const sentNs = world.nowNs;

  it('leave the API server for the node whose kube-proxy is late, one for what changed at one instant', () => {
    const messages = messagesOf(scene, world.deliveries, 'controlplane');
    expect(messages.length).toBeGreaterThan(0);
    expect(messages.every((one) => one.to.x === 550 && one.from.x === 150)).toBe(true);
    expect(messages[0]?.label).toMatch(/→ kube-proxy$/);
    expect(messages[0]?.arrivesNs).toBe((messages[0]?.sentNs ?? 0) + 3e9);
  });

  it('are half way after half of the time, above the machines, and gone once they are heard', () => {
    const [message] = messagesOf(scene, world.deliveries, 'controlplane');
    if (message === undefined) throw new Error('no message');
    expect(progressOf(message, sentNs)).toBeLessThan(0.05);
    expect(progressOf(message, message.sentNs + 1.5e9)).toBe(0.5);
    expect(pointAt(message, 0.5).y).toBeLessThan(100);
    world.elapse(3_500);
    expect(world.deliveries).toEqual([]);
  });

  it('wait before a component that is stopped', () => {
    runLine(world, 'kubectl annotate node node01 kubehop.dev/watch-latency- kubehop.dev/stopped=kube-proxy');
    runLine(world, 'kubectl scale deployment web --replicas=1');
    const [message] = messagesOf(scene, world.deliveries, 'controlplane');
    expect(message?.arrivesNs).toBeUndefined();
    expect(message === undefined ? 0 : progressOf(message, world.nowNs + 60e9)).toBeGreaterThan(0.5);
  });
});
