/** Runs what `trap` has set: EXIT when a shell ends, ERR after a failure, INT after Ctrl-C. */
import type { Task } from '../state.ts';
import { parseScript } from '../syntax/parser.ts';

/** Pushes the trap's commands, if there are any; `$?` is `status` again afterwards. */
export function runTrap(task: Task, name: string, status: number): boolean {
  const text = task.scope.traps.get(name);
  if (text === undefined || text === '') return false;
  const parsed = parseScript(text);
  if (!parsed.ok) return false;
  task.stack.push({ kind: 'status', status, exits: false }, { kind: 'list', list: parsed.script, next: 0 });
  return true;
}

/** The shell of this scope ends: its EXIT trap runs once. True when there is something to run before the end. */
export function runExitTrap(task: Task, status: number, exits: boolean): boolean {
  const text = task.scope.traps.get('EXIT');
  if (text === undefined) return false;
  const parsed = parseScript(text);
  task.scope.traps.delete('EXIT');
  if (!parsed.ok || parsed.script.items.length === 0) return false;
  task.status = status;
  task.stack.push({ kind: 'status', status, exits }, { kind: 'list', list: parsed.script, next: 0 });
  return true;
}
