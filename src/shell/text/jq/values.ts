/** jq's values: order, names of types, arithmetic, and how they are printed. */
import { JqError, type Json } from './ast.ts';

export type JsonObject = { readonly [key: string]: Json };

export const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
export const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
export const truthy = (value: Json): boolean => value !== null && value !== false;

/** An object without a prototype, so that every key is only a key. */
export function emptyObject(): { [key: string]: Json } {
  return Object.create(null) as { [key: string]: Json };
}

export function typeName(value: Json): string {
  return value === null ? 'null' : isList(value) ? 'array' : typeof value;
}

const ranks: Readonly<Record<string, number>> = { null: 0, boolean: 1, number: 3, string: 4, array: 5, object: 6 };
const rank = (value: Json): number => (value === true ? 2 : (ranks[typeName(value)] ?? 0));

/** By code point, as jq compares strings. */
export function compareText(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
    const difference = (x[i] as string).codePointAt(0)! - (y[i] as string).codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

export const sortedKeys = (value: JsonObject): string[] => Object.keys(value).sort(compareText);

/** null < false < true < numbers < strings < arrays < objects. */
export function compare(a: Json, b: Json): number {
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference;
  if (typeof a === 'number') return a - (b as number);
  if (typeof a === 'string') return compareText(a, b as string);
  if (isList(a)) {
    const other = b as readonly Json[];
    for (let i = 0; i < Math.min(a.length, other.length); i += 1) {
      const item = compare(a[i] as Json, other[i] as Json);
      if (item !== 0) return item;
    }
    return a.length - other.length;
  }
  if (isObject(a)) {
    const other = b as JsonObject;
    const [x, y] = [sortedKeys(a), sortedKeys(other)];
    const keys = compare(x, y);
    if (keys !== 0) return keys;
    for (const key of x) {
      const item = compare(a[key] as Json, other[key] as Json);
      if (item !== 0) return item;
    }
  }
  return 0;
}

/** A number as jq prints it: 17 digits, an exponent from 1e17 on. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'null';
  if (!Number.isFinite(value)) return value > 0 ? '1.7976931348623157e+308' : '-1.7976931348623157e+308';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (Math.abs(value) >= 1e17) return value.toExponential().replace(/e\+(\d)$/, 'e+0$1');
  return String(value).replace(/e-(\d)$/, 'e-0$1');
}

export interface PrintOptions {
  /** Spaces a level; 0: all on one line. */
  readonly indent: number;
  readonly tab: boolean;
  readonly sortKeys: boolean;
  readonly ascii: boolean;
}

const compact: PrintOptions = { indent: 0, tab: false, sortKeys: false, ascii: false };

export function stringText(value: string, ascii = false): string {
  const text = JSON.stringify(value).replaceAll('\u007f', '\\u007f');
  return ascii ? text.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`) : text;
}

/** Deeper values are cut: nobody prints them. */
const MAX_DEPTH = 1000;

export function toJson(value: Json, options: PrintOptions = compact, depth = 0): string {
  if (depth > MAX_DEPTH) return '"<skipped: too deep>"';
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'string') return stringText(value, options.ascii);
  if (value === null || typeof value === 'boolean') return String(value);
  const step = options.tab ? '\t' : ' '.repeat(options.indent);
  const pretty = step !== '';
  const inner = pretty ? `\n${step.repeat(depth + 1)}` : '';
  const outer = pretty ? `\n${step.repeat(depth)}` : '';
  if (isList(value)) return value.length === 0 ? '[]' : `[${inner}${value.map((item) => toJson(item, options, depth + 1)).join(`,${inner}`)}${outer}]`;
  const keys = options.sortKeys ? sortedKeys(value) : Object.keys(value);
  if (keys.length === 0) return '{}';
  const colon = pretty ? ': ' : ':';
  return `{${inner}${keys.map((key) => `${stringText(key, options.ascii)}${colon}${toJson(value[key] as Json, options, depth + 1)}`).join(`,${inner}`)}${outer}}`;
}

/** Values in error messages are cut after eleven bytes. */
export function shortText(value: Json): string {
  const text = toJson(value);
  return text.length > 11 ? `${text.slice(0, 10)}...` : text;
}

const described = (value: Json): string => `${typeName(value)} (${shortText(value)})`;

function deepMerge(a: JsonObject, b: JsonObject): JsonObject {
  const merged = Object.assign(emptyObject(), a);
  for (const key of Object.keys(b)) {
    const [mine, theirs] = [merged[key], b[key] as Json];
    merged[key] = mine !== undefined && isObject(mine) && isObject(theirs) ? deepMerge(mine, theirs) : theirs;
  }
  return merged;
}

const MAX_STRING = 1_000_000;

/** @throws {JqError} in jq's words. */
export function arithmetic(operator: string, a: Json, b: Json): Json {
  switch (operator) {
    case '+':
      if (a === null) return b;
      if (b === null) return a;
      if (typeof a === 'number' && typeof b === 'number') return a + b;
      if (typeof a === 'string' && typeof b === 'string') {
        if (a.length + b.length > MAX_STRING) throw new JqError('string is too long');
        return a + b;
      }
      if (isList(a) && isList(b)) return [...a, ...b];
      if (isObject(a) && isObject(b)) return Object.assign(emptyObject(), a, b);
      throw new JqError(`${described(a)} and ${described(b)} cannot be added`);
    case '-':
      if (typeof a === 'number' && typeof b === 'number') return a - b;
      if (isList(a) && isList(b)) return a.filter((item) => !b.some((other) => compare(item, other) === 0));
      throw new JqError(`${described(a)} and ${described(b)} cannot be subtracted`);
    case '*': {
      if (typeof a === 'number' && typeof b === 'number') return a * b;
      const [text, times] = typeof a === 'string' ? [a, b] : [b, a];
      if (typeof text === 'string' && typeof times === 'number') {
        if (times <= 0) return null;
        const count = Math.max(1, Math.ceil(times));
        if (text.length * count > MAX_STRING) throw new JqError('string is too long');
        return text.repeat(count);
      }
      if (isObject(a) && isObject(b)) return deepMerge(a, b);
      throw new JqError(`${described(a)} and ${described(b)} cannot be multiplied`);
    }
    case '/':
      if (typeof a === 'number' && typeof b === 'number') {
        if (b === 0) throw new JqError(`${described(a)} and ${described(b)} cannot be divided because the divisor is zero`);
        return a / b;
      }
      if (typeof a === 'string' && typeof b === 'string') return a === '' ? [] : a.split(b);
      throw new JqError(`${described(a)} and ${described(b)} cannot be divided`);
    case '%':
      if (typeof a === 'number' && typeof b === 'number') {
        const divisor = Math.trunc(b);
        if (divisor === 0) throw new JqError(`${described(a)} and ${described(b)} cannot be divided because the divisor is zero`);
        return Math.trunc(a) % Math.abs(divisor);
      }
      throw new JqError(`${described(a)} and ${described(b)} cannot be divided`);
    case '==':
      return compare(a, b) === 0;
    case '!=':
      return compare(a, b) !== 0;
    case '<':
      return compare(a, b) < 0;
    case '<=':
      return compare(a, b) <= 0;
    case '>':
      return compare(a, b) > 0;
    default:
      return compare(a, b) >= 0;
  }
}
