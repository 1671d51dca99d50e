/** echo, printf, seq, test, expr, basename: tools that only turn their arguments into text or a verdict. */
import { defineCommand } from '../command.ts';
import { expandEscapes } from '../syntax/escapes.ts';
import { printFormat } from './printf.ts';

export const echo = defineCommand({
  name: 'echo',
  summary: 'prints its arguments (-n, -e)',
  group: 'text',
  run: ({ argv, out, flavour }) => {
    const words = [...argv];
    let newline = true;
    // dash knows no -e: it always reads backslashes.
    let interpret = flavour === 'dash';
    while ((flavour === 'dash' ? /^-n$/ : /^-[neE]+$/).test(words[0] ?? '')) {
      const flags = words.shift() ?? '';
      if (flags.includes('n')) newline = false;
      if (flags.includes('e')) interpret = true;
      if (flags.includes('E')) interpret = false;
    }
    const { text, stopped } = interpret ? expandEscapes(words.join(' '), 'echo') : { text: words.join(' '), stopped: false };
    out(text + (newline && !stopped ? '\n' : ''));
    return 0;
  },
});

export const printf = defineCommand({
  name: 'printf',
  summary: 'prints by a format (%s %d %x %f %%)',
  group: 'text',
  run: ({ argv, out, err, flavour }) => {
    const words = argv[0] === '--' ? argv.slice(1) : argv;
    const format = words[0];
    const says = flavour === 'bash' ? 'bash: ' : flavour === 'dash' ? 'sh: 1: ' : 'sh: ';
    if (format === undefined) {
      err(flavour === 'bash' ? 'printf: usage: printf [-v var] format [arguments]\n' : `${says}printf: usage: printf format [arg ...]\n`);
      return 2;
    }
    const printed = printFormat(format, words.slice(1));
    for (const problem of printed.problems) err(`${says}printf: ${problem}\n`);
    out(printed.text);
    return printed.problems.length > 0 ? 1 : 0;
  },
});

const MAX_SEQ = 100_000;

export const seq = defineCommand({
  name: 'seq',
  summary: 'counts: seq [FIRST [STEP]] LAST',
  group: 'text',
  run: ({ argv, out, err }) => {
    let separator = '\n';
    let padded = false;
    const words: string[] = [];
    const queue = [...argv];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      if (word === '-w') padded = true;
      else if (/^-s/.test(word)) separator = word.length > 2 ? word.slice(2) : (queue.shift() ?? '\n');
      else words.push(word);
    }
    const numbers = words.map(Number);
    const bad = words.find((_, index) => Number.isNaN(numbers[index]));
    if (bad !== undefined || words.length === 0 || words.length > 3) {
      err(
        bad !== undefined
          ? `seq: invalid floating point argument: \u2018${bad}\u2019\nTry 'seq --help' for more information.\n`
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
    const count = Math.floor((last - first) / step + 1e-9) + 1;
    if (count > MAX_SEQ) {
      err(`seq: more than ${MAX_SEQ} lines are not printed here\n`);
      return 1;
    }
    // As many digits behind the point as the first and the step have.
    const places = Math.min(20, Math.max(...words.slice(0, 2).map((word) => (word.split('.')[1] ?? '').length), 0));
    const shown = Array.from({ length: Math.max(0, count) }, (_, index) => (first + index * step).toFixed(words.length === 1 ? 0 : places));
    const width = padded ? Math.max(0, ...shown.map((text) => text.length)) : 0;
    const lines = shown.map((text) => (text.startsWith('-') ? `-${text.slice(1).padStart(width - 1, '0')}` : text.padStart(width, '0')));
    if (lines.length > 0) out(`${lines.join(separator)}\n`);
    return 0;
  },
});

export const trueCommand = defineCommand({ name: 'true', summary: 'does nothing, successfully', group: 'shell', run: () => 0 });
export const falseCommand = defineCommand({ name: 'false', summary: 'does nothing, unsuccessfully', group: 'shell', run: () => 1 });

export const basename = defineCommand({
  name: 'basename',
  summary: 'the last part of a path',
  group: 'text',
  run: ({ argv, out, err }) => {
    const [path, suffix] = argv;
    if (path === undefined) {
      err("basename: missing operand\nTry 'basename --help' for more information.\n");
      return 1;
    }
    const trimmed = path.replace(/\/+$/, '');
    const name = trimmed === '' && path !== '' ? '/' : (trimmed.split('/').at(-1) ?? '');
    out(`${suffix !== undefined && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name}\n`);
    return 0;
  },
});
export const dirname = defineCommand({
  name: 'dirname',
  summary: 'a path without its last part',
  group: 'text',
  run: ({ argv, out, err }) => {
    if (argv.length === 0) {
      err("dirname: missing operand\nTry 'dirname --help' for more information.\n");
      return 1;
    }
    for (const word of argv) {
      const path = word.replace(/(?<=.)\/+$/, '');
      const at = path.lastIndexOf('/');
      out(`${at < 0 ? '.' : path.slice(0, at).replace(/\/+$/, '') || '/'}\n`);
    }
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
