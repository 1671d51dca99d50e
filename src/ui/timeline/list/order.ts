/** Rows in the order of a column. */
import type { Work } from '../sliced.ts';

export interface Sort {
  readonly column: string;
  readonly direction: 'ascending' | 'descending';
}

const STRIDE = 512;

/** Numbers inside of texts count as numbers: `10.244.1.9` stands before `10.244.1.10`. */
const collator = new Intl.Collator('en', { numeric: true });

/**
 * `indices` by their keys; equal ones stay in the order of time. Equal texts are compared once: a column has few different ones.
 * @param keyOf numbers, or texts where the column has no numbers
 */
export function* ordering(indices: readonly number[], keyOf: (index: number) => number | string, direction: Sort['direction']): Work<Int32Array> {
  const keys: (number | string)[] = [];
  const ranks = new Map<number | string, number>();
  for (const [at, index] of indices.entries()) {
    if (at % STRIDE === STRIDE - 1) yield;
    const key = keyOf(index);
    keys.push(key);
    ranks.set(key, 0);
  }
  const sign = direction === 'ascending' ? 1 : -1;
  const distinct = [...ranks.keys()];
  distinct.sort((a, b) => sign * (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b))));
  yield;
  for (const [rank, key] of distinct.entries()) ranks.set(key, rank);
  const starts = new Int32Array(distinct.length + 1);
  for (const key of keys) {
    const rank = (ranks.get(key) as number) + 1;
    starts[rank] = (starts[rank] as number) + 1;
  }
  for (let rank = 1; rank < starts.length; rank += 1) starts[rank] = (starts[rank] as number) + (starts[rank - 1] as number);
  yield;
  const order = new Int32Array(indices.length);
  for (const [at, index] of indices.entries()) {
    if (at % STRIDE === STRIDE - 1) yield;
    const rank = ranks.get(keys[at] as number | string) as number;
    const place = starts[rank] as number;
    starts[rank] = place + 1;
    order[place] = index;
  }
  return order;
}
