/** Values against a CRD's OpenAPI schema, in the API server's words. Kubernetes: kube-openapi/pkg/validation/validate, apiextensions-apiserver/pkg/apiserver/validation. */
import { compileGoRegexp, type GoRegexp, matchGoRegexp } from '../../base/go-regexp.ts';
import { isFields } from '../../objects/patch/values.ts';
import type { FieldError, JsonValue, Schema } from '../../objects/types.ts';
import { duplicate, invalid, required, tooLong, tooMany, unsupported } from '../field-errors.ts';

/** apiextensions.k8s.io/v1 JSONSchemaProps, the part that is looked at; the rest (oneOf, anyOf, allOf, not, CEL) is stored without effect. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly JsonValue[];
  readonly default?: JsonValue;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly nullable?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** Deeper schemas are cut. */
const maxDepth = 40;

/** The shape alone, for decoding, pruning and defaults: rules and the types of scalars are judged by `checkSchema`. */
export function shapeOf(schema: JsonSchema, depth = 0): Schema {
  if (depth > maxDepth) return { 'x-kubernetes-preserve-unknown-fields': true };
  const { description, additionalProperties } = schema;
  const common: Schema = { ...(description === undefined ? {} : { description }), ...(schema.default === undefined ? {} : { default: schema.default }) };
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema.type === 'array')
    return {
      ...common,
      type: 'array',
      items: schema.items === undefined ? {} : shapeOf(schema.items, depth + 1),
      ...(keys === undefined ? {} : { 'x-kubernetes-list-map-keys': keys }),
    };
  if (schema.type !== 'object') {
    const { type } = schema;
    return type === 'string' || type === 'integer' || type === 'number' || type === 'boolean' ? { ...common, type, lenient: true } : common;
  }
  const properties = Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, shapeOf(inner, depth + 1)] as const);
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isFields(additionalProperties)) return { ...common, type: 'object', additionalProperties: shapeOf(additionalProperties as JsonSchema, depth + 1) };
  return {
    ...common,
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(isOpen || additionalProperties === true ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
  };
}

const patterns = new Map<string, GoRegexp | undefined>();
const MAX_PATTERNS = 1000;
const MAX_PATTERN_LENGTH = 1000;
/** Longer texts are not matched. */
const MAX_MATCHED = 2000;

/** Go's expressions, as the server has them: no pattern of a stranger takes more time than its text is long. Those that cannot be read are not evaluated. */
function patternOf(text: string): GoRegexp | undefined {
  if (patterns.has(text)) return patterns.get(text);
  const read = text.length <= MAX_PATTERN_LENGTH ? compileGoRegexp(text) : undefined;
  const compiled = read?.ok === true ? read.regexp : undefined;
  if (patterns.size >= MAX_PATTERNS) patterns.clear();
  patterns.set(text, compiled);
  return compiled;
}

function typeFits(schema: JsonSchema, value: unknown): boolean {
  if (schema['x-kubernetes-int-or-string'] === true) return typeof value === 'string' || Number.isInteger(value);
  switch (schema.type) {
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isFields(value);
    default:
      return true;
  }
}

const typeName = (value: unknown): string => (Array.isArray(value) ? 'array' : isFields(value) ? 'object' : Number.isInteger(value) ? 'integer' : typeof value);

/** Everything that is wrong below `path`, in the schema's order. */
export function checkSchema(schema: JsonSchema, value: unknown, path: string, errors: FieldError[], depth = 0): void {
  if (value === undefined || depth > maxDepth) return;
  const wrong = (shown: unknown, words: string): void => {
    errors.push(invalid(path, shown, path === '' ? words : `${path} ${words}`));
  };
  if (value === null) {
    if (schema.nullable !== true && schema.type !== undefined) wrong('null', `in body must be of type ${schema.type}: "null"`);
    return;
  }
  if (!typeFits(schema, value)) {
    wrong(
      typeName(value),
      `in body must be of type ${schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : schema.type}: ${JSON.stringify(typeName(value))}`,
    );
    return;
  }
  if (typeof value === 'string') checkText(schema, value, path, errors, wrong);
  else if (typeof value === 'number') checkNumber(schema, value, wrong);
  if (schema.enum !== undefined && !schema.enum.some((one) => one === value))
    errors.push(
      unsupported(
        path,
        value,
        schema.enum.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
      ),
    );
  if (Array.isArray(value)) checkItems(schema, value, path, errors, wrong, depth);
  else if (isFields(value)) checkFields(schema, value, path, errors, wrong, depth);
}

type Wrong = (shown: unknown, words: string) => void;

function checkText(schema: JsonSchema, value: string, path: string, errors: FieldError[], wrong: Wrong): void {
  const { minLength, maxLength, pattern } = schema;
  if (maxLength !== undefined && value.length > maxLength) errors.push(tooLong(path, maxLength));
  if (minLength !== undefined && value.length < minLength) wrong(value, `in body should be at least ${minLength} chars long`);
  const expression = pattern === undefined || value.length > MAX_MATCHED ? undefined : patternOf(pattern);
  if (expression !== undefined && matchGoRegexp(expression, value) === undefined) wrong(value, `in body should match '${pattern}'`);
}

function checkNumber(schema: JsonSchema, value: number, wrong: Wrong): void {
  const { minimum, maximum, multipleOf } = schema;
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum))
    wrong(value, `in body should be less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum))
    wrong(value, `in body should be greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
  if (multipleOf !== undefined && multipleOf > 0 && !Number.isInteger(value / multipleOf)) wrong(value, `in body should be a multiple of ${multipleOf}`);
}

function checkItems(schema: JsonSchema, value: readonly unknown[], path: string, errors: FieldError[], wrong: Wrong, depth: number): void {
  const { minItems, maxItems, items } = schema;
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems));
  if (minItems !== undefined && value.length < minItems) wrong(value.length, `in body should have at least ${minItems} items`);
  const keys = schema['x-kubernetes-list-map-keys'];
  const seen = new Set<string>();
  value.forEach((item, index) => {
    if (items !== undefined) checkSchema(items, item, `${path}[${index}]`, errors, depth + 1);
    const identity =
      schema['x-kubernetes-list-type'] === 'set'
        ? item
        : keys === undefined
          ? undefined
          : Object.fromEntries(keys.map((key) => [key, isFields(item) ? item[key] : undefined]));
    if (identity === undefined) return;
    const text = JSON.stringify(identity);
    if (seen.has(text)) errors.push(duplicate(`${path}[${index}]`, identity));
    seen.add(text);
  });
}

function checkFields(schema: JsonSchema, value: Readonly<Record<string, unknown>>, path: string, errors: FieldError[], wrong: Wrong, depth: number): void {
  const names = Object.keys(value);
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) errors.push(tooMany(path, names.length, schema.maxProperties));
  if (schema.minProperties !== undefined && names.length < schema.minProperties)
    wrong(names.length, `in body should have at least ${schema.minProperties} properties`);
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  for (const name of schema.required ?? []) if (value[name] === undefined) errors.push(required(below(name)));
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    if (Object.hasOwn(value, name)) checkSchema(inner, value[name], below(name), errors, depth + 1);
  if (isFields(schema.additionalProperties))
    for (const name of names)
      if (!Object.hasOwn(schema.properties ?? {}, name)) checkSchema(schema.additionalProperties as JsonSchema, value[name], below(name), errors, depth + 1);
}
