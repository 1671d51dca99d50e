/** Fills schema defaults; what has nothing to fill keeps its identity. What is the very same in `old` was filled before. Kubernetes: apiextensions-apiserver/pkg/apiserver/schema/defaulting. */
import { isFields } from '../patch/values.ts';
import type { CompiledSchema } from './compile.ts';

export function applyDefaults(compiled: CompiledSchema, value: unknown, old?: unknown): unknown {
  if (!compiled.hasDefaults || value === old || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = compiled.items;
    if (items === undefined) return value;
    const before = Array.isArray(old) ? old : [];
    let result: unknown[] | undefined;
    for (let i = 0; i < value.length; i += 1) {
      const after = applyDefaults(items, value[i], before[i]);
      if (result !== undefined) result.push(after);
      else if (after !== value[i]) result = [...value.slice(0, i), after];
    }
    return result ?? value;
  }
  const record = value as Readonly<Record<string, unknown>>;
  const known = isFields(old) ? old : undefined;
  let changed: Record<string, unknown> | undefined;
  const put = (name: string, after: unknown): void => {
    changed ??= { ...record };
    changed[name] = after;
  };
  for (const [name, property] of compiled.defaulted) {
    const before = record[name];
    if (before === undefined) {
      if (property.schema.default !== undefined) put(name, applyDefaults(property, property.schema.default));
    } else if (property.hasDefaults) {
      const after = applyDefaults(property, before, known?.[name]);
      if (after !== before) put(name, after);
    }
  }
  if (compiled.values !== undefined && compiled.properties.size === 0) {
    for (const name of Object.keys(record)) {
      const after = applyDefaults(compiled.values, record[name], known?.[name]);
      if (after !== record[name]) put(name, after);
    }
  }
  return changed ?? value;
}
