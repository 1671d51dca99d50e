/** js-yaml's reasons in the words of the YAML library that kubectl uses (goyaml.v2: scannerc.go, parserc.go). */

import { scanFlow } from './flow-scan.ts';

const exact: readonly (readonly [string, string])[] = [
  ['tab characters must not be used in indentation', 'found character that cannot start any token'],
  ['unexpected end of the document within a', 'found unexpected document indicator'],
  ['can not read a block mapping entry', "could not find expected ':'"],
  ["expected ':' after a mapping key", "could not find expected ':'"],
  ['unknown escape sequence', 'found unknown escape character'],
  ['expected hexadecimal character', 'did not find expected hexdecimal number'],
  ['the stream contains non-printable characters', 'control characters are not allowed'],
  ['null byte is not allowed in input', 'control characters are not allowed'],
  ['expected valid JSON character', 'control characters are not allowed'],
  ['end of the stream or a document separator is expected', 'did not find expected key'],
  ['directives end mark is expected', 'did not find expected <document start>'],
  ['undeclared tag handle', 'found undefined tag handle'],
  ['name of an alias node', 'did not find expected alphabetic or numeric character'],
  ['name of an anchor node', 'did not find expected alphabetic or numeric character'],
  ['nesting exceeded maxDepth', 'exceeded max depth of 100'],
];

/** `text` is the whole document and `offset` the place of the error in it. */
export function goYamlWords(reason: string, text: string, offset: number): string {
  const next = text[offset] ?? '';
  const before = text.slice(0, offset).trimEnd();
  const context = scanFlow(text, offset);
  const runsOut = /^(?:unexpected end of the stream|deficient indentation)/.test(reason);
  if (runsOut && (context === '"' || context === "'")) return 'found unexpected end of stream';
  if (/^(?:unexpected end of the stream within a flow|missed comma between flow|deficient indentation)/.test(reason) && context !== '') {
    if (before.endsWith(',') || before.endsWith(context)) return 'did not find expected node content';
    return context === '[' ? "did not find expected ',' or ']'" : "did not find expected ',' or '}'";
  }
  if (next === '@' || next === '`' || next === '%') return 'found character that cannot start any token';
  if (reason.startsWith('bad indentation of a mapping entry')) {
    if (next === ':') return 'mapping values are not allowed in this context';
    return (next === '}' || next === ']') && before.endsWith(':') ? 'did not find expected node content' : 'did not find expected key';
  }
  if (reason.startsWith('bad indentation of a sequence entry')) {
    return isIndentedList(before) ? "did not find expected '-' indicator" : 'did not find expected key';
  }
  for (const [start, words] of exact) if (reason.startsWith(start)) return words;
  return 'did not find expected node content';
}

/** Whether the last list of a text stands deeper than the key that holds it. */
function isIndentedList(text: string): boolean {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const item = lines.findLastIndex((line) => line.trimStart().startsWith('- '));
  const column = (line: string): number => line.length - line.trimStart().length;
  const dash = column(lines[item] ?? '');
  const owner = lines.slice(0, Math.max(item, 0)).findLast((line) => column(line) <= dash && !line.trimStart().startsWith('-'));
  return owner !== undefined && column(owner) < dash;
}
