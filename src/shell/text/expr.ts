/** expr: integer arithmetic, comparisons, `:` and string functions (POSIX XCU expr). */
import { defineCommand } from '../command.ts';
import { compileRegex } from './regex.ts';

class ExprError extends Error {}

const levels: readonly (readonly string[])[] = [['|'], ['&'], ['=', '==', '!=', '<', '<=', '>', '>='], ['+', '-'], ['*', '/', '%'], [':']];
const INTEGER = /^-?\d+$/;
/** Words an expression may have. */
const MAX_WORDS = 1000;

class Evaluation {
  readonly #words: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  whole(): string {
    const value = this.#level(0);
    const rest = this.#words[this.#at];
    if (rest !== undefined) throw new ExprError(`syntax error: unexpected argument \u2018${rest}\u2019`);
    return value;
  }

  #level(level: number): string {
    const operators = levels[level];
    if (operators === undefined) return this.#primary();
    let left = this.#level(level + 1);
    for (;;) {
      const operator = this.#words[this.#at];
      if (operator === undefined || !operators.includes(operator)) return left;
      this.#at += 1;
      left = apply(operator, left, this.#level(level + 1));
    }
  }

  #word(): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw new ExprError(`syntax error: missing argument after \u2018${this.#words[this.#at - 1] ?? ''}\u2019`);
    this.#at += 1;
    return word;
  }

  #primary(): string {
    const word = this.#word();
    switch (word) {
      case '(': {
        this.#depth += 1;
        if (this.#depth > 100) throw new ExprError('syntax error');
        const value = this.#level(0);
        if (this.#words[this.#at] !== ')') throw new ExprError(`syntax error: expecting ')' after \u2018${this.#words[this.#at - 1]}\u2019`);
        this.#at += 1;
        this.#depth -= 1;
        return value;
      }
      case '+':
        return this.#word();
      case 'length':
        return this.#words[this.#at] === undefined ? word : String([...this.#primary()].length);
      case 'match':
        return match(this.#primary(), this.#primary());
      case 'index': {
        const [text, wanted] = [this.#primary(), this.#primary()];
        return String([...text].findIndex((c) => wanted.includes(c)) + 1);
      }
      case 'substr': {
        const [text, from, length] = [this.#primary(), this.#primary(), this.#primary()];
        if (!INTEGER.test(from) || !INTEGER.test(length) || Number(from) < 1 || Number(length) < 1) return '';
        return text.slice(Number(from) - 1, Number(from) - 1 + Number(length));
      }
      default:
        return word;
    }
  }
}

function match(text: string, pattern: string): string {
  const regex = compileRegex(`^\\(${pattern}\\)`, { syntax: 'basic', ignoreCase: false });
  if ('error' in regex) throw new ExprError(regex.error);
  const found = regex.find(text, 0);
  const grouped = pattern.includes('\\(');
  if (found === undefined) return grouped ? '' : '0';
  return grouped ? (found.groups[1] ?? '') : String(found.end);
}

function isNull(value: string): boolean {
  return value === '' || /^-?0+$/.test(value);
}

function apply(operator: string, left: string, right: string): string {
  switch (operator) {
    case '|':
      return isNull(left) ? (isNull(right) ? '0' : right) : left;
    case '&':
      return isNull(left) || isNull(right) ? '0' : left;
    case ':':
      return match(left, right);
  }
  const numeric = INTEGER.test(left) && INTEGER.test(right);
  if (['=', '==', '!=', '<', '<=', '>', '>='].includes(operator)) {
    const order = numeric ? (BigInt(left) < BigInt(right) ? -1 : BigInt(left) > BigInt(right) ? 1 : 0) : left < right ? -1 : left > right ? 1 : 0;
    const holds = { '=': order === 0, '==': order === 0, '!=': order !== 0, '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[operator];
    return holds === true ? '1' : '0';
  }
  if (!numeric) throw new ExprError('non-integer argument');
  const [a, b] = [BigInt(left), BigInt(right)];
  if ((operator === '/' || operator === '%') && b === 0n) throw new ExprError('division by zero');
  return String(operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : operator === '/' ? a / b : a % b);
}

export const expr = defineCommand({
  name: 'expr',
  summary: 'integer arithmetic and strings: expr 1 + 2',
  group: 'text',
  run: ({ argv, out, err }) => {
    try {
      if (argv.length === 0 || argv.length > MAX_WORDS) throw new ExprError("missing operand\nTry 'expr --help' for more information.");
      const value = new Evaluation(argv).whole();
      out(`${value}\n`);
      return isNull(value) ? 1 : 0;
    } catch (error) {
      if (!(error instanceof ExprError)) throw error;
      err(`expr: ${error.message}\n`);
      return 2;
    }
  },
});
