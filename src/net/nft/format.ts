/** nft's trees as nft prints them: constants in their type's words, dependencies that go without saying left out. nft: src/expression.c, src/statement.c, src/netlink_delinearize.c */
import type { Element, Expr, Family, ParsedNftRule, Quota, Rate, Stmt, StmtOf } from './ast.ts';
import { type DataType, formatTime, ICMP_CODE, ICMP6_CODE, ICMPX_CODE, type NftValue, sortKey, TCP_FLAG } from './datatype.ts';
import { L4_NUMBERS, own, PRINTED_UNQUALIFIED } from './fields.ts';

export interface FormatOptions {
  /** `-n`: numbers for what has names. */
  readonly numeric: boolean;
  /** `-s`: no counters. */
  readonly stateless: boolean;
}
export const PLAIN: FormatOptions = { numeric: false, stateless: false };

/** What the kernel has counted, instead of what the rule's text says: by place among the rule's statements that keep state. */
export interface LiveState {
  counter(index: number): readonly [number, number] | undefined;
  quotaUsed(index: number): number | undefined;
}

/** Statements that keep numbers between packets; their order numbers the slots of a rule's state. */
export const keepsState = (s: Stmt): boolean => s.s === 'counter' || s.s === 'quota' || s.s === 'limit' || s.s === 'connlimit';

export function formatValue(v: NftValue, type: DataType, options: FormatOptions): string {
  return type.format(v, options.numeric);
}

/** The flags that a number is made of, with `separator` between; hexadecimal where the number has others. */
function flags(value: NftValue, type: DataType, separator: string, options: FormatOptions): string {
  if (typeof value !== 'number') return formatValue(value, type, options);
  const words: string[] = [];
  for (let bit = 1; bit <= value; bit *= 2) if ((value & bit) !== 0) words.push(type.format(bit, options.numeric));
  return words.length === 0 ? '0x0' : words.join(separator);
}

const needsParentheses = (e: Expr): boolean => e.k === 'binary' || e.k === 'list';

export function formatExpr(e: Expr, options: FormatOptions = PLAIN): string {
  const inner = (x: Expr): string => formatExpr(x, options);
  switch (e.k) {
    case 'symbol':
      return e.quoted ? `"${e.text}"` : e.text;
    case 'value':
      return formatValue(e.v, e.type, options);
    case 'payload':
      return `${e.proto} ${e.field}`;
    case 'meta':
      return PRINTED_UNQUALIFIED.has(e.key) ? e.key : `meta ${e.key}`;
    case 'ct':
      return `ct ${e.direction === undefined ? '' : `${e.direction} `}${e.key}`;
    case 'fib':
      return `fib ${e.flags.join(' . ')} ${e.result}`;
    case 'numgen':
      return `numgen ${e.mode} mod ${e.modulus}${e.offset === 0 ? '' : ` offset ${e.offset}`}`;
    case 'hash': {
      const seed = e.seed === undefined ? '' : ` seed 0x${e.seed.toString(16)}`;
      const offset = e.offset === 0 ? '' : ` offset ${e.offset}`;
      return e.key === undefined ? `symhash mod ${e.modulus}${offset}` : `jhash ${inner(e.key)} mod ${e.modulus}${seed}${offset}`;
    }
    case 'rt':
      return `rt ${e.key}`;
    case 'tcpoption':
      return e.field === '' ? `tcp option ${e.option}` : `tcp option ${e.option} ${e.field}`;
    case 'concat':
      return e.parts.map(inner).join(' . ');
    case 'list':
      return e.items.map(inner).join(',');
    case 'prefix':
      return `${inner(e.base)}/${e.length}`;
    case 'range':
      return `${inner(e.low)}-${inner(e.high)}`;
    case 'binary': {
      const side = (x: Expr): string => (needsParentheses(x) && e.operator === '&' ? `(${inner(x)})` : inner(x));
      return `${side(e.left)} ${e.operator} ${side(e.right)}`;
    }
    case 'outof':
      return `${maskFlags(e.value, options)} / ${maskFlags(e.mask, options)}`;
    case 'setref':
      return `@${e.name}`;
    case 'set':
      return e.elements.length === 0
        ? '{ }'
        : `{ ${sortElements(e.elements)
            .map((x) => formatElement(x, options))
            .join(', ')} }`;
    case 'map':
      return `${inner(e.key)} map ${inner(e.map)}`;
    case 'verdict':
      return e.chain === undefined ? e.verdict : `${e.verdict} ${e.chain}`;
    case 'wildcard':
      return '*';
  }
}

const maskFlags = (e: Expr, options: FormatOptions): string => (e.k === 'value' ? flags(e.v, e.type, ',', options) : formatExpr(e, options));

/** Key values from first to last part, the lower bound where a part is an interval. */
function keyValues(key: Expr): { readonly values: readonly NftValue[]; readonly types: readonly DataType[] } | undefined {
  switch (key.k) {
    case 'value':
      return { values: [key.v], types: [key.type] };
    case 'prefix':
      return keyValues(key.base);
    case 'range':
      return keyValues(key.low);
    case 'concat': {
      const parts = key.parts.map(keyValues);
      return { values: parts.flatMap((p) => p?.values ?? []), types: parts.flatMap((p) => p?.types ?? []) };
    }
    default:
      return undefined;
  }
}

/** In the order in which nft lists them; everything else (`*`) last. */
export function sortElements(elements: readonly Element[], asGiven = false): Element[] {
  const intervals = (e: Element): boolean => e.key.k === 'concat' && e.key.parts.some((p) => p.k === 'range' || p.k === 'prefix');
  // Concatenations of intervals have no order of their own.
  if (asGiven || elements.some(intervals)) return [...elements];
  const keyed = elements.map((e) => {
    const key = keyValues(e.key);
    return { e, key: key === undefined ? '~' : sortKey(key.values, key.types) };
  });
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map((k) => k.e);
}

export function formatElement(e: Element, options: FormatOptions = PLAIN): string {
  let text = formatExpr(e.key, options);
  if (e.counter !== undefined) text += options.stateless ? ' counter' : ` counter packets ${e.counter[0]} bytes ${e.counter[1]}`;
  if (e.timeoutMs !== undefined) text += ` timeout ${formatTime(e.timeoutMs)}`;
  if (e.expiresMs !== undefined && !options.stateless) text += ` expires ${formatTime(e.expiresMs)}`;
  if (e.comment !== undefined) text += ` comment "${e.comment}"`;
  if (e.data !== undefined) text += ` : ${formatExpr(e.data, options)}`;
  return text;
}

export function formatRate(r: Rate): string {
  const rate = r.unit === 'packets' ? `${r.rate}/${r.per}` : `${r.rate} ${r.unit}/${r.per}`;
  const burst = r.burst === (r.unit === 'packets' ? 5 : 0) ? '' : ` burst ${r.burst} ${r.burstUnit}`;
  return `rate ${r.over ? 'over ' : ''}${rate}${burst}`;
}

function bytes(count: number): string {
  if (count >= 1048576 && count % 1048576 === 0) return `${count / 1048576} mbytes`;
  return count >= 1024 && count % 1024 === 0 ? `${count / 1024} kbytes` : `${count} bytes`;
}

export function formatQuota(q: Quota, used: number, options: FormatOptions): string {
  return `${q.over ? 'over ' : ''}${bytes(q.bytes)}${used > 0 && !options.stateless ? ` used ${bytes(used)}` : ''}`;
}

function matchText(stmt: StmtOf<'match'>, options: FormatOptions): string {
  const { left, operator, right } = stmt;
  const lhs = formatExpr(left, options);
  let rhs: string;
  if (right.k === 'value' && right.type.bitmask === true && typeof right.v === 'number' && (operator === '' || operator === '!'))
    rhs = flags(right.v, right.type, ',', options);
  else if (right.k === 'list' && (operator === '!=' || operator === '==')) {
    const exact = right.items[0];
    if (exact?.k === 'value' && exact.type === TCP_FLAG) {
      let sum = 0;
      for (const item of right.items) if (item.k === 'value' && typeof item.v === 'number') sum |= item.v;
      rhs = formatValue(sum, TCP_FLAG, options);
    } else rhs = right.items.map((i) => formatExpr(i, options)).join(' | ');
  } else if (right.k === 'value' && right.type.bitmask === true && right.type !== TCP_FLAG && typeof right.v === 'number' && right.v !== 0)
    rhs = flags(right.v, right.type, ' | ', options);
  else rhs = formatExpr(right, options);
  return operator === '' ? `${lhs} ${rhs}` : `${lhs} ${operator} ${rhs}`;
}

function natText(s: StmtOf<'nat'>, family: Family, options: FormatOptions): string {
  let text: string = s.kind;
  const mapsPort = s.address?.k === 'map' && mapGivesPort(s.address);
  if (s.kind === 'dnat' || s.kind === 'snat') {
    if (family === 'inet' ? s.family !== undefined : mapsPort) text += ` ${s.family ?? (family === 'ip6' ? 'ip6' : 'ip')}`;
    const port = s.port === undefined ? '' : `:${formatExpr(s.port, options)}`;
    if (s.address === undefined) text += ` to ${port}`;
    else {
      const address = formatExpr(s.address, options);
      text += ` to ${port !== '' && address.includes(':') && s.address.k !== 'map' ? bracketed(address) : address}${port}`;
    }
  } else if (s.port !== undefined) text += ` to :${formatExpr(s.port, options)}`;
  return s.flags.length === 0 ? text : `${text} ${s.flags.join(',')}`;
}

const bracketed = (address: string): string =>
  address
    .split('-')
    .map((a) => `[${a}]`)
    .join('-');

function mapGivesPort(map: Extract<Expr, { k: 'map' }>): boolean {
  return map.map.k === 'setref' || (map.map.k === 'set' && map.map.elements[0]?.data?.k === 'concat');
}

/** `slot`: place among the rule's statements with state. */
function stmtText(s: Stmt, family: Family, options: FormatOptions, live: LiveState | undefined, slot: number): string {
  switch (s.s) {
    case 'match':
      return matchText(s, options);
    case 'vmap':
      return `${formatExpr(s.key, options)} vmap ${formatExpr(s.map, options)}`;
    case 'verdict':
      return s.chain === undefined ? s.verdict : `${s.verdict} ${s.chain}`;
    case 'counter': {
      if (options.stateless) return 'counter';
      const [packets, count] = live?.counter(slot) ?? [s.packets, s.bytes];
      return `counter packets ${packets} bytes ${count}`;
    }
    case 'objref':
      return `${s.type} name "${s.name}"`;
    case 'quota':
      return `quota ${formatQuota(s.quota, live?.quotaUsed(slot) ?? s.quota.used, options)}`;
    case 'limit':
      return `limit ${formatRate(s.limit)}`;
    case 'log': {
      const words = ['log'];
      if (s.prefix !== undefined) words.push(`prefix "${s.prefix}"`);
      if (s.group !== undefined) words.push(`group ${s.group}`);
      if (s.level !== undefined && s.level !== 'warn') words.push(`level ${s.level}`);
      for (const flag of s.flags) words.push(`flags ${flag}`);
      return words.join(' ');
    }
    case 'reject': {
      const r = s.reject;
      if (r.with === '') return 'reject';
      if (r.with === 'tcp reset') return 'reject with tcp reset';
      const type = r.with === 'icmp' ? ICMP_CODE : r.with === 'icmpv6' ? ICMP6_CODE : ICMPX_CODE;
      return `reject with ${r.with} ${type.format(r.code, options.numeric)}`;
    }
    case 'nat':
      return natText(s, family, options);
    case 'notrack':
      return 'notrack';
    case 'queue':
      return `queue${s.flags.length === 0 ? '' : ` flags ${s.flags.join(',')}`} to ${s.first}${s.last === s.first ? '' : `-${s.last}`}`;
    case 'set':
      return `${formatExpr(s.target, options)} set ${formatExpr(s.value, options)}`;
    case 'dynset': {
      const timeout = s.timeoutMs === undefined ? '' : ` timeout ${formatTime(s.timeoutMs)}`;
      const inner = s.stmts.map((x) => ` ${x.s === 'counter' ? 'counter' : stmtText(x, family, options, undefined, 0)}`).join('');
      const data = s.data === undefined ? '' : ` : ${formatExpr(s.data, options)}`;
      return `${s.operation} @${s.set} { ${formatExpr(s.key, options)}${timeout}${inner}${data} }`;
    }
    case 'connlimit':
      return `ct count ${s.over ? 'over ' : ''}${s.count}`;
  }
}

/** The rule as nft lists it, without its handle. */
export function formatRule(rule: ParsedNftRule, family: Family, options: FormatOptions = PLAIN, live?: LiveState): string {
  const hidden = impliedBy(rule.stmts, family);
  const words: string[] = [];
  let slot = 0;
  rule.stmts.forEach((stmt, i) => {
    const own = slot;
    if (keepsState(stmt)) slot += 1;
    if (!hidden.has(i)) words.push(stmtText(stmt, family, options, live, own));
  });
  if (rule.comment !== undefined) words.push(`comment "${rule.comment}"`);
  return words.join(' ');
}

/** Every header that a statement looks at. */
function headersOf(stmt: Stmt): Set<string> {
  const found = new Set<string>();
  const walk = (e: Expr | undefined): void => {
    if (e === undefined) return;
    switch (e.k) {
      case 'payload':
        found.add(e.proto);
        return;
      case 'tcpoption':
        found.add('tcp');
        return;
      case 'concat':
        e.parts.forEach(walk);
        return;
      case 'binary':
        walk(e.left);
        walk(e.right);
        return;
      case 'map':
        walk(e.key);
        return;
      case 'hash':
        walk(e.key);
    }
  };
  switch (stmt.s) {
    case 'match':
      walk(stmt.left);
      break;
    case 'vmap':
      walk(stmt.key);
      break;
    case 'set':
      walk(stmt.target);
      walk(stmt.value);
      break;
    case 'dynset':
      walk(stmt.key);
      break;
    case 'nat':
      walk(stmt.address);
      break;
    case 'reject':
      if (stmt.reject.with === 'tcp reset') found.add('tcp');
  }
  return found;
}

/**
 * Statements that say only which protocol it is, where a later one looks into that protocol's header: nft leaves them out. A statement that does something
 * (a counter, a log) in between keeps them.
 */
function impliedBy(stmts: readonly Stmt[], family: Family): Set<number> {
  const hidden = new Set<number>();
  stmts.forEach((stmt, i) => {
    if (stmt.s !== 'match' || (stmt.operator !== '' && stmt.operator !== '==') || stmt.right.k !== 'value') return;
    const { left } = stmt;
    const { v } = stmt.right;
    let wanted: string | undefined;
    if ((left.k === 'meta' && left.key === 'l4proto') || (left.k === 'payload' && (left.field === 'protocol' || left.field === 'nexthdr')))
      wanted = Object.keys(L4_NUMBERS).find((name) => own(L4_NUMBERS, name) === v);
    else if (left.k === 'meta' && left.key === 'nfproto' && family === 'inet') wanted = v === 10 ? 'ip6' : 'ip';
    else if (left.k === 'meta' && left.key === 'protocol' && (family === 'bridge' || family === 'netdev'))
      wanted = v === 0x86dd ? 'ip6' : v === 0x0800 ? 'ip' : undefined;
    if (wanted === undefined) return;
    for (let j = i + 1; j < stmts.length; j += 1) {
      const next = stmts[j] as Stmt;
      if (headersOf(next).has(wanted)) {
        hidden.add(i);
        return;
      }
      if (next.s !== 'match' && next.s !== 'dynset') return;
    }
  });
  return hidden;
}
