/** Looking into values and changing them by path. */
import { JqError, type Json } from './ast.ts';
import { emptyObject, isList, isObject, typeName } from './values.ts';

export interface SliceKey {
  readonly start: Json;
  readonly end: Json;
}
export type PathKey = Json | SliceKey;
export type Path = readonly PathKey[];

const MAX_INDEX = 100_000;
const isSlice = (key: PathKey): key is SliceKey => typeof key === 'object' && key !== null && !Array.isArray(key) && 'start' in key && 'end' in key;
const keyText = (key: Json): string => (typeof key === 'string' ? JSON.stringify(key) : typeName(key));

export function getIndex(value: Json, key: PathKey): Json {
  if (isSlice(key)) return getSlice(value, key.start, key.end);
  if (value === null && (typeof key === 'string' || typeof key === 'number' || key === null)) return null;
  if (isObject(value) && typeof key === 'string') return Object.hasOwn(value, key) ? (value[key] as Json) : null;
  if (isList(value) && typeof key === 'number') {
    const i = Math.floor(key);
    return value[i < 0 ? i + value.length : i] ?? null;
  }
  if (isList(value) && isList(key)) return indices(value, key);
  if (isObject(value) && !Array.isArray(key)) throw new JqError(`Cannot index object with ${keyText(key)}`);
  if (typeof key === 'string') throw new JqError(`Cannot index ${typeName(value)} with string ${JSON.stringify(key)}`);
  throw new JqError(`Cannot index ${typeName(value)} with ${typeName(key)}`);
}

/** Where a list holds another. */
function indices(value: readonly Json[], part: readonly Json[]): Json {
  const found: number[] = [];
  const texts = value.map((item) => JSON.stringify(item));
  const wanted = part.map((item) => JSON.stringify(item));
  for (let i = 0; wanted.length > 0 && i + wanted.length <= texts.length; i += 1) if (wanted.every((item, j) => texts[i + j] === item)) found.push(i);
  return found.length === 0 ? null : found;
}

function bounds(length: number, from: Json, to: Json): readonly [number, number] {
  const clamp = (i: number): number => Math.min(Math.max(i < 0 ? i + length : i, 0), length);
  if ((from !== null && typeof from !== 'number') || (to !== null && typeof to !== 'number'))
    throw new JqError('Start and end indices of an array slice must be numbers');
  const start = clamp(Math.floor(from ?? 0));
  return [start, Math.max(start, clamp(Math.ceil(to ?? length)))];
}

export function getSlice(value: Json, from: Json, to: Json): Json {
  if (value === null) return null;
  if (typeof value === 'string') {
    const chars = [...value];
    return chars.slice(...bounds(chars.length, from, to)).join('');
  }
  if (isList(value)) return value.slice(...bounds(value.length, from, to));
  throw new JqError(`Cannot index ${typeName(value)} with object`);
}

export function getPath(value: Json, path: Path): Json {
  let current = value;
  for (const key of path) {
    if (current === null) return null;
    current = getIndex(current, key);
  }
  return current;
}

export function setPath(value: Json, path: Path, next: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return next;
  if (isSlice(key)) {
    if (value !== null && !isList(value)) throw new JqError(`Cannot update field at object index of ${typeName(value)}`);
    const list = value ?? [];
    const [start, end] = bounds(list.length, key.start, key.end);
    const middle = setPath(list.slice(start, end), rest, next);
    if (!isList(middle)) throw new JqError('A slice of an array can only be assigned another array');
    return [...list.slice(0, start), ...middle, ...list.slice(end)];
  }
  if (typeof key === 'string') {
    if (value !== null && !isObject(value)) throw new JqError(`Cannot index ${typeName(value)} with ${JSON.stringify(key)}`);
    const changed = Object.assign(emptyObject(), value ?? {});
    changed[key] = setPath(value !== null && Object.hasOwn(value, key) ? (value[key] as Json) : null, rest, next);
    return changed;
  }
  if (typeof key === 'number') {
    if (value !== null && !isList(value)) throw new JqError(`Cannot index ${typeName(value)} with number`);
    const changed: Json[] = [...(value ?? [])];
    const i = key < 0 ? key + changed.length : Math.floor(key);
    if (i < 0) throw new JqError('Out of bounds negative array index');
    if (i > MAX_INDEX) throw new JqError('Array index too large');
    while (changed.length < i) changed.push(null);
    changed[i] = setPath(changed[i] ?? null, rest, next);
    return changed;
  }
  throw new JqError(`Invalid path component`);
}

export function deletePaths(value: Json, paths: readonly Path[]): Json {
  // Later places first, so that earlier ones keep their numbers.
  const order = [...paths].sort((a, b) => (comparePaths(a, b) < 0 ? 1 : -1));
  let result = value;
  for (const path of order) result = deletePath(result, path);
  return result;
}

function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const [x, y] = [a[i], b[i]];
    if (typeof x === 'number' && typeof y === 'number' && x !== y) return x - y;
    if (typeof x === 'string' && typeof y === 'string' && x !== y) return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

function deletePath(value: Json, path: Path): Json {
  const [key, ...rest] = path;
  if (key === undefined) return null;
  if (value === null) return null;
  if (rest.length > 0) {
    const inner = getIndex(value, key);
    return inner === null ? value : setPath(value, [key], deletePath(inner, rest));
  }
  if (isSlice(key)) {
    if (!isList(value)) throw new JqError(`Cannot delete field at object index of ${typeName(value)}`);
    const [start, end] = bounds(value.length, key.start, key.end);
    return [...value.slice(0, start), ...value.slice(end)];
  }
  if (isObject(value) && typeof key === 'string') {
    const changed = Object.assign(emptyObject(), value);
    delete changed[key];
    return changed;
  }
  if (isList(value) && typeof key === 'number') {
    const i = key < 0 ? key + value.length : key;
    return value.filter((_, j) => j !== i);
  }
  throw new JqError(`Cannot delete field at ${typeof key === 'string' ? 'object' : 'array'} index of ${typeName(value)}`);
}

/** Ways into a value, outermost first, without the value itself. */
export function* allPaths(value: Json, at: Path = []): Generator<{ readonly path: Path; readonly value: Json }> {
  if (isList(value)) {
    for (const [i, item] of value.entries()) {
      yield { path: [...at, i], value: item };
      yield* allPaths(item, [...at, i]);
    }
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      yield { path: [...at, key], value: value[key] as Json };
      yield* allPaths(value[key] as Json, [...at, key]);
    }
  }
}
