/** Lists of maps that are merged item by item. Kubernetes: apimachinery/pkg/util/strategicpatch. */
import type { CompiledSchema } from '../schema/compile.ts';
import { type Fields, isFields } from './values.ts';

/** Fields that name an item of this list, `undefined` where lists are replaced as a whole. */
export function mergeKeysOf(compiled: CompiledSchema | undefined): readonly string[] | undefined {
  const keys = compiled?.schema['x-kubernetes-list-map-keys'];
  return keys === undefined || keys.length === 0 ? undefined : keys;
}

/** The identity of an item; a key that is absent counts with its default (`protocol: TCP`). */
export function itemId(compiled: CompiledSchema | undefined, keys: readonly string[], item: unknown): string {
  const fields: Fields = isFields(item) ? item : {};
  return JSON.stringify(keys.map((key) => fields[key] ?? compiled?.items?.properties.get(key)?.schema.default ?? null));
}

/**
 * Puts merged items in the order the patch asks for; items that only the live list has keep their place relative to their live neighbours.
 * `wanted`: ids in the order of the patch.
 */
export function orderItems(items: ReadonlyMap<string, unknown>, wanted: readonly string[], live: readonly string[]): unknown[] {
  const livePlace = new Map(live.map((id, index) => [id, index]));
  const inPatch = new Set(wanted);
  const serverOnly = live.filter((id) => items.has(id) && !inPatch.has(id));
  const result: unknown[] = [];
  let next = 0;
  for (const id of wanted) {
    if (!items.has(id)) continue;
    const place = livePlace.get(id);
    while (place !== undefined && next < serverOnly.length && (livePlace.get(serverOnly[next] ?? '') ?? 0) < place) {
      result.push(items.get(serverOnly[next] ?? ''));
      next += 1;
    }
    result.push(items.get(id));
  }
  for (; next < serverOnly.length; next += 1) result.push(items.get(serverOnly[next] ?? ''));
  return result;
}
