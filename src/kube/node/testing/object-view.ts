/** A read-only store of given objects, for tests of pure functions over a view. */
import { ObjectStore } from '../../../objects/store/object-store.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';

export interface ObjectView extends StoreView {
  put(object: KubeObject): void;
  remove(key: string): void;
}

export function objectView(objects: readonly KubeObject[]): ObjectView {
  const store = new ObjectStore();
  for (const object of objects) store.put(object);
  return {
    nowNs: 0,
    find: <T extends KubeObject>(key: string) => store.find(key) as T | undefined,
    list: <T extends KubeObject>(kind: string, namespace?: string) => store.list(kind, namespace) as readonly T[],
    select: <T extends KubeObject>(kind: string, namespace: string, labels: Readonly<Record<string, string>>) =>
      store.select(kind, namespace, labels) as readonly T[],
    owned: <T extends KubeObject>(kind: string, uid: string) => store.owned(kind, uid) as readonly T[],
    indexed: (index, value) => store.indexed(index, value),
    put: (object) => store.put(object),
    remove: (key) => store.remove(key),
  };
}
