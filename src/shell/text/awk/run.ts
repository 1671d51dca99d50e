/** Runs a parsed awk program over lines. All state is plain data; the steps of one program are bounded. */
import type { FilterIo } from '../../command.ts';
import { resolvePath } from '../../paths.ts';
import { compileRegex, type Regex } from '../regex.ts';
import { AwkError, type AwkFunction, type Expression, type Program, type Statement, type Target } from './ast.ts';
import { compareValues, formatValues, fromInput, isTrue, toNumber, toText, type Value } from './values.ts';

export type AwkArray = Map<string, Value>;
type Local = Value | AwkArray;

/** Statements and loop turns of one run. */
const MAX_STEPS = 3_000_000;
const MAX_CALLS = 300;
/** Characters that one value may have. */
const MAX_TEXT = 4_000_000;

export interface AwkState {
  /** Frozen. */
  readonly program: Program;
  readonly variables: Map<string, Value>;
  readonly arrays: Map<string, AwkArray>;
  /** Ranges that have begun, by number of the rule. */
  readonly open: Map<number, true>;
  /** What `print > file` has written, and what `print | command` has collected. */
  readonly files: Map<string, string>;
  readonly commands: Map<string, string>;
  line: string;
  fields: string[];
  begun: boolean;
  partial: string;
  steps: number;
  /** Exit code, once `exit` has been met. */
  exit: number | undefined;
  status: number;
}

type Signal = 'next' | 'exit' | 'break' | 'continue' | 'return' | undefined;

const compiled = new WeakMap<Program, Map<string, Regex>>();

export class AwkRun {
  readonly #state: AwkState;
  readonly #io: FilterIo;
  #locals: Map<string, Local> | undefined;
  #returned: Value;
  #calls = 0;

  constructor(state: AwkState, io: FilterIo) {
    this.#state = state;
    this.#io = io;
  }

  /** @throws {AwkError} for what only shows while it runs. */
  begin(): void {
    this.#state.begun = true;
    this.#rules('BEGIN');
  }

  record(text: string): void {
    this.#set('NR', toNumber(this.#get('NR')) + 1);
    this.#set('FNR', toNumber(this.#get('FNR')) + 1);
    this.#setLine(text);
    this.#rules('line');
  }

  finish(): void {
    if (this.#state.exit === undefined || !this.#state.program.rules.some((rule) => rule.when === 'END')) {
      if (this.#state.exit === undefined) this.#rules('END');
    } else this.#rules('END');
  }

  #rules(when: 'BEGIN' | 'END' | 'line'): void {
    for (const [index, rule] of this.#state.program.rules.entries()) {
      if (rule.when !== when && !(when === 'line' && rule.when === 'range')) continue;
      if (!this.#selects(index)) continue;
      const signal = rule.body === undefined ? this.#print({ kind: 'print', values: [], into: undefined }) : this.#execute(rule.body);
      if (signal === 'next') return;
      if (signal === 'exit') return;
    }
  }

  #selects(index: number): boolean {
    const rule = this.#state.program.rules[index];
    if (rule?.pattern === undefined) return true;
    if (rule.until === undefined) return isTrue(this.#value(rule.pattern));
    const { open } = this.#state;
    if (!open.has(index)) {
      if (!isTrue(this.#value(rule.pattern))) return false;
      open.set(index, true);
    }
    if (isTrue(this.#value(rule.until))) open.delete(index);
    return true;
  }

  #step(): void {
    this.#state.steps += 1;
    if (this.#state.steps > MAX_STEPS) throw new AwkError(`stopped after ${MAX_STEPS} steps`);
  }

  #execute(statement: Statement): Signal {
    this.#step();
    switch (statement.kind) {
      case 'block':
        for (const inner of statement.body) {
          const signal = this.#execute(inner);
          if (signal !== undefined) return signal;
        }
        return undefined;
      case 'print':
      case 'printf':
        return this.#print(statement);
      case 'expression':
        this.#value(statement.value);
        return undefined;
      case 'if':
        if (isTrue(this.#value(statement.condition))) return this.#execute(statement.yes);
        return statement.no === undefined ? undefined : this.#execute(statement.no);
      case 'while':
      case 'for':
      case 'for-in':
        return this.#loop(statement);
      case 'delete':
        if (statement.keys === undefined) this.#array(statement.array).clear();
        else this.#array(statement.array).delete(this.#key(statement.keys));
        return undefined;
      case 'exit':
        this.#state.exit = statement.value === undefined ? (this.#state.exit ?? 0) : Math.trunc(toNumber(this.#value(statement.value))) & 255;
        return 'exit';
      case 'return':
        this.#returned = statement.value === undefined ? undefined : this.#value(statement.value);
        return 'return';
      default:
        return statement.kind;
    }
  }

  #loop(statement: Extract<Statement, { kind: 'while' | 'for' | 'for-in' }>): Signal {
    /** Whether the loop goes on; a signal that leaves more than the loop is kept. */
    let left: Signal;
    const turn = (body: Statement): boolean => {
      const signal = this.#execute(body);
      if (signal === undefined || signal === 'continue') return true;
      if (signal !== 'break') left = signal;
      return false;
    };
    if (statement.kind === 'for-in') {
      const array = this.#array(statement.array);
      for (const key of [...array.keys()]) {
        if (!array.has(key)) continue;
        this.#assign({ kind: 'variable', name: statement.name }, fromInput(key));
        if (!turn(statement.body)) break;
      }
      return left;
    }
    if (statement.kind === 'while') {
      if (statement.atLeastOnce && !turn(statement.body)) return left;
      while (isTrue(this.#value(statement.condition))) {
        this.#step();
        if (!turn(statement.body)) break;
      }
      return left;
    }
    if (statement.first !== undefined) this.#execute(statement.first);
    while (statement.condition === undefined || isTrue(this.#value(statement.condition))) {
      this.#step();
      if (!turn(statement.body)) break;
      if (statement.step !== undefined) this.#execute(statement.step);
    }
    return left;
  }

  #print(statement: Extract<Statement, { kind: 'print' | 'printf' }>): undefined {
    const values = statement.values.map((value) => this.#value(value));
    const text =
      statement.kind === 'printf'
        ? formatValues(this.#text(values[0]), values.slice(1), this.#convert())
        : (values.length === 0 ? this.#state.line : values.map((value) => toText(value, this.#text(this.#get('OFMT')))).join(this.#text(this.#get('OFS')))) +
          this.#text(this.#get('ORS'));
    if (statement.into === undefined) this.#io.out(text);
    else this.#redirect(statement.into.how, this.#text(this.#value(statement.into.name)), text);
    return undefined;
  }

  #redirect(how: '>' | '>>' | '|', name: string, text: string): void {
    const { files, commands } = this.#state;
    if (how === '|') {
      commands.set(name, (commands.get(name) ?? '') + text);
      return;
    }
    if (name === '/dev/stderr') this.#io.err(text);
    else if (name === '/dev/stdout' || name === '-') this.#io.out(text);
    else {
      const { shell, place, cwd } = this.#io.invocation();
      const path = resolvePath(cwd, name);
      const before = files.get(path) ?? (how === '>>' ? (shell.readFile(place, path) ?? '') : '');
      files.set(path, before + text);
      const error = path === '/dev/null' ? undefined : shell.writeFile(place, path, before + text);
      if (error !== undefined) throw new AwkError(`cannot open "${name}" (${error})`);
    }
  }

  #convert(): string {
    return this.#text(this.#state.variables.get('CONVFMT'));
  }

  #text(value: Value): string {
    return toText(value, typeof value === 'number' ? String(this.#state.variables.get('CONVFMT')) : '');
  }

  #get(name: string): Value {
    if (this.#locals?.has(name) === true) {
      const local = this.#locals.get(name);
      if (local instanceof Map) throw new AwkError(`type error: ${name} is an array`);
      return local;
    }
    if (name === 'NF') return this.#state.fields.length;
    return this.#state.variables.get(name);
  }

  #set(name: string, value: Value): void {
    if (this.#locals?.has(name) === true) this.#locals.set(name, value);
    else if (name === 'NF') {
      const count = Math.min(10_000, Math.max(0, Math.trunc(toNumber(value))));
      while (this.#state.fields.length < count) this.#state.fields.push('');
      this.#state.fields.length = count;
      this.#joinFields();
    } else this.#state.variables.set(name, value);
  }

  #array(name: string): AwkArray {
    if (this.#locals?.has(name) === true) {
      const local = this.#locals.get(name);
      if (local instanceof Map) return local;
      const fresh: AwkArray = new Map();
      this.#locals.set(name, fresh);
      return fresh;
    }
    const known = this.#state.arrays.get(name);
    if (known !== undefined) return known;
    const fresh: AwkArray = new Map();
    this.#state.arrays.set(name, fresh);
    return fresh;
  }

  #key(keys: readonly Expression[]): string {
    return keys.map((key) => this.#text(this.#value(key))).join(this.#text(this.#get('SUBSEP')));
  }

  #setLine(text: string): void {
    this.#state.line = text;
    this.#state.fields = this.#split(text, this.#text(this.#get('FS')));
  }

  #joinFields(): void {
    this.#state.line = this.#state.fields.join(this.#text(this.#get('OFS')));
  }

  #split(text: string, separator: string, regex = false): string[] {
    if (text === '') return [];
    if (separator === ' ' && !regex) return text.split(/[ \t\n]+/).filter((field) => field !== '');
    if (separator === '') return [...text];
    if (separator.length === 1 && !regex && separator !== '\\') return text.split(separator);
    const pattern = this.#regex(separator);
    const fields: string[] = [];
    let at = 0;
    let from = 0;
    for (;;) {
      const match = pattern.find(text, from);
      if (match === undefined) return [...fields, text.slice(at)];
      if (match.end === match.start) {
        from = match.end + 1;
        if (from > text.length) return [...fields, text.slice(at)];
        continue;
      }
      fields.push(text.slice(at, match.start));
      at = match.end;
      from = at;
    }
  }

  #regex(pattern: string): Regex {
    let cache = compiled.get(this.#state.program);
    if (cache === undefined) {
      cache = new Map();
      compiled.set(this.#state.program, cache);
    }
    const known = cache.get(pattern);
    if (known !== undefined) return known;
    const regex = compileRegex(pattern.replaceAll('\\t', '\t').replaceAll('\\n', '\n'), { syntax: 'extended', ignoreCase: false });
    if ('error' in regex) throw new AwkError(`regular expression compile failed (${regex.error})\n${pattern}`);
    if (cache.size > 500) cache.clear();
    cache.set(pattern, regex);
    return regex;
  }

  /** The pattern that an expression means where one is wanted. */
  #pattern(node: Expression): Regex {
    return this.#regex(node.kind === 'regex' ? node.pattern : this.#text(this.#value(node)));
  }

  #assign(target: Target, value: Value): void {
    if (typeof value === 'string' && value.length > MAX_TEXT) throw new AwkError(`a text of more than ${MAX_TEXT} characters is not kept`);
    if (target.kind === 'variable') this.#set(target.name, value);
    else if (target.kind === 'element') this.#array(target.name).set(this.#key(target.keys), value);
    else {
      const index = Math.trunc(toNumber(this.#value(target.index)));
      if (index < 0 || index > 10_000) throw new AwkError(`attempt to access field ${index}`);
      const text = this.#text(value);
      if (index === 0) this.#setLine(text);
      else {
        while (this.#state.fields.length < index) this.#state.fields.push('');
        this.#state.fields[index - 1] = text;
        this.#joinFields();
      }
    }
  }

  #value(node: Expression): Value {
    switch (node.kind) {
      case 'number':
      case 'string':
        return node.value;
      case 'regex':
        return this.#regex(node.pattern).find(this.#state.line, 0) === undefined ? 0 : 1;
      case 'variable':
        return this.#get(node.name);
      case 'field': {
        const index = Math.trunc(toNumber(this.#value(node.index)));
        if (index < 0) throw new AwkError(`attempt to access field ${index}`);
        const text = index === 0 ? this.#state.line : this.#state.fields[index - 1];
        return text === undefined ? undefined : fromInput(text);
      }
      case 'element': {
        const array = this.#array(node.name);
        const key = this.#key(node.keys);
        // Looking at an element makes it.
        if (!array.has(key)) array.set(key, undefined);
        return array.get(key);
      }
      case 'assign': {
        const right = this.#value(node.value);
        const value = node.operator === '=' ? right : arithmetic(node.operator[0] ?? '', toNumber(this.#value(node.target)), toNumber(right));
        this.#assign(node.target, value);
        return value;
      }
      case 'step': {
        const before = toNumber(this.#value(node.target));
        this.#assign(node.target, before + node.by);
        return node.prefix ? before + node.by : before;
      }
      case 'unary': {
        const value = this.#value(node.value);
        return node.operator === '!' ? (isTrue(value) ? 0 : 1) : node.operator === '-' ? -toNumber(value) : toNumber(value);
      }
      case 'choice':
        return isTrue(this.#value(node.condition)) ? this.#value(node.yes) : this.#value(node.no);
      case 'in':
        return this.#array(node.array).has(this.#key(node.keys)) ? 1 : 0;
      case 'binary':
        return this.#binary(node);
      case 'call':
        return this.#call(node.name, node.values);
      case 'builtin':
        return this.#builtin(node.name, node.values);
    }
  }

  #binary(node: Extract<Expression, { kind: 'binary' }>): Value {
    const left = this.#value(node.left);
    switch (node.operator) {
      case '&&':
        return isTrue(left) && isTrue(this.#value(node.right)) ? 1 : 0;
      case '||':
        return isTrue(left) || isTrue(this.#value(node.right)) ? 1 : 0;
      case '~':
      case '!~':
        return (this.#pattern(node.right).find(this.#text(left), 0) !== undefined) === (node.operator === '~') ? 1 : 0;
      case 'concat': {
        const text = this.#text(left) + this.#text(this.#value(node.right));
        if (text.length > MAX_TEXT) throw new AwkError(`a text of more than ${MAX_TEXT} characters is not kept`);
        return text;
      }
    }
    const right = this.#value(node.right);
    const order = compareValues(left, right);
    switch (node.operator) {
      case '==':
        return order === 0 ? 1 : 0;
      case '!=':
        return order !== 0 ? 1 : 0;
      case '<':
        return order < 0 ? 1 : 0;
      case '<=':
        return order <= 0 ? 1 : 0;
      case '>':
        return order > 0 ? 1 : 0;
      case '>=':
        return order >= 0 ? 1 : 0;
      default:
        return arithmetic(node.operator, toNumber(left), toNumber(right));
    }
  }

  #call(name: string, values: readonly Expression[]): Value {
    const called: AwkFunction | undefined = this.#state.program.functions[name];
    if (called === undefined) throw new AwkError(`function ${name} never defined`);
    if (this.#calls >= MAX_CALLS) throw new AwkError('function calls nested too deep');
    const locals = new Map<string, Local>();
    for (const [index, parameter] of called.parameters.entries()) {
      const given = values[index];
      if (given?.kind === 'variable' && (called.arrays.includes(parameter) || this.#isArray(given.name))) locals.set(parameter, this.#array(given.name));
      else locals.set(parameter, given === undefined ? undefined : this.#value(given));
    }
    const outer = this.#locals;
    this.#locals = locals;
    this.#returned = undefined;
    this.#calls += 1;
    this.#execute(called.body);
    this.#calls -= 1;
    this.#locals = outer;
    const returned = this.#returned;
    this.#returned = undefined;
    return returned;
  }

  #isArray(name: string): boolean {
    return this.#locals?.has(name) === true ? this.#locals.get(name) instanceof Map : this.#state.arrays.has(name);
  }

  #builtin(name: string, nodes: readonly Expression[]): Value {
    const first = nodes[0];
    switch (name) {
      case 'length':
        if (first?.kind === 'variable' && this.#isArray(first.name)) return this.#array(first.name).size;
        return [...(first === undefined ? this.#state.line : this.#text(this.#value(first)))].length;
      case 'split': {
        const text = first === undefined ? '' : this.#text(this.#value(first));
        const target = nodes[1];
        if (target?.kind !== 'variable') throw new AwkError('split: the second argument is not an array');
        const by = nodes[2];
        const parts = this.#split(
          text,
          by === undefined ? this.#text(this.#get('FS')) : by.kind === 'regex' ? by.pattern : this.#text(this.#value(by)),
          by?.kind === 'regex',
        );
        const array = this.#array(target.name);
        array.clear();
        for (const [index, part] of parts.entries()) array.set(String(index + 1), fromInput(part));
        return parts.length;
      }
      case 'sub':
      case 'gsub':
        return this.#substitute(name === 'gsub', nodes);
      case 'match': {
        const match = nodes[1] === undefined ? undefined : this.#pattern(nodes[1]).find(first === undefined ? '' : this.#text(this.#value(first)), 0);
        this.#set('RSTART', match === undefined ? 0 : match.start + 1);
        this.#set('RLENGTH', match === undefined ? -1 : match.end - match.start);
        return match === undefined ? 0 : match.start + 1;
      }
    }
    const values = nodes.map((node) => this.#value(node));
    const text = (index: number): string => this.#text(values[index]);
    const number = (index: number): number => toNumber(values[index]);
    switch (name) {
      case 'substr': {
        // Characters whose positions lie within the rounded limits (POSIX XCU awk).
        const start = Math.round(number(1));
        const end = values[2] === undefined ? Number.POSITIVE_INFINITY : start + Math.round(number(2));
        return text(0).slice(Math.max(0, start - 1), Math.max(0, Math.min(end - 1, MAX_TEXT)));
      }
      case 'index':
        return text(0).indexOf(text(1)) + 1;
      case 'sprintf':
        return formatValues(text(0), values.slice(1), this.#convert());
      case 'toupper':
        return text(0).toUpperCase();
      case 'tolower':
        return text(0).toLowerCase();
      case 'int':
        return Math.trunc(number(0));
      case 'sqrt':
        return Math.sqrt(number(0));
      case 'exp':
        return Math.exp(number(0));
      case 'log':
        return Math.log(number(0));
      case 'sin':
        return Math.sin(number(0));
      case 'cos':
        return Math.cos(number(0));
      case 'atan2':
        return Math.atan2(number(0), number(1));
      case 'close':
      case 'fflush':
        return 0;
      default:
        throw new AwkError(`\`${name}' is not part of this simulated awk`);
    }
  }

  #substitute(all: boolean, nodes: readonly Expression[]): number {
    const [pattern, by, target = { kind: 'field', index: { kind: 'number', value: 0 } } as const] = nodes;
    if (pattern === undefined || by === undefined) throw new AwkError('sub: not enough arguments');
    const regex = this.#pattern(pattern);
    const template = this.#text(this.#value(by));
    const text = this.#text(this.#value(target));
    let out = '';
    let at = 0;
    let count = 0;
    while (at <= text.length) {
      this.#step();
      const match = regex.find(text, at);
      if (match === undefined) break;
      const found = text.slice(match.start, match.end);
      out += text.slice(at, match.start) + template.replace(/\\\\&|\\&|&/g, (mark) => (mark === '&' ? found : mark === '\\&' ? '&' : `\\${found}`));
      count += 1;
      at = match.end;
      if (match.end === match.start) {
        out += text[at] ?? '';
        at += 1;
      }
      if (!all) break;
    }
    if (count > 0 && (target.kind === 'variable' || target.kind === 'field' || target.kind === 'element')) this.#assign(target, out + text.slice(at));
    return count;
  }
}

function arithmetic(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '^':
      return left ** right;
    default:
      if (right === 0) throw new AwkError(operator === '/' ? 'division by zero' : 'division by zero in %');
      return operator === '/' ? left / right : left % right;
  }
}
