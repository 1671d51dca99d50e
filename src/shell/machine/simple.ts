/** Simple commands: substitutions, expansion, redirections, then the command itself (POSIX XCU section 2.9.1). */
import { resolvePath } from '../paths.ts';
import type { Capture, Frame, Io, Task } from '../state.ts';
import type { Redirect, Word } from '../syntax/ast.ts';
import { Expander, ExpansionFailure, substitutionsOf } from './expand.ts';
import type { Machine } from './machine.ts';
import { fileKey } from './places.ts';
import { applyRedirects, type RedirectFiles } from './redirect.ts';
import { newPipe } from './streams.ts';
import { copyScope, newTask, type Progress } from './tasks.ts';

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
  const script = scripts[frame.captured.length];
  if (script === undefined) return 'done';
  const pipe = newPipe(machine.state);
  const child = newTask(machine.state, {
    session: task.session,
    place: task.place,
    scope: copyScope(task.scope),
    io: { ...task.io, stdout: { kind: 'pipe', pipe } },
    background: task.background,
  });
  child.status = task.status;
  child.stack.push({ kind: 'list', list: script, next: 0 });
  frame.capture = { task: child.id, pipe };
  return 'ran';
}

export function makeExpander(machine: Machine, task: Task, captured: readonly string[]): Expander {
  return new Expander({ scope: task.scope, status: task.status, captured, paths: () => machine.services.filePaths(task.place) });
}

function redirectFiles(machine: Machine, task: Task): RedirectFiles {
  return {
    resolve: (path) => resolvePath(task.scope.cwd, path),
    read: (place, path) => machine.services.readFile(place, path),
    open: (place, path, append) => {
      const before = append ? (machine.services.readFile(place, path) ?? '') : '';
      const error = machine.services.writeFile(place, path, before);
      return error === undefined ? { key: fileKey(place) } : { error };
    },
  };
}

export function redirect(machine: Machine, task: Task, redirects: readonly Redirect[], expander: Expander): Io | undefined {
  const applied = applyRedirects(task.io, redirects, expander, task.place, redirectFiles(machine, task));
  if ('io' in applied) return applied.io;
  const { flavour } = task.scope;
  const missing = /^(.*): No such file or directory$/.exec(applied.error);
  machine.complain(
    task,
    flavour !== 'bash' && missing !== null
      ? `${flavour === 'dash' ? 'cannot open' : "can't open"} ${missing[1]}: ${flavour === 'dash' ? 'No such file' : 'no such file'}`
      : applied.error,
  );
  task.status = flavour === 'bash' ? 1 : 2;
  return undefined;
}

export function stepSimple(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'simple' }>): Progress {
  const { assignments, words, redirects } = frame.node;
  const all = [...assignments.map((assignment) => assignment.value), ...words, ...redirects.map((redirect) => redirect.target)];
  const captured = runCaptures(machine, task, frame, all);
  if (captured !== 'done') return captured;
  task.stack.pop();
  const statusOfSubstitution = frame.captured.length > 0 ? task.status : 0;
  try {
    const expander = makeExpander(machine, task, frame.captured);
    const values = assignments.map((assignment) => [assignment.name, expander.text(assignment.value)] as const);
    const argv = expander.fields(words);
    const io = redirects.length === 0 ? task.io : redirect(machine, task, redirects, expander);
    if (io === undefined) return 'ran';
    if (argv.length === 0) {
      for (const [name, value] of values) task.scope.variables.set(name, value);
      task.status = statusOfSubstitution;
      return 'ran';
    }
    if (io !== task.io) {
      task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
      task.io = io;
    }
    const environment = values.length === 0 ? task.scope.variables : new Map([...task.scope.variables, ...values]);
    machine.invoke(task, argv, environment, undefined);
  } catch (error) {
    if (!(error instanceof ExpansionFailure)) throw error;
    machine.complain(task, error.message);
    task.status = 1;
  }
  return 'ran';
}
