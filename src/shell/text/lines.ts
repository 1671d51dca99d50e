/** head, tail, wc, sort, uniq, cut, tr, tee, cat, nl, rev, tac: the small line tools. */
import { resolvePath } from '../paths.ts';
import { defineTextTool, parseShort, takeLines, takeRest } from './tool.ts';

export const head = defineTextTool<{ count: number; bytes: boolean; left: number; partial: string; names: boolean; first: boolean }>({
  name: 'head',
  summary: 'the first lines (-n N, -c N)',
  parse: (argv) => {
    const words = argv.map((word) => (/^-\d+$/.test(word) ? `-n${word.slice(1)}` : word.replace(/^--lines=/, '-n').replace(/^--bytes=/, '-c')));
    const parsed = parseShort('head', words, 'qv', 'nc');
    if ('error' in parsed) return parsed;
    const bytes = parsed.options.has('c');
    const value = parsed.options.get(bytes ? 'c' : 'n') ?? '10';
    if (!/^\d+$/.test(value)) return { error: `head: invalid number of ${bytes ? 'bytes' : 'lines'}: '${value}'\n`, exitCode: 1 };
    return { state: { count: Number(value), bytes, left: Number(value), partial: '', names: parsed.rest.length > 1, first: true }, files: parsed.rest };
  },
  file: (state, name, io) => {
    if (state.names) io.out(`${state.first ? '' : '\n'}==> ${name} <==\n`);
    state.first = false;
    state.left = state.count;
  },
  data: (state, text, io) => {
    if (state.bytes) {
      io.out(text.slice(0, state.left));
      state.left -= Math.min(state.left, text.length);
    } else {
      for (const line of takeLines(state, text)) {
        if (state.left <= 0) break;
        state.left -= 1;
        io.out(`${line}\n`);
      }
    }
    return state.left <= 0 && !state.names ? 0 : undefined;
  },
  end: (state, io) => {
    if (state.left > 0) for (const line of takeRest(state)) io.out(line);
    return 0;
  },
});

export const tail = defineTextTool<{ count: number; from: boolean; lines: string[]; seen: number; partial: string }>({
  name: 'tail',
  summary: 'the last lines (-n N, -n +N)',
  parse: (argv) => {
    const words = argv.map((word) => (/^-\d+$/.test(word) ? `-n${word.slice(1)}` : word.replace(/^--lines=/, '-n')));
    const parsed = parseShort('tail', words, 'fqvF', 'n');
    if ('error' in parsed) return parsed;
    const value = parsed.options.get('n') ?? '10';
    if (!/^[+-]?\d+$/.test(value)) return { error: `tail: invalid number of lines: '${value}'\n`, exitCode: 1 };
    return { state: { count: Math.abs(Number(value)), from: value.startsWith('+'), lines: [], seen: 0, partial: '' }, files: parsed.rest };
  },
  data: (state, text, io) => {
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
    const rest = takeRest(state);
    if (state.from) for (const line of rest) io.out(line);
    else io.out(state.count === 0 ? '' : [...state.lines, ...rest].slice(-state.count).join(''));
    return 0;
  },
});

interface Counts {
  lines: number;
  words: number;
  bytes: number;
}
export const wc = defineTextTool<{ show: string; name: string; counts: Counts; all: { name: string; counts: Counts }[]; inWord: boolean }>({
  name: 'wc',
  summary: 'counts lines, words, bytes (-l -w -c -m)',
  parse: (argv) => {
    const parsed = parseShort(
      'wc',
      argv.map((word) => word.replace(/^--lines$/, '-l').replace(/^--words$/, '-w')),
      'lwcm',
      '',
    );
    if ('error' in parsed) return parsed;
    return {
      state: { show: [...parsed.options.keys()].join('') || 'lwc', name: '', counts: { lines: 0, words: 0, bytes: 0 }, all: [], inWord: false },
      files: parsed.rest,
    };
  },
  file: (state, name) => {
    if (state.name !== '') state.all.push({ name: state.name, counts: state.counts });
    state.name = name;
    state.counts = { lines: 0, words: 0, bytes: 0 };
    state.inWord = false;
  },
  data: (state, text) => {
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      state.counts.bytes += code < 128 ? 1 : code < 2048 ? 2 : code >= 0xd800 && code < 0xe000 ? 2 : 3;
      if (code === 10) state.counts.lines += 1;
      const blank = code === 32 || (code >= 9 && code <= 13);
      if (!blank && !state.inWord) state.counts.words += 1;
      state.inWord = !blank;
    }
    return undefined;
  },
  end: (state, io) => {
    const all = [...state.all, { name: state.name, counts: state.counts }];
    if (all.length > 1) {
      const total = { lines: 0, words: 0, bytes: 0 };
      for (const { counts } of all) {
        total.lines += counts.lines;
        total.words += counts.words;
        total.bytes += counts.bytes;
      }
      all.push({ name: 'total', counts: total });
    }
    const columns = (['l', 'w', 'c'] as const).filter((letter) => state.show.includes(letter) || (letter === 'c' && state.show.includes('m')));
    const countOf = (counts: Counts, letter: 'l' | 'w' | 'c'): number => (letter === 'l' ? counts.lines : letter === 'w' ? counts.words : counts.bytes);
    const largest = Math.max(...all.map(({ counts }) => counts.bytes));
    const width = state.name === '' ? (columns.length === 1 ? 1 : 7) : columns.length === 1 && all.length === 1 ? 1 : String(largest).length;
    for (const { name, counts } of all)
      io.out(`${columns.map((letter) => String(countOf(counts, letter)).padStart(width)).join(' ')}${name === '' ? '' : ` ${name}`}\n`);
    return 0;
  },
});

export const sort = defineTextTool<{ flags: string; key: number; separator: string; lines: string[]; partial: string }>({
  name: 'sort',
  summary: 'sorts lines (-n -r -u -k N -t C)',
  parse: (argv) => {
    const parsed = parseShort('sort', argv, 'nrufhVbs', 'kt');
    if ('error' in parsed) return { ...parsed, exitCode: 2 };
    const key = parsed.options.get('k') ?? '';
    if (key !== '' && !/^\d+/.test(key)) return { error: `sort: invalid number at field start: invalid count at start of '${key}'\n`, exitCode: 2 };
    const flags = [...parsed.options.keys()].join('') + key.replace(/[\d,.]/g, '');
    return { state: { flags, key: Number.parseInt(key, 10) || 0, separator: parsed.options.get('t') ?? '', lines: [], partial: '' }, files: parsed.rest };
  },
  data: (state, text) => {
    state.lines.push(...takeLines(state, text));
    return undefined;
  },
  end: (state, io) => {
    const lines = [...state.lines, ...takeRest(state)];
    const keyOf = (line: string): string => {
      if (state.key === 0) return line;
      const fields = state.separator === '' ? line.trim().split(/\s+/) : line.split(state.separator);
      return fields.slice(state.key - 1).join(' ');
    };
    const numeric = state.flags.includes('n') || state.flags.includes('h');
    const fold = state.flags.includes('f');
    const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    const versionParts = (value: string): string => value.replace(/\d+/g, (digits) => digits.padStart(12, '0'));
    const compare = (a: string, b: string): number => {
      const [x, y] = [keyOf(a), keyOf(b)];
      if (numeric) return (Number.parseFloat(x) || 0) - (Number.parseFloat(y) || 0);
      if (state.flags.includes('V')) return compareText(versionParts(x), versionParts(y));
      return fold ? compareText(x.toUpperCase(), y.toUpperCase()) : compareText(x, y);
    };
    const direction = state.flags.includes('r') ? -1 : 1;
    lines.sort((a, b) => direction * (compare(a, b) || (state.flags.includes('u') || state.flags.includes('s') ? 0 : compareText(a, b))));
    const unique = state.flags.includes('u') ? lines.filter((line, index) => index === 0 || compare(line, lines[index - 1] ?? '') !== 0) : lines;
    io.out(unique.map((line) => `${line}\n`).join(''));
    return 0;
  },
});

export const uniq = defineTextTool<{ flags: string; previous: string | undefined; count: number; partial: string }>({
  name: 'uniq',
  summary: 'joins equal neighbouring lines (-c -d -u -i)',
  parse: (argv) => {
    const parsed = parseShort('uniq', argv, 'cdui', '');
    return 'error' in parsed
      ? parsed
      : { state: { flags: [...parsed.options.keys()].join(''), previous: undefined, count: 0, partial: '' }, files: parsed.rest };
  },
  data: (state, text, io) => {
    for (const line of takeLines(state, text)) takeUniq(state, line, io.out);
    return undefined;
  },
  end: (state, io) => {
    for (const line of takeRest(state)) takeUniq(state, line, io.out);
    takeUniq(state, undefined, io.out);
    return 0;
  },
});

function takeUniq(state: { flags: string; previous: string | undefined; count: number }, line: string | undefined, out: (text: string) => void): void {
  const fold = (text: string | undefined): string | undefined => (state.flags.includes('i') ? text?.toLowerCase() : text);
  if (line !== undefined && fold(line) === fold(state.previous)) {
    state.count += 1;
    return;
  }
  const shown = state.flags.includes('d') ? state.count > 1 : state.flags.includes('u') ? state.count === 1 : state.count > 0;
  if (state.previous !== undefined && shown) out(state.flags.includes('c') ? `${String(state.count).padStart(7)} ${state.previous}\n` : `${state.previous}\n`);
  state.previous = line;
  state.count = 1;
}

export const cut = defineTextTool<{ by: 'f' | 'c'; ranges: readonly (readonly [number, number])[]; separator: string; only: boolean; partial: string }>({
  name: 'cut',
  summary: 'fields or characters of each line (-d C -f LIST, -c LIST)',
  parse: (argv) => {
    const parsed = parseShort('cut', argv, 's', 'dfcb');
    if ('error' in parsed) return parsed;
    const by = parsed.options.has('f') ? 'f' : 'c';
    const spec = parsed.options.get(by) ?? parsed.options.get('b');
    if (spec === undefined)
      return { error: "cut: you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information.\n", exitCode: 1 };
    const ranges = spec.split(',').map((part) => /^(\d*)(-?)(\d*)$/.exec(part));
    if (ranges.some((match) => match === null || (match[1] === '' && match[3] === '')))
      return { error: `cut: invalid field value '${spec}'\nTry 'cut --help' for more information.\n`, exitCode: 1 };
    const separator = parsed.options.get('d') ?? '\t';
    if ([...separator].length !== 1) return { error: "cut: the delimiter must be a single character\nTry 'cut --help' for more information.\n", exitCode: 1 };
    return {
      state: {
        by,
        ranges: ranges.map((match) => {
          const low = match?.[1] === '' ? 1 : Number(match?.[1]);
          const high = match?.[2] === '' ? low : match?.[3] === '' ? Number.POSITIVE_INFINITY : Number(match?.[3]);
          return [low, high] as const;
        }),
        separator,
        only: parsed.options.has('s'),
        partial: '',
      },
      files: parsed.rest,
    };
  },
  data: (state, text, io) => {
    for (const line of takeLines(state, text)) cutLine(state, line, io.out);
    return undefined;
  },
  end: (state, io) => {
    for (const line of takeRest(state)) cutLine(state, line, io.out);
    return 0;
  },
});

function cutLine(
  state: { by: 'f' | 'c'; ranges: readonly (readonly [number, number])[]; separator: string; only: boolean },
  line: string,
  out: (text: string) => void,
): void {
  if (state.by === 'f' && !line.includes(state.separator)) {
    if (!state.only) out(`${line}\n`);
    return;
  }
  const parts = state.by === 'f' ? line.split(state.separator) : [...line];
  const kept = parts.filter((_, index) => state.ranges.some(([low, high]) => index + 1 >= low && index + 1 <= high));
  out(`${kept.join(state.by === 'f' ? state.separator : '')}\n`);
}

export const tr = defineTextTool<{ from: string; to: string; flags: string; last: string }>({
  name: 'tr',
  summary: 'translates or deletes characters (-d -s -c)',
  parse: (argv) => {
    const parsed = parseShort('tr', argv, 'dsc', '');
    if ('error' in parsed) return parsed;
    const [from, to] = parsed.rest;
    const flags = [...parsed.options.keys()].join('');
    if (from === undefined) return { error: "tr: missing operand\nTry 'tr --help' for more information.\n", exitCode: 1 };
    if (to === undefined && !flags.includes('d') && !flags.includes('s')) {
      return {
        error: `tr: missing operand after '${from}'\nTwo strings must be given when translating.\nTry 'tr --help' for more information.\n`,
        exitCode: 1,
      };
    }
    return { state: { from: trSet(from), to: trSet(to ?? ''), flags, last: '' }, files: [] };
  },
  data: (state, text, io) => {
    const complement = state.flags.includes('c');
    let out = '';
    for (const c of text) {
      const index = state.from.indexOf(c);
      const inSet = index >= 0 !== complement;
      if (state.flags.includes('d') && inSet) continue;
      let mapped = c;
      if (inSet && state.to !== '' && !state.flags.includes('d'))
        mapped = complement ? (state.to.at(-1) ?? c) : (state.to[Math.min(index, state.to.length - 1)] ?? c);
      if (state.flags.includes('s') && mapped === state.last && (state.to === '' ? inSet : state.to.includes(mapped))) continue;
      out += mapped;
      state.last = mapped;
    }
    io.out(out);
    return undefined;
  },
  end: () => 0,
});

function trSet(text: string): string {
  const named = text
    .replaceAll('[:upper:]', 'A-Z')
    .replaceAll('[:lower:]', 'a-z')
    .replaceAll('[:digit:]', '0-9')
    .replaceAll('[:alpha:]', 'A-Za-z')
    .replaceAll('[:alnum:]', '0-9A-Za-z')
    .replaceAll('[:space:]', ' \t\n\r\v\f');
  let set = '';
  for (let i = 0; i < named.length; i += 1) {
    let c = named[i] ?? '';
    if (c === '\\') {
      i += 1;
      c = { n: '\n', t: '\t', r: '\r', '\\': '\\' }[named[i] ?? ''] ?? named[i] ?? '';
    }
    const high = named[i + 2];
    if (named[i + 1] === '-' && high !== undefined && high >= c) {
      for (let code = c.charCodeAt(0); code <= high.charCodeAt(0); code += 1) set += String.fromCharCode(code);
      i += 2;
    } else set += c;
  }
  return set;
}

export const cat = defineTextTool<{ number: boolean; line: number; partial: string }>({
  name: 'cat',
  summary: 'prints files (-n)',
  parse: (argv) => {
    const parsed = parseShort('cat', argv, 'nAbeEstTuv', '');
    return 'error' in parsed ? parsed : { state: { number: parsed.options.has('n'), line: 0, partial: '' }, files: parsed.rest };
  },
  data: (state, text, io) => {
    if (!state.number) io.out(text);
    else {
      for (const line of takeLines(state, text)) {
        state.line += 1;
        io.out(`${String(state.line).padStart(6)}\t${line}\n`);
      }
    }
    return undefined;
  },
  end: (state, io) => {
    for (const line of takeRest(state)) io.out(`${String(state.line + 1).padStart(6)}\t${line}`);
    return 0;
  },
});

export const tee = defineTextTool<{ files: readonly string[]; append: boolean; text: string }>({
  name: 'tee',
  summary: 'copies its input to files and on (-a)',
  parse: (argv) => {
    const parsed = parseShort('tee', argv, 'a', '');
    return 'error' in parsed ? parsed : { state: { files: parsed.rest, append: parsed.options.has('a'), text: '' }, files: [] };
  },
  data: (state, text, io) => {
    state.text += text;
    io.out(text);
    return undefined;
  },
  end: (state, io) => {
    const { shell, place, cwd } = io.invocation();
    let status = 0;
    for (const name of state.files) {
      const path = resolvePath(cwd, name);
      const error = shell.writeFile(place, path, (state.append ? (shell.readFile(place, path) ?? '') : '') + state.text);
      if (error !== undefined) {
        io.err(`tee: ${name}: ${error}\n`);
        status = 1;
      }
    }
    return status;
  },
});

function simpleLineTool(name: string, summary: string, each: (lines: string[]) => string[]) {
  return defineTextTool<{ lines: string[]; partial: string }>({
    name,
    summary,
    parse: (argv) => ({ state: { lines: [], partial: '' }, files: argv.filter((word) => !word.startsWith('-')) }),
    data: (state, text) => {
      state.lines.push(...takeLines(state, text));
      return undefined;
    },
    end: (state, io) => {
      io.out(
        each([...state.lines, ...takeRest(state)])
          .map((line) => `${line}\n`)
          .join(''),
      );
      return 0;
    },
  });
}

export const tac = simpleLineTool('tac', 'lines in reverse order', (lines) => lines.reverse());
export const rev = simpleLineTool('rev', 'each line reversed', (lines) => lines.map((line) => [...line].reverse().join('')));
export const nl = simpleLineTool('nl', 'numbers lines', (lines) => lines.map((line, index) => `${String(index + 1).padStart(6)}\t${line}`));
