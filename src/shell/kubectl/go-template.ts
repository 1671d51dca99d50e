/** `-o go-template=`: the part of Go's text/template that people use with kubectl, over plain JSON. Go: text/template/exec.go */
import { sortKeys } from './jsonpath.ts';

/** The message is the template package's own, without kubectl's prefix. */
export class GoTemplateError extends Error {}

type Expression =
  | { readonly kind: 'field'; readonly from: 'dot' | { readonly variable: string }; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | { readonly kind: 'assign'; readonly variable: string; readonly value: Expression }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly value: Expression;
      /** `range $i, $one :=` */
      readonly variables: readonly string[];
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

const MAX_DEPTH = 50;
/** Nodes that one template may run. */
const MAX_STEPS = 200_000;
const MAX_TEXT = 2_000_000;

/** `{{`, `{{-`: text and actions in turn, white space trimmed where a dash says so. */
function split(template: string): readonly { readonly action: boolean; readonly text: string }[] {
  const parts: { action: boolean; text: string }[] = [];
  let at = 0;
  let trimNext = false;
  const pushText = (text: string, trimEnd: boolean): void => {
    let shown = trimNext ? text.trimStart() : text;
    if (trimEnd) shown = shown.trimEnd();
    if (shown !== '') parts.push({ action: false, text: shown });
  };
  while (at < template.length) {
    const open = template.indexOf('{{', at);
    if (open < 0) break;
    const match = /^((?:[^"`}]|"(?:[^"\\]|\\.)*"|`[^`]*`|\}(?!\}))*)\}\}/.exec(template.slice(open + 2));
    if (match === null) throw new GoTemplateError('template: output:1: unclosed action');
    const inner = match[1] ?? '';
    const left = /^-\s/.test(inner);
    const right = /\s-$/.test(inner);
    pushText(template.slice(at, open), left);
    trimNext = right;
    parts.push({ action: true, text: inner.slice(left ? 1 : 0, right ? -1 : undefined).trim() });
    at = open + 2 + match[0].length;
  }
  pushText(template.slice(at), false);
  return parts;
}

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|:=|\$\w*(?:\.\w+)*|(?:\.[\w-]+)+|\.|-?\d+(?:\.\d+)?|[A-Za-z]\w*|[()|,=])/y;

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null)
      throw new GoTemplateError(`template: output:1: unexpected ${JSON.stringify(text.slice(found.join('').length, found.join('').length + 1))} in command`);
    found.push(match[1] ?? '');
    if (/^\s*$/.test(text.slice(TOKEN.lastIndex))) break;
  }
  return found;
}

const unquote = (word: string): string =>
  word.startsWith('`') ? word.slice(1, -1) : word.slice(1, -1).replace(/\\(.)/g, (_, c: string) => ({ n: '\n', t: '\t', r: '\r' })[c] ?? c);

class Parser {
  readonly #parts: ReturnType<typeof split>;
  #at = 0;

  constructor(template: string) {
    this.#parts = split(template);
  }

  whole(): readonly Node[] {
    const { nodes, end } = this.#block(0);
    if (end !== undefined) throw new GoTemplateError(`template: output:1: unexpected {{${end}}}`);
    return nodes;
  }

  #block(depth: number): { readonly nodes: readonly Node[]; readonly end: string | undefined } {
    if (depth > MAX_DEPTH) throw new GoTemplateError('template: output:1: nested too deeply');
    const nodes: Node[] = [];
    while (this.#at < this.#parts.length) {
      const part = this.#parts[this.#at];
      this.#at += 1;
      if (part === undefined) break;
      if (!part.action) {
        nodes.push({ kind: 'text', text: part.text });
        continue;
      }
      if (part.text.startsWith('/*')) continue;
      const words = tokens(part.text);
      const [first = ''] = words;
      if (first === 'end' || first === 'else') return { nodes, end: part.text };
      if (first === 'if' || first === 'with' || first === 'range') nodes.push(this.#control(first, words.slice(1), depth));
      else if (first.startsWith('$') && (words[1] === ':=' || words[1] === '='))
        nodes.push({ kind: 'assign', variable: first, value: pipeline(words.slice(2)) });
      else nodes.push({ kind: 'print', value: pipeline(words) });
    }
    return { nodes, end: undefined };
  }

  #control(kind: 'if' | 'with' | 'range', words: readonly string[], depth: number): Node {
    const assign = words.indexOf(':=');
    const variables = assign < 0 ? [] : words.slice(0, assign).filter((word) => word.startsWith('$'));
    const value = pipeline(words.slice(assign + 1));
    const { nodes: body, end } = this.#block(depth + 1);
    if (end === undefined) throw new GoTemplateError('template: output:1: unexpected EOF');
    if (!end.startsWith('else')) return { kind, value, variables, body, otherwise: [] };
    const chained = /^else\s+(if|with)\s/.exec(end);
    if (chained !== null) {
      const next = this.#control(chained[1] as 'if' | 'with', tokens(end.slice(chained[0].length)), depth + 1);
      return { kind, value, variables, body, otherwise: [next] };
    }
    const rest = this.#block(depth + 1);
    if (rest.end !== 'end') throw new GoTemplateError(`template: output:1: unexpected ${rest.end === undefined ? 'EOF' : `{{${rest.end}}}`}`);
    return { kind, value, variables, body, otherwise: rest.nodes };
  }
}

/** `a | b x`: what stands before a bar is the last argument of what follows. */
function pipeline(words: readonly string[]): Expression {
  if (words.length === 0) throw new GoTemplateError('template: output:1: missing value for command');
  let at = 0;
  const operand = (): Expression => {
    const word = words[at] ?? '';
    at += 1;
    if (word === '(') {
      const inside = piped(true);
      if (words[at] !== ')') throw new GoTemplateError('template: output:1: unclosed left paren');
      at += 1;
      return inside;
    }
    if (word === '.') return { kind: 'field', from: 'dot', path: [] };
    if (word.startsWith('.')) return { kind: 'field', from: 'dot', path: word.slice(1).split('.') };
    if (word.startsWith('$')) {
      const [variable = '$', ...path] = word.split('.');
      return { kind: 'field', from: { variable }, path };
    }
    if (/^["`]/.test(word)) return { kind: 'literal', value: unquote(word) };
    if (/^-?\d/.test(word)) return { kind: 'literal', value: Number(word) };
    if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
    if (word === 'nil') return { kind: 'literal', value: null };
    if (/^[A-Za-z]/.test(word)) return { kind: 'call', name: word, args: [] };
    throw new GoTemplateError(`template: output:1: unexpected "${word}" in operand`);
  };
  const command = (last: Expression | undefined): Expression => {
    const first = operand();
    const args: Expression[] = [];
    while (at < words.length && words[at] !== '|' && words[at] !== ')') args.push(operand());
    if (last !== undefined) args.push(last);
    if (first.kind !== 'call') {
      if (args.length > 0) throw new GoTemplateError("template: output:1: can't give argument to non-function");
      return first;
    }
    if (!Object.hasOwn(functions, first.name) && first.name !== 'and' && first.name !== 'or')
      throw new GoTemplateError(`template: output:1: function "${first.name}" not defined`);
    return { ...first, args };
  };
  const piped = (inside: boolean): Expression => {
    let value = command(undefined);
    while (words[at] === '|') {
      at += 1;
      value = command(value);
    }
    if (at < words.length && !(inside && words[at] === ')')) throw new GoTemplateError(`template: output:1: unexpected "${words[at]}" in command`);
    return value;
  };
  return piped(false);
}

const isTrue = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : typeof value === 'object' && value !== null
      ? Object.keys(value).length > 0
      : value !== undefined && value !== null && value !== false && value !== 0 && value !== '';

/** As Go's `%v` writes maps and slices. */
export function goText(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value === 'object') {
    const fields = sortKeys(value) as Readonly<Record<string, unknown>>;
    return `map[${Object.entries(fields)
      .map(([key, one]) => `${key}:${goText(one)}`)
      .join(' ')}]`;
  }
  return String(value);
}

function child(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) return typeof key === 'number' ? value[key] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, String(key)) ? (value as Readonly<Record<string, unknown>>)[String(key)] : undefined;
}

const compare = (a: unknown, b: unknown): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;

const functions: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  not: ([value]) => !isTrue(value),
  eq: ([first, ...others]) => others.some((other) => other === first),
  ne: ([a, b]) => a !== b,
  lt: ([a, b]) => compare(a, b) < 0,
  le: ([a, b]) => compare(a, b) <= 0,
  gt: ([a, b]) => compare(a, b) > 0,
  ge: ([a, b]) => compare(a, b) >= 0,
  len: ([value]) => (typeof value === 'string' || Array.isArray(value) ? value.length : Object.keys((value ?? {}) as object).length),
  index: ([value, ...keys]) => keys.reduce(child, value),
  exists: ([value, ...keys]) => keys.reduce(child, value) !== undefined,
  print: (args) => args.map(goText).join(' '),
  println: (args) => `${args.map(goText).join(' ')}\n`,
  printf: ([format, ...args]) => {
    let next = 0;
    return String(format).replace(/%(-?)(\d*)([sdvqt%])/g, (_, left: string, width: string, verb: string) => {
      if (verb === '%') return '%';
      const value = args[next];
      next += 1;
      const text = verb === 'q' ? JSON.stringify(value) : goText(value);
      const columns = Math.min(Number(width || 0), 1000);
      return left === '' ? text.padStart(columns) : text.padEnd(columns);
    });
  },
  base64decode: ([value]) => decodeBase64(String(value)),
};

function decodeBase64(text: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const bytes: number[] = [];
  let [bits, count] = [0, 0];
  for (const letter of text.replace(/=+$/, '')) {
    const digit = digits.indexOf(letter);
    if (digit < 0) continue;
    bits = ((bits << 6) | digit) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push((bits >> count) & 255);
  }
  return decodeURIComponent(bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
}

/** @throws {GoTemplateError} */
export function renderGoTemplate(template: string, data: unknown): string {
  const nodes = new Parser(template).whole();
  let out = '';
  let steps = 0;
  const variables = new Map<string, unknown>([['$', data]]);
  const evaluate = (expression: Expression, dot: unknown): unknown => {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'field': {
        let value = expression.from === 'dot' ? dot : variables.get(expression.from.variable);
        if (expression.from !== 'dot' && !variables.has(expression.from.variable))
          throw new GoTemplateError(`template: output:1: undefined variable "${expression.from.variable}"`);
        for (const key of expression.path) value = child(value, key);
        return value;
      }
      case 'call': {
        if (expression.name === 'and' || expression.name === 'or') {
          let value: unknown;
          for (const argument of expression.args) {
            value = evaluate(argument, dot);
            if (isTrue(value) === (expression.name === 'or')) return value;
          }
          return value;
        }
        return functions[expression.name]?.(expression.args.map((argument) => evaluate(argument, dot)));
      }
    }
  };
  const run = (list: readonly Node[], dot: unknown): void => {
    for (const node of list) {
      steps += 1;
      if (steps > MAX_STEPS || out.length > MAX_TEXT) throw new GoTemplateError('template: output: more than this kubectl prints');
      switch (node.kind) {
        case 'text':
          out += node.text;
          break;
        case 'print':
          out += goText(evaluate(node.value, dot));
          break;
        case 'assign':
          variables.set(node.variable, evaluate(node.value, dot));
          break;
        case 'if':
          run(isTrue(evaluate(node.value, dot)) ? node.body : node.otherwise, dot);
          break;
        case 'with': {
          const value = evaluate(node.value, dot);
          if (node.variables[0] !== undefined) variables.set(node.variables[0], value);
          if (isTrue(value)) run(node.body, value);
          else run(node.otherwise, dot);
          break;
        }
        case 'range': {
          const value = evaluate(node.value, dot);
          const entries: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
            ? value.map((one, index) => [index, one] as const)
            : Object.entries((sortKeys(value ?? {}) ?? {}) as object);
          for (const [key, one] of entries) {
            const [first, second] = node.variables;
            if (second !== undefined) {
              variables.set(first ?? '', key);
              variables.set(second, one);
            } else if (first !== undefined) variables.set(first, one);
            run(node.body, one);
          }
          if (entries.length === 0) run(node.otherwise, dot);
          break;
        }
      }
    }
  };
  run(nodes, data);
  return out;
}
