/** sort: whole lines or keys, by bytes, number, size or version (POSIX XCU sort). */
import { defineTextTool, parseShort, takeLines, takeRest } from './tool.ts';

interface Key {
  readonly from: number;
  readonly fromCharacter: number;
  /** 0: to the end of the line. */
  readonly to: number;
  readonly toCharacter: number;
  readonly flags: string;
}
interface State {
  readonly flags: string;
  readonly keys: readonly Key[];
  readonly separator: string;
  readonly output: string;
  lines: string[];
  partial: string;
}

function parseKey(text: string, flags: string): Key | undefined {
  const match = /^(\d+)(?:\.(\d+))?([a-zA-Z]*)(?:,(\d+)(?:\.(\d+))?([a-zA-Z]*))?$/.exec(text);
  if (match === null) return undefined;
  const own = (match[3] ?? '') + (match[6] ?? '');
  return {
    from: Number(match[1]),
    fromCharacter: Number(match[2] ?? 1),
    to: Number(match[4] ?? 0),
    toCharacter: Number(match[5] ?? 0),
    // A key without letters of its own takes those of the command.
    flags: own === '' ? flags : own,
  };
}

/** Where each field begins: without a separator, at the blanks before it. */
function fieldsOf(line: string, separator: string): { readonly start: number; readonly end: number }[] {
  const fields: { start: number; end: number }[] = [];
  if (separator === '') {
    for (const match of line.matchAll(/[ \t]*[^ \t]+/g)) fields.push({ start: match.index, end: match.index + match[0].length });
    return fields;
  }
  let start = 0;
  for (;;) {
    const end = line.indexOf(separator, start);
    fields.push({ start, end: end < 0 ? line.length : end });
    if (end < 0) return fields;
    start = end + separator.length;
  }
}

function keyText(line: string, key: Key, separator: string): string {
  const fields = fieldsOf(line, separator);
  const blanks = (at: number): number => (key.flags.includes('b') ? at + (/^[ \t]*/.exec(line.slice(at))?.[0].length ?? 0) : at);
  const first = fields[key.from - 1];
  if (first === undefined) return '';
  const start = blanks(first.start) + key.fromCharacter - 1;
  if (key.to === 0) return line.slice(start);
  const last = fields[key.to - 1];
  if (last === undefined) return line.slice(start);
  return line.slice(start, key.toCharacter === 0 ? last.end : blanks(last.start) + key.toCharacter);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function sizeOf(text: string): number {
  const match = /^\s*(-?\d*\.?\d+)([KMGTPE]?)/.exec(text);
  // The unit counts first, as GNU's -h has it.
  return match === null ? 0 : Number(match[1]) * 1000 ** ('KMGTPE'.indexOf(match[2] === '' ? ' ' : (match[2] ?? ' ')) + 1);
}

function compareBy(a: string, b: string, flags: string): number {
  if (flags.includes('n')) return (Number.parseFloat(a) || 0) - (Number.parseFloat(b) || 0);
  if (flags.includes('g')) return (Number(a) || 0) - (Number(b) || 0);
  if (flags.includes('h')) return sizeOf(a) - sizeOf(b);
  const clean = (text: string): string => {
    let kept = flags.includes('b') ? text.trimStart() : text;
    if (flags.includes('d')) kept = kept.replace(/[^A-Za-z0-9 \t]/g, '');
    if (flags.includes('V')) kept = kept.replace(/\d+/g, (digits) => digits.padStart(20, '0'));
    return flags.includes('f') ? kept.toUpperCase() : kept;
  };
  return compareText(clean(a), clean(b));
}

function compareKeys(state: State, a: string, b: string): number {
  if (state.keys.length === 0) return compareBy(a, b, state.flags) * (state.flags.includes('r') ? -1 : 1);
  for (const key of state.keys) {
    const order = compareBy(keyText(a, key, state.separator), keyText(b, key, state.separator), key.flags);
    if (order !== 0) return key.flags.includes('r') ? -order : order;
  }
  return 0;
}

export const sort = defineTextTool<State>({
  name: 'sort',
  summary: 'sorts lines (-n -r -u -h -V -k KEY -t C -c)',
  missingStatus: 2,
  parse: (argv) => {
    const words: string[] = [];
    const given: string[] = [];
    for (let i = 0; i < argv.length; i += 1) {
      const word = argv[i] ?? '';
      if (word === '-k' && argv[i + 1] !== undefined) {
        i += 1;
        given.push(argv[i] ?? '');
      } else if (/^-k./.test(word)) given.push(word.slice(2));
      else words.push(word);
    }
    const parsed = parseShort('sort', words, 'nrufhVbsgdcCz', 'to');
    if ('error' in parsed) return { ...parsed, exitCode: 2 };
    const flags = [...parsed.options.keys()].join('');
    const keys = given.map((text) => parseKey(text, flags));
    const bad = keys.indexOf(undefined);
    if (bad >= 0) return { error: `sort: invalid number at field start: invalid count at start of \u2018${given[bad]}\u2019\n`, exitCode: 2 };
    return {
      state: {
        flags,
        keys: keys.filter((key) => key !== undefined),
        separator: parsed.options.get('t') ?? '',
        output: parsed.options.get('o') ?? '',
        lines: [],
        partial: '',
      },
      files: parsed.rest,
    };
  },
  data: (state, text) => {
    for (const line of takeLines(state, text)) state.lines.push(line);
    return undefined;
  },
  end: (state, io) => {
    const lines = [...state.lines, ...takeRest(state)];
    const unique = state.flags.includes('u');
    const stable = unique || state.flags.includes('s');
    const direction = state.flags.includes('r') ? -1 : 1;
    const compare = (a: string, b: string): number => compareKeys(state, a, b) || (stable ? 0 : direction * compareText(a, b));
    if (state.flags.includes('c')) {
      for (let i = 1; i < lines.length; i += 1) {
        const order = compare(lines[i - 1] ?? '', lines[i] ?? '');
        if (order < 0 || (order === 0 && !unique)) continue;
        io.err(`sort: -:${i + 1}: disorder: ${lines[i]}\n`);
        return 1;
      }
      return 0;
    }
    lines.sort(compare);
    const kept = unique ? lines.filter((line, index) => index === 0 || compareKeys(state, line, lines[index - 1] ?? '') !== 0) : lines;
    const text = kept.map((line) => `${line}\n`).join('');
    if (state.output === '') {
      io.out(text);
      return 0;
    }
    const { shell, place, cwd } = io.invocation();
    const error = shell.writeFile(place, state.output.startsWith('/') ? state.output : `${cwd === '/' ? '' : cwd}/${state.output}`, text);
    if (error !== undefined) io.err(`sort: open failed: ${state.output}: ${error}\n`);
    return error === undefined ? 0 : 2;
  },
});
