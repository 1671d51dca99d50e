import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Index, type KubeObject, objectKey } from '../types.ts';
import { ObjectStore, type StoreSnapshot } from './object-store.ts';

const make = (kind: string, namespace: string, name: string, labels: Record<string, string>, owner: string): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: {
    name,
    ...(namespace === '' ? {} : { namespace }),
    uid: `${kind}-${namespace}-${name}`,
    labels,
    ...(owner === '' ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Owner', name: owner, uid: owner, controller: owner !== 'loose' }] }),
  },
});

const byTier: Index = { kind: 'Pod', values: (object) => Object.values(object.metadata.labels ?? {}) };

const byKey = (a: KubeObject, b: KubeObject) => (objectKey(a) < objectKey(b) ? -1 : 1);

describe('ObjectStore', () => {
  it('answers every question as a scan over all objects would, through changes, snapshots and restores', () => {
    const kind = fc.constantFrom('Pod', 'Service');
    const namespace = fc.constantFrom('a', 'a-b', 'c', '');
    const name = fc.constantFrom('x', 'y', 'z', 'x-1');
    const labels = fc.dictionary(fc.constantFrom('app', 'tier'), fc.constantFrom('1', '2'), { noNullPrototype: true });
    const owner = fc.constantFrom('', 'u1', 'u2', 'loose');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant('put' as const), kind, namespace, name, labels, owner) },
      { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), kind, namespace, name) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('snapshot' as const)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('restore' as const)) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), labels, (steps, wanted) => {
        const store = new ObjectStore();
        let kept: StoreSnapshot = store.snapshot();
        let frozen = store.list('Pod');
        let frozenText = JSON.stringify(frozen);
        for (const one of steps) {
          if (one[0] === 'put') store.put(make(one[1], one[2], one[3], one[4], one[5]));
          else if (one[0] === 'remove') store.remove(objectKey(make(one[1], one[2], one[3], {}, '')));
          else if (one[0] === 'snapshot') kept = store.snapshot();
          else store.restore(kept);
          const all = [...store.values()].sort(byKey);
          const pods = all.filter((object) => object.kind === 'Pod');
          expect(store.list('Pod')).toEqual(pods);
          expect(store.list('Pod', 'a')).toEqual(pods.filter((object) => object.metadata.namespace === 'a'));
          const matches = (object: KubeObject) => Object.entries(wanted).every(([key, value]) => object.metadata.labels?.[key] === value);
          expect(store.select('Pod', 'a', wanted)).toEqual(pods.filter((object) => object.metadata.namespace === 'a' && matches(object)));
          expect(store.owned('Pod', 'u1')).toEqual(pods.filter((object) => object.metadata.ownerReferences?.[0]?.uid === 'u1'));
          expect(store.owned('Pod', 'loose')).toEqual([]);
          expect([...store.dependants('loose')].sort(byKey)).toEqual(all.filter((object) => object.metadata.ownerReferences?.[0]?.uid === 'loose'));
          expect([...store.indexed(byTier, '1')].sort()).toEqual(pods.filter((object) => byTier.values(object).includes('1')).map(objectKey));
          expect(store.hasUid('Pod-a-x')).toBe(pods.some((object) => objectKey(object) === 'Pod/a/x'));
          expect(JSON.stringify(frozen)).toBe(frozenText);
          frozen = store.list('Pod');
          frozenText = JSON.stringify(frozen);
        }
      }),
      { numRuns: 120 },
    );
  });
});
