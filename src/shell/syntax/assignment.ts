/** Assignments: `NAME=value`, `NAME+=value`, `NAME[subscript]=value`, `NAME=(…)`. */
import type { Assignment, Word, WordPart } from './ast.ts';
import { Scanner } from './scanner.ts';
import { literalText } from './words.ts';

const declarations = new Set(['export', 'local', 'declare', 'typeset', 'readonly']);

/** Whether the command takes assignments as its arguments, which are then not split into fields. */
export function isDeclaration(word: Word): boolean {
  return declarations.has(literalText(word) ?? '');
}

/** The word as an assignment, or undefined. The scanner stands behind the word, before and after. */
export function asAssignment(scanner: Scanner, word: Word): Assignment | undefined {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:\[([^\]]*)\])?(\+?)=/.exec(scanner.text.slice(word.start, word.end));
  if (match === null) return undefined;
  const [whole, name = '', subscript, append] = match;
  return {
    name,
    subscript: subscript === undefined ? undefined : wordOf(scanner, subscript),
    append: append === '+',
    value: wordFrom(scanner, word.start + whole.length, word.end),
    elements: undefined,
  };
}

function wordFrom(scanner: Scanner, start: number, end: number): Word {
  scanner.position = start;
  const word = start < end ? scanner.readWord() : { parts: [], start, end };
  scanner.position = end;
  return word;
}

/** A subscript as a word of its own. */
function wordOf(scanner: Scanner, text: string): Word {
  const inner = new Scanner(text);
  inner.depth = scanner.depth + 1;
  inner.bash = scanner.bash;
  inner.conditionals = scanner.conditionals;
  inner.parseNested = scanner.parseNested;
  const parts: WordPart[] = [];
  while (!inner.atEnd()) {
    if (inner.atWord()) inner.readPart(parts, false);
    else {
      parts.push({ kind: 'text', text: inner.peek(), quoted: true });
      inner.position += 1;
    }
  }
  return { parts, start: 0, end: 0 };
}

/** The scanner stands at the `(` of `NAME=(`; it stands behind the `)` afterwards. */
export function readElements(scanner: Scanner): NonNullable<Assignment['elements']> {
  const elements: { subscript: Word | undefined; value: Word }[] = [];
  scanner.position += 1;
  for (;;) {
    scanner.skipBlanks();
    if (scanner.peek() === '\n') {
      scanner.takeNewline();
      continue;
    }
    if (scanner.peek() === ')') break;
    if (scanner.atEnd()) scanner.fail({ kind: 'unterminated', quote: ')' });
    if (!scanner.atWord()) scanner.fail({ kind: 'unexpected', token: scanner.peek() });
    const word = scanner.readWord();
    const match = /^\[([^\]]*)\]=/.exec(scanner.text.slice(word.start, word.end));
    if (match === null) elements.push({ subscript: undefined, value: word });
    else elements.push({ subscript: wordOf(scanner, match[1] ?? ''), value: wordFrom(scanner, word.start + match[0].length, word.end) });
  }
  scanner.position += 1;
  return elements;
}
