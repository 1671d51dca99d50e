/** Intervals of set elements: their bounds, merging, and the text of the smallest form. nft: src/segtree.c, src/intervals.c */
import type { Element, Expr } from './ast.ts';
import type { DataType, NftValue } from './datatype.ts';

export type Bound = number | bigint;

/** Lowest and highest value that an element's key stands for; undefined for names and concatenations. */
export function boundsOf(key: Expr): readonly [Bound, Bound] | undefined {
  if (key.k === 'value') return typeof key.v === 'string' ? undefined : [key.v, key.v];
  if (key.k === 'range') {
    const low = boundsOf(key.low)?.[0];
    const high = boundsOf(key.high)?.[1];
    return low === undefined || high === undefined ? undefined : [low, high];
  }
  if (key.k === 'prefix' && key.base.k === 'value' && typeof key.base.v !== 'string') {
    const rest = key.base.type.bits - key.length;
    const low = key.base.v;
    return typeof low === 'bigint' ? [low, low + (1n << BigInt(rest)) - 1n] : [low, low + 2 ** rest - 1];
  }
  return undefined;
}

const next = (b: Bound): Bound => (typeof b === 'bigint' ? b + 1n : b + 1);

/** The shortest way to write an interval: one value, a prefix (addresses only), or a range. */
export function intervalExpr(low: Bound, high: Bound, type: DataType, span: Expr['span']): Expr {
  const value = (v: NftValue): Expr => ({ k: 'value', v, type, span });
  if (low === high) return value(low);
  if (type.name === 'ipv4_addr' || type.name === 'ipv6_addr') {
    const size = BigInt(high) - BigInt(low) + 1n;
    if ((size & (size - 1n)) === 0n && BigInt(low) % size === 0n)
      return { k: 'prefix', base: value(low), length: type.bits - (size.toString(2).length - 1), span };
  }
  return { k: 'range', low: value(low), high: value(high), span };
}

/** Elements of an anonymous set (or one with auto-merge): neighbours and overlaps become one. Without any interval it stays as given, less duplicates. */
export function mergeIntervals(elements: readonly Element[], type: DataType): Element[] {
  const plain = elements.every((e) => e.key.k === 'value');
  const known = elements.map((e) => ({ e, bounds: boundsOf(e.key) }));
  if (plain || known.some((k) => k.bounds === undefined)) return dropDuplicates(elements);
  const sorted = known
    .map(({ e, bounds }) => ({ e, low: (bounds as readonly [Bound, Bound])[0], high: (bounds as readonly [Bound, Bound])[1] }))
    .sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  const merged: { e: Element; low: Bound; high: Bound }[] = [];
  for (const one of sorted) {
    const last = merged[merged.length - 1];
    if (last !== undefined && one.low <= next(last.high)) {
      if (one.high > last.high) last.high = one.high;
    } else merged.push({ ...one });
  }
  return merged.map(({ e, low, high }) => ({ ...e, key: intervalExpr(low, high, type, e.span) }));
}

function dropDuplicates(elements: readonly Element[]): Element[] {
  const seen = new Set<string>();
  return elements.filter((e) => {
    const key = keyText(e.key);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** One text for each key: equal keys have equal texts. */
export function keyText(key: Expr): string {
  switch (key.k) {
    case 'value':
      return typeof key.v === 'string' ? `"${key.v}` : key.v.toString(16);
    case 'prefix':
      return `${keyText(key.base)}/${key.length}`;
    case 'range':
      return `${keyText(key.low)}-${keyText(key.high)}`;
    case 'concat':
      return key.parts.map(keyText).join('.');
    default:
      return '*';
  }
}
