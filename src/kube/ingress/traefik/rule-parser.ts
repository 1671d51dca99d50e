/** Reads a rule of Traefik's: matchers with texts in backquotes or quotes, joined by &&, || and !. Traefik: pkg/rules/parser.go, pkg/muxer/http/matcher.go. */
import { compileGoRegexp } from '../../../base/go-regexp.ts';
import { isClientRange, type Rule, type RuleTest } from '../../../net/app/proxy/rule.ts';

const TESTS: readonly RuleTest[] = [
  'Host',
  'HostRegexp',
  'Path',
  'PathPrefix',
  'PathRegexp',
  'Method',
  'Header',
  'HeaderRegexp',
  'Query',
  'QueryRegexp',
  'ClientIP',
];
const byName = new Map(TESTS.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()].map((one) => [one, name] as const)));
const MAX_DEPTH = 50;
const MAX_RULE_CHARACTERS = 20_000;

export type ParsedRule = { readonly ok: true; readonly rule: Rule } | { readonly ok: false; readonly error: string };

class RuleError extends Error {}

/** Arguments of a matcher that is known by name. */
function test(name: string, args: readonly string[]): Rule {
  const kind = byName.get(name);
  if (kind === undefined) throw new RuleError(`unsupported function: ${name}`);
  const two = kind.startsWith('Header');
  const most = two || kind.startsWith('Query') ? 2 : 1;
  const least = two ? 2 : 1;
  if (args.length < least || args.length > most) {
    const expected = least === most ? `[${least}]` : `[${least} ${most}]`;
    throw new RuleError(`unexpected number of parameters; got ${args.length}, expected one of ${expected}`);
  }
  const [first = '', second] = args;
  if (kind === 'Host' || kind === 'HostRegexp') {
    for (let i = 0; i < first.length; i += 1)
      if (first.charCodeAt(i) > 127) throw new RuleError(`invalid value "${first}" for ${kind} matcher, non-ASCII characters are not allowed`);
  }
  if ((kind === 'Path' || kind === 'PathPrefix') && !first.startsWith('/')) throw new RuleError(`path "${first}" does not start with a '/'`);
  if (kind === 'ClientIP' && !isClientRange(first))
    throw new RuleError(`initializing IP checker for ClientIP matcher: parsing CIDR trusted IPs <nil>: invalid CIDR address: ${first}`);
  // A parameter alone is compared with nothing.
  if (kind === 'QueryRegexp' && second === undefined) return { kind: 'Query', name: first, value: '' };
  const value = most === 2 ? (second ?? '') : first;
  if (kind.endsWith('Regexp')) {
    const compiled = compileGoRegexp(value);
    if (!compiled.ok) throw new RuleError(`compiling ${kind === 'PathRegexp' ? 'PathPrefix' : kind} matcher: ${compiled.error}`);
  }
  return most === 2 ? { kind, name: first, value } : { kind, value };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): Rule {
    const rule = this.#or(0);
    this.#space();
    if (this.#at < this.#text.length) throw new RuleError(`${this.#place()}: expected operand, found '${this.#text[this.#at]}'`);
    return rule;
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #takes(word: string): boolean {
    this.#space();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #place(): string {
    return `1:${this.#at + 1}`;
  }

  #list(kind: 'and' | 'or', word: string, next: () => Rule): Rule {
    const rules = [next()];
    while (this.#takes(word)) rules.push(next());
    return rules.length === 1 ? (rules[0] as Rule) : { kind, rules };
  }

  #or(depth: number): Rule {
    if (depth > MAX_DEPTH) throw new RuleError('too many parentheses');
    return this.#list('or', '||', () => this.#and(depth));
  }

  #and(depth: number): Rule {
    return this.#list('and', '&&', () => this.#one(depth));
  }

  #one(depth: number): Rule {
    let negated = false;
    while (this.#takes('!')) negated = !negated;
    const rule = this.#takes('(') ? this.#closed(depth) : this.#matcher();
    return negated ? { kind: 'not', rule } : rule;
  }

  #closed(depth: number): Rule {
    const rule = this.#or(depth + 1);
    if (!this.#takes(')')) throw new RuleError(`${this.#place()}: expected ')', found ${this.#found()}`);
    return rule;
  }

  #found(): string {
    const next = this.#text[this.#at];
    return next === undefined ? "'EOF'" : `'${next}'`;
  }

  #matcher(): Rule {
    this.#space();
    const name = /^[A-Za-z]\w*/.exec(this.#text.slice(this.#at, this.#at + 100))?.[0];
    if (name === undefined) throw new RuleError(`${this.#place()}: expected operand, found ${this.#found()}`);
    this.#at += name.length;
    if (!this.#takes('(')) throw new RuleError(`${this.#place()}: expected '(', found ${this.#found()}`);
    const args: string[] = [];
    if (!this.#takes(')')) {
      do args.push(this.#string());
      while (this.#takes(','));
      if (!this.#takes(')')) throw new RuleError(`${this.#place()}: missing ',' in argument list`);
    }
    return test(name, args);
  }

  /** Go's two forms of strings. */
  #string(): string {
    this.#space();
    const quote = this.#text[this.#at];
    if (quote !== '`' && quote !== '"') throw new RuleError(`${this.#place()}: expected operand, found ${this.#found()}`);
    let text = '';
    for (let i = this.#at + 1; i < this.#text.length; i += 1) {
      const one = this.#text[i] ?? '';
      if (one === quote) {
        this.#at = i + 1;
        return text;
      }
      if (one === '\\' && quote === '"') {
        i += 1;
        text += this.#text[i] ?? '';
      } else text += one;
    }
    throw new RuleError(`${this.#place()}: ${quote === '`' ? 'raw string' : 'string'} literal not terminated`);
  }
}

export function parseRule(text: string): ParsedRule {
  const failed = (error: string): ParsedRule => ({ ok: false, error: `error while parsing rule ${text.slice(0, 200)}: ${error}` });
  if (text.trim() === '') return failed("1:1: expected operand, found 'EOF'");
  if (text.length > MAX_RULE_CHARACTERS) return failed('rule is too long');
  try {
    return { ok: true, rule: new Reader(text).all() };
  } catch (error) {
    if (error instanceof RuleError) return failed(error.message);
    throw error;
  }
}

/** HostSNI(`…`) of TCP routers, joined by ||. Traefik: pkg/muxer/tcp. */
export function parseHostSni(text: string): readonly string[] | undefined {
  const parts = text.split('||').map((one) => /^\s*HostSNI\(\s*(?:`([^`]*)`|"([^"]*)")\s*\)\s*$/.exec(one));
  return parts.every((one) => one !== null) ? parts.map((one) => (one?.[1] ?? one?.[2] ?? '').toLowerCase()) : undefined;
}
