/** The rules a schema itself states: required, enum, bounds, pattern; and the fields it says are not simulated. */
import { isFields } from '../patch/values.ts';
import type { FieldError } from '../types.ts';
import { invalid, required, unsupported } from '../validation/field-errors.ts';
import type { CompiledSchema } from './compile.ts';

const patterns = new WeakMap<CompiledSchema, RegExp>();

const noNames: readonly string[] = [];
const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

function patternOf(compiled: CompiledSchema, pattern: string): RegExp {
  const known = patterns.get(compiled) ?? new RegExp(pattern);
  patterns.set(compiled, known);
  return known;
}

/** A place in an object: names of fields, `[key]` of maps, indexes of lists. Becomes text only when there is something to tell. */
type Place = (string | number)[];

function pathOf(place: Place): string {
  let path = '';
  for (const part of place) path += typeof part === 'number' ? `[${part}]` : part.startsWith('[') || path === '' ? part : `.${part}`;
  return path;
}

function checkNumber({ minimum, maximum }: CompiledSchema['schema'], value: number, place: Place, errors: FieldError[]): void {
  const isLow = minimum !== undefined && value < minimum;
  const isHigh = maximum !== undefined && value > maximum;
  if (!isLow && !isHigh) return;
  const words =
    minimum !== undefined && maximum !== undefined
      ? `must be between ${minimum} and ${maximum}, inclusive`
      : isLow
        ? `must be greater than or equal to ${minimum}`
        : `must be less than or equal to ${maximum}`;
  errors.push(invalid(pathOf(place), value, words));
}

function checkText(compiled: CompiledSchema, value: string, place: Place, errors: FieldError[]): void {
  const { enum: allowed, pattern } = compiled.schema;
  if (allowed !== undefined && value !== '' && !allowed.includes(value)) errors.push(unsupported(pathOf(place), value, allowed));
  // A user's text meets only our own patterns, and those are written to be linear.
  else if (pattern !== undefined && value.length <= 4096 && !patternOf(compiled, pattern).test(value))
    errors.push(invalid(pathOf(place), value, `should match '${pattern}'`));
}

const noErrors: readonly FieldError[] = [];

/** Errors in the schema's order. An empty required string counts as missing, as it does to Go. What is the very same in `old` was checked before. */
export function checkRules(compiled: CompiledSchema, value: unknown, old?: unknown): readonly FieldError[] {
  if (!compiled.hasRules || value === old) return noErrors;
  const errors: FieldError[] = [];
  collect(compiled, value, old, [], errors);
  return errors;
}

function collect(compiled: CompiledSchema, value: unknown, old: unknown, place: Place, errors: FieldError[]): void {
  if (!compiled.hasRules || value === old || value === undefined || value === null) return;
  const { schema } = compiled;
  if (typeof value === 'string') checkText(compiled, value, place, errors);
  else if (typeof value === 'number') checkNumber(schema, value, place, errors);
  if (typeof value !== 'object') return;
  if (Array.isArray(value)) {
    const items = compiled.items;
    const before: readonly unknown[] = Array.isArray(old) ? old : [];
    if (items?.hasRules !== true) return;
    for (let i = 0; i < value.length; i += 1) {
      place.push(i);
      collect(items, value[i], before[i], place, errors);
      place.pop();
    }
    return;
  }
  const record = value as Readonly<Record<string, unknown>>;
  const known = isFields(old) ? old : undefined;
  const into = (part: string, property: CompiledSchema, inner: unknown, before: unknown): void => {
    place.push(part);
    collect(property, inner, before, place, errors);
    place.pop();
  };
  for (const name of schema.required ?? noNames)
    if (record[name] === undefined || record[name] === '') {
      place.push(name);
      errors.push(required(pathOf(place)));
      place.pop();
    }
  for (const [name, property] of compiled.ruled) if (record[name] !== undefined) into(name, property, record[name], known?.[name]);
  if (compiled.values?.hasRules === true) for (const key of Object.keys(record)) into(`[${key}]`, compiled.values, record[key], known?.[key]);
}

/** Paths of set fields whose schema says `notSimulated`, with the field's description. */
export function findNotSimulated(compiled: CompiledSchema, value: unknown, path = ''): readonly { readonly path: string; readonly description: string }[] {
  if (!compiled.hasNotSimulated || value === undefined || value === null) return [];
  if (compiled.schema.notSimulated === true) return [{ path, description: compiled.schema.description ?? '' }];
  if (typeof value !== 'object') return [];
  if (Array.isArray(value)) {
    const items = compiled.items;
    return items === undefined ? [] : value.flatMap((item, index) => findNotSimulated(items, item, `${path}[${index}]`));
  }
  const record = value as Readonly<Record<string, unknown>>;
  const found = [...compiled.properties].flatMap(([name, property]) =>
    Object.hasOwn(record, name) ? findNotSimulated(property, record[name], child(path, name)) : [],
  );
  const { values } = compiled;
  return values === undefined ? found : [...found, ...Object.keys(record).flatMap((key) => findNotSimulated(values, record[key], `${path}[${key}]`))];
}
