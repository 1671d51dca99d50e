/** `$((…))`: C's integer arithmetic over 64 bits, with assignment (POSIX XCU section 2.6.4, bash(1) "ARITHMETIC EVALUATION"). */

export interface ArithmeticVariables {
  /** `subscript` is an array's key, already evaluated unless the array is associative. */
  get(name: string, subscript: string | undefined): string | undefined;
  set(name: string, subscript: string | undefined, value: string): void;
  isAssociative(name: string): boolean;
}

/** What is wrong with an expression: bash's words, and the text from where it is wrong. */
export class ArithmeticError extends Error {
  readonly rest: string;

  constructor(message: string, rest: string) {
    super(message);
    this.rest = rest;
  }
}

/** An expression may be so long, and variables may name each other so deep. */
const MAX_CHARACTERS = 4000;
const MAX_DEPTH = 50;

const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const assignments = ['=', '+=', '-=', '*=', '/=', '%=', '<<=', '>>=', '&=', '^=', '|='];
const operators = [
  ...['<<=', '>>=', '**', '++', '--', '<<', '>>', '<=', '>=', '==', '!=', '&&', '||', '+=', '-=', '*=', '/=', '%=', '&=', '^=', '|='],
  ...['+', '-', '*', '/', '%', '<', '>', '=', '!', '~', '&', '^', '|', '?', ':', ',', '(', ')'],
];

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

interface Target {
  readonly name: string;
  readonly subscript: string | undefined;
}

/**
 * Value of the expression; an empty one is 0.
 * @throws {ArithmeticError}
 */
export function evaluateArithmetic(expression: string, variables: ArithmeticVariables, depth = 0): bigint {
  if (expression.length > MAX_CHARACTERS || depth > MAX_DEPTH) throw new ArithmeticError('expression recursion level exceeded', expression);
  return new Evaluation(expression, variables, depth).whole();
}

class Evaluation {
  readonly #text: string;
  readonly #variables: ArithmeticVariables;
  readonly #depth: number;
  #at = 0;
  #nesting = 0;
  /** Greater than 0 while a branch is only read over. */
  #idle = 0;
  #lastToken = 0;

  constructor(text: string, variables: ArithmeticVariables, depth: number) {
    this.#text = text;
    this.#variables = variables;
    this.#depth = depth;
  }

  whole(): bigint {
    this.#blanks();
    if (this.#at >= this.#text.length) return 0n;
    const value = this.#comma();
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail('syntax error in expression', this.#at);
    return value;
  }

  #fail(message: string, at: number): never {
    throw new ArithmeticError(message, this.#text.slice(at));
  }

  #blanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  /** The operator that stands here, without taking it. */
  #operator(): string | undefined {
    this.#blanks();
    return operators.find((candidate) => this.#text.startsWith(candidate, this.#at));
  }

  #take(operator: string): void {
    this.#lastToken = this.#at;
    this.#at += operator.length;
  }

  #comma(): bigint {
    let value = this.#assignment();
    while (this.#operator() === ',') {
      this.#take(',');
      value = this.#assignment();
    }
    return value;
  }

  #assignment(): bigint {
    const start = this.#at;
    const target = this.#target();
    if (target !== undefined) {
      const operator = this.#operator();
      if (operator !== undefined && assignments.includes(operator)) {
        this.#take(operator);
        const right = this.#assignment();
        const value = operator === '=' ? right : this.#apply(operator.slice(0, -1), this.#read(target), right);
        this.#write(target, value);
        return value;
      }
    }
    this.#at = start;
    return this.#conditional();
  }

  #conditional(): bigint {
    const condition = this.#binary(0);
    if (this.#operator() !== '?') return condition;
    this.#take('?');
    const yes = this.#branch(condition !== 0n, () => this.#assignment());
    if (this.#operator() !== ':') this.#fail("`:' expected for conditional expression", this.#at);
    this.#take(':');
    const no = this.#branch(condition === 0n, () => this.#conditional());
    return condition !== 0n ? yes : no;
  }

  #branch(taken: boolean, parse: () => bigint): bigint {
    if (taken) return parse();
    this.#idle += 1;
    const value = parse();
    this.#idle -= 1;
    return value;
  }

  #binary(level: number): bigint {
    const known = levels[level];
    if (known === undefined) return this.#power();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = this.#operator();
      if (operator === undefined || !known.includes(operator)) return left;
      this.#take(operator);
      if (operator === '&&' || operator === '||') {
        const decided = (left !== 0n) === (operator === '||');
        const right = this.#branch(!decided, () => this.#binary(level + 1));
        left = decided ? (operator === '||' ? 1n : 0n) : right !== 0n ? 1n : 0n;
      } else left = this.#apply(operator, left, this.#binary(level + 1));
    }
  }

  #power(): bigint {
    const base = this.#unary();
    if (this.#operator() !== '**') return base;
    this.#take('**');
    let exponent = this.#power();
    if (exponent < 0n) this.#fail('exponent less than 0', this.#lastToken);
    let result = 1n;
    for (let square = base; exponent > 0n; exponent >>= 1n) {
      if ((exponent & 1n) === 1n) result = wrap(result * square);
      square = wrap(square * square);
    }
    return result;
  }

  #unary(): bigint {
    this.#nesting += 1;
    if (this.#nesting > 200) this.#fail('expression recursion level exceeded', this.#at);
    const value = this.#unaryInner();
    this.#nesting -= 1;
    return value;
  }

  #unaryInner(): bigint {
    const operator = this.#operator();
    switch (operator) {
      case '!':
        this.#take(operator);
        return this.#unary() === 0n ? 1n : 0n;
      case '~':
        this.#take(operator);
        return wrap(~this.#unary());
      case '-':
        this.#take(operator);
        return wrap(-this.#unary());
      case '+':
        this.#take(operator);
        return this.#unary();
      case '++':
      case '--': {
        this.#take(operator);
        const target = this.#target();
        if (target === undefined) return operator === '--' ? this.#unary() : this.#unary();
        const value = wrap(this.#read(target) + (operator === '++' ? 1n : -1n));
        this.#write(target, value);
        return value;
      }
      case '(': {
        this.#take(operator);
        const value = this.#comma();
        if (this.#operator() !== ')') this.#fail("missing `)'", this.#at);
        this.#take(')');
        return value;
      }
      default:
        return this.#primary();
    }
  }

  #primary(): bigint {
    const target = this.#target();
    if (target !== undefined) {
      const operator = this.#operator();
      const value = this.#read(target);
      if (operator === '++' || operator === '--') {
        this.#take(operator);
        this.#write(target, wrap(value + (operator === '++' ? 1n : -1n)));
      }
      return value;
    }
    const number = /^[0-9][0-9a-zA-Z@_#]*/.exec(this.#text.slice(this.#at, this.#at + 100))?.[0];
    if (number === undefined) this.#fail('syntax error: operand expected', this.#at < this.#text.length ? this.#at : this.#lastToken);
    this.#lastToken = this.#at;
    this.#at += number.length;
    return this.#number(number);
  }

  #number(text: string): bigint {
    const based = /^(\d{1,2})#([0-9a-zA-Z@_]+)$/.exec(text);
    if (based !== null) {
      const base = Number(based[1]);
      if (base < 2 || base > 64) this.#fail('invalid arithmetic base', this.#lastToken);
      let value = 0n;
      for (const c of based[2] ?? '') {
        const lower = '0123456789abcdefghijklmnopqrstuvwxyz'.indexOf(c);
        const digit = lower >= 0 ? lower : '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_'.indexOf(base <= 36 ? c.toLowerCase() : c);
        if (digit < 0 || digit >= base) this.#fail('value too great for base', this.#lastToken);
        value = wrap(value * BigInt(base) + BigInt(digit));
      }
      return value;
    }
    if (/^0[xX][0-9a-fA-F]+$/.test(text)) return wrap(BigInt(text));
    if (/^0[0-7]+$/.test(text)) return wrap(BigInt(`0o${text.slice(1)}`));
    if (/^0[0-9]+$/.test(text)) this.#fail('value too great for base', this.#lastToken);
    if (/^\d+$/.test(text)) return wrap(BigInt(text));
    return this.#fail(/^\d+[a-zA-Z]/.test(text) ? 'value too great for base' : 'invalid number', this.#lastToken);
  }

  /** A name, perhaps with a subscript; undefined (and nothing taken) when none stands here. */
  #target(): Target | undefined {
    this.#blanks();
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(this.#text.slice(this.#at, this.#at + 200))?.[0];
    if (name === undefined) return undefined;
    this.#lastToken = this.#at;
    this.#at += name.length;
    if (this.#text[this.#at] !== '[') return { name, subscript: undefined };
    let end = this.#at + 1;
    for (let depth = 1; end < this.#text.length; end += 1) {
      if (this.#text[end] === '[') depth += 1;
      else if (this.#text[end] === ']') depth -= 1;
      if (depth === 0) break;
    }
    const inner = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return { name, subscript: this.#variables.isAssociative(name) ? inner : String(evaluateArithmetic(inner, this.#variables, this.#depth + 1)) };
  }

  #read(target: Target): bigint {
    if (this.#idle > 0) return 0n;
    const text = this.#variables.get(target.name, target.subscript) ?? '';
    return /^[0-9]+$/.test(text) && !/^0\d/.test(text) ? wrap(BigInt(text)) : evaluateArithmetic(text, this.#variables, this.#depth + 1);
  }

  #write(target: Target, value: bigint): void {
    if (this.#idle === 0) this.#variables.set(target.name, target.subscript, String(value));
  }

  #apply(operator: string, left: bigint, right: bigint): bigint {
    switch (operator) {
      case '+':
        return wrap(left + right);
      case '-':
        return wrap(left - right);
      case '*':
        return wrap(left * right);
      case '/':
      case '%':
        if (right === 0n) {
          if (this.#idle > 0) return 0n;
          this.#fail('division by 0', this.#lastToken);
        }
        return wrap(operator === '/' ? left / right : left % right);
      case '<<':
        return wrap(left << (right & 63n));
      case '>>':
        return left >> (right & 63n);
      case '<':
        return left < right ? 1n : 0n;
      case '>':
        return left > right ? 1n : 0n;
      case '<=':
        return left <= right ? 1n : 0n;
      case '>=':
        return left >= right ? 1n : 0n;
      case '==':
        return left === right ? 1n : 0n;
      case '!=':
        return left !== right ? 1n : 0n;
      case '&':
        return left & right;
      case '^':
        return left ^ right;
      default:
        return left | right;
    }
  }
}
