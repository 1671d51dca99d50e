/** All objects by key, with the indexes that controllers ask: kind, namespace, labels, owner. */
import { CowMap } from '../../base/cow-map.ts';
import type { Change } from '../../base/record-store.ts';
import { type Index, type KubeObject, type ObjectKey, objectKey } from '../types.ts';
import { Bucket } from './bucket.ts';

export type StoreSnapshot = ReadonlyMap<ObjectKey, KubeObject>;

/** Indexes of one kind in one namespace; label lists are made when first asked for. */
interface NamespaceIndex {
  readonly all: Bucket;
  /** `key=value` of a label to the objects that have it; undefined until the first `select`. */
  labels: Map<string, Bucket> | undefined;
}
interface KindIndex {
  readonly all: Bucket;
  /** Undefined until the first list of a namespace. */
  namespaces: Map<string, NamespaceIndex> | undefined;
}

const nothing: readonly KubeObject[] = [];
const noKeys: ReadonlySet<ObjectKey> = new Set();
const noLabels: Readonly<Record<string, string>> = {};

/** Objects are never mutated. Lists come in the order of keys, as etcd has them, and stay as they were when handed out. */
export class ObjectStore {
  readonly #objects = new CowMap<ObjectKey, KubeObject>();
  /** Undefined after a restore, until asked for. */
  #kinds: Map<string, KindIndex> | undefined = new Map();
  /** Owner uid to kind to dependants, whether it controls them or not. */
  #dependants: Map<string, Map<string, Bucket>> | undefined = new Map();
  /** Owners that somebody has named without making them the controller. */
  readonly #loose = new Set<string>();
  #uids: Map<string, ObjectKey> | undefined = new Map();
  /** Those that were asked for: by value, the keys. */
  readonly #indexes = new Map<Index, Map<string, Set<ObjectKey>>>();
  readonly #listeners: ((change: Change<KubeObject>) => void)[] = [];

  /** Called after each change. */
  listen(listener: (change: Change<KubeObject>) => void): void {
    this.#listeners.push(listener);
  }

  get size(): number {
    return this.#objects.size;
  }

  find(key: ObjectKey): KubeObject | undefined {
    return this.#objects.get(key);
  }

  /** In order of creation. */
  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  put(object: KubeObject): void {
    const key = objectKey(object);
    const before = this.#objects.get(key);
    if (before === object) return;
    this.#objects.set(key, object);
    this.#index(key, before, object);
    this.#changed(before === undefined ? { id: key, after: object } : { id: key, before, after: object });
  }

  remove(key: ObjectKey): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#index(key, before, undefined);
    this.#changed({ id: key, before });
  }

  list(kind: string, namespace?: string): readonly KubeObject[] {
    const index = this.#kindIndex(kind);
    if (index === undefined) return nothing;
    return namespace === undefined ? index.all.list : (this.#namespaceIndex(index, namespace)?.all.list ?? nothing);
  }

  select(kind: string, namespace: string, labels: Readonly<Record<string, string>>): readonly KubeObject[] {
    const index = this.#kindIndex(kind);
    const inNamespace = index === undefined ? undefined : this.#namespaceIndex(index, namespace);
    if (inNamespace === undefined) return nothing;
    const wanted = Object.keys(labels);
    if (wanted.length === 0) return inNamespace.all.list;
    const byLabel = labelIndex(inNamespace);
    let smallest: Bucket | undefined;
    for (const name of wanted) {
      const bucket = byLabel.get(`${name}=${labels[name]}`);
      if (bucket === undefined) return nothing;
      if (smallest === undefined || bucket.size < smallest.size) smallest = bucket;
    }
    const found = smallest?.list ?? nothing;
    if (wanted.length === 1) return found;
    return found.filter((object) => wanted.every((name) => object.metadata.labels?.[name] === labels[name]));
  }

  /** Objects of a kind whose controlling owner has this uid. */
  owned(kind: string, ownerUid: string): readonly KubeObject[] {
    const found = this.#ownerIndex().get(ownerUid)?.get(kind)?.list ?? nothing;
    if (!this.#loose.has(ownerUid)) return found;
    const controls = (object: KubeObject) => object.metadata.ownerReferences?.some((owner) => owner.uid === ownerUid && owner.controller === true) === true;
    return found.filter(controls);
  }

  /** All objects that name this uid as an owner. */
  dependants(ownerUid: string): readonly KubeObject[] {
    return [...(this.#ownerIndex().get(ownerUid)?.values() ?? [])].flatMap((bucket) => bucket.list);
  }

  /** See `StoreView.indexed`. */
  indexed(index: Index, value: string): ReadonlySet<ObjectKey> {
    let known = this.#indexes.get(index);
    if (known === undefined) {
      known = new Map();
      for (const object of this.list(index.kind)) intoIndex(known, index, objectKey(object), undefined, object);
      this.#indexes.set(index, known);
    }
    return known.get(value) ?? noKeys;
  }

  hasUid(uid: string): boolean {
    this.#uids ??= new Map([...this.#objects.values()].map((object) => [object.metadata.uid ?? '', objectKey(object)]));
    return this.#uids.has(uid);
  }

  snapshot(): StoreSnapshot {
    return this.#objects.snapshot();
  }

  /** Goes to a snapshot; listeners are not told, indexes are built again when asked for. */
  restore(snapshot: StoreSnapshot): void {
    this.#objects.restore(snapshot);
    this.#kinds = undefined;
    this.#dependants = undefined;
    this.#uids = undefined;
    this.#indexes.clear();
  }

  #changed(change: Change<KubeObject>): void {
    for (const listener of this.#listeners) listener(change);
  }

  #kindIndex(kind: string): KindIndex | undefined {
    if (this.#kinds === undefined) {
      this.#kinds = new Map();
      for (const [key, object] of this.#objects.entries()) this.#indexKind(this.#kinds, key, undefined, object);
    }
    return this.#kinds.get(kind);
  }

  #namespaceIndex(index: KindIndex, namespace: string): NamespaceIndex | undefined {
    if (index.namespaces === undefined) {
      index.namespaces = new Map();
      for (const object of index.all.list) intoNamespace(index.namespaces, objectKey(object), undefined, object);
    }
    return index.namespaces.get(namespace);
  }

  #ownerIndex(): Map<string, Map<string, Bucket>> {
    if (this.#dependants === undefined) {
      this.#dependants = new Map();
      for (const [key, object] of this.#objects.entries()) intoOwners(this.#dependants, this.#loose, key, undefined, object);
    }
    return this.#dependants;
  }

  #index(key: ObjectKey, before: KubeObject | undefined, after: KubeObject | undefined): void {
    if (this.#kinds !== undefined) this.#indexKind(this.#kinds, key, before, after);
    if (this.#dependants !== undefined) intoOwners(this.#dependants, this.#loose, key, before, after);
    for (const [index, values] of this.#indexes) if (index.kind === (after ?? before)?.kind) intoIndex(values, index, key, before, after);
    if (this.#uids !== undefined && before?.metadata.uid !== after?.metadata.uid) {
      if (before?.metadata.uid !== undefined) this.#uids.delete(before.metadata.uid);
      if (after?.metadata.uid !== undefined) this.#uids.set(after.metadata.uid, key);
    }
  }

  #indexKind(kinds: Map<string, KindIndex>, key: ObjectKey, before: KubeObject | undefined, after: KubeObject | undefined): void {
    const kind = (after ?? before)?.kind ?? '';
    let index = kinds.get(kind);
    if (index === undefined) {
      index = { all: new Bucket(), namespaces: undefined };
      kinds.set(kind, index);
    }
    if (after === undefined) index.all.remove(key);
    else index.all.put(key, after);
    if (index.namespaces !== undefined) intoNamespace(index.namespaces, key, before, after);
  }
}

function intoNamespace(namespaces: Map<string, NamespaceIndex>, key: ObjectKey, before: KubeObject | undefined, after: KubeObject | undefined): void {
  const namespace = (after ?? before)?.metadata.namespace ?? '';
  let index = namespaces.get(namespace);
  if (index === undefined) {
    index = { all: new Bucket(), labels: undefined };
    namespaces.set(namespace, index);
  }
  if (after === undefined) index.all.remove(key);
  else index.all.put(key, after);
  if (index.labels !== undefined) intoLabels(index.labels, key, before, after);
}

function labelIndex(index: NamespaceIndex): Map<string, Bucket> {
  if (index.labels === undefined) {
    index.labels = new Map();
    for (const object of index.all.list) intoLabels(index.labels, objectKey(object), undefined, object);
  }
  return index.labels;
}

function intoLabels(labels: Map<string, Bucket>, key: ObjectKey, before: KubeObject | undefined, after: KubeObject | undefined): void {
  const old = before?.metadata.labels ?? noLabels;
  const now = after?.metadata.labels ?? noLabels;
  for (const name in old) if (old[name] !== now[name]) labels.get(`${name}=${old[name]}`)?.remove(key);
  if (after === undefined) return;
  for (const name in now) into(labels, `${name}=${now[name]}`).put(key, after);
}

function intoIndex(values: Map<string, Set<ObjectKey>>, index: Index, key: ObjectKey, before: KubeObject | undefined, after: KubeObject | undefined): void {
  for (const value of before === undefined ? [] : index.values(before)) {
    const keys = values.get(value);
    keys?.delete(key);
    if (keys?.size === 0) values.delete(value);
  }
  for (const value of after === undefined ? [] : index.values(after)) {
    const keys = values.get(value);
    if (keys === undefined) values.set(value, new Set([key]));
    else keys.add(key);
  }
}

function intoOwners(
  owners: Map<string, Map<string, Bucket>>,
  loose: Set<string>,
  key: ObjectKey,
  before: KubeObject | undefined,
  after: KubeObject | undefined,
): void {
  const now = after?.metadata.ownerReferences ?? [];
  for (const owner of before?.metadata.ownerReferences ?? []) {
    if (now.some((one) => one.uid === owner.uid)) continue;
    const kinds = owners.get(owner.uid);
    kinds?.get(before?.kind ?? '')?.remove(key);
    if (kinds !== undefined && [...kinds.values()].every((bucket) => bucket.size === 0)) owners.delete(owner.uid);
  }
  if (after === undefined) return;
  for (const owner of now) {
    if (owner.controller !== true) loose.add(owner.uid);
    let kinds = owners.get(owner.uid);
    if (kinds === undefined) {
      kinds = new Map();
      owners.set(owner.uid, kinds);
    }
    into(kinds, after.kind).put(key, after);
  }
}

function into(buckets: Map<string, Bucket>, name: string): Bucket {
  const known = buckets.get(name);
  if (known !== undefined) return known;
  const bucket = new Bucket();
  buckets.set(name, bucket);
  return bucket;
}
