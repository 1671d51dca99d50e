/** A packet's whole way as paths for the canvas: made once for each packet, drawn every frame while it is the current one. */
import { isIpLayer } from '../../net/wire/packet.ts';
import { innerLayers } from './capsule.ts';
import type { Journey } from './journey.ts';
import { pathData } from './paint.ts';
import type { Item } from './scene.ts';

export interface Life {
  readonly hops: readonly number[];
  /** Hop index to the drawn way that leads to it. */
  readonly ways: ReadonlyMap<number, Path2D>;
  /** Items that its addresses mean, at its first and last hop. */
  readonly ends: readonly string[];
  /** All but the boxes and words on the way: lines drawn within it seem to pass behind them. */
  readonly behind: Path2D;
}

/** Corner radius of an item's outline, in scene units. */
export function roundness(item: Item): number {
  switch (item.kind) {
    case 'frame':
      return 20;
    case 'room':
      return 16;
    case 'pill':
    case 'service':
    case 'fold':
      return item.rect.h / 2;
    case 'chip':
      return item.small ? 6 : 8;
    default:
      return item.kind === 'pod' && item.size === 'tile' ? 3 : 10;
  }
}

/** The life of the packet of the hop at `index`; `zoom` tells how wide words are. */
export function lifeAt(journey: Journey, index: number, zoom: number): Life {
  const hops = journey.lifeOf(index);
  const ways = new Map<number, Path2D>();
  for (const hop of hops) {
    const track = journey.track(hop);
    if (track !== undefined) ways.set(hop, new Path2D(pathData(track.points, false)));
  }
  const addresses = [hops[0], hops[hops.length - 1]].flatMap((hop) => {
    const layers = hop === undefined ? [] : innerLayers(journey.hops[hop]?.event.layers ?? []);
    return layers.flatMap((layer) => (isIpLayer(layer) ? [layer.src, layer.dst] : []));
  });
  const ends = [...new Set(addresses.map((ip) => journey.scene.itemByIp.get(ip)).filter((id) => id !== undefined))];
  return { hops, ways, ends, behind: pathBehind(journey, hops, ends, zoom) };
}

function pathBehind(journey: Journey, hops: readonly number[], ends: readonly string[], zoom: number): Path2D {
  const { scene } = journey;
  const touched = new Set<string>(ends);
  const touch = (id: string | undefined): void => {
    for (let item = scene.itemById.get(id ?? ''); item !== undefined; item = scene.itemById.get(item.parent ?? '')) touched.add(item.id);
  };
  for (const hop of hops) touch(journey.itemOf(hop));
  const path = new Path2D();
  const { x, y, w, h } = scene.bounds;
  path.rect(x - w - 5_000, y - h - 5_000, w * 3 + 10_000, h * 3 + 10_000);
  const letters = Math.max(1, 1 / zoom);
  for (const item of scene.items) {
    if (item.kind === 'bar' && touched.has(item.id)) {
      const title = item.title.length * 7.4 * letters + 14;
      const detail = item.detail.length * 6.5 * letters + 14;
      path.rect(item.rect.x, item.rect.y, title, item.rect.h);
      if (item.detail !== '') path.rect(item.rect.x + item.rect.w - detail, item.rect.y, detail, item.rect.h);
    } else if ((item.kind === 'chip' || (item.kind === 'pill' && !item.dot)) && item.parent !== undefined && touched.has(item.parent)) {
      path.roundRect(item.rect.x, item.rect.y, item.rect.w, item.rect.h, roundness(item));
    }
  }
  return path;
}
