/** The rules a schema itself states: required, enum, bounds, pattern; and the fields it says are not simulated. */
import { isFields } from '../patch/values.ts';
import type { FieldError } from '../types.ts';
import { invalid, required, unsupported } from '../validation/field-errors.ts';
import type { CompiledSchema } from './compile.ts';

const patterns = new WeakMap<CompiledSchema, RegExp>();

function patternOf(compiled: CompiledSchema, pattern: string): RegExp {
  const known = patterns.get(compiled) ?? new RegExp(pattern);
  patterns.set(compiled, known);
  return known;
}

function checkNumber({ minimum, maximum }: CompiledSchema['schema'], value: number, path: string): FieldError[] {
  const isLow = minimum !== undefined && value < minimum;
  const isHigh = maximum !== undefined && value > maximum;
  if (!isLow && !isHigh) return [];
  if (minimum !== undefined && maximum !== undefined) return [invalid(path, value, `must be between ${minimum} and ${maximum}, inclusive`)];
  return [invalid(path, value, isLow ? `must be greater than or equal to ${minimum}` : `must be less than or equal to ${maximum}`)];
}

const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const noErrors: readonly FieldError[] = [];

/** Errors in the schema's order. An empty required string counts as missing, as it does to Go. What is the very same in `old` was checked before. */
export function checkRules(compiled: CompiledSchema, value: unknown, old?: unknown, path = ''): readonly FieldError[] {
  if (!compiled.hasRules || value === old || value === undefined || value === null) return noErrors;
  const { schema } = compiled;
  if (typeof value === 'string') {
    if (schema.enum !== undefined && value !== '' && !schema.enum.includes(value)) return [unsupported(path, value, schema.enum)];
    // A user's text meets only our own patterns, and those are written to be linear.
    if (schema.pattern !== undefined && value.length <= 4096 && !patternOf(compiled, schema.pattern).test(value))
      return [invalid(path, value, `should match '${schema.pattern}'`)];
    return [];
  }
  if (typeof value === 'number') return checkNumber(schema, value, path);
  if (typeof value !== 'object') return [];
  const errors: FieldError[] = [];
  if (Array.isArray(value)) {
    const items = compiled.items;
    const before = Array.isArray(old) ? old : [];
    if (items?.hasRules === true) for (let i = 0; i < value.length; i += 1) errors.push(...checkRules(items, value[i], before[i], `${path}[${i}]`));
    return errors;
  }
  const record = value as Readonly<Record<string, unknown>>;
  const known = isFields(old) ? old : undefined;
  for (const name of schema.required ?? []) if (record[name] === undefined || record[name] === '') errors.push(required(child(path, name)));
  for (const [name, property] of compiled.ruled) {
    const inner = record[name];
    if (inner !== undefined) errors.push(...checkRules(property, inner, known?.[name], child(path, name)));
  }
  if (compiled.values?.hasRules === true)
    for (const key of Object.keys(record)) errors.push(...checkRules(compiled.values, record[key], known?.[key], `${path}[${key}]`));
  return errors;
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
