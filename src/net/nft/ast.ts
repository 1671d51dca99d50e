/** The trees that nft's rules and commands are: as the parser reads them, and (with types and values filled in) as they are evaluated, printed and compiled. */
import type { DataType, NftValue } from './datatype.ts';
import type { Span } from './scanner.ts';

export type Family = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';
export const FAMILIES: readonly Family[] = ['ip', 'ip6', 'inet', 'arp', 'bridge', 'netdev'];

interface Node {
  readonly span: Span;
}

export type BinaryOperator = '&' | '|' | '^' | '<<' | '>>';
export type Comparison = '' | '==' | '!=' | '<' | '>' | '<=' | '>=' | '!';
export type VerdictKind = 'accept' | 'drop' | 'continue' | 'return' | 'jump' | 'goto';

export type Expr =
  /** A word whose meaning depends on what it is compared with; gone after evaluation. */
  | (Node & { readonly k: 'symbol'; readonly text: string; readonly quoted: boolean })
  | (Node & { readonly k: 'value'; readonly v: NftValue; readonly type: DataType })
  | (Node & { readonly k: 'payload'; readonly proto: string; readonly field: string })
  | (Node & { readonly k: 'meta'; readonly key: string })
  | (Node & { readonly k: 'ct'; readonly direction: 'original' | 'reply' | undefined; readonly key: string })
  | (Node & { readonly k: 'fib'; readonly flags: readonly string[]; readonly result: 'oif' | 'oifname' | 'type' })
  | (Node & { readonly k: 'numgen'; readonly mode: 'random' | 'inc'; readonly modulus: number; readonly offset: number })
  | (Node & { readonly k: 'hash'; readonly key: Expr | undefined; readonly modulus: number; readonly seed: number | undefined; readonly offset: number })
  | (Node & { readonly k: 'rt'; readonly key: string })
  | (Node & { readonly k: 'tcpoption'; readonly option: string; readonly field: string })
  | (Node & { readonly k: 'concat'; readonly parts: readonly Expr[] })
  /** Flags with commas: `new,established`. */
  | (Node & { readonly k: 'list'; readonly items: readonly Expr[] })
  | (Node & { readonly k: 'prefix'; readonly base: Expr; readonly length: number })
  | (Node & { readonly k: 'range'; readonly low: Expr; readonly high: Expr })
  | (Node & { readonly k: 'binary'; readonly operator: BinaryOperator; readonly left: Expr; readonly right: Expr })
  /** `syn / fin,syn`: these set out of those. */
  | (Node & { readonly k: 'outof'; readonly value: Expr; readonly mask: Expr })
  | (Node & { readonly k: 'setref'; readonly name: string })
  | (Node & { readonly k: 'set'; readonly elements: readonly Element[] })
  | (Node & { readonly k: 'map'; readonly key: Expr; readonly map: Expr })
  | (Node & { readonly k: 'verdict'; readonly verdict: VerdictKind; readonly chain: string | undefined })
  /** `*`: everything else. */
  | (Node & { readonly k: 'wildcard' });

export type ExprOf<K extends Expr['k']> = Extract<Expr, { k: K }>;

export interface Element extends Node {
  readonly key: Expr;
  readonly data: Expr | undefined;
  readonly timeoutMs: number | undefined;
  readonly expiresMs: number | undefined;
  readonly comment: string | undefined;
  /** `counter` kept for each element. */
  readonly counter: readonly [number, number] | undefined;
}

/** A rate of packets, or (`unit` bytes or larger) of bytes; `per` in seconds. */
export interface Rate {
  readonly over: boolean;
  readonly rate: number;
  readonly unit: 'packets' | 'bytes' | 'kbytes' | 'mbytes';
  readonly per: 'second' | 'minute' | 'hour' | 'day' | 'week';
  readonly burst: number;
  readonly burstUnit: 'packets' | 'bytes' | 'kbytes' | 'mbytes';
}

export interface Quota {
  readonly over: boolean;
  readonly bytes: number;
  readonly used: number;
}

export type ObjectType = 'counter' | 'quota' | 'limit';

export type Reject = { readonly with: 'icmp' | 'icmpv6' | 'icmpx'; readonly code: number } | { readonly with: 'tcp reset' } | { readonly with: '' };

export type Stmt =
  | (Node & { readonly s: 'match'; readonly operator: Comparison; readonly left: Expr; readonly right: Expr })
  | (Node & { readonly s: 'vmap'; readonly key: Expr; readonly map: Expr })
  | (Node & { readonly s: 'verdict'; readonly verdict: VerdictKind; readonly chain: string | undefined; readonly chainSpan: Span | undefined })
  | (Node & { readonly s: 'counter'; readonly packets: number; readonly bytes: number })
  | (Node & { readonly s: 'objref'; readonly type: ObjectType; readonly name: string; readonly nameSpan: Span })
  | (Node & { readonly s: 'quota'; readonly quota: Quota })
  | (Node & { readonly s: 'limit'; readonly limit: Rate })
  | (Node & {
      readonly s: 'log';
      readonly prefix: string | undefined;
      readonly level: string | undefined;
      readonly flags: readonly string[];
      readonly group: number | undefined;
    })
  | (Node & { readonly s: 'reject'; readonly reject: Reject; readonly codeSpan: Span | undefined })
  | (Node & {
      readonly s: 'nat';
      readonly kind: 'dnat' | 'snat' | 'masquerade' | 'redirect';
      readonly family: 'ip' | 'ip6' | undefined;
      readonly address: Expr | undefined;
      readonly port: Expr | undefined;
      readonly flags: readonly ('random' | 'fully-random' | 'persistent')[];
    })
  | (Node & { readonly s: 'notrack' })
  /** To a program in userspace; `last` where several queues share the packets. */
  | (Node & { readonly s: 'queue'; readonly first: number; readonly last: number; readonly flags: readonly ('bypass' | 'fanout')[] })
  | (Node & { readonly s: 'set'; readonly target: Expr; readonly value: Expr })
  | (Node & {
      readonly s: 'dynset';
      readonly operation: 'add' | 'update' | 'delete';
      readonly set: string;
      readonly setSpan: Span;
      readonly key: Expr;
      readonly timeoutMs: number | undefined;
      readonly data: Expr | undefined;
      readonly stmts: readonly Stmt[];
    })
  | (Node & { readonly s: 'connlimit'; readonly over: boolean; readonly count: number });

export type StmtOf<S extends Stmt['s']> = Extract<Stmt, { s: S }>;

export interface ParsedNftRule {
  readonly stmts: readonly Stmt[];
  readonly comment: string | undefined;
}

export type ChainType = 'filter' | 'nat' | 'route';
export type NftHookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';

export interface HookSpec extends Node {
  readonly type: ChainType;
  readonly hook: NftHookName;
  readonly priority: number;
}

/** `type ipv4_addr . inet_service` or `typeof ip saddr . tcp dport`. */
export interface KeySpec extends Node {
  readonly typeof: boolean;
  /** Named types, or the expressions of typeof. */
  readonly types: readonly { readonly name: string; readonly span: Span }[];
  readonly exprs: readonly Expr[];
}

export interface SetSpec extends Node {
  readonly map: boolean;
  readonly key: KeySpec | undefined;
  readonly data: KeySpec | undefined;
  readonly dataInterval: boolean;
  readonly flags: readonly string[];
  readonly timeoutMs: number | undefined;
  readonly gcIntervalMs: number | undefined;
  readonly size: number | undefined;
  readonly policy: 'performance' | 'memory' | undefined;
  readonly autoMerge: boolean;
  readonly comment: string | undefined;
  readonly counter: boolean;
  readonly elements: readonly Element[];
}

export interface Name extends Node {
  readonly text: string;
}

export interface ChainSpec {
  readonly hook: HookSpec | undefined;
  readonly policy: 'accept' | 'drop' | undefined;
  readonly comment: string | undefined;
}

export interface TableRef {
  readonly family: Family;
  readonly table: Name;
}

export type Place = { readonly how: 'handle' | 'index'; readonly number: number; readonly span: Span };

/** One thing to do; a table block is unrolled into several. */
export type Command = Node &
  (
    | { readonly c: 'add-table'; readonly create: boolean; readonly ref: TableRef; readonly comment: string | undefined; readonly dormant: boolean }
    | { readonly c: 'add-chain'; readonly create: boolean; readonly ref: TableRef; readonly name: Name; readonly spec: ChainSpec }
    | { readonly c: 'add-set'; readonly create: boolean; readonly ref: TableRef; readonly name: Name; readonly spec: SetSpec }
    | {
        readonly c: 'add-object';
        readonly create: boolean;
        readonly ref: TableRef;
        readonly name: Name;
        readonly type: ObjectType;
        readonly value: ObjectValue;
        readonly comment: string | undefined;
      }
    | {
        readonly c: 'add-rule';
        readonly verb: 'add' | 'insert' | 'create' | 'replace';
        readonly ref: TableRef;
        readonly chain: Name;
        readonly place: Place | undefined;
        readonly rule: ParsedNftRule;
      }
    | {
        readonly c: 'elements';
        readonly verb: 'add' | 'create' | 'delete' | 'destroy' | 'get';
        readonly ref: TableRef;
        readonly name: Name;
        readonly elements: readonly Element[];
      }
    | {
        readonly c: 'remove';
        readonly destroy: boolean;
        readonly what: 'table' | 'chain' | 'set' | 'map' | ObjectType;
        readonly ref: TableRef;
        readonly name: Name | undefined;
        readonly handle: Place | undefined;
      }
    | { readonly c: 'remove-rule'; readonly destroy: boolean; readonly ref: TableRef; readonly chain: Name; readonly handle: Place }
    | {
        readonly c: 'flush';
        readonly what: 'ruleset' | 'table' | 'chain' | 'set' | 'map';
        readonly family: Family | undefined;
        readonly table: Name | undefined;
        readonly name: Name | undefined;
      }
    | { readonly c: 'rename-chain'; readonly ref: TableRef; readonly chain: Name; readonly to: Name }
    | {
        readonly c: 'list';
        readonly reset: boolean;
        readonly what: string;
        readonly family: Family | undefined;
        readonly table: Name | undefined;
        readonly name: Name | undefined;
      }
  );

export type ObjectValue =
  | { readonly type: 'counter'; readonly packets: number; readonly bytes: number }
  | { readonly type: 'quota'; readonly quota: Quota }
  | { readonly type: 'limit'; readonly limit: Rate };
