/** Reads `${…}`: the parameter, its subscript, its operator and the words that belong to it (POSIX XCU section 2.6.2, and bash's own forms). */
import type { VariableOperator, Word, WordPart } from './ast.ts';
import type { Scanner } from './scanner.ts';
import { joinTexts } from './words.ts';

const operators = [':-', ':=', ':+', ':?', '%%', '##', '//', '/#', '/%', '^^', ',,', '-', '=', '+', '?', '%', '#', '/', ':', '^', ','] as const;

/** The scanner stands at `${`; it stands behind `}` afterwards. */
export function readParameter(scanner: Scanner, quoted: boolean): WordPart {
  const start = scanner.position;
  const bad = (): never => {
    const end = scanner.text.indexOf('}', start);
    if (end < 0) scanner.fail({ kind: 'unterminated', quote: '}' });
    return scanner.fail({ kind: 'substitution', text: scanner.text.slice(start, end + 1) });
  };
  scanner.position += 2;
  const length = scanner.peek() === '#' && /[A-Za-z0-9_@*?$!-]/.test(scanner.peek(1));
  const indirect = scanner.peek() === '!' && /[A-Za-z0-9_]/.test(scanner.peek(1));
  if (length || indirect) scanner.position += 1;
  const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?$!@*#-])/.exec(scanner.text.slice(scanner.position, scanner.position + 200))?.[0] ?? bad();
  scanner.position += name.length;
  let subscript: Word | undefined;
  if (scanner.peek() === '[') {
    scanner.position += 1;
    subscript = readUntil(scanner, [']'], true);
    scanner.position += 1;
  }
  let operator: VariableOperator = length ? 'length' : indirect ? (isAll(subscript) ? 'keys' : 'indirect') : '';
  let word: Word | undefined;
  let second: Word | undefined;
  if (operator === '' && scanner.peek() !== '}') {
    const found = operators.find((candidate) => scanner.startsWith(candidate)) ?? bad();
    operator = found;
    scanner.position += found.length;
    const pattern = /^[#%/^,]/.test(found);
    // In double quotes a single quote is an ordinary character, except in patterns.
    const plain = quoted && !pattern;
    word = readUntil(scanner, found.startsWith('/') ? ['/', '}'] : found === ':' ? [':', '}'] : ['}'], plain, pattern ? false : quoted);
    if ((found.startsWith('/') || found === ':') && scanner.peek() !== '}') {
      scanner.position += 1;
      second = readUntil(scanner, ['}'], plain, quoted);
    }
  }
  if (scanner.peek() !== '}') bad();
  scanner.position += 1;
  return { kind: 'variable', name, subscript, operator, word, second, quoted };
}

function isAll(subscript: Word | undefined): boolean {
  const part = subscript?.parts[0];
  return part?.kind === 'text' && (part.text === '@' || part.text === '*');
}

/** A word up to one of the closing characters, which is left in place. */
function readUntil(scanner: Scanner, closers: readonly string[], plainQuotes: boolean, quoted = false): Word {
  const parts: WordPart[] = [];
  const start = scanner.position;
  while (!closers.includes(scanner.peek())) {
    const c = scanner.peek();
    if (scanner.atEnd()) scanner.fail({ kind: 'unterminated', quote: closers[closers.length - 1] ?? '}' });
    if (c === '\\' && scanner.peek(1) === '}') {
      parts.push({ kind: 'text', text: '}', quoted: true });
      scanner.position += 2;
    } else if (c === '\\' || c === '$' || c === '`') scanner.readPart(parts, quoted);
    else if (c === '"' || (c === "'" && !plainQuotes)) scanner.readPart(parts, false);
    else {
      parts.push({ kind: 'text', text: c, quoted });
      scanner.position += 1;
    }
  }
  return { parts: joinTexts(parts), start, end: scanner.position };
}
