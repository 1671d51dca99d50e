/** One object of a text, with the places of its fields. */
import type { Span } from '../../base/diagnostic.ts';
import type { YamlDocument } from '../../base/yaml/index.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

export interface TextObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** '' for what belongs to no namespace. */
  readonly namespace: string;
  readonly value: JsonRecord;
  readonly file: string;
  readonly document: YamlDocument;
  /** Its path in the document: '' or `items[3]`. */
  readonly prefix: string;
}

export const isRecord = (value: unknown): value is JsonRecord => typeof value === 'object' && value !== null && !Array.isArray(value);
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The place of a field of an object, its path as in the API server's messages. */
export function spanOf(object: TextObject, path: string): Span {
  const { document, prefix } = object;
  return document.spanOf(prefix === '' ? path : path === '' ? prefix : `${prefix}.${path}`);
}
export function keySpanOf(object: TextObject, path: string): Span {
  return object.document.keySpanOf(object.prefix === '' ? path : `${object.prefix}.${path}`);
}
