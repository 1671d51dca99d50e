/** Expands words to arguments: parameters, substitutions, field splitting and pathname patterns (POSIX XCU section 2.6). */
import type { Scope } from '../state.ts';
import type { Word, WordPart } from '../syntax/ast.ts';
import { ArithmeticError, evaluateArithmetic } from './arithmetic.ts';
import { matchGlob } from './glob.ts';
import { operate } from './parameters.ts';
import { ExpansionFailure, elementOf, elementsOf, setElement, setVariable, variableOf } from './variables.ts';

export interface ExpansionContext {
  readonly scope: Scope;
  readonly status: number;
  /** Output of each command substitution of the words at hand. */
  readonly captured: ReadonlyMap<WordPart, string>;
  /** Absolute paths that patterns may match. */
  readonly paths: () => readonly string[];
}

type CommandPart = Extract<WordPart, { kind: 'command' }>;

/** All command substitutions of some words, in the order in which they run. */
export function substitutionsOf(words: readonly Word[]): CommandPart[] {
  const found: CommandPart[] = [];
  for (const word of words) {
    for (const part of word.parts) {
      if (part.kind === 'command') found.push(part);
      else if (part.kind === 'arithmetic') found.push(...substitutionsOf([part.expression]));
      else if (part.kind === 'variable')
        for (const inner of [part.subscript, part.word, part.second]) if (inner !== undefined) found.push(...substitutionsOf([inner]));
    }
  }
  return found;
}

/** One command may have so many arguments, so that `$(seq …)` cannot eat the machine. */
const MAX_FIELDS = 20_000;

export interface Piece {
  readonly text: string;
  readonly quoted: boolean;
  /** What an expansion gave: split into fields unless it is quoted. */
  readonly split: boolean;
  /** Stands between two fields: `"$@"`. */
  readonly breaks?: true;
  /** `"$@"` without parameters: no field at all, unless there is other text. */
  readonly vanishes?: true;
}

const fieldBreak: Piece = { text: '', quoted: true, split: false, breaks: true };

export class Expander {
  readonly #context: ExpansionContext;

  constructor(context: ExpansionContext) {
    this.#context = context;
  }

  get scope(): Scope {
    return this.#context.scope;
  }

  /** Fields of words after splitting and patterns. */
  fields(words: readonly Word[]): string[] {
    const fields: string[] = [];
    for (const word of words) {
      if (word.assignment === true) {
        fields.push(this.text(word));
        continue;
      }
      for (const field of this.#split(this.pieces(word.parts))) {
        if (fields.length >= MAX_FIELDS) throw new ExpansionFailure('Argument list too long');
        fields.push(...this.#glob(field));
      }
    }
    return fields;
  }

  /** One string without splitting: assignments, redirection targets, here-documents. */
  text(word: Word): string {
    return this.pieces(word.parts)
      .map((piece) => (piece.breaks === true ? ' ' : piece.text))
      .join('');
  }

  /** A shell pattern: what was quoted stands for itself. */
  pattern(word: Word): string {
    return this.pieces(word.parts)
      .map((piece) => (piece.quoted ? piece.text.replace(/[\\*?[\]]/g, '\\$&') : piece.text))
      .join('');
  }

  /** A regular expression of `=~`: what was quoted stands for itself. */
  regex(word: Word): string {
    return this.pieces(word.parts)
      .map((piece) => (piece.quoted ? piece.text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : piece.text))
      .join('');
  }

  /** @throws {ExpansionFailure} in the words of the shell. */
  arithmetic(expression: Word): bigint {
    const text = this.text(expression);
    const { scope } = this;
    try {
      return evaluateArithmetic(text, {
        get: (name, subscript) => {
          const value = subscript === undefined ? variableOf(scope, name) : elementOf(scope, name, subscript);
          if (value === undefined && scope.options.has('nounset')) throw new ExpansionFailure(`${name}: unbound variable`, true);
          return value;
        },
        set: (name, subscript, value) => (subscript === undefined ? setVariable(scope, name, value) : setElement(scope, name, subscript, value)),
        isAssociative: (name) => scope.arrays.get(name)?.associative === true,
      });
    } catch (error) {
      if (!(error instanceof ArithmeticError)) throw error;
      const zero = error.message === 'division by 0';
      if (scope.flavour === 'bash') throw new ExpansionFailure(`${text.replace(/^\s+/, '')}: ${error.message} (error token is "${error.rest}")`, true, 1);
      if (scope.flavour === 'ash') throw new ExpansionFailure(zero ? 'divide by zero' : 'arithmetic syntax error', true);
      throw new ExpansionFailure(`arithmetic expression: ${zero ? 'division by zero' : 'expecting primary'}: "${text}"`, true);
    }
  }

  #tilde(parts: readonly WordPart[]): readonly WordPart[] {
    const first = parts[0];
    if (first?.kind !== 'text' || first.quoted || !/^~(?:\/|$)/.test(first.text)) return parts;
    const home = this.scope.variables.get('HOME') ?? '/root';
    return [{ kind: 'text', text: home + first.text.slice(1), quoted: true }, ...parts.slice(1)];
  }

  pieces(parts: readonly WordPart[]): Piece[] {
    return this.#tilde(parts).flatMap((part): Piece[] => {
      switch (part.kind) {
        case 'text':
          return [{ text: part.text, quoted: part.quoted, split: false }];
        case 'command':
          return [{ text: (this.#context.captured.get(part) ?? '').replace(/\n+$/, ''), quoted: part.quoted, split: true }];
        case 'arithmetic':
          return [{ text: String(this.arithmetic(part.expression)), quoted: part.quoted, split: true }];
        default:
          return operate(this, part);
      }
    });
  }

  /** Several values as one expansion: `$@`, `${a[@]}`, and with `*` joined when quoted. */
  list(values: readonly string[], star: boolean, quoted: boolean): Piece[] {
    if (quoted && star) return [{ text: values.join((this.scope.variables.get('IFS') ?? ' ').slice(0, 1)), quoted, split: true }];
    if (values.length === 0) return quoted ? [{ text: '', quoted, split: false, vanishes: true }] : [];
    return values.flatMap((text, index) => (index === 0 ? [{ text, quoted, split: true }] : [fieldBreak, { text, quoted, split: true }]));
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
        return scope.variables.get('!');
      case '-':
        return optionLetters(scope);
      case 'PWD':
        return scope.cwd;
      default:
        return /^\d+$/.test(name) ? scope.positional[Number(name)] : variableOf(scope, name);
    }
  }

  /** The key that a subscript means. */
  key(name: string, subscript: Word): string {
    return this.scope.arrays.get(name)?.associative === true ? this.text(subscript) : String(this.arithmetic(subscript));
  }

  element(name: string, key: string): string | undefined {
    return elementOf(this.scope, name, key);
  }

  elements(name: string): [string, string][] {
    return elementsOf(this.scope, name);
  }

  /** Joins pieces to fields, splitting the unquoted results of expansions at IFS. Each field keeps its pieces for the pattern step. */
  #split(pieces: readonly Piece[]): Piece[][] {
    const separators = this.scope.variables.get('IFS') ?? ' \t\n';
    const fields: Piece[][] = [];
    let current: Piece[] | undefined;
    let vanished = false;
    /** A blank has ended a field, and a separator that follows belongs to it. */
    let afterBlank = false;
    const end = (force: boolean): void => {
      if (current !== undefined || force) fields.push(current ?? []);
      current = undefined;
    };
    for (const piece of pieces) {
      if (piece.breaks === true) {
        end(false);
        afterBlank = false;
        continue;
      }
      if (piece.vanishes === true) vanished = true;
      if (piece.quoted || !piece.split) {
        current ??= [];
        current.push(piece);
        afterBlank = false;
        continue;
      }
      let from = 0;
      const take = (to: number): void => {
        if (to <= from) return;
        current ??= [];
        current.push({ text: piece.text.slice(from, to), quoted: false, split: true });
        afterBlank = false;
      };
      for (let i = 0; i < piece.text.length; i += 1) {
        const c = piece.text[i] ?? '';
        if (!separators.includes(c)) continue;
        take(i);
        from = i + 1;
        if (c === ' ' || c === '\t' || c === '\n') {
          if (current !== undefined) afterBlank = true;
          end(false);
        } else if (afterBlank) afterBlank = false;
        else end(true);
      }
      take(piece.text.length);
    }
    end(false);
    return vanished ? fields.filter((field) => field.some((piece) => piece.text !== '')) : fields;
  }

  #glob(field: readonly Piece[]): string[] {
    const text = field.map((piece) => piece.text).join('');
    if (!field.some((piece) => !piece.quoted && /[*?[]/.test(piece.text)) || this.scope.options.has('noglob')) return [text];
    const pattern = field.map((piece) => (piece.quoted ? piece.text.replace(/[\\*?[\]]/g, '\\$&') : piece.text)).join('');
    const absolute = pattern.startsWith('/');
    const prefix = this.scope.cwd === '/' ? '/' : `${this.scope.cwd}/`;
    const depth = pattern.replace(/\/+$/, '').split('/').length;
    const slash = pattern.endsWith('/') ? '/' : '';
    const wanted = slash === '' ? pattern : pattern.slice(0, -1);
    const found = new Set<string>();
    for (const path of this.#context.paths()) {
      if (!absolute && !path.startsWith(prefix)) continue;
      const parts = (absolute ? path : path.slice(prefix.length)).split('/');
      if (parts.length < depth || (slash !== '' && parts.length === depth)) continue;
      const name = parts.slice(0, depth).join('/');
      if (!found.has(name + slash) && matchGlob(wanted, name, true)) found.add(name + slash);
    }
    return found.size === 0 ? [text] : [...found].sort();
  }
}

const letters: Readonly<Record<string, string>> = { errexit: 'e', nounset: 'u', xtrace: 'x', noglob: 'f', allexport: 'a', noclobber: 'C', verbose: 'v' };

function optionLetters(scope: Scope): string {
  return Object.entries(letters)
    .flatMap(([name, letter]) => (scope.options.has(name) ? [letter] : []))
    .concat(scope.interactive ? ['i'] : [])
    .join('');
}
