/** Simple commands: substitutions, expansion, redirections, then the command itself (POSIX XCU section 2.9.1). */
import { resolvePath } from '../paths.ts';
import type { Capture, Frame, Io, Task } from '../state.ts';
import type { Assignment, Redirect, Word, WordPart } from '../syntax/ast.ts';
import { expandBraces } from '../syntax/braces.ts';
import { Expander, substitutionsOf } from './expand.ts';
import type { Machine } from './machine.ts';
import { applyRedirects, type RedirectFiles } from './redirect.ts';
import { newPipe } from './streams.ts';
import { copyScope, newTask, type Progress } from './tasks.ts';
import { arrayOf, ExpansionFailure, setElement, setVariable } from './variables.ts';

/** Runs the substitutions of some words one after the other; `done` when all outputs are in `captured`. */
export function runCaptures(
  machine: Machine,
  task: Task,
  frame: { captured: string[]; capture: Capture | undefined },
  words: readonly Word[],
): 'done' | Progress {
  const scripts = substitutionsOf(words);
  if (frame.capture !== undefined) {
    const child = machine.state.tasks.get(frame.capture.task);
    if (child !== undefined && !child.done) return 'blocked';
    frame.captured.push(machine.state.pipes.get(frame.capture.pipe)?.text ?? '');
    task.status = child?.status ?? 0;
    machine.state.tasks.delete(frame.capture.task);
    machine.state.pipes.delete(frame.capture.pipe);
    frame.capture = undefined;
  }
  const script = scripts[frame.captured.length]?.script;
  if (script === undefined) return 'done';
  const pipe = newPipe(machine.state);
  const scope = copyScope(task.scope);
  if (scope.flavour === 'bash') scope.options.delete('errexit');
  const child = newTask(machine.state, {
    session: task.session,
    place: task.place,
    scope,
    io: { ...task.io, stdout: { kind: 'pipe', pipe } },
    background: task.background,
  });
  child.status = task.status;
  child.stack.push({ kind: 'list', list: script, next: 0 });
  frame.capture = { task: child.id, pipe };
  return 'ran';
}

/** The output of a process substitution, as a file. */
function fillFile({ services }: Machine, { place }: Task, number: number, text: string): string {
  const path = `/dev/fd/${number}`;
  services.makeDirectory(place, '/dev/fd', true);
  services.writeFile(place, path, text);
  return path;
}

/** `words`: those whose substitutions are in `captured`. */
export function makeExpander(machine: Machine, task: Task, captured: readonly string[], words: readonly Word[]): Expander {
  const outputs = new Map<WordPart, string>();
  if (captured.length > 0) {
    let files = 0;
    for (const [index, part] of substitutionsOf(words).entries()) {
      const text = captured[index] ?? '';
      // bash numbers its pipes downwards from 63.
      outputs.set(part, part.file === true ? fillFile(machine, task, 63 - files++, text) : text);
    }
  }
  return new Expander({ scope: task.scope, status: task.status, captured: outputs, paths: () => machine.services.filePaths(task.place) });
}

/** Says what an expansion could not do; a fatal failure ends the script, or the line that was typed. */
export function failExpansion(machine: Machine, task: Task, error: unknown): void {
  if (!(error instanceof ExpansionFailure)) throw error;
  machine.complain(task, error.message);
  task.status = 1;
  if (!error.fatal) return;
  const bash = task.scope.flavour === 'bash';
  const status = bash ? (task.scope.interactive ? 1 : error.status) : 2;
  task.unwind = { kind: 'exit', status, abort: true };
}

function redirectFiles(machine: Machine, task: Task): RedirectFiles {
  return {
    resolve: (path) => resolvePath(task.scope.cwd, path),
    read: (place, path) => machine.services.readFile(place, path),
    open: (place, path, append) => {
      const before = append ? (machine.services.readFile(place, path) ?? '') : '';
      const error = machine.services.writeFile(place, path, before);
      return error === undefined ? machine.services.fileAt(place, path) : { error };
    },
  };
}

export function redirect(machine: Machine, task: Task, redirects: readonly Redirect[], expander: Expander): Io | undefined {
  const applied = applyRedirects(task.io, redirects, expander, task.place, redirectFiles(machine, task));
  if ('io' in applied) return applied.io;
  const { flavour } = task.scope;
  const missing = /^(.*): No such file or directory$/.exec(applied.error);
  const refused = /^.*: Read-only file system$/.test(applied.error);
  machine.complain(
    task,
    flavour !== 'bash' && refused
      ? `${flavour === 'dash' ? 'cannot' : "can't"} create ${applied.error}`
      : flavour !== 'bash' && missing !== null
        ? `${flavour === 'dash' ? 'cannot open' : "can't open"} ${missing[1]}: ${flavour === 'dash' ? 'No such file' : 'no such file'}`
        : applied.error,
  );
  task.status = flavour === 'bash' ? 1 : 2;
  return undefined;
}

function wordsOf(assignments: readonly Assignment[]): Word[] {
  return assignments.flatMap((assignment) => [
    ...(assignment.subscript === undefined ? [] : [assignment.subscript]),
    assignment.value,
    ...(assignment.elements ?? []).flatMap((element) => (element.subscript === undefined ? [element.value] : [element.subscript, element.value])),
  ]);
}

/** Does one assignment for good, and returns it as `set -x` shows it. */
function assign(task: Task, expander: Expander, assignment: Assignment): string {
  const { scope } = task;
  const { name } = assignment;
  if (assignment.elements !== undefined) {
    const known = scope.arrays.get(name);
    if (!assignment.append && known === undefined) scope.variables.delete(name);
    const array = arrayOf(scope, name);
    const entries: [string | undefined, string][] = [];
    for (const element of assignment.elements) {
      if (element.subscript === undefined) for (const field of expander.fields(expandBraces(element.value))) entries.push([undefined, field]);
      else entries.push([expander.key(name, element.subscript), expander.text(element.value)]);
    }
    if (!assignment.append) array.values.clear();
    let next = assignment.append ? Math.max(-1, ...[...array.values.keys()].map((key) => Number(key) || 0)) + 1 : 0;
    for (const [key, value] of entries) {
      setElement(scope, name, key ?? String(next), value);
      next = (key === undefined ? next : Number(key) || 0) + 1;
    }
    return `${name}=(${entries.map(([, value]) => quoteForTrace(value)).join(' ')})`;
  }
  const value = expander.text(assignment.value);
  if (assignment.subscript !== undefined) {
    const key = expander.key(name, assignment.subscript);
    setElement(scope, name, key, assignment.append ? (expander.element(name, key) ?? '') + value : value);
    return `${name}[${key}]=${quoteForTrace(value)}`;
  }
  setVariable(scope, name, assignment.append ? (expander.variable(name) ?? '') + value : value);
  return `${name}=${quoteForTrace(value)}`;
}

/** Quoted as `set -x` and `set` quote. */
export function quoteForTrace(word: string): string {
  return word === '' ? "''" : /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function trace(machine: Machine, task: Task, text: string): void {
  machine.write(task, task.io.stderr, `${task.scope.variables.get('PS4') ?? '+ '}${text}\n`);
}

export function stepSimple(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'simple' }>): Progress {
  const { assignments, declared, words, redirects } = frame.node;
  const all = [...wordsOf(assignments), ...words, ...redirects.map((redirect) => redirect.target), ...wordsOf(declared)];
  const captured = runCaptures(machine, task, frame, all);
  if (captured !== 'done') return captured;
  task.stack.pop();
  const statusOfSubstitution = frame.captured.length > 0 ? task.status : 0;
  const traces = task.scope.options.has('xtrace');
  try {
    const expander = makeExpander(machine, task, frame.captured, all);
    const argv = expander.fields(words);
    const io = redirects.length === 0 ? task.io : redirect(machine, task, redirects, expander);
    if (io === undefined) return 'ran';
    if (argv.length === 0) {
      for (const assignment of assignments) {
        const shown = assign(task, expander, assignment);
        if (traces) trace(machine, task, shown);
      }
      task.status = statusOfSubstitution;
      return 'ran';
    }
    const values = assignments.map((assignment) => [assignment.name, expander.text(assignment.value)] as const);
    if (traces) {
      for (const [name, value] of values) trace(machine, task, `${name}=${quoteForTrace(value)}`);
      trace(machine, task, argv.map(quoteForTrace).join(' '));
    }
    if (argv[0] === 'exec' && argv.length === 1) {
      task.io = io;
      if (task.scope.interactive) task.scope.io = io;
      return 'ran';
    }
    if (io !== task.io) {
      task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
      task.io = io;
    }
    const environment = values.length === 0 ? task.scope.variables : new Map([...task.scope.variables, ...values]);
    machine.invoke(task, argv, environment, undefined);
    for (const assignment of declared) assign(task, expander, assignment);
  } catch (error) {
    failExpansion(machine, task, error);
  }
  return 'ran';
}
