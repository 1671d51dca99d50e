/** Calico's selector language: `app == 'web' && tier in {'a', 'b'}`. Calico: libcalico-go/lib/selector */
import { pairText } from '../../policy/pair-index.ts';

export type Selector =
  | { readonly op: 'all' | 'global' }
  | { readonly op: 'has'; readonly label: string }
  | { readonly op: '==' | '!=' | 'contains' | 'starts with' | 'ends with'; readonly label: string; readonly value: string }
  /** Values sorted, each once. */
  | { readonly op: 'in' | 'not in'; readonly label: string; readonly values: readonly string[] }
  | { readonly op: 'not'; readonly of: Selector }
  | { readonly op: '&&' | '||'; readonly parts: readonly Selector[] };

/** Pairs without which the selector cannot hold. */
export function requiredPairs(selector: Selector): readonly string[] {
  if (selector.op === '==') return [pairText(selector.label, selector.value)];
  if (selector.op === 'in') return selector.values.length === 1 ? [pairText(selector.label, selector.values[0] ?? '')] : [];
  return selector.op === '&&' ? selector.parts.flatMap(requiredPairs) : [];
}

type TokenKind = '(' | ')' | '{' | '}' | ',' | '==' | '!=' | '!' | '&&' | '||' | 'text' | 'label' | 'word' | 'has' | 'all' | 'global' | 'end';
interface Token {
  readonly kind: TokenKind;
  readonly value: string;
}

/** Longer selectors and deeper brackets are refused; Calico's own bound is that of a label. */
const MAX_LENGTH = 8192;
const MAX_DEPTH = 60;

class Refused extends Error {}
const refuse = (words: string): never => {
  throw new Refused(words);
};

const SIGNS = ['(', ')', '{', '}', ',', '==', '!=', '!', '&&', '||'] as const;
const LABEL = /[a-zA-Z0-9_./-]+/y;
/** After a label only an operator may stand. */
const OPERATOR = /contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in/y;
const CALL = /(has|all|global)\([ \t]*/y;

function tokenize(input: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(input);
    if (match !== null) at += match[0].length;
    return match;
  };
  for (;;) {
    while (input[at] === ' ' || input[at] === '\t') at += 1;
    const character = input[at];
    if (character === undefined) break;
    if (character === '"' || character === "'") {
      const end = input.indexOf(character, at + 1);
      if (end < 0) refuse('unterminated string');
      tokens.push({ kind: 'text', value: input.slice(at + 1, end) });
      at = end + 1;
      continue;
    }
    const sign = SIGNS.find((one) => input.startsWith(one, at));
    if (sign !== undefined) {
      tokens.push({ kind: sign, value: sign });
      at += sign.length;
      continue;
    }
    if ('=&|'.includes(character)) refuse(`expected ${character}${character}`);
    const last = tokens.at(-1);
    if (last?.kind === 'label') {
      const word = take(OPERATOR);
      if (word === null) return refuse(`unexpected characters after label '${last.value}', was expecting an operator`);
      tokens.push({ kind: 'word', value: word[0].replace(/^(starts|ends)[ \t]*with$/, '$1 with').replace(/^not[ \t]*in$/, 'not in') });
      continue;
    }
    const call = take(CALL);
    if (call !== null) {
      const kind = call[1] as 'has' | 'all' | 'global';
      const label = kind === 'has' ? take(LABEL)?.[0] : '';
      if (label === undefined) return refuse('no label name in has( expression');
      if (take(/[ \t]*\)/y) === null) refuse(`no closing ')' after ${kind}(`);
      tokens.push({ kind, value: label });
      continue;
    }
    const label = take(LABEL);
    if (label === null) return refuse('unexpected characters');
    tokens.push({ kind: 'label', value: label[0] });
  }
  tokens.push({ kind: 'end', value: '' });
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  get #kind(): TokenKind {
    return this.#tokens[this.#at]?.kind ?? 'end';
  }

  /** Takes a sign that is there. */
  #isNext(kind: TokenKind): boolean {
    const isNext = this.#kind === kind;
    if (isNext) this.#at += 1;
    return isNext;
  }

  #next(): Token {
    const token = this.#tokens[this.#at] ?? { kind: 'end', value: '' };
    this.#at += 1;
    return token;
  }

  whole(): Selector {
    if (this.#kind === 'end') return { op: 'all' };
    const selector = this.#chain('||', 0);
    if (this.#next().kind !== 'end') refuse('unexpected content at end of selector');
    return selector;
  }

  /** `||` binds less than `&&`. */
  #chain(op: '||' | '&&', depth: number): Selector {
    if (depth > MAX_DEPTH) refuse('too many brackets');
    const part = (): Selector => (op === '||' ? this.#chain('&&', depth) : this.#operation(depth));
    const parts = [part()];
    while (this.#kind === op) {
      this.#at += 1;
      parts.push(part());
    }
    return parts.length === 1 ? (parts[0] as Selector) : { op, parts };
  }

  #operation(depth: number): Selector {
    let negated = false;
    while (this.#kind === '!') {
      negated = !negated;
      this.#at += 1;
    }
    const of = this.#plain(depth);
    return negated ? { op: 'not', of } : of;
  }

  #plain(depth: number): Selector {
    const token = this.#next();
    switch (token.kind) {
      case 'all':
      case 'global':
        return { op: token.kind };
      case 'has':
        return { op: 'has', label: token.value };
      case '(': {
        const inner = this.#chain('||', depth + 1);
        if (this.#next().kind !== ')') refuse('expected )');
        return inner;
      }
      case 'label':
        return this.#comparison(token.value);
      default:
        return refuse(`unexpected token: ${token.kind === 'end' ? 'end of selector' : token.value}`);
    }
  }

  #comparison(label: string): Selector {
    const operator = this.#next();
    if (operator.kind === '==' || operator.kind === '!=' || (operator.kind === 'word' && !operator.value.endsWith('in'))) {
      const value = this.#next();
      if (value.kind !== 'text') refuse('expected string');
      return { op: operator.value as '==', label, value: value.value };
    }
    if (operator.kind !== 'word') return refuse(`expected == or != not: ${operator.kind === 'end' ? 'end of selector' : operator.value}`);
    if (this.#next().kind !== '{') refuse('expected set literal');
    const values = new Set<string>();
    for (let more = true; more && this.#kind === 'text'; ) {
      values.add(this.#next().value);
      more = this.#isNext(',');
    }
    if (this.#next().kind !== '}') refuse('expected }');
    return { op: operator.value as 'in', label, values: [...values].sort((a, b) => (a < b ? -1 : 1)) };
  }
}

const parsed = new Map<string, Selector | string>();
const MAX_PARSED = 4000;

/** A text means what is wrong with it. */
export function parseSelector(text: string): Selector | string {
  let result = parsed.get(text);
  if (result === undefined) {
    try {
      result = text.length > MAX_LENGTH ? 'selector is too long' : new Parser(text).whole();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      result = error.message;
    }
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(text, result);
  }
  return result;
}

export function selectorError(text: string): string | undefined {
  const result = parseSelector(text);
  return typeof result === 'string' ? result : undefined;
}

const NOTHING: Selector = { op: 'not', of: { op: 'all' } };
/** What cannot be read selects nothing. */
export function selectorOf(text: string): Selector {
  const result = parseSelector(text);
  return typeof result === 'string' ? NOTHING : result;
}

/** Looks a label up; undefined where there is none. */
export type LabelsOf = (label: string) => string | undefined;

export function matches(selector: Selector, labels: LabelsOf): boolean {
  switch (selector.op) {
    case 'all':
    case 'global':
      return true;
    case 'not':
      return !matches(selector.of, labels);
    case '&&':
      return selector.parts.every((part) => matches(part, labels));
    case '||':
      return selector.parts.some((part) => matches(part, labels));
    default:
      return comparisonHolds(selector, labels(selector.label));
  }
}

function comparisonHolds(selector: Extract<Selector, { readonly label: string }>, value: string | undefined): boolean {
  if (selector.op === '!=') return value !== selector.value;
  if (selector.op === 'not in') return value === undefined || !selector.values.includes(value);
  if (value === undefined) return false;
  switch (selector.op) {
    case 'has':
      return true;
    case '==':
      return value === selector.value;
    case 'contains':
      return value.includes(selector.value);
    case 'starts with':
      return value.startsWith(selector.value);
    case 'ends with':
      return value.endsWith(selector.value);
    case 'in':
      return selector.values.includes(value);
  }
}

const quoted = (value: string): string => (value.includes('"') ? `'${value}'` : `"${value}"`);

/** The one form that names of sets are made of. */
export function formatSelector(selector: Selector): string {
  switch (selector.op) {
    case 'all':
    case 'global':
      return `${selector.op}()`;
    case 'has':
      return `has(${selector.label})`;
    case 'not':
      return `!${formatSelector(selector.of)}`;
    case '&&':
    case '||':
      return `(${selector.parts.map(formatSelector).join(` ${selector.op} `)})`;
    case 'in':
    case 'not in':
      return `${selector.label} ${selector.op} {${selector.values.map(quoted).join(', ')}}`;
    default:
      return `${selector.label} ${selector.op} ${quoted(selector.value)}`;
  }
}

/** The same about labels whose names begin with `prefix`. */
export function withPrefix(selector: Selector, prefix: string): Selector {
  if ('label' in selector) return { ...selector, label: `${prefix}${selector.label}` };
  if ('of' in selector) return { ...selector, of: withPrefix(selector.of, prefix) };
  return 'parts' in selector ? { ...selector, parts: selector.parts.map((part) => withPrefix(part, prefix)) } : selector;
}
