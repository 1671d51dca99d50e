/** Runs nft's commands on the records of a netns: all of them or none. Linux: net/netfilter/nf_tables_api.c; nft: src/libnftables.c */
import type { Origin } from '../../base/origin.ts';
import type { Command, Element, Expr, Name, ObjectType, SetSpec, Stmt, TableRef } from './ast.ts';
import { evaluateElements, evaluateRule, type Scope, type SetTypes, typesOfSpec } from './evaluate.ts';
import { formatElement, formatExpr, formatQuota, formatRate, formatRule, PLAIN } from './format.ts';
import { boundsOf, intervalExpr, keyText } from './interval.ts';
import {
  type NftChain,
  type NftElement,
  type NftObject,
  type NftRecord,
  type NftRule,
  type NftSet,
  type NftTable,
  nftChainId,
  nftObjectId,
  nftSetId,
  nftTableId,
} from './nft-records.ts';
import { compiledElements, readRule, typesOfSet } from './read-record.ts';
import { NftError, type Span } from './scanner.ts';

const ENOENT = 'Could not process rule: No such file or directory';
const EEXIST = 'Could not process rule: File exists';
const EBUSY = 'Could not process rule: Device or resource busy';
const ENOTSUP = 'Could not process rule: Operation not supported';
const EMLINK = 'Could not process rule: Too many links';
const NO_FILE = 'No such file or directory';
const MAX_JUMPS = 16;
const MAX_NAME = 255;
const DYNAMIC_SIZE = 65535;

/** What must happen in the running engine beside the change of records. */
export type RuntimeChange =
  | { readonly kind: 'clear-set'; readonly id: string }
  | { readonly kind: 'delete-elements'; readonly id: string; readonly elements: readonly Element[] };

export interface TransactionResult {
  readonly put: readonly NftRecord[];
  readonly removed: readonly string[];
  readonly runtime: readonly RuntimeChange[];
}

export interface TransactionContext {
  readonly netns: string;
  readonly origin: Origin;
  readonly nowNs: number;
  /** Name of a device by its name or index. */
  device(text: string): string | undefined;
  /** Elements that packets have put into a set. */
  hasDynamic(setId: string, element: Element): boolean;
}

interface DraftSet {
  /** By the text of their keys. */
  readonly elements: Map<string, { readonly typed: Element; readonly element: NftElement }>;
}

export class Transaction {
  readonly #context: TransactionContext;
  readonly #before = new Map<string, NftRecord>();
  readonly #now = new Map<string, NftRecord>();
  readonly #rules = new Map<string, NftRule[]>();
  readonly #sets = new Map<string, DraftSet>();
  readonly #handles = new Map<string, number>();
  readonly #runtime: RuntimeChange[] = [];
  readonly #touched = new Map<string, { readonly table: NftTable; readonly span: Span }>();

  constructor(records: Iterable<NftRecord>, context: TransactionContext) {
    this.#context = context;
    for (const r of records) {
      this.#before.set(r.id, r);
      this.#now.set(r.id, r);
    }
  }

  /** @throws {NftError} when one of them fails; then nothing has happened. */
  run(commands: readonly Command[]): TransactionResult {
    for (const command of commands) this.#run(command);
    for (const { table, span } of this.#touched.values()) if (this.#now.has(table.id)) this.#validate(table, span);
    return this.#result();
  }

  #result(): TransactionResult {
    for (const [id, rules] of this.#rules) {
      const chain = this.#now.get(id);
      if (chain?.kind === 'nft-chain') this.#now.set(id, { ...chain, rules });
    }
    for (const [id, draft] of this.#sets) {
      const set = this.#now.get(id);
      if (set?.kind === 'nft-set') this.#now.set(id, { ...set, elements: [...draft.elements.values()].map((e) => e.element) });
    }
    for (const [id, lastHandle] of this.#handles) {
      const table = this.#now.get(id);
      if (table?.kind === 'nft-table') this.#now.set(id, { ...table, lastHandle });
    }
    const put = [...this.#now.values()].filter((r) => this.#before.get(r.id) !== r);
    const removed = [...this.#before.keys()].filter((id) => !this.#now.has(id));
    return { put, removed, runtime: this.#runtime };
  }

  #run(command: Command): void {
    switch (command.c) {
      case 'add-table':
        this.#addTable(command);
        return;
      case 'add-chain':
        this.#addChain(command);
        return;
      case 'add-set':
        this.#addSet(command);
        return;
      case 'add-object':
        this.#addObject(command);
        return;
      case 'add-rule':
        this.#addRule(command);
        return;
      case 'elements':
        this.#elements(command);
        return;
      case 'remove':
        this.#remove(command);
        return;
      case 'remove-rule':
        this.#removeRule(command);
        return;
      case 'flush':
        this.#flush(command);
        return;
      case 'rename-chain':
        this.#rename(command);
        return;
      case 'list':
        return;
    }
  }

  // ---- finding

  #table(ref: TableRef, message: string): NftTable {
    const table = this.#now.get(nftTableId(this.#context.netns, ref.family, ref.table.text));
    if (table?.kind !== 'nft-table') throw new NftError(message, ref.table.span);
    return table;
  }

  #members(table: NftTable): NftRecord[] {
    return [...this.#now.values()].filter((r) => r.kind !== 'nft-table' && r.family === table.family && r.table === table.name);
  }

  #handle(table: NftTable): number {
    const next = (this.#handles.get(table.id) ?? table.lastHandle) + 1;
    this.#handles.set(table.id, next);
    return next;
  }

  #scope(table: NftTable): Scope {
    const { netns } = this.#context;
    return {
      family: table.family,
      findSet: (name) => this.#setTypes(table, name),
      hasObject: (type, name) => this.#now.has(nftObjectId(netns, table.family, table.name, type, name)),
      device: (text) => this.#context.device(text),
    };
  }

  #setTypes(table: NftTable, name: string): SetTypes | undefined {
    const set = this.#now.get(nftSetId(this.#context.netns, table.family, table.name, name));
    return set?.kind === 'nft-set' ? typesOfSet(set) : undefined;
  }

  #chain(table: NftTable, name: string): NftChain | undefined {
    const chain = this.#now.get(nftChainId(this.#context.netns, table.family, table.name, name));
    return chain?.kind === 'nft-chain' ? chain : undefined;
  }

  #rulesOf(chain: NftChain): NftRule[] {
    const known = this.#rules.get(chain.id);
    if (known !== undefined) return known;
    const copy = [...chain.rules];
    this.#rules.set(chain.id, copy);
    return copy;
  }

  #currentRules(chain: NftChain): readonly NftRule[] {
    return this.#rules.get(chain.id) ?? chain.rules;
  }

  #draft(set: NftSet): DraftSet {
    const known = this.#sets.get(set.id);
    if (known !== undefined) return known;
    const draft: DraftSet = { elements: new Map() };
    compiledElements(set).elements.forEach((typed, i) => {
      const element = set.elements[i] as NftElement;
      if (element.expiresNs === undefined || element.expiresNs > this.#context.nowNs) draft.elements.set(keyText(typed.key), { typed, element });
    });
    this.#sets.set(set.id, draft);
    return draft;
  }

  #checkName(name: Name): void {
    if (name.text.length > MAX_NAME) throw new NftError('Could not process rule: File name too long', name.span);
    if (name.text === '__proto__' || name.text === 'constructor' || name.text === 'prototype')
      throw new NftError('Could not process rule: Invalid argument', name.span);
  }

  // ---- adding

  #addTable(c: Extract<Command, { c: 'add-table' }>): void {
    const { ref } = c;
    const { netns, origin } = this.#context;
    this.#checkName(ref.table);
    if (ref.family === 'arp' || ref.family === 'bridge' || ref.family === 'netdev')
      throw new NftError('Could not process rule: Address family not supported by protocol', ref.table.span);
    const id = nftTableId(netns, ref.family, ref.table.text);
    const known = this.#now.get(id);
    if (known?.kind === 'nft-table') {
      if (c.create) throw new NftError(EEXIST, ref.table.span);
      if (c.dormant !== (known.dormant ?? false) && c.dormant) this.#now.set(id, { ...known, dormant: true });
      return;
    }
    let handle = 0;
    for (const r of this.#now.values()) if (r.kind === 'nft-table' && r.handle > handle) handle = r.handle;
    this.#now.set(id, {
      kind: 'nft-table',
      id,
      origin,
      netns,
      family: ref.family,
      name: ref.table.text,
      handle: handle + 1,
      lastHandle: 0,
      ...(c.comment === undefined ? {} : { comment: c.comment }),
      ...(c.dormant ? { dormant: true } : {}),
    });
  }

  #addChain(c: Extract<Command, { c: 'add-chain' }>): void {
    const table = this.#table(c.ref, NO_FILE);
    this.#checkName(c.name);
    const { spec } = c;
    const known = this.#chain(table, c.name.text);
    if (known !== undefined) {
      if (c.create) throw new NftError(EEXIST, c.name.span);
      const { hook } = spec;
      if (
        hook !== undefined &&
        (known.hook === undefined || known.hook.type !== hook.type || known.hook.hook !== hook.hook || known.hook.priority !== hook.priority)
      )
        throw new NftError(EEXIST, c.span);
      if (spec.policy !== undefined && known.hook === undefined) throw new NftError(ENOTSUP, c.span);
      if (spec.policy !== undefined && spec.policy !== (known.policy ?? 'accept')) this.#now.set(known.id, { ...known, policy: spec.policy });
      return;
    }
    const { hook } = spec;
    if (hook !== undefined) {
      const { type } = hook;
      const natHooks = ['prerouting', 'input', 'output', 'postrouting'];
      if (hook.hook === 'ingress' || hook.hook === 'egress') throw new NftError(ENOTSUP, c.span);
      if (type === 'nat' && (!natHooks.includes(hook.hook) || hook.priority <= -200)) throw new NftError(ENOTSUP, c.span);
      if (type === 'route' && hook.hook !== 'output') throw new NftError(ENOTSUP, c.span);
      if (type === 'nat' && spec.policy === 'drop') throw new NftError(ENOTSUP, c.span);
    } else if (spec.policy !== undefined) throw new NftError(ENOTSUP, c.span);
    const { netns, origin } = this.#context;
    const id = nftChainId(netns, table.family, table.name, c.name.text);
    this.#now.set(id, {
      kind: 'nft-chain',
      id,
      origin,
      netns,
      family: table.family,
      table: table.name,
      name: c.name.text,
      handle: this.#handle(table),
      ...(hook === undefined ? {} : { hook: { type: hook.type, hook: hook.hook, priority: hook.priority } }),
      ...(hook === undefined || spec.policy === undefined ? {} : { policy: spec.policy }),
      ...(spec.comment === undefined ? {} : { comment: spec.comment }),
      rules: [],
    });
    this.#touched.set(table.id, { table, span: c.span });
  }

  #addSet(c: Extract<Command, { c: 'add-set' }>): void {
    const table = this.#table(c.ref, NO_FILE);
    this.#checkName(c.name);
    const { spec, name } = c;
    if (spec.key === undefined) throw new NftError('set definition does not specify key', spec.span);
    if (spec.map && spec.data === undefined) throw new NftError('map definition does not specify mapping data type', spec.span);
    const scope = this.#scope(table);
    typesOfSpec(spec.key, scope);
    if (spec.data !== undefined) typesOfSpec(spec.data, scope);
    const key = specText(spec.key);
    const data = spec.data === undefined ? undefined : specText(spec.data).replace(/^type verdict$/, 'verdict');
    const { netns, origin } = this.#context;
    const id = nftSetId(netns, table.family, table.name, name.text);
    const known = this.#now.get(id);
    if (known?.kind === 'nft-set') {
      if (c.create || known.key !== key || known.data !== data) throw new NftError(EEXIST, name.span);
    } else {
      const record: NftSet = {
        kind: 'nft-set',
        id,
        origin,
        netns,
        family: table.family,
        table: table.name,
        name: name.text,
        handle: this.#handle(table),
        key,
        ...(data === undefined ? {} : { data }),
        flags: flagsOf(spec),
        ...(spec.timeoutMs === undefined ? {} : { timeoutMs: spec.timeoutMs }),
        ...(spec.gcIntervalMs === undefined ? {} : { gcIntervalMs: spec.gcIntervalMs }),
        ...(spec.size === undefined ? {} : { size: spec.size }),
        ...(spec.policy === undefined ? {} : { policy: spec.policy }),
        ...(spec.autoMerge ? { autoMerge: true } : {}),
        ...(spec.comment === undefined ? {} : { comment: spec.comment }),
        ...(spec.counter ? { counter: true } : {}),
        elements: [],
      };
      this.#now.set(id, record);
    }
    const set = this.#now.get(id) as NftSet;
    if (spec.elements.length > 0) this.#addElements(table, set, spec.elements, false);
  }

  #addObject(c: Extract<Command, { c: 'add-object' }>): void {
    const table = this.#table(c.ref, NO_FILE);
    this.#checkName(c.name);
    const { netns, origin } = this.#context;
    const id = nftObjectId(netns, table.family, table.name, c.type, c.name.text);
    if (this.#now.has(id)) {
      if (c.create) throw new NftError(EEXIST, c.name.span);
      return;
    }
    const { value } = c;
    const text =
      value.type === 'counter'
        ? `packets ${value.packets} bytes ${value.bytes}`
        : value.type === 'quota'
          ? formatQuota(value.quota, value.quota.used, PLAIN)
          : formatRate(value.limit);
    const record: NftObject = {
      kind: 'nft-object',
      id,
      origin,
      netns,
      family: table.family,
      table: table.name,
      name: c.name.text,
      type: c.type,
      handle: this.#handle(table),
      text,
      ...(c.comment === undefined ? {} : { comment: c.comment }),
    };
    this.#now.set(id, record);
  }

  #addRule(c: Extract<Command, { c: 'add-rule' }>): void {
    const { ref, place, rule } = c;
    const id = nftTableId(this.#context.netns, ref.family, ref.table.text);
    const table = this.#now.get(id);
    // Which of the two is missing is told by evaluation for the table, by the kernel for the chain.
    if (table?.kind !== 'nft-table') throw new NftError(ENOENT, ref.table.span);
    const typed = evaluateRule(rule, this.#scope(table));
    const chain = this.#chain(table, c.chain.text);
    if (chain === undefined) throw new NftError(ENOENT, c.chain.span);
    this.#checkTargets(table, typed.stmts);
    const rules = this.#rulesOf(chain);
    let at = c.verb === 'insert' ? 0 : rules.length;
    if (place !== undefined) {
      const found = place.how === 'index' ? (place.number < rules.length ? place.number : -1) : rules.findIndex((r) => r.handle === place.number);
      if (found < 0) throw new NftError(ENOENT, place.span);
      at = c.verb === 'add' || c.verb === 'create' ? found + 1 : found;
    }
    for (const stmt of typed.stmts) if (stmt.s === 'dynset') this.#bound(table, stmt.set);
    for (const stmt of typed.stmts) for (let n = anonymousSets(stmt); n > 0; n -= 1) this.#handle(table);
    const made: NftRule = { text: formatRule(typed, table.family), handle: this.#handle(table), origin: this.#context.origin };
    if (c.verb === 'replace') rules.splice(at, 1, made);
    else rules.splice(at, 0, made);
    this.#touched.set(table.id, { table, span: c.span });
  }

  /** A set that packets fill has a bound, whether one was given or not. */
  #bound(table: NftTable, name: string): void {
    const set = this.#now.get(nftSetId(this.#context.netns, table.family, table.name, name));
    if (set?.kind === 'nft-set' && set.size === undefined) this.#now.set(set.id, { ...set, size: DYNAMIC_SIZE });
  }

  /** Chains that verdicts name must exist. */
  #checkTargets(table: NftTable, stmts: readonly Stmt[]): void {
    for (const stmt of stmts) {
      if (stmt.s === 'verdict' && stmt.chain !== undefined && this.#chain(table, stmt.chain) === undefined)
        throw new NftError(ENOENT, stmt.chainSpan ?? stmt.span);
      if (stmt.s === 'vmap' && stmt.map.k === 'set') this.#checkVerdicts(table, stmt.map.elements, stmt.span);
    }
  }

  #checkVerdicts(table: NftTable, elements: readonly Element[], span: Span | undefined): void {
    for (const e of elements) {
      const { data } = e;
      if (data?.k !== 'verdict' || data.chain === undefined) continue;
      const chain = this.#chain(table, data.chain);
      if (chain === undefined) throw new NftError(ENOENT, span ?? e.span);
      if (chain.hook !== undefined) throw new NftError(ENOTSUP, span ?? e.span);
    }
  }

  // ---- elements

  #elements(c: Extract<Command, { c: 'elements' }>): void {
    const table = this.#table(c.ref, NO_FILE);
    const set = this.#now.get(nftSetId(this.#context.netns, table.family, table.name, c.name.text));
    if (set?.kind !== 'nft-set') throw new NftError(NO_FILE, c.name.span);
    if (c.verb === 'get') return;
    if (c.verb === 'add' || c.verb === 'create') this.#addElements(table, set, c.elements, c.verb === 'create');
    else this.#deleteElements(table, set, c.elements, c.verb === 'destroy');
  }

  #addElements(table: NftTable, set: NftSet, given: readonly Element[], create: boolean): void {
    const types = typesOfSet(set);
    if (types.data === undefined && given.some((e) => e.data !== undefined)) throw new NftError('set is not a map', (given[0] as Element).span);
    const typed = evaluateElements(given, types, this.#scope(table));
    this.#checkVerdicts(table, typed, undefined);
    const draft = this.#draft(set);
    if (types.interval && types.key.length === 1 && !this.#autoMerge(set)) this.#checkOverlaps(typed, draft);
    for (const [i, e] of typed.entries()) {
      const key = keyText(e.key);
      const known = draft.elements.get(key);
      if (known !== undefined) {
        if (create) throw new NftError(EEXIST, (given[i] as Element).key.span);
        if (e.data !== undefined && known.typed.data !== undefined && formatExpr(e.data) !== formatExpr(known.typed.data))
          throw new NftError(EEXIST, (given[i] as Element).key.span);
        continue;
      }
      if (set.size !== undefined && draft.elements.size >= set.size)
        throw new NftError('Could not process rule: Too many open files in system', (given[i] as Element).span);
      if (e.timeoutMs !== undefined && !set.flags.includes('timeout'))
        throw new NftError('Could not process rule: Invalid argument', (given[i] as Element).span);
      draft.elements.set(key, { typed: e, element: this.#elementRecord(set, e) });
    }
    if (types.interval && types.key.length === 1 && this.#autoMerge(set)) this.#merge(set, draft);
  }

  #autoMerge(set: NftSet): boolean {
    return set.autoMerge === true && set.data === undefined;
  }

  #elementRecord(set: NftSet, e: Element): NftElement {
    const lifeMs = e.expiresMs ?? e.timeoutMs ?? set.timeoutMs;
    const text = formatElement({ ...e, expiresMs: undefined }, PLAIN);
    return { text, ...(lifeMs === undefined || lifeMs === 0 ? {} : { expiresNs: this.#context.nowNs + lifeMs * 1e6 }) };
  }

  #checkOverlaps(given: readonly Element[], draft: DraftSet): void {
    type Known = { readonly low: number | bigint; readonly high: number | bigint; readonly span: Span | undefined; readonly key: string };
    const all: Known[] = [];
    for (const { typed } of draft.elements.values()) {
      const b = boundsOf(typed.key);
      if (b !== undefined) all.push({ low: b[0], high: b[1], span: undefined, key: keyText(typed.key) });
    }
    for (const e of given) {
      const b = boundsOf(e.key);
      if (b !== undefined && !draft.elements.has(keyText(e.key))) all.push({ low: b[0], high: b[1], span: e.span, key: keyText(e.key) });
    }
    all.sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
    for (let i = 1; i < all.length; i += 1) {
      const a = all[i - 1] as Known;
      const b = all[i] as Known;
      if (b.low > a.high || a.key === b.key) continue;
      const span = b.span ?? a.span;
      if (span === undefined) continue;
      if (a.span !== undefined && b.span !== undefined) throw new NftError('conflicting intervals specified', b.span, a.span);
      throw new NftError('interval overlaps with an existing one', span);
    }
  }

  #merge(set: NftSet, draft: DraftSet): void {
    const type = typesOfSet(set).key[0];
    if (type === undefined) return;
    const plain = [...draft.elements.values()].map((e) => ({ e, bounds: boundsOf(e.typed.key) }));
    const sorted = plain
      .flatMap(({ e, bounds }) => (bounds === undefined ? [] : [{ e, low: bounds[0], high: bounds[1] }]))
      .sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
    const merged: typeof sorted = [];
    for (const one of sorted) {
      const last = merged[merged.length - 1];
      const adjacent = last !== undefined && (one.low <= last.high || BigInt(one.low) === BigInt(last.high) + 1n);
      if (last !== undefined && adjacent) {
        if (one.high > last.high) last.high = one.high;
      } else merged.push({ ...one });
    }
    draft.elements.clear();
    for (const { e, low, high } of merged) {
      const typed = { ...e.typed, key: intervalExpr(low, high, type, e.typed.span) };
      draft.elements.set(keyText(typed.key), { typed, element: this.#elementRecord(set, typed) });
    }
  }

  #deleteElements(table: NftTable, set: NftSet, given: readonly Element[], destroy: boolean): void {
    const typed = evaluateElements(
      given.map((e) => ({ ...e, data: undefined })),
      { ...typesOfSet(set), data: undefined },
      this.#scope(table),
    );
    const draft = this.#draft(set);
    const dynamic: Element[] = [];
    for (const [i, e] of typed.entries()) {
      if (draft.elements.delete(keyText(e.key))) continue;
      if (this.#context.hasDynamic(set.id, e)) dynamic.push(e);
      else if (!destroy) throw new NftError(set.flags.includes('interval') ? 'element does not exist' : ENOENT, (given[i] as Element).key.span);
    }
    if (dynamic.length > 0) this.#runtime.push({ kind: 'delete-elements', id: set.id, elements: dynamic });
  }

  // ---- removing

  #drop(id: string): void {
    this.#now.delete(id);
    this.#rules.delete(id);
    this.#sets.delete(id);
  }

  #remove(c: Extract<Command, { c: 'remove' }>): void {
    const { ref, what, destroy } = c;
    const { netns } = this.#context;
    if (what === 'table') {
      const table =
        c.handle === undefined
          ? this.#now.get(nftTableId(netns, ref.family, ref.table.text))
          : [...this.#now.values()].find((r) => r.kind === 'nft-table' && r.family === ref.family && r.handle === c.handle?.number);
      if (table?.kind !== 'nft-table') {
        if (destroy) return;
        throw new NftError(ENOENT, c.handle?.span ?? ref.table.span);
      }
      for (const member of this.#members(table)) this.#drop(member.id);
      this.#drop(table.id);
      this.#handles.delete(table.id);
      return;
    }
    const table = this.#now.get(nftTableId(netns, ref.family, ref.table.text));
    const span = c.name?.span ?? c.handle?.span ?? c.span;
    const found = table?.kind === 'nft-table' ? this.#member(table, what, c.name?.text, c.handle?.number) : undefined;
    if (table?.kind !== 'nft-table' || found === undefined) {
      if (destroy) return;
      throw new NftError(ENOENT, table === undefined ? ref.table.span : span);
    }
    if (this.#isUsed(table, found)) throw new NftError(EBUSY, span);
    this.#drop(found.id);
  }

  #member(table: NftTable, what: 'chain' | 'set' | 'map' | ObjectType, name: string | undefined, handle: number | undefined): NftRecord | undefined {
    const kind = what === 'chain' ? 'nft-chain' : what === 'set' || what === 'map' ? 'nft-set' : 'nft-object';
    return this.#members(table).find(
      (r) => r.kind === kind && (r.kind !== 'nft-object' || r.type === what) && (name === undefined ? r.handle === handle : r.name === name),
    );
  }

  /** Some rule, or the verdict of some element, names it. */
  #isUsed(table: NftTable, record: NftRecord): boolean {
    const name = record.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const pattern =
      record.kind === 'nft-chain'
        ? new RegExp(`(?:jump|goto) ${name}(?=[\\s,]|$)`)
        : record.kind === 'nft-set'
          ? new RegExp(`@${name}(?=[\\s,]|$)`)
          : new RegExp(`${record.kind === 'nft-object' ? record.type : ''} name "${name}"`);
    for (const r of this.#members(table)) {
      if (r.kind === 'nft-chain' && r.id !== record.id && this.#currentRules(r).some((rule) => pattern.test(rule.text))) return true;
      if (r.kind === 'nft-set' && record.kind === 'nft-chain' && r.data === 'verdict') {
        const draft = this.#sets.get(r.id);
        if ((draft === undefined ? r.elements : [...draft.elements.values()].map((e) => e.element)).some((e) => pattern.test(e.text))) return true;
      }
    }
    return false;
  }

  #removeRule(c: Extract<Command, { c: 'remove-rule' }>): void {
    const table = this.#now.get(nftTableId(this.#context.netns, c.ref.family, c.ref.table.text));
    const chain = table?.kind === 'nft-table' ? this.#chain(table, c.chain.text) : undefined;
    if (chain === undefined) {
      if (c.destroy) return;
      throw new NftError(ENOENT, table === undefined ? c.ref.table.span : c.chain.span);
    }
    const rules = this.#rulesOf(chain);
    const at = rules.findIndex((r) => r.handle === c.handle.number);
    if (at >= 0) rules.splice(at, 1);
    else if (!c.destroy) throw new NftError(ENOENT, c.handle.span);
  }

  #flush(c: Extract<Command, { c: 'flush' }>): void {
    const { netns } = this.#context;
    if (c.what === 'ruleset') {
      for (const r of [...this.#now.values()]) if (c.family === undefined || r.family === c.family) this.#drop(r.id);
      this.#handles.clear();
      return;
    }
    const family = c.family ?? 'ip';
    const tableName = c.table as Name;
    const table = this.#now.get(nftTableId(netns, family, tableName.text));
    if (table?.kind !== 'nft-table') throw new NftError(c.what === 'table' || c.what === 'chain' ? ENOENT : NO_FILE, tableName.span);
    if (c.what === 'table') {
      for (const r of this.#members(table)) if (r.kind === 'nft-chain') this.#rules.set(r.id, []);
      return;
    }
    const name = c.name as Name;
    if (c.what === 'chain') {
      const chain = this.#chain(table, name.text);
      if (chain === undefined) throw new NftError(ENOENT, name.span);
      this.#rules.set(chain.id, []);
      return;
    }
    const set = this.#now.get(nftSetId(netns, family, table.name, name.text));
    if (set?.kind !== 'nft-set') throw new NftError(NO_FILE, name.span);
    this.#sets.set(set.id, { elements: new Map() });
    this.#runtime.push({ kind: 'clear-set', id: set.id });
  }

  #rename(c: Extract<Command, { c: 'rename-chain' }>): void {
    const table = this.#table(c.ref, ENOENT);
    const chain = this.#chain(table, c.chain.text);
    if (chain === undefined) throw new NftError(ENOENT, c.chain.span);
    this.#checkName(c.to);
    if (this.#chain(table, c.to.text) !== undefined) throw new NftError(EEXIST, c.span);
    const rules = this.#currentRules(chain);
    const id = nftChainId(this.#context.netns, table.family, table.name, c.to.text);
    this.#drop(chain.id);
    this.#now.set(id, { ...chain, id, name: c.to.text, rules });
    const pattern = new RegExp(`(jump|goto) ${chain.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?=[\\s,]|$)`, 'g');
    for (const r of this.#members(table)) {
      if (r.kind === 'nft-chain' && this.#currentRules(r).some((x) => x.text.search(pattern) >= 0)) {
        this.#rules.set(
          r.id,
          this.#currentRules(r).map((x) => (x.text.search(pattern) < 0 ? x : { ...x, text: x.text.replace(pattern, `$1 ${c.to.text}`) })),
        );
      } else if (r.kind === 'nft-set' && r.data === 'verdict' && r.elements.some((e) => e.text.search(pattern) >= 0)) {
        this.#sets.delete(r.id);
        this.#now.set(r.id, { ...r, elements: r.elements.map((e) => ({ ...e, text: e.text.replace(pattern, `$1 ${c.to.text}`) })) });
      }
    }
  }

  // ---- what the kernel checks of a table as a whole

  /** From each base chain: no loops, and nothing that its hook or type forbids. */
  #validate(table: NftTable, span: Span): void {
    const chains = new Map<string, NftChain>();
    for (const r of this.#members(table)) if (r.kind === 'nft-chain') chains.set(r.name, r);
    const memo = new Map<string, Set<string>>();
    for (const chain of chains.values()) {
      if (chain.hook === undefined) continue;
      const seen = memo.get(`${chain.hook.type} ${chain.hook.hook}`) ?? new Set<string>();
      memo.set(`${chain.hook.type} ${chain.hook.hook}`, seen);
      this.#validateChain(table, chains, chain, chain, [], seen, span);
    }
  }

  #validateChain(
    table: NftTable,
    chains: ReadonlyMap<string, NftChain>,
    base: NftChain,
    chain: NftChain,
    path: readonly string[],
    seen: Set<string>,
    span: Span,
  ): void {
    if (path.includes(chain.name) || path.length >= MAX_JUMPS) throw new NftError(EMLINK, span);
    if (seen.has(chain.name)) return;
    const next = [...path, chain.name];
    for (const rule of this.#currentRules(chain)) {
      if (!MAY_FORBID.test(rule.text)) continue;
      const { stmts } = readRule(rule, table.family, (name) => this.#setTypes(table, name));
      for (const stmt of stmts) {
        if (!allowed(stmt, base)) throw new NftError(ENOTSUP, span);
        for (const target of this.#targets(table, stmt)) {
          const to = chains.get(target);
          if (to !== undefined) this.#validateChain(table, chains, base, to, next, seen, span);
        }
      }
    }
    seen.add(chain.name);
  }

  #targets(table: NftTable, stmt: Stmt): string[] {
    if (stmt.s === 'verdict') return stmt.chain === undefined ? [] : [stmt.chain];
    if (stmt.s !== 'vmap') return [];
    const named = (e: Element): string[] => (e.data?.k === 'verdict' && e.data.chain !== undefined ? [e.data.chain] : []);
    if (stmt.map.k === 'set') return stmt.map.elements.flatMap(named);
    const set = stmt.map.k === 'setref' ? this.#now.get(nftSetId(this.#context.netns, table.family, table.name, stmt.map.name)) : undefined;
    if (set?.kind !== 'nft-set') return [];
    const draft = this.#sets.get(set.id);
    return draft === undefined ? compiledElements(set).elements.flatMap(named) : [...draft.elements.values()].flatMap((e) => named(e.typed));
  }
}

const MAY_FORBID = /\b(jump|goto|vmap|dnat|snat|masquerade|redirect|reject)\b/;

/** Statements that only some hooks and chain types allow (nft_nat_validate, nft_masq_validate, nft_reject_validate). */
function allowed(stmt: Stmt, base: NftChain): boolean {
  const { hook } = base;
  if (hook === undefined) return true;
  if (stmt.s === 'reject') return hook.hook === 'input' || hook.hook === 'forward' || hook.hook === 'output' || hook.hook === 'prerouting';
  if (stmt.s !== 'nat') return true;
  if (hook.type !== 'nat') return false;
  switch (stmt.kind) {
    case 'masquerade':
      return hook.hook === 'postrouting';
    case 'snat':
      return hook.hook === 'postrouting' || hook.hook === 'input';
    default:
      return hook.hook === 'prerouting' || hook.hook === 'output';
  }
}

/** Sets without a name take a handle each. */
function anonymousSets(stmt: Stmt): number {
  const count = (e: Expr | undefined): number => (e === undefined ? 0 : e.k === 'set' ? 1 : e.k === 'map' ? count(e.map) : 0);
  switch (stmt.s) {
    case 'match':
      return count(stmt.right);
    case 'vmap':
      return count(stmt.map);
    case 'nat':
      return count(stmt.address) + count(stmt.port);
    case 'set':
      return count(stmt.value);
    default:
      return 0;
  }
}

function flagsOf(spec: SetSpec): string[] {
  const given = new Set(spec.flags);
  if (spec.timeoutMs !== undefined) given.add('timeout');
  return ['constant', 'dynamic', 'interval', 'timeout'].filter((f) => given.has(f));
}

/** A key's or value's type as it is listed. */
function specText(spec: NonNullable<SetSpec['key']>): string {
  return spec.typeof ? `typeof ${spec.exprs.map((e) => formatExpr(e)).join(' . ')}` : `type ${spec.types.map((t) => t.name).join(' . ')}`;
}
