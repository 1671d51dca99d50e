import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseScene, fitView } from './choose-layout.ts';
import { flowOf, flowOfMounted } from './flow.ts';
import { hitTest, itemOfTarget, linkedItems } from './hit-test.ts';
import { buildScene } from './layout.ts';
import { lodAt, SMALLEST_TEXT } from './lod.ts';
import { stepMounted, viewKey, wantedItems } from './mount.ts';
import { findByName, moveFrom, outlineEntries } from './outline.ts';
import { paintAll } from './paint.ts';
import { policyPicture, reachOf } from './policy.ts';
import { centre } from './scene.ts';
import type { Shape } from './shape.ts';
import { podName, shortAddress, shortName, tinyName } from './short-name.ts';
import { assignSlots } from './slots.ts';
import { articleTopology, makeTopology, podId } from './testing/article.ts';
import { sharedPrefix } from './tiles.ts';

const scene = buildScene(articleTopology(), { density: 'full', direction: 'row' });
const margins = { top: 18, right: 18, bottom: 58, left: 18 };

function sizes(shape: Shape): number[] {
  return shape.type === 'text' ? [shape.size] : shape.type === 'group' ? shape.children.flatMap(sizes) : [];
}

describe('letters', () => {
  it('are never below 10.5 px on screen, at any zoom', () => {
    const smallest = Math.min(...paintAll(scene.items, scene.wires).flatMap(({ shape }) => sizes(shape)));
    expect(smallest).toBeGreaterThanOrEqual(SMALLEST_TEXT);
    fc.assert(
      fc.property(fc.double({ min: 0.03, max: 3, noNaN: true }), (zoom) => {
        expect(smallest * lodAt(zoom).k * zoom).toBeGreaterThanOrEqual(10.5 - 1e-9);
      }),
    );
  });

  it('of generated names keep workload and suffix', () => {
    expect(shortName('web-64c966cf88-4x8xq', 12)).toBe('web-4x8xq');
    expect(podName('coredns-76f75df574-9wxcp', 11)).toEqual(['coredns', '9wxcp']);
    expect(podName('client', 11)).toEqual(['client']);
    expect(tinyName('web-64c966cf88-4x8xq')).toBe('4x8xq');
    expect(shortAddress('10.244.10.123', 11)).toBe('…244.10.123');
  });

  it('fit their limit whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), fc.integer({ min: 1, max: 30 }), (name, limit) => {
        expect(shortName(name, limit).length).toBeLessThanOrEqual(limit);
      }),
    );
  });
});

describe('pointing at the scene', () => {
  it('finds the topmost box, a wire near the pointer, and the room below all', () => {
    for (const item of scene.items) {
      const hit = hitTest(scene, centre(item.rect));
      if (item.kind === 'pill' || item.kind === 'bar' || item.kind === 'chip' || item.kind === 'service')
        expect(hit?.kind === 'item' && hit.item.id).toBe(item.id);
    }
    const veth = scene.wires.find((wire) => wire.kind === 'veth');
    const [a, b] = veth?.points ?? [];
    const near = { x: (a?.x ?? 0) + 3, y: ((a?.y ?? 0) + (b?.y ?? 0)) / 2 };
    expect(hitTest(scene, near)).toMatchObject({ kind: 'wire', wire: { id: veth?.id } });
    expect(hitTest(scene, { x: -9999, y: 0 })).toBeUndefined();
  });

  it('finds a tile by its grid', () => {
    const topology = makeTopology([{ name: 'n0', pods: Array.from({ length: 40 }, (_, i) => ({ name: `p${i}`, ip: `10.244.0.${i + 2}`, app: 'x' })) }]);
    const tiled = buildScene(topology, { density: 'full', direction: 'row', slots: assignSlots(topology) });
    for (const pod of tiled.tiles[0]?.pods ?? []) if (pod !== undefined) expect(hitTest(tiled, centre(pod.rect))).toMatchObject({ item: { id: pod.id } });
  });

  it('leads from links to boxes', () => {
    const of = (target: Parameters<typeof itemOfTarget>[1]) => itemOfTarget(scene, target)?.id;
    expect(of({ kind: 'object', key: 'Pod/default/client' })).toBe(podId('controlplane', 'client'));
    expect(of({ kind: 'object', key: 'Service/default/web-service' })).toBe('Service/default/web-service');
    expect(of({ kind: 'object', key: 'Node/node01' })).toBe('node01');
    expect(of({ kind: 'netns', id: 'node01/netns/root' })).toBe('node01');
    expect(of({ kind: 'device', id: 'node01/netns/root/device/flannel.1' })).toBe('node01/netns/root/device/flannel.1');
    expect(of({ kind: 'chain', id: 'node01/netns/root/chain/nat/PREROUTING', rule: 2 })).toBe('node01/netns/root#PREROUTING');
    expect(of({ kind: 'chain', id: 'node01/netns/root/chain/nat/KUBE-SVC-X' })).toBe('node01/netns/root#kernel');
    expect(of({ kind: 'object', key: 'ConfigMap/default/x' })).toBeUndefined();
  });
});

describe('the outline', () => {
  it('has every box of the picture within reach of the arrow keys', () => {
    const reached = new Set<string>();
    const queue = [scene.items[0]?.id];
    while (queue.length > 0) {
      const id = queue.pop();
      if (id === undefined || reached.has(id)) continue;
      reached.add(id);
      for (const move of ['in', 'out', 'next', 'previous', 'first', 'last'] as const) queue.push(moveFrom(scene, id, move)?.id);
    }
    expect([...reached].sort()).toEqual(scene.items.map((item) => item.id).sort());
  });

  it('opens only the way to the focused box', () => {
    const closed = outlineEntries(scene, undefined);
    expect(closed.every((entry) => entry.level === 1)).toBe(true);
    const client = podId('controlplane', 'client');
    const open = outlineEntries(scene, client);
    expect(open.some((entry) => entry.item.id === client && entry.level === 2)).toBe(true);
    expect(open.some((entry) => entry.item.id.startsWith('node01/'))).toBe(false);
  });

  it('finds boxes by their first letters, round the end', () => {
    expect(findByName(scene, scene.items[scene.items.length - 1]?.id, 'cli')?.id).toBe(podId('controlplane', 'client'));
    expect(findByName(scene, undefined, 'nothing')).toBeUndefined();
  });

  it('follows a wire from a device without contents', () => {
    const eth0 = `${podId('controlplane', 'client')}/device/eth0`;
    expect(moveFrom(scene, eth0, 'in')?.id).toBe('controlplane/netns/root/device/cni0');
    expect(linkedItems(scene, 'Service/default/web-service')).toHaveLength(3);
  });
});

describe('React Flow', () => {
  it('gets every box and every wire between rooms exactly once, with ends that exist', () => {
    const { nodes, edges } = flowOf(scene);
    const ids = nodes.map((node) => node.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const edge of edges) {
      expect(ids).toContain(edge.source);
      expect(ids).toContain(edge.target);
    }
    expect(edges).toHaveLength(scene.wires.filter((wire) => wire.room === undefined).length);
    const painted = new Set(nodes.flatMap((node) => (node.type === 'scene' ? node.data.painted.map((one) => one.id) : [])));
    for (const item of scene.items) expect(painted.has(item.id), item.id).toBe(true);
  });

  it('gets few nodes for a large cluster: pods are tiles', () => {
    const topology = makeTopology(
      Array.from({ length: 50 }, (_, host) => ({
        name: `n${host}`,
        pods: Array.from({ length: 60 }, (__, i) => ({ name: `p${i}`, ip: '10.244.0.2', app: 'x' })),
      })),
    );
    const large = buildScene(topology, { density: 'full', direction: 'row', slots: assignSlots(topology) });
    expect(flowOf(large).nodes.length).toBeLessThan(300);
  });
});

describe('a world of 100 nodes', () => {
  const topology = makeTopology(
    Array.from({ length: 100 }, (_, host) => ({
      name: `kind-worker${host}`,
      pods: Array.from({ length: 50 }, (__, i) => ({ name: `p${i}`, ip: `10.${host}.0.${i + 2}`, app: 'x' })),
    })),
    Array.from({ length: 30 }, (_, i) => ({
      objectKey: `Service/default/s${i}`,
      name: `s${i}`,
      namespace: 'default',
      type: 'ClusterIP',
      clusterIp: `10.96.0.${i}`,
      ports: '80/TCP',
      endpoints: Array.from({ length: 50 }, (__, host) => podId(`kind-worker${host}`, `p${i}`)),
    })),
  );
  const world = buildScene(topology, { density: 'full', direction: 'row', slots: assignSlots(topology) });
  const size = { width: 1000, height: 640 };

  it('mounts nothing from afar, and what is in view from near, a room in a frame', () => {
    expect(wantedItems(world, viewKey(0, 0, 0.1), size)).toEqual([]);
    const room = world.itemById.get('kind-worker40')?.rect ?? world.bounds;
    const wanted = wantedItems(world, viewKey(-room.x, -room.y, 1), size);
    expect(wanted).toContain('kind-worker40');
    let mounted: ReadonlySet<string> = new Set();
    for (let frame = 0; frame < 100; frame += 1) {
      const next = stepMounted(world, mounted, wanted);
      const rooms = [...next].filter((id) => !mounted.has(id) && world.itemById.get(id)?.kind === 'room');
      expect(rooms.length).toBeLessThanOrEqual(1);
      if (next === mounted) break;
      mounted = next;
    }
    expect([...mounted].sort()).toEqual([...wanted].sort());
    expect(flowOfMounted(world, mounted).nodes.length).toBeLessThanOrEqual(300);
    // Who looks elsewhere keeps none of it.
    for (let frame = 0; frame < 100; frame += 1) mounted = stepMounted(world, mounted, []);
    expect(mounted.size).toBe(0);
  });

  it('stays below 300 boxes wherever one looks', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.45, max: 3, noNaN: true }), fc.integer({ min: -9000, max: 500 }), fc.integer({ min: -3000, max: 3000 }), (zoom, x, y) => {
        expect(flowOfMounted(world, new Set(wantedItems(world, viewKey(x, y, zoom), size))).nodes.length).toBeLessThanOrEqual(300);
      }),
      { numRuns: 50 },
    );
  });

  it('spreads its Services and draws their lines for the one that is looked at', () => {
    expect(world.wires.filter((wire) => wire.kind === 'service-line')).toEqual([]);
    expect(linkedItems(world, 'Service/default/s0')).toHaveLength(50);
    const heights = world.items.filter((item) => item.kind === 'service').map((item) => item.rect.y);
    expect(Math.max(...heights) - Math.min(...heights)).toBeLessThan(200);
  });

  it('tells nodes apart by what their names do not share', () => {
    expect(sharedPrefix(['kind-worker1', 'kind-worker2', 'kind-control-plane'])).toBe(5);
    expect(sharedPrefix(['a'])).toBe(0);
    expect(sharedPrefix(['a', 'b'])).toBe(0);
  });
});

describe('the layout that suits a screen', () => {
  const choose = (width: number, height: number) => chooseScene(articleTopology(), {}, { width, height }, margins).shape;

  it('is the full row on a desk, two nodes above each other on a phone', () => {
    expect(choose(1000, 700)).toEqual({ density: 'full', direction: 'row' });
    expect(choose(770, 646)).toEqual({ density: 'full', direction: 'row' });
    expect(choose(390, 560)).toEqual({ density: 'compact', direction: 'column' });
  });

  it('shows all of the picture', () => {
    fc.assert(
      fc.property(fc.integer({ min: 240, max: 2500 }), fc.integer({ min: 240, max: 1600 }), (width, height) => {
        const { bounds } = chooseScene(articleTopology(), {}, { width, height }, margins).scene;
        const view = fitView(bounds, { width, height }, margins);
        expect(bounds.x * view.zoom + view.x).toBeGreaterThanOrEqual(margins.left - 0.5);
        expect((bounds.x + bounds.w) * view.zoom + view.x).toBeLessThanOrEqual(width - margins.right + 0.5);
        expect((bounds.y + bounds.h) * view.zoom + view.y).toBeLessThanOrEqual(height - margins.bottom + 0.5);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the Policy lens', () => {
  it('says plainly that flannel enforces nothing, and leaves out pods without an address', () => {
    const picture = policyPicture(articleTopology());
    expect(picture.sentence).toContain('flannel does not enforce NetworkPolicy');
    expect(picture.open).toBe(30);
    expect(picture.pairs).toBe(30);
    const topology = makeTopology([
      {
        name: 'n0',
        pods: [
          { name: 'a', ip: '10.244.0.2', app: 'x' },
          { name: 'b', ip: '', app: 'x' },
        ],
      },
    ]);
    const partial = policyPicture(topology);
    expect(partial.open).toBe(0);
    expect(partial.sentence).toContain('1 pod has no address yet');
    expect(reachOf(partial, podId('n0', 'a'))).toEqual([]);
  });

  it('leaves it to the policies themselves where something enforces them', () => {
    const sentence = 'cilium enforces NetworkPolicy on every node.';
    const picture = policyPicture({ ...articleTopology(), enforcement: { enforces: true, sentence } });
    expect(picture.sentence).toContain(sentence);
    expect(picture).toMatchObject({ pods: [], pairs: 0 });
    expect(reachOf(picture, podId('controlplane', 'client'))).toEqual([]);
  });

  it('guesses nothing where there is no flannel', () => {
    const topology = articleTopology();
    const bare = { ...topology, devices: topology.devices.filter((device) => device.type !== 'vxlan') };
    const picture = policyPicture(bare);
    expect(picture.sentence).toContain('cannot be told');
    const client = picture.pods.findIndex((pod) => pod.title === 'client');
    const web = picture.pods.findIndex((pod) => pod.title.startsWith('web'));
    expect(picture.may(client, web)).toBeUndefined();
  });
});
