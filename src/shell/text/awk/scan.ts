/** Tokens of an awk program. Whether `/` begins a pattern depends on what stands before it. */
import { AwkError } from './ast.ts';

export interface Token {
  /** `call`: a name with a `(` right behind it. */
  readonly kind: 'number' | 'string' | 'regex' | 'name' | 'call' | 'builtin' | 'keyword' | 'operator' | 'newline' | 'end';
  readonly text: string;
  readonly line: number;
}

const keywords = new Set('BEGIN END function func if else while for do in delete next exit return break continue print printf getline nextfile'.split(' '));
export const builtins = new Set(
  'length substr index split sub gsub match sprintf toupper tolower int sqrt exp log sin cos atan2 rand srand system close fflush'.split(' '),
);
const operators = [
  ...['**=', '&&', '||', '==', '!=', '<=', '>=', '!~', '++', '--', '+=', '-=', '*=', '/=', '%=', '^=', '>>', '**'],
  ...['{', '}', '(', ')', '[', ']', ';', ',', '+', '-', '*', '/', '%', '^', '!', '<', '>', '|', '?', ':', '~', '$', '='],
];
/** A program may have so many tokens. */
const MAX_TOKENS = 20_000;

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', '/': '/', a: '\u0007', b: '\b', f: '\f', v: '\v' };

export function unescapeAwk(text: string): string {
  return text.replace(/\\([0-7]{1,3}|[\s\S])/g, (whole, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8) & 255) : code === '\n' ? '' : (escapes[code] ?? whole),
  );
}

export function scanAwk(program: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const push = (kind: Token['kind'], text: string): void => {
    if (tokens.length >= MAX_TOKENS) throw new AwkError('program too long');
    tokens.push({ kind, text, line });
  };
  while (at < program.length) {
    const rest = program.slice(at, at + 300);
    const blank = /^(?:[ \t\r]+|\\\r?\n|#[^\n]*)/.exec(rest);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const c = program[at] ?? '';
    if (c === '\n') {
      push('newline', '\n');
      line += 1;
      at += 1;
      continue;
    }
    const previous = tokens.at(-1);
    const endsValue =
      previous !== undefined && (['number', 'string', 'name', 'regex'].includes(previous.kind) || [')', ']', '$', '++', '--'].includes(previous.text));
    if (c === '"' || (c === '/' && !endsValue && previous?.text !== 'length')) {
      let end = at + 1;
      let inBrackets = false;
      while (end < program.length && (program[end] !== c || (c === '/' && inBrackets))) {
        if (program[end] === '\n') break;
        if (program[end] === '\\') end += 1;
        else if (c === '/' && program[end] === '[') inBrackets = true;
        else if (c === '/' && program[end] === ']') inBrackets = false;
        end += 1;
      }
      if (program[end] !== c)
        throw new AwkError(
          c === '"'
            ? `line ${line}: runaway string constant ${program.slice(at, at + 10)} ...`
            : `line ${line}: regular expression compile failed (missing operand)`,
        );
      const inner = program.slice(at + 1, end);
      push(c === '"' ? 'string' : 'regex', c === '"' ? unescapeAwk(inner) : inner.replaceAll('\\/', '/').replaceAll('\\"', '"'));
      at = end + 1;
      continue;
    }
    const number = /^(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/.exec(rest)?.[0];
    if (number !== undefined) {
      push('number', number);
      at += number.length;
      continue;
    }
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0];
    if (name !== undefined) {
      at += name.length;
      push(keywords.has(name) ? 'keyword' : builtins.has(name) ? 'builtin' : program[at] === '(' ? 'call' : 'name', name);
      continue;
    }
    const operator = operators.find((candidate) => program.startsWith(candidate, at));
    if (operator === undefined) throw new AwkError(`line ${line}: syntax error at or near ${c}`);
    push('operator', operator);
    at += operator.length;
  }
  push('end', '');
  return tokens;
}
