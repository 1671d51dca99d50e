/** Where the items of a scene are found without a search: by room, by parent. Made once for each scene. */
import type { Item, Scene } from './scene.ts';

export interface SceneIndex {
  /** Items that stand in no other, in painting order. */
  readonly top: readonly Item[];
  /** All that stands in a top item, in painting order, tiles left out. */
  readonly inside: ReadonlyMap<string, readonly Item[]>;
  readonly children: ReadonlyMap<string | undefined, readonly Item[]>;
  /** Rooms that show their pods as tiles are many, or the pods are: not all of it can be elements of a page. */
  readonly large: boolean;
}

/** Rooms that can all be elements of the page at once. */
const MAX_MOUNTED_ROOMS = 12;

const indexes = new WeakMap<Scene, SceneIndex>();

export function outermostOf(scene: Scene, item: Item): Item {
  let at = item;
  while (at.parent !== undefined) {
    const parent = scene.itemById.get(at.parent);
    if (parent === undefined) break;
    at = parent;
  }
  return at;
}

export function sceneIndex(scene: Scene): SceneIndex {
  const known = indexes.get(scene);
  if (known !== undefined) return known;
  const inside = new Map<string, Item[]>();
  const children = new Map<string | undefined, Item[]>();
  const add = <K>(lists: Map<K, Item[]>, key: K, item: Item): void => {
    const list = lists.get(key);
    if (list === undefined) lists.set(key, [item]);
    else list.push(item);
  };
  for (const item of scene.items) {
    add(children, item.parent, item);
    if (item.parent !== undefined && !(item.kind === 'pod' && item.size === 'tile')) add(inside, outermostOf(scene, item).id, item);
  }
  const top = children.get(undefined) ?? [];
  const rooms = top.filter((item) => item.kind === 'room').length;
  const made: SceneIndex = { top, inside, children, large: rooms > (scene.tiles.length > 0 ? MAX_MOUNTED_ROOMS : 2 * MAX_MOUNTED_ROOMS) };
  indexes.set(scene, made);
  return made;
}
