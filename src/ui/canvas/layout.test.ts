import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../base/testing/cpu.ts';
import { buildScene } from './layout.ts';
import { contains, findPlace, type Item, overlaps, type Scene } from './scene.ts';
import { assignSlots, noSlots } from './slots.ts';
import { articleTopology, makeTopology, type NodeSpec, podId } from './testing/article.ts';

const nodesOf = (counts: readonly number[]): NodeSpec[] =>
  counts.map((pods, host) => ({
    name: `n${host}`,
    pods: Array.from({ length: pods }, (_, i) => ({ name: `p${i}`, ip: `10.244.${host}.${i + 2}`, app: 'nginx' })),
  }));

const counts = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 9 });
const density = fc.constantFrom<'full' | 'compact'>('full', 'compact');
const direction = fc.constantFrom<'row' | 'column'>('row', 'column');

/** Boxes that stand side by side: same parent, and not the kernel's own grid of pills and chips on pods' edges. */
function overlapsIn(scene: Scene): string[] {
  const groups = new Map<string, Item[]>();
  for (const item of scene.items) {
    if (item.kind === 'chip' && item.small) continue;
    const key = item.parent ?? '';
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  const found: string[] = [];
  for (const group of groups.values()) {
    group.forEach((a, i) => {
      for (const b of group.slice(i + 1)) if (overlaps(a.rect, b.rect)) found.push(`${a.kind} ${a.id} × ${b.kind} ${b.id}`);
    });
  }
  return found;
}

const rectOf = (scene: Scene, id: string) => scene.itemById.get(id)?.rect;

describe('the layout', () => {
  it('lets nothing overlap, and every pod stand inside its node, whatever the cluster', () => {
    fc.assert(
      fc.property(counts, density, direction, (pods, dense, way) => {
        const scene = buildScene(makeTopology(nodesOf(pods)), { density: dense, direction: way });
        expect(overlapsIn(scene)).toEqual([]);
        for (const item of scene.items) {
          const parent = item.parent === undefined ? undefined : scene.itemById.get(item.parent);
          if (item.kind !== 'pod' || parent === undefined) continue;
          expect(contains(parent.rect, { x: item.rect.x, y: item.rect.y })).toBe(true);
          expect(contains(parent.rect, { x: item.rect.x + item.rect.w, y: item.rect.y + item.rect.h })).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('moves no box when a pod is added: it grows upwards out of the bridge', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 4 }), fc.nat(), (pods, pick) => {
        const host = pick % pods.length;
        const before = makeTopology(nodesOf(pods));
        const after = makeTopology(nodesOf(pods.map((count, i) => (i === host ? count + 1 : count))));
        const slots = assignSlots(before);
        const a = buildScene(before, { density: 'full', direction: 'row', slots });
        const b = buildScene(after, { density: 'full', direction: 'row', slots: assignSlots(after, slots) });
        for (const item of a.items) {
          if (item.kind === 'room' || item.kind === 'service') continue;
          expect(rectOf(b, item.id), item.id).toEqual(item.rect);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps the slots of the others when a pod goes, and gives the free one to the next', () => {
    const three = articleTopology(3);
    const slots = assignSlots(three);
    const gone = podId('node01', 'web-64c966cf88-n66tm');
    const two = { ...three, netnses: three.netnses.filter((netns) => netns.id !== gone) };
    const slotsOfTwo = assignSlots(two, slots);
    for (const [id, slot] of slotsOfTwo.pods) expect(slots.pods.get(id)).toBe(slot);
    const again = assignSlots(three, slotsOfTwo);
    expect(again.pods.get(gone)).toBe(slots.pods.get(gone));
  });

  it('gives equal scenes for equal topologies', () => {
    const text = () => JSON.stringify(buildScene(articleTopology(5), { density: 'full', direction: 'row' }).items);
    expect(text()).toBe(text());
  });

  it('draws many pods as tiles, and does not flicker back at the limit', () => {
    const many = makeTopology(nodesOf([13, 2]));
    const slots = assignSlots(many, noSlots);
    expect(slots.tiles).toBe(true);
    const scene = buildScene(many, { density: 'full', direction: 'row', slots });
    expect(scene.tiles.flatMap((grid) => grid.pods.filter((pod) => pod !== undefined))).toHaveLength(15);
    expect(assignSlots(makeTopology(nodesOf([12, 2])), slots).tiles).toBe(true);
    expect(assignSlots(makeTopology(nodesOf([8, 2])), slots).tiles).toBe(false);
  });

  it('costs about four times as much for four times the cluster, and 100 nodes with 5,000 pods no freeze', () => {
    const time = (hosts: number) => {
      const topology = makeTopology(nodesOf(new Array(hosts).fill(50)));
      const runs = Array.from({ length: 5 }, () => cpuMs(() => buildScene(topology, { density: 'full', direction: 'row' })));
      return Math.min(...runs);
    };
    time(40);
    const small = time(40);
    const large = time(160);
    // Four times the cluster: 4 when linear, 16 when quadratic. Large enough sizes that start-up and a collection do not decide.
    expect(large).toBeLessThan(small * 12);
    expect(time(100)).toBeLessThan(600);
  });

  it('moves a box by what a person dragged it, with all that is in it', () => {
    const topology = articleTopology();
    const base = buildScene(topology, { density: 'full', direction: 'row' });
    const moved = buildScene(topology, { density: 'full', direction: 'row', positions: { node01: [30, -12] } });
    const cni0 = 'node01/netns/root/device/cni0';
    expect(rectOf(moved, cni0)?.x).toBe((rectOf(base, cni0)?.x ?? 0) + 30);
    expect(rectOf(moved, 'controlplane')).toEqual(rectOf(base, 'controlplane'));
  });
});

describe('places', () => {
  const scene = buildScene(articleTopology(), { density: 'full', direction: 'row' });

  it('are found for devices, hooks, routing, pods and switches', () => {
    const client = podId('controlplane', 'client');
    for (const id of [
      'node01/netns/root/device/flannel.1',
      'node01/netns/root/device/lo',
      'node01/netns/root/device/vethaaaaaaa2',
      'node01/netns/root#PREROUTING',
      'node01/netns/root#INPUT',
      'node01/netns/root#route',
      'node01/netns/root',
      client,
      `${client}#OUTPUT`,
      `${client}#route`,
      `${client}/device/eth0`,
      'underlay/netns/root/device/br0',
      'underlay/netns/root/device/p-node01',
      'router/netns/root/device/eth0',
      'router/netns/root#FORWARD',
    ]) {
      const place = findPlace(scene, id);
      expect(place, id).toBeDefined();
      expect(scene.itemById.has(place?.item ?? ''), `${id} lights up ${place?.item}`).toBe(true);
    }
  });

  it('fall back to the netns for what is not drawn, and to nothing for another world', () => {
    expect(findPlace(scene, 'node01/netns/root/device/dummy7')?.item).toBe('node01/netns/root#process');
    expect(findPlace(scene, 'mars/netns/root#FORWARD')).toBeUndefined();
  });

  it('exist in every layout', () => {
    for (const density of ['full', 'compact'] as const) {
      for (const direction of ['row', 'column'] as const) {
        const other = buildScene(articleTopology(), { density, direction });
        for (const id of scene.places.keys()) expect(other.places.has(id), `${id} in ${density} ${direction}`).toBe(true);
      }
    }
  });
});
