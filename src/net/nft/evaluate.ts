/** Gives nft's trees their types and values, and finds what contradicts itself: the checks nft makes before the kernel sees a rule. nft: src/evaluate.c */
import type { Element, Expr, Family, KeySpec, ObjectType, ParsedNftRule, Stmt, StmtOf } from './ast.ts';
import {
  BOOLEAN,
  type DataType,
  FIB_ADDRTYPE,
  findType,
  HOST_INTEGER,
  IFINDEX,
  IFNAME,
  INET_SERVICE,
  INTEGER,
  IPV4_ADDR,
  IPV6_ADDR,
  type NftValue,
  sizedInteger,
  TCP_FLAG,
  VERDICT,
} from './datatype.ts';
import { CT, CT_NEEDS_DIRECTION, L4_NAMES, L4_NUMBERS, META, own, payloadType, SETTABLE_CT, SETTABLE_META } from './fields.ts';
import { mergeIntervals } from './interval.ts';
import { NftError, type Span } from './scanner.ts';
import { constant } from './token-reader.ts';

/** Types of a named set or map. */
export interface SetTypes {
  readonly key: readonly DataType[];
  /** Of a map: `[VERDICT]` for a verdict map. */
  readonly data: readonly DataType[] | undefined;
  readonly interval: boolean;
  readonly map: boolean;
}

/** What a rule may refer to. */
export interface Scope {
  readonly family: Family;
  findSet(name: string): SetTypes | undefined;
  hasObject(type: ObjectType, name: string): boolean;
  /** The text is nft's own: what it lists stands, also a set of one. */
  readonly exact?: boolean;
  /** The name of the device with this name or index; undefined where there is none. */
  device(text: string): string | undefined;
}

/** What the statements so far say of the packet's protocols. */
interface Protocols {
  l3: 'ip' | 'ip6' | undefined;
  l3Span: Span | undefined;
  l4: number | undefined;
  l4Span: Span | undefined;
}

const TERMINAL = new Set(['accept', 'drop', 'return', 'jump', 'goto']);
const NO_FILE = 'No such file or directory';

export function typesOfSpec(spec: KeySpec, scope: Scope): readonly DataType[] {
  if (!spec.typeof) {
    return spec.types.map((t) => {
      const type = findType(t.name);
      if (type === undefined) throw new NftError(`unknown datatype ${t.name}`, t.span);
      return type;
    });
  }
  const evaluator = new Evaluator({ ...scope, family: 'inet' } as Scope, true);
  return spec.exprs.flatMap((e) => evaluator.types(evaluator.left(e)));
}

export function evaluateRule(rule: ParsedNftRule, scope: Scope): ParsedNftRule {
  const evaluator = new Evaluator(scope, false);
  let terminal: Span | undefined;
  const stmts = rule.stmts.map((stmt) => {
    if (terminal !== undefined) throw new NftError('Statement after terminal statement has no effect', stmt.span, terminal);
    const typed = evaluator.statement(stmt);
    if (typed.s === 'verdict' && TERMINAL.has(typed.verdict)) terminal = stmt.span;
    return typed;
  });
  return { stmts, comment: rule.comment };
}

/** Elements for a named set: keys and data with their types, overlapping intervals found out. */
export function evaluateElements(elements: readonly Element[], types: SetTypes, scope: Scope): Element[] {
  const evaluator = new Evaluator(scope, false);
  return elements.map((e) => evaluator.element(e, types.key, types.data, types.interval));
}

export class Evaluator {
  readonly #scope: Scope;
  /** `typeof` may name anything. */
  readonly #anything: boolean;
  readonly #known: Protocols;

  constructor(scope: Scope, anything: boolean) {
    this.#scope = scope;
    this.#anything = anything;
    const { family } = scope;
    this.#known = { l3: family === 'ip' || family === 'ip6' ? family : undefined, l3Span: undefined, l4: undefined, l4Span: undefined };
  }

  types(expr: Expr): readonly DataType[] {
    switch (expr.k) {
      case 'value':
        return [expr.type];
      case 'payload':
        return [payloadType(expr.proto, expr.field) ?? INTEGER];
      case 'meta':
        return [own(META, expr.key) ?? INTEGER];
      case 'ct':
        return [own(CT, expr.key) ?? INTEGER];
      case 'fib':
        return [expr.result === 'type' ? FIB_ADDRTYPE : expr.result === 'oif' ? IFINDEX : IFNAME];
      case 'numgen':
      case 'hash':
        return [INTEGER];
      case 'rt':
        return [expr.key.endsWith('mtu') ? sizedInteger(16, true) : expr.key.startsWith('ip6') ? IPV6_ADDR : IPV4_ADDR];
      case 'tcpoption':
        return [sizedInteger(16)];
      case 'concat':
        return expr.parts.flatMap((p) => this.types(p));
      case 'binary':
        return this.types(expr.left);
      case 'map': {
        const { map } = expr;
        if (map.k === 'setref') return this.#scope.findSet(map.name)?.data ?? [INTEGER];
        if (map.k === 'set') {
          const data = map.elements[0]?.data;
          return data === undefined ? [INTEGER] : this.types(data);
        }
        return [INTEGER];
      }
      case 'prefix':
        return this.types(expr.base);
      case 'range':
        return this.types(expr.low);
      case 'verdict':
        return [VERDICT];
      default:
        return [INTEGER];
    }
  }

  left(expr: Expr): Expr {
    switch (expr.k) {
      case 'payload':
        this.#protocol(expr.proto, expr.span);
        return expr;
      case 'meta':
        if (expr.key === 'nfproto' && !this.#anything && (this.#scope.family === 'ip' || this.#scope.family === 'ip6'))
          throw new NftError('meta nfproto is only useful in the inet family', expr.span);
        return expr;
      case 'ct': {
        const key = expr.key === 'saddr' || expr.key === 'daddr' ? `${this.#scope.family === 'ip6' ? 'ip6' : 'ip'} ${expr.key}` : expr.key;
        if (CT_NEEDS_DIRECTION.has(key) && expr.direction === undefined) throw new NftError(`syntax error, unexpected ${expr.key}`, expr.span);
        return { ...expr, key };
      }
      case 'concat':
        return { ...expr, parts: expr.parts.map((p) => this.left(p)) };
      case 'binary': {
        const left = this.left(expr.left);
        return { ...expr, left, right: this.#operand(expr.right, this.types(left)) };
      }
      case 'hash':
        return expr.key === undefined ? expr : { ...expr, key: this.left(expr.key) };
      case 'map': {
        const key = this.left(expr.key);
        return { ...expr, key, map: this.#map(expr.map, key, undefined) };
      }
      case 'rt':
        return expr.key === 'nexthop' ? { ...expr, key: `${this.#scope.family === 'ip6' ? 'ip6' : 'ip'} nexthop` } : expr;
      case 'symbol':
        throw new NftError('syntax error, unexpected string', expr.span);
      default:
        return expr;
    }
  }

  /** The right side of `&`, `|` …: a constant, or something loaded. */
  #operand(expr: Expr, types: readonly DataType[]): Expr {
    if (expr.k === 'symbol' || expr.k === 'list' || expr.k === 'binary') return this.right(expr, types, undefined);
    return this.left(expr);
  }

  /** A value to be stored or translated to: constant or loaded, of this type. */
  value(expr: Expr, types: readonly DataType[]): Expr {
    if (expr.k === 'map') {
      const key = this.left(expr.key);
      return { ...expr, key, map: this.#map(expr.map, key, types) };
    }
    if (expr.k === 'symbol' || expr.k === 'range' || expr.k === 'prefix' || expr.k === 'list') return this.right(expr, types, undefined);
    if (expr.k === 'binary') {
      const left = this.value(expr.left, types);
      const right = this.#operand(expr.right, types);
      return left.k === 'value' && right.k === 'value' ? this.#fold({ ...expr, left, right }) : { ...expr, left, right };
    }
    return this.left(expr);
  }

  right(expr: Expr, types: readonly DataType[], context: Span | undefined): Expr {
    const [first] = types;
    const type = first ?? INTEGER;
    switch (expr.k) {
      case 'symbol':
        return { k: 'value', v: this.#constant(expr.text, type, expr.span), type, span: expr.span };
      case 'prefix': {
        const base = this.right(expr.base, types, context);
        if (base.k !== 'value' || typeof base.v === 'string' || expr.length > type.bits)
          throw new NftError('Prefix expression is undefined for this type', expr.span);
        return { ...expr, base: { ...base, v: masked(base.v, expr.length, type.bits) } };
      }
      case 'range': {
        const low = this.right(expr.low, types, context);
        const high = this.right(expr.high, types, context);
        if (low.k === 'value' && high.k === 'value' && low.v > high.v) throw new NftError('Range has zero or negative size', expr.span);
        return { ...expr, low, high };
      }
      case 'list': {
        if (type.bitmask !== true && types.length === 1 && type !== INTEGER)
          throw new NftError(`Binary operation (|) is undefined for ${type.description} type`, expr.span);
        return { ...expr, items: expr.items.map((i) => this.right(i, types, context)) };
      }
      case 'outof':
        return { ...expr, value: this.right(expr.value, types, context), mask: this.right(expr.mask, types, context) };
      case 'binary':
        return this.#fold({ ...expr, left: this.right(expr.left, types, context), right: this.right(expr.right, types, context) });
      case 'concat': {
        if (types.length !== expr.parts.length)
          throw new NftError(
            types.length < expr.parts.length ? 'unexpected concat component, expected concatenation of fewer' : 'datatype mismatch',
            expr.span,
            context,
          );
        return { ...expr, parts: expr.parts.map((p, i) => this.right(p, [types[i] as DataType], context)) };
      }
      case 'setref': {
        const set = this.#scope.findSet(expr.name);
        if (set === undefined) throw new NftError(NO_FILE, expr.span);
        this.#sameTypes(set.key, types, expr.span, context);
        return expr;
      }
      case 'set': {
        const interval = true;
        const elements = expr.elements.map((e) => this.element(e, types, undefined, interval));
        return { ...expr, elements: types.length === 1 ? mergeIntervals(elements, type) : elements };
      }
      default:
        return expr;
    }
  }

  #constant(text: string, type: DataType, span: Span): NftValue {
    if (type === IFINDEX) {
      const name = text === '0' || text === 'missing' ? '' : text === 'exists' ? '*' : this.#scope.device(text);
      if (name === undefined) throw new NftError('Interface does not exist', span);
      return name;
    }
    if (type === VERDICT) throw new NftError('syntax error, unexpected string', span);
    return constant(text, type, span);
  }

  #sameTypes(found: readonly DataType[], wanted: readonly DataType[], span: Span, context: Span | undefined): void {
    const words = (types: readonly DataType[]): string =>
      types.length === 1 ? (types[0] as DataType).description : `concatenation of (${types.map((t) => t.description).join(', ')})`;
    const same =
      found.length === wanted.length &&
      found.every(
        (t, i) => t.bits === (wanted[i] as DataType).bits && (t.name === (wanted[i] as DataType).name || t.name === 'integer' || wanted[i]?.name === 'integer'),
      );
    if (!same) throw new NftError(`datatype mismatch, expected ${words(wanted)}, expression has type ${words(found)}`, span, context);
  }

  #fold(expr: Extract<Expr, { k: 'binary' }>): Expr {
    const { left, right, operator } = expr;
    const a = left.k === 'list' ? listValue(left) : left.k === 'value' ? left.v : undefined;
    const b = right.k === 'list' ? listValue(right) : right.k === 'value' ? right.v : undefined;
    if (a === undefined || b === undefined) return expr;
    return { k: 'value', v: combine(operator, a, b), type: left.k === 'value' ? left.type : INTEGER, span: expr.span };
  }

  element(e: Element, key: readonly DataType[], data: readonly DataType[] | undefined, interval: boolean): Element {
    const typed = e.key.k === 'wildcard' ? e.key : this.right(e.key, key, undefined);
    if (!interval && (typed.k === 'prefix' || typed.k === 'range'))
      throw new NftError("You must add 'flags interval' to your set declaration if you want to add prefix elements", e.key.span);
    if (key.length > 1 && typed.k !== 'concat' && typed.k !== 'wildcard')
      throw new NftError(
        `datatype mismatch, expected concatenation of (${key.map((t) => t.description).join(', ')}), expression has type ${key[0]?.description ?? 'integer'}`,
        e.key.span,
      );
    if (data === undefined) return { ...e, key: typed };
    if (e.data === undefined) throw new NftError('map element expects data', e.span);
    if (data[0] === VERDICT) {
      if (e.data.k !== 'verdict') throw new NftError('datatype mismatch, expected netfilter verdict', e.data.span);
      return { ...e, key: typed };
    }
    return { ...e, key: typed, data: this.right(e.data, data, undefined) };
  }

  /** A map for this key; `data` where the kind of result is known. */
  #map(map: Expr, key: Expr, data: readonly DataType[] | undefined): Expr {
    const types = this.types(key);
    if (map.k === 'setref') {
      const set = this.#scope.findSet(map.name);
      if (set === undefined) throw new NftError(NO_FILE, map.span);
      if (!set.map) throw new NftError('Expression is not a map', map.span);
      this.#sameTypes(set.key, types, map.span, key.span);
      return map;
    }
    if (map.k !== 'set') throw new NftError('Expression is not a map', map.span);
    return { ...map, elements: map.elements.map((e) => this.element(e, types, data ?? [VERDICT], true)) };
  }

  /** A header is looked at: it must fit what is known, and from now on is known. */
  #protocol(proto: string, span: Span): void {
    const known = this.#known;
    // What stands in a record was checked when it was written.
    if (this.#anything || this.#scope.exact === true) return;
    if (proto === 'ip' || proto === 'ip6') {
      if (known.l3 !== undefined && known.l3 !== proto) throw new NftError(`conflicting protocols specified: ${known.l3} vs. ${proto}`, span);
      known.l3 = proto;
      return;
    }
    const number = own(L4_NUMBERS, proto);
    if (number === undefined) return;
    if (known.l4 !== undefined && known.l4 !== number && !(proto === 'icmpv6' && known.l4 === 1))
      throw new NftError(`conflicting protocols specified: ${L4_NAMES[known.l4] ?? 'unknown'} vs. ${proto}`, span);
    known.l4 = number;
    known.l4Span = span;
  }

  statement(stmt: Stmt): Stmt {
    switch (stmt.s) {
      case 'match':
        return this.#match(stmt);
      case 'vmap': {
        const key = this.left(stmt.key);
        const map = this.#map(stmt.map, key, [VERDICT]);
        return { ...stmt, key, map };
      }
      case 'objref':
        if (!this.#scope.hasObject(stmt.type, stmt.name)) throw new NftError(`Could not process rule: ${NO_FILE}`, stmt.span);
        return stmt;
      case 'reject':
        return this.#reject(stmt);
      case 'nat':
        return this.#nat(stmt);
      case 'set': {
        const target = this.left(stmt.target);
        const settable =
          (target.k === 'meta' && SETTABLE_META.has(target.key)) ||
          (target.k === 'ct' && SETTABLE_CT.has(target.key)) ||
          (target.k === 'payload' && ['ttl', 'hoplimit', 'dscp'].includes(target.field)) ||
          (target.k === 'tcpoption' && target.option === 'maxseg' && target.field === 'size');
        if (!settable) throw new NftError('Could not process rule: Operation not supported', stmt.span);
        return { ...stmt, target, value: this.value(stmt.value, this.types(target)) };
      }
      case 'dynset': {
        const set = this.#scope.findSet(stmt.set);
        if (set === undefined) throw new NftError(NO_FILE, stmt.setSpan);
        const key = this.left(stmt.key);
        this.#sameTypes(set.key, this.types(key), stmt.key.span, stmt.setSpan);
        const data = stmt.data === undefined || stmt.data.k === 'verdict' || set.data === undefined ? stmt.data : this.value(stmt.data, set.data);
        return { ...stmt, key, data, stmts: stmt.stmts.map((s) => this.statement(s)) };
      }
      default:
        return stmt;
    }
  }

  #match(stmt: StmtOf<'match'>): Stmt {
    const left = this.left(stmt.left);
    const types = this.types(left);
    const [type] = types;
    if (stmt.right.k === 'symbol' && (left.k === 'fib' || left.k === 'tcpoption') && (stmt.right.text === 'exists' || stmt.right.text === 'missing')) {
      return { ...stmt, left, right: { k: 'value', v: stmt.right.text === 'exists' ? 1 : 0, type: BOOLEAN, span: stmt.right.span } };
    }
    let right = this.right(stmt.right, types, left.span);
    if (stmt.operator !== '' && stmt.operator !== '==' && stmt.operator !== '!=' && stmt.operator !== '!' && right.k === 'set')
      throw new NftError('Invalid operator for a set', stmt.span);
    // A set of one is that one.
    const only =
      this.#scope.exact !== true && right.k === 'set' && stmt.right.k === 'set' && stmt.right.elements.length === 1 && types.length === 1
        ? right.elements[0]
        : undefined;
    if (only !== undefined && only.counter === undefined && only.key.k !== 'wildcard') right = only.key;
    this.#learn(left, stmt.operator, right);
    return simplify({ ...stmt, left, right }, type ?? HOST_INTEGER);
  }

  /** What a comparison with one constant says of the packet. */
  #learn(left: Expr, operator: string, right: Expr): void {
    const known = this.#known;
    // A set of protocols is a transport protocol match as well.
    if (left.k === 'meta' && left.key === 'l4proto') {
      known.l4Span = left.span;
      const last = right.k === 'set' && operator !== '!=' ? right.elements[right.elements.length - 1]?.key : undefined;
      if (last?.k === 'value' && typeof last.v === 'number') known.l4 ??= last.v;
    }
    if ((operator !== '' && operator !== '==') || right.k !== 'value' || typeof right.v !== 'number') return;
    if ((left.k === 'meta' && left.key === 'l4proto') || (left.k === 'payload' && (left.field === 'protocol' || left.field === 'nexthdr'))) {
      // The first that was said of it stands.
      known.l4 ??= right.v;
      known.l4Span = left.span;
    } else if (left.k === 'meta' && left.key === 'nfproto') known.l3 = right.v === 10 ? 'ip6' : 'ip';
    else if ((left.k === 'meta' && left.key === 'protocol') || (left.k === 'payload' && left.proto === 'ether' && left.field === 'type'))
      known.l3 = right.v === 0x86dd ? 'ip6' : right.v === 0x0800 ? 'ip' : known.l3;
  }

  #reject(stmt: StmtOf<'reject'>): Stmt {
    const { family } = this.#scope;
    const { reject } = stmt;
    const word: Span = { start: stmt.span.start, end: stmt.span.start + 6 };
    if (reject.with === 'icmpx') {
      if (family === 'ip' || family === 'ip6') throw new NftError('abstracted ICMP unreachable not supported', stmt.codeSpan ?? stmt.span, word);
      return reject.code === 1 ? { ...stmt, reject: { with: '' } } : stmt;
    }
    if (reject.with === 'icmp') {
      if (family === 'ip6') throw new NftError('conflicting protocols specified: ip vs ip6', stmt.codeSpan ?? stmt.span, word);
      return family === 'ip' && reject.code === 3 ? { ...stmt, reject: { with: '' } } : stmt;
    }
    if (reject.with === 'icmpv6') {
      if (family === 'ip') throw new NftError('conflicting protocols specified: ip vs ip6', stmt.codeSpan ?? stmt.span, word);
      return family === 'ip6' && reject.code === 4 ? { ...stmt, reject: { with: '' } } : stmt;
    }
    if (reject.with === 'tcp reset' && this.#known.l4 !== undefined && this.#known.l4 !== 6)
      throw new NftError(`conflicting protocols specified: ${L4_NAMES[this.#known.l4] ?? 'unknown'} vs. tcp`, stmt.span);
    return stmt;
  }

  #nat(stmt: StmtOf<'nat'>): Stmt {
    const { family } = this.#scope;
    const l3 = stmt.family ?? (family === 'inet' ? undefined : (family as 'ip' | 'ip6'));
    const addressType = (l3 ?? this.#known.l3) === 'ip6' ? IPV6_ADDR : IPV4_ADDR;
    let address: Expr | undefined;
    if (stmt.address !== undefined) {
      if (family === 'inet' && stmt.family === undefined && stmt.address.k !== 'map')
        throw new NftError(`specify \`${stmt.kind} ip' or '${stmt.kind} ip6' in inet table to disambiguate`, stmt.span);
      const types = stmt.address.k === 'map' ? this.#natTypes(stmt.address, addressType) : [addressType];
      address = this.value(stmt.address, types);
      this.#sameTypes(this.types(address), types, stmt.address.span, stmt.span);
    }
    const port = stmt.port === undefined ? undefined : this.value(stmt.port, [INET_SERVICE]);
    const mapsPort = address !== undefined && this.types(address).length === 2;
    if ((port !== undefined || mapsPort) && this.#known.l4 === undefined) {
      const inKey = address?.k === 'map' && hasTransport(address.key);
      if (!inKey && !this.#l4Matched)
        throw new NftError(
          'transport protocol mapping is only valid after transport protocol match',
          (stmt.port ?? stmt.address)?.span ?? stmt.span,
          stmt.span,
        );
    }
    return { ...stmt, address, port };
  }

  /** `meta l4proto { tcp, udp }` matches a transport protocol too. */
  get #l4Matched(): boolean {
    return this.#known.l4Span !== undefined || this.#anything;
  }

  #natTypes(map: Extract<Expr, { k: 'map' }>, address: DataType): readonly DataType[] {
    if (map.map.k === 'setref') {
      const set = this.#scope.findSet(map.map.name);
      if (set === undefined) throw new NftError(NO_FILE, map.map.span);
      return set.data ?? [address];
    }
    if (map.map.k !== 'set') return [address];
    return map.map.elements[0]?.data?.k === 'concat' ? [address, INET_SERVICE] : [address];
  }
}

const hasTransport = (key: Expr): boolean =>
  key.k === 'concat' ? key.parts.some(hasTransport) : key.k === 'payload' && own(L4_NUMBERS, key.proto) !== undefined;

function masked(value: number | bigint, length: number, bits: number): number | bigint {
  if (typeof value === 'bigint') return (value >> BigInt(bits - length)) << BigInt(bits - length);
  const block = 2 ** (bits - length);
  return Math.floor(value / block) * block;
}

export function combine(operator: '&' | '|' | '^' | '<<' | '>>', a: NftValue, b: NftValue): NftValue {
  if (typeof a === 'string' || typeof b === 'string') return a;
  if (typeof a === 'bigint' || typeof b === 'bigint') {
    const x = BigInt(a);
    const y = BigInt(b);
    return operator === '&' ? x & y : operator === '|' ? x | y : operator === '^' ? x ^ y : operator === '<<' ? (x << y) & ((1n << 128n) - 1n) : x >> y;
  }
  switch (operator) {
    case '&':
      return (a & b) >>> 0;
    case '|':
      return (a | b) >>> 0;
    case '^':
      return (a ^ b) >>> 0;
    case '<<':
      return (a << b) >>> 0;
    case '>>':
      return a >>> b;
  }
}

/** All flags of a list together. */
export function listValue(list: Extract<Expr, { k: 'list' }>): number | undefined {
  let value = 0;
  for (const item of list.items) {
    if (item.k !== 'value' || typeof item.v !== 'number') return undefined;
    value = (value | item.v) >>> 0;
  }
  return value;
}

/** The forms that mean the same become the one nft prints. */
function simplify(stmt: StmtOf<'match'>, type: DataType): Stmt {
  const { left, right, operator } = stmt;
  if (left.k === 'binary' && left.operator === '&' && left.right.k === 'value' && typeof left.right.v === 'number') {
    const mask = left.right.v;
    const zero = right.k === 'value' && right.v === 0;
    if (type === TCP_FLAG) {
      const value = right.k === 'value' ? right.v : right.k === 'list' ? listValue(right) : undefined;
      if (zero && operator === '!=') return { ...stmt, operator: '', left: left.left, right: { k: 'value', v: mask, type, span: right.span } };
      if (zero && (operator === '==' || operator === ''))
        return { ...stmt, operator: '!', left: left.left, right: { k: 'value', v: mask, type, span: right.span } };
      if (value !== undefined && typeof value === 'number' && (mask & (mask - 1)) !== 0 && (operator === '' || operator === '==')) {
        return {
          ...stmt,
          operator: '',
          left: left.left,
          right: { k: 'outof', value: { k: 'value', v: value, type, span: right.span }, mask: { ...left.right, type }, span: right.span },
        };
      }
    }
    const length = type === IPV4_ADDR ? prefixLengthOf(mask) : undefined;
    if (length !== undefined && right.k === 'value' && (operator === '' || operator === '==' || operator === '!=')) {
      return { ...stmt, operator: operator === '==' ? '' : operator, left: left.left, right: { k: 'prefix', base: right, length, span: right.span } };
    }
    return operator === '' ? { ...stmt, operator: '==' } : stmt;
  }
  if (left.k === 'binary') return operator === '' ? { ...stmt, operator: '==' } : stmt;
  if (operator === '==' && type.bitmask !== true) return { ...stmt, operator: '' };
  return stmt;
}

function prefixLengthOf(mask: number): number | undefined {
  const inverted = ~mask >>> 0;
  return (inverted & (inverted + 1)) === 0 ? 32 - (inverted === 0 ? 0 : Math.round(Math.log2(inverted + 1))) : undefined;
}
