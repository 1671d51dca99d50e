import { expect, it } from 'vitest';
import { perState } from './per-state.ts';
import { objectView } from './testing/object-view.ts';
import { node } from './testing/small-cluster.ts';

it('what is worked out of a list is kept until the list changes, and never for another store', () => {
  let computed = 0;
  const names = perState(['Node', 'Network'], (view) => {
    computed += 1;
    return view.list('Node').map((one) => one.metadata.name);
  });
  const view = objectView([node('a', '172.30.1.2', '10.244.0.0/24')]);
  expect([names(view), names(view), computed]).toEqual([['a'], ['a'], 1]);
  view.put(node('b', '172.30.1.3', '10.244.1.0/24'));
  expect([names(view), computed]).toEqual([['a', 'b'], 2]);
  view.put({ apiVersion: 'kubehop.dev/v1alpha1', kind: 'Network', metadata: { name: 'n' } });
  expect([names(view), computed]).toEqual([['a', 'b'], 3]);
  expect(names(objectView([node('z', '172.30.1.2', '10.244.0.0/24')]))).toEqual(['z']);
});
