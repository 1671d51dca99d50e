/** head, wc, uniq, cut, tr, tee, cat, nl, rev, tac: the small line tools. */
import { resolvePath } from '../paths.ts';
import { defineTextTool, parseShort, takeLines, takeRest } from './tool.ts';

export const head = defineTextTool<{
  count: number;
  bytes: boolean;
  /** All but so many of the last ones, which wait. */
  butLast: number;
  waiting: string[];
  left: number;
  partial: string;
  names: boolean;
  first: boolean;
}>({
  name: 'head',
  summary: 'the first lines (-n N, -c N)',
  parse: (argv) => {
    const words: string[] = [];
    for (let i = 0; i < argv.length; i += 1) {
      const word = (argv[i] ?? '').replace(/^--lines=/, '-n').replace(/^--bytes=/, '-c');
      if ((word === '-n' || word === '-c') && argv[i + 1] !== undefined) {
        i += 1;
        words.push(word + argv[i]);
      } else words.push(/^-\d+$/.test(word) ? `-n${word.slice(1)}` : word);
    }
    const parsed = parseShort('head', words, 'qv', 'nc');
    if ('error' in parsed) return parsed;
    const bytes = parsed.options.has('c');
    const value = parsed.options.get(bytes ? 'c' : 'n') ?? '10';
    if (!/^-?\d+$/.test(value)) return { error: `head: invalid number of ${bytes ? 'bytes' : 'lines'}: '${value}'\n`, exitCode: 1 };
    const butLast = value.startsWith('-') ? Number(value.slice(1)) : 0;
    const count = value.startsWith('-') ? Number.POSITIVE_INFINITY : Number(value);
    const names = (parsed.rest.length > 1 || parsed.options.has('v')) && !parsed.options.has('q');
    return { state: { count, bytes, butLast, waiting: [], left: count, partial: '', names, first: true }, files: parsed.rest };
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
        state.waiting.push(`${line}\n`);
        if (state.waiting.length > state.butLast) io.out(state.waiting.shift() ?? '');
      }
    }
    return state.left <= 0 && !state.names ? 0 : undefined;
  },
  end: (state, io) => {
    if (state.left > 0 && state.butLast === 0) for (const line of takeRest(state)) io.out(line);
    return 0;
  },
});

interface Counts {
  lines: number;
  words: number;
  characters: number;
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
      state: { show: [...parsed.options.keys()].join('') || 'lwc', name: '', counts: { lines: 0, words: 0, characters: 0, bytes: 0 }, all: [], inWord: false },
      files: parsed.rest,
    };
  },
  file: (state, name) => {
    if (state.name !== '') state.all.push({ name: state.name, counts: state.counts });
    state.name = name;
    state.counts = { lines: 0, words: 0, characters: 0, bytes: 0 };
    state.inWord = false;
  },
  data: (state, text) => {
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code < 0xdc00 || code >= 0xe000) state.counts.characters += 1;
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
      const total = { lines: 0, words: 0, characters: 0, bytes: 0 };
      for (const { counts } of all) {
        total.lines += counts.lines;
        total.words += counts.words;
        total.characters += counts.characters;
        total.bytes += counts.bytes;
      }
      all.push({ name: 'total', counts: total });
    }
    const columns = (['l', 'w', 'm', 'c'] as const).filter((letter) => state.show.includes(letter));
    const countOf = (counts: Counts, letter: 'l' | 'w' | 'm' | 'c'): number =>
      ({ l: counts.lines, w: counts.words, m: counts.characters, c: counts.bytes })[letter];
    const largest = Math.max(...all.map(({ counts }) => counts.bytes));
    const width = state.name === '' ? (columns.length === 1 ? 1 : 7) : columns.length === 1 && all.length === 1 ? 1 : String(largest).length;
    for (const { name, counts } of all)
      io.out(`${columns.map((letter) => String(countOf(counts, letter)).padStart(width)).join(' ')}${name === '' ? '' : ` ${name}`}\n`);
    return 0;
  },
});

export const uniq = defineTextTool<{ flags: string; skip: number; previous: string | undefined; count: number; partial: string }>({
  name: 'uniq',
  summary: 'joins equal neighbouring lines (-c -d -u -i)',
  parse: (argv) => {
    const parsed = parseShort('uniq', argv, 'cdui', 'fsw');
    return 'error' in parsed
      ? parsed
      : {
          state: { flags: [...parsed.options.keys()].join(''), skip: Number(parsed.options.get('f') ?? 0) || 0, previous: undefined, count: 0, partial: '' },
          files: parsed.rest,
        };
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

function takeUniq(
  state: { flags: string; skip: number; previous: string | undefined; count: number },
  line: string | undefined,
  out: (text: string) => void,
): void {
  const fold = (text: string | undefined): string | undefined => {
    const kept =
      state.skip > 0
        ? text
            ?.split(/(?=[ \t]+)/)
            .slice(state.skip)
            .join('')
        : text;
    return state.flags.includes('i') ? kept?.toLowerCase() : kept;
  };
  if (line !== undefined && fold(line) === fold(state.previous)) {
    state.count += 1;
    return;
  }
  const shown = state.flags.includes('d') ? state.count > 1 : state.flags.includes('u') ? state.count === 1 : state.count > 0;
  if (state.previous !== undefined && shown) out(state.flags.includes('c') ? `${String(state.count).padStart(7)} ${state.previous}\n` : `${state.previous}\n`);
  state.previous = line;
  state.count = 1;
}

export const cut = defineTextTool<{
  by: 'f' | 'c';
  ranges: readonly (readonly [number, number])[];
  separator: string;
  only: boolean;
  joiner: string;
  complement: boolean;
  partial: string;
}>({
  name: 'cut',
  summary: 'fields or characters of each line (-d C -f LIST, -c LIST)',
  parse: (argv) => {
    const joiner = argv.find((word) => word.startsWith('--output-delimiter='))?.slice('--output-delimiter='.length);
    const complement = argv.includes('--complement');
    const parsed = parseShort(
      'cut',
      argv.filter((word) => !word.startsWith('--output-delimiter=') && word !== '--complement'),
      'sn',
      'dfcb',
    );
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
        joiner: joiner ?? (by === 'f' ? separator : ''),
        complement,
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
  state: { by: 'f' | 'c'; ranges: readonly (readonly [number, number])[]; separator: string; only: boolean; joiner: string; complement: boolean },
  line: string,
  out: (text: string) => void,
): void {
  if (state.by === 'f' && !line.includes(state.separator)) {
    if (!state.only) out(`${line}\n`);
    return;
  }
  const parts = state.by === 'f' ? line.split(state.separator) : [...line];
  const kept = parts.filter((_, index) => state.ranges.some(([low, high]) => index + 1 >= low && index + 1 <= high) !== state.complement);
  out(`${kept.join(state.joiner)}\n`);
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

export const cat = defineTextTool<{ flags: string; line: number; blank: boolean; partial: string }>({
  name: 'cat',
  summary: 'prints files (-n -b -s -E -T -A)',
  parse: (argv) => {
    const parsed = parseShort('cat', argv, 'nAbeEstTuv', '');
    if ('error' in parsed) return parsed;
    const flags = [...parsed.options.keys()].join('').replaceAll('A', 'vET').replaceAll('e', 'vE').replaceAll('t', 'vT').replaceAll('u', '');
    return { state: { flags, line: 0, blank: false, partial: '' }, files: parsed.rest };
  },
  data: (state, text, io) => {
    if (state.flags === '') io.out(text);
    else for (const line of takeLines(state, text)) io.out(catLine(state, line, '\n'));
    return undefined;
  },
  end: (state, io) => {
    for (const line of takeRest(state)) io.out(catLine(state, line, ''));
    return 0;
  },
});

function catLine(state: { flags: string; line: number; blank: boolean }, line: string, end: string): string {
  const { flags } = state;
  const repeated = line === '' && state.blank;
  state.blank = line === '';
  if (flags.includes('s') && repeated) return '';
  const numbered = flags.includes('b') ? line !== '' : flags.includes('n');
  if (numbered) state.line += 1;
  const shown = flags.includes('T') ? line.replaceAll('\t', '^I') : line;
  return `${numbered ? `${String(state.line).padStart(6)}\t` : ''}${shown}${flags.includes('E') && end !== '' ? '$' : ''}${end}`;
}

function definePager(name: 'less' | 'more') {
  return defineTextTool<object>({
    name,
    summary: 'prints a text (the terminal scrolls by itself)',
    parse: (argv) => ({ state: {}, files: argv.filter((word) => !/^[-+]./.test(word)) }),
    data: (_state, text, io) => {
      io.out(text);
      return undefined;
    },
    end: () => 0,
  });
}
export const less = definePager('less');
export const more = definePager('more');

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
export const nl = simpleLineTool('nl', 'numbers lines', (lines) => {
  let number = 0;
  return lines.map((line) => {
    if (line === '') return '       ';
    number += 1;
    return `${String(number).padStart(6)}\t${line}`;
  });
});
