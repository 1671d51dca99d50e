/** Splits a jq program into words. Strings keep their pieces: text, and programs inside `\( … )`. */
import { JqSyntaxError } from './ast.ts';

export type Token =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly parts: readonly (string | readonly Token[])[] }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'variable' | 'format' | 'word' | 'symbol'; readonly name: string };

const SYMBOLS = [
  '?//',
  '|=',
  '//=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '==',
  '!=',
  '<=',
  '>=',
  '//',
  '..',
  '|',
  ',',
  '.',
  '[',
  ']',
  '(',
  ')',
  '{',
  '}',
  ':',
  ';',
  '=',
  '<',
  '>',
  '+',
  '-',
  '*',
  '/',
  '%',
  '?',
];
const MAX_NESTING = 50;
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '/': '/', '\\': '\\', '"': '"' };

/** @throws {JqSyntaxError} */
export function scan(text: string): Token[] {
  return tokens(text, 0, 0).found;
}

/** Up to the end, or to the `)` that closes an interpolation (`depth` above 0). */
function tokens(text: string, start: number, depth: number): { readonly found: Token[]; readonly at: number } {
  if (depth > MAX_NESTING) throw new JqSyntaxError('too deeply nested');
  const found: Token[] = [];
  let open = 0;
  let i = start;
  while (i < text.length) {
    const rest = text.slice(i, i + 400);
    const space = /^(?:\s+|#[^\n]*)/.exec(rest);
    if (space !== null) {
      i += space[0].length;
      continue;
    }
    if (rest[0] === '"') {
      const read = string(text, i, depth);
      found.push({ kind: 'string', parts: read.parts });
      i = read.at;
      continue;
    }
    const number = /^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/.exec(rest);
    if (number !== null) {
      found.push({ kind: 'number', value: Number(number[0]) });
      i += number[0].length;
      continue;
    }
    const field = /^\.([A-Za-z_]\w*)/.exec(rest);
    if (field !== null) {
      found.push({ kind: 'field', name: field[1] ?? '' });
      i += field[0].length;
      continue;
    }
    const named = /^([$@]?)((?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)/.exec(rest);
    if (named !== null) {
      found.push({ kind: named[1] === '$' ? 'variable' : named[1] === '@' ? 'format' : 'word', name: named[2] ?? '' });
      i += named[0].length;
      continue;
    }
    const symbol = SYMBOLS.find((candidate) => rest.startsWith(candidate));
    if (symbol === undefined) throw new JqSyntaxError('syntax error, unexpected INVALID_CHARACTER');
    if (symbol === '(') open += 1;
    if (symbol === ')') {
      if (open === 0 && depth > 0) return { found, at: i + 1 };
      open -= 1;
    }
    found.push({ kind: 'symbol', name: symbol });
    i += symbol.length;
  }
  if (depth > 0) throw new JqSyntaxError('syntax error, unexpected $end');
  return { found, at: i };
}

function string(text: string, start: number, depth: number): { readonly parts: readonly (string | readonly Token[])[]; readonly at: number } {
  const parts: (string | readonly Token[])[] = [];
  let plain = '';
  let i = start + 1;
  for (;;) {
    const char = text[i];
    if (char === undefined) throw new JqSyntaxError('syntax error, unexpected $end, expecting QQSTRING_TEXT or QQSTRING_INTERP_START or QQSTRING_END');
    if (char === '"') break;
    if (char !== '\\') {
      plain += char;
      i += 1;
      continue;
    }
    const next = text[i + 1] ?? '';
    if (next === '(') {
      const inner = tokens(text, i + 2, depth + 1);
      if (plain !== '') parts.push(plain);
      plain = '';
      parts.push(inner.found);
      i = inner.at;
      continue;
    }
    const unicode = /^u([0-9a-fA-F]{4})/.exec(text.slice(i + 1, i + 6));
    if (unicode !== null) {
      plain += String.fromCharCode(Number.parseInt(unicode[1] ?? '', 16));
      i += 6;
      continue;
    }
    const escaped = escapes[next];
    if (escaped === undefined) throw new JqSyntaxError('syntax error, unexpected INVALID_CHARACTER');
    plain += escaped;
    i += 2;
  }
  if (plain !== '') parts.push(plain);
  return { parts, at: i + 1 };
}
