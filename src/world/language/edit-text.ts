/** Small edits of a text that keep all around them as it is. */
import type { Span } from '../../base/diagnostic.ts';
import type { TextEdit } from './requests.ts';
import { isRecord, spanOf, type TextObject } from './text-object.ts';

export const replaceSpan = (span: Span, text: string): TextEdit => ({ file: span.file, startOffset: span.startOffset, endOffset: span.endOffset, text });

/** The value of a field by its path in the API server's notation. */
export function valueAt(object: TextObject, path: string): unknown {
  let value: unknown = object.value;
  for (const part of path.match(/\[[^\]]*\]|[^.[]+/g) ?? []) {
    const key = part.replace(/^\[|\]$/g, '');
    if (Array.isArray(value)) value = (value as readonly unknown[])[Number(key)];
    else if (isRecord(value) && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
}

/** `spec.ports[0].port` to `spec.ports[0]` and `port`. */
export const parentOf = (path: string): readonly [string, string] => {
  const match = /^(.*?)(?:\.([^.[\]]+)|\[([^\]]+)\])$/.exec(path);
  return match === null ? ['', path] : [match[1] ?? '', match[2] ?? match[3] ?? ''];
};

/** A new field at the end of a mapping in block style; undefined where there is none. */
export function insertField(text: string, object: TextObject, parent: string, key: string, value: string): TextEdit | undefined {
  const mapping = valueAt(object, parent);
  if (!isRecord(mapping) || Object.keys(mapping).length === 0) return undefined;
  const span = spanOf(object, parent);
  const first = parent === '' && object.prefix === '' ? object.document.span : span;
  if (/[{"'&*!]/.test(text[first.startOffset] ?? '{')) return undefined;
  const column = first.startColumn - 1;
  const inner = text.slice(first.startOffset, first.endOffset).trimEnd().length + first.startOffset;
  const newline = text.indexOf('\n', inner);
  const at = newline < 0 ? text.length : newline;
  return { file: object.file, startOffset: at, endOffset: at, text: `\n${' '.repeat(column)}${key}: ${value}` };
}
