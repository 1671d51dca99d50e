/** Expands words to arguments: parameters, substitutions, field splitting and pathname patterns (POSIX XCU section 2.6). */
import type { Scope } from '../state.ts';
import type { List, Word, WordPart } from '../syntax/ast.ts';
import { evaluateArithmetic } from './arithmetic.ts';
import { matchGlob } from './glob.ts';

/** Thrown by an expansion that must stop the command; caught by the machine. */
export class ExpansionFailure extends Error {}

export interface ExpansionContext {
  readonly scope: Scope;
  readonly status: number;
  /** Outputs of the command substitutions, in the order of `substitutionsOf`. */
  readonly captured: readonly string[];
  /** Absolute paths that patterns may match. */
  readonly paths: () => readonly string[];
}

/** All command substitutions of some words, in the order in which the expansion will ask for them. */
export function substitutionsOf(words: readonly Word[]): List[] {
  const found: List[] = [];
  for (const word of words) {
    for (const part of word.parts) {
      if (part.kind === 'command') found.push(part.script);
      else if (part.kind === 'variable' && part.word !== undefined) found.push(...substitutionsOf([part.word]));
    }
  }
  return found;
}

/** One command may have so many arguments, so that `$(seq …)` cannot eat the machine. */
const MAX_FIELDS = 20_000;

interface Piece {
  readonly text: string;
  readonly quoted: boolean;
}

export class Expander {
  readonly #context: ExpansionContext;
  #next = 0;

  constructor(context: ExpansionContext) {
    this.#context = context;
  }

  /** Fields of words after splitting and patterns. */
  fields(words: readonly Word[]): string[] {
    const fields: string[] = [];
    for (const word of words) {
      for (const field of this.#split(this.#pieces(word.parts))) {
        if (fields.length >= MAX_FIELDS) throw new ExpansionFailure('Argument list too long');
        fields.push(...this.#glob(field));
      }
    }
    return fields;
  }

  /** One string without splitting: assignments, redirection targets, here-documents. */
  text(word: Word): string {
    return this.#pieces(this.#tilde(word.parts))
      .map((piece) => piece.text)
      .join('');
  }

  #tilde(parts: readonly WordPart[]): readonly WordPart[] {
    const first = parts[0];
    if (first?.kind !== 'text' || first.quoted || !/^~(?:\/|$)/.test(first.text)) return parts;
    const home = this.#context.scope.variables.get('HOME') ?? '/root';
    return [{ kind: 'text', text: home + first.text.slice(1), quoted: true }, ...parts.slice(1)];
  }

  #pieces(parts: readonly WordPart[]): Piece[] {
    return this.#tilde(parts).flatMap((part): Piece[] => {
      switch (part.kind) {
        case 'text':
          return [{ text: part.text, quoted: part.quoted }];
        case 'command': {
          const output = this.#context.captured[this.#next] ?? '';
          this.#next += 1;
          return [{ text: output.replace(/\n+$/, ''), quoted: part.quoted }];
        }
        case 'arithmetic': {
          const value = evaluateArithmetic(part.expression, (name) => this.variable(name) ?? '');
          if (value === undefined) throw new ExpansionFailure(`${part.expression.trim()}: arithmetic syntax error`);
          return [{ text: String(value), quoted: part.quoted }];
        }
        default:
          if (part.operator === '' && (part.name === '@' || part.name === '*'))
            return [{ text: this.#context.scope.positional.slice(1).join(' '), quoted: part.quoted }];
          return this.#variablePieces(part);
      }
    });
  }

  #variablePieces(part: Extract<WordPart, { kind: 'variable' }>): Piece[] {
    const value = this.variable(part.name);
    const word = part.word;
    // The word's substitutions were run in any case, so they are always consumed here.
    const alternative = word === undefined ? [] : this.#pieces(word.parts);
    const alternativeText = alternative.map((piece) => piece.text).join('');
    const empty = value === undefined || value === '';
    switch (part.operator) {
      case ':-':
        return empty ? alternative : [{ text: value, quoted: part.quoted }];
      case '-':
        return value === undefined ? alternative : [{ text: value, quoted: part.quoted }];
      case ':=':
      case '=':
        if (part.operator === ':=' ? !empty : value !== undefined) return [{ text: value ?? '', quoted: part.quoted }];
        this.#context.scope.variables.set(part.name, alternativeText);
        return [{ text: alternativeText, quoted: part.quoted }];
      case ':+':
        return empty ? [] : alternative;
      case '+':
        return value === undefined ? [] : alternative;
      case '#':
        return [{ text: String((value ?? '').length), quoted: part.quoted }];
      case '%':
      case '%%':
      case '#prefix':
      case '##prefix':
        return [{ text: trim(value ?? '', alternativeText, part.operator), quoted: part.quoted }];
      case '':
        return value === undefined ? [] : [{ text: value, quoted: part.quoted }];
    }
  }

  variable(name: string): string | undefined {
    const { scope, status } = this.#context;
    switch (name) {
      case '?':
        return String(status);
      case '$':
        return String(scope.pid);
      case '#':
        return String(Math.max(0, scope.positional.length - 1));
      case '!':
      case '-':
        return '';
      case 'PWD':
        return scope.cwd;
      default:
        return /^\d$/.test(name) ? scope.positional[Number(name)] : scope.variables.get(name);
    }
  }

  /** Joins pieces to fields, splitting at blanks of the unquoted ones. Each field keeps its pieces for the pattern step. */
  #split(pieces: readonly Piece[]): Piece[][] {
    const fields: Piece[][] = [];
    let current: Piece[] | undefined;
    for (const piece of pieces) {
      if (piece.quoted || (piece.text !== '' && !/[ \t\n]/.test(piece.text))) {
        current ??= [];
        current.push(piece);
        continue;
      }
      const parts = piece.text.split(/[ \t\n]+/);
      for (const [position, part] of parts.entries()) {
        if (position > 0 && current !== undefined) {
          fields.push(current);
          current = undefined;
        }
        if (part !== '') {
          current ??= [];
          current.push({ text: part, quoted: false });
        }
      }
    }
    if (current !== undefined) fields.push(current);
    return fields;
  }

  #glob(field: readonly Piece[]): string[] {
    const text = field.map((piece) => piece.text).join('');
    if (!field.some((piece) => !piece.quoted && /[*?[]/.test(piece.text))) return [text];
    const pattern = field.map((piece) => (piece.quoted ? piece.text.replace(/[\\*?[\]]/g, '\\$&') : piece.text)).join('');
    const absolute = pattern.startsWith('/');
    const prefix = this.#context.scope.cwd === '/' ? '/' : `${this.#context.scope.cwd}/`;
    const found = new Set<string>();
    for (const path of this.#context.paths()) {
      if (absolute) {
        if (matchGlob(pattern, path, true)) found.add(path);
      } else if (path.startsWith(prefix) && matchGlob(pattern, path.slice(prefix.length), true)) found.add(path.slice(prefix.length));
    }
    return found.size === 0 ? [text] : [...found].sort();
  }
}

function trim(value: string, pattern: string, operator: '%' | '%%' | '#prefix' | '##prefix'): string {
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  const longest = operator === '%%' || operator === '##prefix';
  if (longest) lengths.reverse();
  for (const length of lengths.slice(0, 2000)) {
    if (operator === '%' || operator === '%%') {
      if (matchGlob(pattern, value.slice(value.length - length), false)) return value.slice(0, value.length - length);
    } else if (matchGlob(pattern, value.slice(0, length), false)) return value.slice(length);
  }
  return value;
}
