/** A named set in a netns: its record's elements, and those that packets put into it. Linux: net/netfilter/nft_dynset.c */
import type { NftValue } from './datatype.ts';
import type { NftSet } from './nft-records.ts';
import { compiledElements } from './read-record.ts';
import type { FoundElement, SetLookup } from './set-lookup.ts';

/** An element that a packet made. */
export interface DynamicElement {
  readonly key: readonly NftValue[];
  readonly data: readonly NftValue[];
  readonly verdict: FoundElement['verdict'];
  /** 0: never. */
  expiresNs: number;
  timeoutMs: number | undefined;
  /** Numbers of the statements in its braces, two for each: packets and bytes, tokens and time. */
  numbers: number[];
  counts: boolean;
}

/** Elements of a set without `size` that packets may make. */
const DEFAULT_SIZE = 65535;

const textOf = (key: readonly NftValue[]): string => {
  if (key.length === 1) return String(key[0]);
  let text = '';
  for (const part of key) text += `${part}|`;
  return text;
};

export class SetState {
  readonly record: NftSet;
  #lookup: SetLookup | undefined;
  #dynamic: Map<string, DynamicElement> | undefined;
  /** [packets, bytes] by place of an element that counts. */
  counters: Map<number, [number, number]> | undefined;

  constructor(record: NftSet, before: SetState | undefined) {
    this.record = record;
    this.#dynamic = before === undefined ? undefined : before.#dynamic;
    this.counters = before?.record.elements === record.elements ? before.counters : undefined;
  }

  get lookup(): SetLookup {
    this.#lookup ??= compiledElements(this.record).lookup;
    return this.#lookup;
  }

  find(key: readonly NftValue[], nowNs: number): FoundElement | DynamicElement | undefined {
    if (this.#dynamic !== undefined && this.#dynamic.size > 0) {
      const text = textOf(key);
      const dynamic = this.#dynamic.get(text);
      if (dynamic !== undefined) {
        if (dynamic.expiresNs === 0 || dynamic.expiresNs > nowNs) return dynamic;
        this.#dynamic.delete(text);
      }
    }
    return this.record.elements.length === 0 ? undefined : this.lookup.find(key, nowNs);
  }

  /** nft_dynset_eval(): finds or makes the element; undefined when the set is full. `refresh`: an old one lives anew. */
  put(
    key: readonly NftValue[],
    data: readonly NftValue[],
    verdict: FoundElement['verdict'],
    timeoutMs: number | undefined,
    refresh: boolean,
    slots: number,
    counts: boolean,
    nowNs: number,
  ): DynamicElement | undefined {
    const lifeMs = timeoutMs ?? this.record.timeoutMs;
    const expiresNs = lifeMs === undefined ? 0 : nowNs + lifeMs * 1e6;
    this.#dynamic ??= new Map();
    const text = textOf(key);
    const known = this.#dynamic.get(text);
    if (known !== undefined && (known.expiresNs === 0 || known.expiresNs > nowNs)) {
      if (refresh) known.expiresNs = expiresNs;
      return known;
    }
    const room = (this.record.size ?? DEFAULT_SIZE) - this.record.elements.length;
    if (known === undefined && this.#dynamic.size >= room) {
      this.collect(nowNs);
      if (this.#dynamic.size >= room) return undefined;
    }
    const made: DynamicElement = {
      key: [...key],
      data: [...data],
      verdict,
      expiresNs,
      timeoutMs: timeoutMs === this.record.timeoutMs ? undefined : timeoutMs,
      numbers: new Array(2 * slots).fill(0),
      counts,
    };
    this.#dynamic.delete(text);
    this.#dynamic.set(text, made);
    return made;
  }

  remove(key: readonly NftValue[]): boolean {
    return this.#dynamic?.delete(textOf(key)) === true;
  }

  clear(): void {
    this.#dynamic = undefined;
    this.counters = undefined;
  }

  collect(nowNs: number): void {
    for (const [text, e] of this.#dynamic ?? []) if (e.expiresNs !== 0 && e.expiresNs <= nowNs) this.#dynamic?.delete(text);
  }

  count(index: number, bytes: number): void {
    this.counters ??= new Map();
    const numbers = this.counters.get(index) ?? [0, 0];
    this.counters.set(index, [numbers[0] + 1, numbers[1] + bytes]);
  }

  /** Live elements that packets made. */
  dynamic(nowNs: number): DynamicElement[] {
    return [...(this.#dynamic?.values() ?? [])].filter((e) => e.expiresNs === 0 || e.expiresNs > nowNs);
  }

  save(): SavedSet | undefined {
    if ((this.#dynamic?.size ?? 0) === 0 && (this.counters?.size ?? 0) === 0) return undefined;
    return {
      dynamic: [...(this.#dynamic ?? [])].map(([text, e]) => [text, { ...e, numbers: [...e.numbers] }] as const),
      counters: [...(this.counters ?? [])].map(([i, n]) => [i, [n[0], n[1]]] as const),
    };
  }

  load(saved: SavedSet | undefined): void {
    this.#dynamic = saved === undefined ? undefined : new Map(saved.dynamic.map(([text, e]) => [text, { ...e, numbers: [...e.numbers] }]));
    this.counters = saved === undefined || saved.counters.length === 0 ? undefined : new Map(saved.counters.map(([i, n]) => [i, [n[0], n[1]]]));
  }
}

export interface SavedSet {
  readonly dynamic: readonly (readonly [string, DynamicElement])[];
  readonly counters: readonly (readonly [number, readonly [number, number]])[];
}
