/** grep: lines that match a pattern. */
import type { FilterIo } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { compileRegex, type Regex } from './regex.ts';
import { defineTextTool, takeLines, takeRest } from './tool.ts';

interface State {
  readonly patterns: readonly string[];
  readonly syntax: 'basic' | 'extended' | 'fixed';
  readonly ignoreCase: boolean;
  readonly invert: boolean;
  readonly count: boolean;
  readonly only: boolean;
  readonly number: boolean;
  readonly quiet: boolean;
  readonly word: boolean;
  readonly wholeLine: boolean;
  readonly listFiles: boolean;
  readonly before: number;
  readonly after: number;
  readonly maximum: number;
  /** -A, -B or -C was given, be it 0. */
  readonly context: boolean;
  /** -L: files without a match. */
  readonly listOthers: boolean;
  /** -r: directories are what is in them. */
  readonly recursive: boolean;
  /** -h */
  readonly bare: boolean;
  names: boolean;
  file: string;
  partial: string;
  lineNumber: number;
  matches: number;
  total: number;
  held: string[];
  pendingAfter: number;
  lastPrinted: number;
  stopped: boolean;
}

/** Compiled patterns by their text and options: pure, so a snapshot need not hold them. */
const compiled = new WeakMap<readonly string[], Regex[]>();

function regexesOf(state: State): Regex[] {
  let regexes = compiled.get(state.patterns);
  if (regexes === undefined) {
    regexes = state.patterns.flatMap((pattern) => {
      const regex = compileRegex(pattern, state);
      return 'error' in regex ? [] : [regex];
    });
    compiled.set(state.patterns, regexes);
  }
  return regexes;
}

/** The next match of any pattern that satisfies -w and -x. */
function findMatch(state: State, line: string, from: number): { start: number; end: number } | undefined {
  let best: { start: number; end: number } | undefined;
  for (const regex of regexesOf(state)) {
    let at = from;
    while (at <= line.length) {
      const match = regex.find(line, at);
      if (match === undefined) break;
      const fits =
        (!state.word || (!/\w/.test(line[match.start - 1] ?? ' ') && !/\w/.test(line[match.end] ?? ' '))) &&
        (!state.wholeLine || (match.start === 0 && match.end === line.length));
      if (fits) {
        if (best === undefined || match.start < best.start || (match.start === best.start && match.end > best.end)) best = match;
        break;
      }
      at = match.start + 1;
    }
  }
  return best;
}

function prefix(state: State, separator: string): string {
  return (state.names ? `${state.file}${separator}` : '') + (state.number ? `${state.lineNumber}${separator}` : '');
}

function takeLine(state: State, line: string, io: FilterIo): void {
  if (state.stopped) return;
  state.lineNumber += 1;
  const match = findMatch(state, line, 0);
  if ((match !== undefined) === state.invert) {
    if (state.pendingAfter > 0) {
      state.pendingAfter -= 1;
      state.lastPrinted = state.lineNumber;
      if (!state.count && !state.quiet && !state.listFiles) io.out(`${prefix(state, '-')}${line}\n`);
    } else if (state.before > 0) {
      state.held.push(line);
      if (state.held.length > state.before) state.held.shift();
    }
    return;
  }
  state.matches += 1;
  state.total += 1;
  if (state.matches >= state.maximum) state.stopped = true;
  if (state.count || state.quiet || state.listFiles) return;
  if (state.only) {
    if (!state.invert) printOnly(state, line, io);
    return;
  }
  const { context } = state;
  const firstShown = state.lineNumber - state.held.length;
  if (context && state.lastPrinted > 0 && firstShown > state.lastPrinted + 1) io.out('--\n');
  const current = state.lineNumber;
  for (const [index, held] of state.held.entries()) {
    state.lineNumber = firstShown + index;
    io.out(`${prefix(state, '-')}${held}\n`);
  }
  state.lineNumber = current;
  state.held = [];
  io.out(`${prefix(state, ':')}${line}\n`);
  state.lastPrinted = current;
  state.pendingAfter = state.after;
}

function printOnly(state: State, line: string, io: FilterIo): void {
  let at = 0;
  while (at <= line.length) {
    const match = findMatch(state, line, at);
    if (match === undefined) return;
    if (match.end > match.start) io.out(`${prefix(state, ':')}${line.slice(match.start, match.end)}\n`);
    at = Math.max(match.end, match.start + 1);
  }
}

function endFile(state: State, io: FilterIo): void {
  for (const line of takeRest(state)) takeLine(state, line, io);
  if (state.count) io.out(`${state.names ? `${state.file}:` : ''}${state.matches}\n`);
  else if (state.listFiles && state.matches > 0 !== state.listOthers) io.out(`${state.file}\n`);
}

export const grep = defineTextTool<State>({
  name: 'grep',
  summary: 'lines that match a pattern (-E -F -i -v -c -o -n -w -x -q -l -m -A -B -C)',
  missingStatus: 2,
  parse: (argv, _context) => {
    const state = { patterns: [] as string[], syntax: 'basic' as 'basic' | 'extended' | 'fixed', before: 0, after: 0, maximum: Number.POSITIVE_INFINITY };
    const flags = new Set<string>();
    const rest: string[] = [];
    const numbers = { A: 'after', B: 'before', m: 'maximum' } as const;
    const usage = "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n";
    const queue = [...argv];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      if (word === '--') {
        rest.push(...queue);
        break;
      }
      if (word.startsWith('--')) {
        const long = {
          '--color': '',
          '--color=auto': '',
          '--color=never': '',
          '--color=always': '',
          '--line-buffered': '',
          '--ignore-case': 'i',
          '--invert-match': 'v',
          '--count': 'c',
          '--only-matching': 'o',
          '--quiet': 'q',
          '--extended-regexp': 'E',
          '--fixed-strings': 'F',
        }[word];
        if (long === undefined) return { error: `grep: unrecognized option '${word}'\n${usage}`, exitCode: 2 };
        if (long !== '') flags.add(long);
        continue;
      }
      if (!word.startsWith('-') || word === '-') {
        rest.push(word);
        continue;
      }
      if (/^-\d+$/.test(word)) {
        flags.add('context');
        state.before = Number(word.slice(1));
        state.after = state.before;
        continue;
      }
      for (let j = 1; j < word.length; j += 1) {
        const letter = word[j] ?? '';
        if ('ABCme'.includes(letter)) {
          const value = word.slice(j + 1) !== '' ? word.slice(j + 1) : queue.shift();
          if (value === undefined) return { error: `grep: option requires an argument -- '${letter}'\n${usage}`, exitCode: 2 };
          if ('ABC'.includes(letter)) flags.add('context');
          if (letter === 'e') state.patterns.push(value);
          else if (!/^\d+$/.test(value))
            return { error: letter === 'm' ? `grep: invalid max count\n` : `grep: ${value}: invalid context length argument\n`, exitCode: 2 };
          else if (letter === 'C') {
            state.before = Number(value);
            state.after = Number(value);
          } else state[numbers[letter as 'A' | 'B' | 'm']] = Number(value);
          break;
        }
        if (!'EFGPivconqwxlLshHaIrR'.includes(letter)) return { error: `grep: invalid option -- '${letter}'\n${usage}`, exitCode: 2 };
        flags.add(letter);
      }
    }
    if (flags.has('E') || flags.has('P')) state.syntax = 'extended';
    if (flags.has('F')) state.syntax = 'fixed';
    if (state.patterns.length === 0) {
      const pattern = rest.shift();
      if (pattern === undefined) return { error: usage, exitCode: 2 };
      state.patterns.push(...pattern.split('\n'));
    }
    for (const pattern of state.patterns) {
      const regex = compileRegex(pattern, { syntax: state.syntax, ignoreCase: flags.has('i') });
      if ('error' in regex) return { error: `grep: ${regex.error}\n`, exitCode: 2 };
    }
    return {
      state: {
        ...state,
        ignoreCase: flags.has('i'),
        invert: flags.has('v'),
        count: flags.has('c'),
        only: flags.has('o'),
        number: flags.has('n'),
        quiet: flags.has('q'),
        word: flags.has('w'),
        wholeLine: flags.has('x'),
        listFiles: flags.has('l') || flags.has('L'),
        listOthers: flags.has('L'),
        context: flags.has('context'),
        recursive: flags.has('r') || flags.has('R'),
        bare: flags.has('h'),
        names: (rest.length > 1 || flags.has('H')) && !flags.has('h'),
        file: '(standard input)',
        partial: '',
        lineNumber: 0,
        matches: 0,
        total: 0,
        held: [],
        pendingAfter: 0,
        lastPrinted: 0,
        stopped: false,
      },
      files: rest,
    };
  },
  expand: (state, files, { cwd, place, shell }) => {
    if (!state.recursive) return files;
    const found = (files.length === 0 ? [''] : files).flatMap((name) => {
      const path = resolvePath(cwd, name);
      if (name !== '' && shell.readFile(place, path) !== undefined) return [name];
      const under = path === '/' ? '/' : `${path}/`;
      const inside = shell.filePaths(place).filter((other) => other.startsWith(under) && !other.endsWith('/.keep'));
      if (inside.length === 0) return name === '' ? [] : [name];
      return inside.map((other) => `${name === '' ? '' : `${name.replace(/\/+$/, '')}/`}${other.slice(under.length)}`);
    });
    state.names = !state.bare && (found.length !== 1 || found[0] !== files[0]);
    // Nothing to read is not standard input.
    return found.length === 0 ? ['/dev/null'] : found;
  },
  file: (state, name, io) => {
    if (state.file !== '(standard input)') endFile(state, io);
    Object.assign(state, { file: name, lineNumber: 0, matches: 0, held: [], pendingAfter: 0, lastPrinted: 0, stopped: false });
  },
  data: (state, text, io) => {
    for (const line of takeLines(state, text)) takeLine(state, line, io);
    if (state.quiet && state.total > 0) return 0;
    return state.stopped && state.file === '(standard input)' && !state.count ? 0 : undefined;
  },
  end: (state, io) => {
    endFile(state, io);
    return state.total > 0 ? 0 : 1;
  },
});
