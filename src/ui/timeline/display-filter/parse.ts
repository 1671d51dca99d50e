/** Wireshark's display filter language: text in, a predicate over hops or an error with its place out. Wireshark: epan/dfilter, doc/wireshark-filter.adoc. */
import { compileGoRegexp, matchGoRegexp } from '../../../base/go-regexp.ts';
import type { HopView } from '../../../world/views.ts';
import { type FieldType, fields, type HopContext, meant, protocols } from './fields.ts';
import { equalTo, less, type Operand, operandOf, readOperand } from './operand.ts';
import { type FilterError, FilterFailure, scan, type Token } from './scan.ts';
import { functions, readTerm, type Term, TokenReader, type ValueTerm } from './term.ts';

export type { FilterError } from './scan.ts';
export type HopPredicate = (hop: HopView, context: HopContext) => boolean;
export type ParsedFilter = { readonly ok: true; readonly accepts: HopPredicate } | { readonly ok: false; readonly error: FilterError };

const MAX_DEPTH = 50;
/** What is said by each sign, and whether one value is enough or all must fit. Of != all must, since version 4. */
const COMPARISONS: Readonly<Record<string, readonly [sign: '==' | '!=' | '<' | '<=' | '>' | '>=' | 'contains' | 'matches' | 'in', which: 'any' | 'all']>> = {
  '==': ['==', 'any'],
  eq: ['==', 'any'],
  any_eq: ['==', 'any'],
  '===': ['==', 'all'],
  all_eq: ['==', 'all'],
  '!=': ['!=', 'all'],
  ne: ['!=', 'all'],
  all_ne: ['!=', 'all'],
  '!==': ['!=', 'any'],
  any_ne: ['!=', 'any'],
  '>': ['>', 'any'],
  gt: ['>', 'any'],
  '<': ['<', 'any'],
  lt: ['<', 'any'],
  '>=': ['>=', 'any'],
  ge: ['>=', 'any'],
  '<=': ['<=', 'any'],
  le: ['<=', 'any'],
  contains: ['contains', 'any'],
  matches: ['matches', 'any'],
  '~': ['matches', 'any'],
  in: ['in', 'any'],
};
const FLIPPED: Readonly<Record<string, '<' | '<=' | '>' | '>='>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const JOINS: Readonly<Record<string, 'and' | 'or' | 'xor'>> = { '&&': 'and', and: 'and', '||': 'or', or: 'or', '^^': 'xor', xor: 'xor' };
type Sign = (typeof COMPARISONS)[string][0];
type Test = (value: string | number, context: HopContext) => boolean;

/** Says what was most likely meant, too. */
function neither(word: string): string {
  const near = meant(word);
  return `"${word}" is neither a field nor a protocol.${near === undefined ? '' : ` Did you mean ${near}?`}`;
}

class Parser {
  readonly #reader: TokenReader;

  constructor(text: string) {
    this.#reader = new TokenReader(scan(text), text.length);
  }

  whole(): HopPredicate {
    const accepts = this.#join(0);
    const rest = this.#reader.peek();
    if (rest !== undefined) throw this.#reader.failure(`"${rest.text}" was unexpected here.`, rest);
    return accepts;
  }

  /** `and` binds closest, then `xor`, then `or`. Wireshark: epan/dfilter/grammar.lemon. */
  #join(depth: number): HopPredicate {
    return this.#level('or', () => this.#level('xor', () => this.#level('and', () => this.#test(depth))));
  }

  #level(which: 'and' | 'or' | 'xor', part: () => HopPredicate): HopPredicate {
    let left = part();
    for (let token = this.#reader.peek(); token !== undefined && !token.quoted && JOINS[token.text.toLowerCase()] === which; token = this.#reader.peek()) {
      this.#reader.take();
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
    const reader = this.#reader;
    const token = reader.peek();
    if (token === undefined) throw reader.failure('The filter ends too early.', token);
    if (depth > MAX_DEPTH) throw reader.failure(`Parentheses may be ${MAX_DEPTH} deep.`, token);
    if (reader.is('!') || reader.is('not')) {
      reader.take();
      const inner = this.#test(depth + 1);
      return (hop, context) => !inner(hop, context);
    }
    if (reader.is('(')) {
      reader.take();
      const inner = this.#join(depth + 1);
      reader.expect(')', 'A closing parenthesis is missing.');
      return inner;
    }
    const which = reader.is('any') || reader.is('all') ? (reader.take().text.toLowerCase() as 'any' | 'all') : undefined;
    return this.#relation(which);
  }

  /** One comparison, or a chain of them (`1024 <= tcp.port < 49152`), or a field or protocol alone: whether the packet has it. */
  #relation(which: 'any' | 'all' | undefined): HopPredicate {
    const reader = this.#reader;
    const start = reader.peek() as Token;
    let left = readTerm(reader);
    const parts: HopPredicate[] = [];
    for (let operator = this.#operator(); operator !== undefined; operator = this.#operator()) {
      const { token, sign, quantity, negated } = operator;
      const wanted = which ?? quantity;
      if (sign === 'in') parts.push(negate(this.#in(this.#values(left, start, token)), negated));
      else if (sign === 'contains' || sign === 'matches') parts.push(this.#search(this.#values(left, start, token), sign, wanted, token));
      else {
        if (reader.peek() === undefined)
          throw reader.failure(`"${left.kind === 'literal' ? left.token.text : left.name}" is compared with nothing.`, undefined);
        const right = readTerm(reader);
        parts.push(this.#compare(left, right, sign, wanted, token, start));
        left = right;
        continue;
      }
      break;
    }
    if (parts.length > 0) return (hop, context) => parts.every((part) => part(hop, context));
    if (left.kind === 'literal') throw reader.failure(neither(left.token.text), left.token);
    const { name, values, type } = left;
    if (which !== undefined) throw reader.failure(`"${which}" needs a comparison.`, start);
    if (type === 'protocol') return protocols.get(name) as HopPredicate;
    if (left.computed === true) return (hop, context) => values(hop, context).some((value) => value !== 0);
    return (hop, context) => values(hop, context).length > 0;
  }

  #operator(): { readonly token: Token; readonly sign: Sign; readonly quantity: 'any' | 'all'; readonly negated: boolean } | undefined {
    const reader = this.#reader;
    const negated = reader.is('not') && reader.is('in', 1);
    if (negated) reader.take();
    const token = reader.peek();
    const found =
      token === undefined || token.quoted || !Object.hasOwn(COMPARISONS, token.text.toLowerCase()) ? undefined : COMPARISONS[token.text.toLowerCase()];
    if (token === undefined || found === undefined) return undefined;
    reader.take();
    return { token, sign: found[0], quantity: found[1], negated };
  }

  #values(term: Term, start: Token, operator: Token): ValueTerm {
    if (term.kind === 'literal') throw this.#reader.failure(neither(term.token.text), start);
    if (term.type === 'protocol' && !/^(?:contains|matches|~)$/i.test(operator.text))
      throw this.#reader.failure(`"${term.name}" is a protocol: it has no value to compare.`, operator);
    return term;
  }

  #compare(left: Term, right: Term, sign: Sign, which: 'any' | 'all', operator: Token, start: Token): HopPredicate {
    if (left.kind === 'literal') {
      if (right.kind === 'literal') throw this.#reader.failure(neither(left.token.text), left.token);
      return this.#compare(right, left, FLIPPED[sign] ?? sign, which, operator, start);
    }
    const { name, type, values } = this.#values(left, start, operator);
    const ordered = sign !== '==' && sign !== '!=';
    if (ordered && (type === 'text' || type === 'mac' || type === 'bytes'))
      throw this.#reader.failure(`"${name}" has no order: use ==, != or contains.`, operator);
    const testOf = (operand: Operand) => testFor(sign, operand);
    if (right.kind === 'literal') {
      const operand = this.#literal(type, right.token);
      return quantified(values, which, testOf(operand));
    }
    const other = this.#values(right, start, operator);
    if (kindOf(other.type) !== kindOf(type)) throw this.#reader.failure(`"${name}" and "${other.name}" cannot be compared.`, operator);
    return (hop, context) => {
      const operands = other.values(hop, context).map((value) => testOf(operandOf(other.type, value)));
      if (operands.length === 0) return false;
      return quantified(values, which, (value) =>
        which === 'all' ? operands.every((test) => test(value, context)) : operands.some((test) => test(value, context)),
      )(hop, context);
    };
  }

  #literal(type: FieldType, token: Token): Operand {
    const operand = readOperand(type, token.text, token.quoted);
    if (typeof operand === 'string') throw this.#reader.failure(operand, token);
    return operand;
  }

  #search({ name, type, values }: ValueTerm, sign: 'contains' | 'matches', which: 'any' | 'all', operator: Token): HopPredicate {
    if (type === 'number' || type === 'flag') throw this.#reader.failure(`"${name}" is a number: "${operator.text}" needs text.`, operator);
    const token = this.#reader.take();
    if (sign === 'contains') return quantified(values, which, (value) => String(value).includes(token.text));
    // Case does not matter in "matches", as in Wireshark; its PCRE has more than Go's expressions, which cannot be made to run for ever.
    const compiled = compileGoRegexp(`(?i)${token.text}`);
    if (!compiled.ok) throw this.#reader.failure(`${compiled.error.replace('error parsing regexp: ', 'The expression has an error: ')}.`, token);
    const { regexp } = compiled;
    return quantified(values, which, (value) => matchGoRegexp(regexp, String(value)) !== undefined);
  }

  /** `tcp.port in {80, 443, 8000..8080}`; commas may be left out. */
  #in({ type, values }: ValueTerm): HopPredicate {
    const reader = this.#reader;
    reader.expect('{', '"in" needs a set: {80, 443, 8000..8080}.');
    const parts: Test[] = [];
    while (!reader.is('}')) {
      if (reader.peek() === undefined) throw reader.failure('The set is not closed by }.', undefined);
      const token = reader.take();
      if (token.text === ',' && !token.quoted) continue;
      const range = token.quoted ? -1 : token.text.indexOf('..');
      const part = (text: string) => this.#literal(type, { ...token, text });
      if (range < 0) parts.push(testFor('==', part(token.text)));
      else {
        const [low, high] = [testFor('>=', part(token.text.slice(0, range))), testFor('<=', part(token.text.slice(range + 2)))];
        parts.push((value, context) => low(value, context) && high(value, context));
      }
    }
    reader.take();
    return quantified(values, 'any', (value, context) => parts.some((part) => part(value, context)));
  }
}

const negate = (predicate: HopPredicate, negated: boolean): HopPredicate => (negated ? (hop, context) => !predicate(hop, context) : predicate);
const kindOf = (type: FieldType): FieldType => (type === 'flag' ? 'number' : type);

/** None at all fits nothing, also where all must fit. */
function quantified(values: ValueTerm['values'], which: 'any' | 'all', test: Test): HopPredicate {
  return (hop, context) => {
    const found = values(hop, context);
    return found.length > 0 && (which === 'all' ? found.every((value) => test(value, context)) : found.some((value) => test(value, context)));
  };
}

function testFor(sign: Sign, operand: Operand): Test {
  const under = (value: string | number) => less(operand, value) === 'value';
  const over = (value: string | number) => less(operand, value) === 'operand';
  switch (sign) {
    case '!=':
      return (value) => !equalTo(operand, value);
    case '<':
      return under;
    case '<=':
      return (value) => equalTo(operand, value) || under(value);
    case '>':
      return over;
    case '>=':
      return (value) => equalTo(operand, value) || over(value);
    default:
      return (value) => equalTo(operand, value);
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

const OPERATOR = /[=<>(){}!&|^[\]]|(?:^|\s)(?:and|or|not|xor|eq|ne|gt|lt|ge|le|contains|matches|in)\s/i;
/** Whether somebody means the language, not words to look for: it has an operator, begins with a field, or is a protocol's name alone. */
export function looksLikeDisplayFilter(text: string): boolean {
  const lower = text.trim().toLowerCase();
  return OPERATOR.test(text) || protocols.has(lower) || functions.has(lower) || fields.has(lower.split(/\s/, 1)[0] ?? '');
}
