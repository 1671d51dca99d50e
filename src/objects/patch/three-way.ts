/** What `kubectl apply` computes: last applied text, new text and live object to the new object. Kubernetes: kubectl/pkg/cmd/apply/patcher.go. */
import type { CompiledSchema } from '../schema/compile.ts';
import { itemId, mergeKeysOf, orderItems } from './merge-lists.ts';
import { type Fields, isFields, withoutNulls } from './values.ts';

/** Fields that were in `original` and are not in `modified` go; what only the server knows stays; `null` in `modified` removes. */
export function threeWayMerge(compiled: CompiledSchema | undefined, original: Fields, modified: Fields, live: Fields): Fields {
  const result: Record<string, unknown> = { ...live };
  for (const key of Object.keys(original)) if (modified[key] === undefined || modified[key] === null) delete result[key];
  for (const key of Object.keys(modified)) {
    const value = modified[key];
    if (value === undefined) continue;
    if (value === null) delete result[key];
    else result[key] = mergeValue(compiled?.properties.get(key) ?? compiled?.values, original[key], value, live[key]);
  }
  return result;
}

function mergeValue(compiled: CompiledSchema | undefined, original: unknown, modified: unknown, live: unknown): unknown {
  if (isFields(modified)) return threeWayMerge(compiled, isFields(original) ? original : {}, modified, isFields(live) ? live : {});
  if (!Array.isArray(modified)) return modified;
  const keys = mergeKeysOf(compiled);
  if (keys === undefined || !Array.isArray(live)) return modified.map(withoutNulls);
  const items = compiled?.items;
  const id = (item: unknown) => itemId(compiled, keys, item);
  const before = new Map((Array.isArray(original) ? original : []).map((item) => [id(item), item]));
  const merged = new Map<string, unknown>();
  const wanted = modified.map(id);
  const inText = new Set(wanted);
  const liveIds = live.map(id);
  live.forEach((item, index) => {
    const one = liveIds[index] ?? '';
    if (inText.has(one) || !before.has(one)) merged.set(one, item);
  });
  modified.forEach((item, index) => {
    const one = wanted[index] ?? '';
    merged.set(one, mergeValue(items, before.get(one), item, merged.get(one)));
  });
  return orderItems(merged, [...inText], liveIds);
}
