/** A name that no object of these kinds has yet. */
import type { World } from '../world.ts';

const MAX_TRIES = 1_000;

/** `base`, else `base-2`, `base-3` … */
export function freeName(world: World, kinds: readonly string[], namespace: string, base: string): string {
  for (let i = 1; i < MAX_TRIES; i += 1) {
    const name = i === 1 ? base : `${base}-${i}`;
    if (kinds.every((kind) => world.api.view.find(`${kind}/${namespace}/${name}`) === undefined)) return name;
  }
  return base;
}
