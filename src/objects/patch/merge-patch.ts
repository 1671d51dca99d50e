/** JSON Merge Patch, RFC 7386. */
import { type Fields, isFields, withoutNulls } from './values.ts';

export function mergePatch(live: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const result: Record<string, unknown> = isFields(live) ? { ...live } : {};
  for (const key of Object.keys(patch)) {
    const value: unknown = (patch as Fields)[key];
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = isFields(value) ? mergePatch(result[key], value) : withoutNulls(value);
  }
  return result;
}
