/** tail: the last lines of files, and with -f what is written behind them. */
import type { FilterIo, Watch } from '../command.ts';
import { resolvePath } from '../paths.ts';
import { defineTextTool, parseShort, takeLines, takeRest } from './tool.ts';

/** A file that is followed. */
interface Followed {
  readonly name: string;
  readonly path: string;
  /** Characters that have been told. */
  length: number;
  isGone: boolean;
}

interface TailState {
  readonly count: number;
  readonly from: boolean;
  readonly bytes: boolean;
  readonly names: boolean;
  readonly follow: boolean;
  /** By name: one that comes again is opened again. */
  readonly byName: boolean;
  readonly files: Followed[];
  /** Which file's text came last. */
  shown: number;
  text: string;
  lines: string[];
  seen: number;
  partial: string;
}

/** What is held back of the file that has been read. */
function flush(state: TailState, io: FilterIo): void {
  if (state.bytes) {
    io.out(state.from ? state.text.slice(Math.max(0, state.count - 1)) : state.count === 0 ? '' : state.text.slice(-state.count));
  } else {
    const rest = takeRest(state);
    if (!state.from) io.out(state.count === 0 ? '' : [...state.lines, ...rest].slice(-state.count).join(''));
    else if (state.seen + 1 >= state.count) for (const line of rest) io.out(line);
  }
  state.text = '';
  state.lines = [];
  state.seen = 0;
}

function header(state: TailState, index: number, io: FilterIo): void {
  const file = state.files[index];
  if (state.names && file !== undefined) io.out(`${state.shown < 0 ? '' : '\n'}==> ${file.name} <==\n`);
  state.shown = index;
}

export const tail = defineTextTool<TailState>({
  name: 'tail',
  summary: 'the last lines (-n N, -n +N); -f goes on with what is written',
  parse: (argv) => {
    const words = argv.map((word) =>
      /^-\d+[fF]?$/.test(word)
        ? `-${/[fF]$/.test(word) ? word.slice(-1) : ''}n${/\d+/.exec(word)?.[0] ?? ''}`
        : word
            .replace(/^--lines=/, '-n')
            .replace(/^--bytes=/, '-c')
            .replace(/^--follow(?:=descriptor)?$/, '-f')
            .replace(/^--follow=name$|^--retry$/, '-F'),
    );
    const parsed = parseShort('tail', words, 'fqvF', 'ncs');
    if ('error' in parsed) return parsed;
    const { options, rest } = parsed;
    const bytes = options.has('c');
    const value = options.get(bytes ? 'c' : 'n') ?? '10';
    if (!/^[+-]?\d+$/.test(value)) return { error: `tail: invalid number of ${bytes ? 'bytes' : 'lines'}: '${value}'\n`, exitCode: 1 };
    const state: TailState = {
      count: Math.abs(Number(value)),
      from: value.startsWith('+'),
      bytes,
      names: (rest.length > 1 || options.has('v')) && !options.has('q'),
      follow: options.has('f') || options.has('F'),
      byName: options.has('F'),
      files: [],
      shown: -1,
      text: '',
      lines: [],
      seen: 0,
      partial: '',
    };
    return { state, files: rest };
  },
  file: (state, name, io) => {
    if (state.files.length > 0) flush(state, io);
    state.files.push({ name, path: resolvePath(io.invocation().cwd, name), length: 0, isGone: false });
    header(state, state.files.length - 1, io);
  },
  data: (state, text, io) => {
    const file = state.files.at(-1);
    if (file !== undefined) file.length += text.length;
    if (state.bytes) {
      state.text += text;
      return undefined;
    }
    for (const line of takeLines(state, text)) {
      state.seen += 1;
      if (state.from) {
        if (state.seen >= state.count) io.out(`${line}\n`);
        continue;
      }
      state.lines.push(`${line}\n`);
      if (state.lines.length > state.count * 2 + 1000) state.lines = state.lines.slice(-state.count);
    }
    return undefined;
  },
  end: (state, io) => {
    flush(state, io);
    // Standard input that has ended has nothing more to say.
    if (!state.follow || state.files.length === 0) return 0;
    return { kind: 'watch', watch: 'tail', state, timeoutSeconds: Number.POSITIVE_INFINITY };
  },
});

export const tailWatch: Watch = {
  look: (state: TailState, io) => {
    const { shell, place } = io.invocation();
    for (const [index, file] of state.files.entries()) {
      const text = shell.readFile(place, file.path);
      if (text === undefined) {
        if (state.byName && !file.isGone) io.err(`tail: '${file.name}' has become inaccessible: No such file or directory\n`);
        file.isGone = true;
        continue;
      }
      if (file.isGone && state.byName) {
        io.err(`tail: '${file.name}' has appeared;  following new file\n`);
        file.length = 0;
      } else if (text.length < file.length) {
        io.err(`tail: ${file.name}: file truncated\n`);
        file.length = 0;
      }
      file.isGone = false;
      if (text.length === file.length) continue;
      if (state.shown !== index) header(state, index, io);
      io.out(text.slice(file.length));
      file.length = text.length;
    }
    return undefined;
  },
};
