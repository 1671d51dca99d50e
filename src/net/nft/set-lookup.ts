/** The elements of a set or map made ready for packets: a hash for each part of the key, sorted intervals beside it. Linux: net/netfilter/nft_set_hash.c, nft_set_rbtree.c, nft_set_pipapo.c */
import type { Element, Expr, VerdictKind } from './ast.ts';
import type { NftValue } from './datatype.ts';
import { type Bound, boundsOf } from './interval.ts';

/** What a lookup finds. */
export interface FoundElement {
  /** Place among the set's elements; -1 for one that packets made. */
  readonly index: number;
  readonly verdict: { readonly kind: VerdictKind; readonly chain: string | undefined } | undefined;
  /** What a map gives, part by part; empty for sets and verdict maps. */
  readonly data: readonly NftValue[];
  /** 0: never. */
  readonly expiresNs: number;
}

interface Interval {
  readonly low: Bound;
  readonly high: Bound;
  readonly child: Level | FoundElement;
}

/** One part of the key. Each map may lead to the next part, or (behind the last) to elements. */
class Level {
  readonly exact = new Map<NftValue, Level | FoundElement>();
  /** By lower bound. */
  intervals: Interval[] = [];
  /** Names that begin like this. */
  prefixes: { readonly text: string; readonly child: Level | FoundElement }[] = [];
  /** No two intervals overlap: one comparison of a binary search decides. */
  disjoint = true;
}

const isLevel = (x: Level | FoundElement): x is Level => x instanceof Level;

export class SetLookup {
  readonly #root = new Level();
  #rest: FoundElement | undefined;
  readonly size: number;

  /** `expires`: when each element goes, 0 for never. */
  constructor(elements: readonly Element[], expires: readonly number[]) {
    this.size = elements.length;
    elements.forEach((e, index) => {
      const found: FoundElement = {
        index,
        verdict: e.data?.k === 'verdict' ? { kind: e.data.verdict, chain: e.data.chain } : undefined,
        data: dataValues(e.data),
        expiresNs: expires[index] ?? 0,
      };
      if (e.key.k === 'wildcard') this.#rest = found;
      else this.#insert(this.#root, e.key.k === 'concat' ? e.key.parts : [e.key], 0, found);
    });
    settle(this.#root);
  }

  #insert(level: Level, parts: readonly Expr[], i: number, found: FoundElement): void {
    const part = parts[i] as Expr;
    const last = i === parts.length - 1;
    const descend = (known: Level | FoundElement | undefined): Level | FoundElement => {
      if (last) return found;
      const next = known !== undefined && isLevel(known) ? known : new Level();
      this.#insert(next, parts, i + 1, found);
      return next;
    };
    if (part.k === 'value') {
      if (typeof part.v === 'string' && part.v.endsWith('*')) {
        const text = part.v.slice(0, -1);
        const known = level.prefixes.find((p) => p.text === text);
        const child = descend(known?.child);
        if (known === undefined) level.prefixes.push({ text, child });
        return;
      }
      level.exact.set(part.v, descend(level.exact.get(part.v)));
      return;
    }
    const bounds = boundsOf(part);
    if (bounds === undefined) return;
    const [low, high] = bounds;
    const known = level.intervals.find((n) => n.low === low && n.high === high);
    const child = descend(known?.child);
    if (known === undefined) level.intervals.push({ low, high, child });
  }

  find(key: readonly NftValue[], nowNs: number): FoundElement | undefined {
    const found = search(this.#root, key, 0);
    const live = found !== undefined && (found.expiresNs === 0 || found.expiresNs > nowNs) ? found : this.#rest;
    return live !== undefined && (live.expiresNs === 0 || live.expiresNs > nowNs) ? live : undefined;
  }
}

/** Sorts the intervals, at every part. */
function settle(level: Level): void {
  level.intervals.sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  level.disjoint = level.intervals.every((n, i) => i === 0 || n.low > (level.intervals[i - 1] as Interval).high);
  for (const child of [...level.exact.values(), ...level.intervals.map((n) => n.child), ...level.prefixes.map((p) => p.child)])
    if (isLevel(child)) settle(child);
}

function search(level: Level, key: readonly NftValue[], i: number): FoundElement | undefined {
  const value = key[i];
  if (value === undefined) return undefined;
  const exact = level.exact.get(value);
  if (exact !== undefined) {
    const found = isLevel(exact) ? search(exact, key, i + 1) : exact;
    if (found !== undefined) return found;
  }
  if (level.intervals.length > 0 && typeof value !== 'string') {
    if (level.disjoint) {
      const at = intervalOf(level.intervals, value);
      if (at === undefined) return undefined;
      return isLevel(at.child) ? search(at.child, key, i + 1) : at.child;
    }
    for (const { low, high, child } of level.intervals) {
      if (value < low) break;
      if (value > high) continue;
      const found = isLevel(child) ? search(child, key, i + 1) : child;
      if (found !== undefined) return found;
    }
  }
  if (level.prefixes.length > 0 && typeof value === 'string') {
    for (const { text, child } of level.prefixes) {
      if (!value.startsWith(text)) continue;
      const found = isLevel(child) ? search(child, key, i + 1) : child;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function intervalOf(intervals: readonly Interval[], value: Bound): Interval | undefined {
  let low = 0;
  let high = intervals.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = intervals[middle] as Interval;
    if (value < at.low) high = middle - 1;
    else if (value > at.high) low = middle + 1;
    else return at;
  }
  return undefined;
}

function dataValues(data: Expr | undefined): NftValue[] {
  if (data === undefined || data.k === 'verdict') return [];
  if (data.k === 'concat') return data.parts.flatMap(dataValues);
  // A range of addresses to translate to is given by its two ends.
  const bounds = boundsOf(data);
  if (bounds !== undefined) return bounds[0] === bounds[1] ? [bounds[0]] : [...bounds];
  return data.k === 'value' ? [data.v] : [];
}
