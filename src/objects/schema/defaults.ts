/** Fills schema defaults; what has nothing to fill keeps its identity. Kubernetes: apiextensions-apiserver/pkg/apiserver/schema/defaulting. */
import type { CompiledSchema } from './compile.ts';

export function applyDefaults(compiled: CompiledSchema, value: unknown): unknown {
  if (!compiled.hasDefaults || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = compiled.items;
    if (items === undefined) return value;
    let result: unknown[] | undefined;
    for (let i = 0; i < value.length; i += 1) {
      const after = applyDefaults(items, value[i]);
      if (result !== undefined) result.push(after);
      else if (after !== value[i]) result = [...value.slice(0, i), after];
    }
    return result ?? value;
  }
  const record = value as Readonly<Record<string, unknown>>;
  let changed: Record<string, unknown> | undefined;
  const put = (name: string, after: unknown): void => {
    changed ??= { ...record };
    changed[name] = after;
  };
  for (const [name, property] of compiled.properties) {
    const before = record[name];
    if (before === undefined) {
      if (property.schema.default !== undefined) put(name, applyDefaults(property, property.schema.default));
    } else if (property.hasDefaults) {
      const after = applyDefaults(property, before);
      if (after !== before) put(name, after);
    }
  }
  if (compiled.values !== undefined && compiled.properties.size === 0) {
    for (const name of Object.keys(record)) {
      const after = applyDefaults(compiled.values, record[name]);
      if (after !== record[name]) put(name, after);
    }
  }
  return changed ?? value;
}
