/** awk: patterns and `print`, for the one-liners of pipelines; anything beyond is refused with a sentence. */
import type { FilterIo } from '../command.ts';
import { compileRegex } from './regex.ts';
import { defineTextTool, takeLines, takeRest } from './tool.ts';

type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'regex'; readonly pattern: string }
  | { readonly kind: 'field'; readonly index: Expression }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'assign'; readonly name: string; readonly operator: string; readonly value: Expression }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly value: Expression }
  | { readonly kind: 'call'; readonly name: 'length' | 'toupper' | 'tolower' | 'substr'; readonly values: readonly Expression[] };
type Statement =
  | { readonly kind: 'print'; readonly values: readonly Expression[] }
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'next' | 'exit' };
interface Rule {
  readonly when: 'BEGIN' | 'END' | 'line';
  readonly pattern: Expression | undefined;
  readonly body: readonly Statement[];
}
interface State {
  readonly rules: readonly Rule[];
  readonly separator: string;
  readonly variables: Map<string, string | number>;
  begun: boolean;
  partial: string;
  number: number;
  stopped: boolean;
}

class AwkError extends Error {}

function parseAwk(program: string): readonly Rule[] {
  const tokens: string[] =
    program
      .match(/\s*(?:"(?:\\.|[^"\\])*"|\/(?:\\.|[^/\\\n])+\/(?=\s*(?:[{})&|;,]|$))|[A-Za-z_]\w*|\d+(?:\.\d+)?|==|!=|<=|>=|&&|\|\||!~|\+=|-=|\+\+|--|[^\s])|\n/g)
      ?.map((token) => (token === '\n' ? '\n' : token.trim())) ?? [];
  if (tokens.length > 500) throw new AwkError('program too long');
  let at = 0;
  const peek = (): string => tokens[at] ?? '';
  const take = (expected?: string): string => {
    const token = peek();
    if (expected !== undefined && token !== expected) throw new AwkError(`syntax error near \`${token === '' ? 'end of program' : token}'`);
    at += 1;
    return token;
  };
  const skipSeparators = (): void => {
    while (peek() === ';' || peek() === '\n') at += 1;
  };
  const levels = [['||'], ['&&'], ['~', '!~'], ['==', '!=', '<', '>', '<=', '>='], ['concat'], ['+', '-'], ['*', '/', '%']];
  const startsPrimary = (token: string): boolean => /^["$\d(A-Za-z_]/.test(token) && token !== '';
  const binary = (level: number): Expression => {
    const operators = levels[level];
    if (operators === undefined) return unary();
    let left = binary(level + 1);
    for (;;) {
      if (operators[0] === 'concat') {
        if (!startsPrimary(peek()) || peek() === 'in') return left;
        left = { kind: 'binary', operator: 'concat', left, right: binary(level + 1) };
      } else if (operators.includes(peek())) left = { kind: 'binary', operator: take(), left, right: binary(level + 1) };
      else return left;
    }
  };
  const unary = (): Expression => {
    if (peek() === '!') {
      take();
      return { kind: 'not', value: unary() };
    }
    if (peek() === '-') {
      take();
      return { kind: 'binary', operator: '-', left: { kind: 'number', value: 0 }, right: unary() };
    }
    return primary();
  };
  const primary = (): Expression => {
    const token = take();
    if (token === '(') {
      const value = expression();
      take(')');
      return value;
    }
    if (token === '$') return { kind: 'field', index: primary() };
    if (token.startsWith('"')) return { kind: 'string', value: token.slice(1, -1).replace(/\\(.)/g, (_, c: string) => ({ n: '\n', t: '\t' })[c] ?? c) };
    if (token.startsWith('/') && token.length > 1) return { kind: 'regex', pattern: token.slice(1, -1).replaceAll('\\/', '/') };
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    if (token === 'length' || token === 'toupper' || token === 'tolower' || token === 'substr') {
      const values: Expression[] = [];
      if (peek() === '(') {
        take('(');
        while (peek() !== ')') {
          values.push(expression());
          if (peek() === ',') take();
        }
        take(')');
      }
      return { kind: 'call', name: token, values };
    }
    if (/^[A-Za-z_]\w*$/.test(token)) {
      if (peek() === '(' || peek() === '[') throw new AwkError(`\`${token}${peek()}' is not part of this simulated awk`);
      if (peek() === '++' || peek() === '--')
        return { kind: 'assign', name: token, operator: take() === '++' ? '+=' : '-=', value: { kind: 'number', value: 1 } };
      return { kind: 'variable', name: token };
    }
    throw new AwkError(`syntax error near \`${token === '' ? 'end of program' : token}'`);
  };
  const expression = (): Expression => {
    const name = peek();
    const operator = tokens[at + 1] ?? '';
    if (/^[A-Za-z_]\w*$/.test(name) && ['=', '+=', '-='].includes(operator)) {
      at += 2;
      return { kind: 'assign', name, operator, value: expression() };
    }
    return binary(0);
  };
  const block = (): Statement[] => {
    const statements: Statement[] = [];
    take('{');
    skipSeparators();
    while (peek() !== '}') {
      if (peek() === 'print') {
        take();
        const values: Expression[] = [];
        while (![';', '}', '\n', ''].includes(peek())) {
          values.push(expression());
          if (peek() === ',') take();
        }
        statements.push({ kind: 'print', values });
      } else if (peek() === 'next' || peek() === 'exit') statements.push({ kind: take() as 'next' | 'exit' });
      else if (['if', 'for', 'while', 'printf', 'split', 'gsub', 'sub'].includes(peek())) throw new AwkError(`\`${peek()}' is not part of this simulated awk`);
      else statements.push({ kind: 'expression', value: expression() });
      if (peek() !== '}' && peek() !== ';' && peek() !== '\n') throw new AwkError(`syntax error near \`${peek() === '' ? 'end of program' : peek()}'`);
      skipSeparators();
    }
    take('}');
    return statements;
  };
  const rules: Rule[] = [];
  skipSeparators();
  while (at < tokens.length) {
    const when = peek() === 'BEGIN' || peek() === 'END' ? (take() as 'BEGIN' | 'END') : 'line';
    const pattern = peek() === '{' || when !== 'line' ? undefined : expression();
    const body: Statement[] = peek() === '{' ? block() : [{ kind: 'print', values: [] }];
    rules.push({ when, pattern, body });
    skipSeparators();
  }
  return rules;
}

interface Line {
  readonly text: string;
  readonly fields: readonly string[];
}

function evaluate(state: State, line: Line, node: Expression): string | number {
  switch (node.kind) {
    case 'number':
    case 'string':
      return node.value;
    case 'regex':
      return matches(node.pattern, line.text) ? 1 : 0;
    case 'field': {
      const index = toNumber(evaluate(state, line, node.index));
      return index === 0 ? line.text : (line.fields[index - 1] ?? '');
    }
    case 'variable':
      if (node.name === 'NF') return line.fields.length;
      if (node.name === 'NR' || node.name === 'FNR') return state.number;
      return state.variables.get(node.name) ?? '';
    case 'assign': {
      const value = evaluate(state, line, node.value);
      const before = toNumber(state.variables.get(node.name) ?? 0);
      const after = node.operator === '=' ? value : node.operator === '+=' ? before + toNumber(value) : before - toNumber(value);
      state.variables.set(node.name, after);
      return after;
    }
    case 'not':
      return truthy(evaluate(state, line, node.value)) ? 0 : 1;
    case 'call': {
      const values = node.values.map((value) => evaluate(state, line, value));
      const first = String(values[0] ?? line.text);
      if (node.name === 'length') return first.length;
      if (node.name === 'toupper') return first.toUpperCase();
      if (node.name === 'tolower') return first.toLowerCase();
      const start = toNumber(values[1] ?? 1);
      return first.slice(Math.max(0, start - 1), values[2] === undefined ? undefined : Math.max(0, start - 1 + toNumber(values[2])));
    }
    case 'binary':
      return evaluateBinary(state, line, node);
  }
}

function evaluateBinary(state: State, line: Line, node: Extract<Expression, { kind: 'binary' }>): string | number {
  const left = evaluate(state, line, node.left);
  if (node.operator === '&&') return truthy(left) && truthy(evaluate(state, line, node.right)) ? 1 : 0;
  if (node.operator === '||') return truthy(left) || truthy(evaluate(state, line, node.right)) ? 1 : 0;
  if (node.operator === '~' || node.operator === '!~') {
    const pattern = node.right.kind === 'regex' ? node.right.pattern : String(evaluate(state, line, node.right));
    return matches(pattern, String(left)) === (node.operator === '~') ? 1 : 0;
  }
  const right = evaluate(state, line, node.right);
  switch (node.operator) {
    case 'concat':
      return `${left}${right}`;
    case '+':
      return toNumber(left) + toNumber(right);
    case '-':
      return toNumber(left) - toNumber(right);
    case '*':
      return toNumber(left) * toNumber(right);
    case '/':
      return toNumber(right) === 0 ? 0 : toNumber(left) / toNumber(right);
    case '%':
      return toNumber(right) === 0 ? 0 : toNumber(left) % toNumber(right);
    default: {
      const numeric = isNumeric(left) && isNumeric(right);
      const order = numeric ? toNumber(left) - toNumber(right) : String(left) < String(right) ? -1 : String(left) > String(right) ? 1 : 0;
      const holds = { '==': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0, '<=': order <= 0, '>=': order >= 0 }[node.operator] ?? false;
      return holds ? 1 : 0;
    }
  }
}

const isNumeric = (value: string | number): boolean => typeof value === 'number' || /^\s*[-+]?\d+(?:\.\d+)?\s*$/.test(value);
const toNumber = (value: string | number): number => (typeof value === 'number' ? value : Number.parseFloat(value) || 0);
const truthy = (value: string | number): boolean => (typeof value === 'number' ? value !== 0 : value !== '' && !(isNumeric(value) && toNumber(value) === 0));

function matches(pattern: string, text: string): boolean {
  const regex = compileRegex(pattern, { syntax: 'extended', ignoreCase: false });
  return !('error' in regex) && regex.find(text, 0) !== undefined;
}

function runRules(state: State, when: Rule['when'], line: Line, io: FilterIo): void {
  for (const rule of state.rules) {
    if (rule.when !== when || state.stopped) continue;
    if (rule.pattern !== undefined && !truthy(evaluate(state, line, rule.pattern))) continue;
    for (const statement of rule.body) {
      if (statement.kind === 'print') {
        const separator = String(state.variables.get('OFS') ?? ' ');
        io.out(`${statement.values.length === 0 ? line.text : statement.values.map((value) => format(evaluate(state, line, value))).join(separator)}\n`);
      } else if (statement.kind === 'expression') evaluate(state, line, statement.value);
      else if (statement.kind === 'next') return;
      else {
        state.stopped = true;
        return;
      }
    }
  }
}

function format(value: string | number): string {
  return typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value);
}

function takeLine(state: State, text: string, io: FilterIo): void {
  state.number += 1;
  const separator = String(state.variables.get('FS') ?? state.separator);
  const fields =
    separator === ' '
      ? text
          .trim()
          .split(/[ \t]+/)
          .filter((field) => field !== '')
      : separator.length === 1
        ? text.split(separator)
        : splitByRegex(text, separator);
  runRules(state, 'line', { text, fields }, io);
}

function splitByRegex(text: string, pattern: string): string[] {
  const regex = compileRegex(pattern, { syntax: 'extended', ignoreCase: false });
  if ('error' in regex) return [text];
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    const match = regex.find(text, at);
    if (match === undefined || match.end === match.start) return [...fields, text.slice(at)];
    fields.push(text.slice(at, match.start));
    at = match.end;
  }
}

const nothing: Line = { text: '', fields: [] };

export const awk = defineTextTool<State>({
  name: 'awk',
  summary: "fields of lines: awk '/pattern/ {print $1, $3}' (-F, -v)",
  missingStatus: 2,
  parse: (argv) => {
    let separator = ' ';
    const variables = new Map<string, string | number>();
    const rest: string[] = [];
    const queue = [...argv];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      if (rest.length > 0 || !word.startsWith('-') || word === '-') rest.push(word);
      else if (word.startsWith('-F')) separator = (word.length > 2 ? word.slice(2) : (queue.shift() ?? ' ')).replaceAll('\\t', '\t');
      else if (word === '-v') {
        const [name = '', ...value] = (queue.shift() ?? '').split('=');
        variables.set(name, value.join('='));
      } else return { error: `awk: not an option: ${word}\n`, exitCode: 2 };
    }
    const program = rest.shift();
    if (program === undefined) return { error: 'usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]\n', exitCode: 2 };
    try {
      return { state: { rules: parseAwk(program), separator, variables, begun: false, partial: '', number: 0, stopped: false }, files: rest };
    } catch (error) {
      if (error instanceof AwkError) return { error: `awk: cmd. line:1: ${error.message}\n`, exitCode: 2 };
      throw error;
    }
  },
  data: (state, text, io) => {
    if (!state.begun) runRules(state, 'BEGIN', nothing, io);
    state.begun = true;
    for (const line of takeLines(state, text)) if (!state.stopped) takeLine(state, line, io);
    return state.stopped ? 0 : undefined;
  },
  end: (state, io) => {
    if (!state.begun) runRules(state, 'BEGIN', nothing, io);
    for (const line of takeRest(state)) if (!state.stopped) takeLine(state, line, io);
    runRules(state, 'END', nothing, io);
    return 0;
  },
});
