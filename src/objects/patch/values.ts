/** Small helpers on plain JSON values, shared by the patch types. */

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const forbidden = new Set(['__proto__', 'constructor', 'prototype']);
/** Deeper values are refused: no object is nested like that. */
const maxDepth = 120;

/** The first key that no object may have (it could reach a prototype), or `undefined`; values deeper than 120 levels count as having one. */
export function findForbiddenKey(value: unknown, depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > maxDepth) return '(nested too deeply)';
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = findForbiddenKey(item, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const key of Object.keys(value)) {
    if (forbidden.has(key)) return key;
    const found = findForbiddenKey((value as Fields)[key], depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** JSON as Go's encoder writes maps: keys sorted by code unit, `<`, `>` and `&` escaped. */
export function goJson(value: unknown): string {
  return sorted(value).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`;
  if (!isFields(value)) return JSON.stringify(value ?? null);
  const parts: string[] = [];
  for (const key of Object.keys(value).sort()) if (value[key] !== undefined) parts.push(`${JSON.stringify(key)}:${sorted(value[key])}`);
  return `{${parts.join(',')}}`;
}

/** Without fields that are null, at any depth of objects; lists are left as they are. */
export function withoutNulls(value: unknown): unknown {
  if (!isFields(value)) return value;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const inner = value[key];
    if (inner !== null && inner !== undefined) result[key] = withoutNulls(inner);
  }
  return result;
}
