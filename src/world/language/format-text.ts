/** Tidies a YAML text without rewriting it: indentation by two, no trailing spaces, one space after a colon; comments, order and quotes stay. */
import { parseYaml } from '../../base/yaml/index.ts';

/** A column of the old text and the one it gets. */
interface Level {
  readonly old: number;
  readonly now: number;
}

const blockHeader = /(?:^|[\s:-])[|>][-+]?\d?[-+]?\s*(?:#.*)?$/;
const keyed = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'[\]{}&*!|>%@`,-][^:#]*?|-[^\s:][^:#]*?)\s*:(?=\s|$)/;

class Tidy {
  readonly #out: string[] = [];
  #levels: Level[] = [];
  /** How far the last line with structure moved: its continuation moves as far. */
  #shift = 0;
  /** Column of the key above a block text; undefined outside of one. */
  #block: { readonly column: number; readonly base: number; from: number | undefined } | undefined;
  #depth = 0;

  line(text: string): void {
    const column = text.length - text.trimStart().length;
    const content = text.trim();
    if (this.#block !== undefined) {
      if (content === '') {
        this.#out.push('');
        return;
      }
      if (column > this.#block.column) {
        this.#block.from ??= column;
        this.#out.push(' '.repeat(Math.max(0, this.#block.base + column - this.#block.from)) + text.trimStart());
        return;
      }
      this.#block = undefined;
    }
    if (content === '') {
      if (this.#out.at(-1) !== '') this.#out.push('');
      return;
    }
    if (/^(?:---|\.\.\.)(?:\s|$)/.test(text)) {
      this.#levels = [];
      this.#out.push(text.trimEnd());
      return;
    }
    if (content.startsWith('#')) {
      this.#out.push(' '.repeat(this.#columnOf(column)) + content);
      return;
    }
    if (this.#depth > 0 || (!keyed.test(content) && !/^-(?:\s|$)/.test(content))) {
      this.#out.push(' '.repeat(Math.max(0, column + this.#shift)) + content);
      this.#count(content);
      return;
    }
    this.#structure(column, content);
  }

  /** A comment stands with what surrounds it. */
  #columnOf(column: number): number {
    const level = this.#levels.findLast((one) => one.old <= column);
    return level === undefined ? 0 : level.old === column ? level.now : level.now + 2;
  }

  #enter(column: number): number {
    while ((this.#levels.at(-1)?.old ?? -1) > column) this.#levels.pop();
    const top = this.#levels.at(-1);
    if (top?.old === column) return top.now;
    const now = top === undefined ? 0 : top.now + 2;
    this.#levels.push({ old: column, now });
    return now;
  }

  #structure(column: number, content: string): void {
    let rest = content;
    let at = column;
    const first = this.#enter(column);
    let written = ' '.repeat(first);
    this.#shift = first - column;
    let inner = first;
    for (let dash = /^-\s+(?=\S)/.exec(rest); dash !== null; dash = /^-\s+(?=\S)/.exec(rest)) {
      at += dash[0].length;
      rest = rest.slice(dash[0].length);
      written += '- ';
      inner += 2;
      if (keyed.test(rest) || rest.startsWith('- ')) this.#levels.push({ old: at, now: inner });
    }
    const key = keyed.exec(rest);
    if (key !== null) {
      const value = rest.slice(key[0].length);
      // A comment keeps its distance, a value gets one space.
      rest = key[0].replace(/\s*:$/, ':') + (value.trim() === '' ? '' : /^\s+#/.test(value) ? value : ` ${value.trimStart()}`);
    }
    this.#out.push(written + rest);
    if (blockHeader.test(content)) {
      const explicit = /[|>][-+]?([1-9])/.exec(content)?.[1];
      this.#block = { column: key === null ? column : at, base: inner + 2, from: explicit === undefined ? undefined : at + Number(explicit) };
    }
    this.#count(key === null ? rest : rest.slice(key[0].length));
  }

  /** Brackets that stay open; quotes and comments are looked past roughly, since the result is read again anyway. */
  #count(text: string): void {
    const bare = text.replace(/"(?:[^"\\]|\\.)*"|'[^']*'|\s#.*$/g, '');
    if (this.#depth === 0 && !/^\s*[[{]/.test(bare)) return;
    for (const char of bare) this.#depth = Math.max(0, this.#depth + (char === '[' || char === '{' ? 1 : char === ']' || char === '}' ? -1 : 0));
  }

  get text(): string {
    return `${this.#out.join('\n').trimEnd()}\n`;
  }
}

/** Null where the text cannot be read, is tidy already, or would say something else afterwards. */
export function formatText(path: string, text: string): string | null {
  const before = parseYaml(path, text);
  if (before.diagnostics.length > 0 || text.trim() === '') return null;
  const tidy = new Tidy();
  for (const line of text.split(/\r?\n/)) tidy.line(line);
  const formatted = tidy.text;
  if (formatted === text) return null;
  const after = parseYaml(path, formatted);
  const values = (parsed: typeof before) => JSON.stringify(parsed.documents.map((document) => document.value));
  return after.diagnostics.length === 0 && values(after) === values(before) ? formatted : null;
}
