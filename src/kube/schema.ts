/** Short words for writing schemas, so that a kind's file reads as a table of its fields. */
import { objectMetaSchema } from '../objects/schema/object-meta.ts';
import type { JsonValue, Schema } from '../objects/types.ts';

type Extra = Omit<Schema, 'type' | 'description' | 'properties' | 'items'>;
type Properties = Readonly<Record<string, Schema>>;

export const text = (description: string, extra: Extra = {}): Schema => ({ type: 'string', description, ...extra });
export const integer = (description: string, extra: Extra = {}): Schema => ({ type: 'integer', format: 'int32', description, ...extra });
export const longInteger = (description: string, extra: Extra = {}): Schema => ({ type: 'integer', format: 'int64', description, ...extra });
export const decimal = (description: string, extra: Extra = {}): Schema => ({ type: 'number', description, ...extra });
export const flag = (description: string, extra: Extra = {}): Schema => ({ type: 'boolean', description, ...extra });
export const intOrString = (description: string, extra: Extra = {}): Schema => ({ description, 'x-kubernetes-int-or-string': true, ...extra });
/** A resource quantity: `500m`, `1.5`, `128Mi`. Numbers become strings. */
export const quantity = (description: string): Schema => ({ type: 'string', format: 'quantity', description });

/** One of a few words; `values` stand in the order in which the API server lists them. */
export const choice = (description: string, values: readonly string[], extra: Extra = {}): Schema => ({ type: 'string', description, enum: values, ...extra });

export const list = (description: string, items: Schema, mergeKeys?: readonly string[]): Schema => ({
  type: 'array',
  description,
  items,
  ...(mergeKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': mergeKeys }),
});
export const texts = (description: string): Schema => list(description, { type: 'string' });
export const mapOf = (description: string, values: Schema): Schema => ({ type: 'object', description, additionalProperties: values });
export const textMap = (description: string): Schema => mapOf(description, { type: 'string' });

export const struct = (description: string, properties: Properties, required: readonly string[] = [], extra: Extra = {}): Schema => ({
  type: 'object',
  description,
  properties,
  ...(required.length === 0 ? {} : { required }),
  ...extra,
});

/** An object whose fields we store without looking at them. */
export const anything = (description: string): Schema => ({ type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true });
/** A list of such objects. */
export const anythings = (description: string): Schema => list(description, { type: 'object', 'x-kubernetes-preserve-unknown-fields': true });

export const withDefault = (schema: Schema, value: JsonValue): Schema => ({ ...schema, default: value });
/** Accepted and stored, without effect here: setting it is told to the author. */
export const notSimulated = (schema: Schema): Schema => ({ ...schema, notSimulated: true });

/** The schema of a whole kind: `apiVersion`, `kind` and `metadata` come first. */
export const kindSchema = (description: string, properties: Properties, required: readonly string[] = []): Schema =>
  struct(
    description,
    {
      apiVersion: text('Version of the API this object is written in.'),
      kind: text('The kind of the object.'),
      metadata: objectMetaSchema,
      ...properties,
    },
    required,
  );
