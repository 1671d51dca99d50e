/** `test` and `[`: the evaluation that POSIX fixes by the number of arguments, and beyond that the grammar with -a, -o and parentheses. */
import { defineCommand, type Invocation } from '../command.ts';
import { resolvePath } from '../paths.ts';

export interface TestFiles {
  kind(path: string): 'file' | 'directory' | undefined;
  text(path: string): string | undefined;
  isTerminal(descriptor: string): boolean;
}

export function testFiles({ cwd, shell, place, inTty, outTty }: Invocation): TestFiles {
  const text = (path: string): string | undefined => (path === '' ? undefined : shell.readFile(place, resolvePath(cwd, path)));
  return {
    text,
    kind: (path) => {
      if (path === '') return undefined;
      const absolute = resolvePath(cwd, path);
      if (shell.readFile(place, absolute) !== undefined) return 'file';
      return absolute === '/' || absolute === '/tmp' || shell.filePaths(place).some((other) => other.startsWith(`${absolute}/`)) ? 'directory' : undefined;
    },
    isTerminal: (descriptor) => (descriptor === '0' ? inTty : descriptor === '1' || descriptor === '2' ? outTty : false),
  };
}

/** Operators with one operand, except -n and -z. Files of this world have no owners and modes: every file may be read and written, and none executed. */
export function fileTests(operator: string, operand: string, files: TestFiles): boolean {
  switch (operator) {
    case '-e':
    case '-a':
    case '-r':
    case '-w':
    case '-O':
    case '-G':
      return files.kind(operand) !== undefined;
    case '-f':
      return files.kind(operand) === 'file';
    case '-d':
    case '-x':
      return files.kind(operand) === 'directory';
    case '-s':
      return files.kind(operand) === 'directory' || (files.text(operand) ?? '') !== '';
    case '-t':
      return files.isTerminal(operand);
    default:
      return false;
  }
}

class TestError extends Error {}

const UNARY = /^-[abcdefghknprstuwxzLGNOS]$/;
const BINARY = new Set(['=', '==', '!=', '<', '>', '-eq', '-ne', '-lt', '-le', '-gt', '-ge']);

function unary(operator: string, operand: string, files: TestFiles): boolean {
  return operator === '-n' ? operand !== '' : operator === '-z' ? operand === '' : fileTests(operator, operand, files);
}

function binary(left: string, operator: string, right: string): boolean {
  switch (operator) {
    case '=':
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '>':
      return left > right;
    default: {
      const [a, b] = [left, right].map((word) => {
        if (!/^\s*[+-]?\d+\s*$/.test(word)) throw new TestError(`${word}: integer expression expected`);
        return BigInt(word.trim().replace(/^\+/, ''));
      });
      if (a === undefined || b === undefined) return false;
      return { '-eq': a === b, '-ne': a !== b, '-lt': a < b, '-le': a <= b, '-gt': a > b, '-ge': a >= b }[operator] ?? false;
    }
  }
}

function evaluate(words: readonly string[], files: TestFiles): boolean {
  const [a = '', b = '', c = ''] = words;
  switch (words.length) {
    case 0:
      return false;
    case 1:
      return a !== '';
    case 2:
      if (a === '!') return b === '';
      if (UNARY.test(a)) return unary(a, b, files);
      throw new TestError(`${a}: unary operator expected`);
    case 3:
      if (BINARY.has(b)) return binary(a, b, c);
      if (b === '-a') return a !== '' && c !== '';
      if (b === '-o') return a !== '' || c !== '';
      if (a === '!') return !evaluate([b, c], files);
      if (a === '(' && c === ')') return b !== '';
      throw new TestError(`${b}: binary operator expected`);
    case 4:
      if (a === '!') return !evaluate([b, c, words[3] ?? ''], files);
      if (a === '(' && words[3] === ')') return evaluate([b, c], files);
      break;
  }
  return new Grammar(words, files).whole();
}

class Grammar {
  readonly #words: readonly string[];
  readonly #files: TestFiles;
  #at = 0;
  #depth = 0;

  constructor(words: readonly string[], files: TestFiles) {
    this.#words = words;
    this.#files = files;
  }

  whole(): boolean {
    const value = this.#or();
    if (this.#at < this.#words.length) throw new TestError('too many arguments');
    return value;
  }

  #or(): boolean {
    let value = this.#and();
    while (this.#words[this.#at] === '-o') {
      this.#at += 1;
      const right = this.#and();
      value = value || right;
    }
    return value;
  }

  #and(): boolean {
    let value = this.#unit();
    while (this.#words[this.#at] === '-a') {
      this.#at += 1;
      const right = this.#unit();
      value = value && right;
    }
    return value;
  }

  #unit(): boolean {
    const [a, b, c] = this.#words.slice(this.#at, this.#at + 3);
    if (a === undefined || this.#depth > 100) throw new TestError('argument expected');
    if (c !== undefined && b !== undefined && BINARY.has(b)) {
      this.#at += 3;
      return binary(a, b, c);
    }
    this.#depth += 1;
    try {
      if (a === '!') {
        this.#at += 1;
        return !this.#unit();
      }
      if (a === '(') {
        this.#at += 1;
        const value = this.#or();
        if (this.#words[this.#at] !== ')') throw new TestError("`)' expected");
        this.#at += 1;
        return value;
      }
    } finally {
      this.#depth -= 1;
    }
    if (UNARY.test(a) && b !== undefined) {
      this.#at += 2;
      return unary(a, b, this.#files);
    }
    this.#at += 1;
    return a !== '';
  }
}

function defineTest(name: 'test' | '[') {
  return defineCommand({
    name,
    summary: 'compares values and looks for files',
    group: 'shell',
    run: (invocation) => {
      const words = [...invocation.argv];
      const says = invocation.flavour === 'bash' ? `bash: ${name}` : invocation.flavour === 'dash' ? `sh: 1: ${name}` : 'sh';
      if (name === '[' && words.pop() !== ']') {
        invocation.err(`${says}: missing \`]'\n`);
        return 2;
      }
      try {
        return evaluate(words, testFiles(invocation)) ? 0 : 1;
      } catch (error) {
        if (!(error instanceof TestError)) throw error;
        const number = /^(.*): integer expression expected$/.exec(error.message);
        const message =
          number === null || invocation.flavour === 'bash'
            ? error.message
            : invocation.flavour === 'dash'
              ? `Illegal number: ${number[1]}`
              : `${number[1]}: bad number`;
        invocation.err(`${says}: ${message}\n`);
        return 2;
      }
    },
  });
}
export const testCommand = defineTest('test');
export const bracket = defineTest('[');
