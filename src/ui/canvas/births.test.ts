import { expect, it } from 'vitest';
import { openArticle, runLine } from '../../world/testing/article.ts';
import { birthOf } from './births.ts';

it('a new pod’s netns, devices, veth and routes come in the order of the log, of this pod alone', () => {
  const world = openArticle();
  const before = new Set(world.topology().netnses.map((one) => one.id));
  const from = world.headSeq;
  runLine(world, 'kubectl scale deployment web --replicas=4');
  const topology = world.topology();
  const pod = topology.netnses.find((one) => !before.has(one.id))?.id ?? '';
  const birth = birthOf(pod, topology, world.hops(from, world.headSeq + 1));
  const records = birth?.rows.map(({ event }) => (event.step.kind === 'changed' ? event.step.record : '')) ?? [];
  expect(records.slice(0, 4)).toEqual(['netns', 'device', 'device', 'device']);
  expect(records.slice(4).every((record) => record === 'route')).toBe(true);
  expect(birth?.rows.some(({ event }) => event.step.kind === 'changed' && event.step.recordId === birth.peer)).toBe(true);
  expect(birthOf([...before].find((id) => id.includes('web')) ?? '', topology, world.hops(from, world.headSeq + 1))).toBeUndefined();
});
