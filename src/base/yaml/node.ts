/** The parsed tree of one document: values with the places they came from. */

export type YamlValue = null | boolean | number | string | readonly YamlValue[] | { readonly [key: string]: YamlValue | undefined };

interface NodeBase {
  /** Offsets in the document's source; `end` is exclusive. An empty value stands right after its key (start = end). */
  readonly start: number;
  readonly end: number;
  readonly value: YamlValue;
  /** Nodes in this subtree when every alias is written out. */
  readonly size: number;
  /** Levels of this subtree when every alias is written out; a scalar has 1. */
  readonly height: number;
}
export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  /** Plain and without a tag, so that its type was guessed. */
  readonly plain: boolean;
}
export interface MappingNode extends NodeBase {
  readonly kind: 'mapping';
  readonly entries: readonly MappingEntry[];
}
export interface MappingEntry {
  readonly key: string;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly node: YamlNode;
  /** Came in through `<<`. */
  readonly merged: boolean;
}
export interface SequenceNode extends NodeBase {
  readonly kind: 'sequence';
  readonly items: readonly YamlNode[];
}
export type YamlNode = ScalarNode | MappingNode | SequenceNode;

export interface FoundNode {
  readonly node: YamlNode;
  /** The entry of the mapping that holds the node, where there is one. */
  readonly entry: MappingEntry | undefined;
  /** False where only a parent of the path exists. */
  readonly exact: boolean;
}

const endsName = (char: string | undefined): boolean => char === undefined || char === '.' || char === '[';

/**
 * Walks a path such as `spec.ports[0].port`, `metadata.labels[app.kubernetes.io/name]` or `metadata.annotations.example.com/x` as far as it exists.
 * Keys with dots need no escape: the longest key that fits is taken.
 */
export function findNode(root: YamlNode, path: string): FoundNode {
  let node = root;
  let entry: MappingEntry | undefined;
  let at = 0;
  // Each turn consumes at least one character of the path.
  while (at < path.length) {
    if (path[at] === '.') at += 1;
    if (node.kind === 'sequence') {
      const match = /^\[(\d{1,9})\]/.exec(path.slice(at, at + 12));
      const item = match === null ? undefined : node.items[Number(match[1])];
      if (match === null || item === undefined) return { node, entry, exact: false };
      node = item;
      at += match[0].length;
      continue;
    }
    if (node.kind === 'scalar') return { node, entry, exact: false };
    const bracket = path[at] === '[';
    const from = bracket ? at + 1 : at;
    let best: MappingEntry | undefined;
    for (const one of node.entries) {
      if (best !== undefined && one.key.length < best.key.length) continue;
      if (!path.startsWith(one.key, from)) continue;
      const after = path[from + one.key.length];
      if (bracket ? after === ']' : endsName(after)) best = one;
    }
    if (best === undefined || from + best.key.length === at) return { node, entry, exact: false };
    entry = best;
    node = best.node;
    at = from + best.key.length + (bracket ? 1 : 0);
  }
  return { node, entry, exact: true };
}

/** One step of a path in the API server's notation: `.name`, or `[name]` where the name itself holds dots, brackets or slashes. */
export function joinPath(parent: string, key: string): string {
  if (/[.[\]/]/.test(key) || key === '') return `${parent}[${key}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** The deepest place at an offset of the file. `onKey`: the offset is on a key, `path` names that entry. `at` turns offsets of nodes into the file's. */
export function pathAt(root: YamlNode, offset: number, at: (nodeOffset: number) => number): { readonly path: string; readonly onKey: boolean } {
  let node = root;
  let path = '';
  for (;;) {
    if (node.kind === 'mapping') {
      const own = node.entries.filter((one) => !one.merged);
      const onKey = own.find((one) => offset >= at(one.keyStart) && offset <= at(one.keyEnd));
      if (onKey !== undefined) return { path: joinPath(path, onKey.key), onKey: true };
      const inside = own.find((one) => offset > at(one.keyEnd) && offset <= at(Math.max(one.node.end, one.keyEnd)) && one.node.start >= one.keyEnd);
      if (inside === undefined) return { path, onKey: false };
      path = joinPath(path, inside.key);
      node = inside.node;
    } else if (node.kind === 'sequence') {
      const index = node.items.findIndex((one) => offset >= at(one.start) && offset <= at(one.end));
      const item = node.items[index];
      if (item === undefined) return { path, onKey: false };
      path = `${path}[${index}]`;
      node = item;
    } else {
      return { path, onKey: false };
    }
  }
}
