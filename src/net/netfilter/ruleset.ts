/** The chains of one netns and one family as packets meet them, with their counters and the memory of their rules. */
import type { ChainCounters } from '../engine.ts';
import type { NftTables } from '../nft/tables.ts';
import type { Chain } from '../records.ts';
import { LazyMap } from '../stack/lazy-map.ts';
import type { HookName, RuleReference, TableName } from '../trace-event.ts';
import { type CompiledRules, compileRules } from './compiled-chain.ts';
import type { Family } from './definition.ts';
import { HOOK_NAMES, TABLE_NAMES } from './hook.ts';

export class ChainState {
  readonly record: Chain;
  /** Compiled when the first packet comes by: most chains of a large cluster never see one. */
  #compiled: CompiledRules | undefined;
  /** Chains that rules jump to, by rule; looked up once. */
  readonly targets: (ChainState | undefined)[] = [];
  /** [packets, bytes] of each rule one after the other; made when the first rule matches. */
  counters: Float64Array | undefined = undefined;
  policyPackets = 0;
  policyBytes = 0;
  /** Numbers that limit and nth keep, by rule. */
  readonly memory = new LazyMap<number, number[]>();
  /** Interned references of rules in the trace log, made on demand. */
  readonly traceIndexes: number[] = [];

  constructor(record: Chain) {
    this.record = record;
  }

  get compiled(): CompiledRules {
    this.#compiled ??= compileRules(this.record.rules, this.record.family ?? 'ipv4');
    return this.#compiled;
  }

  count(rule: number, bytes: number): void {
    this.counters ??= new Float64Array(2 * this.record.rules.length);
    this.counters[2 * rule] = (this.counters[2 * rule] as number) + 1;
    this.counters[2 * rule + 1] = (this.counters[2 * rule + 1] as number) + bytes;
  }

  /** What its rules counted and remember stays with those that are still there: `-A` and `-D` leave the others' numbers alone. */
  inherit(old: ChainState): void {
    this.policyPackets = old.policyPackets;
    this.policyBytes = old.policyBytes;
    if (old.record.rules === this.record.rules) {
      this.counters = old.counters;
      for (const [rule, numbers] of old.memory) this.memory.set(rule, numbers);
      return;
    }
    if (old.counters === undefined && old.memory.size === 0) return;
    const before = new Map(old.record.rules.map((rule, i) => [rule, i]));
    this.record.rules.forEach((rule, i) => {
      const was = before.get(rule);
      if (was === undefined) return;
      before.delete(rule);
      const numbers = old.memory.get(was);
      if (numbers !== undefined) this.memory.set(i, numbers);
      const packets = old.counters?.[2 * was] ?? 0;
      if (packets === 0) return;
      this.counters ??= new Float64Array(2 * this.record.rules.length);
      this.counters[2 * i] = packets;
      this.counters[2 * i + 1] = old.counters?.[2 * was + 1] ?? 0;
    });
  }

  /** iptables -Z, iptables-restore -c: the numbers are these from now on. */
  setCounters(counters: ChainCounters): void {
    this.policyPackets = counters.policy[0];
    this.policyBytes = counters.policy[1];
    this.counters = counters.rules.some((r) => r[0] !== 0 || r[1] !== 0) ? Float64Array.from(counters.rules.flat()) : undefined;
  }

  /** What a match of this rule means: `jump X`, `goto X`, the target's name, or CONTINUE for targets that let the packet go on. */
  verdict(rule: number): string {
    const end = this.compiled.rules[rule]?.parsed.end;
    if (end === undefined || end.kind === 'none') return 'CONTINUE';
    if (end.kind !== 'target') return `${end.kind} ${end.chain}`;
    return end.target.continues === true ? 'CONTINUE' : end.target.name;
  }

  reference(rule: number): RuleReference {
    const text = this.record.rules[rule];
    return {
      chainId: this.record.id,
      chain: this.record.name,
      table: this.record.table,
      index: rule,
      text: text?.text ?? '',
      origin: text?.origin ?? this.record.origin,
    };
  }
}

/** Matches and targets that load connection tracking into a netns. */
const ASKS_FOR_CONNTRACK = /(^|\s)(-m|--match) (conntrack|state|connmark|connlimit|connbytes)(\s|$)|-j (CT|NOTRACK|CONNMARK)(\s|$)/;

export class Ruleset {
  readonly chains = new Map<string, ChainState>();
  /** Base chains by table (TABLE_NAMES) and hook; undefined where there is none. */
  readonly hooked: readonly (readonly (ChainState | undefined)[])[];
  /** The netns tracks connections: it has a nat table, or some rule asks for it. */
  readonly conntrack: boolean;
  readonly nat: boolean;
  /** The tables of nftables that stand beside. */
  readonly nft: NftTables | undefined;
  /** The chains of iptables-legacy, which hang on the same hooks. */
  readonly legacy: Ruleset | undefined;
  /** How ids of this family's chains go on behind the netns. */
  readonly #folder: string;

  /** `before` gives its counters and memory to chains whose rules are the very same array. */
  constructor(records: Iterable<Chain>, before: Ruleset | undefined, family: Family = 'ipv4', nft?: NftTables, legacy?: Ruleset) {
    let folder = family === 'ipv6' ? 'chain6' : 'chain';
    const hooked: (ChainState | undefined)[][] = TABLE_NAMES.map(() => HOOK_NAMES.map(() => undefined));
    let nat = false;
    for (const record of records) {
      if (record.backend === 'legacy') folder = family === 'ipv6' ? 'chain6-legacy' : 'chain-legacy';
      const old = before?.chains.get(record.id);
      const chain = new ChainState(record);
      if (old !== undefined) chain.inherit(old);
      this.chains.set(record.id, chain);
      if (record.table === 'nat') nat = true;
      if (record.policy === undefined) continue;
      const hook = HOOK_NAMES.indexOf(record.name as HookName);
      const row = hooked[TABLE_NAMES.indexOf(record.table)];
      if (hook >= 0 && row !== undefined) row[hook] = chain;
    }
    this.#folder = folder;
    this.nft = nft;
    this.legacy = legacy;
    this.nat = nat || nft?.nat === true || legacy?.nat === true;
    this.conntrack =
      this.nat ||
      nft?.conntrack === true ||
      legacy?.conntrack === true ||
      [...this.chains.values()].some((c) => c.record.rules.some((r) => ASKS_FOR_CONNTRACK.test(r.text)));
    this.hooked = hooked;
  }

  find(table: TableName, name: string, netns: string): ChainState | undefined {
    return this.chains.get(`${netns}/${this.#folder}/${table}/${name}`);
  }
}
