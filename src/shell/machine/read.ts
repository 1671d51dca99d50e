/** The builtins that take input or arguments apart: `read` and `getopts`. */
import { type Frame, findSession, type Task } from '../state.ts';
import type { Machine } from './machine.ts';
import { readSource } from './streams.ts';
import { arrayOf, setElement, setVariable, unsetVariable } from './variables.ts';

type ReadFrame = Extract<Frame, { kind: 'read' }>;

export function startRead(machine: Machine, task: Task, argv: readonly string[], environment: ReadonlyMap<string, string>): void {
  const options = { raw: false, delimiter: '\n', characters: 0, array: false };
  let prompt = '';
  let seconds: number | undefined;
  const words = [...argv];
  while (/^-./.test(words[0] ?? '')) {
    const word = words.shift() ?? '';
    if (word === '--') break;
    for (let i = 1; i < word.length; i += 1) {
      const letter = word[i] ?? '';
      if ('rse'.includes(letter)) {
        if (letter === 'r') options.raw = true;
        continue;
      }
      if (!'pdntNa'.includes(letter)) {
        machine.complain(
          task,
          `read: -${letter}: invalid option\nread: usage: read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]`,
        );
        task.status = 2;
        return;
      }
      const value = word.slice(i + 1) !== '' ? word.slice(i + 1) : (words.shift() ?? '');
      if (letter === 'p') prompt = value;
      else if (letter === 'd') options.delimiter = value.slice(0, 1) || '\u0000';
      else if (letter === 't') seconds = Number(value);
      else if (letter === 'a') {
        options.array = true;
        words.unshift(value);
      } else options.characters = Math.max(0, Math.trunc(Number(value)) || 0);
      break;
    }
  }
  if (seconds !== undefined && !(seconds >= 0)) {
    machine.complain(task, 'read: invalid timeout specification');
    task.status = 1;
    return;
  }
  if (prompt !== '' && task.io.stdin.kind === 'terminal') machine.write(task, task.io.stderr, prompt);
  const frame = { names: words, ...options, separators: environment.get('IFS') ?? ' \t\n' };
  if (seconds !== undefined && seconds > 0) machine.waitForRead(task, frame, seconds);
  else task.stack.push({ kind: 'read', ...frame, timer: undefined, expired: false });
}

/** One step of `read`: waits until its input has a line or has ended. */
export function stepRead(machine: Machine, task: Task, frame: ReadFrame): 'ran' | 'blocked' {
  const input = readSource(machine.state, task, task.io.stdin);
  if (input === undefined && !frame.expired) return 'blocked';
  const text = input?.text ?? '';
  const over = frame.expired || input?.end === true;
  const end = lineEnd(frame, text);
  if (end === undefined && !over) {
    giveBack(machine, task, text);
    return 'blocked';
  }
  giveBack(machine, task, end === undefined ? '' : text.slice(end.next));
  if (frame.timer !== undefined && !frame.expired) machine.endProcess(frame.timer);
  task.stack.pop();
  setRead(task, frame, text.slice(0, end?.at ?? text.length));
  task.status = end !== undefined ? 0 : frame.expired ? 142 : 1;
  return 'ran';
}

/** Where the line ends, and where the next one starts; undefined while it is not whole. */
function lineEnd(frame: ReadFrame, text: string): { readonly at: number; readonly next: number } | undefined {
  for (let i = 0; i < text.length; i += 1) {
    if (frame.characters > 0 && i >= frame.characters) return { at: i, next: i };
    if (!frame.raw && text[i] === '\\') i += 1;
    else if (text[i] === frame.delimiter) return { at: i, next: i + 1 };
  }
  return frame.characters > 0 && text.length >= frame.characters ? { at: frame.characters, next: frame.characters } : undefined;
}

/** What the line did not need stays readable for the next command. */
function giveBack(machine: Machine, task: Task, rest: string): void {
  const { stdin } = task.io;
  if (stdin.kind === 'text') {
    stdin.text = rest;
    stdin.read = false;
  } else if (stdin.kind === 'pipe') {
    const pipe = machine.state.pipes.get(stdin.pipe);
    if (pipe !== undefined) pipe.text = rest + pipe.text;
  } else if (stdin.kind === 'terminal') {
    const session = findSession(machine.state, task.session);
    if (session !== undefined) session.typed.text = rest + session.typed.text;
  }
}

/** Gives the fields of a line to variables, the last one taking what is left (POSIX XCU read). */
function setRead(task: Task, frame: ReadFrame, line: string): void {
  // Characters with a mark that a backslash has taken their meaning from them.
  const characters: { readonly c: string; readonly plain: boolean }[] = [];
  for (let i = 0; i < line.length; i += 1) {
    if (!frame.raw && line[i] === '\\') {
      i += 1;
      if (line[i] !== '\n' && i < line.length) characters.push({ c: line[i] ?? '', plain: true });
    } else characters.push({ c: line[i] ?? '', plain: false });
  }
  const { scope } = task;
  if (frame.names.length === 0 && !frame.array) {
    setVariable(scope, 'REPLY', characters.map(({ c }) => c).join(''));
    return;
  }
  const separates = (at: number): boolean => characters[at]?.plain === false && frame.separators.includes(characters[at]?.c ?? '');
  const isBlank = (at: number): boolean => separates(at) && /[ \t\n]/.test(characters[at]?.c ?? '');
  const text = (from: number, to: number): string =>
    characters
      .slice(from, to)
      .map(({ c }) => c)
      .join('');
  const fields: string[] = [];
  const limit = frame.array ? Number.POSITIVE_INFINITY : frame.names.length;
  let at = 0;
  while (isBlank(at)) at += 1;
  while (at < characters.length) {
    if (fields.length + 1 >= limit) {
      let end = characters.length;
      while (end > at && isBlank(end - 1)) end -= 1;
      // One separator at the end belongs to the last field's end when it is the only one.
      let inner = at;
      while (inner < end && !separates(inner)) inner += 1;
      if (inner === end - 1 && !isBlank(inner)) end -= 1;
      fields.push(text(at, end));
      break;
    }
    let end = at;
    while (end < characters.length && !separates(end)) end += 1;
    fields.push(text(at, end));
    at = end;
    while (isBlank(at)) at += 1;
    if (at < characters.length && separates(at)) {
      at += 1;
      while (isBlank(at)) at += 1;
    }
  }
  if (frame.array) {
    const name = frame.names[0] ?? 'REPLY';
    unsetVariable(scope, name);
    arrayOf(scope, name);
    for (const [index, field] of fields.entries()) setElement(scope, name, String(index), field);
  } else for (const [index, name] of frame.names.entries()) setVariable(scope, name, fields[index] ?? '');
}

/** `getopts OPTSTRING NAME [ARGUMENT…]` (POSIX XCU getopts). */
export function getopts(machine: Machine, task: Task, argv: readonly string[]): void {
  const { scope } = task;
  const [letters = '', name = ''] = argv;
  if (name === '') {
    machine.complain(task, 'getopts: usage: getopts optstring name [arg ...]');
    task.status = 2;
    return;
  }
  const words = argv.length > 2 ? argv.slice(2) : scope.positional.slice(1);
  const silent = letters.startsWith(':');
  let index = Math.max(1, Number(scope.variables.get('OPTIND') ?? 1) || 1);
  const finish = (letter: string, argument: string | undefined, next: number, at: number): void => {
    setVariable(scope, name, letter);
    if (argument === undefined) scope.variables.delete('OPTARG');
    else scope.variables.set('OPTARG', argument);
    scope.variables.set('OPTIND', String(next));
    scope.optionAt = at;
  };
  const word = words[index - 1];
  if (scope.optionAt === 0 && (word === undefined || word === '-' || !word.startsWith('-') || word === '--')) {
    if (word === '--') index += 1;
    finish('?', undefined, index, 0);
    task.status = 1;
    return;
  }
  const at = Math.max(1, scope.optionAt);
  const letter = word?.[at] ?? '';
  const known = letter !== ':' && letter !== '' && letters.includes(letter) ? letters[letters.indexOf(letter) + 1] === ':' : undefined;
  const last = at + 1 >= (word?.length ?? 0);
  const says = scope.flavour === 'bash' ? `${scope.positional[0] ?? 'bash'}: ` : '';
  if (known === undefined) {
    if (!silent) machine.write(task, task.io.stderr, scope.flavour === 'bash' ? `${says}illegal option -- ${letter}\n` : `Illegal option -${letter}\n`);
    finish('?', silent ? letter : undefined, last ? index + 1 : index, last ? 0 : at + 1);
  } else if (!known) finish(letter, undefined, last ? index + 1 : index, last ? 0 : at + 1);
  else if (!last) finish(letter, word?.slice(at + 1) ?? '', index + 1, 0);
  else {
    const argument = words[index];
    if (argument !== undefined) finish(letter, argument, index + 2, 0);
    else {
      if (!silent)
        machine.write(task, task.io.stderr, scope.flavour === 'bash' ? `${says}option requires an argument -- ${letter}\n` : `No arg for -${letter} option\n`);
      finish(silent ? ':' : '?', silent ? letter : undefined, index + 1, 0);
    }
  }
}
