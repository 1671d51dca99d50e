/** Remembers what was worked out of whole lists of objects for as long as those lists are current. */
import type { StoreView } from '../../objects/types.ts';

/**
 * `compute` must depend on nothing but the lists of these kinds. The store hands out the same list until one of its objects changes, so that a remembered
 * value is never stale, and a restored store simply starts anew.
 */
export function perState<T>(kinds: readonly [string, ...string[]], compute: (view: StoreView) => T): (view: StoreView) => T {
  const remembered = new WeakMap<object, { readonly lists: readonly unknown[]; readonly value: T }>();
  return (view) => {
    const first = view.list(kinds[0]);
    const known = remembered.get(first);
    if (known?.lists.every((list, i) => list === view.list(kinds[i] as string)) === true) return known.value;
    const value = compute(view);
    remembered.set(first, { lists: kinds.map((kind) => view.list(kind)), value });
    return value;
  };
}
