/** The parser of jq's language, with its precedences: `|` `,` `//` assignments, `or`, `and`, comparisons, `+ -`, `* / %`, postfix. */
import { type Ast, JqSyntaxError, type Pattern } from './ast.ts';
import { scan, type Token } from './scan.ts';

const MAX_DEPTH = 200;
const ASSIGNMENTS = new Set(['=', '|=', '+=', '-=', '*=', '/=', '%=', '//=']);
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=']);
/** Words that begin or divide constructs; as object keys and fields they are names like others. */
const KEYWORDS = new Set([
  'def',
  'if',
  'then',
  'elif',
  'else',
  'end',
  'as',
  'reduce',
  'foreach',
  'try',
  'catch',
  'and',
  'or',
  'label',
  'import',
  'include',
  '__loc__',
]);

const call = (name: string, ...args: Ast[]): Ast => ({ kind: 'call', name, args });

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Ast {
    if (this.#tokens.length === 0) return { kind: 'identity' };
    const program = this.#pipe();
    if (this.#peek() !== undefined) this.#unexpected();
    return program;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #isSymbol(...names: string[]): boolean {
    const token = this.#peek();
    return token?.kind === 'symbol' && names.includes(token.name);
  }

  #isWord(...names: string[]): boolean {
    const token = this.#peek();
    return token?.kind === 'word' && names.includes(token.name);
  }

  #take(name: string): boolean {
    const token = this.#peek();
    if ((token?.kind !== 'symbol' && token?.kind !== 'word') || token.name !== name) return false;
    this.#at += 1;
    return true;
  }

  #expect(name: string): void {
    if (!this.#take(name)) this.#unexpected();
  }

  #unexpected(): never {
    const token = this.#peek();
    const what =
      token === undefined
        ? '$end'
        : token.kind === 'symbol'
          ? `'${token.name}'`
          : token.kind === 'field'
            ? 'FIELD'
            : token.kind === 'string'
              ? 'QQSTRING_START'
              : token.kind === 'number'
                ? 'LITERAL'
                : token.kind === 'word' && KEYWORDS.has(token.name)
                  ? token.name
                  : token.kind === 'variable'
                    ? "'$'"
                    : 'IDENT';
    throw new JqSyntaxError(`syntax error, unexpected ${what}`);
  }

  #pipe(): Ast {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new JqSyntaxError('too deeply nested');
    const result = this.#pipeInside();
    this.#depth -= 1;
    return result;
  }

  #pipeInside(): Ast {
    if (this.#take('def')) {
      const name = this.#word();
      const parameters: string[] = [];
      if (this.#take('(')) {
        do {
          const token = this.#peek();
          if (token?.kind === 'variable') {
            this.#at += 1;
            parameters.push(`$${token.name}`);
          } else parameters.push(this.#word());
        } while (this.#take(';'));
        this.#expect(')');
      }
      this.#expect(':');
      const body = this.#pipe();
      this.#expect(';');
      const rest: Ast = this.#peek() === undefined ? { kind: 'identity' } : this.#pipe();
      return { kind: 'function', name, parameters, body, rest };
    }
    const left = this.#comma();
    if (this.#take('as')) {
      const pattern = this.#pattern();
      this.#expect('|');
      return { kind: 'bind', source: left, pattern, body: this.#pipe() };
    }
    return this.#take('|') ? { kind: 'pipe', left, right: this.#pipe() } : left;
  }

  #comma(): Ast {
    let left = this.#assignment();
    while (this.#take(',')) left = { kind: 'comma', left, right: this.#assignment() };
    return left;
  }

  #assignment(): Ast {
    const left = this.#alternative();
    const token = this.#peek();
    if (token?.kind !== 'symbol' || !ASSIGNMENTS.has(token.name)) return left;
    this.#at += 1;
    return { kind: 'assign', operator: token.name, left, right: this.#alternative() };
  }

  #alternative(): Ast {
    const left = this.#or();
    return this.#take('//') ? { kind: 'alternative', left, right: this.#alternative() } : left;
  }

  #or(): Ast {
    let left = this.#and();
    while (this.#take('or')) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): Ast {
    let left = this.#comparison();
    while (this.#take('and')) left = { kind: 'and', left, right: this.#comparison() };
    return left;
  }

  #comparison(): Ast {
    const left = this.#sum();
    const token = this.#peek();
    if (token?.kind !== 'symbol' || !COMPARISONS.has(token.name)) return left;
    this.#at += 1;
    return { kind: 'binary', operator: token.name, left, right: this.#sum() };
  }

  #sum(): Ast {
    let left = this.#product();
    while (this.#isSymbol('+', '-')) {
      const operator = (this.#peek() as { name: string }).name;
      this.#at += 1;
      left = { kind: 'binary', operator, left, right: this.#product() };
    }
    return left;
  }

  #product(): Ast {
    let left = this.#unary();
    while (this.#isSymbol('*', '/', '%')) {
      const operator = (this.#peek() as { name: string }).name;
      this.#at += 1;
      left = { kind: 'binary', operator, left, right: this.#unary() };
    }
    return left;
  }

  #unary(): Ast {
    return this.#take('-') ? { kind: 'negate', body: this.#postfix() } : this.#postfix();
  }

  #postfix(): Ast {
    let target = this.#term();
    for (;;) {
      const token = this.#peek();
      if (token?.kind === 'field') {
        this.#at += 1;
        target = { kind: 'index', target, key: { kind: 'literal', value: token.name } };
      } else if (this.#isSymbol('.') && this.#tokens[this.#at + 1]?.kind === 'string') {
        this.#at += 1;
        target = { kind: 'index', target, key: this.#string('text') };
      } else if (this.#isSymbol('.') && (this.#tokens[this.#at + 1] as { name?: string } | undefined)?.name === '[') this.#at += 1;
      else if (this.#take('[')) target = this.#brackets(target);
      else if (this.#take('?')) target = { kind: 'try', body: target, handler: undefined };
      else return target;
    }
  }

  #brackets(target: Ast): Ast {
    if (this.#take(']')) return { kind: 'iterate', target };
    if (this.#take(':')) {
      const to = this.#pipe();
      this.#expect(']');
      return { kind: 'slice', target, from: undefined, to };
    }
    const first = this.#pipe();
    if (this.#take(':')) {
      const to = this.#isSymbol(']') ? undefined : this.#pipe();
      this.#expect(']');
      return { kind: 'slice', target, from: first, to };
    }
    this.#expect(']');
    return { kind: 'index', target, key: first };
  }

  #word(): string {
    const token = this.#peek();
    if (token?.kind !== 'word') this.#unexpected();
    this.#at += 1;
    return token.name;
  }

  #string(format: string): Ast {
    const token = this.#peek();
    if (token?.kind !== 'string') this.#unexpected();
    this.#at += 1;
    const parts = token.parts.map((part) => (typeof part === 'string' ? part : new Parser(part).whole()));
    if (parts.every((part) => typeof part === 'string')) return { kind: 'literal', value: parts.join('') };
    return { kind: 'string', format, parts };
  }

  #term(): Ast {
    const token = this.#peek();
    if (token === undefined) this.#unexpected();
    switch (token.kind) {
      case 'number':
        this.#at += 1;
        return { kind: 'literal', value: token.value };
      case 'string':
        return this.#string('text');
      case 'format':
        this.#at += 1;
        return this.#peek()?.kind === 'string' ? this.#string(token.name) : { kind: 'format', name: token.name };
      case 'field':
        this.#at += 1;
        return { kind: 'index', target: { kind: 'identity' }, key: { kind: 'literal', value: token.name } };
      case 'variable':
        this.#at += 1;
        return { kind: 'variable', name: token.name };
      case 'word':
        return this.#keywordOrCall(token.name);
      default:
        return this.#symbolTerm(token.name);
    }
  }

  #symbolTerm(name: string): Ast {
    switch (name) {
      case '.': {
        this.#at += 1;
        if (this.#peek()?.kind === 'string') return { kind: 'index', target: { kind: 'identity' }, key: this.#string('text') };
        return { kind: 'identity' };
      }
      case '..':
        this.#at += 1;
        return { kind: 'recurse' };
      case '(': {
        this.#at += 1;
        const inside = this.#pipe();
        this.#expect(')');
        return inside;
      }
      case '[': {
        this.#at += 1;
        if (this.#take(']')) return { kind: 'array', body: undefined };
        const body = this.#pipe();
        this.#expect(']');
        return { kind: 'array', body };
      }
      case '{':
        this.#at += 1;
        return this.#object();
      case '-':
        return this.#unary();
      default:
        return this.#unexpected();
    }
  }

  #object(): Ast {
    const entries: { key: Ast; value: Ast }[] = [];
    if (this.#take('}')) return { kind: 'object', entries };
    do {
      entries.push(this.#entry());
    } while (this.#take(','));
    this.#expect('}');
    return { kind: 'object', entries };
  }

  #entry(): { key: Ast; value: Ast } {
    const token = this.#peek();
    if (token?.kind === 'variable') {
      this.#at += 1;
      return { key: { kind: 'literal', value: token.name }, value: { kind: 'variable', name: token.name } };
    }
    const key = this.#key();
    if (this.#take(':')) return { key, value: this.#entryValue() };
    if (key.kind === 'literal' || key.kind === 'string') return { key, value: { kind: 'index', target: { kind: 'identity' }, key } };
    return this.#unexpected();
  }

  #key(): Ast {
    const token = this.#peek();
    if (token?.kind === 'word' || token?.kind === 'number') {
      this.#at += 1;
      return { kind: 'literal', value: token.kind === 'number' ? String(token.value) : token.name };
    }
    if (token?.kind === 'string') return this.#string('text');
    if (token?.kind === 'format') {
      this.#at += 1;
      return this.#string(token.name);
    }
    this.#expect('(');
    const inside = this.#pipe();
    this.#expect(')');
    return inside;
  }

  /** Terms joined by `|`; a comma ends the entry. */
  #entryValue(): Ast {
    const left = this.#alternative();
    return this.#take('|') ? { kind: 'pipe', left, right: this.#entryValue() } : left;
  }

  #pattern(): Pattern {
    const token = this.#peek();
    if (token?.kind === 'variable') {
      this.#at += 1;
      return { kind: 'name', name: token.name };
    }
    if (this.#take('[')) {
      const items: Pattern[] = [];
      do items.push(this.#pattern());
      while (this.#take(','));
      this.#expect(']');
      return { kind: 'array', items };
    }
    this.#expect('{');
    const entries: { key: Ast; also: string | undefined; pattern: Pattern | undefined }[] = [];
    do {
      const next = this.#peek();
      if (next?.kind === 'variable') {
        this.#at += 1;
        entries.push({ key: { kind: 'literal', value: next.name }, also: next.name, pattern: this.#take(':') ? this.#pattern() : undefined });
      } else {
        const key = this.#key();
        this.#expect(':');
        entries.push({ key, also: undefined, pattern: this.#pattern() });
      }
    } while (this.#take(','));
    this.#expect('}');
    return { kind: 'object', entries };
  }

  #keywordOrCall(name: string): Ast {
    this.#at += 1;
    switch (name) {
      case 'true':
      case 'false':
        return { kind: 'literal', value: name === 'true' };
      case 'null':
        return { kind: 'literal', value: null };
      case 'if':
        return this.#if();
      case 'try': {
        const body = this.#postfix();
        return { kind: 'try', body, handler: this.#take('catch') ? this.#postfix() : undefined };
      }
      case 'reduce':
      case 'foreach': {
        const source = this.#postfix();
        this.#expect('as');
        const pattern = this.#pattern();
        this.#expect('(');
        const start = this.#pipe();
        this.#expect(';');
        const update = this.#pipe();
        const extract = name === 'foreach' && this.#take(';') ? this.#pipe() : undefined;
        this.#expect(')');
        return name === 'reduce' ? { kind: 'reduce', source, pattern, start, update } : { kind: 'foreach', source, pattern, start, update, extract };
      }
      case 'def': {
        this.#at -= 1;
        return this.#pipe();
      }
      default:
        break;
    }
    if (KEYWORDS.has(name)) {
      this.#at -= 1;
      this.#unexpected();
    }
    const args: Ast[] = [];
    if (this.#take('(')) {
      do args.push(this.#pipe());
      while (this.#take(';'));
      this.#expect(')');
    }
    return call(name, ...args);
  }

  #if(): Ast {
    const condition = this.#pipe();
    this.#expect('then');
    const then = this.#pipe();
    if (this.#take('elif')) return { kind: 'if', condition, then, otherwise: this.#if() };
    const otherwise = this.#take('else') ? this.#pipe() : undefined;
    if (this.#isWord('end')) {
      this.#at += 1;
      return { kind: 'if', condition, then, otherwise };
    }
    return this.#unexpected();
  }
}

/** @throws {JqSyntaxError} */
export function parseJq(text: string): Ast {
  return new Parser(scan(text)).whole();
}
