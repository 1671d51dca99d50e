/** Which boxes of a large world are elements of the page now: those in view once their letters can be read; the rest is drawn on canvas. Pure. */
import { overlaps, type Rect, type Scene } from './scene.ts';
import { sceneIndex } from './scene-index.ts';

/** From farther away no box of a large world is an element. */
export const MOUNT_ZOOM = 0.45;
/** Bound of elements that are rooms or stand beside them. */
export const MAX_MOUNTED = 60;
/** Boxes that come and go in one frame, so that no frame is long. */
const ROOMS_A_FRAME = 1;
const OTHERS_A_FRAME = 8;
/** Scene units of a step of the view after which the set is looked at again. */
const CELL = 320;

/** Changes when another set of boxes may be in view: `far`, or a cell of the plane and half a power of two of zoom. */
export function viewKey(x: number, y: number, zoom: number): string {
  if (zoom < MOUNT_ZOOM) return 'far';
  return `${Math.floor(-x / zoom / CELL)} ${Math.floor(-y / zoom / CELL)} ${Math.ceil(Math.log2(1 / zoom) * 2)}`;
}

/** Ids of top items to be mounted for a view, the nearest to its middle first. */
export function wantedItems(scene: Scene, key: string, size: { readonly width: number; readonly height: number }): readonly string[] {
  if (key === 'far') return [];
  const [cx = 0, cy = 0, halves = 0] = key.split(' ').map(Number);
  const scale = 2 ** (halves / 2);
  const view: Rect = { x: (cx - 0.5) * CELL, y: (cy - 0.5) * CELL, w: size.width * scale + 2 * CELL, h: size.height * scale + 2 * CELL };
  const middle = { x: view.x + view.w / 2, y: view.y + view.h / 2 };
  return sceneIndex(scene)
    .top.filter((item) => overlaps(item.rect, view))
    .map((item) => ({ id: item.id, away: Math.hypot(item.rect.x + item.rect.w / 2 - middle.x, item.rect.y + item.rect.h / 2 - middle.y) }))
    .sort((a, b) => a.away - b.away || (a.id < b.id ? -1 : 1))
    .slice(0, MAX_MOUNTED)
    .map((one) => one.id);
}

/** One frame's step from what is mounted to what is wanted; the same set when nothing is left to do. */
export function stepMounted(scene: Scene, mounted: ReadonlySet<string>, wanted: readonly string[]): ReadonlySet<string> {
  const goal = new Set(wanted);
  const next = new Set(mounted);
  let rooms = ROOMS_A_FRAME;
  let others = OTHERS_A_FRAME;
  const may = (id: string): boolean => {
    if (scene.itemById.get(id)?.kind === 'room') {
      rooms -= 1;
      return rooms >= 0;
    }
    others -= 1;
    return others >= 0;
  };
  for (const id of wanted) if (!mounted.has(id) && may(id)) next.add(id);
  // What has gone costs little: twice as many may go.
  rooms += 2 * ROOMS_A_FRAME;
  others += 2 * OTHERS_A_FRAME;
  for (const id of mounted) if (!goal.has(id) && (!scene.itemById.has(id) || may(id))) next.delete(id);
  return next.size === mounted.size && wanted.every((id) => mounted.has(id)) ? mounted : next;
}
