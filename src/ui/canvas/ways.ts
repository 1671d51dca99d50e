/** Where a packet travels between two places: up the tree of places to what they have in common and down again, along bars and round the corners of kernels. */
import type { Place, Point, Scene } from './scene.ts';

/** Deeper trees than this do not exist; a bound, not a tuning. */
const MAX_DEPTH = 24;

/** Places from here to its root, itself first. */
function lineage(scene: Scene, id: string): Place[] {
  const line: Place[] = [];
  let place = scene.places.get(id);
  while (place !== undefined && line.length < MAX_DEPTH) {
    line.push(place);
    place = place.up === undefined ? undefined : scene.places.get(place.up.to);
  }
  return line;
}

const same = (a: Point, b: Point) => Math.abs(a.x - b.x) < 0.5 && Math.abs(a.y - b.y) < 0.5;

class Path {
  readonly points: Point[] = [];

  add(point: Point): void {
    const last = this.points[this.points.length - 1];
    if (last === undefined || !same(last, point)) this.points.push(point);
  }
}

const onBar = (place: Place, x: number): Point => ({ x: Math.max(place.bar?.x0 ?? x, Math.min(place.bar?.x1 ?? x, x)), y: place.point.y });

/** Moves along a bar; its segments in several rows are joined at the trunk. */
function alongBar(path: Path, place: Place, to: Point): void {
  const last = path.points[path.points.length - 1];
  if (last !== undefined && place.bar !== undefined && Math.abs(last.y - to.y) > 1) {
    path.add({ x: place.bar.trunkX, y: last.y });
    path.add({ x: place.bar.trunkX, y: to.y });
  }
  path.add(to);
}

/** From one member of a kernel to another. Hooks stand in one row, the programs' side in a second, cards at its edge, the bridge before it. */
function throughHub(path: Path, hub: Place, a: Place, b: Place): void {
  const lines = hub.hub;
  const from = a.bar === undefined ? a.point : onBar(a, b.bar === undefined ? b.point.x : a.point.x);
  const to = b.bar === undefined ? b.point : onBar(b, a.bar === undefined ? a.point.x : b.point.x);
  if (a.bar !== undefined) alongBar(path, a, from);
  else path.add(from);
  const level = Math.abs(from.y - to.y) < 1;
  if (lines !== undefined && !level && Math.abs(from.x - to.x) > 1) {
    const chip = a.side === 'chip' || b.side === 'chip';
    const y = chip ? lines.edgeY : lines.gapY;
    path.add({ x: from.x, y });
    path.add({ x: to.x, y });
  }
  path.add(to);
}

/**
 * The way from one place to another as a polyline; `start` is where on the first place the packet stands (bars are long). Empty when the scene knows
 * no such place; a single jump when the two have nothing in common.
 */
export function wayBetween(scene: Scene, fromId: string, toId: string, start?: Point): readonly Point[] {
  const a = lineage(scene, fromId);
  const b = lineage(scene, toId);
  const first = a[0];
  const last = b[0];
  if (first === undefined || last === undefined) return [];
  const path = new Path();
  path.add(start ?? first.point);
  if (first.id === last.id) return path.points;
  const depthInB = new Map(b.map((place, index) => [place.id, index]));
  const meet = a.findIndex((place) => depthInB.has(place.id));
  if (meet < 0) {
    path.add(last.point);
    return path.points;
  }
  const up = a.slice(0, meet + 1);
  const down = b.slice(0, depthInB.get(up[meet]?.id ?? '') ?? 0).reverse();
  const chain = [...up, ...down];
  for (let i = 0; i + 1 < chain.length; i += 1) {
    const from = chain[i] as Place;
    const to = chain[i + 1] as Place;
    const beyond = chain[i + 2];
    if (to.hub !== undefined && beyond !== undefined) {
      throughHub(path, to, from, beyond);
      i += 1;
      continue;
    }
    if (from.up?.to === to.id) follow(path, from, to, from.up, true);
    else if (to.up?.to === from.id) follow(path, to, from, to.up, false);
  }
  const end = path.points[path.points.length - 1];
  if (last.bar === undefined && end !== undefined && !same(end, last.point)) path.add(last.point);
  return path.points;
}

/** Along one link of the tree, upwards from `low` to `high` or the other way. */
function follow(path: Path, low: Place, high: Place, link: NonNullable<Place['up']>, upwards: boolean): void {
  if (upwards) {
    if (low.bar !== undefined && high.hub === undefined) alongBar(path, low, link.from);
    else if (low.bar === undefined) path.add(link.from);
    for (const point of link.via) path.add(point);
    path.add(link.at);
    return;
  }
  if (high.bar !== undefined) alongBar(path, high, link.at);
  else path.add(link.at);
  for (let i = link.via.length - 1; i >= 0; i -= 1) path.add(link.via[i] as Point);
  path.add(link.from);
}

/** A polyline with the length of each of its ends from the start, so that a point on it is found by distance. */
export interface Track {
  readonly points: readonly Point[];
  readonly lengths: Float64Array;
  readonly total: number;
}

export function trackOf(points: readonly Point[]): Track {
  const lengths = new Float64Array(points.length);
  let total = 0;
  for (let i = 1; i < points.length; i += 1) {
    const a = points[i - 1] as Point;
    const b = points[i] as Point;
    total += Math.hypot(b.x - a.x, b.y - a.y);
    lengths[i] = total;
  }
  return { points, lengths, total };
}

/** Writes the point at this part (0..1) of a track into `out`; its direction in radians goes to `out.angle`. Allocates nothing. */
export function pointOn(track: Track, part: number, out: { x: number; y: number; angle: number }): void {
  const { points, lengths, total } = track;
  const distance = Math.max(0, Math.min(1, part)) * total;
  let i = 1;
  while (i < points.length - 1 && (lengths[i] as number) < distance) i += 1;
  const a = points[i - 1] ?? points[0];
  const b = points[i] ?? a;
  if (a === undefined || b === undefined) return;
  const before = lengths[i - 1] ?? 0;
  const length = (lengths[i] ?? before) - before;
  const t = length === 0 ? 1 : (distance - before) / length;
  out.x = a.x + (b.x - a.x) * t;
  out.y = a.y + (b.y - a.y) * t;
  out.angle = Math.atan2(b.y - a.y, b.x - a.x);
}
