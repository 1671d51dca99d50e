/** Reads words of the shell language from text: quoting, `$` expansions, here-documents. The grammar of commands is in parser.ts. */
import type { List, Word, WordPart } from './ast.ts';
import type { SyntaxProblem } from './errors.ts';
import { ansiEscapes } from './escapes.ts';
import { readParameter } from './parameter.ts';
import { joinTexts } from './words.ts';

/** Commands may nest so deep (subshells, substitutions, loops). */
export const MAX_NESTING = 40;

/** Thrown inside the parser only, and caught by `parseScript`. */
export class SyntaxFailure extends Error {
  readonly problem: SyntaxProblem;
  readonly line: number;

  constructor(problem: SyntaxProblem, line: number) {
    super(problem.kind);
    this.problem = problem;
    this.line = line;
  }
}

const NAME_START = /[A-Za-z_]/;
const NAME = /[A-Za-z0-9_]/;
/** Characters that end an unquoted word. */
const METACHARACTERS = ' \t\n|&;<>()';

export interface PendingHereDocument {
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly stripTabs: boolean;
  /** Filled when the line has ended. */
  readonly fill: (word: Word) => void;
}

export class Scanner {
  /** Changes only where an alias is put in. */
  text: string;
  position = 0;
  depth = 0;
  /** What POSIX does not have is read as bash reads it. */
  bash = true;
  /** `[[` is a reserved word. */
  conditionals = true;
  aliases: ReadonlyMap<string, string> | undefined = undefined;
  readonly hereDocuments: PendingHereDocument[] = [];
  /** Parses a nested script up to `)`; given by the parser. */
  parseNested: (scanner: Scanner) => List = () => ({ kind: 'list', items: [] });

  constructor(text: string) {
    this.text = text;
  }

  get line(): number {
    let line = 1;
    for (let i = 0; i < this.position && i < this.text.length; i += 1) if (this.text[i] === '\n') line += 1;
    return line;
  }

  fail(problem: SyntaxProblem): never {
    throw new SyntaxFailure(problem, this.line);
  }

  peek(offset = 0): string {
    return this.text[this.position + offset] ?? '';
  }

  atEnd(): boolean {
    return this.position >= this.text.length;
  }

  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.position);
  }

  /** Skips blanks, escaped newlines and comments; not newlines. */
  skipBlanks(): void {
    for (;;) {
      const c = this.peek();
      if (c === ' ' || c === '\t' || c === '\r') this.position += 1;
      else if (c === '\\' && this.peek(1) === '\n') this.position += 2;
      else if (c === '#') while (!this.atEnd() && this.peek() !== '\n') this.position += 1;
      else return;
    }
  }

  /** A newline; here-documents that were announced on the line are read now. */
  takeNewline(): void {
    this.position += 1;
    for (const pending of this.hereDocuments.splice(0)) this.readHereDocument(pending);
  }

  atWord(): boolean {
    return !this.atEnd() && (!METACHARACTERS.includes(this.peek()) || this.atProcess());
  }

  /** bash's `<(…)`. */
  atProcess(): boolean {
    return this.bash && this.startsWith('<(');
  }

  /** Reads one word; the caller has seen that one starts here. */
  readWord(): Word {
    const start = this.position;
    const parts: WordPart[] = [];
    while (this.atWord() && (parts.length === 0 || !this.atProcess())) this.readPart(parts, false);
    return { parts, start, end: this.position };
  }

  readPart(parts: WordPart[], quoted: boolean): void {
    const c = this.peek();
    if (!quoted && this.atProcess()) {
      this.position += 2;
      parts.push({ kind: 'command', script: this.nested(), quoted: true, file: true });
    } else if (c === "'" && !quoted) {
      const end = this.text.indexOf("'", this.position + 1);
      if (end < 0) this.fail({ kind: 'unterminated', quote: "'" });
      parts.push({ kind: 'text', text: this.text.slice(this.position + 1, end), quoted: true });
      this.position = end + 1;
    } else if (c === '"' && !quoted) {
      this.position += 1;
      // An empty pair of quotes is still a word.
      parts.push({ kind: 'text', text: '', quoted: true });
      while (this.peek() !== '"') {
        if (this.atEnd()) this.fail({ kind: 'unterminated', quote: '"' });
        this.readPart(parts, true);
      }
      this.position += 1;
    } else if (c === '\\') {
      this.readEscape(parts, quoted);
    } else if (c === '$') {
      this.readDollar(parts, quoted);
    } else if (c === '`') {
      this.readBackquotes(parts, quoted);
    } else {
      const start = this.position;
      while (!this.atEnd()) {
        const d = this.peek();
        if (d === '\\' || d === '$' || d === '`' || d === '"') break;
        if (!quoted && (d === "'" || METACHARACTERS.includes(d))) break;
        this.position += 1;
      }
      parts.push({ kind: 'text', text: this.text.slice(start, this.position), quoted });
    }
  }

  private readEscape(parts: WordPart[], quoted: boolean): void {
    const next = this.peek(1);
    this.position += 2;
    if (next === '\n') return;
    if (next === '') parts.push({ kind: 'text', text: '\\', quoted: true });
    else if (quoted && !'$`"\\'.includes(next)) parts.push({ kind: 'text', text: `\\${next}`, quoted: true });
    else parts.push({ kind: 'text', text: next, quoted: true });
  }

  private readDollar(parts: WordPart[], quoted: boolean): void {
    const next = this.peek(1);
    if (next === '(' && this.peek(2) === '(') {
      this.position += 3;
      parts.push({ kind: 'arithmetic', expression: this.readArithmetic(), quoted });
    } else if (next === '(') {
      this.position += 2;
      parts.push({ kind: 'command', script: this.nested(), quoted });
    } else if (next === '{') {
      parts.push(readParameter(this, quoted));
    } else if (next === "'" && !quoted) {
      this.readAnsi(parts);
    } else if (next === '"' && !quoted) {
      this.position += 1;
    } else if (NAME_START.test(next)) {
      let end = this.position + 2;
      while (NAME.test(this.text[end] ?? '')) end += 1;
      parts.push(plainVariable(this.text.slice(this.position + 1, end), quoted));
      this.position = end;
    } else if (/[0-9?#$!@*-]/.test(next)) {
      parts.push(plainVariable(next, quoted));
      this.position += 2;
    } else {
      parts.push({ kind: 'text', text: '$', quoted });
      this.position += 1;
    }
  }

  /** Reads an expression up to its `))`, which is taken. */
  readArithmetic(end: '))' | ';' = '))'): Word {
    const parts: WordPart[] = [];
    const start = this.position;
    for (let depth = 0; ; ) {
      const c = this.peek();
      if (this.atEnd()) this.fail({ kind: 'end', expecting: end });
      if (depth === 0 && this.startsWith(end)) break;
      if (c === '$' || c === '`') this.readPart(parts, true);
      else if (c === '"' || c === "'") this.position += 1;
      else {
        if (c === '(') depth += 1;
        else if (c === ')') depth -= 1;
        if (depth < 0) this.fail({ kind: 'unexpected', token: ')' });
        parts.push({ kind: 'text', text: c, quoted: true });
        this.position += 1;
      }
    }
    const word = { parts: joinTexts(parts), start, end: this.position };
    this.position += end.length;
    return word;
  }

  /** `$'…'` */
  private readAnsi(parts: WordPart[]): void {
    let end = this.position + 2;
    while (end < this.text.length && this.text[end] !== "'") end += this.text[end] === '\\' ? 2 : 1;
    if (end >= this.text.length) this.fail({ kind: 'unterminated', quote: "'" });
    parts.push({ kind: 'text', text: ansiEscapes(this.text.slice(this.position + 2, end)), quoted: true });
    this.position = end + 1;
  }

  /** The scanner stands behind `$(`. */
  private nested(): List {
    this.depth += 1;
    if (this.depth > MAX_NESTING) this.fail({ kind: 'unsupported', what: `nesting deeper than ${MAX_NESTING} levels` });
    const list = this.parseNested(this);
    this.skipBlanks();
    if (this.peek() !== ')') this.fail(this.atEnd() ? { kind: 'unterminated', quote: ')' } : { kind: 'unexpected', token: this.peek() });
    this.position += 1;
    this.depth -= 1;
    return list;
  }

  private readBackquotes(parts: WordPart[], quoted: boolean): void {
    let inner = '';
    let at = this.position + 1;
    for (;;) {
      const c = this.text[at];
      if (c === undefined) this.fail({ kind: 'unterminated', quote: '`' });
      if (c === '`') break;
      if (c === '\\' && (quoted ? '`\\$"' : '`\\$').includes(this.text[at + 1] ?? ' ')) at += 1;
      inner += this.text[at] ?? '';
      at += 1;
    }
    const nested = new Scanner(inner);
    nested.depth = this.depth + 1;
    nested.bash = this.bash;
    nested.conditionals = this.conditionals;
    nested.parseNested = this.parseNested;
    if (nested.depth > MAX_NESTING) this.fail({ kind: 'unsupported', what: `nesting deeper than ${MAX_NESTING} levels` });
    const script = this.parseNested(nested);
    if (!nested.atEnd()) this.fail({ kind: 'unexpected', token: nested.peek() });
    parts.push({ kind: 'command', script, quoted });
    this.position = at + 1;
  }

  private readHereDocument(pending: PendingHereDocument): void {
    const lines: string[] = [];
    for (;;) {
      if (this.atEnd()) this.fail({ kind: 'end', expecting: pending.delimiter });
      const end = this.text.indexOf('\n', this.position);
      const raw = this.text.slice(this.position, end < 0 ? this.text.length : end);
      this.position = end < 0 ? this.text.length : end + 1;
      const line = pending.stripTabs ? raw.replace(/^\t+/, '') : raw;
      if (line === pending.delimiter) break;
      lines.push(line);
    }
    const body = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    if (pending.quoted) {
      pending.fill({ parts: [{ kind: 'text', text: body, quoted: true }], start: 0, end: 0 });
      return;
    }
    // Within a here-document only $, ` and \ are special; a double quote is an ordinary character.
    const inner = new Scanner(body);
    inner.depth = this.depth;
    inner.bash = this.bash;
    inner.conditionals = this.conditionals;
    inner.parseNested = this.parseNested;
    const parts: WordPart[] = [];
    while (!inner.atEnd()) {
      if (inner.peek() === '"') {
        parts.push({ kind: 'text', text: '"', quoted: true });
        inner.position += 1;
      } else inner.readPart(parts, true);
    }
    pending.fill({ parts, start: 0, end: 0 });
  }
}

function plainVariable(name: string, quoted: boolean): WordPart {
  return { kind: 'variable', name, subscript: undefined, operator: '', word: undefined, second: undefined, quoted };
}
