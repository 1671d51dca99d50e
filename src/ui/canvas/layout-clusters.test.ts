import { beforeAll, describe, expect, it } from 'vitest';
import { twoSites } from '../../world/testing/two-sites.ts';
import type { Topology } from '../../world/views.ts';
import { chooseScene } from './choose-layout.ts';
import { buildScene } from './layout.ts';
import { contains, overlaps, type Scene } from './scene.ts';
import { wayBetween } from './ways.ts';

describe('the canvas of two clusters', () => {
  let topology: Topology;
  beforeAll(() => {
    topology = twoSites().topology();
  });

  const frames = (scene: Scene) => scene.items.filter((item) => item.kind === 'frame');

  it.each(['row', 'column'] as const)('frames each with all that is its own, %s', (direction) => {
    const scene = buildScene(topology, { density: 'full', direction });
    const [east, west, ...more] = frames(scene);
    expect(more).toEqual([]);
    if (east === undefined || west === undefined) throw new Error('no frames');
    expect(overlaps(east.rect, west.rect)).toBe(false);
    for (const item of scene.items) {
      if (item.parent !== undefined || item.kind === 'frame') continue;
      const isWest = item.id.startsWith('west-') || item.id.endsWith('@west');
      expect(contains((isWest ? west : east).rect, { x: item.rect.x, y: item.rect.y }), item.id).toBe(true);
      expect(contains((isWest ? west : east).rect, { x: item.rect.x + item.rect.w, y: item.rect.y + item.rect.h }), item.id).toBe(true);
    }
  });

  it.each(['row', 'column'] as const)('lets packets go from router to router along the line, %s', (direction) => {
    const scene = buildScene(topology, { density: 'full', direction });
    const line = scene.wires.find((wire) => wire.spoken === 'line from router to west-router');
    const way = wayBetween(scene, 'router/netns/root/device/wan-west', 'west-router/netns/root/device/wan-east');
    expect(way).toEqual(line?.points);
    expect(way).toHaveLength(4);
    // Inside a router there is nothing to go round.
    expect(wayBetween(scene, 'router/netns/root', 'router/netns/root/device/wan-west')).toHaveLength(2);
  });

  it('stands as the place on screen wants it, and says in words whose boxes they are', () => {
    const none = { top: 0, right: 0, bottom: 0, left: 0 };
    expect(chooseScene(topology, {}, { width: 1400, height: 420 }, none).shape.direction).toBe('row');
    expect(chooseScene(topology, {}, { width: 600, height: 900 }, none).shape.direction).toBe('column');
    expect(JSON.stringify(frames(buildScene(topology, { density: 'full', direction: 'row' })).map((item) => item.spoken))).toContain('Cluster west, 4 pods');
  });
});
