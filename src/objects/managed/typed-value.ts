/** Objects seen through their schema as server-side apply sees them: fields, maps, lists by keys, sets and what is one piece. Kubernetes: structured-merge-diff/typed. */
import { deepEqual } from '../../base/equal.ts';
import { itemId, mergeKeysOf, orderItems } from '../patch/merge-lists.ts';
import { goJson, isFields } from '../patch/values.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { type FieldTree, isEmptyTree, leaf, noFields } from './field-tree.ts';

/** Structs that are owned as a whole (x-kubernetes-map-type: atomic). */
const atomicStructs: ReadonlySet<string> = new Set([
  'LabelSelector',
  'LocalObjectReference',
  'ObjectReference',
  'ConfigMapKeySelector',
  'SecretKeySelector',
  'ObjectFieldSelector',
  'ResourceFieldSelector',
  'NodeSelector',
  'NodeSelectorTerm',
  'TypedLocalObjectReference',
  'ScopeSelector',
]);
/** Maps that are: a Service's selector, a pod's nodeSelector. */
const atomicMaps: ReadonlySet<string> = new Set(['selector', 'nodeSelector']);
const scalarSets: ReadonlySet<string> = new Set(['finalizers']);

type Shape =
  | { readonly kind: 'fields'; readonly child: (name: string) => CompiledSchema | undefined }
  | { readonly kind: 'items'; readonly keys: readonly string[]; readonly item: CompiledSchema | undefined }
  | { readonly kind: 'set' }
  | { readonly kind: 'piece' };

const piece: Shape = { kind: 'piece' };

function shapeOf(schema: CompiledSchema | undefined, name: string, value: unknown): Shape {
  if (Array.isArray(value)) {
    const keys = mergeKeysOf(schema);
    if (keys !== undefined) return { kind: 'items', keys, item: schema?.items };
    return scalarSets.has(name) ? { kind: 'set' } : piece;
  }
  if (!isFields(value)) return piece;
  if (schema?.accepts === 'map') return atomicMaps.has(name) ? piece : { kind: 'fields', child: () => schema.values };
  if (schema !== undefined && atomicStructs.has(schema.struct) && schema.properties.size > 0) return piece;
  return { kind: 'fields', child: (field) => schema?.properties.get(field) };
}

/** `k:{"containerPort":80,"protocol":"TCP"}` */
function itemStep(schema: CompiledSchema | undefined, keys: readonly string[], item: unknown): string {
  const named: Record<string, unknown> = {};
  const fields = isFields(item) ? item : {};
  for (const key of keys) named[key] = fields[key] ?? schema?.properties.get(key)?.schema.default;
  return `k:${goJson(named)}`;
}

/** All fields that a value sets. `maps`: maps, lists and what was not there before count themselves too, as an update's do. */
export function fieldsOf(schema: CompiledSchema | undefined, value: unknown, maps = false, name = ''): FieldTree {
  const shape = shapeOf(schema, name, value);
  const children = new Map<string, FieldTree>();
  switch (shape.kind) {
    case 'piece':
      return leaf;
    case 'set':
      for (const item of value as readonly unknown[]) children.set(`v:${JSON.stringify(item)}`, leaf);
      return { member: maps || children.size === 0, children };
    case 'items':
      for (const item of value as readonly unknown[]) {
        const inner = fieldsOf(shape.item, item, maps);
        children.set(itemStep(shape.item, shape.keys, item), { member: true, children: inner.children });
      }
      return { member: (maps && name !== 'containers') || children.size === 0, children };
    case 'fields': {
      const fields = value as Readonly<Record<string, unknown>>;
      for (const field of Object.keys(fields)) {
        const inner = fields[field];
        if (inner !== undefined && inner !== null) children.set(`f:${field}`, fieldsOf(shape.child(field), inner, maps, field));
      }
      return { member: children.size === 0 || (maps && schema?.accepts === 'map'), children };
    }
  }
}

export interface Comparison {
  /** Set now and not before, or to another value. */
  readonly changed: FieldTree;
  readonly removed: FieldTree;
}
const same: Comparison = { changed: noFields, removed: noFields };

/** What is different between two values. Parts that are the same reference are not looked at. */
export function compareValues(schema: CompiledSchema | undefined, old: unknown, now: unknown, name = ''): Comparison {
  if (old === now) return same;
  if (old === undefined || old === null) return now === undefined || now === null ? same : { changed: fieldsOf(schema, now, true, name), removed: noFields };
  if (now === undefined || now === null) return { changed: noFields, removed: fieldsOf(schema, old, true, name) };
  const shape = shapeOf(schema, name, now);
  const before = shapeOf(schema, name, old);
  if (shape.kind !== before.kind || shape.kind === 'piece') return deepEqual(old, now) ? same : { changed: leaf, removed: noFields };
  const [left, right] = [partsOf(shape, old), partsOf(shape, now)];
  const changed = new Map<string, FieldTree>();
  const removed = new Map<string, FieldTree>();
  for (const step of new Set([...left.keys(), ...right.keys()])) {
    const a = left.get(step);
    const b = right.get(step);
    const schemaBelow = shape.kind === 'items' ? shape.item : shape.kind === 'fields' ? shape.child(step.slice(2)) : undefined;
    const inner =
      shape.kind === 'set' && a !== undefined && b !== undefined ? same : compareValues(schemaBelow, a, b, step.startsWith('f:') ? step.slice(2) : '');
    const isItem = shape.kind === 'items';
    if (!isEmptyTree(inner.changed)) changed.set(step, isItem && a === undefined ? { member: true, children: inner.changed.children } : inner.changed);
    if (!isEmptyTree(inner.removed)) removed.set(step, isItem && b === undefined ? { member: true, children: inner.removed.children } : inner.removed);
  }
  return { changed: { member: false, children: changed }, removed: { member: false, children: removed } };
}

/** The parts of a value by their steps. */
function partsOf(shape: Exclude<Shape, { kind: 'piece' }>, value: unknown): ReadonlyMap<string, unknown> {
  if (shape.kind === 'items') return new Map((value as readonly unknown[]).map((item) => [itemStep(shape.item, shape.keys, item), item]));
  if (shape.kind === 'set') return new Map((value as readonly unknown[]).map((item) => [`v:${JSON.stringify(item)}`, item]));
  return new Map(Object.entries(value as object).map(([key, inner]) => [`f:${key}`, inner]));
}

/** The live value with what is applied put over it. */
export function mergeApplied(schema: CompiledSchema | undefined, live: unknown, applied: unknown, name = ''): unknown {
  if (applied === undefined || applied === null) return live;
  const shape = shapeOf(schema, name, applied);
  if (live === undefined || live === null || shape.kind === 'piece' || Array.isArray(live) !== Array.isArray(applied)) return applied;
  if (shape.kind === 'set') return [...new Set([...(applied as readonly unknown[]), ...(live as readonly unknown[])])];
  if (shape.kind === 'items') {
    const id = (item: unknown): string => itemId(schema, shape.keys, item);
    const items = new Map<string, unknown>((live as readonly unknown[]).map((item) => [id(item), item]));
    const order = (live as readonly unknown[]).map(id);
    for (const item of applied as readonly unknown[]) items.set(id(item), mergeApplied(shape.item, items.get(id(item)), item));
    return orderItems(items, (applied as readonly unknown[]).map(id), order);
  }
  if (!isFields(live)) return applied;
  const result: Record<string, unknown> = { ...live };
  const fields = applied as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(fields)) result[key] = mergeApplied(shape.child(key), live[key], fields[key], key);
  return result;
}

/** The value without the fields of `gone`; what `kept` names, and what holds something of it, stays. */
export function removeFields(schema: CompiledSchema | undefined, value: unknown, gone: FieldTree, kept: FieldTree, name = ''): unknown {
  const shape = shapeOf(schema, name, value);
  if (shape.kind === 'piece' || gone.children.size === 0) return value;
  const left: [string, unknown][] = [];
  for (const [step, inner] of partsOf(shape, value)) {
    const target = gone.children.get(step);
    const held = kept.children.get(step);
    if (target === undefined) left.push([step, inner]);
    else if (target.member && held === undefined) continue;
    else {
      const below = shape.kind === 'items' ? shape.item : shape.kind === 'fields' ? shape.child(step.slice(2)) : undefined;
      left.push([step, removeFields(below, inner, target, held ?? noFields, step.startsWith('f:') ? step.slice(2) : '')]);
    }
  }
  return shape.kind === 'fields' ? Object.fromEntries(left.map(([step, inner]) => [step.slice(2), inner])) : left.map(([, inner]) => inner);
}
