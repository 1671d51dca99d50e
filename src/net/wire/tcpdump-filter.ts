/** Capture filters as tcpdump takes them (pcap-filter(7)): text to a plain tree, with libpcap's words for errors. libpcap: grammar.y, gencode.c */
import { formatIp, inPrefix, parseIp } from '../addr/ip.ts';
import { maskOf, parseIp4 } from '../addr/ip4.ts';
import { parseMac } from '../addr/mac.ts';
import type { Arithmetic, Direction, Filter, FilterProtocol, Inside, Relation } from './filter-tree.ts';
import { ETHER_PROTOCOL_NUMBERS, FILTER_CONSTANTS, FILTER_PROTOCOLS, FILTER_WORDS, filterTokens, IP_PROTOCOL_NUMBERS } from './filter-words.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from './link-type.ts';
import { servicePort } from './tcpdump/names.ts';

export type FilterResult = { readonly ok: true; readonly filter: Filter | undefined } | { readonly ok: false; readonly message: string };

/** What the filter will look at. */
export interface FilterTarget {
  readonly linkType: number;
  /** False: a file, which says nothing of directions unless it is cooked. */
  readonly live: boolean;
}

const LIVE_ETHERNET: FilterTarget = { linkType: LINKTYPE_ETHERNET, live: true };
const MAX_CHARACTERS = 4096;
const MAX_DEPTH = 100;

class FilterError extends Error {}
const syntaxError = (): never => {
  throw new FilterError("can't parse filter expression: syntax error");
};

/** The words after tcpdump's options, joined by blanks. Empty: everything passes. The message is what tcpdump prints after `tcpdump: `. */
export function parseFilter(text: string, target: FilterTarget = LIVE_ETHERNET): FilterResult {
  if (text.trim() === '') return { ok: true, filter: undefined };
  if (text.length > MAX_CHARACTERS) return { ok: false, message: "can't parse filter expression: the expression is too long" };
  try {
    const parser = new Parser(filterTokens(text), target);
    const filter = parser.expression(0);
    if (!parser.atEnd()) syntaxError();
    return { ok: true, filter };
  } catch (error) {
    if (error instanceof FilterError) return { ok: false, message: error.message };
    throw error;
  }
}

interface Qualifier {
  readonly protocol?: FilterProtocol;
  readonly direction: Direction;
  readonly type: 'host' | 'net' | 'port' | 'portrange' | 'proto';
}

const isIdentifier = (token: string): boolean => token !== '' && !FILTER_WORDS.has(token) && /^[A-Za-z0-9\\:]/.test(token);
const isNumber = (token: string): boolean => /^(0x[0-9a-fA-F]{1,8}|\d{1,10})$/.test(token);
/** Decimal, 0x hexadecimal, or octal with a leading zero. */
const numberOf = (token: string): number => (/^0[0-7]+$/.test(token) ? Number.parseInt(token, 8) : Number(token)) % 0x100000000;

class Parser {
  readonly #tokens: readonly string[];
  readonly #target: FilterTarget;
  #at = 0;
  /** What an identifier without qualifiers after `and`/`or` takes over from the primitive before. */
  #last: Qualifier | undefined;
  /** Layers that `vlan`, `geneve` and `vxlan` have stepped into so far: they shift all that follows. */
  #inside: readonly Inside[] = [];

  constructor(all: readonly string[], target: FilterTarget) {
    this.#tokens = all;
    this.#target = target;
  }

  atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }

  #next(): string {
    const token = this.#peek();
    if (token === '') syntaxError();
    this.#at += 1;
    return token;
  }

  #accept(...options: readonly string[]): boolean {
    if (!options.includes(this.#peek())) return false;
    this.#at += 1;
    return true;
  }

  /** Where a leaf looks. */
  get #scope(): { readonly in?: readonly Inside[] } {
    return this.#inside.length === 0 ? {} : { in: this.#inside };
  }

  /** `and` and `or` have the same precedence and join from the left. */
  expression(depth: number): Filter {
    if (depth > MAX_DEPTH) syntaxError();
    return this.#joined(
      () => this.#term(depth, false),
      () => this.#term(depth, true),
    );
  }

  #joined(first: () => Filter, further: () => Filter): Filter {
    let left = first();
    for (;;) {
      const op = this.#accept('and', '&&') ? 'and' : this.#accept('or', '||') ? 'or' : undefined;
      if (op === undefined) return left;
      left = { op, left, right: further() };
    }
  }

  #term(depth: number, mayInherit: boolean): Filter {
    let negated = false;
    while (this.#accept('not', '!')) negated = !negated;
    const inner = this.#factor(depth, mayInherit);
    return negated ? { op: 'not', of: inner } : inner;
  }

  #factor(depth: number, mayInherit: boolean): Filter {
    const comparison = this.#comparison(depth);
    if (comparison !== undefined) return comparison;
    if (this.#peek() === '(') {
      this.#at += 1;
      if (mayInherit && this.#last !== undefined && isIdentifier(this.#peek())) return this.#identifiers(this.#last, depth + 1);
      const inner = this.expression(depth + 1);
      if (!this.#accept(')')) syntaxError();
      return inner;
    }
    return this.#primitive(mayInherit, depth);
  }

  #primitive(mayInherit: boolean, depth: number): Filter {
    const token = this.#peek();
    switch (token) {
      case 'less':
      case 'greater': {
        this.#at += 1;
        const value = this.#number();
        return { op: 'compare', relation: token === 'less' ? '<=' : '>=', left: { length: true }, right: { value } };
      }
      case 'vlan':
      case 'geneve':
      case 'vxlan':
        return this.#tag(token);
      case 'inbound':
      case 'outbound':
        this.#at += 1;
        if (!this.#target.live && this.#target.linkType === LINKTYPE_ETHERNET)
          throw new FilterError('inbound/outbound not supported on EN10MB when reading savefiles');
        return { op: 'bound', out: token === 'outbound' };
      case 'ifindex':
        this.#at += 1;
        if (this.#target.linkType !== LINKTYPE_LINUX_SLL2) throw new FilterError('ifindex not supported on EN10MB');
        return { op: 'device-index', number: this.#number() };
      case 'gateway':
      case 'protochain':
        throw new FilterError(`'${token}' is not simulated in Kubehop`);
    }
    if (!FILTER_WORDS.has(token)) {
      if (!mayInherit || this.#last === undefined || !isIdentifier(token)) syntaxError();
      return this.#identifier(this.#last as Qualifier);
    }
    const protocol = FILTER_PROTOCOLS.get(token);
    if (protocol !== undefined) this.#at += 1;
    if (this.#peek() === 'broadcast' || this.#peek() === 'multicast') return this.#group(protocol ?? 'ether', this.#next() === 'broadcast');
    const direction = this.#direction();
    const word = this.#peek();
    const type = word === 'host' || word === 'net' || word === 'port' || word === 'portrange' || word === 'proto' ? word : undefined;
    if (type !== undefined) this.#at += 1;
    const qualifier: Qualifier = { ...(protocol === undefined ? {} : { protocol }), direction: direction ?? 'either', type: type ?? 'host' };
    const follows = this.#peek();
    if (type === undefined && direction === undefined) {
      if (protocol === undefined) return syntaxError();
      if (!isIdentifier(follows) || protocol === 'ether') {
        if (protocol === 'ether' && !isIdentifier(follows)) return syntaxError();
        if (protocol !== 'ether') return { op: 'protocol', protocol, ...this.#scope };
      }
    }
    this.#last = qualifier;
    if (follows === '(') {
      this.#at += 1;
      return this.#identifiers(qualifier, depth + 1);
    }
    if (!isIdentifier(follows) && !(type === 'proto' && FILTER_PROTOCOLS.has(follows))) syntaxError();
    return this.#identifier(qualifier);
  }

  /** `host (a or b)`: the bracket is open. */
  #identifiers(qualifier: Qualifier, depth: number): Filter {
    if (depth > MAX_DEPTH) syntaxError();
    const one = (): Filter => {
      if (this.#accept('not', '!')) return { op: 'not', of: one() };
      if (this.#accept('(')) return this.#identifiers(qualifier, depth + 1);
      return isIdentifier(this.#peek()) ? this.#identifier(qualifier) : this.#term(depth, false);
    };
    const filter = this.#joined(one, one);
    if (!this.#accept(')')) syntaxError();
    return filter;
  }

  #number(): number {
    const token = this.#next();
    if (!isNumber(token)) syntaxError();
    return numberOf(token);
  }

  #tag(tag: Inside): Filter {
    this.#at += 1;
    if (tag === 'vlan' && this.#target.linkType !== LINKTYPE_ETHERNET)
      throw new FilterError(`no VLAN support for ${this.#target.linkType === LINKTYPE_LINUX_SLL2 ? 'Linux cooked v2' : 'Raw IP'}`);
    const number = isNumber(this.#peek()) ? this.#number() : undefined;
    const limit = tag === 'vlan' ? 4095 : 0xffffff;
    if (number !== undefined && number > limit) {
      throw new FilterError(
        tag === 'vlan'
          ? `VLAN tag ${number} greater than maximum 4095`
          : `${tag === 'geneve' ? 'Geneve' : 'VXLAN'} VNI ${number} greater than maximum 16777215`,
      );
    }
    const filter: Filter = { op: 'tag', tag, ...(number === undefined ? {} : { number }), ...this.#scope };
    this.#inside = [...this.#inside, tag];
    return filter;
  }

  #group(protocol: FilterProtocol, broadcast: boolean): Filter {
    if (protocol !== 'ether' && protocol !== 'ip' && protocol !== 'ip6')
      throw new FilterError(`only link-layer/IP ${broadcast ? 'broadcast' : 'multicast'} filters supported`);
    if (protocol === 'ip6' && broadcast) throw new FilterError('only link-layer/IP broadcast filters supported');
    if (protocol === 'ether' && this.#target.linkType !== LINKTYPE_ETHERNET)
      throw new FilterError(
        broadcast ? 'not a broadcast link' : 'link-layer multicast filters supported only on ethernet/FDDI/token ring/ARCNET/802.11/ATM LANE/Fibre Channel',
      );
    return { op: 'group', protocol, broadcast, ...this.#scope };
  }

  #direction(): Direction | undefined {
    const first = this.#peek();
    if (first !== 'src' && first !== 'dst') return undefined;
    this.#at += 1;
    const joint = this.#peek();
    const second = this.#peek(1);
    if ((joint === 'or' || joint === 'and') && (second === 'src' || second === 'dst') && second !== first) {
      this.#at += 2;
      return joint === 'or' ? 'either' : 'both';
    }
    return first;
  }

  #identifier(qualifier: Qualifier): Filter {
    const { direction, protocol, type } = qualifier;
    const text = this.#next();
    const scope = { ...(protocol === undefined ? {} : { protocol }), ...this.#scope };
    if (type === 'port' || type === 'portrange') {
      if (protocol !== undefined && !['tcp', 'udp', 'sctp', 'ip', 'ip6'].includes(protocol)) throw new FilterError(`illegal qualifier of '${type}'`);
      const dash = type === 'portrange' ? text.indexOf('-') : -1;
      const [low, high] = dash > 0 ? [text.slice(0, dash), text.slice(dash + 1)] : [text, text];
      const [first, last] = [portNumber(low, text, type), portNumber(high, text, type)];
      return { op: 'port', low: Math.min(first, last), high: Math.max(first, last), direction, ...scope };
    }
    if (type === 'proto') return this.#proto(protocol, text.replace(/^\\/, ''));
    if (protocol === 'ether') {
      const mac = parseMac(text);
      if (type === 'net') throw new FilterError("illegal qualifier of 'net'");
      if (mac === undefined) throw new FilterError('illegal link layer address');
      if (this.#target.linkType !== LINKTYPE_ETHERNET)
        throw new FilterError('ethernet addresses supported only on ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel');
      return { op: 'mac', mac, direction, ...this.#scope };
    }
    if (protocol !== undefined && !['ip', 'ip6', 'arp', 'rarp'].includes(protocol)) throw new FilterError(`'${protocol}' modifier applied to ${type}`);
    if (type === 'net') return this.#net(text, direction, scope);
    const ip = parseIp(text);
    if (ip === undefined) throw new FilterError(/^[\d.]+$/.test(text) && text.includes('.') ? `invalid IPv4 address '${text}'` : `unknown host '${text}'`);
    const prefixLength = typeof ip === 'bigint' ? 128 : 32;
    if (typeof ip === 'bigint' && (protocol === 'ip' || protocol === 'arp' || protocol === 'rarp'))
      throw new FilterError(`'${protocol}' modifier applied to ip6 host`);
    if (typeof ip === 'number' && protocol === 'ip6') throw new FilterError("'ip6' modifier applied to ip host");
    return { op: 'net', network: ip, prefixLength, direction, ...scope };
  }

  #proto(protocol: FilterProtocol | undefined, name: string): Filter {
    if (protocol === 'ether') {
      const number = isNumber(name) ? numberOf(name) : ETHER_PROTOCOL_NUMBERS.get(name);
      if (number === undefined) throw new FilterError(`unknown ether proto '${name}'`);
      return { op: 'ether-type', number, ...this.#scope };
    }
    if (protocol !== undefined && protocol !== 'ip' && protocol !== 'ip6') throw new FilterError(`'${protocol} proto' is bogus`);
    const number = isNumber(name) ? numberOf(name) : IP_PROTOCOL_NUMBERS.get(name);
    if (number === undefined) throw new FilterError(protocol === undefined ? `unknown network protocol '${name}'` : `unknown ip proto '${name}'`);
    return { op: 'ip-protocol', number, ...(protocol === undefined ? {} : { family: protocol === 'ip' ? 4 : 6 }), ...this.#scope };
  }

  #net(text: string, direction: Direction, scope: { readonly protocol?: FilterProtocol; readonly in?: readonly Inside[] }): Filter {
    const slash = text.indexOf('/');
    const base = slash < 0 ? text : text.slice(0, slash);
    const lengthText = slash < 0 ? undefined : text.slice(slash + 1);
    if (base.includes(':')) {
      const network = parseIp(base);
      if (network === undefined) throw new FilterError(`unknown network '${text}'`);
      const prefixLength = lengthText === undefined ? 128 : Number(lengthText);
      if (!/^\d+$/.test(lengthText ?? '128') || prefixLength > 128) throw new FilterError(`mask length must be <= 128`);
      if (!inPrefix(network, 128, network) || !hostBitsClear(network, prefixLength))
        throw new FilterError(`non-network bits set in "${formatIp(network)}/${prefixLength}"`);
      return { op: 'net', network, prefixLength, direction, ...scope };
    }
    const parts = base.split('.');
    if (parts.length > 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) throw new FilterError(`unknown network '${text}'`);
    const network = parts.reduce((sum, part, i) => sum | (Number(part) << (24 - 8 * i)), 0) | 0;
    let prefixLength = parts.length * 8;
    if (lengthText !== undefined) {
      prefixLength = Number(lengthText);
      if (!/^\d+$/.test(lengthText) || prefixLength > 32) throw new FilterError('mask length must be <= 32');
    } else if (this.#accept('mask')) {
      const mask = parseIp4(this.#next());
      if (mask === undefined) return syntaxError();
      prefixLength = mask === -1 ? 32 : Math.clz32(~mask);
    }
    if ((network & ~maskOf(prefixLength)) !== 0) throw new FilterError(`non-network bits set in "${text}"`);
    return { op: 'net', network, prefixLength, direction, ...scope };
  }

  /** `tcp[tcpflags] & tcp-syn != 0`: tried first, since a bracket may open arithmetic as well. */
  #comparison(depth: number): Filter | undefined {
    const start = this.#at;
    const left = this.#arithmetic(0, depth);
    if (left !== undefined) {
      const relation = this.#peek() === '==' ? '=' : this.#peek();
      if (['<', '>', '<=', '>=', '=', '!='].includes(relation)) {
        this.#at += 1;
        const right = this.#arithmetic(0, depth);
        if (right === undefined) return syntaxError();
        return { op: 'compare', relation: relation as Relation, left, right, ...this.#scope };
      }
    }
    this.#at = start;
    return undefined;
  }

  #arithmetic(level: number, depth: number): Arithmetic | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const operators = ARITHMETIC_LEVELS[level];
    if (operators === undefined) return this.#operand(depth);
    let left = this.#arithmetic(level + 1, depth);
    while (left !== undefined && operators.includes(this.#peek())) {
      const operator = this.#next();
      const right = this.#arithmetic(level + 1, depth);
      if (right !== undefined && (operator === '/' || operator === '%') && 'value' in right && right.value === 0)
        throw new FilterError(operator === '/' ? 'division by zero' : 'modulus by zero');
      left = right === undefined ? undefined : { operator, left, right };
    }
    return left;
  }

  #operand(depth: number): Arithmetic | undefined {
    const token = this.#peek();
    if (isNumber(token)) {
      this.#at += 1;
      return { value: numberOf(token) };
    }
    if (token === 'len') {
      this.#at += 1;
      return { length: true };
    }
    if (token === '-') {
      this.#at += 1;
      const of = this.#operand(depth + 1);
      return of === undefined ? undefined : { operator: '-', left: { value: 0 }, right: of };
    }
    const constant = FILTER_CONSTANTS.get(token);
    if (constant !== undefined) {
      this.#at += 1;
      return { value: constant };
    }
    if (token === '(') {
      this.#at += 1;
      const inner = this.#arithmetic(0, depth + 1);
      return inner !== undefined && this.#accept(')') ? inner : undefined;
    }
    const protocol = FILTER_PROTOCOLS.get(token);
    if (protocol === undefined || this.#peek(1) !== '[') return undefined;
    this.#at += 2;
    const at = this.#arithmetic(0, depth + 1);
    const bytes = this.#accept(':') ? this.#number() : 1;
    if (at === undefined || !this.#accept(']')) return syntaxError();
    if (bytes !== 1 && bytes !== 2 && bytes !== 4) throw new FilterError('data size must be 1, 2, or 4');
    return { load: protocol, at, bytes };
  }
}

/** From the loosest: libpcap's grammar has no other difference from C's than that all comparisons stand alone. */
const ARITHMETIC_LEVELS: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']];

const hostBitsClear = (ip: number | bigint, prefixLength: number): boolean =>
  typeof ip === 'bigint' && (prefixLength === 128 || (ip & ((1n << BigInt(128 - prefixLength)) - 1n)) === 0n);

function portNumber(text: string, whole: string, type: 'port' | 'portrange'): number {
  const named = servicePort(text);
  if (named !== undefined) return named;
  if (!/^\d+$/.test(text)) throw new FilterError(type === 'port' ? `unknown port '${text}'` : `unknown port in range '${whole}'`);
  const port = Number(text);
  if (port > 65535) throw new FilterError(`illegal port number ${text} > 65535`);
  return port;
}
