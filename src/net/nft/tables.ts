/** nftables of one netns as packets meet it: chains compiled, sets with what packets put into them, base chains by hook. Linux: net/netfilter/nf_tables_api.c */
import { HOOK_NAMES } from '../netfilter/hook.ts';
import type { RuleReference, TraceTable } from '../trace-event.ts';
import type { Expr, Family, ObjectType, ObjectValue } from './ast.ts';
import { CompiledNftRule, type CompileScope, type TrackedConnection } from './compile.ts';
import type { DataType } from './datatype.ts';
import { Evaluator, type SetTypes } from './evaluate.ts';
import type { NftChain, NftObject, NftRecord, NftRule } from './nft-records.ts';
import { readObject, readRule, typesOfSet } from './read-record.ts';
import { type SavedSet, SetState } from './set-state.ts';

/** What a rule remembers. */
export interface RuleState {
  readonly rule: NftRule;
  numbers: number[];
  tracked: TrackedConnection[];
  /** Interned references of the trace log, by verdict. */
  traceIndexes: Map<string, number> | undefined;
  compiled: CompiledNftRule | undefined;
}

export interface ObjectState {
  readonly record: NftObject;
  readonly value: ObjectValue;
  numbers: number[];
}

const initialOf = (value: ObjectValue): number[] =>
  value.type === 'counter' ? [value.packets, value.bytes] : value.type === 'quota' ? [value.quota.used, 0] : [0, 0];

export class NftChainState {
  readonly record: NftChain;
  readonly table: NftTableState;
  readonly rules: readonly RuleState[];
  policyPackets = 0;

  constructor(record: NftChain, table: NftTableState, before: NftChainState | undefined) {
    this.record = record;
    this.table = table;
    if (before !== undefined && before.record.rules === record.rules) {
      for (const r of before.rules) r.compiled = undefined;
      this.rules = before.rules;
      return;
    }
    const old = new Map(before?.rules.map((r) => [r.rule.handle, r]));
    this.rules = record.rules.map((rule) => {
      const known = old.get(rule.handle);
      const kept = known !== undefined && known.rule.text === rule.text ? known : undefined;
      return { rule, numbers: kept?.numbers ?? [], tracked: kept?.tracked ?? [], traceIndexes: undefined, compiled: undefined };
    });
  }

  /** The rule's steps, compiled when the first packet comes by. */
  compiled(i: number): CompiledNftRule {
    const state = this.rules[i] as RuleState;
    if (state.compiled === undefined) {
      const parsed = readRule(state.rule, this.record.family, (name) => this.table.types(name));
      state.compiled = new CompiledNftRule(parsed, this.table);
      if (state.numbers.length === 0) state.numbers = [...state.compiled.initial];
    }
    return state.compiled;
  }

  reference(i: number): RuleReference {
    const { rule } = this.rules[i] as RuleState;
    const { record } = this;
    return {
      chainId: record.id,
      chain: record.name,
      table: this.table.label,
      index: i,
      handle: rule.handle,
      text: rule.text,
      origin: rule.origin ?? record.origin,
    };
  }
}

export class NftTableState implements CompileScope {
  readonly family: Family;
  readonly name: string;
  /** `ip kube-proxy`: how the trace names it. */
  readonly label: TraceTable;
  readonly chains = new Map<string, NftChainState>();
  readonly sets = new Map<string, SetState>();
  readonly objects = new Map<string, ObjectState>();

  constructor(family: Family, name: string) {
    this.family = family;
    this.name = name;
    this.label = `${family} ${name}`;
  }

  set(name: string): SetState | undefined {
    return this.sets.get(name);
  }

  types(of: string): SetTypes | undefined;
  types(of: Expr): readonly DataType[];
  types(of: string | Expr): SetTypes | undefined | readonly DataType[] {
    if (typeof of === 'string') {
      const set = this.sets.get(of);
      return set === undefined ? undefined : typesOfSet(set.record);
    }
    const scope = { family: this.family, findSet: (name: string) => this.types(name), hasObject: () => true, device: (text: string) => text };
    return new Evaluator(scope, true).types(of);
  }

  object(type: ObjectType, name: string): ObjectState | undefined {
    return this.objects.get(`${type} ${name}`);
  }
}

/** A base chain at its hook. */
export interface HookedChain {
  readonly chain: NftChainState;
  readonly priority: number;
}

/** Base chains of one hook and one family of packets, by priority; among equals the younger runs first, as it was put in front. */
export interface HookedChains {
  readonly filter: readonly HookedChain[];
  readonly nat: readonly HookedChain[];
}

const NONE: HookedChains = { filter: [], nat: [] };
/** Words that make a table track connections (nf_ct_netns_get). */
const ASKS_FOR_CONNTRACK = /(^|\s)(ct|masquerade|redirect|snat|dnat)\s|(^|\s)(masquerade|redirect)$/;

export class NftTables {
  readonly tables = new Map<string, NftTableState>();
  readonly #chains = new Map<string, NftChainState>();
  readonly #ip4: HookedChains[] = [];
  readonly #ip6: HookedChains[] = [];
  readonly conntrack: boolean;
  readonly nat: boolean;

  /** `before` gives its counters, and what packets put into sets, to what is still there. */
  constructor(records: Iterable<NftRecord>, before: NftTables | undefined) {
    const hooked: { chain: NftChainState; tableHandle: number }[] = [];
    const dormant = new Set<string>();
    const handles = new Map<string, number>();
    const all = [...records];
    for (const r of all) {
      if (r.kind !== 'nft-table') continue;
      const table = new NftTableState(r.family, r.name);
      this.tables.set(table.label, table);
      handles.set(table.label, r.handle);
      if (r.dormant === true) dormant.add(table.label);
    }
    let conntrack = false;
    let nat = false;
    for (const r of all) {
      if (r.kind === 'nft-table') continue;
      const label = `${r.family} ${r.table}`;
      const table = this.tables.get(label);
      if (table === undefined) continue;
      const old = before?.tables.get(label);
      if (r.kind === 'nft-set') table.sets.set(r.name, new SetState(r, old?.sets.get(r.name)));
      else if (r.kind === 'nft-object') {
        const key = `${r.type} ${r.name}`;
        const value = readObject(r);
        const known = old?.objects.get(key);
        table.objects.set(key, { record: r, value, numbers: known !== undefined && known.record.text === r.text ? known.numbers : initialOf(value) });
      } else {
        const chain = new NftChainState(r, table, old?.chains.get(r.name));
        if (old?.chains.get(r.name) !== undefined) chain.policyPackets = (old.chains.get(r.name) as NftChainState).policyPackets;
        table.chains.set(r.name, chain);
        this.#chains.set(r.id, chain);
        if (r.hook?.type === 'nat') nat = true;
        conntrack ||= r.hook?.type === 'nat' || asksForConntrack(r);
        if (r.hook !== undefined && !dormant.has(label)) hooked.push({ chain, tableHandle: handles.get(label) ?? 0 });
      }
    }
    this.conntrack = conntrack;
    this.nat = nat;
    hooked.sort(
      (a, b) =>
        (a.chain.record.hook?.priority ?? 0) - (b.chain.record.hook?.priority ?? 0) ||
        b.tableHandle - a.tableHandle ||
        b.chain.record.handle - a.chain.record.handle,
    );
    for (const name of HOOK_NAMES) {
      const here = hooked.filter((h) => h.chain.record.hook?.hook === name.toLowerCase());
      for (const [list, family] of [
        [this.#ip4, 'ip'],
        [this.#ip6, 'ip6'],
      ] as const) {
        const mine = here.filter((h) => h.chain.record.family === family || h.chain.record.family === 'inet');
        const entries = (isNat: boolean): HookedChain[] =>
          mine.filter((h) => (h.chain.record.hook?.type === 'nat') === isNat).map((h) => ({ chain: h.chain, priority: h.chain.record.hook?.priority ?? 0 }));
        list.push(mine.length === 0 ? NONE : { filter: entries(false), nat: entries(true) });
      }
    }
  }

  at(hook: number, six: boolean): HookedChains {
    return (six ? this.#ip6 : this.#ip4)[hook] ?? NONE;
  }

  chain(id: string): NftChainState | undefined {
    return this.#chains.get(id);
  }

  save(): SavedNft {
    const chains = [...this.#chains.values()].flatMap((c) => {
      const rules = c.rules.flatMap((r) =>
        r.numbers.length === 0 && r.tracked.length === 0 ? [] : [[r.rule.handle, [...r.numbers], [...r.tracked]] as const],
      );
      return rules.length === 0 && c.policyPackets === 0 ? [] : [[c.record.id, { rules, policyPackets: c.policyPackets }] as const];
    });
    const sets: (readonly [string, string, SavedSet])[] = [];
    const objects: (readonly [string, string, readonly number[]])[] = [];
    for (const [label, table] of this.tables) {
      for (const [name, set] of table.sets) {
        const saved = set.save();
        if (saved !== undefined) sets.push([label, name, saved]);
      }
      for (const [key, object] of table.objects) objects.push([label, key, [...object.numbers]]);
    }
    return { chains, sets, objects };
  }

  /** `undefined`: as at the start. */
  load(saved: SavedNft | undefined): void {
    for (const chain of this.#chains.values()) {
      chain.policyPackets = 0;
      for (const r of chain.rules) {
        r.numbers = [];
        r.tracked = [];
        // A rule that has run fills its numbers when it is compiled.
        r.compiled = undefined;
      }
    }
    for (const table of this.tables.values()) {
      for (const set of table.sets.values()) set.load(undefined);
      for (const object of table.objects.values()) assign(object.numbers, initialOf(object.value));
    }
    if (saved === undefined) return;
    for (const [id, c] of saved.chains) {
      const chain = this.#chains.get(id);
      if (chain === undefined) continue;
      chain.policyPackets = c.policyPackets;
      const byHandle = new Map(chain.rules.map((r) => [r.rule.handle, r]));
      for (const [handle, numbers, tracked] of c.rules) {
        const state = byHandle.get(handle);
        if (state === undefined) continue;
        state.numbers = [...numbers];
        state.tracked = [...tracked];
      }
    }
    for (const [label, name, set] of saved.sets) this.tables.get(label)?.sets.get(name)?.load(set);
    for (const [label, key, numbers] of saved.objects) {
      const object = this.tables.get(label)?.objects.get(key);
      if (object !== undefined) assign(object.numbers, numbers);
    }
  }
}

/** In place: compiled rules hold the array. */
function assign(numbers: number[], values: readonly number[]): void {
  numbers.splice(0, numbers.length, ...values);
}

const asks = new WeakMap<readonly NftRule[], boolean>();

function asksForConntrack(chain: NftChain): boolean {
  const known = asks.get(chain.rules);
  if (known !== undefined) return known;
  const answer = chain.rules.some((r) => ASKS_FOR_CONNTRACK.test(r.text));
  asks.set(chain.rules, answer);
  return answer;
}

export interface SavedNft {
  readonly chains: readonly (readonly [
    string,
    { readonly rules: readonly (readonly [number, readonly number[], readonly TrackedConnection[]])[]; readonly policyPackets: number },
  ])[];
  readonly sets: readonly (readonly [string, string, SavedSet])[];
  readonly objects: readonly (readonly [string, string, readonly number[]])[];
}
