/** kubectl's JSONPath templates: fields, indexes, slices, wildcards, filters, ranges, recursive descent. Kubernetes: client-go/util/jsonpath */

export type JsonPathNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'range'; readonly steps: readonly Step[]; readonly body: readonly JsonPathNode[] };

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined; readonly step: number; readonly single: boolean }
  | { readonly kind: 'union'; readonly indexes: readonly number[] }
  | {
      readonly kind: 'filter';
      readonly left: readonly Step[];
      readonly operator: string;
      readonly right: readonly Step[] | string | number | boolean | undefined;
    }
  | { readonly kind: 'recursive' };

/** The message is jsonpath's own, without kubectl's prefix. */
export class JsonPathError extends Error {}

const MAX_RESULTS = 100_000;

export function parseJsonPath(template: string): readonly JsonPathNode[] {
  let at = 0;
  let depth = 0;
  const nodes = (): JsonPathNode[] => {
    const found: JsonPathNode[] = [];
    while (at < template.length) {
      const open = template.indexOf('{', at);
      const text = template.slice(at, open < 0 ? undefined : open);
      if (text !== '') found.push({ kind: 'text', text: unescapeText(text) });
      if (open < 0) {
        at = template.length;
        break;
      }
      const close = closingBrace(template, open);
      const inner = template.slice(open + 1, close).trim();
      at = close + 1;
      if (inner === 'end') {
        if (depth === 0) throw new JsonPathError('not in range, nothing to end');
        depth -= 1;
        return found;
      }
      if (/^range\b/.test(inner)) {
        depth += 1;
        const wanted = depth - 1;
        const steps = parseSteps(inner.slice(5).trim());
        const body = nodes();
        if (depth !== wanted) throw new JsonPathError('unterminated range');
        found.push({ kind: 'range', steps, body });
      } else if (/^["']/.test(inner)) found.push({ kind: 'text', text: unescapeText(inner.slice(1, -1)) });
      else found.push({ kind: 'path', steps: parseSteps(inner) });
    }
    return found;
  };
  return nodes();
}

function closingBrace(template: string, open: number): number {
  let quote = '';
  for (let i = open + 1; i < template.length; i += 1) {
    const c = template[i] ?? '';
    if (quote !== '') {
      if (c === '\\') i += 1;
      else if (c === quote) quote = '';
    } else if (c === '"' || c === "'") quote = c;
    else if (c === '}') return i;
  }
  throw new JsonPathError('unclosed action');
}

function unescapeText(text: string): string {
  return text.replace(/\\(.)/g, (_, c: string) => ({ n: '\n', t: '\t', r: '\r' })[c] ?? c);
}

function parseSteps(path: string): readonly Step[] {
  const steps: Step[] = [];
  let at = path.startsWith('$') || path.startsWith('@') ? 1 : 0;
  while (at < path.length) {
    const c = path[at] ?? '';
    if (c === '.') {
      if (path[at + 1] === '.') {
        steps.push({ kind: 'recursive' });
        at += 1;
        if (path[at + 1] === '[' || path[at + 1] === undefined) at += 1;
        continue;
      }
      at += 1;
      if (path[at] === '*') {
        steps.push({ kind: 'wildcard' });
        at += 1;
        continue;
      }
      let name = '';
      while (at < path.length && !'.[ \t'.includes(path[at] ?? '')) {
        if (path[at] === '\\' && at + 1 < path.length) at += 1;
        name += path[at] ?? '';
        at += 1;
      }
      if (name !== '') steps.push({ kind: 'field', name });
    } else if (c === '[') {
      const close = closingBracket(path, at);
      steps.push(parseBracket(path.slice(at + 1, close).trim()));
      at = close + 1;
    } else if (c === ' ') at += 1;
    else if (steps.length === 0 && /[A-Za-z_]/.test(c)) throw new JsonPathError(`unrecognized identifier ${/^[\w-]+/.exec(path.slice(at))?.[0] ?? c}`);
    else throw new JsonPathError(`unrecognized character in action: U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')} '${c}'`);
  }
  return steps;
}

function closingBracket(path: string, open: number): number {
  let depth = 0;
  let quote = '';
  for (let i = open; i < path.length; i += 1) {
    const c = path[i] ?? '';
    if (quote !== '') {
      if (c === quote) quote = '';
    } else if (c === '"' || c === "'") quote = c;
    else if (c === '[') depth += 1;
    else if (c === ']') {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  throw new JsonPathError('unterminated array');
}

function parseBracket(inner: string): Step {
  if (inner === '*') return { kind: 'wildcard' };
  const quoted = /^(['"])(.*)\1$/.exec(inner);
  if (quoted !== null) return { kind: 'field', name: quoted[2] ?? '' };
  const filter = /^\?\((.*)\)$/.exec(inner);
  if (filter !== null) return parseFilter((filter[1] ?? '').trim());
  if (/^-?\d+$/.test(inner)) return { kind: 'slice', from: Number(inner), to: undefined, step: 1, single: true };
  const slice = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(inner);
  if (slice !== null) {
    return {
      kind: 'slice',
      from: slice[1] === '' ? undefined : Number(slice[1]),
      to: slice[2] === '' ? undefined : Number(slice[2]),
      step: Number(slice[3] ?? 1) || 1,
      single: false,
    };
  }
  if (/^-?\d+(?:\s*,\s*-?\d+)+$/.test(inner)) return { kind: 'union', indexes: inner.split(',').map(Number) };
  throw new JsonPathError(`invalid array index ${inner}`);
}

function parseFilter(text: string): Step {
  const match = /^(@[^=!<>~ ]*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+))?$/.exec(text);
  if (match === null) throw new JsonPathError(`invalid filter expression ${text}`);
  const [, left = '', operator = 'exists', right] = match;
  const steps = parseSteps(left);
  if (right === undefined) return { kind: 'filter', left: steps, operator, right: undefined };
  const value = right.trim();
  const quoted = /^(['"])(.*)\1$/.exec(value);
  if (quoted !== null) return { kind: 'filter', left: steps, operator, right: quoted[2] ?? '' };
  if (value === 'true' || value === 'false') return { kind: 'filter', left: steps, operator, right: value === 'true' };
  if (/^-?\d+(?:\.\d+)?$/.test(value)) return { kind: 'filter', left: steps, operator, right: Number(value) };
  if (value.startsWith('@') || value.startsWith('$')) return { kind: 'filter', left: steps, operator, right: parseSteps(value) };
  throw new JsonPathError(`unrecognized identifier ${value}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Values at the end of a path. `strict`: a missing field is an error, as kubectl has it with missing keys not allowed. */
export function evaluatePath(steps: readonly Step[], root: unknown, strict: boolean): unknown[] {
  let values: unknown[] = [root];
  let recursive = false;
  for (const step of steps) {
    if (step.kind === 'recursive') {
      values = values.flatMap((value) => descend(value, 0));
      recursive = true;
      continue;
    }
    const next: unknown[] = [];
    for (const value of values) {
      for (const found of applyStep(step, value, strict && !recursive)) next.push(found);
      if (next.length > MAX_RESULTS) throw new JsonPathError('too many results');
    }
    values = next;
  }
  return values;
}

function descend(value: unknown, depth: number): unknown[] {
  if (depth > 100 || typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap((child) => descend(child, depth + 1))];
}

function applyStep(step: Exclude<Step, { kind: 'recursive' }>, value: unknown, strict: boolean): unknown[] {
  switch (step.kind) {
    case 'field':
      if (isRecord(value)) {
        if (Object.hasOwn(value, step.name)) return value[step.name] === undefined ? [] : [value[step.name]];
        if (strict) throw new JsonPathError(`${step.name} is not found`);
        return [];
      }
      if (strict && value !== undefined && value !== null) throw new JsonPathError(`${step.name} is not found`);
      return [];
    case 'wildcard':
      return Array.isArray(value)
        ? value
        : isRecord(value)
          ? Object.keys(value)
              .sort()
              .map((key) => value[key])
          : [];
    case 'slice': {
      if (!Array.isArray(value)) {
        if (strict && value !== undefined) throw new JsonPathError(`${goKind(value)} is not array or slice`);
        return [];
      }
      if (step.single) {
        const index = (step.from ?? 0) < 0 ? value.length + (step.from ?? 0) : (step.from ?? 0);
        if (index < 0 || index >= value.length) {
          if (strict) throw new JsonPathError(`array index out of bounds: index ${index}, length ${value.length}`);
          return [];
        }
        return [value[index]];
      }
      return value.slice(step.from, step.to).filter((_, index) => index % step.step === 0);
    }
    case 'union':
      return Array.isArray(value) ? step.indexes.flatMap((index) => (index < value.length ? [value.at(index)] : [])) : [];
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(step, item)) : [];
  }
}

function passes(step: Extract<Step, { kind: 'filter' }>, item: unknown): boolean {
  const left = evaluatePath(step.left, item, false);
  if (step.operator === 'exists') return left.length > 0;
  const right = Array.isArray(step.right) ? evaluatePath(step.right as readonly Step[], item, false)[0] : step.right;
  if (left.length === 0) return false;
  const value = left[0];
  if (step.operator === '==') return value === right;
  if (step.operator === '!=') return value !== right;
  if (typeof value !== typeof right || (typeof value !== 'number' && typeof value !== 'string') || (typeof right !== 'number' && typeof right !== 'string'))
    return false;
  return step.operator === '<' ? value < right : step.operator === '>' ? value > right : step.operator === '<=' ? value <= right : value >= right;
}

function goKind(value: unknown): string {
  return typeof value === 'string' ? 'string' : typeof value === 'number' ? 'float64' : typeof value === 'boolean' ? 'bool' : 'map[string]interface {}';
}

/** Text of a value as kubectl prints it: scalars bare, the rest as compact JSON. */
export function valueText(value: unknown): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return JSON.stringify(sortKeys(value)).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  return String(value);
}

export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isRecord(value)) return value;
  const sorted: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) if (value[key] !== undefined) sorted[key] = sortKeys(value[key]);
  return sorted;
}

/** The whole template over one value. */
export function renderJsonPath(nodes: readonly JsonPathNode[], root: unknown, strict = false): string {
  return nodes
    .map((node) => {
      if (node.kind === 'text') return node.text;
      const values = evaluatePath(node.steps, root, strict);
      if (node.kind === 'path') return values.map(valueText).join(' ');
      return values.map((value) => renderJsonPath(node.body, value, strict)).join('');
    })
    .join('');
}

/** `.metadata.name`, `metadata.name` and `{.metadata.name}` mean the same for custom columns and --sort-by. */
export function parseRelaxedPath(text: string): readonly JsonPathNode[] {
  const inner = /^\{(.*)\}$/.exec(text.trim())?.[1] ?? text.trim();
  return parseJsonPath(`{${inner.startsWith('.') || inner.startsWith('[') ? inner : `.${inner}`}}`);
}
