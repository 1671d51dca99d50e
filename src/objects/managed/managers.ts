/** Who owns which fields of each object (`metadata.managedFields`), kept beside the objects. Kubernetes: structured-merge-diff/merge/update.go, apimachinery/pkg/util/managedfields. */
import { CowMap } from '../../base/cow-map.ts';
import { isFields } from '../patch/values.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import type { JsonValue, KubeObject, ObjectKey } from '../types.ts';
import { decodeFields, difference, encodeFields, equalTrees, type FieldTree, intersection, isEmptyTree, noFields, pathsOf, union } from './field-tree.ts';
import { compareValues, fieldsOf, mergeApplied, removeFields } from './typed-value.ts';

export interface Manager {
  /** `kubectl`, `kubectl-client-side-apply`, `kube-controller-manager`. */
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource?: string;
}
interface Entry extends Manager {
  readonly apiVersion: string;
  /** RFC 3339: when it last changed something. */
  readonly time: string;
  readonly fields: FieldTree;
}

/** A field that is applied and belongs to somebody else with another value. */
export interface Conflict {
  readonly manager: string;
  readonly path: string;
}

/** Nobody owns these: they name the object, or the server writes them. */
const unowned: ReadonlySet<string> = new Set(['f:apiVersion', 'f:kind', 'f:status']);
const unownedMetadata: ReadonlySet<string> = new Set(
  [
    'name',
    'namespace',
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
    'managedFields',
  ].map((field) => `f:${field}`),
);

function owned(tree: FieldTree): FieldTree {
  if (tree.children.size === 0) return noFields;
  const children = new Map<string, FieldTree>();
  for (const [step, below] of tree.children) {
    if (unowned.has(step)) continue;
    if (step !== 'f:metadata') {
      children.set(step, below);
      continue;
    }
    const metadata = new Map([...below.children].filter(([field]) => !unownedMetadata.has(field)));
    if (metadata.size > 0) children.set(step, { member: false, children: metadata });
  }
  return { member: false, children };
}

const sameManager = (a: Manager, b: Manager): boolean => a.name === b.name && a.operation === b.operation && a.subresource === b.subresource;
const setOf = (entries: readonly Entry[]): FieldTree => entries.reduce((all, entry) => union(all, entry.fields), noFields);

/** As the server names an owner in a conflict. Kubernetes: managedfields/internal/conflict.go, printManager. */
function managerText(entry: Entry): string {
  const name = JSON.stringify(entry.name);
  const words = entry.subresource === undefined ? name : `${name} with subresource ${JSON.stringify(entry.subresource)}`;
  return entry.operation === 'Update' ? `${words} using ${entry.apiVersion}` : words;
}

/** `Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas` */
export function conflictText(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.path}`;
  const managers = [...new Set(conflicts.map((one) => one.manager))].sort();
  const lines = managers.flatMap((manager) => [
    `conflicts with ${manager}:`,
    ...conflicts.filter((one) => one.manager === manager).map((one) => `- ${one.path}`),
  ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

export class Managers {
  readonly #entries = new CowMap<ObjectKey, readonly Entry[]>();

  has(key: ObjectKey): boolean {
    return this.#entries.has(key);
  }

  forget(key: ObjectKey): void {
    this.#entries.delete(key);
  }

  /** As `metadata.managedFields` shows them. */
  managedFields(key: ObjectKey): readonly JsonValue[] {
    return (this.#entries.get(key) ?? []).map((entry) => ({
      apiVersion: entry.apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1: encodeFields(entry.fields),
      manager: entry.name,
      operation: entry.operation,
      ...(entry.subresource === undefined ? {} : { subresource: entry.subresource }),
      time: entry.time,
    }));
  }

  /** A client wrote `metadata.managedFields` itself, as kubectl does when it takes over from client-side apply. */
  replace(key: ObjectKey, entries: readonly unknown[]): void {
    const read = entries.filter(isFields).map(
      (entry): Entry => ({
        name: String(entry.manager ?? ''),
        operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
        apiVersion: String(entry.apiVersion ?? ''),
        time: String(entry.time ?? ''),
        fields: decodeFields(entry.fieldsV1),
        ...(typeof entry.subresource === 'string' && entry.subresource !== '' ? { subresource: entry.subresource } : {}),
      }),
    );
    this.#entries.set(
      key,
      read.filter((entry) => !isEmptyTree(entry.fields)),
    );
  }

  /** An ordinary write: what it changed is the writer's from now on, what it removed nobody's. `old` is absent for a new object. */
  updated(key: ObjectKey, schema: CompiledSchema, old: KubeObject | undefined, now: KubeObject, by: Manager, time: string): void {
    const { changed, removed } = compareValues(schema, old, now);
    const mine = owned(changed);
    const gone = owned(removed);
    if (isEmptyTree(mine) && isEmptyTree(gone)) return;
    const entries = (this.#entries.get(key) ?? []).map((entry) => {
      if (sameManager(entry, by)) return { ...entry, fields: union(difference(entry.fields, gone), mine), time };
      const left = difference(difference(entry.fields, gone), mine);
      return equalTrees(left, entry.fields) ? entry : { ...entry, fields: left };
    });
    if (!isEmptyTree(mine) && !entries.some((entry) => sameManager(entry, by))) entries.push({ ...by, apiVersion: now.apiVersion, time, fields: mine });
    this.#entries.set(
      key,
      entries.filter((entry) => !isEmptyTree(entry.fields)),
    );
  }

  /** What applying `given` makes of `live`, and which fields others own with other values. Nothing is remembered yet. */
  merge(
    key: ObjectKey,
    schema: CompiledSchema,
    live: KubeObject,
    given: unknown,
    by: Manager,
  ): { readonly merged: KubeObject; readonly conflicts: readonly Conflict[] } {
    const entries = this.#entries.get(key) ?? [];
    const others = entries.filter((entry) => !sameManager(entry, by));
    const before = entries.find((entry) => sameManager(entry, by))?.fields ?? noFields;
    const now = owned(fieldsOf(schema, given));
    const put = mergeApplied(schema, live, given);
    const held = union(now, setOf(others));
    const merged = removeFields(schema, put, difference(before, held), held) as KubeObject;
    const changed = owned(compareValues(schema, live, put).changed);
    const conflicts = others.flatMap((entry) => pathsOf(intersection(entry.fields, changed)).map((path) => ({ manager: managerText(entry), path })));
    return { merged, conflicts };
  }

  /** After an apply was stored: it owns what it applied, alone where it changed it. */
  applied(key: ObjectKey, schema: CompiledSchema, old: KubeObject | undefined, now: KubeObject, given: unknown, by: Manager, time: string): void {
    const mine = owned(fieldsOf(schema, given));
    const { changed, removed } = compareValues(schema, old, now);
    const taken = union(intersection(changed, mine), owned(removed));
    const others = (this.#entries.get(key) ?? []).filter((entry) => !sameManager(entry, by));
    const known = (this.#entries.get(key) ?? []).find((entry) => sameManager(entry, by));
    const kept = others.map((entry) => ({ ...entry, fields: difference(entry.fields, taken) }));
    const isSame = known !== undefined && equalTrees(known.fields, mine);
    const entry: Entry = { ...by, apiVersion: now.apiVersion, time: isSame && old === now ? known.time : time, fields: mine };
    // Those who apply come before those who update. Kubernetes: managedfields/internal/managedfields.go, sortEncodedManagedFields.
    const all = [...kept, entry].filter((one) => !isEmptyTree(one.fields));
    this.#entries.set(key, [...all.filter((one) => one.operation === 'Apply'), ...all.filter((one) => one.operation === 'Update')]);
  }

  /** Fields that another manager owns by updating become those of an applier. Kubernetes: client-go/util/csaupgrade. */
  takeOver(key: ObjectKey, from: string, by: Manager): void {
    const entries = this.#entries.get(key) ?? [];
    const taken = entries.filter((entry) => entry.name === from && entry.operation === 'Update' && entry.subresource === undefined);
    if (taken.length === 0) return;
    const kept = entries.filter((entry) => !taken.includes(entry));
    this.#entries.set(
      key,
      kept.map((entry) => (sameManager(entry, by) ? { ...entry, fields: union(entry.fields, setOf(taken)) } : entry)),
    );
  }

  snapshot(): ReadonlyMap<ObjectKey, readonly Entry[]> {
    return this.#entries.snapshot();
  }

  restore(snapshot: ReadonlyMap<ObjectKey, readonly Entry[]>): void {
    this.#entries.restore(snapshot);
  }
}

export type ManagersSnapshot = ReturnType<Managers['snapshot']>;
