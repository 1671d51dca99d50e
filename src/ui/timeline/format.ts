/** Times and rows of the timeline as text. */
import type { HopView } from '../../world/views.ts';

/** A unit fit for a whole run: its length decides, so that a column of times lines up. */
export interface TimeUnit {
  readonly name: 'µs' | 'ms' | 's';
  readonly ns: number;
}

export function unitFor(spanNs: number): TimeUnit {
  if (spanNs < 2_000_000) return { name: 'µs', ns: 1_000 };
  if (spanNs < 2_000_000_000) return { name: 'ms', ns: 1_000_000 };
  return { name: 's', ns: 1_000_000_000 };
}

/** Three significant places above one unit, one decimal in µs. */
export function formatTime(ns: number, unit: TimeUnit): string {
  const value = ns / unit.ns;
  return unit.name === 'µs' ? value.toFixed(1) : value.toFixed(value < 10 ? 3 : value < 100 ? 2 : 1);
}

const knownNumbers = new WeakMap<readonly HopView[], ReadonlyMap<number, number>>();

/** Numbers packets of a run from 1 in order of appearance. Counted once for each list of hops. */
export function packetNumbers(hops: readonly HopView[]): ReadonlyMap<number, number> {
  const known = knownNumbers.get(hops);
  if (known !== undefined) return known;
  const numbers = new Map<number, number>();
  for (const { event } of hops) if (event.packetId >= 0 && !numbers.has(event.packetId)) numbers.set(event.packetId, numbers.size + 1);
  knownNumbers.set(hops, numbers);
  return numbers;
}

/** The place in `indices` (ascending) of the last one at or before `index`; -1 before the first. */
export function rowAt(indices: readonly number[], index: number): number {
  let low = 0;
  let high = indices.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((indices[middle] ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
