/** Builds the tree of one document from js-yaml's events, by the rules of sigs.k8s.io/yaml. */
import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent } from 'js-yaml';
import type { MappingEntry, MappingNode, YamlNode, YamlValue } from './node.ts';
import { resolvePlainScalar } from './scalar.ts';

/** A mistake at a place; `message` is without the `yaml: line N: ` in front. */
export interface BuildProblem {
  readonly code: 'yaml-syntax' | 'duplicate-key' | 'forbidden-key' | 'yaml-limit';
  readonly message: string;
  readonly startOffset: number;
  readonly endOffset: number;
}

export interface BuildLimits {
  readonly maxDepth: number;
  readonly maxNodes: number;
}

/** Keys that could reach an object's prototype; no Kubernetes field has such a name. */
const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

interface Frame {
  readonly kind: 'mapping' | 'sequence';
  readonly start: number;
  readonly flow: boolean;
  readonly anchor: string;
  end: number;
  size: number;
  height: number;
  readonly items: YamlNode[];
  readonly entries: MappingEntry[];
  readonly keys: Set<string>;
  readonly mergedKeys: Set<string>;
  key: PendingKey | undefined;
}
interface PendingKey {
  /** Undefined: unusable, the value that follows is dropped. */
  readonly text: string | undefined;
  readonly start: number;
  readonly end: number;
  readonly merge: boolean;
}

/**
 * `source` is the document's text: all offsets in nodes and problems are its own.
 * Returns undefined for a document without content. When there are problems the tree is not to be used.
 */
export function buildNodes(
  source: string,
  events: readonly Event[],
  limits: BuildLimits,
): { readonly root: YamlNode | undefined; readonly problems: readonly BuildProblem[] } {
  const problems: BuildProblem[] = [];
  const anchors = new Map<string, YamlNode | 'open'>();
  const stack: Frame[] = [];
  let root: YamlNode | undefined;
  let stopped = false;

  const problem = (code: BuildProblem['code'], message: string, start: number, end: number): void => {
    if (problems.length < 50) problems.push({ code, message, startOffset: start, endOffset: end });
  };

  const addMerge = (frame: Frame, node: YamlNode, key: PendingKey): void => {
    const sources = node.kind === 'sequence' ? node.items : [node];
    for (const one of sources) {
      if (one.kind !== 'mapping') {
        problem('yaml-syntax', 'map merge requires map or sequence of maps as the value', key.start, key.end);
        return;
      }
      for (const entry of one.entries) {
        if (frame.keys.has(entry.key) || frame.mergedKeys.has(entry.key)) continue;
        frame.mergedKeys.add(entry.key);
        frame.entries.push({ ...entry, merged: true });
      }
    }
  };

  const addEntry = (frame: Frame, key: PendingKey, node: YamlNode): void => {
    frame.end = Math.max(frame.end, node.end, key.end);
    frame.size += node.size + 1;
    frame.height = Math.max(frame.height, node.height + 1);
    if (key.merge) {
      addMerge(frame, node, key);
      return;
    }
    if (key.text === undefined) return;
    if (frame.mergedKeys.delete(key.text)) {
      // A key written out wins over a merged one, wherever it stands.
      const merged = frame.entries.findIndex((one) => one.merged && one.key === key.text);
      frame.entries.splice(merged, 1);
    }
    if (frame.keys.has(key.text)) {
      problem('duplicate-key', `key ${JSON.stringify(key.text)} already set in map`, key.start, key.end);
      return;
    }
    frame.keys.add(key.text);
    frame.entries.push({ key: key.text, keyStart: key.start, keyEnd: key.end, node, merged: false });
  };

  const asKey = (node: YamlNode): PendingKey => {
    const place = { start: node.start, end: node.end, merge: false };
    if (node.kind !== 'scalar') {
      problem('yaml-syntax', `invalid map key: ${goValue(node.value)}`, node.start, node.end);
      return { ...place, text: undefined };
    }
    if (node.value === null) {
      problem('yaml-syntax', 'unsupported map key of type: null', node.start, node.end);
      return { ...place, text: undefined };
    }
    const text = String(node.value);
    if (forbidden.has(text)) {
      problem('forbidden-key', `key ${JSON.stringify(text)} is not allowed`, node.start, node.end);
      return { ...place, text: undefined };
    }
    return { ...place, text, merge: text === '<<' && node.plain };
  };

  const add = (node: YamlNode): void => {
    if (node.size > limits.maxNodes) {
      problem('yaml-limit', 'document contains excessive aliasing', node.start, node.end);
      stopped = true;
      return;
    }
    if (node.height + stack.length > limits.maxDepth + 1) {
      problem('yaml-limit', `exceeded max depth of ${limits.maxDepth}`, node.start, node.end);
      stopped = true;
      return;
    }
    const frame = stack.at(-1);
    if (frame === undefined) {
      root = node;
    } else if (frame.kind === 'sequence') {
      frame.items.push(node);
      frame.end = Math.max(frame.end, node.end);
      frame.size += node.size;
      frame.height = Math.max(frame.height, node.height + 1);
    } else if (frame.key === undefined) {
      frame.key = asKey(node);
      frame.end = Math.max(frame.end, node.end);
    } else {
      const key = frame.key;
      frame.key = undefined;
      addEntry(frame, key, node);
    }
  };

  const open = (kind: 'mapping' | 'sequence', start: number, flow: boolean, anchor: string): void => {
    if (anchor !== '') anchors.set(anchor, 'open');
    stack.push({
      kind,
      start: start,
      end: start,
      flow,
      anchor,
      size: 1,
      height: 1,
      items: [],
      entries: [],
      keys: new Set(),
      mergedKeys: new Set(),
      key: undefined,
    });
  };

  const close = (frame: Frame): void => {
    const place = { start: frame.start, end: frame.flow ? closingBracket(source, frame.end) : frame.end, size: frame.size, height: frame.height };
    const node: YamlNode =
      frame.kind === 'sequence'
        ? { kind: 'sequence', items: frame.items, value: frame.items.map((one) => one.value), ...place }
        : { kind: 'mapping', entries: frame.entries, value: objectOf(frame.entries), ...place };
    if (frame.anchor !== '') anchors.set(frame.anchor, node);
    add(node);
  };

  const scalar = (event: ScalarEvent): void => {
    const frame = stack.at(-1);
    const before = frame === undefined ? 0 : (frame.key?.end ?? frame.end);
    const isEmpty = event.valueStart < 0;
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    const start = isEmpty ? before : event.valueStart - (quoted ? 1 : 0);
    let end = isEmpty ? before : event.valueEnd + (quoted ? 1 : 0);
    while (!quoted && end > start && (source[end - 1] === '\n' || source[end - 1] === '\r')) end -= 1;
    const tag = event.tagStart < 0 ? '' : source.slice(event.tagStart, event.tagEnd);
    const text = getScalarValue(source, event);
    const plain = tag === '' && event.style === SCALAR_STYLE.PLAIN;
    const value = plain ? resolvePlainScalar(text) : taggedValue(tag, text, event.style === SCALAR_STYLE.PLAIN);
    if (value === undefined) problem('yaml-syntax', `cannot decode !!str \`${text}\` as a ${tag}`, start, end);
    if (typeof value === 'number' && !Number.isFinite(value)) {
      problem('yaml-syntax', `json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`, start, end);
    }
    const node: YamlNode = { kind: 'scalar', start, end, value: value ?? null, plain, size: 1, height: 1 };
    if (event.anchorStart >= 0) anchors.set(source.slice(event.anchorStart, event.anchorEnd), node);
    add(node);
  };

  const alias = (start: number, end: number): void => {
    const name = source.slice(start, end);
    const target = anchors.get(name);
    if (target === undefined || target === 'open') {
      const message = target === undefined ? `unknown anchor '${name}' referenced` : `anchor '${name}' value contains itself`;
      problem('yaml-syntax', message, start - 1, end);
      stopped = true;
      return;
    }
    add({ ...target, start: start - 1, end: end });
  };

  for (const event of events) {
    if (stopped) break;
    switch (event.type) {
      case EVENT_ID.SCALAR:
        scalar(event);
        break;
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE: {
        const anchor = event.anchorStart < 0 ? '' : source.slice(event.anchorStart, event.anchorEnd);
        open(event.type === EVENT_ID.MAPPING ? 'mapping' : 'sequence', event.start, event.style === 2, anchor);
        break;
      }
      case EVENT_ID.ALIAS:
        alias(event.anchorStart, event.anchorEnd);
        break;
      case EVENT_ID.POP: {
        // The pop of the document itself finds no frame.
        const frame = stack.pop();
        if (frame !== undefined) close(frame);
        break;
      }
      case EVENT_ID.DOCUMENT:
        break;
    }
  }
  return { root, problems };
}

/** A value as Go's %#v prints it, which is how goyaml names a key that is a mapping or a list. */
function goValue(value: YamlValue | undefined): string {
  if (value === null || value === undefined) return 'interface {}(nil)';
  if (typeof value !== 'object') return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map(goValue)
    : Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}:${goValue(inner as YamlValue)}`);
  const text = `${Array.isArray(value) ? '[]interface {}' : 'map[interface {}]interface {}'}{${parts.join(', ')}}`;
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function objectOf(entries: MappingNode['entries']): YamlValue {
  const object: Record<string, YamlValue> = {};
  for (const entry of entries) object[entry.key] = entry.node.value;
  return object;
}

/** The value of a scalar with a tag, or quoted, or a block; undefined when the tag does not fit. */
function taggedValue(tag: string, text: string, isPlain: boolean): YamlValue | undefined {
  switch (tag) {
    case '!!int':
    case '!!float': {
      const value = resolvePlainScalar(text);
      return typeof value === 'number' ? value : undefined;
    }
    case '!!bool': {
      const value = resolvePlainScalar(text);
      return typeof value === 'boolean' ? value : undefined;
    }
    case '!!null':
      return resolvePlainScalar(text) === null ? null : undefined;
    case '':
      return isPlain ? resolvePlainScalar(text) : text;
    default:
      return text;
  }
}

/** The end of a flow collection: the offset behind its bracket, searched from its last child on. */
function closingBracket(source: string, from: number): number {
  for (let i = from; i < source.length; i += 1) {
    const char = source[i];
    if (char === ']' || char === '}') return i + 1;
    if (char === '#') {
      const newline = source.indexOf('\n', i);
      if (newline === -1) return source.length;
      i = newline;
    }
  }
  return source.length;
}
