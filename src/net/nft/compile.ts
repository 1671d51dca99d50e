/** A rule compiled: one closure for each statement. Linux: net/netfilter/nf_tables_core.c, nft_do_chain */

import type { Tuple } from '../conntrack/connection.ts';
import { bind, changesSource } from '../conntrack/nat.ts';
import { OUTPUT } from '../netfilter/hook.ts';
import type { HookContext } from '../netfilter/hook-context.ts';
import { askQueue, type QueueAnswer } from '../netfilter/queue/judge.ts';
import type { Core, IcmpErrorKind } from '../stack/core.ts';
import { QUEUE_NS } from '../stack/costs.ts';
import { ipBytes } from '../wire/lengths.ts';
import type { Ip } from '../wire/packet.ts';
import type { Expr, ExprOf, ParsedNftRule, Rate, Reject, Stmt, StmtOf, VerdictKind } from './ast.ts';
import { type DataType, INTEGER, type NftValue } from './datatype.ts';
import { combine, listValue } from './evaluate.ts';
import { keepsState } from './format.ts';
import { boundsOf } from './interval.ts';
import { addressOf, jhash, type Load, loadConntrack, loadFib, loadMeta, loadNumgen, loadPayload, type NftVisit, registerWords, scale } from './loads.ts';
import { SetLookup } from './set-lookup.ts';
import type { SetState } from './set-state.ts';

/** Go on with the next statement; or with the next rule, since this one does not match. */
export const NEXT = 0;
export const BREAK = -1;
export const ACCEPT = 1;
export const DROP = 2;
export const RETURN = 3;
export const JUMP = 4;
export const GOTO = 5;
/** The rule is done and matched; the next one follows. */
export const CONTINUE = 6;
export type Outcome = -1 | 0 | 1 | 2 | 3 | 4 | 5 | 6;

const OUTCOMES: Readonly<Record<VerdictKind, Outcome>> = { accept: ACCEPT, drop: DROP, continue: CONTINUE, return: RETURN, jump: JUMP, goto: GOTO };

/** How a drop is answered. */
export type Answer = 'tcp-reset' | IcmpErrorKind;

/** What statements may touch besides the packet. */
export interface NftContext extends NftVisit {
  readonly core: Core;
  hooks: HookContext;
  /** Where a jump or goto leads. */
  target: string;
  answer: Answer | undefined;
  /** What the program behind a queue said. */
  queued: QueueAnswer | undefined;
  /** Connections that `ct count` of this rule has seen. */
  tracked: TrackedConnection[];
}

export interface TrackedConnection {
  readonly tuple: Tuple;
  readonly protocol: number;
}

type Step = (c: NftContext) => Outcome;

/** What a rule is compiled against: the sets and objects of its table. */
export interface CompileScope {
  set(name: string): SetState | undefined;
  types(expr: Expr): readonly DataType[];
  /** Numbers that a named object keeps. */
  object(type: string, name: string): { readonly value: import('./ast.ts').ObjectValue; readonly numbers: number[] } | undefined;
}

export class CompiledNftRule {
  readonly steps: readonly Step[];
  /** What the numbers of a rule's state are at first. */
  readonly initial: readonly number[];

  constructor(rule: ParsedNftRule, scope: CompileScope) {
    const compiler = new Compiler(rule, scope);
    this.steps = rule.stmts.map((s) => compiler.statement(s));
    this.initial = compiler.initial;
  }
}

const LOG_LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];
/** NF_LOG_*: which parts of a packet a line tells. */
const LOG_FLAGS: Readonly<Record<string, number>> = {
  'tcp sequence': 1,
  'tcp options': 2,
  'tcp sequence,options': 3,
  'ip options': 4,
  skuid: 8,
  ether: 32,
  all: 47,
};

const RATE_NS: Readonly<Record<Rate['per'], number>> = { second: 1e9, minute: 60e9, hour: 3600e9, day: 86400e9, week: 604800e9 };
const UNIT: Readonly<Record<Rate['unit'], number>> = { packets: 1, bytes: 1, kbytes: 1024, mbytes: 1048576 };

/** A token bucket of nanoseconds (nft_limit.c). Numbers: tokens, time of the last packet. True: within the rate. */
function withinRate(limit: Rate, numbers: number[], slot: number, nowNs: number, bytes: number): boolean {
  const nsecs = RATE_NS[limit.per];
  const rate = limit.rate * UNIT[limit.unit];
  const packets = limit.unit === 'packets';
  const burst = limit.burst * UNIT[limit.burstUnit];
  const most = packets ? Math.floor(nsecs / rate) * (burst === 0 ? 5 : burst) : Math.floor((nsecs * (rate + burst)) / rate);
  const cost = packets ? Math.floor(nsecs / rate) : Math.floor((nsecs * bytes) / rate);
  const last = numbers[slot + 1] ?? 0;
  // A bucket that no packet has seen is full.
  const tokens = last === 0 ? most : Math.min(most, (numbers[slot] ?? 0) + nowNs - last);
  numbers[slot + 1] = Math.max(1, nowNs);
  numbers[slot] = tokens >= cost ? tokens - cost : tokens;
  return tokens >= cost;
}

class Compiler {
  readonly #scope: CompileScope;
  readonly initial: number[] = [];
  #slot = 0;
  #generators: number;

  constructor(rule: ParsedNftRule, scope: CompileScope) {
    this.#scope = scope;
    const stateful = rule.stmts.filter(keepsState).length;
    this.#generators = 2 * stateful;
    for (const s of rule.stmts) {
      if (!keepsState(s)) continue;
      if (s.s === 'counter') this.initial.push(s.packets, s.bytes);
      else if (s.s === 'quota') this.initial.push(s.quota.used, 0);
      else this.initial.push(0, 0);
    }
  }

  statement(s: Stmt): Step {
    switch (s.s) {
      case 'match':
        return this.#match(s);
      case 'vmap': {
        const find = this.#finder(s.map);
        const key = this.#key(s.key);
        return (c) => {
          const values = key(c);
          const verdict = values === undefined ? undefined : find(c, values)?.verdict;
          if (verdict === undefined) return BREAK;
          c.target = verdict.chain ?? '';
          return OUTCOMES[verdict.kind];
        };
      }
      case 'verdict': {
        const outcome = OUTCOMES[s.verdict];
        const chain = s.chain ?? '';
        return (c) => {
          c.target = chain;
          return outcome;
        };
      }
      case 'objref':
        return this.#object(s);
      case 'log': {
        const prefix = s.prefix ?? '';
        const level = Math.max(0, LOG_LEVELS.indexOf(s.level ?? 'warn'));
        let flags = 0;
        for (const flag of s.flags) flags |= LOG_FLAGS[flag] ?? 0;
        // A group's messages go to a program by nflog, not to the kernel's log.
        if (s.group !== undefined) return () => NEXT;
        return (c) => {
          c.hooks.log(prefix, level, flags);
          return NEXT;
        };
      }
      case 'reject': {
        const { reject } = s;
        return (c) => {
          c.answer = answerOf(reject, typeof c.skb.dst === 'bigint');
          return DROP;
        };
      }
      case 'nat':
        return this.#nat(s);
      case 'notrack':
        return (c) => {
          if (c.skb.connection === undefined) c.hooks.untrack();
          return NEXT;
        };
      case 'queue':
        return (c) => {
          c.queued = askQueue(c.netns, s.first, s.flags.includes('bypass'), c.skb);
          c.core.nowNs += c.queued.heard ? QUEUE_NS : 0;
          return c.queued.accept ? ACCEPT : DROP;
        };
      case 'set':
        return this.#store(s);
      case 'dynset':
        return this.#dynset(s);
      default: {
        const slot = 2 * this.#slot;
        this.#slot += 1;
        return this.#stateful(s, slot, (c) => c.numbers);
      }
    }
  }

  /** Counter, quota, limit, connlimit; `numbers` says where they keep what they count. */
  #stateful(s: Stmt, slot: number, numbersOf: (c: NftContext) => number[]): Step {
    switch (s.s) {
      case 'counter':
        return (c) => {
          const numbers = numbersOf(c);
          numbers[slot] = (numbers[slot] ?? 0) + 1;
          numbers[slot + 1] = (numbers[slot + 1] ?? 0) + ipBytes(c.skb);
          return NEXT;
        };
      case 'quota': {
        const { over, bytes } = s.quota;
        return (c) => {
          const numbers = numbersOf(c);
          const used = (numbers[slot] ?? 0) + ipBytes(c.skb);
          numbers[slot] = used;
          return used > bytes === over ? NEXT : BREAK;
        };
      }
      case 'limit': {
        const { limit } = s;
        return (c) => (withinRate(limit, numbersOf(c), slot, c.hooks.nowNs, ipBytes(c.skb)) !== limit.over ? NEXT : BREAK);
      }
      case 'connlimit': {
        const { over, count } = s;
        return (c) => {
          const connection = c.skb.connection;
          if (connection === undefined) return BREAK;
          const table = c.netns.connections;
          const live = c.tracked.filter((t) => table.findTuple(t.tuple, t.protocol, c.hooks.nowNs) !== undefined);
          const known = live.some((t) => t.tuple === connection.original || sameEnds(t.tuple, connection.original));
          if (!known) live.push({ tuple: { ...connection.original }, protocol: connection.protocol });
          c.tracked.splice(0, c.tracked.length, ...live);
          return live.length > count === over ? NEXT : BREAK;
        };
      }
      default:
        return () => NEXT;
    }
  }

  #object(s: StmtOf<'objref'>): Step {
    const object = this.#scope.object(s.type, s.name);
    if (object === undefined) return () => BREAK;
    const { value, numbers } = object;
    const span = s.span;
    const stmt: Stmt =
      value.type === 'counter'
        ? { s: 'counter', packets: 0, bytes: 0, span }
        : value.type === 'quota'
          ? { s: 'quota', quota: value.quota, span }
          : { s: 'limit', limit: value.limit, span };
    return this.#stateful(stmt, 0, () => numbers);
  }

  // ---- values

  load(e: Expr): Load {
    switch (e.k) {
      case 'value': {
        const { v } = e;
        return () => v;
      }
      case 'payload':
        return loadPayload(e.proto, e.field);
      case 'meta':
        return loadMeta(e.key);
      case 'ct':
        return loadConntrack(e);
      case 'fib':
        return loadFib(e);
      case 'numgen':
        return loadNumgen(e, e.mode === 'inc' ? this.#generators++ : 0);
      case 'hash':
        return this.#hash(e);
      case 'rt':
        return loadRoute(e.key);
      case 'tcpoption':
        return loadTcpOption(e.option);
      case 'list': {
        const value = listValue(e) ?? 0;
        return () => value;
      }
      case 'binary': {
        const left = this.load(e.left);
        const right = this.load(e.right);
        const { operator } = e;
        return (c) => {
          const a = left(c);
          const b = right(c);
          return a === undefined || b === undefined ? undefined : combine(operator, a, b);
        };
      }
      case 'map': {
        const key = this.#key(e.key);
        const find = this.#finder(e.map);
        return (c) => {
          const values = key(c);
          return values === undefined ? undefined : find(c as NftContext, values)?.data[0];
        };
      }
      default:
        return () => undefined;
    }
  }

  /** All parts of a key, in an array that is used again and again. */
  #key(e: Expr): (c: NftVisit) => readonly NftValue[] | undefined {
    const loads = e.k === 'concat' ? e.parts.map((p) => this.load(p)) : [this.load(e)];
    const values: NftValue[] = new Array(loads.length).fill(0);
    return (c) => {
      for (let i = 0; i < loads.length; i += 1) {
        const value = (loads[i] as Load)(c);
        if (value === undefined) return undefined;
        values[i] = value;
      }
      return values;
    };
  }

  #hash(e: ExprOf<'hash'>): Load {
    const { modulus, offset } = e;
    if (e.key === undefined) {
      return ({ skb }) => {
        const word = (ip: Ip): number => registerWords(typeof ip === 'number' ? ip >>> 0 : ip, 32, false).reduce((a, b) => a ^ b, 0);
        const ends = (word(skb.src) ^ word(skb.dst)) | 0;
        return scale(jhash([ends, skb.sport ^ skb.dport, skb.protocol], 0), modulus) + offset;
      };
    }
    const key = this.#key(e.key);
    const types = this.#scope.types(e.key);
    const seed = e.seed ?? 0;
    return (c) => {
      const values = key(c);
      if (values === undefined) return undefined;
      const words = values.flatMap((v, i) => registerWords(v, (types[i] ?? INTEGER).bits, types[i]?.hostOrder === true));
      return scale(jhash(words, seed), modulus) + offset;
    };
  }

  #finder(map: Expr): (c: NftContext, key: readonly NftValue[]) => Pick<import('./set-lookup.ts').FoundElement, 'verdict' | 'data'> | undefined {
    if (map.k === 'setref') {
      const set = this.#scope.set(map.name);
      if (set === undefined) return () => undefined;
      return (c, key) => this.#findIn(set, c, key);
    }
    if (map.k !== 'set') return () => undefined;
    const lookup = new SetLookup(map.elements, []);
    return (c, key) => lookup.find(key, c.hooks.nowNs);
  }

  #findIn(set: SetState, c: NftContext, key: readonly NftValue[]): Pick<import('./set-lookup.ts').FoundElement, 'verdict' | 'data'> | undefined {
    const found = set.find(key, c.hooks.nowNs);
    if (found !== undefined && set.record.counter === true && 'index' in found) set.count(found.index, ipBytes(c.skb));
    if (found !== undefined && 'counts' in found && found.counts) {
      found.numbers[0] = (found.numbers[0] ?? 0) + 1;
      found.numbers[1] = (found.numbers[1] ?? 0) + ipBytes(c.skb);
    }
    return found;
  }

  // ---- comparisons

  #match(s: StmtOf<'match'>): Step {
    const { left, right, operator } = s;
    const negated = operator === '!=';
    if (right.k === 'setref' || right.k === 'set') {
      const key = this.#key(left);
      const find = this.#finder(right);
      return (c) => {
        const values = key(c);
        return values !== undefined && (find(c, values) !== undefined) !== negated ? NEXT : BREAK;
      };
    }
    if (left.k === 'concat') {
      const key = this.#key(left);
      const wanted = right.k === 'concat' ? right.parts : [];
      const lookup = new SetLookup(
        [
          {
            key: { k: 'concat', parts: wanted, span: right.span },
            data: undefined,
            timeoutMs: undefined,
            expiresMs: undefined,
            comment: undefined,
            counter: undefined,
            span: right.span,
          },
        ],
        [],
      );
      return (c) => {
        const values = key(c);
        return values !== undefined && (lookup.find(values, 0) !== undefined) !== negated ? NEXT : BREAK;
      };
    }
    const load = this.load(left);
    const test = this.#test(left, operator, right);
    return (c) => {
      const value = load(c);
      return value !== undefined && test(value, c) ? NEXT : BREAK;
    };
  }

  #test(left: Expr, operator: string, right: Expr): (value: NftValue, c: NftContext) => boolean {
    const negated = operator === '!=';
    if ((left.k === 'fib' || left.k === 'tcpoption') && right.k === 'value' && right.type.name === 'boolean') {
      const wanted = right.v === 1;
      return left.k === 'fib' ? (value) => ((value !== '' && value !== 0) === wanted) !== negated : (value) => ((value !== -1) === wanted) !== negated;
    }
    if (left.k === 'fib' && right.k === 'value' && (right.v === '*' || right.v === '')) {
      const wanted = right.v === '*';
      return (value) => ((value !== '') === wanted) !== negated;
    }
    if (right.k === 'outof') {
      const value = constantOf(right.value);
      const mask = constantOf(right.mask);
      return (v) => (((v as number) & mask) === value) !== negated;
    }
    if (right.k === 'list') {
      const bits = listValue(right) ?? 0;
      return operator === '' || operator === '!' ? (v) => (((v as number) & bits) !== 0) !== (operator === '!') : (v) => (v === bits) !== negated;
    }
    if (right.k === 'prefix' || right.k === 'range') {
      const [low, high] = boundsOf(right) ?? [1, 0];
      return (v) => (typeof v !== 'string' && v >= low && v <= high) !== negated;
    }
    if (right.k !== 'value') {
      const other = this.load(right);
      return (v, c) => (v === other(c)) !== negated;
    }
    const wanted = right.v;
    if ((operator === '' && right.type.bitmask === true && left.k !== 'binary') || operator === '!')
      return (v) => (((v as number) & (wanted as number)) !== 0) !== (operator === '!');
    if (typeof wanted === 'string' && wanted.endsWith('*')) {
      const start = wanted.slice(0, -1);
      return (v) => String(v).startsWith(start) !== negated;
    }
    switch (operator) {
      case '<':
        return (v) => v < wanted;
      case '>':
        return (v) => v > wanted;
      case '<=':
        return (v) => v <= wanted;
      case '>=':
        return (v) => v >= wanted;
      default:
        return negated ? (v) => v !== wanted : (v) => v === wanted;
    }
  }

  // ---- what changes something

  #store(s: StmtOf<'set'>): Step {
    const value = this.load(s.value);
    const { target } = s;
    const write = writerOf(target);
    return (c) => {
      const v = value(c);
      if (v === undefined) return BREAK;
      write(c, v);
      return NEXT;
    };
  }

  #dynset(s: StmtOf<'dynset'>): Step {
    const set = this.#scope.set(s.set);
    if (set === undefined) return () => BREAK;
    const key = this.#key(s.key);
    const data = s.data === undefined || s.data.k === 'verdict' ? undefined : this.#key(s.data);
    const verdict = s.data?.k === 'verdict' ? { kind: s.data.verdict, chain: s.data.chain } : undefined;
    const { operation, timeoutMs } = s;
    let numbers: number[] = [];
    const inner = s.stmts.map((stmt, i) => this.#stateful(stmt, 2 * i, () => numbers));
    const counts = s.stmts[0]?.s === 'counter';
    return (c) => {
      const values = key(c);
      if (values === undefined) return BREAK;
      if (operation === 'delete') return set.remove(values) ? NEXT : BREAK;
      const given = data?.(c) ?? [];
      const element = set.put(values, given, verdict, timeoutMs, operation === 'update', inner.length, counts, c.hooks.nowNs);
      if (element === undefined) return BREAK;
      numbers = element.numbers;
      for (const step of inner) if (step(c) === BREAK) return BREAK;
      return NEXT;
    };
  }

  #nat(s: StmtOf<'nat'>): Step {
    const how = s.kind === 'dnat' ? 'DNAT' : s.kind === 'snat' ? 'SNAT' : s.kind === 'masquerade' ? 'MASQUERADE' : 'REDIRECT';
    const random = s.flags.includes('random');
    const randomFully = s.flags.includes('fully-random');
    const address = s.address === undefined ? undefined : this.#natAddress(s.address);
    const port = s.port === undefined ? undefined : this.#ports(s.port);
    const six = s.family === 'ip6' ? true : s.family === 'ip' ? false : undefined;
    return (c) => {
      const { hooks } = c;
      // nft's `dnat ip6 to` is for IPv6 packets only, and there must be a connection to bind.
      if ((six !== undefined && (typeof c.skb.dst === 'bigint') !== six) || c.skb.connection === undefined) return BREAK;
      let range: NatRange | undefined = { minIp: 0, maxIp: 0, minPort: 0, maxPort: 0 };
      if (how === 'MASQUERADE' || how === 'REDIRECT') {
        const ip =
          how === 'MASQUERADE'
            ? hooks.masqueradeAddress()
            : hooks.hook === OUTPUT
              ? typeof c.skb.dst === 'bigint'
                ? 1n
                : 0x7f000001
              : hooks.incomingAddress();
        if (ip === undefined) return DROP;
        range = { ...range, minIp: ip, maxIp: ip };
      } else if (address !== undefined) range = address(c);
      if (range === undefined) return BREAK;
      if (port !== undefined) {
        const ports = port(c);
        if (ports === undefined) return BREAK;
        range = { ...range, minPort: ports[0], maxPort: ports[1] };
      }
      bind(c.core, c.netns, c.skb.connection, changesSource(hooks.hook), { how, ...range, random, randomFully });
      return ACCEPT;
    };
  }

  #natAddress(e: Expr): (c: NftContext) => NatRange | undefined {
    const fixed = (low: NftValue, high: NftValue, minPort = 0, maxPort = 0): NatRange => ({ minIp: addressOf(low), maxIp: addressOf(high), minPort, maxPort });
    const bounds = boundsOf(e);
    if (bounds !== undefined) {
      const range = fixed(bounds[0], bounds[1]);
      return () => range;
    }
    if (e.k === 'map') {
      const key = this.#key(e.key);
      const find = this.#finder(e.map);
      const withPort = this.#scope.types(e).length === 2;
      return (c) => {
        const values = key(c);
        const data = values === undefined ? undefined : find(c, values)?.data;
        const first = data?.[0];
        if (data === undefined || first === undefined) return undefined;
        if (withPort) return fixed(first, first, Number(data[1] ?? 0), Number(data[1] ?? 0));
        return fixed(first, data[1] ?? first);
      };
    }
    const load = this.load(e);
    return (c) => {
      const v = load(c);
      return v === undefined ? undefined : fixed(v, v);
    };
  }

  #ports(e: Expr): (c: NftContext) => readonly [number, number] | undefined {
    const bounds = boundsOf(e);
    if (bounds !== undefined) {
      const range = [Number(bounds[0]), Number(bounds[1])] as const;
      return () => range;
    }
    const load = this.load(e);
    return (c) => {
      const v = load(c);
      return v === undefined ? undefined : [Number(v), Number(v)];
    };
  }
}

interface NatRange {
  readonly minIp: Ip;
  readonly maxIp: Ip;
  readonly minPort: number;
  readonly maxPort: number;
}

const constantOf = (e: Expr): number => (e.k === 'list' ? (listValue(e) ?? 0) : e.k === 'value' && typeof e.v === 'number' ? e.v : 0);

const sameEnds = (a: Tuple, b: Tuple): boolean => a.src === b.src && a.dst === b.dst && a.sport === b.sport && a.dport === b.dport && a.icmpType === b.icmpType;

/** ICMPv6 codes of nft's family-independent ones (nft_reject.c). */
const ICMPX_V4: readonly number[] = [0, 3, 1, 13];
const ICMPX_V6: readonly number[] = [0, 4, 3, 1];

function answerOf(reject: Reject, six: boolean): Answer {
  const unreachable = (code: number): IcmpErrorKind => ({ type: six ? 1 : 3, code });
  switch (reject.with) {
    case 'tcp reset':
      return 'tcp-reset';
    case '':
      return unreachable(six ? 4 : 3);
    case 'icmpx':
      return unreachable((six ? ICMPX_V6 : ICMPX_V4)[reject.code] ?? 0);
    default:
      return unreachable(reject.code);
  }
}

function loadRoute(key: string): Load {
  if (key.endsWith('nexthop')) return ({ hooks }) => (typeof hooks.nextHop === 'number' ? hooks.nextHop >>> 0 : hooks.nextHop);
  // What a TCP segment may hold on the way to this destination.
  return ({ hooks, netns, skb }) => {
    const device = netns.deviceByName(hooks.outDevice);
    return device === undefined ? undefined : device.mtuBytes - (typeof skb.dst === 'bigint' ? 60 : 40);
  };
}

function loadTcpOption(option: string): Load {
  return ({ skb }) => {
    const options = skb.tcp?.options;
    if (options === undefined) return undefined;
    switch (option) {
      case 'maxseg':
        return options.mss ?? -1;
      case 'window':
        return options.windowScale ?? -1;
      case 'sack-perm':
        return options.sackPermitted === true ? 1 : -1;
      case 'timestamp':
        return options.timestamps?.value ?? -1;
      default:
        return -1;
    }
  };
}

function writerOf(target: Expr): (c: NftContext, value: NftValue) => void {
  if (target.k === 'meta' && target.key === 'mark') {
    return ({ skb }, v) => {
      skb.mark = (v as number) >>> 0;
    };
  }
  if (target.k === 'ct' && target.key === 'mark') {
    return ({ skb }, v) => {
      if (skb.connection !== undefined) skb.connection.mark = (v as number) >>> 0;
    };
  }
  if (target.k === 'payload' && (target.field === 'ttl' || target.field === 'hoplimit')) {
    return ({ skb }, v) => {
      skb.ttl = v as number;
      skb.headerRow = -1;
    };
  }
  if (target.k === 'payload' && target.field === 'dscp') {
    return ({ skb }, v) => {
      skb.tos = ((v as number) << 2) | (skb.tos & 3);
      skb.headerRow = -1;
    };
  }
  if (target.k === 'tcpoption') {
    // Only ever smaller: a larger one would stall the connection (nft_exthdr.c).
    return ({ skb }, v) => {
      const { tcp } = skb;
      const mss = tcp?.options.mss;
      if (tcp === undefined || mss === undefined || mss <= (v as number)) return;
      skb.tcp = { ...tcp, options: { ...tcp.options, mss: v as number } };
      skb.contentRow = -1;
    };
  }
  return () => undefined;
}
