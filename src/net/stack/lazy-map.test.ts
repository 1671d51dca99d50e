import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LazyMap } from './lazy-map.ts';

it('answers as a Map does, through sets, deletions and clearing', () => {
  const key = fc.integer({ min: 0, max: 5 });
  const change = fc.oneof(
    fc.tuple(fc.constant('set' as const), key, fc.integer()),
    fc.tuple(fc.constant('delete' as const), key, fc.constant(0)),
    fc.tuple(fc.constant('clear' as const), fc.constant(0), fc.constant(0)),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const lazy = new LazyMap<number, number>();
      const map = new Map<number, number>();
      for (const [what, k, v] of changes) {
        if (what === 'clear') {
          lazy.clear();
          map.clear();
        } else if (what === 'set') {
          lazy.set(k, v);
          map.set(k, v);
        } else expect(lazy.delete(k)).toBe(map.delete(k));
        expect(lazy.size).toBe(map.size);
        expect([...lazy]).toEqual([...map]);
        expect([...lazy.keys()]).toEqual([...map.keys()]);
        expect([...lazy.values()]).toEqual([...map.values()]);
        expect([lazy.get(k), lazy.has(k)]).toEqual([map.get(k), map.has(k)]);
      }
    }),
  );
});
