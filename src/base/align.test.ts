import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { align } from './align.ts';

const letters = (a: string, b: string) =>
  align(a.length, b.length, (l, r) => (a[l] === b[r] ? 1 : 0))
    .map(({ left, right }) => `${left === undefined ? '-' : a[left]}${right === undefined ? '-' : b[right]}`)
    .join(' ');

describe('two sequences side by side', () => {
  it('keep what they have in common and show gaps where one has more', () => {
    expect(letters('abcd', 'abd')).toBe('aa bb c- dd');
    expect(letters('xaby', 'ab')).toBe('x- aa bb y-');
    expect(letters('', 'ab')).toBe('-a -b');
  });

  it('prefer the better of two partners', () => {
    const pairs = align(1, 2, (_, r) => (r === 1 ? 5 : 2));
    expect(pairs).toEqual([
      { left: undefined, right: 0 },
      { left: 0, right: 1 },
    ]);
  });

  it('have every member once and in order, also where they are too long for one table', () => {
    const check = (a: readonly number[], b: readonly number[]) => {
      const pairs = align(a.length, b.length, (l, r) => (a[l] === b[r] ? 1 : 0));
      expect(pairs.flatMap((pair) => pair.left ?? [])).toEqual(a.map((_, i) => i));
      expect(pairs.flatMap((pair) => pair.right ?? [])).toEqual(b.map((_, i) => i));
      for (const { left, right } of pairs) if (left !== undefined && right !== undefined) expect(a[left]).toBe(b[right]);
    };
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }), check), {
      numRuns: 200,
    });
    const long = Array.from({ length: 1500 }, (_, i) => i % 7);
    check(long, long.slice(10));
  });
});
