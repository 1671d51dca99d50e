/** The grammar of bash's `[[ … ]]`. */
import type { ConditionalTest, Word, WordPart } from './ast.ts';
import type { Scanner } from './scanner.ts';
import { reservedText } from './words.ts';

const UNARY = /^-[abcdefghknoprstuvwxzGLNOSR]$/;
const BINARY = new Set(['=', '==', '!=', '=~', '-eq', '-ne', '-lt', '-le', '-gt', '-ge', '-nt', '-ot', '-ef']);

/** The scanner stands behind `[[`; it stands behind `]]` afterwards. */
export function parseConditional(scanner: Scanner, skipSeparators: (scanner: Scanner) => void): ConditionalTest {
  const blanks = (): void => skipSeparators(scanner);
  const unexpected = (): never =>
    scanner.fail(scanner.atEnd() ? { kind: 'end', expecting: ']]' } : { kind: 'unexpected', token: scanner.peek() === '\n' ? 'newline' : scanner.peek() });
  const word = (): Word => {
    blanks();
    return scanner.atWord() ? scanner.readWord() : unexpected();
  };

  const or = (): ConditionalTest => {
    let left = and();
    for (;;) {
      blanks();
      if (!scanner.startsWith('||')) return left;
      scanner.position += 2;
      left = { kind: 'or', left, right: and() };
    }
  };
  const and = (): ConditionalTest => {
    let left = primary();
    for (;;) {
      blanks();
      if (!scanner.startsWith('&&')) return left;
      scanner.position += 2;
      left = { kind: 'and', left, right: primary() };
    }
  };
  const primary = (): ConditionalTest => {
    blanks();
    scanner.depth += 1;
    if (scanner.depth > 40) scanner.fail({ kind: 'unsupported', what: 'a condition nested so deep' });
    const test = unit();
    scanner.depth -= 1;
    return test;
  };
  const unit = (): ConditionalTest => {
    if (scanner.peek() === '(') {
      scanner.position += 1;
      const test = or();
      blanks();
      if (scanner.peek() !== ')') unexpected();
      scanner.position += 1;
      return test;
    }
    const first = word();
    const text = reservedText(first);
    if (text === ']]') return unexpected();
    if (text === '!') return { kind: 'not', test: primary() };
    scanner.skipBlanks();
    if (text !== undefined && UNARY.test(text) && scanner.atWord() && !scanner.startsWith(']]')) return { kind: 'unary', operator: text, word: word() };
    if (scanner.peek() === '<' || scanner.peek() === '>') {
      const operator = scanner.peek();
      scanner.position += 1;
      return { kind: 'binary', operator, left: first, right: word() };
    }
    const position = scanner.position;
    const operator = scanner.atWord() ? reservedText(scanner.readWord()) : undefined;
    if (operator !== undefined && BINARY.has(operator)) {
      scanner.skipBlanks();
      return { kind: 'binary', operator, left: first, right: operator === '=~' ? readPattern(scanner) : word() };
    }
    scanner.position = position;
    return { kind: 'unary', operator: '-n', word: first };
  };

  const test = or();
  blanks();
  if (!scanner.startsWith(']]')) unexpected();
  scanner.position += 2;
  return test;
}

/** A regular expression: parentheses and bars are part of it. */
function readPattern(scanner: Scanner): Word {
  const parts: WordPart[] = [];
  const start = scanner.position;
  let depth = 0;
  while (!scanner.atEnd() && !/[\n]/.test(scanner.peek()) && (depth > 0 || !/[ \t;]/.test(scanner.peek()))) {
    const c = scanner.peek();
    if (c === '(') depth += 1;
    if (c === ')') depth -= 1;
    if (c === '\\') {
      // A backslash keeps its meaning of the pattern's own.
      parts.push({ kind: 'text', text: scanner.text.slice(scanner.position, scanner.position + 2), quoted: false });
      scanner.position += 2;
    } else if (scanner.atWord()) scanner.readPart(parts, false);
    else {
      parts.push({ kind: 'text', text: c, quoted: false });
      scanner.position += 1;
    }
  }
  if (parts.length === 0) scanner.fail({ kind: 'end', expecting: ']]' });
  return { parts, start, end: scanner.position };
}
