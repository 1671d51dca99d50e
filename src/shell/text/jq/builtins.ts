/** Functions that jq brings: those on values, and those that need their arguments as programs. */
import { formatRfc3339, parseRfc3339 } from '../../../base/time.ts';
import { type Ast, JqError, type Json } from './ast.ts';
import { type Budget, spend } from './budget.ts';
import { type MatchObject, matches, substitute } from './match.ts';
import { allPaths, deletePaths, getPath, type Path, setPath } from './paths.ts';
import { compare, emptyObject, isList, isObject, shortText, sortedKeys, toJson, truthy, typeName } from './values.ts';

type Builtin = (input: Json, args: readonly Json[]) => Json;

const described = (value: Json): string => `${typeName(value)} (${shortText(value)})`;
const list = (value: Json, what: string): readonly Json[] => {
  if (!isList(value)) throw new JqError(`${described(value)} ${what}`);
  return value;
};
const number = (value: Json): number => {
  if (typeof value !== 'number') throw new JqError(`${described(value)} number required`);
  return value;
};
const string = (value: Json, what: string): string => {
  if (typeof value !== 'string') throw new JqError(`${described(value)} ${what}`);
  return value;
};
const asPath = (value: Json): Path => list(value, 'cannot be used as a path');

function contains(a: Json, b: Json): boolean {
  if (isObject(a) && isObject(b)) return Object.keys(b).every((key) => Object.hasOwn(a, key) && contains(a[key] as Json, b[key] as Json));
  if (isList(a) && isList(b)) return b.every((wanted) => a.some((item) => typeName(item) === typeName(wanted) && contains(item, wanted)));
  if (typeof a === 'string' && typeof b === 'string') return a.includes(b);
  if (typeName(a) !== typeName(b)) throw new JqError(`${described(a)} and ${described(b)} cannot have their containment checked`);
  return compare(a, b) === 0;
}

function length(value: Json): number {
  if (value === null) return 0;
  if (typeof value === 'boolean') throw new JqError(`${described(value)} has no length`);
  if (typeof value === 'number') return Math.abs(value);
  if (typeof value === 'string') return [...value].length;
  return isList(value) ? value.length : Object.keys(value).length;
}

function keys(value: Json, sorted: boolean): Json {
  if (isList(value)) return value.map((_, i) => i);
  if (isObject(value)) return sorted ? sortedKeys(value) : Object.keys(value);
  throw new JqError(`${described(value)} has no keys`);
}

function flatten(value: readonly Json[], depth: number): Json[] {
  return value.flatMap((item) => (isList(item) && depth > 0 ? flatten(item, depth - 1) : [item]));
}

function toNumber(value: Json): Json {
  if (typeof value === 'number') return value;
  const text = string(value, 'cannot be parsed as a number');
  const parsed = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(parsed)) throw new JqError(`${described(value)} cannot be parsed as a number`);
  return parsed;
}

function parse(value: Json): Json {
  const text = string(value, 'only strings can be parsed');
  try {
    return reviveJson(text);
  } catch {
    throw new JqError(`${text} (while parsing '${text}')`);
  }
}

/** JSON text to values whose objects have no prototype. @throws {SyntaxError} */
export function reviveJson(text: string): Json {
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.assign(emptyObject(), value) : value,
  ) as Json;
}

const indicesOf = (value: Json, wanted: Json): Json => {
  if (value === null) return null;
  if (typeof value === 'string') {
    const part = string(wanted, 'cannot be searched from a string');
    const found: number[] = [];
    if (part === '') return null;
    for (let i = value.indexOf(part); i >= 0; i = value.indexOf(part, i + 1)) found.push(i);
    return found;
  }
  const items = list(value, 'cannot be searched');
  if (isList(wanted))
    return items.flatMap((_, i) =>
      wanted.length > 0 && wanted.every((item, j) => items[i + j] !== undefined && compare(items[i + j] as Json, item) === 0) ? [i] : [],
    );
  return items.flatMap((item, i) => (compare(item, wanted) === 0 ? [i] : []));
};

const trimmed = (value: Json, part: Json, front: boolean): Json => {
  if (typeof value !== 'string' || typeof part !== 'string' || part === '') return value;
  if (front) return value.startsWith(part) ? value.slice(part.length) : value;
  return value.endsWith(part) ? value.slice(0, value.length - part.length) : value;
};

const tests = (value: Json, pattern: Json, flags: Json): readonly MatchObject[] => {
  const [source, given] = isList(pattern) ? [pattern[0] ?? null, pattern[1] ?? flags] : [pattern, flags];
  if (typeof value !== 'string') throw new JqError(`${described(value)} cannot be matched, as it is not a string`);
  if (typeof source !== 'string') throw new JqError(`${described(source)} cannot be matched, as it is not a string`);
  return matches(value, source, typeof given === 'string' ? given : '');
};

const capture = (match: MatchObject): Json => {
  const made = emptyObject();
  for (const one of match.captures) if (one.name !== null) made[one.name] = one.string;
  return made;
};

const matchJson = (match: MatchObject): Json =>
  Object.assign(emptyObject(), {
    offset: match.offset,
    length: match.length,
    string: match.string,
    captures: match.captures.map((one) => Object.assign(emptyObject(), { offset: one.offset, length: one.length, string: one.string, name: one.name })),
  }) as Json;

const math: readonly (readonly [string, (x: number) => number])[] = [
  ['floor', Math.floor],
  ['ceil', Math.ceil],
  ['round', (x) => Math.sign(x) * Math.round(Math.abs(x))],
  ['sqrt', Math.sqrt],
  ['fabs', Math.abs],
  ['log', Math.log],
  ['log2', Math.log2],
  ['log10', Math.log10],
  ['exp', Math.exp],
  ['exp2', (x) => 2 ** x],
  ['exp10', (x) => 10 ** x],
  ['trunc', Math.trunc],
  ['sin', Math.sin],
  ['cos', Math.cos],
];

/** By name and number of arguments; each argument is one of its values. */
export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...math.map(([name, f]): [string, Builtin] => [`${name}/0`, (input) => f(number(input))]),
  ['pow/2', (_, [x = null, y = null]) => number(x) ** number(y)],
  ['length/0', (input) => length(input)],
  ['utf8bytelength/0', (input) => encodeURIComponent(string(input, 'only strings have UTF-8 byte length')).replace(/%../g, 'x').length],
  ['not/0', (input) => !truthy(input)],
  ['keys/0', (input) => keys(input, true)],
  ['keys_unsorted/0', (input) => keys(input, false)],
  [
    'has/1',
    (input, [key = null]) =>
      isObject(input) && typeof key === 'string'
        ? Object.hasOwn(input, key)
        : isList(input) && typeof key === 'number'
          ? key >= 0 && key < input.length
          : fail(`Cannot check whether ${typeName(input)} has a ${typeName(key)} key`),
  ],
  ['contains/1', (input, [wanted = null]) => contains(input, wanted)],
  ['type/0', (input) => typeName(input)],
  ['tostring/0', (input) => (typeof input === 'string' ? input : toJson(input))],
  ['tonumber/0', toNumber],
  ['fromjson/0', parse],
  ['ascii_downcase/0', (input) => string(input, 'cannot be downcased').replace(/[A-Z]/g, (char) => char.toLowerCase())],
  ['ascii_upcase/0', (input) => string(input, 'cannot be upcased').replace(/[a-z]/g, (char) => char.toUpperCase())],
  ['explode/0', (input) => [...string(input, 'cannot be exploded')].map((char) => char.codePointAt(0) ?? 0)],
  [
    'implode/0',
    (input) =>
      list(input, 'cannot be imploded')
        .map((code) => String.fromCodePoint(Math.min(Math.max(number(code), 0), 0x10ffff)))
        .join(''),
  ],
  ['ltrimstr/1', (input, [part = null]) => trimmed(input, part, true)],
  ['rtrimstr/1', (input, [part = null]) => trimmed(input, part, false)],
  ['trim/0', (input) => string(input, 'cannot be trimmed').trim()],
  ['ltrim/0', (input) => string(input, 'cannot be trimmed').trimStart()],
  ['rtrim/0', (input) => string(input, 'cannot be trimmed').trimEnd()],
  [
    'startswith/1',
    (input, [part = null]) => (typeof input === 'string' && typeof part === 'string' ? input.startsWith(part) : fail('startswith() requires string inputs')),
  ],
  [
    'endswith/1',
    (input, [part = null]) => (typeof input === 'string' && typeof part === 'string' ? input.endsWith(part) : fail('endswith() requires string inputs')),
  ],
  [
    'split/1',
    (input, [by = null]) =>
      typeof input === 'string' && typeof by === 'string' ? (input === '' ? [] : input.split(by)) : fail('split input and separator must be strings'),
  ],
  [
    'join/1',
    (input, [by = null]) =>
      list(input, 'cannot be joined')
        .map((item) =>
          item === null
            ? ''
            : typeof item === 'string'
              ? item
              : isList(item) || isObject(item)
                ? fail(`${described(by)} and ${described(item)} cannot be added`)
                : toJson(item),
        )
        .join(string(by, 'cannot be joined with')),
  ],
  ['ascii/0', (input) => String.fromCharCode(number(input))],
  [
    'add/0',
    (input) =>
      (isList(input) || isObject(input)
        ? Object.values(input as Readonly<Record<string, Json>>)
        : fail(`Cannot iterate over ${described(input)}`)
      ).reduce<Json>(addValues, null),
  ],
  [
    'reverse/0',
    (input) =>
      typeof input === 'string' ? [...input].reverse().join('') : input === null ? [] : [...list(input, 'cannot be reversed, as it is not an array')].reverse(),
  ],
  ['sort/0', (input) => [...list(input, 'cannot be sorted, as it is not an array')].sort(compare)],
  [
    'unique/0',
    (input) =>
      [...list(input, 'cannot be sorted, as it is not an array')].sort(compare).filter((item, i, all) => i === 0 || compare(item, all[i - 1] as Json) !== 0),
  ],
  ['min/0', (input) => extreme(input, (item) => item, -1)],
  ['max/0', (input) => extreme(input, (item) => item, 1)],
  ['flatten/0', (input) => flatten(list(input, 'cannot be flattened'), 1000)],
  [
    'flatten/1',
    (input, [depth = null]) => (number(depth) < 0 ? fail('flatten depth must not be negative') : flatten(list(input, 'cannot be flattened'), number(depth))),
  ],
  ['indices/1', (input, [wanted = null]) => indicesOf(input, wanted)],
  ['index/1', (input, [wanted = null]) => first(indicesOf(input, wanted))],
  ['rindex/1', (input, [wanted = null]) => last(indicesOf(input, wanted))],
  ['to_entries/0', (input) => (keys(input, false) as readonly Json[]).map((key) => Object.assign(emptyObject(), { key, value: getPath(input, [key]) }))],
  ['tojson/0', (input) => toJson(input)],
  ['setpath/2', (input, [path = null, value = null]) => setPath(input, asPath(path), value)],
  ['delpaths/1', (input, [paths = null]) => deletePaths(input, list(paths, 'must be an array of paths').map(asPath))],
  ['infinite/0', () => Number.POSITIVE_INFINITY],
  ['nan/0', () => Number.NaN],
  ['isnan/0', (input) => Number.isNaN(number(input))],
  ['isinfinite/0', (input) => !Number.isFinite(number(input)) && !Number.isNaN(number(input))],
  ['error/0', (input) => raise(input)],
  ['error/1', (_, [value = null]) => raise(value)],
  ['todate/0', (input) => formatRfc3339(number(input) * 1000)],
  [
    'fromdate/0',
    (input) =>
      Math.floor(
        (parseRfc3339(string(input, 'cannot be parsed as a date')) ?? fail(`date ${toJson(input)} does not match format "%Y-%m-%dT%H:%M:%SZ"`)) / 1000,
      ),
  ],
  [
    'fromdateiso8601/0',
    (input) =>
      Math.floor(
        (parseRfc3339(string(input, 'cannot be parsed as a date')) ?? fail(`date ${toJson(input)} does not match format "%Y-%m-%dT%H:%M:%SZ"`)) / 1000,
      ),
  ],
  ['test/1', (input, [pattern = null]) => tests(input, pattern, null).length > 0],
  ['test/2', (input, [pattern = null, flags = null]) => tests(input, pattern, flags).length > 0],
  ['split/2', (input, [pattern = null, flags = null]) => pieces(input, pattern, flags)],
  ['match_list/2', (input, [pattern = null, flags = null]) => tests(input, pattern, flags).map(matchJson)],
  ['capture_list/2', (input, [pattern = null, flags = null]) => tests(input, pattern, flags).map(capture)],
  ['transpose/0', (input) => transpose(list(input, 'cannot be transposed'))],
  ['env/0', () => emptyObject()],
]);

const fail = (message: string): never => {
  throw new JqError(message);
};
const raise = (value: Json): never => {
  throw new JqError(value);
};
const first = (value: Json): Json => (isList(value) ? (value[0] ?? null) : null);
const last = (value: Json): Json => (isList(value) ? (value.at(-1) ?? null) : null);

function addValues(a: Json, b: Json): Json {
  if (a === null) return b;
  if (b === null) return a;
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a === 'string' && typeof b === 'string') return a + b;
  if (isList(a) && isList(b)) return [...a, ...b];
  if (isObject(a) && isObject(b)) return Object.assign(emptyObject(), a, b);
  return fail(`${described(a)} and ${described(b)} cannot be added`);
}

function extreme(input: Json, by: (item: Json) => Json, sign: number): Json {
  let best: Json | undefined;
  for (const item of list(input, 'cannot be sorted, as it is not an array')) {
    if (best === undefined || (sign < 0 ? compare(by(item), by(best)) < 0 : compare(by(item), by(best)) >= 0)) best = item;
  }
  return best ?? null;
}

function pieces(input: Json, pattern: Json, flags: Json): Json {
  const text = string(input, 'cannot be matched, as it is not a string');
  const found: string[] = [];
  let from = 0;
  for (const match of tests(input, pattern, typeof flags === 'string' ? `${flags}g` : 'g')) {
    found.push(text.slice(from, match.offset));
    from = match.offset + match.length;
  }
  return [...found, text.slice(from)];
}

function transpose(rows: readonly Json[]): Json {
  const width = Math.max(0, ...rows.map((row) => list(row, 'cannot be transposed').length));
  return Array.from({ length: Math.min(width, 100_000) }, (_, i) => rows.map((row) => (row as readonly Json[])[i] ?? null));
}

interface Found {
  readonly value: Json;
  readonly path: Path | undefined;
}

/** What a function gets that runs its arguments itself. */
export interface Running {
  readonly args: readonly Ast[];
  readonly at: Found;
  readonly budget: Budget;
  values(ast: Ast, input: Json): Generator<Json>;
  paths(ast: Ast, input: Json): Generator<Path>;
  found(ast: Ast, where: Found): Generator<Found>;
  computed(value: Json): Found;
}

const firstOf = (values: Generator<Json>): Json | undefined => {
  const next = values.next();
  return next.done === true ? undefined : next.value;
};

/** Items with the key that a program makes of each. */
function keyed(running: Running): { readonly item: Json; readonly key: Json }[] {
  const { args, at } = running;
  return list(at.value, 'cannot be sorted, as it is not an array').map((item) => ({ item, key: [...running.values(args[0] as Ast, item)] }));
}

const byKey = (running: Running): { readonly item: Json; readonly key: Json }[] => keyed(running).sort((a, b) => compare(a.key, b.key));

function grouped(running: Running): Json[][] {
  const groups: Json[][] = [];
  let before: Json | undefined;
  for (const { item, key } of byKey(running)) {
    if (before !== undefined && compare(before, key) === 0) groups.at(-1)?.push(item);
    else groups.push([item]);
    before = key;
  }
  return groups;
}

type PathBuiltin = (running: Running) => Generator<Found>;

/** Those that take programs, or give paths. */
export const pathBuiltins: ReadonlyMap<string, PathBuiltin> = new Map<string, PathBuiltin>([
  ['empty/0', function* () {}],
  [
    'select/1',
    function* ({ args, at, values }) {
      for (const condition of values(args[0] as Ast, at.value)) if (truthy(condition)) yield at;
    },
  ],
  [
    'path/1',
    function* ({ args, at, paths, computed }) {
      for (const path of paths(args[0] as Ast, at.value)) yield computed(path as Json);
    },
  ],
  [
    'paths/0',
    function* ({ at, computed }) {
      for (const { path } of allPaths(at.value)) yield computed(path as Json);
    },
  ],
  [
    'paths/1',
    function* ({ args, at, values, computed }) {
      for (const { path, value } of allPaths(at.value)) for (const wanted of values(args[0] as Ast, value)) if (truthy(wanted)) yield computed(path as Json);
    },
  ],
  [
    'del/1',
    function* ({ args, at, paths, computed }) {
      yield computed(deletePaths(at.value, [...paths(args[0] as Ast, at.value)]));
    },
  ],
  [
    'getpath/1',
    function* ({ args, at, values }) {
      for (const path of values(args[0] as Ast, at.value))
        yield { value: getPath(at.value, asPath(path)), path: at.path === undefined ? undefined : [...at.path, ...asPath(path)] };
    },
  ],
  [
    'sort_by/1',
    function* (running) {
      yield running.computed(byKey(running).map(({ item }) => item));
    },
  ],
  [
    'group_by/1',
    function* (running) {
      yield running.computed(grouped(running));
    },
  ],
  [
    'unique_by/1',
    function* (running) {
      yield running.computed(grouped(running).map((group) => group[0] as Json));
    },
  ],
  [
    'min_by/1',
    function* (running) {
      const all = keyed(running);
      yield running.computed(all.length === 0 ? null : all.reduce((best, one) => (compare(one.key, best.key) < 0 ? one : best)).item);
    },
  ],
  [
    'max_by/1',
    function* (running) {
      const all = keyed(running);
      yield running.computed(all.length === 0 ? null : all.reduce((best, one) => (compare(one.key, best.key) >= 0 ? one : best)).item);
    },
  ],
  [
    'range/1',
    function* ({ args, at, budget, values, computed }) {
      for (const to of values(args[0] as Ast, at.value))
        for (let i = 0; i < number(to); i += 1) {
          spend(budget);
          yield computed(i);
        }
    },
  ],
  [
    'range/2',
    function* ({ args, at, budget, values, computed }) {
      for (const from of values(args[0] as Ast, at.value))
        for (const to of values(args[1] as Ast, at.value)) {
          for (let i = number(from); i < number(to); i += 1) {
            spend(budget);
            yield computed(i);
          }
        }
    },
  ],
  [
    'range/3',
    function* ({ args, at, budget, values, computed }) {
      for (const from of values(args[0] as Ast, at.value))
        for (const to of values(args[1] as Ast, at.value))
          for (const by of values(args[2] as Ast, at.value)) {
            const step = number(by);
            for (let i = number(from); step > 0 ? i < number(to) : step < 0 && i > number(to); i += step) {
              spend(budget);
              yield computed(i);
            }
          }
    },
  ],
  [
    'first/1',
    function* ({ args, at, found }) {
      for (const one of found(args[0] as Ast, at)) {
        yield one;
        return;
      }
    },
  ],
  [
    'limit/2',
    function* ({ args, at, values, found }) {
      for (const count of values(args[0] as Ast, at.value)) {
        let left = number(count);
        if (left <= 0) continue;
        for (const one of found(args[1] as Ast, at)) {
          yield one;
          left -= 1;
          if (left <= 0) break;
        }
      }
    },
  ],
  // Loops, not calls of themselves: a thousand rounds are no thousand calls deep. Of several values the first is followed.
  [
    'until/2',
    function* ({ args, at, budget, values, computed }) {
      let value: Json | undefined = at.value;
      while (value !== undefined && !truthy(firstOf(values(args[0] as Ast, value)) ?? true)) {
        spend(budget);
        value = firstOf(values(args[1] as Ast, value));
      }
      if (value !== undefined) yield computed(value);
    },
  ],
  [
    'while/2',
    function* ({ args, at, budget, values, computed }) {
      for (let value: Json | undefined = at.value; value !== undefined && truthy(firstOf(values(args[0] as Ast, value)) ?? false); ) {
        spend(budget);
        yield computed(value);
        value = firstOf(values(args[1] as Ast, value));
      }
    },
  ],
  [
    'repeat/1',
    function* ({ args, at, budget, values, computed }) {
      for (let value: Json | undefined = at.value; value !== undefined; ) {
        spend(budget);
        yield computed(value);
        value = firstOf(values(args[0] as Ast, value));
      }
    },
  ],
  [
    'isempty/1',
    function* ({ args, at, values, computed }) {
      yield computed(values(args[0] as Ast, at.value).next().done === true);
    },
  ],
  [
    'input/0',
    function* ({ budget, computed }) {
      const next = budget.inputs.shift();
      if (next === undefined) throw new JqError('No more inputs');
      yield computed(next);
    },
  ],
  [
    'inputs/0',
    function* ({ budget, computed }) {
      for (let next = budget.inputs.shift(); next !== undefined; next = budget.inputs.shift()) yield computed(next);
    },
  ],
  ...(['sub', 'gsub'] as const).flatMap((name): [string, PathBuiltin][] =>
    [2, 3].map((count): [string, PathBuiltin] => [
      `${name}/${count}`,
      function* ({ args, at, values, computed }) {
        for (const pattern of values(args[0] as Ast, at.value)) {
          const flags = count === 3 ? [...values(args[2] as Ast, at.value)].map(String).join('') : '';
          const found = tests(at.value, pattern, name === 'gsub' ? `${flags}g` : flags);
          yield computed(
            substitute(at.value as string, found, (match) => string([...values(args[1] as Ast, capture(match))][0] ?? '', 'cannot be added to a string')),
          );
        }
      },
    ]),
  ),
]);
