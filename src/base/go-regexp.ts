/** Regular expressions in Go's syntax and with its leftmost-first meaning, matched in time linear in the text: a Pike machine without backtracking. Go: regexp, regexp/syntax. */

/** Characters as inclusive ranges of code units. */
type Ranges = readonly (readonly [from: number, to: number])[];

type Tree =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly ranges: Ranges }
  | { readonly kind: 'at'; readonly where: '^' | '$' | 'b' | 'B' }
  | { readonly kind: 'all' | 'any-of'; readonly parts: readonly Tree[] }
  | { readonly kind: 'group'; readonly index: number; readonly part: Tree }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly min: number; readonly max: number; readonly lazy: boolean };

/** One instruction. `next` and `other` are places in the program; of a fork the first is preferred. */
interface Instruction {
  readonly op: 'set' | 'at' | 'fork' | 'save' | 'match';
  next: number;
  other: number;
  readonly ranges?: Ranges;
  readonly where?: '^' | '$' | 'b' | 'B';
  readonly slot?: number;
}

/** Plain data: may be kept and copied. */
export interface GoRegexp {
  readonly source: string;
  readonly program: readonly Instruction[];
  /** Names of the groups; '' where a group has none. The first is the whole match. */
  readonly groups: readonly string[];
}

/** Go: regexp/syntax limits the size of what repetitions unroll to; so do we, with a smaller number. */
const MAX_PROGRAM = 5000;
const MAX_REPEAT = 1000;
const MAX_DEPTH = 200;
const END = 0x10ffff;

const DIGIT: Ranges = [[48, 57]];
const WORD: Ranges = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
const SPACE: Ranges = [
  [9, 10],
  [12, 13],
  [32, 32],
];
const NAMED: Readonly<Record<string, Ranges>> = {
  alnum: [
    [48, 57],
    [65, 90],
    [97, 122],
  ],
  alpha: [
    [65, 90],
    [97, 122],
  ],
  digit: DIGIT,
  lower: [[97, 122]],
  upper: [[65, 90]],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  space: [
    [9, 13],
    [32, 32],
  ],
  word: WORD,
  xdigit: [
    [48, 57],
    [65, 70],
    [97, 102],
  ],
};

function inverted(ranges: Ranges): Ranges {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  let from = 0;
  for (const [low, high] of sorted) {
    if (low > from) out.push([from, low - 1]);
    from = Math.max(from, high + 1);
  }
  if (from <= END) out.push([from, END]);
  return out;
}

/** Ranges with the other case of their ASCII letters. */
function folded(ranges: Ranges): Ranges {
  const more: [number, number][] = [];
  for (const [low, high] of ranges) {
    for (const [first, last, step] of [
      [65, 90, 32],
      [97, 122, -32],
    ] as const) {
      const from = Math.max(low, first);
      const to = Math.min(high, last);
      if (from <= to) more.push([from + step, to + step]);
    }
  }
  return [...ranges, ...more];
}

class Refused extends Error {}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #fold = false;
  readonly groups: string[] = [''];

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Tree {
    const tree = this.#alternatives();
    if (this.#at < this.#text.length) throw new Refused(`unexpected ): \`${this.#text}\``);
    return tree;
  }

  #alternatives(): Tree {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new Refused('expression nests too deeply');
    const parts: Tree[] = [this.#sequence()];
    while (this.#text[this.#at] === '|') {
      this.#at += 1;
      parts.push(this.#sequence());
    }
    this.#depth -= 1;
    return parts.length === 1 ? (parts[0] as Tree) : { kind: 'any-of', parts };
  }

  #sequence(): Tree {
    const parts: Tree[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== '|' && this.#text[this.#at] !== ')') {
      const start = this.#at;
      const atom = this.#atom();
      parts.push(this.#repeated(atom, start));
    }
    return { kind: 'all', parts };
  }

  #repeated(atom: Tree, start: number): Tree {
    let tree = atom;
    for (let times = 0; ; times += 1) {
      const from = this.#at;
      const range = this.#count();
      if (range === undefined) return tree;
      if (times > 0) throw new Refused(`invalid nested repetition operator: \`${this.#text.slice(start, this.#at)}\``);
      const lazy = this.#text[this.#at] === '?';
      if (lazy) this.#at += 1;
      if (range[0] > range[1] || range[0] > MAX_REPEAT || (range[1] !== Number.POSITIVE_INFINITY && range[1] > MAX_REPEAT))
        throw new Refused(`invalid repeat count: \`${this.#text.slice(from, this.#at)}\``);
      tree = { kind: 'repeat', part: tree, min: range[0], max: range[1], lazy };
    }
  }

  #count(): readonly [number, number] | undefined {
    const character = this.#text[this.#at];
    if (character === '*' || character === '+' || character === '?') {
      this.#at += 1;
      return [character === '+' ? 1 : 0, character === '?' ? 1 : Number.POSITIVE_INFINITY];
    }
    if (character !== '{') return undefined;
    const end = this.#text.indexOf('}', this.#at);
    const match = /^\{([0-9]{1,6})(?:(,)([0-9]{0,6}))?\}$/.exec(end < 0 ? '' : this.#text.slice(this.#at, end + 1));
    if (match === null) return undefined;
    this.#at = end + 1;
    const min = Number(match[1]);
    return [min, match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])];
  }

  #atom(): Tree {
    const character = this.#text[this.#at] as string;
    this.#at += 1;
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#set(this.#bracket());
      case '.':
        return { kind: 'set', ranges: inverted([[10, 10]]) };
      case '^':
      case '$':
        return { kind: 'at', where: character };
      case '*':
      case '+':
      case '?':
        throw new Refused(`missing argument to repetition operator: \`${character}\``);
      case '\\':
        return this.#escape();
      default:
        return this.#set([[character.charCodeAt(0), character.charCodeAt(0)]]);
    }
  }

  #set(ranges: Ranges): Tree {
    return { kind: 'set', ranges: this.#fold ? folded(ranges) : ranges };
  }

  #group(): Tree {
    let index = 0;
    const before = this.#fold;
    const head = /^\?(?:P?<([A-Za-z0-9_]{1,100})>|([ims]{1,9}|-[ims]{1,9}|)(:|\)))/.exec(this.#text.slice(this.#at, this.#at + 120));
    if (head === null) {
      if (this.#text[this.#at] === '?') throw new Refused(`invalid or unsupported Perl syntax: \`(${this.#text.slice(this.#at, this.#at + 2)}\``);
      index = this.groups.push('') - 1;
    } else {
      this.#at += head[0].length;
      if (head[1] !== undefined) {
        if (this.groups.includes(head[1])) throw new Refused(`duplicate capture group name: \`${head[1]}\``);
        index = this.groups.push(head[1]) - 1;
      } else {
        if ((head[2] ?? '').includes('i')) this.#fold = !(head[2] ?? '').startsWith('-');
        if (head[3] === ')') return { kind: 'empty' };
      }
    }
    const part = this.#alternatives();
    if (this.#text[this.#at] !== ')') throw new Refused(`missing closing ): \`${this.#text}\``);
    this.#at += 1;
    this.#fold = before;
    return index === 0 ? part : { kind: 'group', index, part };
  }

  #escape(): Tree {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Refused('trailing backslash at end of expression: ``');
    if (character === 'b' || character === 'B') {
      this.#at += 1;
      return { kind: 'at', where: character };
    }
    if (character === 'A' || character === 'z') {
      this.#at += 1;
      return { kind: 'at', where: character === 'A' ? '^' : '$' };
    }
    return this.#set(this.#escaped());
  }

  /** A class or a character behind a backslash. */
  #escaped(): Ranges {
    const character = this.#text[this.#at] ?? '';
    this.#at += 1;
    const classes: Readonly<Record<string, Ranges>> = { d: DIGIT, w: WORD, s: SPACE };
    const known = classes[character.toLowerCase()];
    if (known !== undefined) return character === character.toLowerCase() ? known : inverted(known);
    const control = 'abtnvfr'.indexOf(character);
    if (control > 0 || character === 'a') return [[7 + control, 7 + control]];
    const hex = character === 'x' ? /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(this.#text.slice(this.#at, this.#at + 8)) : null;
    if (hex !== null) {
      this.#at += hex[0].length;
      const code = Number.parseInt(hex[1] ?? hex[2] ?? '0', 16);
      return [[code, code]];
    }
    if (character === '' || /[A-Za-z0-9]/.test(character)) throw new Refused(`invalid escape sequence: \`\\${character}\``);
    return [[character.charCodeAt(0), character.charCodeAt(0)]];
  }

  #bracket(): Ranges {
    const start = this.#at - 1;
    const negated = this.#text[this.#at] === '^';
    if (negated) this.#at += 1;
    const ranges: (readonly [number, number])[] = [];
    for (let first = true; first || this.#text[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#text.length) throw new Refused(`missing closing ]: \`${this.#text.slice(start)}\``);
      const named = /^\[:(\^?)([a-z]{1,10}):\]/.exec(this.#text.slice(this.#at, this.#at + 16));
      if (named !== null) {
        const found = Object.hasOwn(NAMED, named[2] ?? '') ? NAMED[named[2] ?? ''] : undefined;
        if (found === undefined) throw new Refused(`invalid character class range: \`${named[0]}\``);
        ranges.push(...(named[1] === '^' ? inverted(found) : found));
        this.#at += named[0].length;
        continue;
      }
      const low = this.#member();
      const single = low.length === 1 && low[0]?.[0] === low[0]?.[1];
      if (!single || this.#text[this.#at] !== '-' || this.#text[this.#at + 1] === ']' || this.#at + 1 >= this.#text.length) {
        ranges.push(...low);
        continue;
      }
      const from = this.#at;
      this.#at += 1;
      const high = this.#member();
      const [a, b] = [low[0]?.[0] ?? 0, high[0]?.[1] ?? 0];
      if (high.length !== 1 || b < a) throw new Refused(`invalid character class range: \`${this.#text.slice(from - 1, this.#at)}\``);
      ranges.push([a, b]);
    }
    this.#at += 1;
    const all = this.#fold ? folded(ranges) : ranges;
    return negated ? inverted(all) : all;
  }

  #member(): Ranges {
    const character = this.#text[this.#at] as string;
    this.#at += 1;
    return character === '\\' ? this.#escaped() : [[character.charCodeAt(0), character.charCodeAt(0)]];
  }
}

/** Instructions of a tree that go on at `next`; returns where they begin. Written from the end to the beginning. */
function emit(program: Instruction[], tree: Tree, next: number): number {
  const put = (instruction: Instruction): number => {
    if (program.length >= MAX_PROGRAM) throw new Refused('expression too large');
    return program.push(instruction) - 1;
  };
  switch (tree.kind) {
    case 'empty':
      return next;
    case 'set':
      return put({ op: 'set', next, other: -1, ranges: tree.ranges });
    case 'at':
      return put({ op: 'at', next, other: -1, where: tree.where });
    case 'all':
      return tree.parts.reduceRight((after, part) => emit(program, part, after), next);
    case 'any-of': {
      const starts = tree.parts.map((part) => emit(program, part, next));
      return starts.reduceRight((other, start) => put({ op: 'fork', next: start, other }));
    }
    case 'group': {
      const end = put({ op: 'save', next, other: -1, slot: 2 * tree.index + 1 });
      return put({ op: 'save', next: emit(program, tree.part, end), other: -1, slot: 2 * tree.index });
    }
    case 'repeat': {
      const { part, min, max, lazy } = tree;
      const fork = (into: number, past: number) => put(lazy ? { op: 'fork', next: past, other: into } : { op: 'fork', next: into, other: past });
      let start = next;
      if (max === Number.POSITIVE_INFINITY) {
        const loop = fork(-1, next);
        const body = emit(program, part, loop);
        const instruction = program[loop] as Instruction;
        if (lazy) instruction.other = body;
        else instruction.next = body;
        start = min > 0 ? body : loop;
      } else for (let i = min; i < max; i += 1) start = fork(emit(program, part, start), next);
      for (let i = max === Number.POSITIVE_INFINITY && min > 0 ? 1 : 0; i < min; i += 1) start = emit(program, part, start);
      return start;
    }
  }
}

/** The compiled expression, or Go's words for what is wrong with it: ``error parsing regexp: missing closing ): `(a` ``. */
export function compileGoRegexp(source: string): { readonly ok: true; readonly regexp: GoRegexp } | { readonly ok: false; readonly error: string } {
  try {
    const parser = new Parser(source);
    const tree = parser.whole();
    const program: Instruction[] = [];
    const match = program.push({ op: 'match', next: -1, other: -1 }) - 1;
    const end = program.push({ op: 'save', next: match, other: -1, slot: 1 }) - 1;
    const start = emit(program, tree, end);
    program.push({ op: 'save', next: start, other: -1, slot: 0 });
    return { ok: true, regexp: { source, program, groups: parser.groups } };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, error: `error parsing regexp: ${error.message}` };
    throw error;
  }
}

interface Thread {
  readonly at: number;
  readonly slots: readonly number[];
}

const isWord = (code: number): boolean => WORD.some(([low, high]) => code >= low && code <= high);

function holds(where: Instruction['where'], text: string, at: number): boolean {
  if (where === '^') return at === 0;
  if (where === '$') return at === text.length;
  const edge = isWord(at === 0 ? -1 : text.charCodeAt(at - 1)) !== isWord(at === text.length ? -1 : text.charCodeAt(at));
  return edge === (where === 'b');
}

function fits(ranges: Ranges, code: number): boolean {
  for (const [low, high] of ranges) if (code >= low && code <= high) return true;
  return false;
}

/**
 * The text of each group at the leftmost match (the first is the whole match, '' for groups that took no part), or undefined. Cost: characters × instructions.
 */
export function matchGoRegexp({ program, groups }: GoRegexp, text: string): readonly string[] | undefined {
  const seen = new Int32Array(program.length).fill(-1);
  let best: readonly number[] | undefined;
  const add = (list: Thread[], at: number, slots: readonly number[], position: number): void => {
    const pending: Thread[] = [{ at, slots }];
    for (let thread = pending.pop(); thread !== undefined; thread = pending.pop()) {
      const instruction = program[thread.at];
      if (instruction === undefined || seen[thread.at] === position) continue;
      seen[thread.at] = position;
      if (instruction.op === 'fork') pending.push({ at: instruction.other, slots: thread.slots }, { at: instruction.next, slots: thread.slots });
      else if (instruction.op === 'save') {
        const saved = [...thread.slots];
        saved[instruction.slot ?? 0] = position;
        pending.push({ at: instruction.next, slots: saved });
      } else if (instruction.op === 'at') {
        if (holds(instruction.where, text, position)) pending.push({ at: instruction.next, slots: thread.slots });
      } else list.push(thread);
    }
  };
  let threads: Thread[] = [];
  for (let position = 0; position <= text.length; position += 1) {
    if (best === undefined) add(threads, program.length - 1, [], position);
    const code = position < text.length ? text.charCodeAt(position) : -1;
    const next: Thread[] = [];
    seen.fill(-1);
    for (const thread of threads) {
      const instruction = program[thread.at] as Instruction;
      if (instruction.op === 'match') {
        best = thread.slots;
        break;
      }
      if (code >= 0 && fits(instruction.ranges ?? [], code)) add(next, instruction.next, thread.slots, position + 1);
    }
    threads = next;
    if (best !== undefined && threads.length === 0) break;
  }
  const found = best;
  if (found === undefined) return undefined;
  return groups.map((_name, i) => {
    const [from, to] = [found[2 * i], found[2 * i + 1]];
    return from === undefined || to === undefined ? '' : text.slice(from, to);
  });
}
