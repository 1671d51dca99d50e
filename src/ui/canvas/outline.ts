/** The scene as a tree of words, the other view of the same model: nodes contain kernels, devices and pods; arrow keys move along it and along wires. */
import { linkedItems } from './hit-test.ts';
import type { Item, Scene } from './scene.ts';
import { sceneIndex } from './scene-index.ts';

export interface OutlineEntry {
  readonly item: Item;
  readonly level: number;
  readonly children: readonly Item[];
}

/** Contained items in reading order. Pills stand below their kernel, chips of pods below their pod. */
export function childrenOf(scene: Scene, id: string | undefined): readonly Item[] {
  return sceneIndex(scene).children.get(id) ?? [];
}

export type Move = 'in' | 'out' | 'next' | 'previous' | 'first' | 'last';

function siblings(scene: Scene, item: Item): readonly Item[] {
  return childrenOf(scene, item.parent);
}

/** Where an arrow key leads from an item; the item itself where it leads nowhere. In from a leaf follows its first wire. */
export function moveFrom(scene: Scene, id: string | undefined, move: Move): Item | undefined {
  const item = id === undefined ? undefined : scene.itemById.get(id);
  if (item === undefined) return scene.items[0];
  const row = siblings(scene, item);
  const at = row.indexOf(item);
  switch (move) {
    case 'in':
      return childrenOf(scene, item.id)[0] ?? linkedItems(scene, item.id)[0] ?? item;
    case 'out':
      return item.parent === undefined ? item : (scene.itemById.get(item.parent) ?? item);
    case 'next':
      return row[Math.min(row.length - 1, at + 1)] ?? item;
    case 'previous':
      return row[Math.max(0, at - 1)] ?? item;
    case 'first':
      return row[0] ?? item;
    case 'last':
      return row[row.length - 1] ?? item;
  }
}

/** The next item whose name begins with these letters, after `id`, round the end. */
export function findByName(scene: Scene, id: string | undefined, letters: string): Item | undefined {
  const wanted = letters.toLowerCase();
  const start = scene.items.findIndex((item) => item.id === id);
  for (let i = 1; i <= scene.items.length; i += 1) {
    const item = scene.items[(start + i) % scene.items.length] as Item;
    if (nameOf(item).toLowerCase().startsWith(wanted)) return item;
  }
  return undefined;
}

export function nameOf(item: Item): string {
  if (item.kind === 'pod') return item.view.title;
  return item.kind === 'kernel' ? 'kernel' : item.title;
}

/** What is in the tree now: the top level, and the contents of the items on the way to the focused one. */
export function outlineEntries(scene: Scene, focused: string | undefined): readonly OutlineEntry[] {
  const open = new Set<string>();
  for (
    let item = focused === undefined ? undefined : scene.itemById.get(focused);
    item !== undefined;
    item = item.parent === undefined ? undefined : scene.itemById.get(item.parent)
  )
    open.add(item.id);
  const entries: OutlineEntry[] = [];
  const add = (item: Item, level: number): void => {
    const children = childrenOf(scene, item.id);
    entries.push({ item, level, children });
    if (open.has(item.id)) for (const child of children) add(child, level + 1);
  };
  for (const item of childrenOf(scene, undefined)) add(item, 1);
  return entries;
}
