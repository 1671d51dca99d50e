/** The chains of one netns as packets meet them, with their counters and the memory of their rules. */
import type { Chain } from '../records.ts';
import type { RuleReference, TableName } from '../trace-event.ts';
import { type CompiledRules, compileRules } from './compiled-chain.ts';
import { HOOK_NAMES, TABLE_NAMES } from './hook.ts';

export class ChainState {
  readonly record: Chain;
  readonly compiled: CompiledRules;
  /** Chains that rules jump to, by rule; looked up once. */
  readonly targets: (ChainState | undefined)[] = [];
  /** [packets, bytes] of each rule one after the other; made when the first rule matches. */
  counters: Float64Array | undefined = undefined;
  policyPackets = 0;
  policyBytes = 0;
  /** Numbers that limit and nth keep, by rule. */
  readonly memory = new Map<number, number[]>();
  /** Interned references of rules in the trace log, made on demand. */
  readonly traceIndexes: number[] = [];

  constructor(record: Chain) {
    this.record = record;
    this.compiled = compileRules(record.rules);
  }

  count(rule: number, bytes: number): void {
    this.counters ??= new Float64Array(2 * this.compiled.rules.length);
    this.counters[2 * rule] = (this.counters[2 * rule] as number) + 1;
    this.counters[2 * rule + 1] = (this.counters[2 * rule + 1] as number) + bytes;
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

export class Ruleset {
  readonly chains = new Map<string, ChainState>();
  /** Base chains by table (TABLE_NAMES) and hook; undefined where there is none. */
  readonly hooked: readonly (readonly (ChainState | undefined)[])[];
  /** The netns tracks connections: it has a nat table, or some rule asks for it. */
  readonly conntrack: boolean;
  readonly nat: boolean;

  /** `before` gives its counters and memory to chains whose rules are the very same array. */
  constructor(records: Iterable<Chain>, before: Ruleset | undefined) {
    let conntrack = false;
    let nat = false;
    for (const record of records) {
      const old = before?.chains.get(record.id);
      const chain = new ChainState(record);
      if (old !== undefined && old.record.rules === record.rules) {
        chain.counters = old.counters;
        for (const [rule, numbers] of old.memory) chain.memory.set(rule, numbers);
      }
      if (old !== undefined) {
        chain.policyPackets = old.policyPackets;
        chain.policyBytes = old.policyBytes;
      }
      this.chains.set(record.id, chain);
      if (record.table === 'nat') nat = true;
      if (chain.compiled.usesConntrack) conntrack = true;
    }
    this.conntrack = conntrack || nat;
    this.nat = nat;
    this.hooked = TABLE_NAMES.map((table) => HOOK_NAMES.map((hook) => this.#base(table, hook)));
  }

  find(table: TableName, name: string, netns: string): ChainState | undefined {
    return this.chains.get(`${netns}/chain/${table}/${name}`);
  }

  #base(table: TableName, name: string): ChainState | undefined {
    for (const chain of this.chains.values()) if (chain.record.table === table && chain.record.name === name && chain.record.policy !== undefined) return chain;
    return undefined;
  }
}
