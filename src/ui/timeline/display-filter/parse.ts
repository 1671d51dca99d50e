/** Wireshark's display filter language: text in, a predicate over hops or an error with its place out. Wireshark: epan/dfilter, doc/wireshark-filter.adoc. */
import type { HopView } from '../../../world/views.ts';
import { type Field, type FieldType, fields, type HopContext, protocols } from './fields.ts';
import { equalTo, less, type Operand, readOperand } from './operand.ts';

export type HopPredicate = (hop: HopView, context: HopContext) => boolean;
/** `at` and `length` in UTF-16 code units of the text. */
export interface FilterError {
  readonly message: string;
  readonly at: number;
  readonly length: number;
}
export type ParsedFilter = { readonly ok: true; readonly accepts: HopPredicate } | { readonly ok: false; readonly error: FilterError };

interface Token {
  readonly text: string;
  readonly at: number;
  readonly quoted: boolean;
}

const MAX_TOKENS = 400;
const MAX_DEPTH = 50;
const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|&&|\|\||\^\^|[!=]==|==|!=|>=|<=|[()!<>{},~]|[^\s()!=<>{}&|^,"]+/gy;
const COMPARISONS: Readonly<Record<string, string>> = {
  '==': '==',
  eq: '==',
  any_eq: '==',
  '===': '===',
  all_eq: '===',
  '!=': '!=',
  ne: '!=',
  all_ne: '!=',
  '!==': '!==',
  any_ne: '!==',
  '>': '>',
  gt: '>',
  '<': '<',
  lt: '<',
  '>=': '>=',
  ge: '>=',
  '<=': '<=',
  le: '<=',
  contains: 'contains',
  matches: 'matches',
  '~': 'matches',
  in: 'in',
};
const JOINS: Readonly<Record<string, 'and' | 'or' | 'xor'>> = { '&&': 'and', and: 'and', '||': 'or', or: 'or', '^^': 'xor', xor: 'xor' };

class FilterFailure extends Error {
  readonly error: FilterError;
  constructor(message: string, at: number, length: number) {
    super(message);
    this.error = { message, at, length };
  }
}

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new FilterFailure(text[at] === '"' ? 'A string is not closed by a quotation mark.' : `"${text[at]}" was unexpected.`, at, 1);
    const word = match[0];
    if (word.trim() === '') continue;
    const quoted = word.startsWith('"');
    tokens.push({ text: quoted ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word, at, quoted });
    if (tokens.length > MAX_TOKENS) throw new FilterFailure(`A filter may have ${MAX_TOKENS} words.`, at, 1);
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #next = 0;

  constructor(text: string) {
    this.#tokens = scan(text);
    this.#end = text.length;
  }

  whole(): HopPredicate {
    const accepts = this.#join(0);
    const rest = this.#tokens[this.#next];
    if (rest !== undefined) throw this.#failure(`"${rest.text}" was unexpected here.`, rest);
    return accepts;
  }

  #failure(message: string, token: Token | undefined): FilterFailure {
    return token === undefined ? new FilterFailure(message, this.#end, 0) : new FilterFailure(message, token.at, token.text.length + (token.quoted ? 2 : 0));
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  /** `and` binds closest, then `xor`, then `or`. Wireshark: epan/dfilter/grammar.lemon. */
  #join(depth: number): HopPredicate {
    return this.#level('or', () => this.#level('xor', () => this.#level('and', () => this.#test(depth))));
  }

  #level(which: 'and' | 'or' | 'xor', part: () => HopPredicate): HopPredicate {
    let left = part();
    for (let token = this.#peek(); token !== undefined && !token.quoted && JOINS[token.text.toLowerCase()] === which; token = this.#peek()) {
      this.#next += 1;
      const one = left;
      const other = part();
      left =
        which === 'and'
          ? (hop, context) => one(hop, context) && other(hop, context)
          : which === 'or'
            ? (hop, context) => one(hop, context) || other(hop, context)
            : (hop, context) => one(hop, context) !== other(hop, context);
    }
    return left;
  }

  #test(depth: number): HopPredicate {
    const token = this.#peek();
    if (token === undefined) throw this.#failure('The filter ends too early.', token);
    if (depth > MAX_DEPTH) throw this.#failure(`Parentheses may be ${MAX_DEPTH} deep.`, token);
    if (!token.quoted && (token.text === '!' || token.text.toLowerCase() === 'not')) {
      this.#next += 1;
      const inner = this.#test(depth + 1);
      return (hop, context) => !inner(hop, context);
    }
    if (!token.quoted && token.text === '(') {
      this.#next += 1;
      const inner = this.#join(depth + 1);
      const close = this.#peek();
      if (close?.text !== ')' || close.quoted) throw this.#failure('A closing parenthesis is missing.', close);
      this.#next += 1;
      return inner;
    }
    return this.#relation(token);
  }

  #relation(token: Token): HopPredicate {
    this.#next += 1;
    const name = token.text.toLowerCase();
    const field = token.quoted ? undefined : fields.get(name);
    const layer = token.quoted ? undefined : protocols.get(name);
    const operator = this.#peek();
    const comparison =
      operator === undefined || operator.quoted || !Object.hasOwn(COMPARISONS, operator.text.toLowerCase())
        ? undefined
        : COMPARISONS[operator.text.toLowerCase()];
    if (field === undefined) {
      if (layer === undefined) throw this.#failure(`"${token.text}" is neither a field nor a protocol.`, token);
      if (comparison !== undefined) throw this.#failure(`"${token.text}" is a protocol: it has no value to compare.`, operator);
      return layer;
    }
    if (comparison === undefined || operator === undefined) return (hop, context) => field.values(hop, context).length > 0;
    this.#next += 1;
    if (comparison === 'matches') throw this.#failure('"matches" is not supported; "contains" looks for a piece of text.', operator);
    if (comparison === 'in') return this.#in(field);
    return this.#compare(name, field, comparison, operator);
  }

  #operand(type: FieldType, name: string): Operand {
    const token = this.#peek();
    if (token === undefined) throw this.#failure(`"${name}" is compared with nothing.`, token);
    const operand = readOperand(type, token.text, token.quoted);
    if (typeof operand === 'string') throw this.#failure(operand, token);
    this.#next += 1;
    return operand;
  }

  #compare(name: string, field: Field, comparison: string, operator: Token): HopPredicate {
    if (comparison === 'contains') {
      if (field.type === 'number' || field.type === 'flag') throw this.#failure(`"${name}" is a number: "contains" needs text.`, operator);
      const token = this.#peek();
      if (token === undefined) throw this.#failure(`"${name}" is compared with nothing.`, token);
      this.#next += 1;
      return (hop, context) => field.values(hop, context).some((value) => String(value).includes(token.text));
    }
    const operand = this.#operand(field.type, name);
    const equal = (value: string | number) => equalTo(operand, value);
    switch (comparison) {
      case '==':
        return (hop, context) => field.values(hop, context).some(equal);
      case '!==':
        return (hop, context) => field.values(hop, context).some((value) => !equal(value));
      case '===':
      case '!=': {
        const wanted = comparison === '===';
        return (hop, context) => {
          const values = field.values(hop, context);
          return values.length > 0 && values.every((value) => equal(value) === wanted);
        };
      }
    }
    if (field.type === 'text' || field.type === 'mac') throw this.#failure(`"${name}" has no order: use ==, != or contains.`, operator);
    const under = comparison.startsWith('<');
    const orEqual = comparison.endsWith('=');
    return (hop, context) =>
      field.values(hop, context).some((value) => (orEqual && equal(value)) || (under ? less(operand, value) === 'value' : less(operand, value) === 'operand'));
  }

  /** `tcp.port in {80, 443, 8000..8080}`; commas may be left out. */
  #in(field: Field): HopPredicate {
    const open = this.#peek();
    if (open?.text !== '{') throw this.#failure('"in" needs a set: {80, 443, 8000..8080}.', open);
    this.#next += 1;
    const parts: ((value: string | number) => boolean)[] = [];
    for (let token = this.#peek(); token?.text !== '}'; token = this.#peek()) {
      if (token === undefined) throw this.#failure('The set is not closed by }.', token);
      this.#next += 1;
      if (token.text === ',' && !token.quoted) continue;
      const range = token.quoted ? -1 : token.text.indexOf('..');
      const texts = range < 0 ? [token.text] : [token.text.slice(0, range), token.text.slice(range + 2)];
      const operands = texts.map((text) => readOperand(field.type, text, token.quoted));
      const bad = operands.find((one) => typeof one === 'string');
      if (bad !== undefined) throw this.#failure(bad as string, token);
      const [low, high] = operands as Operand[];
      if (low === undefined) continue;
      parts.push(
        high === undefined
          ? (value) => equalTo(low, value)
          : (value) => (equalTo(low, value) || less(low, value) === 'operand') && (equalTo(high, value) || less(high, value) === 'value'),
      );
    }
    this.#next += 1;
    return (hop, context) => field.values(hop, context).some((value) => parts.some((part) => part(value)));
  }
}

export function parseDisplayFilter(text: string): ParsedFilter {
  try {
    return { ok: true, accepts: new Parser(text).whole() };
  } catch (failure) {
    if (failure instanceof FilterFailure) return { ok: false, error: failure.error };
    throw failure;
  }
}

const OPERATOR = /[=<>(){}!&|^]|(?:^|\s)(?:and|or|not|xor|eq|ne|gt|lt|ge|le|contains|matches|in)\s/i;
/** Whether somebody means the language, not words to look for: it has an operator, begins with a field, or is a protocol's name alone. */
export function looksLikeDisplayFilter(text: string): boolean {
  const lower = text.trim().toLowerCase();
  return OPERATOR.test(text) || protocols.has(lower) || fields.has(lower.split(/\s/, 1)[0] ?? '');
}
