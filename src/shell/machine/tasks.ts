/** Makes, finds and ends tasks in the shell's state. */
import { findSession, type Io, type Place, type Scope, type Session, type ShellState, type Task } from '../state.ts';
import type { List } from '../syntax/ast.ts';
import { closePipes } from './streams.ts';

/** A frame's step: `ran` when something changed, `blocked` when it waits. */
export type Progress = 'ran' | 'blocked';

/** So many tasks may exist at once, over all sessions; `&` in a loop is refused beyond. */
export const MAX_TASKS = 500;

export function newTask(
  state: ShellState,
  of: {
    readonly session: string;
    readonly place: Place;
    readonly scope: Scope;
    readonly io: Io;
    readonly background?: boolean;
    readonly writes?: readonly number[];
    readonly reads?: readonly number[];
  },
): Task {
  const id = state.nextId;
  state.nextId += 1;
  const task: Task = {
    id,
    session: of.session,
    stack: [],
    place: of.place,
    scope: of.scope,
    io: of.io,
    status: 0,
    done: false,
    unwind: undefined,
    background: of.background ?? false,
    exited: false,
    signal: undefined,
    writes: of.writes ?? [],
    reads: of.reads ?? [],
  };
  state.tasks.set(id, task);
  return task;
}

export function copyScope(scope: Scope): Scope {
  return {
    ...scope,
    variables: new Map(scope.variables),
    exported: new Map(scope.exported),
    constants: new Map(scope.constants),
    arrays: new Map([...scope.arrays].map(([name, array]) => [name, { ...array, values: new Map(array.values) }])),
    functions: new Map(scope.functions),
    aliases: new Map(scope.aliases),
    options: new Map(scope.options),
    traps: new Map(),
    interactive: false,
    io: undefined,
  };
}

/** Tasks that this task waits for, directly. */
export function childrenOf(state: ShellState, task: Task): Task[] {
  const ids: number[] = [];
  for (const frame of task.stack) {
    if (frame.kind === 'pipeline') ids.push(...frame.children);
    else if (frame.kind === 'timeout') ids.push(frame.task);
    else if ('capture' in frame && frame.capture !== undefined) ids.push(frame.capture.task);
  }
  return ids.flatMap((id) => state.tasks.get(id) ?? []);
}

/** The task and all that it waits for. */
export function treeOf(state: ShellState, root: Task): Task[] {
  const tree = [root];
  for (let i = 0; i < tree.length && i < MAX_TASKS; i += 1) {
    const task = tree[i];
    if (task !== undefined) tree.push(...childrenOf(state, task));
  }
  return tree;
}

export function finishTask(state: ShellState, task: Task): void {
  task.done = true;
  state.ended = true;
  const job = findSession(state, task.session)?.jobs.find((candidate) => candidate.task === task.id);
  if (job !== undefined) job.status = task.status;
  closePipes(state, task);
}

/** What the loop is waiting for can only end by Ctrl-C. */
export function isEndless(state: ShellState, root: Task): boolean {
  return treeOf(state, root).some((task) =>
    task.stack.some((frame) => {
      if (frame.kind === 'program' || frame.kind === 'watch') return frame.endless;
      if (frame.kind !== 'while' || frame.node.until) return false;
      const item = frame.node.condition.items.length === 1 ? frame.node.condition.items[0] : undefined;
      const command = item?.rest.length === 0 && item.first.commands.length === 1 ? item.first.commands[0] : undefined;
      const part = command?.kind === 'simple' && command.words.length === 1 ? command.words[0]?.parts[0] : undefined;
      return part?.kind === 'text' && (part.text === 'true' || part.text === ':');
    }),
  );
}

/** Starts a script on a fresh task. */
export function startScript(state: ShellState, session: Session, script: List, place: Place, scope: Scope, io: Io, status: number): Task {
  const task = newTask(state, { session: session.id, place, scope, io });
  task.status = status;
  task.stack.push({ kind: 'list', list: script, next: 0 });
  return task;
}
