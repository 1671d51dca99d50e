/** nftables as `nft list` prints it: records with what the kernel has counted since. nft: src/rule.c */
import type { Element, Expr, Family, ObjectType } from './ast.ts';
import { type DataType, formatTime, type NftValue } from './datatype.ts';
import { type FormatOptions, formatElement, formatQuota, formatRate, formatRule, type LiveState, sortElements } from './format.ts';
import type { NftChain, NftObject, NftRecord, NftSet, NftTable } from './nft-records.ts';
import { priorityNames } from './parse-command.ts';
import { compiledElements, readObject, readRule, typesOfSet } from './read-record.ts';
import type { DynamicElement } from './set-state.ts';
import type { NftChainState, NftTables } from './tables.ts';

export interface ListOptions extends FormatOptions {
  /** `-a` */
  readonly handles: boolean;
  /** `-t`: no elements. */
  readonly terse: boolean;
  /** `-y`: priorities as numbers. */
  readonly numericPriority: boolean;
}

/** What a netns has. `live` is undefined where the engine has not looked at it. */
export class NftListing {
  readonly tables: readonly NftTable[];
  readonly #members = new Map<string, NftRecord[]>();
  readonly #live: NftTables | undefined;
  readonly #nowNs: number;
  readonly options: ListOptions;

  constructor(records: Iterable<NftRecord>, live: NftTables | undefined, nowNs: number, options: ListOptions) {
    const tables: NftTable[] = [];
    for (const r of records) {
      if (r.kind === 'nft-table') tables.push(r);
      else {
        const key = `${r.family} ${r.table}`;
        const list = this.#members.get(key);
        if (list === undefined) this.#members.set(key, [r]);
        else list.push(r);
      }
    }
    this.tables = tables.sort((a, b) => a.handle - b.handle || (a.name < b.name ? -1 : 1));
    for (const list of this.#members.values()) list.sort((a, b) => a.handle - b.handle);
    this.#live = live;
    this.#nowNs = nowNs;
    this.options = options;
  }

  find(family: Family, name: string): NftTable | undefined {
    return this.tables.find((t) => t.family === family && t.name === name);
  }

  #of<K extends NftRecord['kind']>(table: NftTable, kind: K): Extract<NftRecord, { kind: K }>[] {
    return (this.#members.get(`${table.family} ${table.name}`) ?? []).filter((r): r is Extract<NftRecord, { kind: K }> => r.kind === kind);
  }

  chains(table: NftTable): NftChain[] {
    return this.#of(table, 'nft-chain');
  }

  sets(table: NftTable): NftSet[] {
    return this.#of(table, 'nft-set');
  }

  objects(table: NftTable, type?: ObjectType): NftObject[] {
    return this.#of(table, 'nft-object').filter((o) => type === undefined || o.type === type);
  }

  #handle(n: number): string {
    return this.options.handles ? ` # handle ${n}` : '';
  }

  /** A whole table. */
  table(table: NftTable): string {
    const head = `table ${table.family} ${table.name} {${this.#handle(table.handle)}\n`;
    let text = table.dormant === true ? '\tflags dormant\n' : '';
    if (table.comment !== undefined) text += `\tcomment "${table.comment}"\n`;
    const parts = [
      ...this.objects(table).map((o) => this.object(o)),
      ...this.sets(table).map((s) => this.set(s)),
      ...this.chains(table).map((c) => this.chain(c, true)),
    ];
    return `${head}${text}${parts.join('\n')}}\n`;
  }

  /** Some members of a table, without empty lines. */
  frame(table: NftTable, members: readonly string[], always = false): string {
    return members.length === 0 && !always ? '' : `table ${table.family} ${table.name} {\n${members.join('')}}\n`;
  }

  chain(chain: NftChain, withRules: boolean): string {
    let text = `\tchain ${chain.name} {${this.#handle(chain.handle)}\n`;
    if (chain.comment !== undefined) text += `\t\tcomment "${chain.comment}"\n`;
    const { hook } = chain;
    if (hook !== undefined) {
      text += `\t\ttype ${hook.type} hook ${hook.hook} priority ${formatPriority(chain.family, hook.hook, hook.priority, this.options)}; policy ${chain.policy ?? 'accept'};\n`;
    }
    if (withRules) for (const line of this.rules(chain)) text += `\t\t${line}\n`;
    return `${text}\t}\n`;
  }

  rules(chain: NftChain): string[] {
    const live = this.#live?.chain(chain.id);
    const tableSets = this.#live?.tables.get(`${chain.family} ${chain.table}`);
    const own =
      tableSets === undefined
        ? new Map((this.#members.get(`${chain.family} ${chain.table}`) ?? []).flatMap((r) => (r.kind === 'nft-set' ? [[r.name, r] as const] : [])))
        : undefined;
    return chain.rules.map((rule, i) => {
      const parsed = readRule(rule, chain.family, (name) => {
        if (tableSets !== undefined) return tableSets.types(name);
        const set = own?.get(name);
        return set === undefined ? undefined : typesOfSet(set);
      });
      return `${formatRule(parsed, chain.family, this.options, liveRule(live, i))}${this.#handle(rule.handle)}`;
    });
  }

  object(object: NftObject): string {
    const state = this.#live?.tables.get(`${object.family} ${object.table}`)?.object(object.type, object.name);
    const value = readObject(object);
    let text = `\t${object.type} ${object.name} {${this.#handle(object.handle)}\n`;
    if (object.comment !== undefined) text += `\t\tcomment "${object.comment}"\n`;
    if (value.type === 'counter') {
      if (!this.options.stateless) text += `\t\tpackets ${state?.numbers[0] ?? value.packets} bytes ${state?.numbers[1] ?? value.bytes}\n`;
    } else if (value.type === 'quota') text += `\t\t${formatQuota(value.quota, state?.numbers[0] ?? value.quota.used, this.options)}\n`;
    else text += `\t\t${formatRate(value.limit)}\n`;
    return `${text}\t}\n`;
  }

  set(set: NftSet, only?: readonly Element[]): string {
    let text = `\t${set.data === undefined ? 'set' : 'map'} ${set.name} {${this.#handle(set.handle)}\n`;
    text += `\t\t${set.key}${set.data === undefined ? '' : ` : ${set.data.replace(/^type(of)? /, '')}`}\n`;
    if (set.counter === true) text += '\t\tcounter\n';
    if (set.policy === 'memory') text += '\t\tpolicy memory\n';
    if (set.size !== undefined) text += `\t\tsize ${set.size}\n`;
    if (set.flags.some((f) => f !== 'timeout' || set.timeoutMs === undefined)) text += `\t\tflags ${set.flags.join(',')}\n`;
    if (set.timeoutMs !== undefined) text += `\t\ttimeout ${formatTime(set.timeoutMs)}\n`;
    if (set.gcIntervalMs !== undefined) text += `\t\tgc-interval ${formatTime(set.gcIntervalMs)}\n`;
    if (set.autoMerge === true) text += '\t\tauto-merge\n';
    if (set.comment !== undefined) text += `\t\tcomment "${set.comment}"\n`;
    const elements = only ?? (this.options.terse ? [] : this.elements(set));
    if (elements.length > 0)
      text += `\t\telements = { ${wrap(
        sortElements(elements, typesOfSet(set).key.length > 1 && set.flags.includes('interval')).map((e) => formatElement(e, this.options)),
        perLine(typesOfSet(set).key),
      )} }\n`;
    return `${text}\t}\n`;
  }

  /** All live elements, those that packets made among them. */
  elements(set: NftSet): Element[] {
    const state = this.#live?.tables.get(`${set.family} ${set.table}`)?.set(set.name);
    const types = typesOfSet(set);
    const own = compiledElements(set).elements.flatMap((e, i) => {
      const expires = set.elements[i]?.expiresNs;
      if (expires !== undefined && expires <= this.#nowNs) return [];
      const counter =
        e.counter !== undefined || set.counter === true ? ((state?.counters?.get(i) ?? e.counter ?? [0, 0]) as readonly [number, number]) : undefined;
      return [{ ...e, counter, expiresMs: expires === undefined ? undefined : Math.floor((expires - this.#nowNs) / 1e6) }];
    });
    const made = (state?.dynamic(this.#nowNs) ?? []).map((d) => dynamicElement(d, types.key, types.data, this.#nowNs));
    return [...own, ...made];
  }
}

const NO_SPAN = { start: 0, end: 0 };

function dynamicElement(d: DynamicElement, key: readonly DataType[], data: readonly DataType[] | undefined, nowNs: number): Element {
  const expr = (values: readonly NftValue[], types: readonly DataType[]): Expr => {
    const parts = values.map((v, i): Expr => ({ k: 'value', v, type: types[i] as DataType, span: NO_SPAN }));
    return parts.length === 1 ? (parts[0] as Expr) : { k: 'concat', parts, span: NO_SPAN };
  };
  return {
    key: expr(d.key, key),
    data:
      d.verdict !== undefined
        ? { k: 'verdict', verdict: d.verdict.kind, chain: d.verdict.chain, span: NO_SPAN }
        : d.data.length > 0 && data !== undefined
          ? expr(d.data, data)
          : undefined,
    timeoutMs: d.timeoutMs,
    expiresMs: d.expiresNs === 0 ? undefined : Math.max(0, Math.floor((d.expiresNs - nowNs) / 1e6)),
    comment: undefined,
    counter: d.counts ? [d.numbers[0] ?? 0, d.numbers[1] ?? 0] : undefined,
    span: NO_SPAN,
  };
}

function liveRule(chain: NftChainState | undefined, i: number): LiveState | undefined {
  const numbers = chain?.rules[i]?.numbers;
  if (numbers === undefined || numbers.length === 0) return undefined;
  return {
    counter: (slot) => [numbers[2 * slot] ?? 0, numbers[2 * slot + 1] ?? 0],
    quotaUsed: (slot) => numbers[2 * slot],
  };
}

/** Elements a line of a named set. */
function perLine(key: readonly DataType[]): number {
  const type = key[0];
  if (key.length !== 1 || type === undefined) return 1;
  if (type.name === 'ipv4_addr' || type.bitmask === true) return 2;
  return ['inet_service', 'inet_proto', 'mark', 'integer', 'uid', 'gid'].includes(type.name) ? 5 : 1;
}

function wrap(elements: readonly string[], perLineCount: number): string {
  let text = '';
  elements.forEach((e, i) => {
    if (i > 0) text += i % perLineCount === 0 ? ',\n\t\t\t     ' : ', ';
    text += e;
  });
  return text;
}

/** Furthest from a named priority that is still told by its name. */
const NEAR = 10;

export function formatPriority(family: Family, hook: string, priority: number, options: Pick<ListOptions, 'numericPriority' | 'numeric'>): string {
  if (options.numericPriority || options.numeric) return String(priority);
  for (const [name, value] of Object.entries(priorityNames(family))) {
    if (name === 'dstnat' && hook !== 'prerouting') continue;
    if (name === 'srcnat' && hook !== 'postrouting') continue;
    const distance = priority - value;
    if (distance === 0) return name;
    if (Math.abs(distance) <= NEAR) return `${name} ${distance > 0 ? '+' : '-'} ${Math.abs(distance)}`;
  }
  return String(priority);
}
