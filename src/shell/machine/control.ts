/** Steps of lists, pipelines, loops and branches: the control flow of the shell on a task's stack. */
import type { Frame, Task } from '../state.ts';
import type { Command as CommandNode, Simple } from '../syntax/ast.ts';
import { ExpansionFailure } from './expand.ts';
import type { Machine } from './machine.ts';
import { makeExpander, redirect, runCaptures } from './simple.ts';
import { newPipe } from './streams.ts';
import { copyScope, MAX_TASKS, newTask, type Progress } from './tasks.ts';

export function stepList(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'list' }>): Progress {
  const item = frame.list.items[frame.next];
  if (item === undefined) {
    task.stack.pop();
    return 'ran';
  }
  frame.next += 1;
  if (!item.background) {
    task.stack.push({ kind: 'and-or', node: item, next: 0 });
    return 'ran';
  }
  if (machine.state.tasks.size >= MAX_TASKS) {
    machine.write(task, task.io.stderr, `${task.scope.flavour === 'bash' ? 'bash' : 'sh'}: fork: Resource temporarily unavailable\n`);
    task.status = 254;
    return 'ran';
  }
  const child = newTask(machine.state, {
    session: task.session,
    place: task.place,
    scope: copyScope(task.scope),
    io: { ...task.io, stdin: { kind: 'null' } },
    background: true,
  });
  child.stack.push({ kind: 'and-or', node: item, next: 0 });
  task.scope.variables.set('!', String(child.id));
  if (task.io.stdout.kind === 'terminal') machine.write(task, { kind: 'terminal', stream: 'stderr' }, `[${jobNumber(machine, task.session)}] ${child.id}\n`);
  task.status = 0;
  return 'ran';
}

function jobNumber(machine: Machine, session: string): number {
  let count = 0;
  for (const task of machine.state.tasks.values()) if (task.session === session && task.background && !task.done) count += 1;
  return count;
}

export function stepAndOr(_machine: Machine, task: Task, frame: Extract<Frame, { kind: 'and-or' }>): Progress {
  if (frame.next === 0) {
    frame.next = 1;
    task.stack.push({ kind: 'pipeline', node: frame.node.first, children: [], started: false });
    return 'ran';
  }
  while (frame.next <= frame.node.rest.length) {
    const part = frame.node.rest[frame.next - 1];
    frame.next += 1;
    if (part !== undefined && (part.operator === '&&') === (task.status === 0)) {
      task.stack.push({ kind: 'pipeline', node: part.pipeline, children: [], started: false });
      return 'ran';
    }
  }
  task.stack.pop();
  return 'ran';
}

export function stepPipeline(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'pipeline' }>): Progress {
  const { commands, negated } = frame.node;
  if (!frame.started) {
    frame.started = true;
    const only = commands.length === 1 ? commands[0] : undefined;
    if (only !== undefined) {
      pushCommand(machine, task, only);
      return 'ran';
    }
    let stdin = task.io.stdin;
    let reads: readonly number[] = [];
    for (const [index, node] of commands.entries()) {
      const last = index === commands.length - 1;
      const pipe = last ? -1 : newPipe(machine.state);
      const child = newTask(machine.state, {
        session: task.session,
        place: task.place,
        scope: copyScope(task.scope),
        io: { stdin, stdout: last ? task.io.stdout : { kind: 'pipe', pipe }, stderr: task.io.stderr },
        background: task.background,
        writes: last ? [] : [pipe],
        reads,
      });
      child.status = task.status;
      pushCommand(machine, child, node);
      frame.children.push(child.id);
      stdin = { kind: 'pipe', pipe };
      reads = [pipe];
    }
    return 'ran';
  }
  const children = frame.children.flatMap((id) => machine.state.tasks.get(id) ?? []);
  if (children.some((child) => !child.done)) return 'blocked';
  const last = children.at(-1);
  if (last !== undefined) task.status = last.status;
  for (const child of children) {
    machine.state.tasks.delete(child.id);
    for (const pipe of [...child.writes, ...child.reads]) machine.state.pipes.delete(pipe);
  }
  task.stack.pop();
  if (negated) task.status = task.status === 0 ? 1 : 0;
  return 'ran';
}

function pushCommand(machine: Machine, task: Task, node: CommandNode): void {
  if (node.kind === 'simple') task.stack.push({ kind: 'simple', node, captured: [], capture: undefined });
  else if (node.redirects.length > 0) task.stack.push({ kind: 'redirected', node, redirects: node.redirects, captured: [], capture: undefined });
  else pushCompound(machine, task, node);
}

function pushCompound(_machine: Machine, task: Task, node: Exclude<CommandNode, Simple>): void {
  switch (node.kind) {
    case 'for':
      task.stack.push({ kind: 'for', node, captured: [], capture: undefined, values: undefined, next: 0 });
      break;
    case 'while':
      task.stack.push({ kind: 'while', node, phase: 'start', status: 0 });
      break;
    case 'if':
      task.stack.push({ kind: 'if', node, next: 0, waiting: false });
      break;
    case 'group':
      if (node.subshell) {
        task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: true });
        task.scope = copyScope(task.scope);
      }
      task.stack.push({ kind: 'list', list: node.body, next: 0 });
      break;
  }
}

export function stepRedirected(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'redirected' }>): Progress {
  const captured = runCaptures(
    machine,
    task,
    frame,
    frame.redirects.map((redirect) => redirect.target),
  );
  if (captured !== 'done') return captured;
  task.stack.pop();
  const io = redirect(machine, task, frame.redirects, makeExpander(machine, task, frame.captured));
  if (io === undefined) return 'ran';
  task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
  task.io = io;
  pushCompound(machine, task, frame.node);
  return 'ran';
}

export function stepFor(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'for' }>): Progress {
  if (frame.values === undefined) {
    const captured = runCaptures(machine, task, frame, frame.node.words);
    if (captured !== 'done') return captured;
    try {
      frame.values = makeExpander(machine, task, frame.captured).fields(frame.node.words);
    } catch (error) {
      if (!(error instanceof ExpansionFailure)) throw error;
      machine.complain(task, error.message);
      task.status = 1;
      task.stack.pop();
      return 'ran';
    }
    task.status = 0;
  }
  const value = frame.values[frame.next];
  if (value === undefined) {
    task.stack.pop();
    return 'ran';
  }
  frame.next += 1;
  task.scope.variables.set(frame.node.name, value);
  task.stack.push({ kind: 'list', list: frame.node.body, next: 0 });
  return 'ran';
}

export function stepWhile(_machine: Machine, task: Task, frame: Extract<Frame, { kind: 'while' }>): Progress {
  switch (frame.phase) {
    case 'start':
      frame.phase = 'condition';
      task.stack.push({ kind: 'list', list: frame.node.condition, next: 0 });
      return 'ran';
    case 'condition':
      if ((task.status === 0) === frame.node.until) {
        task.stack.pop();
        task.status = frame.status;
        return 'ran';
      }
      frame.phase = 'body';
      task.stack.push({ kind: 'list', list: frame.node.body, next: 0 });
      return 'ran';
    case 'body':
      frame.status = task.status;
      frame.phase = 'start';
      return 'ran';
  }
}

export function stepIf(_machine: Machine, task: Task, frame: Extract<Frame, { kind: 'if' }>): Progress {
  if (frame.waiting && task.status === 0) {
    const branch = frame.node.branches[frame.next - 1];
    task.stack.pop();
    if (branch !== undefined) task.stack.push({ kind: 'list', list: branch.body, next: 0 });
    return 'ran';
  }
  const branch = frame.node.branches[frame.next];
  if (branch !== undefined) {
    frame.next += 1;
    frame.waiting = true;
    task.stack.push({ kind: 'list', list: branch.condition, next: 0 });
    return 'ran';
  }
  task.stack.pop();
  task.status = 0;
  if (frame.node.otherwise !== undefined) task.stack.push({ kind: 'list', list: frame.node.otherwise, next: 0 });
  return 'ran';
}
