/** Focus: a veil over the canvas with holes where the current packet has been or will go, at any number of pods. */
import type { HopView } from '../../world/views.ts';
import type { Journey } from './journey.ts';
import type { OverlayFrame, OverlayLayer } from './overlay.ts';
import { roundness } from './packet-life.ts';
import { pathData } from './paint.ts';
import type { Item, RoomItem, Scene } from './scene.ts';

const VEIL = 0.9;
const HEAD = 36;
const MAX_HOPS = 2_000;

/** What a packet touches. */
export interface Touched {
  readonly items: readonly Item[];
  readonly rooms: readonly RoomItem[];
  /** SVG path data of its ways. */
  readonly ways: string;
}

/** Addresses before and after a translation: a Service's is among them. */
function servicesOf(scene: Scene, hops: readonly HopView[]): Item[] {
  const ips = new Set<string>();
  for (const { event } of hops) {
    if (event.step.kind !== 'translated') continue;
    for (const text of [event.step.before, event.step.after]) ips.add(text.slice(0, text.lastIndexOf(':')));
  }
  return ips.size === 0 ? [] : scene.items.filter((item) => item.kind === 'service' && ips.has(item.clusterIp));
}

/** Boxes, rooms and ways of the packet of the hop at `index`, over its whole life. */
export function touchedBy(journey: Journey, index: number): Touched {
  const { scene } = journey;
  const items = new Set<Item>();
  const rooms = new Set<RoomItem>();
  const ways: string[] = [];
  const life = journey.lifeOf(index).slice(0, MAX_HOPS);
  for (const hop of life) {
    let item = scene.itemById.get(journey.itemOf(hop) ?? '');
    if (item !== undefined && item.kind !== 'room') items.add(item);
    for (; item !== undefined; item = item.parent === undefined ? undefined : scene.itemById.get(item.parent)) {
      if (item.kind === 'pod') items.add(item);
      if (item.kind === 'room') rooms.add(item);
    }
    const track = journey.track(hop);
    if (track !== undefined) ways.push(pathData(track.points, false));
  }
  for (const service of servicesOf(
    scene,
    life.map((hop) => journey.hops[hop] as HopView),
  ))
    items.add(service);
  return { items: [...items], rooms: [...rooms], ways: ways.join('') };
}

/** The layer; the packet's life is looked up once. */
export function focusLayer(): OverlayLayer {
  let known: { readonly journey: Journey; readonly first: number; readonly touched: Touched; readonly holes: Path2D; readonly ways: Path2D } | undefined;
  const holesFor = (journey: Journey, index: number) => {
    let first = index;
    while (journey.previousOf(first) >= 0) first = journey.previousOf(first);
    if (known?.journey === journey && known.first === first) return known;
    const touched = touchedBy(journey, index);
    const holes = new Path2D();
    for (const item of touched.items) holes.roundRect(item.rect.x - 3, item.rect.y - 3, item.rect.w + 6, item.rect.h + 6, roundness(item) + 3);
    for (const { rect, flipped } of touched.rooms) holes.rect(rect.x + 1, flipped ? rect.y + rect.h - HEAD : rect.y + 1, rect.w - 2, HEAD - 1);
    known = { journey, first, touched, holes, ways: new Path2D(touched.ways) };
    return known;
  };
  return {
    at: 'under',
    draw({ context, journey, position, view, palette }: OverlayFrame) {
      const index = Math.min(position.fraction > 0 ? Math.max(0, position.index) : position.index, journey.hops.length - 1);
      if (index < 0) return;
      const { touched, holes, ways } = holesFor(journey, index);
      const thin = 1 / Math.max(0.1, view.zoom);
      context.save();
      context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
      context.globalAlpha = VEIL;
      context.fillStyle = palette.bg;
      context.fillRect(0, 0, view.width, view.height);
      context.restore();
      context.save();
      context.globalCompositeOperation = 'destination-out';
      context.lineWidth = Math.max(12, 7 * thin);
      context.lineJoin = 'round';
      context.stroke(ways);
      context.fill(holes);
      context.restore();
      context.strokeStyle = palette.line;
      context.lineWidth = 1.2 * thin;
      for (const { rect } of touched.rooms) {
        context.beginPath();
        context.roundRect(rect.x, rect.y, rect.w, rect.h, 16);
        context.stroke();
      }
    },
  };
}

/** In focus only the packet at the playhead is seen. */
export const isFocused = (hop: HopView, current: HopView | undefined): boolean => current === undefined || hop.event.packetId === current.event.packetId;
