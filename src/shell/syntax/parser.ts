/** The grammar of the shell: a recursive descent over POSIX lists, pipelines, loops and redirections. */

import { asAssignment, isDeclaration, readElements } from './assignment.ts';
import { type AndOr, type Assignment, type Command, freezeTree, type List, type Pipeline, type Redirect, type Word } from './ast.ts';
import { expandBraces } from './braces.ts';
import { parseConditional } from './conditional.ts';
import type { Flavour, SyntaxProblem } from './errors.ts';
import { MAX_NESTING, Scanner, SyntaxFailure } from './scanner.ts';
import { literalText, reservedText } from './words.ts';

export type ParseResult =
  | { readonly ok: true; readonly script: List }
  /** `incomplete`: more lines could still make it right (an open quote, loop or here-document). */
  | { readonly ok: false; readonly problem: SyntaxProblem; readonly line: number; readonly incomplete: boolean };

/** A command line may have so many characters (a pasted manifest fits). */
export const MAX_SCRIPT_CHARACTERS = 300_000;

export interface Dialect {
  /** Brace expansion, `((…))` and what else POSIX does not have. */
  readonly bash: boolean;
  readonly conditionals: boolean;
  /** Of an interactive shell. */
  readonly aliases: ReadonlyMap<string, string> | undefined;
}
const bashDialect: Dialect = { bash: true, conditionals: true, aliases: undefined };

/** The dialect of scripts that a shell of this kind runs; `aliases` only for typed lines. */
export function dialectOf(flavour: Flavour, aliases?: ReadonlyMap<string, string>): Dialect {
  return { bash: flavour === 'bash', conditionals: flavour !== 'dash', aliases };
}

export function parseScript(text: string, dialect: Dialect = bashDialect): ParseResult {
  if (text.length > MAX_SCRIPT_CHARACTERS) {
    return { ok: false, problem: { kind: 'unsupported', what: `a command line of more than ${MAX_SCRIPT_CHARACTERS} characters` }, line: 1, incomplete: false };
  }
  const scanner = new Scanner(text);
  scanner.bash = dialect.bash;
  scanner.conditionals = dialect.conditionals;
  scanner.aliases = dialect.aliases;
  scanner.parseNested = (inner) => parseList(inner, [')']);
  try {
    const script = parseList(scanner, []);
    if (!scanner.atEnd()) scanner.fail({ kind: 'unexpected', token: operatorAt(scanner) });
    if (scanner.hereDocuments.length > 0) scanner.fail({ kind: 'end', expecting: scanner.hereDocuments[0]?.delimiter ?? '' });
    return { ok: true, script: freezeTree(script) };
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    const incomplete = error.problem.kind === 'unterminated' || error.problem.kind === 'end';
    return { ok: false, problem: error.problem, line: error.line, incomplete };
  }
}

const CLOSERS = new Set(['do', 'done', 'then', 'elif', 'else', 'fi', '}', 'esac']);

function operatorAt(scanner: Scanner): string {
  for (const operator of [';;', '&&', '||', '<<<', '<<', '>>', '>&', '|', '&', ';', '<', '>', '(', ')']) if (scanner.startsWith(operator)) return operator;
  if (scanner.peek() === '\n') return 'newline';
  return scanner.atWord() ? (literalText(peekWord(scanner)) ?? scanner.peek()) : scanner.peek();
}

function peekWord(scanner: Scanner): Word {
  const position = scanner.position;
  const word = scanner.readWord();
  scanner.position = position;
  return word;
}

/** The reserved word that stands here, without taking it. */
function reservedAt(scanner: Scanner): string | undefined {
  const match = /^(?:[a-z]+|[{}!]|\[\[)(?=[\s;|&()<>]|$)/.exec(scanner.text.slice(scanner.position, scanner.position + 12));
  return match?.[0] === '[[' && !scanner.conditionals ? undefined : match?.[0];
}

function skipSeparators(scanner: Scanner): void {
  for (;;) {
    scanner.skipBlanks();
    if (scanner.peek() !== '\n') return;
    scanner.takeNewline();
  }
}

/** Reads commands up to the end or one of the closing words (left in place). */
function parseList(scanner: Scanner, closers: readonly string[]): List {
  const items: AndOr[] = [];
  for (;;) {
    skipSeparators(scanner);
    if (scanner.atEnd() || scanner.peek() === ')') break;
    if (closers.includes(';;') && (scanner.startsWith(';;') || scanner.startsWith(';&'))) break;
    const start = scanner.position;
    const reserved = reservedAt(scanner);
    if (reserved !== undefined && CLOSERS.has(reserved)) {
      if (closers.includes(reserved)) break;
      scanner.fail({ kind: 'unexpected', token: reserved });
    }
    const item = parseAndOr(scanner);
    scanner.skipBlanks();
    let background = false;
    const source = scanner.text.slice(start, scanner.position).trim();
    if (scanner.startsWith(';;') || (scanner.startsWith(';&') && closers.includes(';;'))) {
      if (!closers.includes(';;')) scanner.fail({ kind: 'unexpected', token: ';;' });
    } else if (scanner.peek() === ';') scanner.position += 1;
    else if (scanner.peek() === '&' && scanner.peek(1) !== '&') {
      background = true;
      scanner.position += 1;
    } else if (scanner.peek() === '\n') scanner.takeNewline();
    else if (!scanner.atEnd() && scanner.peek() !== ')') scanner.fail({ kind: 'unexpected', token: operatorAt(scanner) });
    items.push({ ...item, background, source: background ? source : '' });
  }
  return { kind: 'list', items };
}

function parseAndOr(scanner: Scanner): AndOr {
  const first = parsePipeline(scanner);
  const rest: { operator: '&&' | '||'; pipeline: Pipeline }[] = [];
  for (;;) {
    scanner.skipBlanks();
    const operator = scanner.startsWith('&&') ? '&&' : scanner.startsWith('||') ? '||' : undefined;
    if (operator === undefined) return { kind: 'and-or', first, rest, background: false, source: '' };
    scanner.position += 2;
    skipSeparators(scanner);
    rest.push({ operator, pipeline: parsePipeline(scanner) });
  }
}

function parsePipeline(scanner: Scanner): Pipeline {
  scanner.skipBlanks();
  let negated = false;
  let timed = false;
  for (let word = reservedAt(scanner); word === '!' || word === 'time'; word = reservedAt(scanner)) {
    if (word === '!') negated = !negated;
    else timed = true;
    scanner.position += word.length;
    scanner.skipBlanks();
  }
  const commands = [parseCommand(scanner)];
  for (;;) {
    scanner.skipBlanks();
    if (scanner.peek() !== '|' || scanner.peek(1) === '|') return { kind: 'pipeline', negated, timed, commands };
    scanner.position += scanner.peek(1) === '&' ? 2 : 1;
    skipSeparators(scanner);
    commands.push(parseCommand(scanner));
  }
}

function expectReserved(scanner: Scanner, word: string): void {
  skipSeparators(scanner);
  if (scanner.atEnd()) scanner.fail({ kind: 'end', expecting: word });
  if (reservedAt(scanner) !== word) scanner.fail({ kind: 'unexpected', token: operatorAt(scanner), expecting: word });
  scanner.position += word.length;
}

function nest<T>(scanner: Scanner, parse: () => T): T {
  scanner.depth += 1;
  if (scanner.depth > MAX_NESTING) scanner.fail({ kind: 'unsupported', what: `nesting deeper than ${MAX_NESTING} levels` });
  const value = parse();
  scanner.depth -= 1;
  return value;
}

function parseBody(scanner: Scanner, closers: readonly string[]): List {
  const list = parseList(scanner, closers);
  if (scanner.atEnd()) scanner.fail({ kind: 'end', expecting: closers[closers.length - 1] ?? '' });
  if (list.items.length === 0) scanner.fail({ kind: 'unexpected', token: operatorAt(scanner) });
  return list;
}

/** `((` may also begin two subshells: it is arithmetic when it ends with `))`. */
function tryArithmetic(scanner: Scanner): Word | undefined {
  const start = scanner.position;
  try {
    scanner.position += 2;
    return scanner.readArithmetic();
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    scanner.position = start;
    return undefined;
  }
}

function parseCommand(scanner: Scanner): Command {
  scanner.skipBlanks();
  if (scanner.atEnd()) scanner.fail({ kind: 'end' });
  const arithmetic = scanner.bash && scanner.startsWith('((') ? tryArithmetic(scanner) : undefined;
  if (arithmetic !== undefined) return { kind: 'arithmetic', expression: arithmetic, redirects: parseRedirects(scanner) };
  if (scanner.peek() === '(') {
    return nest(scanner, () => {
      scanner.position += 1;
      const body = parseList(scanner, []);
      skipSeparators(scanner);
      if (scanner.peek() !== ')') scanner.fail({ kind: 'end', expecting: ')' });
      if (body.items.length === 0) scanner.fail({ kind: 'unexpected', token: ')' });
      scanner.position += 1;
      return { kind: 'group', subshell: true, body, redirects: parseRedirects(scanner) };
    });
  }
  if (!scanner.atWord() && !isRedirectAt(scanner)) scanner.fail({ kind: 'unexpected', token: operatorAt(scanner) });
  switch (reservedAt(scanner)) {
    case '{':
      return nest(scanner, () => {
        scanner.position += 1;
        const body = parseBody(scanner, ['}']);
        scanner.position += 1;
        return { kind: 'group', subshell: false, body, redirects: parseRedirects(scanner) };
      });
    case 'for':
      return nest(scanner, () => parseFor(scanner));
    case 'while':
    case 'until':
      return nest(scanner, () => {
        const until = reservedAt(scanner) === 'until';
        scanner.position += 5;
        const condition = parseBody(scanner, ['do']);
        expectReserved(scanner, 'do');
        const body = parseBody(scanner, ['done']);
        expectReserved(scanner, 'done');
        return { kind: 'while', until, condition, body, redirects: parseRedirects(scanner) };
      });
    case 'if':
      return nest(scanner, () => parseIf(scanner));
    case 'case':
      return nest(scanner, () => parseCase(scanner));
    case '[[': {
      scanner.position += 2;
      const test = parseConditional(scanner, skipSeparators);
      return { kind: 'conditional', test, redirects: parseRedirects(scanner) };
    }
    case 'function': {
      if (!scanner.bash) return parseSimple(scanner);
      scanner.position += 8;
      scanner.skipBlanks();
      const name = scanner.atWord() ? reservedText(scanner.readWord()) : undefined;
      if (name === undefined) scanner.fail({ kind: 'unexpected', token: operatorAt(scanner) });
      scanner.skipBlanks();
      if (scanner.peek() === '(') takeParentheses(scanner);
      return parseFunction(scanner, name);
    }
    case 'select':
      return scanner.fail({ kind: 'unsupported', what: `\`${reservedAt(scanner)}'` });
    default:
      return parseSimple(scanner);
  }
}

function takeParentheses(scanner: Scanner): void {
  scanner.position += 1;
  scanner.skipBlanks();
  if (scanner.peek() !== ')') scanner.fail(scanner.atEnd() ? { kind: 'end' } : { kind: 'unexpected', token: operatorAt(scanner) });
  scanner.position += 1;
}

/** The scanner stands behind the name and its parentheses. */
function parseFunction(scanner: Scanner, name: string): Command {
  return nest(scanner, () => {
    skipSeparators(scanner);
    const body = parseCommand(scanner);
    if (body.kind === 'simple' || body.kind === 'function') scanner.fail({ kind: 'unexpected', token: operatorAt(scanner) });
    return { kind: 'function', name, body, redirects: [] };
  });
}

function parseCase(scanner: Scanner): Command {
  scanner.position += 4;
  scanner.skipBlanks();
  if (!scanner.atWord()) scanner.fail(scanner.atEnd() ? { kind: 'end' } : { kind: 'unexpected', token: operatorAt(scanner) });
  const word = scanner.readWord();
  expectReserved(scanner, 'in');
  const branches: { patterns: Word[]; body: List; end: ';;' | ';&' | ';;&' }[] = [];
  for (;;) {
    skipSeparators(scanner);
    if (scanner.atEnd()) scanner.fail({ kind: 'end', expecting: 'esac' });
    if (reservedAt(scanner) === 'esac') break;
    if (scanner.peek() === '(') scanner.position += 1;
    const patterns: Word[] = [];
    for (;;) {
      scanner.skipBlanks();
      if (!scanner.atWord()) scanner.fail(scanner.atEnd() ? { kind: 'end' } : { kind: 'unexpected', token: operatorAt(scanner) });
      patterns.push(scanner.readWord());
      scanner.skipBlanks();
      if (scanner.peek() !== '|') break;
      scanner.position += 1;
    }
    if (scanner.peek() !== ')') scanner.fail(scanner.atEnd() ? { kind: 'end' } : { kind: 'unexpected', token: operatorAt(scanner) });
    scanner.position += 1;
    const body = parseList(scanner, [';;', 'esac']);
    const end = ([';;&', ';;', ';&'] as const).find((candidate) => scanner.startsWith(candidate));
    branches.push({ patterns, body, end: end ?? ';;' });
    if (end === undefined) break;
    scanner.position += end.length;
  }
  expectReserved(scanner, 'esac');
  return { kind: 'case', word, branches, redirects: parseRedirects(scanner) };
}

function parseFor(scanner: Scanner): Command {
  scanner.position += 3;
  scanner.skipBlanks();
  if (scanner.bash && scanner.startsWith('((')) {
    scanner.position += 2;
    const first = scanner.readArithmetic(';');
    const condition = scanner.readArithmetic(';');
    const step = scanner.readArithmetic();
    scanner.skipBlanks();
    if (scanner.peek() === ';') scanner.position += 1;
    skipSeparators(scanner);
    const braces = reservedAt(scanner) === '{';
    expectReserved(scanner, braces ? '{' : 'do');
    const body = parseBody(scanner, [braces ? '}' : 'done']);
    expectReserved(scanner, braces ? '}' : 'done');
    return { kind: 'counting-for', first, condition, step, body, redirects: parseRedirects(scanner) };
  }
  if (scanner.atEnd()) scanner.fail({ kind: 'end' });
  const name = scanner.atWord() ? reservedText(scanner.readWord()) : undefined;
  if (name === undefined || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) scanner.fail({ kind: 'unexpected', token: name ?? operatorAt(scanner) });
  skipSeparators(scanner);
  let words: Word[] | undefined;
  if (reservedAt(scanner) === 'in') {
    scanner.position += 2;
    words = [];
    for (;;) {
      scanner.skipBlanks();
      if (!scanner.atWord()) break;
      words.push(...brace(scanner, scanner.readWord()));
    }
  }
  scanner.skipBlanks();
  if (scanner.peek() === ';') scanner.position += 1;
  expectReserved(scanner, 'do');
  const body = parseBody(scanner, ['done']);
  expectReserved(scanner, 'done');
  return { kind: 'for', name, words, body, redirects: parseRedirects(scanner) };
}

function parseIf(scanner: Scanner): Command {
  scanner.position += 2;
  const branches: { condition: List; body: List }[] = [];
  for (;;) {
    const condition = parseBody(scanner, ['then']);
    expectReserved(scanner, 'then');
    branches.push({ condition, body: parseBody(scanner, ['elif', 'else', 'fi']) });
    skipSeparators(scanner);
    if (reservedAt(scanner) !== 'elif') break;
    scanner.position += 4;
  }
  let otherwise: List | undefined;
  if (reservedAt(scanner) === 'else') {
    scanner.position += 4;
    otherwise = parseBody(scanner, ['fi']);
  }
  expectReserved(scanner, 'fi');
  return { kind: 'if', branches, otherwise, redirects: parseRedirects(scanner) };
}

function isRedirectAt(scanner: Scanner): boolean {
  if (scanner.atProcess()) return false;
  return /^(?:[0-9]?(?:<|>)|&>)/.test(scanner.text.slice(scanner.position, scanner.position + 3));
}

function parseRedirects(scanner: Scanner): Redirect[] {
  const redirects: Redirect[] = [];
  for (;;) {
    scanner.skipBlanks();
    if (!isRedirectAt(scanner)) return redirects;
    parseRedirect(scanner, redirects);
  }
}

function parseRedirect(scanner: Scanner, into: Redirect[]): void {
  let descriptor: number | 'both' | undefined;
  if (scanner.startsWith('&>')) {
    descriptor = 'both';
    scanner.position += 1;
  } else if (/[0-9]/.test(scanner.peek())) {
    if (Number(scanner.peek()) > 2) scanner.fail({ kind: 'unsupported', what: 'a file descriptor above 2' });
    descriptor = Number(scanner.peek());
    scanner.position += 1;
  }
  const operator = (['<<<', '<<', '>>', '>&', '>|', '<&', '<', '>'] as const).find((candidate) => scanner.startsWith(candidate)) ?? '>';
  scanner.position += operator.length;
  if (scanner.bash && scanner.peek() === '(') scanner.fail({ kind: 'unsupported', what: 'process substitution' });
  const stripTabs = operator === '<<' && scanner.peek() === '-';
  if (stripTabs) scanner.position += 1;
  scanner.skipBlanks();
  if (!scanner.atWord()) scanner.fail(scanner.atEnd() ? { kind: 'unexpected', token: 'newline' } : { kind: 'unexpected', token: operatorAt(scanner) });
  const target = scanner.readWord();
  const fd = descriptor ?? (operator.startsWith('<') ? 0 : 1);
  if (operator !== '<<') {
    into.push({ descriptor: fd, operator: operator === '>|' ? '>' : operator === '<&' ? '>&' : operator, target });
    return;
  }
  const at = into.length;
  into.push({ descriptor: fd, operator, target });
  scanner.hereDocuments.push({
    delimiter: literalText(target) ?? scanner.text.slice(target.start, target.end),
    quoted: target.parts.some((part) => part.kind === 'text' && part.quoted),
    stripTabs,
    fill: (word) => {
      into[at] = { descriptor: fd, operator, target: word };
    },
  });
}

function brace(scanner: Scanner, word: Word): readonly Word[] {
  return scanner.bash ? expandBraces(word) : [word];
}

function parseSimple(scanner: Scanner): Command {
  const assignments: Assignment[] = [];
  const declared: Assignment[] = [];
  const words: Word[] = [];
  const redirects: Redirect[] = [];
  let declaration = false;
  const aliases = new Set<string>();
  for (;;) {
    scanner.skipBlanks();
    if (isRedirectAt(scanner)) {
      parseRedirect(scanner, redirects);
      continue;
    }
    if (!scanner.atWord()) break;
    const start = scanner.position;
    const word = scanner.readWord();
    const assignment = words.length === 0 || declaration ? asAssignment(scanner, word) : undefined;
    if (assignment !== undefined) {
      const elements = scanner.bash && scanner.peek() === '(' ? readElements(scanner) : undefined;
      if (words.length === 0) assignments.push({ ...assignment, elements });
      else if (elements === undefined) words.push({ ...word, assignment: true });
      else {
        declared.push({ ...assignment, elements });
        words.push({ parts: [{ kind: 'text', text: assignment.name, quoted: true }], start: word.start, end: word.end });
      }
      continue;
    }
    const name = words.length === 0 ? reservedText(word) : undefined;
    const alias = name === undefined || aliases.has(name) ? undefined : scanner.aliases?.get(name);
    if (name !== undefined && alias !== undefined) {
      aliases.add(name);
      scanner.text = scanner.text.slice(0, start) + alias + scanner.text.slice(scanner.position);
      scanner.position = start;
      continue;
    }
    words.push(...brace(scanner, word));
    if (words.length === 1) declaration = isDeclaration(word);
    if (words.length > 1 || assignments.length > 0) continue;
    scanner.skipBlanks();
    if (scanner.peek() === '(') {
      const called = literalText(word);
      if (called === undefined || called === '') scanner.fail({ kind: 'unexpected', token: '(' });
      takeParentheses(scanner);
      return parseFunction(scanner, called);
    }
  }
  return { kind: 'simple', assignments, declared, words, redirects };
}
