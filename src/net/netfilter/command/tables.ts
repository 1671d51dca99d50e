/** The tables of one family while commands change them: chains by name, each with its rules and counters, before anything is written back. */
import type { Chain, Rule } from '../../records.ts';
import type { TableName } from '../../trace-event.ts';
import { compileRule } from '../compiled-chain.ts';
import type { Family } from '../definition.ts';
import { BUILTIN_CHAINS, HOOK_NAMES, type Hook } from '../hook.ts';
import { formatRule, type ParsedRule } from '../rule.ts';
import { isBuiltin } from './parse.ts';

export type Counters = readonly [packets: number, bytes: number];

export interface EditRule {
  readonly rule: Rule;
  readonly counters: Counters;
}

export interface EditChain {
  readonly name: string;
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  /** Only then are the next shown. */
  readonly policyCounted: boolean;
  readonly policyCounters: Counters;
  readonly rules: readonly EditRule[];
  /** What it was made from, while its rules are still the very same array. */
  readonly record: Chain | undefined;
}

const ZERO: Counters = [0, 0];

/** nf_tables follows at most so many jumps from a base chain (NFT_JUMP_STACK_SIZE). */
const JUMP_DEPTH = 16;

export const parsedRule = (rule: Rule, family: Family): ParsedRule | undefined => {
  try {
    return compileRule(rule, family).parsed;
  } catch {
    // What an agent wrote and nobody can read is shown as it is.
    return undefined;
  }
};

const texts = new WeakMap<Rule, Partial<Record<Family, string>>>();

/** A rule's canonical text, made once. */
export function canonicalText(rule: Rule, family: Family): string {
  let known = texts.get(rule);
  if (known === undefined) {
    known = {};
    texts.set(rule, known);
  }
  if (known[family] === undefined) {
    const parsed = parsedRule(rule, family);
    known[family] = parsed === undefined ? rule.text : formatRule(parsed);
  }
  return known[family];
}

export class TableEdit {
  readonly family: Family;
  readonly table: TableName;
  readonly #chains: Map<string, EditChain>;
  /** As it was opened. */
  readonly #opened: ReadonlyMap<string, EditChain>;
  /** Arrays of rules that nobody else holds. */
  readonly #own = new Map<string, EditRule[]>();
  /** The table's built-in chains exist: somebody has written to it. */
  touched: boolean;

  constructor(family: Family, table: TableName, chains: Iterable<EditChain>, opened?: ReadonlyMap<string, EditChain>) {
    this.family = family;
    this.table = table;
    this.#chains = new Map([...chains].map((c) => [c.name, c]));
    this.#opened = opened ?? new Map(this.#chains);
    this.touched = this.#chains.size > 0;
  }

  copy(): TableEdit {
    const copy = new TableEdit(this.family, this.table, this.#chains.values(), this.#opened);
    copy.touched = this.touched;
    return copy;
  }

  /** Nobody has changed it since the table was opened. */
  isUnchanged(chain: EditChain): boolean {
    return this.#opened.get(chain.name) === chain;
  }

  /** Built-in chains in the order of their hooks, then the others by name, as the nf_tables variant lists them. */
  chains(): EditChain[] {
    const builtin = BUILTIN_CHAINS[this.table].map((name) => this.find(name) as EditChain);
    const others = [...this.#chains.values()].filter((c) => !isBuiltin(this.table, c.name));
    return [...builtin, ...others.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))];
  }

  /** A built-in chain is there as soon as somebody looks: it accepts everything. */
  find(name: string): EditChain | undefined {
    const found = this.#chains.get(name);
    if (found !== undefined || !isBuiltin(this.table, name)) return found;
    return { name, policy: 'ACCEPT', policyCounted: false, policyCounters: ZERO, rules: [], record: undefined };
  }

  put(chain: EditChain): void {
    this.touched = true;
    this.#chains.set(chain.name, chain);
  }

  /** Behind the last rule: a chain that this edit has copied already grows in place, so that long texts take linear time. */
  append(chain: EditChain, added: readonly EditRule[]): void {
    const own = this.#own.get(chain.name);
    if (own !== undefined && own === chain.rules) {
      own.push(...added);
      return;
    }
    const rules = [...chain.rules, ...added];
    this.#own.set(chain.name, rules);
    this.put({ ...chain, rules, record: undefined });
  }

  remove(name: string): void {
    this.#chains.delete(name);
  }

  /** How many rules jump to each chain. */
  references(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const chain of this.#chains.values()) {
      for (const { rule } of chain.rules) {
        const end = parsedRule(rule, this.family)?.end;
        if (end?.kind === 'jump' || end?.kind === 'goto') counts.set(end.chain, (counts.get(end.chain) ?? 0) + 1);
      }
    }
    return counts;
  }

  /**
   * What the kernel finds wrong with the whole: rules that jump in a circle or too deep (EMLINK), and extensions reached from a hook where they
   * may not stand (EINVAL). Linux: net/netfilter/nf_tables_api.c, nft_chain_validate()
   */
  validate(): string | undefined {
    for (const name of BUILTIN_CHAINS[this.table]) {
      const error = this.#validateFrom(name, HOOK_NAMES.indexOf(name) as Hook);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  #validateFrom(base: string, hook: Hook): string | undefined {
    /** The deepest that was walked below each chain; 'open' while it is being walked. */
    const below = new Map<string, number | 'open'>();
    const walk = (name: string): number | string => {
      const known = below.get(name);
      if (known === 'open') return 'Too many links';
      if (known !== undefined) return known;
      below.set(name, 'open');
      let deepest = 0;
      for (const { rule } of this.#chains.get(name)?.rules ?? []) {
        const parsed = parsedRule(rule, this.family);
        if (parsed === undefined) continue;
        if (!mayStand(parsed, this.table, hook)) return 'Invalid argument';
        if (parsed.end.kind !== 'jump' && parsed.end.kind !== 'goto') continue;
        const inner = walk(parsed.end.chain);
        if (typeof inner === 'string') return inner;
        deepest = Math.max(deepest, inner + 1);
        if (deepest >= JUMP_DEPTH) return 'Too many links';
      }
      below.set(name, deepest);
      return deepest;
    };
    const result = walk(base);
    return typeof result === 'string' ? result : undefined;
  }
}

/** The kernel lets the rule's extensions stand in a chain that this hook reaches; `hook` undefined: not known. */
export function mayStand(rule: ParsedRule, table: TableName, hook: Hook | undefined): boolean {
  return rule.placements.every(
    (p) => (p.tables === undefined || p.tables.includes(table)) && (hook === undefined || p.hooks === undefined || p.hooks.includes(hook)),
  );
}
