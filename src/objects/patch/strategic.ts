/** Strategic merge patch, kubectl patch's default. Kubernetes: apimachinery/pkg/util/strategicpatch/patch.go. */
import { deepEqual } from '../../base/equal.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { itemId, mergeKeysOf, orderItems } from './merge-lists.ts';
import { type Fields, isFields, withoutNulls } from './values.ts';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/** @returns the object with the patch applied; the live one is not touched. Directives: `$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`. */
export function strategicMerge(compiled: CompiledSchema | undefined, live: Fields, patch: Fields): Fields {
  if (patch.$patch === 'replace') return withoutNulls(withoutDirectives(patch)) as Fields;
  if (patch.$patch === 'delete') return {};
  const result: Record<string, unknown> = { ...live };
  if (Array.isArray(patch.$retainKeys)) for (const key of Object.keys(result)) if (!patch.$retainKeys.includes(key)) delete result[key];
  for (const key of Object.keys(patch)) {
    if (key.startsWith(deletePrefix)) {
      const name = key.slice(deletePrefix.length);
      const gone = patch[key];
      const list = result[name];
      if (Array.isArray(list) && Array.isArray(gone)) result[name] = list.filter((item) => !gone.some((one) => deepEqual(one, item)));
    }
    if (key.startsWith('$')) continue;
    const value = patch[key];
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = mergeValue(compiled?.properties.get(key) ?? compiled?.values, result[key], value, patch[orderPrefix + key]);
  }
  // An order may be asked for without any item that changes.
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    const name = key.slice(orderPrefix.length);
    const list = result[name];
    if (patch[name] === undefined && Array.isArray(list)) result[name] = mergeValue(compiled?.properties.get(name), list, [], patch[key]);
  }
  return result;
}

function withoutDirectives(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !key.startsWith('$')));
}

function mergeValue(compiled: CompiledSchema | undefined, live: unknown, patch: unknown, order: unknown): unknown {
  if (isFields(patch)) return strategicMerge(compiled, isFields(live) ? live : {}, patch);
  if (!Array.isArray(patch)) return patch;
  const keys = mergeKeysOf(compiled);
  if (keys === undefined) return patch.map(withoutNulls);
  if (patch.some((item) => isFields(item) && item.$patch === 'replace')) {
    return patch.filter((item) => !(isFields(item) && item.$patch === 'replace')).map(withoutNulls);
  }
  const list = Array.isArray(live) ? live : [];
  const id = (item: unknown) => itemId(compiled, keys, item);
  const merged = new Map<string, unknown>(list.map((item) => [id(item), item]));
  const touched: string[] = [];
  for (const item of patch) {
    const one = matchingId(compiled, keys, merged, item);
    if (isFields(item) && item.$patch === 'delete') {
      merged.delete(one);
      continue;
    }
    merged.set(one, mergeValue(compiled?.items, merged.get(one), item, undefined));
    touched.push(one);
  }
  const wanted = Array.isArray(order) ? order.map((item) => matchingId(compiled, keys, merged, item)) : undefined;
  if (wanted === undefined) return [...merged.values()];
  return orderItems(merged, [...new Set([...wanted, ...touched])], list.map(id));
}

/** The item a patch means. A patch may give only the first of several keys (`port` without `protocol`). */
function matchingId(compiled: CompiledSchema | undefined, keys: readonly string[], merged: ReadonlyMap<string, unknown>, item: unknown): string {
  const exact = itemId(compiled, keys, item);
  if (merged.has(exact) || keys.length === 1 || !isFields(item)) return exact;
  const given = keys.filter((key) => item[key] !== undefined);
  for (const [id, candidate] of merged) if (isFields(candidate) && given.length > 0 && given.every((key) => deepEqual(candidate[key], item[key]))) return id;
  return exact;
}
