/** nft's expressions, read from tokens into trees whose constants have no type yet. nft: src/parser_bison.y */
import type { BinaryOperator, Element, Expr, KeySpec, VerdictKind } from './ast.ts';
import { CT, META, own, payloadType, UNQUALIFIED_META } from './fields.ts';
import { NftError, type Span } from './scanner.ts';
import { TokenReader } from './token-reader.ts';

/** Elements that one text may give to a set. */
const MAX_ELEMENTS = 1_000_000;

const OPERATORS: readonly (readonly [BinaryOperator, readonly string[]])[][] = [
  [['|', ['|', 'or']]],
  [['^', ['^', 'xor']]],
  [['&', ['&', 'and']]],
  [
    ['<<', ['<<', 'lsh']],
    ['>>', ['>>', 'rsh']],
  ],
];

const VERDICTS: readonly VerdictKind[] = ['accept', 'drop', 'continue', 'return', 'jump', 'goto'];

export class ExprParser extends TokenReader {
  readonly variables = new Map<string, Expr>();

  /** What stands on the left: loads and calculations, joined by dots. */
  left(): Expr {
    return this.concat(() => this.binary(0, false));
  }

  /** What stands on the right of a comparison: constants, ranges, prefixes, lists, sets. */
  right(): Expr {
    if (this.is('{') || this.is('@')) return this.set();
    const start = this.peek().start;
    const first = this.flags();
    if (this.is('/') && first.k !== 'prefix') {
      this.next();
      const mask = this.flags();
      return { k: 'outof', value: first, mask, span: this.spanFrom(start) };
    }
    return first;
  }

  private flags(): Expr {
    const start = this.peek().start;
    const first = this.concat(() => this.part());
    if (!this.is(',')) return first;
    const items = [first];
    while (this.accept(',')) items.push(this.part());
    return { k: 'list', items, span: this.spanFrom(start) };
  }

  /** One constant, prefix or range. */
  part(): Expr {
    const start = this.peek().start;
    const base = this.binary(0, true);
    if (this.accept('-')) {
      const high = this.binary(0, true);
      return { k: 'range', low: base, high, span: this.spanFrom(start) };
    }
    if (this.is('/') && this.peek(1).kind === 'number') {
      this.next();
      return { k: 'prefix', base, length: this.number(), span: this.spanFrom(start) };
    }
    return base;
  }

  private concat(one: () => Expr): Expr {
    const start = this.peek().start;
    const first = one();
    if (!this.is('.')) return first;
    const parts = [first];
    while (this.accept('.')) {
      this.skipNewlines();
      parts.push(one());
    }
    return { k: 'concat', parts, span: this.spanFrom(start) };
  }

  private binary(level: number, constants: boolean): Expr {
    const table = OPERATORS[level];
    if (table === undefined) return this.primary(constants);
    const start = this.peek().start;
    let left = this.binary(level + 1, constants);
    for (;;) {
      const found = table.find(([, words]) => words.some((w) => this.is(w)));
      if (found === undefined) return left;
      this.next();
      const right = this.binary(level + 1, true);
      left = { k: 'binary', operator: found[0], left, right, span: this.spanFrom(start) };
    }
  }

  private primary(constants: boolean): Expr {
    const token = this.peek();
    if (token.text === '(' && token.kind === 'punct') {
      this.next();
      const inner = this.nest(() => this.concat(() => (constants ? this.part() : this.binary(0, false))));
      this.expect(')');
      return inner;
    }
    if (token.text === '$' && token.kind === 'punct') {
      this.next();
      const name = this.word();
      const value = this.variables.get(name.text);
      if (value === undefined) throw new NftError(`unknown identifier '${name.text}'`, { start: token.start, end: name.end });
      return value;
    }
    if (token.text === '*' && token.kind === 'punct') {
      this.next();
      return { k: 'wildcard', span: token };
    }
    if (token.text === '[' && token.kind === 'punct') {
      this.next();
      const inside = this.next();
      this.expect(']');
      return { k: 'symbol', text: inside.text, quoted: false, span: this.spanFrom(token.start) };
    }
    if (!constants && token.kind === 'string') {
      const load = this.load();
      if (load !== undefined) return load;
    }
    if (token.kind === 'string' || token.kind === 'quoted' || token.kind === 'number' || token.kind === 'address' || token.kind === 'time') {
      this.next();
      return { k: 'symbol', text: token.text, quoted: token.kind === 'quoted', span: token };
    }
    return this.unexpected();
  }

  /** An expression that loads something from the packet or the kernel; undefined when the next word begins none. */
  load(): Expr | undefined {
    const start = this.peek().start;
    const word = this.peek().text;
    const following = this.peek(1);
    const second = following.kind === 'string' ? following.text : '';
    if (word === 'tcp' && second === 'option') {
      this.next();
      this.next();
      const option = this.word().text;
      // Without a field it is asked whether the option is there.
      const field = this.is('exists') || this.is('missing') ? '' : this.word().text;
      return { k: 'tcpoption', option, field, span: this.spanFrom(start) };
    }
    if (payloadType(word, second) !== undefined) {
      this.next();
      this.next();
      return { k: 'payload', proto: word, field: second, span: this.spanFrom(start) };
    }
    if (word === 'meta') {
      if (own(META, second) === undefined) {
        this.next();
        if (second === '') this.unexpected();
        if (['time', 'day', 'hour', 'secpath', 'ibrname', 'obrname', 'ibrpvid', 'ibrvproto', 'sdif', 'sdifname', 'iifkind', 'oifkind'].includes(second))
          throw new NftError('Could not process rule: Operation not supported', { start, end: following.end });
        this.unexpected();
      }
      this.next();
      this.next();
      return { k: 'meta', key: second, span: this.spanFrom(start) };
    }
    if (UNQUALIFIED_META.has(word)) {
      this.next();
      return { k: 'meta', key: word, span: this.spanFrom(start) };
    }
    switch (word) {
      case 'ct':
        return this.conntrack();
      case 'fib':
        return this.fib();
      case 'numgen':
        return this.numgen();
      case 'jhash':
      case 'symhash':
        return this.hash();
      case 'rt': {
        this.next();
        const family = this.is('ip') || this.is('ip6') ? `${this.next().text} ` : '';
        return { k: 'rt', key: `${family}${this.word().text}`, span: this.spanFrom(start) };
      }
      default:
        if (payloadWords.has(word) && following.kind === 'string') {
          this.next();
          return this.unexpected();
        }
        return undefined;
    }
  }

  private conntrack(): Expr {
    const start = this.next().start;
    const direction = this.is('original') || this.is('reply') ? (this.next().text as 'original' | 'reply') : undefined;
    let key = this.word().text;
    if ((key === 'ip' || key === 'ip6') && (this.is('saddr') || this.is('daddr'))) key = `${key} ${this.next().text}`;
    const known = key === 'saddr' || key === 'daddr' || own(CT, key) !== undefined;
    if (!known) {
      if (key === 'helper' || key === 'label' || key === 'event') throw new NftError('Could not process rule: Operation not supported', this.spanFrom(start));
      this.at -= 1;
      this.unexpected();
    }
    return { k: 'ct', direction, key, span: this.spanFrom(start) };
  }

  private fib(): Expr {
    const start = this.next().start;
    const flags: string[] = [];
    do {
      const flag = this.word().text;
      if (!['saddr', 'daddr', 'mark', 'iif', 'oif'].includes(flag)) {
        this.at -= 1;
        this.unexpected('iif or oif or mark or saddr or daddr');
      }
      flags.push(flag);
    } while (this.accept('.'));
    const result = this.peek().text;
    if (result !== 'oif' && result !== 'oifname' && result !== 'type') return this.unexpected('oif or oifname or type');
    this.next();
    return { k: 'fib', flags, result, span: this.spanFrom(start) };
  }

  private numgen(): Expr {
    const start = this.next().start;
    const mode = this.peek().text;
    if (mode !== 'random' && mode !== 'inc') return this.unexpected('inc or random');
    this.next();
    this.expect('mod');
    const modulus = this.number();
    const offset = this.accept('offset') ? this.number() : 0;
    return { k: 'numgen', mode, modulus, offset, span: this.spanFrom(start) };
  }

  private hash(): Expr {
    const word = this.next();
    const key = word.text === 'jhash' ? this.left() : undefined;
    this.expect('mod');
    const modulus = this.number();
    const seed = this.accept('seed') ? this.number() : undefined;
    const offset = this.accept('offset') ? this.number() : 0;
    return { k: 'hash', key, modulus, seed, offset, span: this.spanFrom(word.start) };
  }

  /** `{ … }`, `@name` or `$variable`. */
  set(): Expr {
    const token = this.peek();
    if (token.text === '@') {
      this.next();
      const name = this.word();
      return { k: 'setref', name: name.text, span: { start: token.start, end: name.end } };
    }
    if (token.text === '$') return this.binary(4, true);
    const elements = this.elements();
    return { k: 'set', elements, span: this.spanFrom(token.start) };
  }

  elements(): Element[] {
    this.expect('{');
    const elements: Element[] = [];
    this.skipNewlines();
    while (!this.is('}')) {
      if (this.peek().kind === 'punct' && this.peek().text === '$') {
        const value = this.binary(4, true);
        if (value.k === 'set') elements.push(...value.elements);
        else elements.push(this.element(value));
      } else elements.push(this.element(undefined));
      if (elements.length > MAX_ELEMENTS) throw new NftError('too many elements', this.peek());
      this.skipNewlines();
      if (!this.accept(',')) break;
      this.skipNewlines();
    }
    this.expect('}');
    return elements;
  }

  private element(given: Expr | undefined): Element {
    const start = this.peek().start;
    const key = given ?? this.concat(() => this.part());
    const options = this.elementOptions();
    const data = this.accept(':') ? this.elementData() : undefined;
    const after = data === undefined ? options : { ...options, ...this.elementOptions(options) };
    return { key, data, ...after, span: given?.span ?? this.spanFrom(start) };
  }

  elementData(): Expr {
    this.skipNewlines();
    return this.verdict() ?? this.concat(() => this.part());
  }

  /** `timeout 1h expires 5m counter comment "x"`, in any order. */
  elementOptions(before?: Pick<Element, 'timeoutMs' | 'expiresMs' | 'comment' | 'counter'>): Pick<Element, 'timeoutMs' | 'expiresMs' | 'comment' | 'counter'> {
    let { timeoutMs, expiresMs, comment, counter } = before ?? { timeoutMs: undefined, expiresMs: undefined, comment: undefined, counter: undefined };
    for (;;) {
      if (this.accept('timeout')) timeoutMs = this.time();
      else if (this.accept('expires')) expiresMs = this.time();
      else if (this.accept('comment')) comment = this.quoted();
      else if (this.accept('counter')) counter = this.counts();
      else return { timeoutMs, expiresMs, comment, counter };
    }
  }

  /** `packets N bytes N`, both or neither. */
  counts(): readonly [number, number] {
    if (!this.accept('packets')) return [0, 0];
    const packets = this.number();
    this.expect('bytes');
    return [packets, this.number()];
  }

  verdict(): Expr | undefined {
    const token = this.peek();
    if (token.kind !== 'string') return undefined;
    const kind = VERDICTS.find((v) => v === token.text);
    if (kind === undefined) return undefined;
    this.next();
    const chain = kind === 'jump' || kind === 'goto' ? this.chainName().text : undefined;
    return { k: 'verdict', verdict: kind, chain, span: this.spanFrom(token.start) };
  }

  chainName(): { readonly text: string; readonly span: Span } {
    if (this.peek().text === '$') {
      const value = this.binary(4, true);
      return { text: value.k === 'symbol' ? value.text : '', span: value.span };
    }
    const token = this.word();
    return { text: token.text, span: token };
  }

  /** Behind `type` or `typeof`. */
  keySpec(isTypeof: boolean): KeySpec {
    const start = this.peek().start;
    if (isTypeof) {
      const expr = this.left();
      return { typeof: true, types: [], exprs: expr.k === 'concat' ? expr.parts : [expr], span: this.spanFrom(start) };
    }
    const types: { name: string; span: Span }[] = [];
    do {
      const token = this.word();
      types.push({ name: token.text, span: token });
    } while (this.accept('.'));
    return { typeof: false, types, exprs: [], span: this.spanFrom(start) };
  }
}

const payloadWords = new Set(['tcp', 'udp', 'udplite', 'sctp', 'dccp', 'ip', 'ip6', 'icmp', 'icmpv6', 'ether', 'th']);
