/** sed: edits lines by a script, with hold space, branches, files, -i. */
import { defineCommand, type FilterIo } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { freezeTree } from '../syntax/ast.ts';
import { compileRegex, type Regex, type RegexMatch } from './regex.ts';
import { type Address, parseSed, type SedCommand, unescapePlain } from './sed/parse.ts';
import { defineTextTool, takeLines, takeRest } from './tool.ts';

interface State {
  readonly commands: readonly SedCommand[];
  readonly quiet: boolean;
  readonly syntax: 'basic' | 'extended';
  /** Line where an open range ends: a number, or `Infinity` while a pattern is awaited; 0: closed. */
  readonly ranges: number[];
  readonly files: Map<string, string>;
  partial: string;
  /** Lines that have come and wait, since `$` and `N` must know what follows. */
  waiting: string[];
  hold: string;
  space: string;
  lastPattern: string;
  number: number;
  /** Where the script goes on when the line that `n` or `N` asked for has come; undefined: at its beginning. */
  resume: { readonly at: number; readonly join: boolean } | undefined;
  substituted: boolean;
  appended: string[];
  exit: number | undefined;
}

/** Commands that one line may run, so that a loop of `b` ends. */
const MAX_STEPS = 100_000;

const compiled = new WeakMap<readonly SedCommand[], Map<string, Regex>>();

function regexFor(state: State, pattern: string, ignoreCase: boolean): Regex | undefined {
  // An empty pattern is the one used last.
  const wanted = pattern === '' ? state.lastPattern : pattern;
  state.lastPattern = wanted;
  let cache = compiled.get(state.commands);
  if (cache === undefined) {
    cache = new Map();
    compiled.set(state.commands, cache);
  }
  const key = `${ignoreCase ? 'i' : '-'}${wanted}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const regex = compileRegex(wanted.replaceAll('\\n', '\n').replaceAll('\\t', '\t'), { syntax: state.syntax, ignoreCase });
  if ('error' in regex) return undefined;
  cache.set(key, regex);
  return regex;
}

function matchesAddress(state: State, address: Address, last: boolean): boolean {
  switch (address.kind) {
    case 'line':
      return state.number === address.line;
    case 'last':
      return last;
    case 'step':
      return address.step <= 0 ? state.number === address.first : state.number >= address.first && (state.number - address.first) % address.step === 0;
    case 'more':
      return false;
    case 'pattern':
      return regexFor(state, address.pattern, address.ignoreCase)?.find(state.space, 0) !== undefined;
  }
}

function selected(state: State, command: SedCommand, index: number, last: boolean): boolean {
  const { from, to } = command;
  if (from === undefined) return true;
  if (to === undefined) return matchesAddress(state, from, last);
  const open = state.ranges[index] ?? 0;
  if (open > 0) {
    if (to.kind === 'pattern' || to.kind === 'last' || to.kind === 'step') {
      if (matchesAddress(state, to, last)) state.ranges[index] = 0;
      return true;
    }
    if (state.number >= open) state.ranges[index] = 0;
    return state.number <= open;
  }
  const first = from.kind === 'line' && from.line === 0 ? state.number === 1 : matchesAddress(state, from, last);
  if (!first) return false;
  const end = to.kind === 'line' ? to.line : to.kind === 'more' ? state.number + to.lines : Number.POSITIVE_INFINITY;
  // `0,/x/` may end on the first line.
  if (from.kind === 'line' && from.line === 0 && matchesAddress(state, to, last)) return true;
  if (end > state.number && !(to.kind === 'last' && last)) state.ranges[index] = end;
  return true;
}

function replacementText(template: string, match: RegexMatch, line: string): string {
  let out = '';
  /** \U, \L until \E; \u, \l for one character. */
  let mode = '';
  let once = '';
  const add = (text: string): void => {
    let cased = mode === 'U' ? text.toUpperCase() : mode === 'L' ? text.toLowerCase() : text;
    if (once !== '' && cased !== '') {
      cased = (once === 'u' ? cased.slice(0, 1).toUpperCase() : cased.slice(0, 1).toLowerCase()) + cased.slice(1);
      once = '';
    }
    out += cased;
  };
  for (let i = 0; i < template.length; i += 1) {
    const c = template[i] ?? '';
    if (c === '&') add(line.slice(match.start, match.end));
    else if (c !== '\\') add(c);
    else {
      i += 1;
      const d = template[i] ?? '';
      if (d === '0') add(line.slice(match.start, match.end));
      else if (/\d/.test(d)) add(match.groups[Number(d) - 1] ?? '');
      else if (d === 'U' || d === 'L' || d === 'E') mode = d === 'E' ? '' : d;
      else if (d === 'u' || d === 'l') once = d;
      else add(d === 'n' ? '\n' : d === 't' ? '\t' : d);
    }
  }
  return out;
}

function substitute(state: State, command: SedCommand): boolean {
  const line = state.space;
  const regex = regexFor(state, command.pattern, /[iI]/.test(command.flags));
  if (regex === undefined) return false;
  const all = command.flags.includes('g');
  const wanted = Number(/\d+/.exec(command.flags)?.[0] ?? 1);
  let out = '';
  let at = 0;
  let count = 0;
  let changed = false;
  /** An empty match right behind another one is none. */
  let lastEnd = -1;
  while (at <= line.length) {
    const match = regex.find(line, at);
    if (match === undefined) break;
    out += line.slice(at, match.start);
    if (match.end === match.start && match.start === lastEnd) {
      out += line[match.end] ?? '';
      at = match.end + 1;
      continue;
    }
    count += 1;
    const chosen = all ? count >= wanted : count === wanted;
    out += chosen ? replacementText(command.replacement, match, line) : line.slice(match.start, match.end);
    if (chosen) changed = true;
    lastEnd = match.end;
    if (match.end === match.start) {
      out += line[match.end] ?? '';
      at = match.end + 1;
    } else at = match.end;
    if (chosen && !all) break;
  }
  state.space = out + line.slice(at);
  return changed;
}

/** `l`: what is not printable in C's way, lines folded at 70. */
function listed(text: string): string {
  const shown = text.replace(
    /[\\\n\t\r\f\v\b\u0007]/g,
    (c) => ({ '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r', '\f': '\\f', '\v': '\\v', '\b': '\\b', '\u0007': '\\a' })[c] ?? c,
  );
  const lines: string[] = [];
  let rest = shown;
  while (rest.length > 69) {
    lines.push(`${rest.slice(0, 69)}\\`);
    rest = rest.slice(69);
  }
  return [...lines, `${rest}$`].map((line) => `${line}\n`).join('');
}

function writeTo(state: State, io: FilterIo, name: string, text: string): void {
  if (name === '/dev/stdout') {
    io.out(text);
    return;
  }
  if (name === '/dev/stderr') {
    io.err(text);
    return;
  }
  const { shell, place, cwd } = io.invocation();
  const path = resolvePath(cwd, name);
  const whole = (state.files.get(path) ?? '') + text;
  state.files.set(path, whole);
  const error = shell.writeFile(place, path, whole);
  if (error !== undefined) io.err(`sed: couldn't open file ${name}: ${error}\n`);
}

function endCycle(state: State, io: FilterIo, prints: boolean): void {
  if (prints && !state.quiet) io.out(`${state.space}\n`);
  for (const text of state.appended) io.out(text);
  state.appended = [];
}

/** Runs lines while enough of them are known; the last of `waiting` stays until the input has ended. */
function run(state: State, io: FilterIo, ended: boolean): void {
  while (state.exit === undefined && (state.waiting.length > 1 || (ended && state.waiting.length > 0))) {
    const line = state.waiting.shift() ?? '';
    state.number += 1;
    const { resume } = state;
    state.resume = undefined;
    if (resume === undefined) {
      state.space = line;
      state.substituted = false;
    } else state.space = resume.join ? `${state.space}\n${line}` : line;
    cycle(state, io, resume?.at ?? 0, ended && state.waiting.length === 0);
  }
  // `N` without a next line prints what there is.
  if (ended && state.resume !== undefined && state.exit === undefined) {
    if (state.resume.join) endCycle(state, io, true);
    state.resume = undefined;
  }
}

function cycle(state: State, io: FilterIo, from: number, last: boolean): void {
  let at = from;
  for (let steps = 0; at < state.commands.length; steps += 1) {
    if (steps > MAX_STEPS) {
      io.err(`sed: stopped after ${MAX_STEPS} commands on one line\n`);
      state.exit = 4;
      return;
    }
    const command = state.commands[at];
    if (command === undefined) break;
    const chosen = selected(state, command, at, last) !== command.negated;
    at += 1;
    if (!chosen) {
      if (command.name === '{') at = command.target;
      continue;
    }
    switch (command.name) {
      case 'd':
        endCycle(state, io, false);
        return;
      case 'D': {
        const newline = state.space.indexOf('\n');
        endCycle(state, io, false);
        if (newline < 0) return;
        // The rest is worked on again without a new line.
        state.space = state.space.slice(newline + 1);
        at = 0;
        break;
      }
      case 'p':
        io.out(`${state.space}\n`);
        break;
      case 'P':
        io.out(`${state.space.split('\n')[0]}\n`);
        break;
      case '=':
        io.out(`${state.number}\n`);
        break;
      case 'l':
        io.out(listed(state.space));
        break;
      case 'n':
        endCycle(state, io, true);
        if (last) {
          state.exit = 0;
          return;
        }
        state.resume = { at, join: false };
        return;
      case 'N':
        state.resume = { at, join: true };
        return;
      case 'h':
        state.hold = state.space;
        break;
      case 'H':
        state.hold += `\n${state.space}`;
        break;
      case 'g':
        state.space = state.hold;
        break;
      case 'G':
        state.space += `\n${state.hold}`;
        break;
      case 'x':
        [state.space, state.hold] = [state.hold, state.space];
        break;
      case 'z':
        state.space = '';
        break;
      case 'y': {
        const [source, target] = [[...unescapePlain(command.pattern)], [...unescapePlain(command.replacement)]];
        state.space = [...state.space].map((c) => target[source.indexOf(c)] ?? c).join('');
        break;
      }
      case 's':
        if (!substitute(state, command)) break;
        state.substituted = true;
        if (command.flags.includes('p')) io.out(`${state.space}\n`);
        if (command.flags.includes('w')) writeTo(state, io, command.text, `${state.space}\n`);
        break;
      case 'a':
        state.appended.push(command.text);
        break;
      case 'i':
        io.out(command.text);
        break;
      case 'c':
        if (command.to === undefined || command.negated || (state.ranges[at - 1] ?? 0) === 0) io.out(command.text);
        endCycle(state, io, false);
        return;
      case 'r': {
        const { shell, place, cwd } = io.invocation();
        state.appended.push(shell.readFile(place, resolvePath(cwd, command.text)) ?? '');
        break;
      }
      case 'w':
        writeTo(state, io, command.text, `${state.space}\n`);
        break;
      case 'b':
        at = command.target;
        break;
      case 't':
        if (state.substituted) at = command.target;
        state.substituted = false;
        break;
      case 'T':
        if (!state.substituted) at = command.target;
        state.substituted = false;
        break;
      case 'q':
      case 'Q':
        if (command.name === 'q') endCycle(state, io, true);
        state.exit = Number(command.text || 0);
        return;
    }
  }
  endCycle(state, io, true);
}

/** Whether a line may run before it is known that another one follows: a live pipe must not lag behind. */
function looksAhead(state: State): boolean {
  return state.commands.some((command) => command.from?.kind === 'last' || command.to?.kind === 'last' || command.name === 'n' || command.name === 'N');
}

interface Options {
  readonly state: State;
  readonly files: readonly string[];
  readonly inPlace: string | undefined;
}

function parseOptions(argv: readonly string[]): Options | { readonly error: string; readonly exitCode: number } {
  const scripts: string[] = [];
  const rest: string[] = [];
  let quiet = false;
  let syntax: 'basic' | 'extended' = 'basic';
  let inPlace: string | undefined;
  const queue = [...argv];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      rest.push(...queue.splice(0));
      break;
    }
    if (word === '--quiet' || word === '--silent') quiet = true;
    else if (word === '--regexp-extended') syntax = 'extended';
    else if (word === '--in-place') inPlace = '';
    else if (word.startsWith('--expression=')) scripts.push(word.slice('--expression='.length));
    else if (!word.startsWith('-') || word === '-') rest.push(word);
    else {
      for (let i = 1; i < word.length; i += 1) {
        const letter = word[i] ?? '';
        if (letter === 'n') quiet = true;
        else if (letter === 'E' || letter === 'r') syntax = 'extended';
        else if (letter === 'u' || letter === 's') continue;
        else if (letter === 'i') {
          inPlace = word.slice(i + 1);
          break;
        } else if (letter === 'e') {
          scripts.push(word.slice(i + 1) || (queue.shift() ?? ''));
          break;
        } else return { error: `sed: invalid option -- '${letter}'\n${USAGE}`, exitCode: 1 };
      }
    }
  }
  if (scripts.length === 0) {
    const script = rest.shift();
    if (script === undefined) return { error: USAGE, exitCode: 1 };
    scripts.push(script);
  }
  const whole = scripts.join('\n');
  const parsed = parseSed(whole);
  if ('error' in parsed) return { error: `sed: ${parsed.error}\n`, exitCode: 1 };
  for (const command of parsed.commands) {
    const patterns = [command.from, command.to].map((address) => (address?.kind === 'pattern' ? address.pattern : undefined));
    for (const pattern of [command.name === 's' ? command.pattern : undefined, ...patterns]) {
      const regex = pattern === undefined ? undefined : compileRegex(pattern, { syntax, ignoreCase: false });
      if (regex !== undefined && 'error' in regex) return { error: `sed: -e expression #1, char ${whole.length}: ${regex.error}\n`, exitCode: 1 };
    }
    const group = /\\([1-9])/.exec(command.replacement)?.[1];
    const groups = command.pattern.match(syntax === 'basic' ? /\\\(/g : /(?<!\\)\(/g)?.length ?? 0;
    if (command.name === 's' && command.pattern !== '' && group !== undefined && Number(group) > groups)
      return { error: `sed: -e expression #1, char ${whole.length}: invalid reference \\${group} on \`s' command's RHS\n`, exitCode: 1 };
  }
  return {
    state: {
      commands: freezeTree(parsed.commands),
      quiet,
      syntax,
      ranges: [],
      files: new Map(),
      partial: '',
      waiting: [],
      hold: '',
      space: '',
      lastPattern: '',
      number: 0,
      resume: undefined,
      substituted: false,
      appended: [],
      exit: undefined,
    },
    files: rest,
    inPlace,
  };
}

const USAGE = 'Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n';

function takeText(state: State, text: string, io: FilterIo): void {
  for (const line of takeLines(state, text)) {
    state.waiting.push(line);
    if (looksAhead(state)) run(state, io, false);
    else while (state.waiting.length > 0 && state.exit === undefined) runOne(state, io);
  }
}

/** A line that need not know what follows. */
function runOne(state: State, io: FilterIo): void {
  state.number += 1;
  state.space = state.waiting.shift() ?? '';
  state.substituted = false;
  cycle(state, io, 0, false);
}

function finish(state: State, io: FilterIo): number {
  const rest = takeRest(state);
  if (state.exit === undefined) {
    state.waiting.push(...rest);
    run(state, io, true);
  }
  return state.exit ?? 0;
}

const tool = defineTextTool<State>({
  name: 'sed',
  summary: 'edits lines (s///, d, p, a, i, c, y///, n, N, h, g, b, t …; -n -E -e -i)',
  missingStatus: 2,
  parse: (argv) => {
    const parsed = parseOptions(argv);
    return 'error' in parsed ? parsed : { state: parsed.state, files: parsed.files };
  },
  data: (state, text, io) => {
    takeText(state, text, io);
    return state.exit;
  },
  end: finish,
});

export const sed = {
  filter: tool.filter,
  command: defineCommand({
    ...tool.command,
    run: (invocation) => {
      const parsed = parseOptions(invocation.argv);
      if ('error' in parsed || parsed.inPlace === undefined) return tool.command.run(invocation);
      const { shell, place, cwd, err } = invocation;
      let status = 0;
      for (const name of parsed.files) {
        const again = parseOptions(invocation.argv);
        const path = resolvePath(cwd, name);
        const text = shell.readFile(place, path);
        if (text === undefined || 'error' in again) {
          err(`sed: can't read ${name}: No such file or directory\n`);
          status = 2;
          continue;
        }
        let edited = '';
        const io: FilterIo = { out: (piece) => (edited += piece), err, invocation: () => invocation };
        takeText(again.state, text, io);
        // What `q` has not read stays as it was.
        const unread = again.state.exit === undefined ? '' : again.state.waiting.map((line) => `${line}\n`).join('');
        const code = finish(again.state, io);
        if (parsed.inPlace !== '') shell.writeFile(place, `${path}${parsed.inPlace}`, text);
        const error = shell.writeFile(place, path, text.endsWith('\n') || text === '' ? edited + unread : edited.replace(/\n$/, ''));
        if (error !== undefined) err(`sed: couldn't open file ${name}: ${error}\n`);
        status = Math.max(status, error === undefined ? code : 4);
      }
      return status;
    },
  }),
};
