/** What lies under a point of the scene, what a selection means in it, and which item is next to which: for pointer, keyboard and links. */
import type { LinkTarget } from '../../world/views.ts';
import { contains, type Item, type Point, type Scene, type TileGrid, type Wire } from './scene.ts';
import { sceneIndex } from './scene-index.ts';

export type Hit = { readonly kind: 'item'; readonly item: Item } | { readonly kind: 'wire'; readonly wire: Wire };

const WIRE_REACH = 6;

function tileAt(grid: TileGrid, point: Point): Item | undefined {
  const column = Math.floor((point.x - grid.origin.x) / grid.pitchX);
  const up = grid.pitchY < 0 ? grid.origin.y + grid.h - point.y : point.y - grid.origin.y;
  const row = Math.floor(up / Math.abs(grid.pitchY));
  if (column < 0 || column >= grid.columns || row < 0 || row >= grid.rows) return undefined;
  const item = grid.pods[row * grid.columns + column];
  return item !== undefined && contains(item.rect, point) ? item : undefined;
}

function distanceToSegment(p: Point, a: Point, b: Point): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length));
  return Math.hypot(p.x - a.x - dx * t, p.y - a.y - dy * t);
}

/** Points of a wire as a polyline; a curve is cut into pieces. */
export function flatten(wire: Wire): readonly Point[] {
  if (!wire.curve || wire.points.length !== 4) return wire.points;
  const [a, b, c, d] = wire.points as readonly [Point, Point, Point, Point];
  return Array.from({ length: 21 }, (_, i) => {
    const t = i / 20;
    const u = 1 - t;
    const mixed = (p: number, q: number, r: number, s: number) => u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
    return { x: mixed(a.x, b.x, c.x, d.x), y: mixed(a.y, b.y, c.y, d.y) };
  });
}

function wireAt(scene: Scene, point: Point, reach: number): Wire | undefined {
  let best: Wire | undefined;
  let nearest = reach;
  for (const wire of scene.wires) {
    if (wire.spoken === '') continue;
    const points = flatten(wire);
    for (let i = 1; i < points.length; i += 1) {
      const distance = distanceToSegment(point, points[i - 1] as Point, points[i] as Point);
      if (distance < nearest) {
        nearest = distance;
        best = wire;
      }
    }
  }
  return best;
}

/** The topmost item under a point, a wire close to it, or the room it lies in. */
export function hitTest(scene: Scene, point: Point, zoom = 1): Hit | undefined {
  const { top, inside } = sceneIndex(scene);
  let room: Item | undefined;
  for (let i = top.length - 1; i >= 0; i -= 1) {
    const item = top[i] as Item;
    if (!contains(item.rect, point)) continue;
    // Between the boxes of a cluster there are wires.
    if (item.kind === 'frame') continue;
    if (item.kind !== 'room') return { kind: 'item', item };
    room = item;
    break;
  }
  const within = room === undefined ? [] : (inside.get(room.id) ?? []);
  for (let i = within.length - 1; i >= 0; i -= 1) {
    const item = within[i] as Item;
    if (contains(item.rect, point)) return { kind: 'item', item };
  }
  for (const grid of scene.tiles) {
    const tile = room === undefined || grid.room === room.id ? tileAt(grid, point) : undefined;
    if (tile !== undefined) return { kind: 'item', item: tile };
  }
  const wire = wireAt(scene, point, WIRE_REACH / Math.min(1, Math.max(0.2, zoom)));
  if (wire !== undefined) return { kind: 'wire', wire };
  return room === undefined ? undefined : { kind: 'item', item: room };
}

const sameTarget = (a: LinkTarget, b: LinkTarget): boolean =>
  a.kind === b.kind && (a.kind === 'object' ? a.key === (b as typeof a).key : a.id === (b as typeof a).id);

/** The item that a selection or a link means. */
export function itemOfTarget(scene: Scene, target: LinkTarget): Item | undefined {
  if (target.kind === 'object') {
    return (
      scene.itemById.get(target.key) ??
      scene.items.find((item) => (item.kind === 'room' && item.objectKey === target.key) || (item.target !== undefined && sameTarget(item.target, target)))
    );
  }
  if (target.kind === 'chain') {
    const [netns = '', rest = ''] = target.id.split('/chain/');
    const hook = rest.split('/')[1] ?? '';
    return scene.itemById.get(`${netns}#${hook}`) ?? scene.itemById.get(`${netns}#kernel`);
  }
  const exact = scene.itemById.get(target.id);
  if (exact !== undefined) return exact;
  const place = scene.places.get(target.id);
  const ofPlace = place === undefined ? undefined : scene.itemById.get(place.item);
  // A node's own netns is its room, not the pill of its programs.
  if (target.kind === 'netns' && target.id.endsWith('/netns/root')) return scene.itemById.get(target.id.slice(0, -'/netns/root'.length)) ?? ofPlace;
  return ofPlace;
}

/** Items that a wire joins to this one, in order of the wires. */
export function linkedItems(scene: Scene, id: string): Item[] {
  const linked: Item[] = [];
  const from = scene.itemById.get(id);
  // In a large world the lines of Services are drawn for the one that is looked at, and are no wires.
  if (from?.kind === 'service') {
    for (const netns of from.endpoints) {
      const pod = scene.itemById.get(netns);
      if (pod !== undefined && !linked.includes(pod)) linked.push(pod);
    }
    return linked;
  }
  for (const wire of scene.wires) {
    const other = wire.from === id ? wire.to : wire.to === id ? wire.from : undefined;
    const item = other === undefined || other === id ? undefined : scene.itemById.get(other);
    if (item !== undefined && !linked.includes(item)) linked.push(item);
  }
  return linked;
}
