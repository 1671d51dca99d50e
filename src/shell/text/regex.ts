/** POSIX regular expressions matched in time linear in the text: a Pike machine without backtracking, leftmost and longest. */

type Node =
  | { readonly kind: 'char'; readonly test: (code: number) => boolean }
  | { readonly kind: 'assert'; readonly what: 'start' | 'end' | 'word' | 'not-word' | 'word-start' | 'word-end' }
  | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly kind: 'choice'; readonly options: readonly Node[] }
  | { readonly kind: 'group'; readonly index: number; readonly node: Node }
  | { readonly kind: 'repeat'; readonly node: Node; readonly minimum: number; readonly maximum: number };

type Instruction =
  | { readonly op: 'char'; readonly test: (code: number) => boolean }
  | { readonly op: 'assert'; readonly what: string }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'match' };

export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  /** Group texts from 1; undefined where a group took no part. */
  readonly groups: readonly (string | undefined)[];
}

export interface Regex {
  /** The leftmost-longest match at or after `from`. */
  find(text: string, from: number): RegexMatch | undefined;
}

/** So many instructions a pattern may compile to; `{m,n}` is unrolled. */
const MAX_INSTRUCTIONS = 2000;

export interface RegexOptions {
  readonly syntax: 'basic' | 'extended' | 'fixed';
  readonly ignoreCase: boolean;
}

/** The compiled pattern, or the error as GNU's regcomp words it. */
export function compileRegex(pattern: string, options: RegexOptions): Regex | { readonly error: string } {
  const plain = options.syntax === 'fixed' ? /^/ : /^[A-Za-z0-9 _:/,"'=@%&;<>~-]*$/;
  if (!options.ignoreCase && plain.test(pattern)) return literalRegex(pattern);
  try {
    const parser = new Parser(pattern, options);
    const node = options.syntax === 'fixed' ? parser.fixed() : parser.parse();
    const program: Instruction[] = [];
    emit(node, program);
    program.push({ op: 'match' });
    return new Matcher(program, parser.groups);
  } catch (error) {
    if (error instanceof PatternError) return { error: error.message };
    throw error;
  }
}

/** Most patterns people type are plain words. */
function literalRegex(pattern: string): Regex {
  return {
    find: (text, from) => {
      const start = text.indexOf(pattern, from);
      return start < 0 ? undefined : { start, end: start + pattern.length, groups: [] };
    },
  };
}

class PatternError extends Error {}

const isWord = (code: number): boolean => (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isUpper = (code: number): boolean => code >= 65 && code <= 90;
const isLower = (code: number): boolean => code >= 97 && code <= 122;
const isAlpha = (code: number): boolean => isUpper(code) || isLower(code);

const classes: Readonly<Record<string, (code: number) => boolean>> = {
  alpha: isAlpha,
  digit: isDigit,
  alnum: (code) => isAlpha(code) || isDigit(code),
  space: isSpace,
  blank: (code) => code === 32 || code === 9,
  upper: isUpper,
  lower: isLower,
  punct: (code) => code > 32 && code < 127 && !isAlpha(code) && !isDigit(code),
  xdigit: (code) => isDigit(code) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102),
  print: (code) => code >= 32 && code !== 127,
};

class Parser {
  readonly #pattern: string;
  readonly #options: RegexOptions;
  #at = 0;
  #depth = 0;
  groups = 0;

  constructor(pattern: string, options: RegexOptions) {
    this.#pattern = pattern;
    this.#options = options;
  }

  fixed(): Node {
    return { kind: 'sequence', nodes: [...this.#pattern].map((c) => this.#literal(c)) };
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#pattern.length) throw new PatternError(this.#options.syntax === 'basic' ? 'Unmatched ) or \\)' : 'Unmatched ) or \\)');
    return node;
  }

  /** Whether the operator stands here: bare in extended syntax, with a backslash in basic. */
  #operator(c: string): boolean {
    const written = this.#options.syntax === 'basic' ? `\\${c}` : c;
    return this.#pattern.startsWith(written, this.#at);
  }

  #take(c: string): boolean {
    if (!this.#operator(c)) return false;
    this.#at += this.#options.syntax === 'basic' ? 2 : 1;
    return true;
  }

  #choice(): Node {
    this.#depth += 1;
    if (this.#depth > 50) throw new PatternError('Regular expression too big');
    const options = [this.#sequence()];
    while (this.#take('|')) options.push(this.#sequence());
    this.#depth -= 1;
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: 'choice', options };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    while (this.#at < this.#pattern.length && !this.#operator('|') && !(this.#operator(')') && this.#depth > 1)) {
      nodes.push(this.#repeated(nodes.length === 0));
    }
    return { kind: 'sequence', nodes };
  }

  #repeated(first: boolean): Node {
    let node = this.#atom(first);
    for (;;) {
      const c = this.#pattern[this.#at];
      if (c === '*' && node.kind !== 'assert') {
        this.#at += 1;
        node = { kind: 'repeat', node, minimum: 0, maximum: Number.POSITIVE_INFINITY };
      } else if (this.#take('+')) node = { kind: 'repeat', node, minimum: 1, maximum: Number.POSITIVE_INFINITY };
      else if (this.#take('?')) node = { kind: 'repeat', node, minimum: 0, maximum: 1 };
      else if (this.#operator('{') && /^\\?\{\d*(?:,\d*)?\\?\}/.test(this.#pattern.slice(this.#at))) node = this.#interval(node);
      else return node;
    }
  }

  #interval(node: Node): Node {
    const match = /^\\?\{(\d*)(,?)(\d*)\\?\}/.exec(this.#pattern.slice(this.#at));
    this.#at += match?.[0].length ?? 1;
    const minimum = Number(match?.[1] ?? 0);
    const maximum = match?.[2] === '' ? minimum : match?.[3] === '' ? Number.POSITIVE_INFINITY : Number(match?.[3]);
    if (minimum > 255 || (maximum !== Number.POSITIVE_INFINITY && maximum > 255)) throw new PatternError('Regular expression too big');
    if (maximum < minimum) throw new PatternError('Invalid content of \\{\\}');
    return { kind: 'repeat', node, minimum, maximum };
  }

  #atom(first: boolean): Node {
    const basic = this.#options.syntax === 'basic';
    if (this.#take('(')) {
      this.groups += 1;
      const index = this.groups;
      const node = this.#choice();
      if (!this.#take(')')) throw new PatternError(basic ? 'Unmatched ( or \\(' : 'Unmatched ( or \\(');
      return { kind: 'group', index, node };
    }
    const c = this.#pattern[this.#at] ?? '';
    this.#at += 1;
    if (c === '.') return { kind: 'char', test: (code) => code !== 10 };
    if (c === '^' && (!basic || first)) return { kind: 'assert', what: 'start' };
    if (c === '$' && (!basic || this.#at === this.#pattern.length || this.#operator(')') || this.#operator('|'))) return { kind: 'assert', what: 'end' };
    if (c === '[') return this.#bracket();
    if (c === '\\') return this.#escape();
    return this.#literal(c);
  }

  #escape(): Node {
    const c = this.#pattern[this.#at];
    if (c === undefined) throw new PatternError('Trailing backslash');
    this.#at += 1;
    switch (c) {
      case 'w':
        return { kind: 'char', test: isWord };
      case 'W':
        return { kind: 'char', test: (code) => !isWord(code) };
      case 's':
        return { kind: 'char', test: isSpace };
      case 'S':
        return { kind: 'char', test: (code) => !isSpace(code) };
      case 'd':
        return { kind: 'char', test: isDigit };
      case 'b':
        return { kind: 'assert', what: 'word' };
      case 'B':
        return { kind: 'assert', what: 'not-word' };
      case '<':
        return { kind: 'assert', what: 'word-start' };
      case '>':
        return { kind: 'assert', what: 'word-end' };
      case 'n':
        return this.#literal('\n');
      case 't':
        return this.#literal('\t');
      default:
        if (/[1-9]/.test(c)) throw new PatternError('Invalid back reference (this matcher has none)');
        return this.#literal(c);
    }
  }

  #literal(c: string): Node {
    const code = c.charCodeAt(0);
    const lower = c.toLowerCase().charCodeAt(0);
    const upper = c.toUpperCase().charCodeAt(0);
    return { kind: 'char', test: this.#options.ignoreCase ? (other) => other === lower || other === upper : (other) => other === code };
  }

  #bracket(): Node {
    const pattern = this.#pattern;
    let at = this.#at;
    const negated = pattern[at] === '^';
    if (negated) at += 1;
    const tests: ((code: number) => boolean)[] = [];
    let first = true;
    for (;;) {
      const c = pattern[at];
      if (c === undefined) throw new PatternError('Unmatched [, [^, [:, [., or [=');
      if (c === ']' && !first) break;
      first = false;
      const named = /^\[:([a-z]+):\]/.exec(pattern.slice(at, at + 12));
      if (named !== null) {
        const test = classes[named[1] ?? ''];
        if (test === undefined) throw new PatternError('Invalid character class name');
        tests.push(test);
        at += named[0].length;
        continue;
      }
      const low = c.charCodeAt(0);
      const highText = pattern[at + 2];
      if (pattern[at + 1] === '-' && highText !== undefined && highText !== ']') {
        const high = highText.charCodeAt(0);
        if (high < low) throw new PatternError('Invalid range end');
        tests.push((code) => code >= low && code <= high);
        at += 3;
      } else {
        tests.push((code) => code === low);
        at += 1;
      }
    }
    this.#at = at + 1;
    const { ignoreCase } = this.#options;
    const inside = (code: number): boolean => tests.some((test) => test(code));
    const either = (code: number): boolean => inside(code) || (ignoreCase && (inside(foldCase(code, true)) || inside(foldCase(code, false))));
    return { kind: 'char', test: negated ? (code) => !either(code) : either };
  }
}

function foldCase(code: number, up: boolean): number {
  const c = String.fromCharCode(code);
  return (up ? c.toUpperCase() : c.toLowerCase()).charCodeAt(0);
}

function emit(node: Node, program: Instruction[]): void {
  if (program.length > MAX_INSTRUCTIONS) throw new PatternError('Regular expression too big');
  switch (node.kind) {
    case 'char':
      program.push({ op: 'char', test: node.test });
      break;
    case 'assert':
      program.push({ op: 'assert', what: node.what });
      break;
    case 'sequence':
      for (const child of node.nodes) emit(child, program);
      break;
    case 'group':
      program.push({ op: 'save', slot: node.index * 2 });
      emit(node.node, program);
      program.push({ op: 'save', slot: node.index * 2 + 1 });
      break;
    case 'choice': {
      const jumps: { op: 'jump'; to: number }[] = [];
      for (const [index, option] of node.options.entries()) {
        if (index === node.options.length - 1) {
          emit(option, program);
          break;
        }
        const split = { op: 'split' as const, first: program.length + 1, second: 0 };
        program.push(split);
        emit(option, program);
        const jump = { op: 'jump' as const, to: 0 };
        program.push(jump);
        jumps.push(jump);
        split.second = program.length;
      }
      for (const jump of jumps) jump.to = program.length;
      break;
    }
    case 'repeat': {
      for (let i = 0; i < node.minimum; i += 1) emit(node.node, program);
      if (node.maximum === Number.POSITIVE_INFINITY) {
        const start = program.length;
        const split = { op: 'split' as const, first: start + 1, second: 0 };
        program.push(split);
        emit(node.node, program);
        program.push({ op: 'jump', to: start });
        split.second = program.length;
      } else {
        const splits: { op: 'split'; first: number; second: number }[] = [];
        for (let i = node.minimum; i < node.maximum; i += 1) {
          const split = { op: 'split' as const, first: program.length + 1, second: 0 };
          program.push(split);
          splits.push(split);
          emit(node.node, program);
        }
        for (const split of splits) split.second = program.length;
      }
      break;
    }
  }
}

interface Thread {
  readonly pc: number;
  readonly start: number;
  readonly saves: readonly number[];
}

class Matcher implements Regex {
  readonly #program: readonly Instruction[];
  readonly #groups: number;

  constructor(program: readonly Instruction[], groups: number) {
    this.#program = program;
    this.#groups = groups;
  }

  find(text: string, from: number): RegexMatch | undefined {
    let current: Thread[] = [];
    let best: { thread: Thread; end: number } | undefined;
    for (let at = from; at <= text.length; at += 1) {
      const seen = new Set<number>();
      const next: Thread[] = [];
      for (const thread of current) this.#follow(thread, text, at, seen, next);
      // A later start only matters while nothing has matched further left.
      if (best === undefined) this.#follow({ pc: 0, start: at, saves: [] }, text, at, seen, next);
      current = [];
      const code = at < text.length ? text.charCodeAt(at) : -1;
      for (const thread of next) {
        const instruction = this.#program[thread.pc];
        if (instruction?.op === 'match') {
          if (best === undefined || thread.start < best.thread.start || (thread.start === best.thread.start && at > best.end)) best = { thread, end: at };
        } else if (instruction?.op === 'char' && code >= 0 && instruction.test(code)) current.push({ ...thread, pc: thread.pc + 1 });
      }
      if (best !== undefined) {
        const start = best.thread.start;
        current = current.filter((thread) => thread.start <= start);
        if (current.length === 0) break;
      }
    }
    if (best === undefined) return undefined;
    const { thread, end } = best;
    const groups = Array.from({ length: this.#groups }, (_, index) => {
      const start = thread.saves[index * 2 + 2];
      const stop = thread.saves[index * 2 + 3];
      return start === undefined || stop === undefined ? undefined : text.slice(start, stop);
    });
    return { start: thread.start, end, groups };
  }

  /** Follows jumps without consuming a character; each instruction once a position, so the work is bounded by the program's length. */
  #follow(from: Thread, text: string, at: number, seen: Set<number>, into: Thread[]): void {
    const stack: Thread[] = [from];
    while (stack.length > 0) {
      const thread = stack.pop();
      if (thread === undefined || seen.has(thread.pc)) continue;
      seen.add(thread.pc);
      const instruction = this.#program[thread.pc];
      if (instruction === undefined) continue;
      switch (instruction.op) {
        case 'split':
          stack.push({ ...thread, pc: instruction.second }, { ...thread, pc: instruction.first });
          break;
        case 'jump':
          stack.push({ ...thread, pc: instruction.to });
          break;
        case 'save': {
          const saves = [...thread.saves];
          saves[instruction.slot] = at;
          stack.push({ pc: thread.pc + 1, start: thread.start, saves });
          break;
        }
        case 'assert':
          if (holds(instruction.what, text, at)) stack.push({ ...thread, pc: thread.pc + 1 });
          break;
        default:
          into.push(thread);
      }
    }
  }
}

function holds(what: string, text: string, at: number): boolean {
  const before = at > 0 && isWord(text.charCodeAt(at - 1));
  const after = at < text.length && isWord(text.charCodeAt(at));
  switch (what) {
    case 'start':
      return at === 0;
    case 'end':
      return at === text.length;
    case 'word':
      return before !== after;
    case 'not-word':
      return before === after;
    case 'word-start':
      return !before && after;
    default:
      return before && !after;
  }
}
