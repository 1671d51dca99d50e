/** The grammar of awk (POSIX XCU awk), read by recursive descent. */
import { AwkError, type AwkFunction, type Expression, type Program, type Rule, type Statement, type Target } from './ast.ts';
import { scanAwk, type Token } from './scan.ts';

/** Expressions and statements may nest so deep. */
const MAX_DEPTH = 200;

const levels: readonly (readonly string[])[] = [['~', '!~'], ['<', '<=', '!=', '==', '>', '>='], ['concat'], ['+', '-'], ['*', '/', '%']];
const assignments = ['=', '+=', '-=', '*=', '/=', '%=', '^=', '**='];

/** @throws {AwkError} */
export function parseAwk(text: string): Program {
  return new Parser(scanAwk(text)).program();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  /** In a `print` list `>` is a redirection. */
  #noGreater = false;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', line: 1 };
  }

  #is(text: string): boolean {
    const token = this.#token;
    return token.text === text && token.kind !== 'string' && token.kind !== 'regex';
  }

  #fail(): never {
    const { kind, text, line } = this.#token;
    throw new AwkError(`line ${line}: syntax error at or near ${kind === 'end' ? 'end of program' : kind === 'newline' ? 'end of line' : text}`);
  }

  #take(text?: string): Token {
    const token = this.#token;
    if (text !== undefined && !this.#is(text)) this.#fail();
    this.#at += 1;
    return token;
  }

  #maybe(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  #newlines(): void {
    while (this.#token.kind === 'newline') this.#at += 1;
  }

  #separators(): void {
    while (this.#token.kind === 'newline' || this.#is(';')) this.#at += 1;
  }

  #nest<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new AwkError('program nested too deep');
    const value = parse();
    this.#depth -= 1;
    return value;
  }

  program(): Program {
    const rules: Rule[] = [];
    const functions: Record<string, AwkFunction> = Object.create(null) as Record<string, AwkFunction>;
    this.#separators();
    while (this.#token.kind !== 'end') {
      if (this.#is('function') || this.#is('func')) {
        this.#take();
        const { kind, text } = this.#take();
        if (kind !== 'name' && kind !== 'call') this.#fail();
        functions[text] = this.#function();
      } else rules.push(this.#rule());
      this.#separators();
    }
    return { rules, functions };
  }

  #function(): AwkFunction {
    const parameters: string[] = [];
    this.#take('(');
    while (!this.#is(')')) {
      if (this.#token.kind !== 'name') this.#fail();
      parameters.push(this.#take().text);
      if (this.#maybe(',')) this.#newlines();
    }
    this.#take(')');
    this.#newlines();
    const from = this.#at;
    const body = this.#block();
    const used = new Set<string>();
    for (let i = from; i < this.#at; i += 1) {
      const [token, next, before] = [this.#tokens[i], this.#tokens[i + 1], this.#tokens[i - 1]];
      if (token?.kind !== 'name') continue;
      if (next?.text === '[' || (before?.text === 'in' && before.kind === 'keyword') || before?.text === 'delete') used.add(token.text);
      // The second argument of split is an array.
      if (before?.text === ',' && this.#tokens.slice(Math.max(0, i - 40), i).some((other) => other.text === 'split')) used.add(token.text);
    }
    return { parameters, arrays: parameters.filter((name) => used.has(name)), body };
  }

  #rule(): Rule {
    if (this.#is('BEGIN') || this.#is('END')) {
      const when = this.#take().text as 'BEGIN' | 'END';
      return { when, pattern: undefined, until: undefined, body: this.#block() };
    }
    if (this.#is('{')) return { when: 'line', pattern: undefined, until: undefined, body: this.#block() };
    const pattern = this.#expression();
    let until: Expression | undefined;
    if (this.#maybe(',')) {
      this.#newlines();
      until = this.#expression();
    }
    return { when: until === undefined ? 'line' : 'range', pattern, until, body: this.#is('{') ? this.#block() : undefined };
  }

  #block(): Statement {
    this.#take('{');
    const body: Statement[] = [];
    this.#separators();
    while (!this.#is('}')) {
      if (this.#token.kind === 'end') this.#fail();
      body.push(this.#statement());
      this.#separators();
    }
    this.#take('}');
    return { kind: 'block', body };
  }

  /** A statement where a single one is wanted: after `if (…)`, `else`, a loop. */
  #body(): Statement {
    this.#newlines();
    if (this.#maybe(';')) return { kind: 'block', body: [] };
    return this.#statement();
  }

  #end(): void {
    if (this.#is('}') || this.#token.kind === 'end') return;
    if (this.#token.kind !== 'newline' && !this.#is(';')) this.#fail();
    this.#at += 1;
  }

  #statement(): Statement {
    return this.#nest(() => {
      if (this.#is('{')) return this.#block();
      switch (this.#token.kind === 'keyword' ? this.#token.text : '') {
        case 'if':
          return this.#if();
        case 'while': {
          this.#take();
          const condition = this.#condition();
          return { kind: 'while', condition, body: this.#body(), atLeastOnce: false };
        }
        case 'do': {
          this.#take();
          const body = this.#body();
          this.#separators();
          this.#take('while');
          const condition = this.#condition();
          this.#end();
          return { kind: 'while', condition, body, atLeastOnce: true };
        }
        case 'for':
          return this.#for();
        default: {
          const simple = this.#simple();
          this.#end();
          return simple;
        }
      }
    });
  }

  #condition(): Expression {
    this.#take('(');
    const condition = this.#expression();
    this.#take(')');
    return condition;
  }

  #if(): Statement {
    this.#take('if');
    const condition = this.#condition();
    const yes = this.#body();
    const back = this.#at;
    this.#separators();
    if (this.#maybe('else')) return { kind: 'if', condition, yes, no: this.#body() };
    this.#at = back;
    return { kind: 'if', condition, yes, no: undefined };
  }

  #for(): Statement {
    this.#take('for');
    this.#take('(');
    const [a, b, c, d] = this.#tokens.slice(this.#at, this.#at + 4);
    if (a?.kind === 'name' && b?.text === 'in' && b.kind === 'keyword' && c?.kind === 'name' && d?.text === ')') {
      this.#at += 4;
      return { kind: 'for-in', name: a.text, array: c.text, body: this.#body() };
    }
    const first = this.#is(';') ? undefined : this.#simple();
    this.#take(';');
    this.#newlines();
    const condition = this.#is(';') ? undefined : this.#expression();
    this.#take(';');
    this.#newlines();
    const step = this.#is(')') ? undefined : this.#simple();
    this.#take(')');
    return { kind: 'for', first, condition, step, body: this.#body() };
  }

  #simple(): Statement {
    const { kind, text } = this.#token;
    if (kind !== 'keyword') return { kind: 'expression', value: this.#expression() };
    switch (text) {
      case 'print':
      case 'printf':
        return this.#print();
      case 'next':
      case 'break':
      case 'continue':
        this.#take();
        return { kind: text };
      case 'exit':
      case 'return': {
        this.#take();
        const none = this.#is(';') || this.#is('}') || this.#token.kind === 'newline' || this.#token.kind === 'end';
        return { kind: text, value: none ? undefined : this.#expression() };
      }
      case 'delete': {
        this.#take();
        const array = this.#take().text;
        if (!this.#maybe('[')) return { kind: 'delete', array, keys: undefined };
        const keys = this.#list(']');
        return { kind: 'delete', array, keys };
      }
      case 'getline':
      case 'nextfile':
        throw new AwkError(`\`${text}' is not part of this simulated awk`);
      default:
        return this.#fail();
    }
  }

  #print(): Statement {
    const kind = this.#take().text as 'print' | 'printf';
    const outer = this.#noGreater;
    this.#noGreater = true;
    const values: Expression[] = [];
    const ends = (): boolean => ['>', '>>', '|', ';', '}'].some((text) => this.#is(text)) || this.#token.kind === 'newline' || this.#token.kind === 'end';
    if (!ends()) {
      // `print (a, b) > file`: the parentheses belong to print.
      const back = this.#at;
      let grouped: Expression[] | undefined;
      if (this.#maybe('(')) {
        this.#noGreater = false;
        grouped = this.#list(')');
        this.#noGreater = true;
        if (!ends()) {
          grouped = undefined;
          this.#at = back;
        }
      }
      if (grouped !== undefined) values.push(...grouped);
      else {
        values.push(this.#expression());
        while (this.#maybe(',')) {
          this.#newlines();
          values.push(this.#expression());
        }
      }
    }
    const how = (['>>', '>', '|'] as const).find((text) => this.#is(text));
    if (how !== undefined) this.#take();
    const into = how === undefined ? undefined : { how, name: this.#binary(2) };
    this.#noGreater = outer;
    return { kind, values, into };
  }

  /** Expressions up to a closing bracket, which is taken. */
  #list(close: ')' | ']'): Expression[] {
    const values: Expression[] = [];
    const greater = this.#noGreater;
    this.#noGreater = false;
    this.#newlines();
    while (!this.#is(close)) {
      values.push(this.#expression());
      this.#newlines();
      if (!this.#is(close)) {
        this.#take(',');
        this.#newlines();
      }
    }
    this.#noGreater = greater;
    this.#take(close);
    return values;
  }

  #expression(): Expression {
    return this.#nest(() => {
      const condition = this.#or();
      if (this.#maybe('?')) {
        this.#newlines();
        const yes = this.#expression();
        this.#newlines();
        this.#take(':');
        this.#newlines();
        return { kind: 'choice', condition, yes, no: this.#expression() };
      }
      const operator = assignments.find((text) => this.#is(text));
      if (operator !== undefined && isTarget(condition)) {
        this.#take();
        this.#newlines();
        return { kind: 'assign', operator: operator === '**=' ? '^=' : operator, target: condition, value: this.#expression() };
      }
      return condition;
    });
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#maybe('||')) {
      this.#newlines();
      left = { kind: 'binary', operator: '||', left, right: this.#and() };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#membership();
    while (this.#maybe('&&')) {
      this.#newlines();
      left = { kind: 'binary', operator: '&&', left, right: this.#membership() };
    }
    return left;
  }

  #membership(): Expression {
    let left = this.#binary(0);
    while (this.#is('in')) {
      this.#take();
      left = { kind: 'in', keys: [left], array: this.#take().text };
    }
    return left;
  }

  #binary(level: number): Expression {
    const operators = levels[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const { kind, text } = this.#token;
      if (operators[0] === 'concat') {
        if (!this.#startsOperand()) return left;
        left = { kind: 'binary', operator: 'concat', left, right: this.#binary(level + 1) };
      } else if (kind === 'operator' && operators.includes(text) && !(text === '>' && this.#noGreater)) {
        this.#take();
        // An assignment may stand to the right of a comparison's operator only in parentheses.
        left = { kind: 'binary', operator: text, left, right: this.#binary(level + 1) };
      } else return left;
    }
  }

  #startsOperand(): boolean {
    const { kind, text } = this.#token;
    if (kind === 'number' || kind === 'string' || kind === 'regex' || kind === 'name' || kind === 'call' || kind === 'builtin') return true;
    return kind === 'operator' && ['$', '!', '(', '-', '+', '++', '--'].includes(text);
  }

  #unary(): Expression {
    const operator = (['!', '-', '+'] as const).find((text) => this.#is(text));
    if (operator === undefined) return this.#power();
    this.#take();
    return this.#nest(() => ({ kind: 'unary', operator, value: this.#unary() }));
  }

  #power(): Expression {
    const base = this.#postfix();
    if (!this.#is('^') && !this.#is('**')) return base;
    this.#take();
    return this.#nest(() => ({
      kind: 'binary',
      operator: '^',
      left: base,
      right: this.#is('-') || this.#is('+') || this.#is('!') ? this.#unary() : this.#power(),
    }));
  }

  #postfix(): Expression {
    const value = this.#primary();
    if (!isTarget(value) || (!this.#is('++') && !this.#is('--'))) return value;
    return { kind: 'step', by: this.#take().text === '++' ? 1 : -1, prefix: false, target: value };
  }

  #primary(): Expression {
    const { kind, text } = this.#token;
    switch (kind) {
      case 'number':
        this.#take();
        return { kind: 'number', value: Number(text) };
      case 'string':
        this.#take();
        return { kind: 'string', value: text };
      case 'regex':
        this.#take();
        return { kind: 'regex', pattern: text };
      case 'builtin':
        this.#take();
        if (!this.#maybe('(')) {
          if (text !== 'length') this.#fail();
          return { kind: 'builtin', name: text, values: [] };
        }
        return { kind: 'builtin', name: text, values: this.#list(')') };
      case 'call':
        this.#take();
        this.#take('(');
        return { kind: 'call', name: text, values: this.#list(')') };
      case 'name':
        this.#take();
        return this.#maybe('[') ? { kind: 'element', name: text, keys: this.#list(']') } : { kind: 'variable', name: text };
      case 'keyword':
        if (text === 'getline') throw new AwkError("`getline' is not part of this simulated awk");
        return this.#fail();
      default:
        return this.#nest(() => this.#operatorPrimary(text));
    }
  }

  #operatorPrimary(text: string): Expression {
    if (text === '$') {
      this.#take();
      const step = this.#is('++') || this.#is('--');
      const index = this.#is('-') ? this.#unary() : step ? this.#postfix() : this.#primary();
      return { kind: 'field', index };
    }
    if (text === '++' || text === '--') {
      this.#take();
      const target = this.#primary();
      if (!isTarget(target)) this.#fail();
      return { kind: 'step', by: text === '++' ? 1 : -1, prefix: true, target };
    }
    if (text !== '(') this.#fail();
    this.#take('(');
    const values = this.#list(')');
    if (values.length > 1 || this.#is('in')) {
      this.#take('in');
      return { kind: 'in', keys: values, array: this.#take().text };
    }
    const [value] = values;
    if (value === undefined) this.#fail();
    return value;
  }
}

function isTarget(value: Expression): value is Target {
  return value.kind === 'variable' || value.kind === 'field' || value.kind === 'element';
}
