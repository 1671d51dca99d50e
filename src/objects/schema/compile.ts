/** Schemas prepared for speed: maps instead of records, names of Go types resolved, subtrees without defaults or rules marked. */
import type { Kind, Schema } from '../types.ts';
import { goStructName } from './go-names.ts';
import { objectMetaSchema } from './object-meta.ts';

export interface CompiledSchema {
  readonly schema: Schema;
  /** What JSON type is taken: `any` takes all, `intOrString` integers and strings. */
  readonly accepts: 'object' | 'map' | 'array' | 'string' | 'quantity' | 'int32' | 'int64' | 'number' | 'boolean' | 'intOrString' | 'any';
  readonly properties: ReadonlyMap<string, CompiledSchema>;
  /** Fields that are not listed are kept as they are. */
  readonly open: boolean;
  readonly values: CompiledSchema | undefined;
  readonly items: CompiledSchema | undefined;
  /** `DeploymentSpec`: the Go struct, for objects with properties. */
  readonly struct: string;
  /** `int32`, `[]v1.Container`: the Go type. */
  readonly goType: string;
  readonly hasDefaults: boolean;
  readonly hasRules: boolean;
  readonly hasNotSimulated: boolean;
  /** The properties that have a default or hold some, and those that have rules: most have neither. */
  readonly defaulted: readonly (readonly [string, CompiledSchema])[];
  readonly ruled: readonly (readonly [string, CompiledSchema])[];
}

function acceptsOf(schema: Schema): CompiledSchema['accepts'] {
  if (schema.lenient === true) return 'any';
  if (schema['x-kubernetes-int-or-string'] === true) return 'intOrString';
  switch (schema.type) {
    case 'object':
      return schema.properties === undefined && schema.additionalProperties !== undefined ? 'map' : 'object';
    case 'integer':
      return schema.format === 'int64' ? 'int64' : 'int32';
    case 'string':
      return schema.format === 'quantity' ? 'quantity' : 'string';
    case undefined:
      return 'any';
    default:
      return schema.type;
  }
}

const goScalars: Readonly<Partial<Record<CompiledSchema['accepts'], string>>> = {
  string: 'string',
  quantity: 'resource.Quantity',
  int32: 'int32',
  int64: 'int64',
  number: 'float64',
  boolean: 'bool',
  // IntOrString reads what is no string as an int32, and its error says so.
  intOrString: 'int32',
  any: 'interface {}',
};

/** Deeper schemas are refused: ours are trees of a few levels. */
const maxSchemaDepth = 60;

/** Many kinds share one pod template, and every world shares the kinds: a schema is compiled once for each Go struct it is read as. */
const compiled = new WeakMap<Schema, Map<string, CompiledSchema>>();

function compile(schema: Schema, struct: string, depth: number): CompiledSchema {
  const known = compiled.get(schema)?.get(struct);
  if (known !== undefined) return known;
  const fresh = compileAnew(schema, struct, depth);
  const byStruct = compiled.get(schema) ?? new Map<string, CompiledSchema>();
  byStruct.set(struct, fresh);
  compiled.set(schema, byStruct);
  return fresh;
}

function compileAnew(schema: Schema, struct: string, depth: number): CompiledSchema {
  if (depth > maxSchemaDepth) throw new Error(`schema is deeper than ${maxSchemaDepth} levels at ${struct}`);
  const own = schema.goType ?? struct;
  const accepts = acceptsOf(schema);
  const properties = new Map<string, CompiledSchema>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) properties.set(name, compile(property, goStructName(own, name), depth + 1));
  const values = schema.additionalProperties === undefined ? undefined : compile(schema.additionalProperties, own, depth + 1);
  const items = schema.items === undefined ? undefined : compile(schema.items, own, depth + 1);
  const below = [...properties.values(), ...(values === undefined ? [] : [values]), ...(items === undefined ? [] : [items])];
  let goType = goScalars[accepts];
  if (accepts === 'array') goType = `[]${items?.goType ?? 'interface {}'}`;
  else if (accepts === 'map') goType = `map[string]${values?.goType ?? 'interface {}'}`;
  else if (accepts === 'object') goType = `v1.${own}`;
  return {
    schema,
    accepts,
    properties,
    open: schema['x-kubernetes-preserve-unknown-fields'] === true || (accepts === 'object' && schema.properties === undefined),
    values,
    items,
    struct: own,
    goType: schema.goType !== undefined && accepts !== 'object' ? schema.goType : (goType ?? 'interface {}'),
    hasDefaults: below.some((one) => one.hasDefaults || one.schema.default !== undefined),
    hasRules:
      schema.enum !== undefined ||
      schema.minimum !== undefined ||
      schema.maximum !== undefined ||
      schema.pattern !== undefined ||
      (schema.required?.length ?? 0) > 0 ||
      below.some((one) => one.hasRules),
    defaulted: [...properties].filter(([, one]) => one.hasDefaults || one.schema.default !== undefined),
    ruled: [...properties].filter(([, one]) => one.hasRules),
    hasNotSimulated: schema.notSimulated === true || below.some((one) => one.hasNotSimulated),
  };
}

const compiledKinds = new WeakMap<Kind, CompiledSchema>();

/** A kind's schema; `apiVersion`, `kind` and `metadata` are added where the kind leaves them out. */
export function compileKind(kind: Kind): CompiledSchema {
  const known = compiledKinds.get(kind);
  if (known !== undefined) return known;
  const properties = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: objectMetaSchema, ...kind.schema.properties } as const;
  const fresh = compile({ ...kind.schema, type: 'object', properties }, kind.kind, 0);
  compiledKinds.set(kind, fresh);
  return fresh;
}
