/** What a field of a YAML text means. */
import { parseYaml } from '../../base/yaml/index.ts';
import type { Kind, Schema } from '../types.ts';
import { findField, type SchemaPath } from './cursor.ts';
import { findSchema, rootSchema, typeName } from './schema-path.ts';

export interface HoverView {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Plain paragraphs. */
  readonly paragraphs: readonly string[];
}

interface Field {
  readonly path: SchemaPath;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly apiVersion: string;
  readonly kind: string;
}

/** `spec.ports[0].port` to `['spec', 'ports', '[]', 'port']`; a key in brackets is one part. */
function schemaPath(path: string): SchemaPath {
  return (path.match(/\[[^\]]*\]|[^.[]+/g) ?? []).map((part) => (/^\[\d+\]$/.test(part) ? '[]' : part.replace(/^\[|\]$/g, '')));
}

/** By the tree where the document parses (flow style too), else by indentation. */
function fieldAt(text: string, offset: number): Field | undefined {
  const document = parseYaml('', text).documents.find((one) => offset >= one.span.startOffset && offset <= one.span.endOffset);
  if (document === undefined) return findField(text, offset);
  const { path, onKey } = document.pathAt(offset);
  if (path === '') return undefined;
  const value = document.value as Readonly<Record<string, unknown>>;
  const span = onKey ? document.keySpanOf(path) : document.spanOf(path);
  if (!onKey && span.startLine !== span.endLine) return undefined;
  return {
    path: schemaPath(path),
    startOffset: span.startOffset,
    endOffset: span.endOffset,
    apiVersion: String(value.apiVersion ?? ''),
    kind: String(value.kind ?? ''),
  };
}

/** Undefined where nothing is known about the place. */
export function hoverYaml(kinds: readonly Kind[], text: string, offset: number): HoverView | undefined {
  const field = fieldAt(text, offset);
  if (field === undefined) return undefined;
  const kind = kinds.find((one) => one.kind === field.kind && one.apiVersion === field.apiVersion);
  if (kind === undefined) return undefined;
  const { startOffset, endOffset } = field;
  if (field.path.length === 1 && field.path[0] === 'kind') {
    return {
      startOffset,
      endOffset,
      paragraphs: [`${kind.kind} (${kind.apiVersion})`, ...(kind.schema.description === undefined ? [] : [kind.schema.description])],
    };
  }
  const schema = findSchema(rootSchema(kind), field.path);
  if (schema === undefined) return undefined;
  const parent = findSchema(rootSchema(kind), field.path.slice(0, -1));
  return { startOffset, endOffset, paragraphs: paragraphsOf(field.path, schema, parent?.required?.includes(field.path.at(-1) ?? '') === true) };
}

function paragraphsOf(path: SchemaPath, schema: Schema, isRequired: boolean): string[] {
  const paragraphs = [`${path.join('.').replaceAll('.[]', '[]')} <${typeName(schema)}>${isRequired ? ' required' : ''}`];
  if (schema.description !== undefined) paragraphs.push(schema.description);
  if (schema.enum !== undefined) paragraphs.push(`One of: ${schema.enum.join(', ')}`);
  if (schema.minimum !== undefined || schema.maximum !== undefined) paragraphs.push(`From ${schema.minimum ?? 'any'} to ${schema.maximum ?? 'any'}`);
  if (schema.default !== undefined) paragraphs.push(`Default: ${typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)}`);
  if (schema.notSimulated === true) paragraphs.push('Accepted and stored; the simulation does not act on it.');
  return paragraphs;
}
