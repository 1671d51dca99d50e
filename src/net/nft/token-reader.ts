/** A cursor over nft's tokens with the complaints of nft's parser. */
import { type DataType, parseTime } from './datatype.ts';
import { NftError, type Span, scan, type Token, tokenName } from './scanner.ts';

/** Words that bison's messages call by themselves and not `string`. */
export const KEYWORDS = new Set(
  `include define redefine undefine fib check hook device devices table tables chain chains rule rules set sets element map maps flowtable handle ruleset socket transparent wildcard cgroupv2 level tproxy
  accept drop continue jump goto return to inet netdev add update replace create insert delete get list reset flush rename describe import export monitor position index comment constant interval dynamic
  auto-merge timeout gc-interval elements expires policy size performance memory flow offload meter meters packets bytes counters quotas limits synproxys counter name quota log prefix group snaplen
  queue-threshold limit rate over until used kbytes mbytes burst second minute hour day week reject with icmpx reset snat dnat masquerade redirect random fully-random persistent ll nh th ether saddr daddr
  type typeof vlan id cfi dei pcp arp htype ptype hlen plen operation ip version hdrlength dscp ecn length frag-off ttl protocol checksum icmp code sequence gateway mtu igmp ip6 priority flowlabel nexthdr
  hoplimit icmpv6 ah reserved spi esp comp cpi flags udp sport dport udplite csumcov tcp ackseq doff window urgptr option dccp sctp vtag rt numgen inc mod offset mark iif iifname iiftype oif oifname oiftype
  skuid skgid nftrace rtclassid ibrname obrname ibridgename pkttype cpu iifgroup oifgroup cgroup random meta nfproto l4proto ct direction state status expiration helper zone original reply count label proto-src
  proto-dst synproxy queue num bypass fanout dup fwd notrack counter accept missing exists and or xor lsh not vmap jhash symhash seed hour time exthdr secmark last`
    .split(/\s+/)
    .filter((w) => w !== ''),
);

/** Bound on nesting of braces and parentheses. */
const MAX_NESTING = 32;

export class TokenReader {
  readonly tokens: readonly Token[];
  at = 0;
  #depth = 0;

  constructor(text: string) {
    this.tokens = scan(text);
  }

  peek(ahead = 0): Token {
    return (this.tokens[this.at + ahead] ?? this.tokens[this.tokens.length - 1]) as Token;
  }

  next(): Token {
    const token = this.peek();
    if (this.at < this.tokens.length - 1) this.at += 1;
    return token;
  }

  /** Is the next token this word or sign? */
  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.text === text && token.kind !== 'quoted' && token.kind !== 'end';
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.next();
    return true;
  }

  expect(text: string, expecting?: string): Token {
    if (this.is(text)) return this.next();
    return this.unexpected(expecting);
  }

  unexpected(expecting?: string): never {
    const token = this.peek();
    const name = tokenName(token, KEYWORDS.has(token.text));
    throw new NftError(
      `syntax error, unexpected ${name}${expecting === undefined ? '' : `, expecting ${expecting}`}`,
      token.kind === 'end' ? { start: token.start, end: token.start } : token,
    );
  }

  get isWord(): boolean {
    const { kind } = this.peek();
    return kind === 'string' || kind === 'quoted';
  }

  word(expecting = 'string'): Token {
    if (!this.isWord) this.unexpected(expecting);
    return this.next();
  }

  quoted(): string {
    const token = this.peek();
    if (token.kind !== 'quoted' && token.kind !== 'string') this.unexpected('string');
    this.next();
    return token.text;
  }

  number(): number {
    const token = this.peek();
    if (token.kind !== 'number') this.unexpected('number');
    this.next();
    return Number(token.text);
  }

  time(): number {
    const token = this.peek();
    const value = token.kind === 'time' || token.kind === 'number' || token.kind === 'string' || token.kind === 'quoted' ? parseTime(token.text) : undefined;
    if (value === undefined) this.unexpected('string');
    this.next();
    return value as number;
  }

  skipNewlines(): void {
    while (this.peek().kind === 'newline') this.next();
  }

  /** Newlines and semicolons. */
  skipSeparators(): void {
    while (this.peek().kind === 'newline' || this.is(';')) this.next();
  }

  atSeparator(): boolean {
    return this.peek().kind === 'newline' || this.is(';');
  }

  spanFrom(start: number): Span {
    const last = this.tokens[Math.max(0, this.at - 1)] as Token;
    return { start, end: Math.max(last.end, start) };
  }

  nest<T>(inner: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING) throw new NftError('syntax error, too deeply nested', this.peek());
    const value = inner();
    this.#depth -= 1;
    return value;
  }
}

/** The value a constant has for this type, or nft's complaint at its place. */
export function constant(text: string, type: DataType, span: Span): import('./datatype.ts').NftValue {
  const value = type.parse(text);
  if (typeof value === 'object') throw new NftError(value.error, span);
  return value;
}
