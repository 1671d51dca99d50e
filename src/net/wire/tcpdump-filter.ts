/** Capture filters as tcpdump takes them (pcap-filter(7)): text to a plain tree, with libpcap's words for errors. */
import { bitsOf, parseIp, parseIpPrefix } from '../addr/ip.ts';
import { contains, maskOf, parseIp4 } from '../addr/ip4.ts';
import { parseMac } from '../addr/mac.ts';
import type { Arithmetic, Direction, Filter, FilterProtocol, Relation } from './filter-tree.ts';
import type { Ip } from './packet.ts';
import { servicePort } from './tcpdump.ts';

export type FilterResult = { readonly ok: true; readonly filter: Filter | undefined } | { readonly ok: false; readonly message: string };

const PROTOCOLS: ReadonlySet<string> = new Set(['ip', 'arp', 'tcp', 'udp', 'icmp', 'ether', 'ip6', 'icmp6']);
const WORDS: ReadonlySet<string> = new Set([
  ...PROTOCOLS,
  'and',
  'or',
  'not',
  'src',
  'dst',
  'host',
  'net',
  'port',
  'portrange',
  'proto',
  'mask',
  'less',
  'greater',
  'broadcast',
  'multicast',
  'len',
]);
const IP_PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58, icmp6: 58, ipip: 4, gre: 47, sctp: 132 };

/** Named constants of the tcp and icmp headers. */
const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['tcpflags', 13],
  ['tcp-fin', 1],
  ['tcp-syn', 2],
  ['tcp-rst', 4],
  ['tcp-push', 8],
  ['tcp-ack', 16],
  ['tcp-urg', 32],
  ['icmptype', 0],
  ['icmpcode', 1],
  ['icmp-echoreply', 0],
  ['icmp-unreach', 3],
  ['icmp-redirect', 5],
  ['icmp-echo', 8],
  ['icmp-timxceed', 11],
]);

const MAX_CHARACTERS = 4096;
const MAX_DEPTH = 100;

class FilterError extends Error {}
const syntaxError = (): never => {
  throw new FilterError("can't parse filter expression: syntax error");
};

/** The words after tcpdump's options, joined by blanks. Empty: everything passes. The message is what tcpdump prints after `tcpdump: `. */
export function parseFilter(text: string): FilterResult {
  if (text.trim() === '') return { ok: true, filter: undefined };
  if (text.length > MAX_CHARACTERS) return { ok: false, message: "can't parse filter expression: the expression is too long" };
  try {
    const parser = new Parser(tokens(text));
    const filter = parser.expression(0);
    if (!parser.atEnd()) syntaxError();
    return { ok: true, filter };
  } catch (error) {
    if (error instanceof FilterError) return { ok: false, message: error.message };
    throw error;
  }
}

function tokens(text: string): string[] {
  const out: string[] = [];
  const pattern = /\s+|&&|\|\||<<|>>|[<>!=]=|::[0-9A-Fa-f:.]*(?:\/\d+)?|[()[\]!=<>&|+\-*/%^:]|\\?[A-Za-z0-9_.:/-]+|./gy;
  let brackets = 0;
  for (const match of text.matchAll(pattern)) {
    const token = match[0];
    if (token.trim() === '') continue;
    if (token === '[') brackets += 1;
    else if (token === ']') brackets -= 1;
    // Outside brackets a colon belongs to a MAC address, inside it separates offset and size.
    if (brackets > 0 && token.length > 1 && token.includes(':')) out.push(...token.split(/(:)/).filter((part) => part !== ''));
    else out.push(token);
  }
  return out;
}

interface Qualifier {
  readonly protocol?: FilterProtocol;
  readonly direction: Direction;
  readonly type: 'host' | 'net' | 'port' | 'portrange' | 'proto';
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;
  /** What an identifier without qualifiers after `and`/`or` takes over from the primitive before. */
  #last: Qualifier | undefined;

  constructor(all: readonly string[]) {
    this.#tokens = all;
  }

  atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
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

  /** `and` and `or` have the same precedence and join from the left. */
  expression(depth: number): Filter {
    if (depth > MAX_DEPTH) syntaxError();
    let left = this.#term(depth, false);
    for (;;) {
      const op = this.#accept('and', '&&') ? 'and' : this.#accept('or', '||') ? 'or' : undefined;
      if (op === undefined) return left;
      left = { op, left, right: this.#term(depth, true) };
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
    if (this.#accept('(')) {
      const inner = this.expression(depth + 1);
      if (!this.#accept(')')) syntaxError();
      return inner;
    }
    return this.#primitive(mayInherit);
  }

  #primitive(mayInherit: boolean): Filter {
    const token = this.#peek();
    if (token === 'less' || token === 'greater') {
      this.#at += 1;
      const value = Number(this.#next());
      if (!Number.isInteger(value)) syntaxError();
      return { op: 'compare', relation: token === 'less' ? '<=' : '>=', left: { length: true }, right: { value } };
    }
    if (!WORDS.has(token)) {
      if (!mayInherit || this.#last === undefined || token === '' || !/^[A-Za-z0-9\\:]/.test(token)) syntaxError();
      return this.#identifier(this.#last as Qualifier);
    }
    const protocol = PROTOCOLS.has(token) ? (this.#next() as FilterProtocol) : undefined;
    if (this.#peek() === 'broadcast' || this.#peek() === 'multicast')
      return { op: 'group', protocol: protocol ?? 'ether', broadcast: this.#next() === 'broadcast' };
    const direction = this.#direction();
    const word = this.#peek();
    const type = word === 'host' || word === 'net' || word === 'port' || word === 'portrange' || word === 'proto' ? word : undefined;
    if (type !== undefined) this.#at += 1;
    const follows = this.#peek();
    const hasIdentifier = follows !== '' && !WORDS.has(follows) && /^[A-Za-z0-9\\:]/.test(follows);
    if (type === undefined && direction === undefined) {
      if (protocol === undefined) return syntaxError();
      if (hasIdentifier && protocol !== 'ether') {
        this.#last = { protocol, direction: 'either', type: 'host' };
        return this.#identifier(this.#last);
      }
      return { op: 'protocol', protocol };
    }
    if (!hasIdentifier && !(type === 'proto' && PROTOCOLS.has(follows))) syntaxError();
    this.#last = { ...(protocol === undefined ? {} : { protocol }), direction: direction ?? 'either', type: type ?? 'host' };
    return this.#identifier(this.#last);
  }

  #direction(): Direction | undefined {
    const first = this.#peek();
    if (first !== 'src' && first !== 'dst') return undefined;
    this.#at += 1;
    const joint = this.#peek();
    const second = this.#tokens[this.#at + 1];
    if ((joint === 'or' || joint === 'and') && (second === 'src' || second === 'dst') && second !== first) {
      this.#at += 2;
      return joint === 'or' ? 'either' : 'both';
    }
    return first;
  }

  #identifier(qualifier: Qualifier): Filter {
    const { direction, protocol, type } = qualifier;
    const text = this.#next();
    const scope = protocol === undefined ? {} : { protocol };
    if (type === 'port' || type === 'portrange') {
      if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'ip' && protocol !== 'ip6')
        throw new FilterError(`illegal qualifier of '${type}'`);
      const [low, high] = type === 'port' ? [text, text] : this.#range(text);
      return { op: 'port', low: portNumber(low), high: portNumber(high), direction, ...scope };
    }
    if (type === 'proto') {
      const name = text.replace(/^\\/, '');
      const number = Object.hasOwn(IP_PROTOCOLS, name) ? IP_PROTOCOLS[name] : /^\d+$/.test(name) ? Number(name) : undefined;
      if (number === undefined) throw new FilterError(`unknown ip proto '${name}'`);
      return { op: 'ip-protocol', number };
    }
    if (protocol === 'tcp' || protocol === 'udp' || protocol === 'icmp') throw new FilterError(`'${protocol}' modifier applied to ${type}`);
    const mac = parseMac(text);
    if (mac !== undefined && protocol === 'ether') return { op: 'mac', mac, direction };
    if (protocol === 'ether') throw new FilterError('only ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel supports link-level host name');
    return type === 'net' ? this.#net(text, direction, scope) : hostFilter(text, direction, scope);
  }

  #range(text: string): readonly [string, string] {
    const dash = text.indexOf('-');
    if (dash <= 0) return [text, text];
    return [text.slice(0, dash), text.slice(dash + 1)];
  }

  #net(text: string, direction: Direction, scope: { readonly protocol?: FilterProtocol }): Filter {
    if (text.includes(':')) {
      const prefix = parseIpPrefix(text);
      if (prefix === undefined) throw new FilterError(`unknown network '${text}'`);
      if (prefix.address !== prefix.network) throw new FilterError(`non-network bits set in "${text}"`);
      return { op: 'net', network: prefix.network, prefixLength: prefix.prefixLength, direction, ...scope };
    }
    const slash = text.indexOf('/');
    const base = slash < 0 ? text : text.slice(0, slash);
    const parts = base.split('.');
    if (parts.length > 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) throw new FilterError(`unknown network '${text}'`);
    const network = parts.reduce((sum, part, i) => sum | (Number(part) << (24 - 8 * i)), 0) | 0;
    let prefixLength = parts.length === 4 && parts[3] === '0' && slash < 0 ? impliedPrefix(parts) : parts.length * 8;
    if (slash >= 0) {
      prefixLength = Number(text.slice(slash + 1));
      if (!Number.isInteger(prefixLength) || prefixLength > 32 || text.slice(slash + 1) === '') throw new FilterError('mask length must be <= 32');
    } else if (this.#accept('mask')) {
      const mask = parseIp4(this.#next());
      if (mask === undefined) return syntaxError();
      prefixLength = 32 - Math.clz32(~mask) === 32 ? 0 : Math.clz32(~mask);
    }
    if (!contains(network & maskOf(prefixLength), 32, network)) throw new FilterError(`non-network bits set in "${text}"`);
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
        return { op: 'compare', relation: relation as Relation, left, right };
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
      left = right === undefined ? undefined : { operator, left, right };
    }
    return left;
  }

  #operand(depth: number): Arithmetic | undefined {
    const token = this.#peek();
    if (/^(0x[0-9a-fA-F]{1,8}|\d{1,10})$/.test(token)) {
      this.#at += 1;
      return { value: Number(token) };
    }
    if (token === 'len') {
      this.#at += 1;
      return { length: true };
    }
    const constant = CONSTANTS.get(token);
    if (constant !== undefined) {
      this.#at += 1;
      return { value: constant };
    }
    if (token === '(') {
      this.#at += 1;
      const inner = this.#arithmetic(0, depth + 1);
      return inner !== undefined && this.#accept(')') ? inner : undefined;
    }
    if (!PROTOCOLS.has(token) || this.#tokens[this.#at + 1] !== '[') return undefined;
    this.#at += 2;
    const at = this.#arithmetic(0, depth + 1);
    const bytes = this.#accept(':') ? Number(this.#next()) : 1;
    if (at === undefined || !this.#accept(']') || (bytes !== 1 && bytes !== 2 && bytes !== 4)) return syntaxError();
    return { load: token as FilterProtocol, at, bytes };
  }
}

const ARITHMETIC_LEVELS: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']];

function impliedPrefix(parts: readonly string[]): number {
  let used = parts.length;
  while (used > 1 && parts[used - 1] === '0') used -= 1;
  return used * 8;
}

function hostFilter(text: string, direction: Direction, scope: { readonly protocol?: FilterProtocol }): Filter {
  const network = hostAddress(text);
  return { op: 'net', network, prefixLength: bitsOf(network), direction, ...scope };
}

function portNumber(text: string): number {
  const named = servicePort(text);
  if (named !== undefined) return named;
  if (!/^\d+$/.test(text)) throw new FilterError(`unknown port '${text}'`);
  const port = Number(text);
  if (port > 65535) throw new FilterError(`illegal port number ${text} > 65535`);
  return port;
}

function hostAddress(text: string): Ip {
  const ip = parseIp(text);
  if (ip === undefined) throw new FilterError(`unknown host '${text}'`);
  return ip;
}
