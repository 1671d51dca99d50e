/** Where a cursor stands in half-typed block YAML, found by indentation alone, since broken text has no tree. */
import { splitDocuments } from '../../base/yaml/split-documents.ts';

/** A path with `[]` for items of lists: `['spec', 'ports', '[]', 'port']`. */
export type SchemaPath = readonly string[];

export interface Cursor {
  /** The mapping, list item or value that the cursor is in. */
  readonly path: SchemaPath;
  /** Text before the cursor that belongs to the word being typed, and that word's whole range in the file. */
  readonly typed: string;
  readonly startOffset: number;
  readonly endOffset: number;
  /** `key`: a key is being typed in the mapping `path`; `value`: the value of the field `path`; `item`: a list item `path` that may be a value or a mapping. */
  readonly place: 'key' | 'value' | 'item';
  /** Keys that this mapping has already. */
  readonly siblings: ReadonlySet<string>;
  /** Column of the key or item, from 0. */
  readonly column: number;
  /** White space stands before the word; a value right behind its colon needs one. */
  readonly spaceBefore: boolean;
  /** apiVersion and kind of the document, '' where not written. */
  readonly apiVersion: string;
  readonly kind: string;
}

interface Line {
  readonly startOffset: number;
  readonly text: string;
  /** Columns of the `-` before the content. */
  readonly dashes: readonly number[];
  readonly column: number;
  readonly content: string;
  readonly key: string | undefined;
  /** Column of the value, where there is a key with a colon. */
  readonly valueColumn: number;
}

const keyPattern = /^("[^"]*"|'[^']*'|[^\s#:"'[\]{},-][^:]*?)\s*:(?=\s|$)\s*/;

function parseLine(text: string, startOffset: number): Line {
  let column = text.length - text.trimStart().length;
  const dashes: number[] = [];
  while (text[column] === '-' && (text[column + 1] === ' ' || column + 1 === text.length)) {
    dashes.push(column);
    column += 1;
    while (text[column] === ' ') column += 1;
  }
  const content = text.slice(column);
  const match = keyPattern.exec(content);
  const key = match?.[1]?.replace(/^["']|["']$/g, '');
  return { startOffset, text, dashes, column, content, key, valueColumn: match === null ? -1 : column + match[0].length };
}

const isBlank = (line: Line): boolean => (line.content === '' && line.dashes.length === 0) || line.content.startsWith('#');

/** The lines of the document at an offset; a cursor right behind `---` is in the document that starts there. */
function documentLines(text: string, offset: number): readonly Line[] {
  const chunk = splitDocuments(text).findLast((one) => one.startOffset <= offset) ?? { startOffset: 0, endOffset: text.length };
  const lines: Line[] = [];
  let start = chunk.startOffset;
  while (start <= chunk.endOffset) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 || newline >= chunk.endOffset ? chunk.endOffset : newline;
    lines.push(parseLine(text.slice(start, end).replace(/\r$/, ''), start));
    if (newline === -1 || newline >= chunk.endOffset) break;
    start = newline + 1;
  }
  return lines;
}

interface Walk {
  readonly path: string[];
  readonly siblings: Set<string>;
}

/** From the content at `column` of line `row` up to the root: parents are further left, list items start at their dash. */
function walkUp(lines: readonly Line[], row: number, column: number, dashes: readonly number[]): Walk {
  const path: string[] = [];
  const siblings = new Set<string>();
  let limit = column;
  // A list may stand at the column of its key.
  let inList = false;
  const enter = (columns: readonly number[]): void => {
    for (const dash of [...columns].reverse()) {
      if (dash > limit) continue;
      path.unshift('[]');
      limit = dash;
      inList = true;
    }
  };
  enter(dashes);
  let collecting = dashes.length === 0;
  for (let i = row - 1; i >= 0; i -= 1) {
    const line = lines[i];
    if (line === undefined || isBlank(line) || line.text.startsWith('---')) continue;
    if (line.key === undefined) {
      // An item that is only a dash opens the mapping below it.
      if (!inList && line.content === '' && line.dashes.some((dash) => dash < limit)) {
        collecting = false;
        enter(line.dashes.filter((dash) => dash < limit));
      }
      continue;
    }
    if (!inList && line.column === limit) {
      if (collecting) siblings.add(line.key);
      if (line.dashes.length > 0) {
        collecting = false;
        enter(line.dashes);
      }
      continue;
    }
    if (inList ? line.column > limit : line.column >= limit) continue;
    path.unshift(line.key);
    limit = line.column;
    inList = false;
    collecting = false;
    enter(line.dashes);
  }
  return { path, siblings };
}

/** Keys of the same mapping below a line. */
function keysBelow(lines: readonly Line[], row: number, column: number, siblings: Set<string>): void {
  for (const line of lines.slice(row + 1)) {
    if (isBlank(line)) continue;
    if (line.dashes.some((dash) => dash < column) || line.column < column) return;
    if (line.column === column && line.key !== undefined) siblings.add(line.key);
  }
}

function topValue(lines: readonly Line[], key: string): string {
  const line = lines.find((one) => one.key === key && one.column === 0);
  return line === undefined
    ? ''
    : line.text
        .slice(line.valueColumn)
        .replace(/\s#.*$/, '')
        .trim()
        .replace(/^["']|["']$/g, '');
}

/** Undefined in comments and in flow style, where indentation says nothing. */
export function findCursor(text: string, offset: number): Cursor | undefined {
  const lines = documentLines(text, offset);
  const row = lines.findLastIndex((line) => line.startOffset <= offset);
  const line = lines[row];
  if (line === undefined) return undefined;
  const before = parseLine(text.slice(line.startOffset, offset), line.startOffset);
  if (/(?:^|\s)#/.test(before.text) || /^[[{]/.test(before.content) || before.text.startsWith('---')) return undefined;
  const common = { apiVersion: topValue(lines, 'apiVersion'), kind: topValue(lines, 'kind') };
  const wordEnd = (from: number): number => {
    let end = from;
    while (end < text.length && /[\w./-]/.test(text[end] ?? '')) end += 1;
    return end;
  };
  if (before.key !== undefined) {
    const { path } = walkUp(lines, row, before.column, before.dashes);
    const typed = before.text.slice(before.valueColumn);
    if (/^[[{|>&*!]/.test(typed)) return undefined;
    const startOffset = line.startOffset + before.valueColumn;
    return {
      ...common,
      path: [...path, before.key],
      typed,
      startOffset,
      endOffset: Math.max(offset, wordEnd(startOffset)),
      place: 'value',
      siblings: new Set(),
      column: before.column,
      spaceBefore: text[startOffset - 1] !== ':',
    };
  }
  const column = isBlank(before) ? offset - line.startOffset : before.column;
  const { path, siblings } = walkUp(lines, row, column, before.dashes);
  keysBelow(lines, row, column, siblings);
  const startOffset = line.startOffset + column;
  const place = before.dashes.length > 0 && before.column === before.text.length - before.content.length ? 'item' : 'key';
  return { ...common, path, typed: before.content, startOffset, endOffset: Math.max(offset, wordEnd(startOffset)), place, siblings, column, spaceBefore: true };
}

/** The field whose key or value is at an offset, by indentation. */
export function findField(
  text: string,
  offset: number,
): { readonly path: SchemaPath; readonly startOffset: number; readonly endOffset: number; readonly apiVersion: string; readonly kind: string } | undefined {
  const lines = documentLines(text, offset);
  const row = lines.findLastIndex((line) => line.startOffset <= offset);
  const line = lines[row];
  if (line?.key === undefined) return undefined;
  const at = offset - line.startOffset;
  if (at < line.column || at > line.text.length) return undefined;
  const { path } = walkUp(lines, row, line.column, line.dashes);
  const onKey = at < line.valueColumn || line.valueColumn >= line.text.length;
  const startOffset = line.startOffset + (onKey ? line.column : line.valueColumn);
  const endOffset = onKey ? startOffset + line.key.length : line.startOffset + line.text.length;
  return { path: [...path, line.key], startOffset, endOffset, apiVersion: topValue(lines, 'apiVersion'), kind: topValue(lines, 'kind') };
}
