/** Sets of field paths as trees: who owns what in an object. Kubernetes: structured-merge-diff/fieldpath, written as FieldsV1. */

/**
 * A place in an object. Steps below it: `f:name` a field or a map's key, `k:{"name":"web"}` an item by its keys, `v:"a/b"` an item of a set of scalars.
 * `member`: the place itself is in the set, not only something below it.
 */
export interface FieldTree {
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldTree>;
}

const none: ReadonlyMap<string, FieldTree> = new Map();
export const noFields: FieldTree = { member: false, children: none };
export const leaf: FieldTree = { member: true, children: none };

export const isEmptyTree = (tree: FieldTree): boolean => !tree.member && tree.children.size === 0;

const make = (member: boolean, children: Map<string, FieldTree>): FieldTree => (children.size === 0 ? (member ? leaf : noFields) : { member, children });

export function union(a: FieldTree, b: FieldTree): FieldTree {
  if (a === b || isEmptyTree(b)) return a;
  if (isEmptyTree(a)) return b;
  const children = new Map(a.children);
  for (const [step, tree] of b.children) {
    const known = children.get(step);
    children.set(step, known === undefined ? tree : union(known, tree));
  }
  return make(a.member || b.member, children);
}

/** What is in `a` and not in `b`. */
export function difference(a: FieldTree, b: FieldTree): FieldTree {
  if (isEmptyTree(b)) return a;
  const children = new Map<string, FieldTree>();
  for (const [step, tree] of a.children) {
    const other = b.children.get(step);
    const left = other === undefined ? tree : difference(tree, other);
    if (!isEmptyTree(left)) children.set(step, left);
  }
  return make(a.member && !b.member, children);
}

export function intersection(a: FieldTree, b: FieldTree): FieldTree {
  const children = new Map<string, FieldTree>();
  for (const [step, tree] of a.children) {
    const other = b.children.get(step);
    const both = other === undefined ? noFields : intersection(tree, other);
    if (!isEmptyTree(both)) children.set(step, both);
  }
  return make(a.member && b.member, children);
}

export const equalTrees = (a: FieldTree, b: FieldTree): boolean => isEmptyTree(difference(a, b)) && isEmptyTree(difference(b, a));

type Encoded = { readonly [step: string]: Encoded };

/** FieldsV1: `{"f:spec":{"f:replicas":{}}}`; `.` stands for a place that has members below it and is one itself. */
export function encodeFields(tree: FieldTree): Encoded {
  const result: Record<string, Encoded> = {};
  if (tree.member && tree.children.size > 0) result['.'] = {};
  for (const step of [...tree.children.keys()].sort()) result[step] = encodeFields(tree.children.get(step) ?? noFields);
  return result;
}

/** Deeper trees are cut: no object is nested like that. */
const maxDepth = 120;

export function decodeFields(value: unknown, depth = 0): FieldTree {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return noFields;
  const children = new Map<string, FieldTree>();
  const entries = Object.entries(value);
  for (const [step, inner] of entries) if (step !== '.') children.set(step, decodeFields(inner, depth + 1));
  return make(depth > 0 && (entries.length === 0 || Object.hasOwn(value, '.')), children);
}

/** `.spec.template.spec.containers[name="web"].image`: members in order, as messages name them. */
export function pathsOf(tree: FieldTree, path = ''): readonly string[] {
  const below = [...tree.children.keys()].sort().flatMap((step) => pathsOf(tree.children.get(step) ?? noFields, path + stepText(step)));
  return tree.member ? [path, ...below] : below;
}

function stepText(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith('f:')) return `.${rest}`;
  if (step.startsWith('v:')) return `[=${rest}]`;
  try {
    const keys = JSON.parse(rest) as Readonly<Record<string, unknown>>;
    const parts = Object.keys(keys)
      .sort()
      .map((key) => `${key}=${JSON.stringify(keys[key])}`);
    return `[${parts.join(',')}]`;
  } catch {
    return `[${rest}]`;
  }
}
