/** The chains of one netns and one family as packets meet them, with their counters and the memory of their rules. */
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
const ASKS_FOR_CONNTRACK = /(^|\s)(-m|--match) (conntrack|state)(\s|$)|-j (CT|NOTRACK)(\s|$)/;

export class Ruleset {
  readonly chains = new Map<string, ChainState>();
  /** Base chains by table (TABLE_NAMES) and hook; undefined where there is none. */
  readonly hooked: readonly (readonly (ChainState | undefined)[])[];
  /** The netns tracks connections: it has a nat table, or some rule asks for it. */
  readonly conntrack: boolean;
  readonly nat: boolean;
  /** How ids of this family's chains go on behind the netns. */
  readonly #folder: string;

  /** `before` gives its counters and memory to chains whose rules are the very same array. */
  constructor(records: Iterable<Chain>, before: Ruleset | undefined, family: Family = 'ipv4') {
    this.#folder = family === 'ipv6' ? 'chain6' : 'chain';
    const hooked: (ChainState | undefined)[][] = TABLE_NAMES.map(() => HOOK_NAMES.map(() => undefined));
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
      if (record.policy === undefined) continue;
      const hook = HOOK_NAMES.indexOf(record.name as HookName);
      const row = hooked[TABLE_NAMES.indexOf(record.table)];
      if (hook >= 0 && row !== undefined) row[hook] = chain;
    }
    this.nat = nat;
    this.conntrack = nat || [...this.chains.values()].some((c) => c.record.rules.some((r) => ASKS_FOR_CONNTRACK.test(r.text)));
    this.hooked = hooked;
  }

  find(table: TableName, name: string, netns: string): ChainState | undefined {
    return this.chains.get(`${netns}/${this.#folder}/${table}/${name}`);
  }
}
