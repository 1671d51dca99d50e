import { describe, expect, it } from 'vitest';
import { CowMap } from './cow-map.ts';

describe('CowMap', () => {
  it('keeps a snapshot as it was, whatever happens to the map', () => {
    const map = new CowMap<string, number>();
    map.set('a', 1);
    const before = map.snapshot();
    map.set('a', 2);
    map.set('b', 3);
    expect([...before]).toEqual([['a', 1]]);
    map.delete('a');
    map.restore(before);
    expect([...map.entries()]).toEqual([['a', 1]]);
    map.set('c', 4);
    expect([...before]).toEqual([['a', 1]]);
    expect(map.delete('x')).toBe(false);
    expect([map.size, map.get('c'), map.has('b')]).toEqual([2, 4, false]);
  });
});
