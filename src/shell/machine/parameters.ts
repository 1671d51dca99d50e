/** What `${NAME…}` gives: defaults, lengths, trimming, replacing, cutting, changing case (POSIX XCU section 2.6.2, bash(1) "Parameter Expansion"). */
import type { VariableOperator, WordPart } from '../syntax/ast.ts';
import { literalText } from '../syntax/words.ts';
import type { Expander, Piece } from './expand.ts';
import { matchGlob } from './glob.ts';
import { ExpansionFailure, setElement, setVariable } from './variables.ts';

type Part = Extract<WordPart, { kind: 'variable' }>;

/** Lengths that trimming and replacing try at most, from one place. */
const MAX_TRIES = 2000;

export function operate(expander: Expander, part: Part): Piece[] {
  const { name, subscript, operator, quoted } = part;
  const all = subscript === undefined ? undefined : literalText(subscript);
  if (name === '@' || name === '*') return operateOnList(expander, part, expander.scope.positional.slice(1), name === '*');
  if (all === '@' || all === '*') {
    const elements = expander.elements(name);
    if (operator === 'keys')
      return expander.list(
        elements.map(([key]) => key),
        all === '*',
        quoted,
      );
    return operateOnList(
      expander,
      part,
      elements.map(([, value]) => value),
      all === '*',
    );
  }
  const key = subscript === undefined ? undefined : expander.key(name, subscript);
  const value = key === undefined ? expander.variable(name) : expander.element(name, key);
  const word = (): Piece[] => (part.word === undefined ? [] : expander.pieces(part.word.parts).map((piece) => ({ ...piece, split: !piece.quoted })));
  const empty = value === undefined || value === '';
  const own = (text: string): Piece[] => [{ text, quoted, split: true }];
  switch (operator) {
    case ':-':
      return empty ? word() : own(value);
    case '-':
      return value === undefined ? word() : own(value);
    case ':=':
    case '=': {
      if (operator === ':=' ? !empty : value !== undefined) return own(value ?? '');
      const text = part.word === undefined ? '' : expander.text(part.word);
      if (!/^[A-Za-z_]/.test(name)) throw new ExpansionFailure(`$${name}: cannot assign in this way`, true);
      if (key === undefined) setVariable(expander.scope, name, text);
      else setElement(expander.scope, name, key, text);
      return own(text);
    }
    case ':+':
      return empty ? [] : word();
    case '+':
      return value === undefined ? [] : word();
    case ':?':
    case '?': {
      if (operator === ':?' ? !empty : value !== undefined) return own(value ?? '');
      const text = part.word === undefined ? '' : expander.text(part.word);
      const usual = `parameter ${expander.scope.flavour === 'bash' && operator === '?' ? 'not set' : operator === ':?' ? 'null or not set' : 'not set'}`;
      throw new ExpansionFailure(`${name}: ${text === '' ? usual : text}`, true);
    }
    case 'indirect': {
      const target = value ?? '';
      const element = /^([A-Za-z_]\w*)\[(.*)\]$/.exec(target);
      const text = element === null ? expander.variable(target) : expander.element(element[1] ?? '', element[2] ?? '');
      return text === undefined ? [] : own(text);
    }
    default:
      if (value === undefined && expander.scope.options.has('nounset') && name !== '!')
        throw new ExpansionFailure(
          `${name}${key === undefined ? '' : `[${key}]`}: ${expander.scope.flavour === 'bash' ? 'unbound variable' : 'parameter not set'}`,
          true,
        );
      if (operator === '' && value === undefined) return [];
      return own(transform(expander, part, value ?? ''));
  }
}

function operateOnList(expander: Expander, part: Part, values: readonly string[], star: boolean): Piece[] {
  const { operator, quoted } = part;
  const word = (): Piece[] => (part.word === undefined ? [] : expander.pieces(part.word.parts).map((piece) => ({ ...piece, split: !piece.quoted })));
  const none = values.length === 0 || ((operator === ':-' || operator === ':+') && values.join('') === '');
  switch (operator) {
    case '':
      return expander.list(values, star, quoted);
    case 'length':
      return [{ text: String(values.length), quoted, split: true }];
    case ':-':
    case '-':
      return none ? word() : expander.list(values, star, quoted);
    case ':+':
    case '+':
      return none ? [] : word();
    case ':': {
      // Positional parameters are counted from 1; 0 is the shell's name.
      const from = part.word === undefined ? 0 : Number(expander.arithmetic(part.word));
      const source = part.name === '@' || part.name === '*' ? expander.scope.positional : values;
      const start = from < 0 ? source.length + from : from;
      const count = part.second === undefined ? source.length : Number(expander.arithmetic(part.second));
      return expander.list(start < 0 ? [] : source.slice(start, start + count), star, quoted);
    }
    default:
      return expander.list(
        values.map((value) => transform(expander, part, value)),
        star,
        quoted,
      );
  }
}

function transform(expander: Expander, part: Part, value: string): string {
  const pattern = (): string => (part.word === undefined ? '' : expander.pattern(part.word));
  switch (part.operator) {
    case 'length':
      return String([...value].length);
    case '%':
    case '%%':
    case '#':
    case '##':
      return trim(value, pattern(), part.operator);
    case '/':
    case '//':
    case '/#':
    case '/%':
      return replace(value, pattern(), part.second === undefined ? '' : expander.text(part.second), part.operator);
    case ':': {
      const from = part.word === undefined ? 0 : Number(expander.arithmetic(part.word));
      const start = from < 0 ? value.length + from : from;
      if (start < 0) return '';
      if (part.second === undefined) return value.slice(start);
      const length = Number(expander.arithmetic(part.second));
      if (length < 0 && value.length + length < start) throw new ExpansionFailure(`${length}: substring expression < 0`, true);
      return length < 0 ? value.slice(start, value.length + length) : value.slice(start, start + length);
    }
    case '^':
    case '^^':
    case ',':
    case ',,': {
      const upper = part.operator.startsWith('^');
      const wanted = pattern() === '' ? '?' : pattern();
      const every = part.operator.length === 2;
      return [...value].map((c, index) => ((every || index === 0) && matchGlob(wanted, c, false) ? (upper ? c.toUpperCase() : c.toLowerCase()) : c)).join('');
    }
    default:
      return value;
  }
}

function trim(value: string, pattern: string, operator: VariableOperator): string {
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  if (operator.length === 2) lengths.reverse();
  for (const length of lengths.slice(0, MAX_TRIES)) {
    if (operator.startsWith('%')) {
      if (matchGlob(pattern, value.slice(value.length - length), false)) return value.slice(0, value.length - length);
    } else if (matchGlob(pattern, value.slice(0, length), false)) return value.slice(length);
  }
  return value;
}

/** The longest match at each place is replaced. */
function replace(value: string, pattern: string, by: string, operator: VariableOperator): string {
  if (pattern === '') return value;
  const matchAt = (start: number): number | undefined => {
    if (operator === '/%') return matchGlob(pattern, value.slice(start), false) ? value.length : undefined;
    // A pattern without wildcards has one length only.
    const fixed = /[\\*?[]/.test(pattern) ? undefined : pattern.length;
    for (let end = fixed === undefined ? Math.min(value.length, start + MAX_TRIES) : start + fixed; end > start; end -= 1) {
      if (matchGlob(pattern, value.slice(start, end), false)) return end;
      if (fixed !== undefined) return undefined;
    }
    return undefined;
  };
  let out = '';
  let at = 0;
  while (at < value.length) {
    const end = at === 0 || operator !== '/#' ? matchAt(at) : undefined;
    if (end !== undefined) {
      out += by;
      at = end;
      if (operator !== '//') break;
    } else {
      out += value[at] ?? '';
      at += 1;
      if (operator === '/#') break;
    }
  }
  return out + value.slice(at);
}
