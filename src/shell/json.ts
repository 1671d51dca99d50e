/** Reads fields of API objects whose kinds the shell does not know: never throws, absent is ''. */

/** The value at a path of keys, undefined where any part is absent. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Readonly<Record<string | number, unknown>>)[key];
  }
  return current;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Strings as they are, numbers and booleans in text, everything else ''. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

export function number(value: unknown, otherwise = 0): number {
  return typeof value === 'number' ? value : otherwise;
}

export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};
}

/** String maps (labels, annotations, selectors), in order of key. */
export function pairs(value: unknown): readonly (readonly [string, string])[] {
  return Object.entries(record(value))
    .map(([key, child]) => [key, text(child)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
