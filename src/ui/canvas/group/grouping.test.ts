import { describe, expect, it } from 'vitest';
import type { Grouping } from '../../state/session.ts';
import { buildScene } from '../layout.ts';
import { overlaps, type Scene } from '../scene.ts';
import { articleTopology, makeTopology } from '../testing/article.ts';
import { wayBetween } from '../ways.ts';
import { PodGroups } from './grouping.ts';

const scene = (topology: Parameters<typeof buildScene>[0], grouping: Grouping, before?: PodGroups): { readonly scene: Scene; readonly groups: PodGroups } => {
  const groups = new PodGroups(grouping, before);
  return { scene: buildScene(topology, { density: 'full', direction: 'row', arrangement: groups }), groups };
};

describe('pods by another order than their nodes', () => {
  const topology = articleTopology();
  const pods = topology.netnses.filter((one) => one.type === 'pod');

  it('stand in a room for each namespace, each once, above the nodes', () => {
    const { scene: made } = scene(topology, { by: 'namespace', key: '', folded: [] });
    const rooms = made.items.filter((item) => item.kind === 'room' && item.id.startsWith('group/'));
    expect(rooms.map((room) => room.id)).toEqual([...new Set(pods.map((pod) => `group/${pod.namespace}`))].sort());
    for (const pod of pods) expect(made.itemById.get(pod.id)?.parent).toBe(`group/${pod.namespace}`);
    const nodes = made.items.filter((item) => item.kind === 'room' && !item.id.startsWith('group/'));
    for (const room of rooms)
      for (const other of [...nodes, ...rooms]) if (other !== room) expect(overlaps(room.rect, other.rect), `${room.id} ${other.id}`).toBe(false);
  });

  it('still have their wires: packets go from a pod over its node’s bridge to another', () => {
    const { scene: made } = scene(topology, { by: 'label', key: 'app', folded: [] });
    const [a, b] = [pods[0], pods[pods.length - 1]];
    if (a === undefined || b === undefined) throw new Error('no pods');
    const from = made.places.get(a.id)?.point;
    const way = wayBetween(made, a.id, b.id, from ?? { x: 0, y: 0 });
    expect(way.length).toBeGreaterThan(3);
    expect(way.at(-1)).toEqual(made.places.get(b.id)?.point);
  });

  it('folded are one box that packets come to and go from', () => {
    const { scene: made } = scene(topology, { by: 'namespace', key: '', folded: ['default'] });
    const fold = made.itemById.get('fold/default');
    expect(fold?.kind === 'fold' ? fold.title : '').toMatch(/^\d+ pods/);
    for (const pod of pods.filter((one) => one.namespace === 'default')) {
      expect(made.itemById.has(pod.id)).toBe(false);
      expect(made.places.get(pod.id)?.item).toBe('fold/default');
      expect(made.itemByIp.get(pod.ip)).toBe('fold/default');
    }
    const byNode = scene(topology, { by: 'node', key: '', folded: ['node01'] }).scene;
    expect(byNode.itemById.get('fold/node01')?.parent).toBe('node01');
    expect(byNode.items.filter((item) => item.kind === 'pod' && item.id.startsWith('node01'))).toEqual([]);
  });

  it('keep their places when one goes', () => {
    const first = scene(topology, { by: 'namespace', key: '', folded: [] });
    const gone = pods[0]?.id;
    const fewer = { ...topology, netnses: topology.netnses.filter((one) => one.id !== gone), devices: topology.devices.filter((one) => one.netns !== gone) };
    const second = buildScene(fewer, { density: 'full', direction: 'row', arrangement: first.groups });
    for (const item of second.items) {
      const before = first.scene.itemById.get(item.id);
      if (item.kind === 'pod' && before !== undefined) expect(item.rect.x).toBe(before.rect.x);
    }
  });

  it('are tiles where they are many, and found under the pointer', () => {
    const large = makeTopology(
      Array.from({ length: 20 }, (_, host) => ({
        name: `n${host}`,
        pods: Array.from({ length: 30 }, (_, i) => ({ name: `p${i}`, ip: `10.244.${host}.${i + 2}`, app: 'nginx' })),
      })),
    );
    const { scene: made } = scene(large, { by: 'namespace', key: '', folded: [] });
    expect(made.tiles.reduce((sum, grid) => sum + grid.pods.filter((pod) => pod !== undefined).length, 0)).toBe(600);
    const rooms = made.items.filter((item) => item.kind === 'room');
    for (const a of rooms) for (const b of rooms) if (a !== b) expect(overlaps(a.rect, b.rect), `${a.id} ${b.id}`).toBe(false);
  });
});
