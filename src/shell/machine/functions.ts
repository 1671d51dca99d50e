/** Calls and leaves functions, with what `local` has put aside. */
import type { Frame, Task } from '../state.ts';
import type { Compound } from '../syntax/ast.ts';
import { pushCommand } from './control.ts';
import type { Machine } from './machine.ts';
import { putBackVariable, saveVariable, setVariable } from './variables.ts';

/** Functions may call each other so deep. */
const MAX_CALLS = 500;

export function callFunction(machine: Machine, task: Task, argv: readonly string[], body: Compound, environment: ReadonlyMap<string, string>): void {
  if (task.stack.filter((frame) => frame.kind === 'function').length >= MAX_CALLS) {
    machine.complain(task, `${argv[0]}: maximum function nesting level exceeded (${MAX_CALLS})`);
    task.unwind = { kind: 'exit', status: 1, abort: true };
    return;
  }
  const frame: Extract<Frame, { kind: 'function' }> = { kind: 'function', positional: task.scope.positional, locals: new Map() };
  // Assignments before the name last as long as the call.
  if (environment !== task.scope.variables)
    for (const [name, value] of environment) {
      if (task.scope.variables.get(name) === value) continue;
      frame.locals.set(name, saveVariable(task.scope, name));
      setVariable(task.scope, name, value);
      task.scope.exported.set(name, true);
    }
  task.scope.positional = [task.scope.positional[0] ?? '', ...argv.slice(1)];
  task.stack.push(frame);
  pushCommand(task, body);
}

/** The frame has left the stack: what was local is gone. */
export function leaveFunction(task: Task, frame: Extract<Frame, { kind: 'function' }>): void {
  for (const [name, saved] of frame.locals) putBackVariable(task.scope, name, saved);
  if (frame.positional !== undefined) task.scope.positional = frame.positional;
}

/** The call that a `local` belongs to; undefined outside of functions. */
export function callOf(task: Task): Extract<Frame, { kind: 'function' }> | undefined {
  return task.stack.findLast((frame): frame is Extract<Frame, { kind: 'function' }> => frame.kind === 'function');
}
