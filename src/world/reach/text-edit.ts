/** Small changes of a manifest that leave everything else in its text as it was written. */
import type { AdmittedObject } from '../admit.ts';
import type { DocumentFile } from '../document.ts';

export interface TextEdit {
  readonly file: string;
  readonly before: string | null;
  readonly after: string;
}

const textOf = (files: readonly DocumentFile[], path: string): string | undefined => files.find((file) => file.path === path)?.text;

/** The value at `path` (which is there) becomes `value`. Undefined where the object's text is not the reader's. */
export function replaceValue(files: readonly DocumentFile[], admitted: AdmittedObject, path: string, value: string): TextEdit | undefined {
  const text = textOf(files, admitted.source.file);
  if (text === undefined) return undefined;
  const { startOffset, endOffset } = admitted.source.spanOf(path);
  return { file: admitted.source.file, before: text, after: `${text.slice(0, startOffset)}${value}${text.slice(endOffset)}` };
}

/** The key of the entry at `path` (a scalar on the line of its key) becomes `key`. */
export function replaceKey(files: readonly DocumentFile[], admitted: AdmittedObject, path: string, from: string, key: string): TextEdit | undefined {
  const text = textOf(files, admitted.source.file);
  if (text === undefined) return undefined;
  const { startOffset } = admitted.source.spanOf(path);
  const line = text.lastIndexOf('\n', startOffset - 1) + 1;
  const at = text.lastIndexOf(from, startOffset);
  if (at < line) return undefined;
  return { file: admitted.source.file, before: text, after: `${text.slice(0, at)}${key}${text.slice(at + from.length)}` };
}

/** A new entry `key: value` beside the scalar at `sibling`, whose own key is `siblingKey`: on a line of its own, or inside the same braces. */
export function insertBeside(
  files: readonly DocumentFile[],
  admitted: AdmittedObject,
  sibling: string,
  siblingKey: string,
  entry: string,
): TextEdit | undefined {
  const text = textOf(files, admitted.source.file);
  if (text === undefined) return undefined;
  const { startOffset, endOffset } = admitted.source.spanOf(sibling);
  const lineStart = text.lastIndexOf('\n', startOffset - 1) + 1;
  const head = text.slice(lineStart, startOffset);
  const column = head.lastIndexOf(`${siblingKey}:`);
  if (column < 0) return undefined;
  if (/[{,]/.test(head)) return { file: admitted.source.file, before: text, after: `${text.slice(0, endOffset)}, ${entry}${text.slice(endOffset)}` };
  const lineEnd = text.indexOf('\n', endOffset);
  const end = lineEnd < 0 ? text.length : lineEnd;
  return { file: admitted.source.file, before: text, after: `${text.slice(0, end)}\n${' '.repeat(column)}${entry}${text.slice(end)}` };
}

/** One more document behind the others of a file, or in a new one. */
export function appendDocument(files: readonly DocumentFile[], file: string, document: string): TextEdit {
  const before = textOf(files, file);
  if (before === undefined) return { file, before: null, after: document };
  const trimmed = before.replace(/\s+$/, '');
  return { file, before, after: trimmed === '' ? document : `${trimmed}\n---\n${document}` };
}

/** Sets `parent.key` to a scalar: in place where it is written, else on a line of its own (or in the same braces) before what its parent begins with. */
export function setScalar(files: readonly DocumentFile[], admitted: AdmittedObject, parent: string, key: string, value: string): TextEdit | undefined {
  const text = textOf(files, admitted.source.file);
  const holder = admitted.object[parent as keyof typeof admitted.object] as Readonly<Record<string, unknown>> | undefined;
  if (text === undefined || holder === undefined || holder === null) return undefined;
  if (Object.hasOwn(holder, key)) return replaceValue(files, admitted, `${parent}.${key}`, value);
  return insertFirst(text, admitted, parent, `${key}: ${value}`);
}

/** One annotation of an object: written, changed, or (`''`) left empty. */
export function annotate(files: readonly DocumentFile[], admitted: AdmittedObject, key: string, value: string): TextEdit | undefined {
  const text = textOf(files, admitted.source.file);
  if (text === undefined) return undefined;
  const quoted = /^[a-z][a-z0-9-]*$/.test(value) ? value : JSON.stringify(value);
  const { annotations } = admitted.object.metadata;
  if (annotations !== undefined && Object.hasOwn(annotations, key)) return replaceValue(files, admitted, `metadata.annotations[${key}]`, quoted);
  if (annotations !== undefined && Object.keys(annotations).length > 0) return insertFirst(text, admitted, 'metadata.annotations', `${key}: ${quoted}`);
  if (annotations !== undefined) return replaceValue(files, admitted, 'metadata.annotations', `{${key}: ${quoted}}`);
  return insertFirst(text, admitted, 'metadata', `annotations: {${key}: ${quoted}}`);
}

/** A new field of the document itself, on lines of its own behind the one that is called `sibling`. */
export function insertTopField(files: readonly DocumentFile[], admitted: AdmittedObject, sibling: string, lines: string): TextEdit | undefined {
  const text = textOf(files, admitted.source.file);
  if (text === undefined) return undefined;
  const lineStart = text.lastIndexOf('\n', admitted.source.spanOf(sibling).startOffset - 1) + 1;
  const lineEnd = text.indexOf('\n', lineStart);
  if (lineEnd < 0 || !text.startsWith(`${sibling}:`, lineStart)) return undefined;
  return { file: admitted.source.file, before: text, after: `${text.slice(0, lineEnd + 1)}${lines}\n${text.slice(lineEnd + 1)}` };
}

/** A new entry in front of the first of the mapping at `path`, written as that one is. */
function insertFirst(text: string, admitted: AdmittedObject, path: string, entry: string): TextEdit {
  const { startOffset } = admitted.source.spanOf(path);
  const flow = text[startOffset] === '{';
  const at = flow ? startOffset + 1 : startOffset;
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const indent = text.slice(lineStart, at).replace(/[^ ]/g, ' ');
  return { file: admitted.source.file, before: text, after: `${text.slice(0, at)}${flow ? `${entry}, ` : `${entry}\n${indent}`}${text.slice(at)}` };
}
