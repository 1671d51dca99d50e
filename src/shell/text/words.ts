/** echo, printf, seq, test, expr, basename: tools that only turn their arguments into text or a verdict. */
import { defineCommand } from '../command.ts';
import { resolvePath } from '../paths.ts';

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', a: '\u0007', b: '\b', f: '\f', v: '\v', e: '\u001b', '"': '"' };

function unescapeText(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{1,2}|0?[0-7]{1,3}|.)/g, (whole, code: string) => {
    if (code.startsWith('x') && code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]+$/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 255);
    return escapes[code] ?? whole;
  });
}

export const echo = defineCommand({
  name: 'echo',
  summary: 'prints its arguments (-n, -e)',
  group: 'text',
  run: ({ argv, out }) => {
    const words = [...argv];
    let newline = true;
    let interpret = false;
    while (/^-[neE]+$/.test(words[0] ?? '')) {
      const flags = words.shift() ?? '';
      if (flags.includes('n')) newline = false;
      if (flags.includes('e')) interpret = true;
    }
    const text = words.join(' ');
    out((interpret ? unescapeText(text) : text) + (newline ? '\n' : ''));
    return 0;
  },
});

export const printf = defineCommand({
  name: 'printf',
  summary: 'prints by a format (%s %d %x %f %%)',
  group: 'text',
  run: ({ argv, out, err }) => {
    const format = argv[0];
    if (format === undefined) {
      err('printf: usage: printf format [arguments]\n');
      return 2;
    }
    const values = argv.slice(1);
    let at = 0;
    let text = '';
    let status = 0;
    do {
      const before = at;
      text += unescapeText(format).replace(/%(-?0?\d*)(?:\.(\d+))?([sdiuxXcfb%])/g, (_, width: string, precision: string | undefined, kind: string) => {
        if (kind === '%') return '%';
        const value = values[at] ?? '';
        at += 1;
        let piece = value;
        if ('diuxX'.includes(kind)) {
          const number = Number(value === '' ? 0 : value);
          if (!Number.isInteger(number)) {
            err(`printf: ${value}: invalid number\n`);
            status = 1;
          }
          piece =
            kind === 'x'
              ? Math.trunc(number || 0).toString(16)
              : kind === 'X'
                ? Math.trunc(number || 0)
                    .toString(16)
                    .toUpperCase()
                : String(Math.trunc(number || 0));
        } else if (kind === 'f') piece = (Number(value) || 0).toFixed(precision === undefined ? 6 : Math.min(20, Number(precision)));
        else if (kind === 'b') piece = unescapeText(value);
        else if (kind === 'c') piece = value.slice(0, 1);
        else if (precision !== undefined) piece = value.slice(0, Number(precision));
        const size = Math.min(1000, Math.abs(Number(width)) || 0);
        return width.startsWith('-') ? piece.padEnd(size) : piece.padStart(size, width.startsWith('0') && kind !== 's' ? '0' : ' ');
      });
      if (at === before) break;
    } while (at < values.length);
    out(text);
    return status;
  },
});

const MAX_SEQ = 100_000;

export const seq = defineCommand({
  name: 'seq',
  summary: 'counts: seq [FIRST [STEP]] LAST',
  group: 'text',
  run: ({ argv, out, err }) => {
    const words = argv.filter((word) => !/^-[sw]/.test(word));
    const numbers = words.map(Number);
    const bad = words.find((_, index) => Number.isNaN(numbers[index]));
    if (bad !== undefined || words.length === 0 || words.length > 3) {
      err(
        bad !== undefined
          ? `seq: invalid floating point argument: '${bad}'\nTry 'seq --help' for more information.\n`
          : "seq: missing operand\nTry 'seq --help' for more information.\n",
      );
      return 1;
    }
    const first = words.length > 1 ? (numbers[0] ?? 1) : 1;
    const step = words.length > 2 ? (numbers[1] ?? 1) : 1;
    const last = numbers.at(-1) ?? 0;
    if (step === 0) {
      err(`seq: invalid Zero increment value: '0'\n`);
      return 1;
    }
    const count = Math.floor((last - first) / step) + 1;
    if (count > MAX_SEQ) {
      err(`seq: more than ${MAX_SEQ} lines are not printed here\n`);
      return 1;
    }
    let text = '';
    for (let i = 0; i < count; i += 1) text += `${first + i * step}\n`;
    out(text);
    return 0;
  },
});

export const trueCommand = defineCommand({ name: 'true', summary: 'does nothing, successfully', group: 'shell', run: () => 0 });
export const falseCommand = defineCommand({ name: 'false', summary: 'does nothing, unsuccessfully', group: 'shell', run: () => 1 });

type FileTest = (path: string) => 'file' | 'directory' | undefined;

/** Value of a test expression; throws a string-carrying error for bad syntax. */
function evaluateTest(words: readonly string[], fileAt: FileTest, textOf: (path: string) => string | undefined): boolean {
  const orAt = words.indexOf('-o');
  if (orAt > 0) return evaluateTest(words.slice(0, orAt), fileAt, textOf) || evaluateTest(words.slice(orAt + 1), fileAt, textOf);
  const andAt = words.indexOf('-a');
  if (andAt > 0) return evaluateTest(words.slice(0, andAt), fileAt, textOf) && evaluateTest(words.slice(andAt + 1), fileAt, textOf);
  if (words.length === 0) return false;
  const [a = '', b = '', c = ''] = words;
  if (a === '!' && words.length > 1) return !evaluateTest(words.slice(1), fileAt, textOf);
  if (words.length === 1) return a !== '';
  if (words.length === 2) {
    switch (a) {
      case '-n':
        return b !== '';
      case '-z':
        return b === '';
      case '-e':
      case '-r':
      case '-w':
        return fileAt(b) !== undefined;
      case '-f':
        return fileAt(b) === 'file';
      case '-d':
        return fileAt(b) === 'directory';
      case '-s':
        return (textOf(b) ?? '') !== '';
      case '-x':
        return fileAt(b) === 'directory';
      default:
        throw new TestError(`${a}: unary operator expected`);
    }
  }
  const numeric = { '-eq': 0, '-ne': 0, '-lt': 0, '-le': 0, '-gt': 0, '-ge': 0 };
  if (Object.hasOwn(numeric, b)) {
    for (const word of [a, c]) if (!/^\s*-?\d+\s*$/.test(word)) throw new TestError(`${word}: integer expression expected`);
    const difference = Number(a) - Number(c);
    return b === '-eq'
      ? difference === 0
      : b === '-ne'
        ? difference !== 0
        : b === '-lt'
          ? difference < 0
          : b === '-le'
            ? difference <= 0
            : b === '-gt'
              ? difference > 0
              : difference >= 0;
  }
  if (b === '=' || b === '==') return a === c;
  if (b === '!=') return a !== c;
  throw new TestError(words.length > 3 ? 'too many arguments' : `${b}: binary operator expected`);
}
class TestError extends Error {}

function defineTest(name: 'test' | '[' | '[[') {
  return defineCommand({
    name,
    summary: 'compares values and looks for files',
    group: 'shell',
    run: ({ argv, err, place, cwd, shell }) => {
      const words = [...argv];
      const close = name === '[' ? ']' : name === '[[' ? ']]' : undefined;
      if (close !== undefined && words.pop() !== close) {
        err(`sh: ${name}: missing \`${close}'\n`);
        return 2;
      }
      const fileAt: FileTest = (path) => {
        const absolute = resolvePath(cwd, path);
        if (shell.readFile(place, absolute) !== undefined) return 'file';
        return absolute === '/' || shell.filePaths(place).some((other) => other.startsWith(`${absolute}/`)) ? 'directory' : undefined;
      };
      try {
        return evaluateTest(words, fileAt, (path) => shell.readFile(place, resolvePath(cwd, path))) ? 0 : 1;
      } catch (error) {
        if (!(error instanceof TestError)) throw error;
        err(`sh: ${name}: ${error.message}\n`);
        return 2;
      }
    },
  });
}
export const testCommand = defineTest('test');
export const bracket = defineTest('[');
export const doubleBracket = defineTest('[[');

export const basename = defineCommand({
  name: 'basename',
  summary: 'the last part of a path',
  group: 'text',
  run: ({ argv, out }) => {
    const name = (argv[0] ?? '').replace(/\/+$/, '').split('/').at(-1) ?? '';
    out(`${argv[1] !== undefined && name.endsWith(argv[1]) ? name.slice(0, -argv[1].length) : name}\n`);
    return 0;
  },
});
export const dirname = defineCommand({
  name: 'dirname',
  summary: 'a path without its last part',
  group: 'text',
  run: ({ argv, out }) => {
    const path = argv[0] ?? '';
    const at = path.lastIndexOf('/');
    out(`${at < 0 ? '.' : at === 0 ? '/' : path.slice(0, at)}\n`);
    return 0;
  },
});

/** RFC 4648 section 4 over UTF-8. */
export function encodeBase64(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const bytes = utf8Bytes(text);
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    const group = (a << 16) | (b << 8) | c;
    out += alphabet[(group >> 18) & 63] ?? '';
    out += alphabet[(group >> 12) & 63] ?? '';
    out += i + 1 < bytes.length ? (alphabet[(group >> 6) & 63] ?? '') : '=';
    out += i + 2 < bytes.length ? (alphabet[group & 63] ?? '') : '=';
  }
  return out;
}

export function utf8Bytes(text: string): number[] {
  const bytes: number[] = [];
  for (const c of text) {
    const code = c.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return bytes;
}

/** Undefined when the text is not base64. Bytes beyond ASCII are read as UTF-8 where they are. */
export function decodeBase64(text: string): string | undefined {
  const clean = text.replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(clean) || clean.length % 4 !== 0) return undefined;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let encoded = '';
  for (let i = 0; i < clean.length; i += 4) {
    const group = [0, 1, 2, 3].reduce((sum, offset) => (sum << 6) | Math.max(0, alphabet.indexOf(clean[i + offset] ?? '')), 0);
    const count = clean[i + 2] === '=' ? 1 : clean[i + 3] === '=' ? 2 : 3;
    for (let j = 0; j < count; j += 1) encoded += `%${((group >> (16 - 8 * j)) & 255).toString(16).padStart(2, '0')}`;
  }
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
