/** Decodes plain values by a schema as the API server decodes JSON into Go structs (sigs.k8s.io/json, encoding/json). */
import type { FieldError } from '../types.ts';
import type { CompiledSchema } from './compile.ts';
import { canonicalQuantity } from './quantity.ts';

export interface Decoded {
  /** The same reference where nothing had to change: nulls are dropped, quantities get their one spelling. */
  readonly value: unknown;
  /** In the order of the text. `path` is ours, with indexes; `message` is the server's sentence. */
  readonly wrongTypes: readonly FieldError[];
  readonly unknownFields: readonly FieldError[];
}

/** Errors beyond this are not collected. */
const maxErrors = 100;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

class Decoder {
  readonly wrongTypes: FieldError[] = [];
  readonly unknownFields: FieldError[] = [];
  /** Names and indexes from the root to here; joined only when there is something to tell. */
  readonly #path: (string | number)[] = [];
  /** The innermost struct around, as Go's errors name it. */
  #struct: string;

  constructor(struct: string) {
    this.#struct = struct;
  }

  #pathText(): string {
    let text = '';
    for (const part of this.#path) text += typeof part === 'number' ? `[${part}]` : text === '' || part.startsWith('[') ? part : `.${part}`;
    return text;
  }

  #wrongType(found: string, compiled: CompiledSchema): undefined {
    if (this.wrongTypes.length >= maxErrors) return undefined;
    // Go names fields only: neither indexes nor keys of maps.
    const fields = this.#path.filter((part) => typeof part === 'string' && !part.startsWith('[')).join('.');
    const where = fields === '' ? 'Go value' : `Go struct field ${this.#struct}.${fields}`;
    this.wrongTypes.push({ path: this.#pathText(), type: 'Wrong type', message: `json: cannot unmarshal ${found} into ${where} of type ${compiled.goType}` });
    return undefined;
  }

  decode(compiled: CompiledSchema, value: unknown, old: unknown): unknown {
    if (value === old) return value;
    switch (compiled.accepts) {
      case 'any':
        return value;
      case 'string':
        return typeof value === 'string' ? value : this.#wrongType(jsonTypeOf(value), compiled);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#wrongType(jsonTypeOf(value), compiled);
      case 'number':
        return typeof value === 'number' ? value : this.#wrongType(jsonTypeOf(value), compiled);
      case 'int32':
      case 'int64':
        if (typeof value !== 'number') return this.#wrongType(jsonTypeOf(value), compiled);
        return Number.isInteger(value) && Math.abs(value) <= (compiled.accepts === 'int32' ? 2_147_483_647 : 2 ** 63)
          ? value
          : this.#wrongType(`number ${value}`, compiled);
      case 'quantity':
        return this.#decodeQuantity(value);
      case 'intOrString':
        return typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value)) ? value : this.#wrongType(jsonTypeOf(value), compiled);
      case 'array':
        return Array.isArray(value) ? this.#decodeList(compiled, value, old) : this.#wrongType(jsonTypeOf(value), compiled);
      case 'map':
        return isRecord(value) ? this.#decodeMap(compiled, value, old) : this.#wrongType(jsonTypeOf(value), compiled);
      case 'object':
        return isRecord(value) ? this.#decodeObject(compiled, value, old) : this.#wrongType(jsonTypeOf(value), compiled);
    }
  }

  #decodeQuantity(value: unknown): unknown {
    const result = canonicalQuantity(typeof value === 'string' || typeof value === 'number' ? String(value) : '?');
    if (result.ok) return result.text === value ? value : result.text;
    if (this.wrongTypes.length < maxErrors) this.wrongTypes.push({ path: this.#pathText(), type: 'Wrong type', message: result.message });
    return undefined;
  }

  #decodeList(compiled: CompiledSchema, list: readonly unknown[], old: unknown): unknown {
    const stored = Array.isArray(old) ? old : [];
    const items = compiled.items;
    if (items === undefined) return list;
    let result: unknown[] | undefined;
    for (let i = 0; i < list.length; i += 1) {
      const before = list[i];
      this.#path.push(i);
      const after = before === null || before === undefined ? zeroOf(items) : this.decode(items, before, stored[i]);
      this.#path.pop();
      if (result !== undefined) result.push(after);
      else if (after !== before) result = [...list.slice(0, i), after];
    }
    return result ?? list;
  }

  #decodeMap(compiled: CompiledSchema, map: Readonly<Record<string, unknown>>, old: unknown): unknown {
    const stored = isRecord(old) ? old : undefined;
    const values = compiled.values;
    if (values === undefined) return map;
    let changed: Record<string, unknown> | undefined;
    for (const key of Object.keys(map)) {
      const before = map[key];
      this.#path.push(`[${key}]`);
      const after = before === null ? zeroOf(values) : before === undefined ? undefined : this.decode(values, before, stored?.[key]);
      this.#path.pop();
      if (after !== before) {
        changed ??= { ...map };
        changed[key] = after;
      }
    }
    return changed ?? map;
  }

  #decodeObject(compiled: CompiledSchema, object: Readonly<Record<string, unknown>>, old: unknown): unknown {
    const stored = isRecord(old) ? old : undefined;
    let changed: Record<string, unknown> | undefined;
    const outer = this.#struct;
    this.#struct = compiled.struct;
    for (const key of Object.keys(object)) {
      const before = object[key];
      if (before === undefined || (stored !== undefined && before === stored[key])) continue;
      const property = compiled.properties.get(key);
      let after: unknown = before;
      if (before === null) after = property === undefined && compiled.open ? null : undefined;
      else if (property !== undefined) {
        this.#path.push(key);
        after = this.decode(property, before, stored?.[key]);
        this.#path.pop();
      }
      if (property === undefined && !compiled.open) {
        after = undefined;
        if (this.unknownFields.length < maxErrors) {
          this.#path.push(key);
          const path = this.#pathText();
          this.unknownFields.push({ path, type: 'Unknown field', message: `unknown field ${JSON.stringify(path)}` });
          this.#path.pop();
        }
      }
      if (after !== before) {
        changed ??= { ...object };
        if (after === undefined) delete changed[key];
        else changed[key] = after;
      }
    }
    this.#struct = outer;
    return changed ?? object;
  }
}

function zeroOf(compiled: CompiledSchema): unknown {
  switch (compiled.accepts) {
    case 'string':
      return '';
    case 'quantity':
      return '0';
    case 'int32':
    case 'int64':
    case 'number':
    case 'intOrString':
      return 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'any':
      return null;
    default:
      return {};
  }
}

/** What is the very same in `old`, a stored object, was decoded before and is not looked at. */
export function decodeObject(compiled: CompiledSchema, value: unknown, old?: unknown): Decoded {
  const decoder = new Decoder(compiled.struct);
  const decoded = decoder.decode(compiled, value, old);
  return { value: decoded, wrongTypes: decoder.wrongTypes, unknownFields: decoder.unknownFields };
}
