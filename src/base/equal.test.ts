import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepEqual } from './equal.ts';

describe('deepEqual', () => {
  it('agrees with the platform on JSON values', () => {
    const small = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(deepEqual(a, b)).toBe(isDeepStrictEqual(a, b) || (a === 0 && b === 0));
        expect(deepEqual(a, structuredClone(a))).toBe(true);
      }),
    );
  });

  it('takes absent and undefined members as the same, whatever their order', () => {
    expect(deepEqual({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(deepEqual({ a: 1 }, { b: undefined, a: 1 })).toBe(true);
    expect(deepEqual({ a: 1 }, { a: 1, b: null })).toBe(false);
    expect(deepEqual([], {})).toBe(false);
  });
});
