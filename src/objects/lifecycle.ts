/** What the machinery itself does to objects after a deletion: garbage collection and the emptying of namespaces. Kubernetes: pkg/controller/{garbagecollector,namespace}. */
import type { KindRegistry } from './kind-registry.ts';
import type { ObjectStore } from './store/object-store.ts';
import { type KubeObject, objectKey } from './types.ts';

/** Kubernetes: plugin/pkg/admission/namespace/lifecycle: namespaces that may not be deleted. */
export const immortalNamespaces: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Removes dependants whose owners have all gone; from others, takes the dead references away. `removeObject` deletes by way of finalizers.
 * An owner that never existed here (a dump of pods alone) removes nobody.
 */
export function collectGarbage(store: ObjectStore, ownerUid: string, removeObject: (object: KubeObject) => void): void {
  for (const object of store.dependants(ownerUid)) {
    const owners = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== ownerUid);
    if (owners.every((owner) => !store.hasUid(owner.uid))) removeObject(object);
    else store.put({ ...object, metadata: { ...object.metadata, ownerReferences: owners } });
  }
}

/** Takes the references to an owner away, so that its dependants outlive it (`--cascade=orphan`). */
export function orphan(store: ObjectStore, ownerUid: string): void {
  for (const object of store.dependants(ownerUid)) {
    const { ownerReferences = [], ...metadata } = object.metadata;
    const owners = ownerReferences.filter((owner) => owner.uid !== ownerUid);
    store.put({ ...object, metadata: owners.length === 0 ? metadata : { ...metadata, ownerReferences: owners } });
  }
}

/** Empties a terminating namespace. True when nothing is left in it, so that it can go. */
export function emptyNamespace(store: ObjectStore, registry: KindRegistry, namespace: string, removeObject: (object: KubeObject) => void): boolean {
  let isEmpty = true;
  for (const kind of registry.kinds) {
    if (!kind.namespaced) continue;
    for (const object of store.list(kind.kind, namespace)) {
      removeObject(object);
      if (store.find(objectKey(object)) !== undefined) isEmpty = false;
    }
  }
  return isEmpty;
}
