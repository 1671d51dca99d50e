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
    if (!kind.namespaced || kind.followsOwner === true) continue;
    for (const object of store.list(kind.kind, namespace)) {
      removeObject(object);
      if (store.find(objectKey(object)) !== undefined) isEmpty = false;
    }
  }
  return isEmpty;
}

/** What a terminating namespace says while something in it stays. Kubernetes: pkg/controller/namespace/deletion/status_condition_utils.go. */
export function remainingConditions(store: ObjectStore, registry: KindRegistry, namespace: string, lastTransitionTime: string) {
  const kinds: string[] = [];
  const finalizers = new Map<string, number>();
  for (const kind of registry.kinds) {
    const objects = kind.namespaced && kind.followsOwner !== true ? store.list(kind.kind, namespace) : [];
    if (objects.length === 0) continue;
    const group = kind.apiVersion.includes('/') ? kind.apiVersion.slice(0, kind.apiVersion.indexOf('/')) : '';
    kinds.push(`${kind.plural}.${group} has ${objects.length} resource instances`);
    for (const object of objects) for (const one of object.metadata.finalizers ?? []) finalizers.set(one, (finalizers.get(one) ?? 0) + 1);
  }
  const held = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).sort();
  const condition = (type: string, status: string, reason: string, message: string) => ({ type, status, lastTransitionTime, reason, message });
  return [
    condition('NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'),
    condition('NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'),
    condition('NamespaceDeletionContentFailure', 'False', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'),
    condition('NamespaceContentRemaining', 'True', 'SomeResourcesRemain', `Some resources are remaining: ${kinds.sort().join(', ')}`),
    held.length === 0
      ? condition('NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished')
      : condition('NamespaceFinalizersRemaining', 'True', 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${held.join(', ')}`),
  ];
}
