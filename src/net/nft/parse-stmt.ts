/** nft's statements: what a rule does, one after the other. nft: src/parser_bison.y */
import type { Comparison, Expr, ObjectType, ParsedNftRule, Quota, Rate, Reject, Stmt, StmtOf } from './ast.ts';
import { ICMP_CODE, ICMP6_CODE, ICMPX_CODE } from './datatype.ts';
import { ExprParser } from './parse-expr.ts';
import { NftError, type Span } from './scanner.ts';
import { constant } from './token-reader.ts';

/** Statements that one rule may have. */
const MAX_STATEMENTS = 256;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '==': '==',
  eq: '==',
  '!=': '!=',
  ne: '!=',
  '<': '<',
  lt: '<',
  '>': '>',
  gt: '>',
  '<=': '<=',
  le: '<=',
  '>=': '>=',
  ge: '>=',
  '!': '!',
};
const TERMINAL = new Set(['accept', 'drop', 'return', 'jump', 'goto', 'continue']);
const UNSUPPORTED = new Set(['tproxy', 'flow', 'dup', 'fwd', 'synproxy', 'meter', 'secmark', 'last', 'dccp', 'exthdr', 'socket', 'osf', 'ipsec', 'xt']);
const RATE_BYTES = new Set(['bytes', 'kbytes', 'mbytes']);
const SCALE: Readonly<Record<string, number>> = { bytes: 1, kbytes: 1024, mbytes: 1024 * 1024 };
const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit'];

export class StmtParser extends ExprParser {
  /** Statements up to the end of the rule, and its comment. `ends`: what bison would have accepted there. */
  rule(ends: string): ParsedNftRule {
    const stmts: Stmt[] = [];
    let comment: string | undefined;
    for (;;) {
      const token = this.peek();
      if (token.kind === 'newline' || token.kind === 'end' || this.is(';') || this.is('}')) {
        if (stmts.length === 0 || this.is('}')) this.unexpected(stmts.length === 0 ? undefined : ends);
        return { stmts, comment };
      }
      if (stmts.length > 0 && this.accept('comment')) {
        comment = this.quoted();
        if (comment.length > 128) throw new NftError('comment too long, 128 characters maximum allowed', token);
        continue;
      }
      if (comment !== undefined) this.unexpected(ends);
      if (stmts.length >= MAX_STATEMENTS) throw new NftError('too many statements', token);
      stmts.push(this.statement(stmts.length > 0 ? ends : undefined));
    }
  }

  statement(ends: string | undefined): Stmt {
    const token = this.peek();
    const start = token.start;
    const word = token.kind === 'string' ? token.text : '';
    if (TERMINAL.has(word)) return this.terminal();
    switch (word) {
      case 'counter':
        return this.counter();
      case 'quota':
        return this.quotaStmt();
      case 'limit':
        return this.limitStmt();
      case 'log':
        return this.log();
      case 'reject':
        return this.reject();
      case 'dnat':
      case 'snat':
      case 'masquerade':
      case 'redirect':
        return this.nat(word);
      case 'notrack':
        this.next();
        return { s: 'notrack', span: token };
      case 'queue':
        return this.queue();
      case 'add':
      case 'update':
      case 'delete':
        if (this.is('@', 1)) return this.dynset(word);
        break;
      case 'ct':
        if (this.is('count', 1)) {
          this.next();
          this.next();
          const over = this.accept('over');
          return { s: 'connlimit', over, count: this.number(), span: this.spanFrom(start) };
        }
        break;
    }
    if (UNSUPPORTED.has(word)) {
      const end = this.endOfRule();
      throw new NftError(word === 'flow' ? 'Could not process rule: No such file or directory' : 'Could not process rule: Operation not supported', {
        start,
        end,
      });
    }
    if (ends !== undefined && !this.beginsExpression()) return this.unexpected(ends);
    return this.match();
  }

  private endOfRule(): number {
    let ahead = 0;
    while (!['newline', 'end'].includes(this.peek(ahead).kind) && !this.is(';', ahead) && !this.is('}', ahead)) ahead += 1;
    return (this.tokens[this.at + ahead - 1] ?? this.peek()).end;
  }

  private beginsExpression(): boolean {
    const { kind, text } = this.peek();
    if (kind === 'punct') return text === '(' || text === '$';
    return kind !== 'string' || !['vmap', 'map', 'to', 'set', 'hook', 'policy', 'elements', 'type', 'over', 'with', 'and', 'or', 'xor'].includes(text);
  }

  private terminal(): Stmt {
    const token = this.peek();
    const verdict = this.next().text as 'accept';
    if (token.text !== 'jump' && token.text !== 'goto') return { s: 'verdict', verdict, chain: undefined, chainSpan: undefined, span: token };
    const chain = this.chainName();
    return { s: 'verdict', verdict: token.text as 'jump', chain: chain.text, chainSpan: chain.span, span: this.spanFrom(token.start) };
  }

  /** `queue flags bypass to 101`, or as it was written before: `queue num 101 bypass`. */
  private queue(): Stmt {
    const start = this.next().start;
    const flags: ('bypass' | 'fanout')[] = [];
    let first = 0;
    let last = 0;
    for (;;) {
      if (this.accept('flags') || this.is('bypass') || this.is('fanout')) {
        do {
          const word = this.word();
          if (word.text !== 'bypass' && word.text !== 'fanout') throw new NftError(`syntax error, unexpected ${word.text}`, word);
          flags.push(word.text);
        } while (this.accept(','));
      } else if (this.accept('num') || this.accept('to')) {
        const token = this.peek();
        const range = /^(\d+)-(\d+)$/.exec(token.text);
        if (range === null) {
          first = this.number();
          last = this.accept('-') ? this.number() : first;
        } else {
          this.next();
          first = Number(range[1]);
          last = Number(range[2]);
        }
        if (last > 65535 || last < first) throw new NftError('Could not process rule: Invalid argument', token);
      } else return { s: 'queue', first, last, flags: [...new Set(flags)].sort(), span: this.spanFrom(start) };
    }
  }

  private counter(): Stmt {
    const start = this.next().start;
    if (this.accept('name')) return this.objectReference('counter', start);
    const [packets, bytes] = this.counts();
    return { s: 'counter', packets, bytes, span: this.spanFrom(start) };
  }

  private objectReference(type: ObjectType, start: number): Stmt {
    const token = this.word();
    return { s: 'objref', type, name: token.text, nameSpan: token, span: this.spanFrom(start) };
  }

  private quotaStmt(): Stmt {
    const start = this.next().start;
    if (this.accept('name')) return this.objectReference('quota', start);
    let quota: Quota;
    try {
      quota = this.quotaValue();
    } catch (error) {
      if (error instanceof NftError && error.message === 'Wrong rate format') throw new NftError(error.message, { start, end: this.endOfRule() });
      throw error;
    }
    return { s: 'quota', quota, span: this.spanFrom(start) };
  }

  /** `[over] 10 mbytes [used 5 bytes]`. */
  quotaValue(): Quota {
    const over = this.accept('over');
    if (!over) this.accept('until');
    const size = (): number => {
      const count = this.number();
      const unit = this.word();
      const scale = SCALE[unit.text];
      if (scale === undefined) throw new NftError('Wrong rate format', unit);
      return count * scale;
    };
    const bytes = size();
    return { over, bytes, used: this.accept('used') ? size() : 0 };
  }

  private limitStmt(): Stmt {
    const start = this.next().start;
    if (this.accept('name')) return this.objectReference('limit', start);
    const limit = this.rate();
    return { s: 'limit', limit, span: this.spanFrom(start) };
  }

  /** `rate [over] 10/second [burst 5 packets]`. */
  rate(): Rate {
    this.expect('rate');
    const over = this.accept('over');
    if (!over) this.accept('until');
    const rate = this.number();
    let unit: Rate['unit'] = 'packets';
    // `mbytes/second` is one word to the scanner.
    const glued = /^([km]?bytes)\/([a-z]+)$/.exec(this.peek().text);
    if (glued !== null) unit = glued[1] as 'bytes';
    else if (RATE_BYTES.has(this.peek().text)) unit = this.next().text as 'bytes';
    else if (!this.is('/')) this.unexpected('/ or string or bytes');
    if (glued === null) this.expect('/');
    const token = this.word();
    const per = glued?.[2] ?? token.text;
    if (!['second', 'minute', 'hour', 'day', 'week'].includes(per)) throw new NftError(`syntax error, unexpected ${per}`, token);
    let burst = unit === 'packets' ? 5 : 0;
    let burstUnit: Rate['unit'] = unit === 'packets' ? 'packets' : 'bytes';
    if (this.accept('burst')) {
      burst = this.number();
      burstUnit = this.word().text as Rate['unit'];
    }
    return { over, rate, unit, per: per as Rate['per'], burst, burstUnit };
  }

  private log(): Stmt {
    const start = this.next().start;
    let prefix: string | undefined;
    let level: string | undefined;
    let group: number | undefined;
    const flags: string[] = [];
    for (;;) {
      if (this.accept('prefix')) {
        const token = this.peek();
        prefix = this.quoted();
        if (prefix.length > 127) throw new NftError('log prefix is too long', token);
      } else if (this.accept('level')) {
        const token = this.word();
        if (!LEVELS.includes(token.text)) throw new NftError('invalid log level', token);
        level = token.text;
      } else if (this.accept('group')) group = this.number();
      else if (this.accept('snaplen') || this.accept('queue-threshold')) this.number();
      else if (this.accept('flags')) {
        const flag = this.word().text;
        if (flag === 'tcp') flags.push(`tcp ${this.word().text}${this.accept(',') ? `,${this.word().text}` : ''}`);
        else if (flag === 'ip') flags.push(`ip ${this.word().text}`);
        else flags.push(flag);
      } else return { s: 'log', prefix, level, flags, group, span: this.spanFrom(start) };
    }
  }

  private reject(): Stmt {
    const start = this.next().start;
    if (!this.accept('with')) return { s: 'reject', reject: { with: '' }, codeSpan: undefined, span: this.spanFrom(start) };
    const kind = this.peek().text;
    if (kind === 'tcp') {
      this.next();
      this.expect('reset');
      return { s: 'reject', reject: { with: 'tcp reset' }, codeSpan: undefined, span: this.spanFrom(start) };
    }
    if (kind !== 'icmp' && kind !== 'icmpv6' && kind !== 'icmpx') return this.unexpected('icmp or icmpv6 or tcp or icmpx');
    this.next();
    this.accept('type');
    const token = this.next();
    const type = kind === 'icmp' ? ICMP_CODE : kind === 'icmpv6' ? ICMP6_CODE : ICMPX_CODE;
    const code = constant(token.text, type, token) as number;
    const reject: Reject = { with: kind, code };
    return { s: 'reject', reject, codeSpan: token, span: this.spanFrom(start) };
  }

  private nat(kind: StmtOf<'nat'>['kind']): Stmt {
    const start = this.next().start;
    let family: 'ip' | 'ip6' | undefined;
    let address: Expr | undefined;
    let port: Expr | undefined;
    if (kind === 'dnat' || kind === 'snat') {
      if (this.is('ip') || this.is('ip6')) family = this.next().text as 'ip';
      if (this.accept('addr') || this.accept('interval') || this.accept('prefix')) {
        if (this.accept('.')) this.expect('port');
      }
      this.expect('to', family === undefined ? 'to' : undefined);
      if (this.accept(':')) port = this.natPort();
      else {
        address = this.natValue();
        if (this.accept(':')) port = this.natPort();
      }
    } else if (this.accept('to')) {
      this.accept(':');
      port = this.natPort();
    }
    const flags: ('random' | 'fully-random' | 'persistent')[] = [];
    while (this.is('random') || this.is('fully-random') || this.is('persistent')) {
      flags.push(this.next().text as 'random');
      if (!this.accept(',')) break;
    }
    return { s: 'nat', kind, family, address, port, flags, span: this.spanFrom(start) };
  }

  private natPort(): Expr {
    return this.part();
  }

  /** An address or a range, or something that is looked up in a map. */
  private natValue(): Expr {
    const start = this.peek().start;
    const loads = this.peek().kind === 'string' ? this.left() : undefined;
    if (loads === undefined) return this.part();
    return this.mapped(loads, start);
  }

  private mapped(key: Expr, start: number): Expr {
    if (!this.accept('map')) return key;
    return { k: 'map', key, map: this.set(), span: this.spanFrom(start) };
  }

  private dynset(operation: 'add' | 'update' | 'delete'): Stmt {
    const start = this.next().start;
    const at = this.expect('@');
    const name = this.word();
    const setSpan: Span = { start: at.start, end: name.end };
    this.expect('{');
    this.skipNewlines();
    const key = this.left();
    let timeoutMs: number | undefined;
    const stmts: Stmt[] = [];
    let data: Expr | undefined;
    for (;;) {
      this.skipNewlines();
      if (this.accept('timeout')) timeoutMs = this.time();
      else if (this.is('counter') || this.is('limit') || this.is('quota') || (this.is('ct') && this.is('count', 1))) stmts.push(this.statement(undefined));
      else if (this.accept(':')) {
        const from = this.peek().start;
        data = this.verdict() ?? this.mapped(this.left(), from);
      } else break;
    }
    this.skipNewlines();
    this.expect('}');
    return { s: 'dynset', operation, set: name.text, setSpan, key, timeoutMs, data, stmts, span: this.spanFrom(start) };
  }

  private match(): Stmt {
    const start = this.peek().start;
    const left = this.left();
    if (this.accept('vmap')) return { s: 'vmap', key: left, map: this.set(), span: this.spanFrom(start) };
    if (this.accept('set')) {
      const from = this.peek().start;
      const value = this.mapped(this.left(), from);
      return { s: 'set', target: left, value, span: this.spanFrom(start) };
    }
    const operator = this.peek().kind === 'quoted' ? undefined : COMPARISONS[this.peek().text];
    if (operator !== undefined) this.next();
    const right = this.right();
    return { s: 'match', operator: operator ?? '', left, right, span: this.spanFrom(start) };
  }
}
