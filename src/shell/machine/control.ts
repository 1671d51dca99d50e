/** Steps of lists, pipelines, loops and branches: the control flow of the shell on a task's stack. */
import { type Frame, findSession, type Task } from '../state.ts';
import type { Command as CommandNode, Compound, Word } from '../syntax/ast.ts';
import { evaluateConditional, wordsOfTest } from './conditional.ts';
import { matchGlob } from './glob.ts';
import type { Machine } from './machine.ts';
import { failExpansion, makeExpander, quoteForTrace, redirect, runCaptures, trace } from './simple.ts';
import { newPipe } from './streams.ts';
import { copyScope, MAX_TASKS, newTask, type Progress } from './tasks.ts';
import { runTrap } from './traps.ts';
import { setVariable } from './variables.ts';

export function stepList(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'list' }>): Progress {
  if (task.signal !== undefined) {
    const name = task.signal;
    task.signal = undefined;
    if (runTrap(task, name, task.status)) return 'ran';
  }
  const item = frame.list.items[frame.next];
  if (item === undefined) {
    task.stack.pop();
    return 'ran';
  }
  frame.next += 1;
  if (!item.background) {
    task.stack.push({ kind: 'and-or', node: item, next: 0, last: 0 });
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
  child.stack.push({ kind: 'and-or', node: item, next: 0, last: 0 });
  task.scope.variables.set('!', String(child.id));
  const session = findSession(machine.state, task.session);
  const number = Math.max(0, ...(session?.jobs ?? []).map((job) => job.number)) + 1;
  session?.jobs.push({ number, task: child.id, source: item.source, status: undefined });
  if (task.scope.interactive) machine.write(task, { kind: 'terminal', stream: 'stderr' }, `[${number}] ${child.id}\n`);
  task.status = 0;
  return 'ran';
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
      frame.last = frame.next - 1;
      task.stack.push({ kind: 'pipeline', node: part.pipeline, children: [], started: false });
      return 'ran';
    }
  }
  task.stack.pop();
  if (task.status !== 0 && task.unwind === undefined) afterFailure(task, frame);
  return 'ran';
}

/** `set -e` and `trap … ERR`: not for what is a condition, and not for compound commands whose own commands were asked already. */
function afterFailure(task: Task, frame: Extract<Frame, { kind: 'and-or' }>): void {
  const exits = task.scope.options.has('errexit');
  if (!exits && !task.scope.traps.has('ERR')) return;
  const { rest } = frame.node;
  const last = frame.last === 0 ? frame.node.first : rest[frame.last - 1]?.pipeline;
  if (frame.last < rest.length || last === undefined || last.negated || failuresAreTold(task)) return;
  const only = last.commands.length === 1 ? last.commands[0] : undefined;
  if (only !== undefined && only.kind !== 'simple' && only.kind !== 'conditional' && only.kind !== 'arithmetic' && !(only.kind === 'group' && only.subshell))
    return;
  const { status } = task;
  if (exits) task.stack.push({ kind: 'status', status, exits: true });
  runTrap(task, 'ERR', status);
}

/** Somebody looks at the status: a condition, the left side of && or ||, `!`. */
export function failuresAreTold(task: Task): boolean {
  return task.stack.some(
    (frame) =>
      (frame.kind === 'if' && frame.waiting) ||
      (frame.kind === 'while' && frame.phase === 'condition') ||
      (frame.kind === 'and-or' && frame.last < frame.node.rest.length) ||
      (frame.kind === 'pipeline' && frame.node.negated),
  );
}

export function stepPipeline(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'pipeline' }>): Progress {
  const { commands, negated } = frame.node;
  if (!frame.started) {
    frame.started = true;
    if (frame.node.timed) task.stack.splice(-1, 0, { kind: 'after', after: { hook: 'time', data: { startNs: machine.host.nowNs } } });
    const only = commands.length === 1 ? commands[0] : undefined;
    if (only !== undefined) {
      pushCommand(task, only);
      return 'ran';
    }
    let stdin = task.io.stdin;
    const told = failuresAreTold(task);
    let reads: readonly number[] = [];
    for (const [index, node] of commands.entries()) {
      const last = index === commands.length - 1;
      const pipe = last ? -1 : newPipe(machine.state);
      const child = newTask(machine.state, {
        session: task.session,
        place: task.place,
        scope: told ? withoutErrexit(copyScope(task.scope)) : copyScope(task.scope),
        io: { stdin, stdout: last ? task.io.stdout : { kind: 'pipe', pipe }, stderr: task.io.stderr },
        background: task.background,
        writes: last ? [] : [pipe],
        reads,
      });
      child.status = task.status;
      pushCommand(child, node);
      frame.children.push(child.id);
      stdin = { kind: 'pipe', pipe };
      reads = [pipe];
    }
    return 'ran';
  }
  const children = frame.children.flatMap((id) => machine.state.tasks.get(id) ?? []);
  if (children.some((child) => !child.done)) return 'blocked';
  const last = children.at(-1);
  if (last !== undefined) {
    task.status = last.status;
    if (task.scope.options.has('pipefail')) task.status = children.findLast((child) => child.status !== 0)?.status ?? 0;
    if (task.scope.flavour === 'bash')
      task.scope.arrays.set('PIPESTATUS', { associative: false, values: new Map(children.map((child, index) => [String(index), String(child.status)])) });
  } else if (task.scope.arrays.has('PIPESTATUS')) task.scope.arrays.get('PIPESTATUS')?.values.clear();
  if (last === undefined) task.scope.arrays.get('PIPESTATUS')?.values.set('0', String(task.status));
  for (const child of children) {
    machine.state.tasks.delete(child.id);
    for (const pipe of [...child.writes, ...child.reads]) machine.state.pipes.delete(pipe);
  }
  task.stack.pop();
  if (negated) task.status = task.status === 0 ? 1 : 0;
  return 'ran';
}

function withoutErrexit(scope: Task['scope']): Task['scope'] {
  scope.options.delete('errexit');
  return scope;
}

export function pushCommand(task: Task, node: CommandNode): void {
  if (node.kind === 'simple') task.stack.push({ kind: 'simple', node, captured: [], capture: undefined });
  else if (node.redirects.length > 0) task.stack.push({ kind: 'redirected', node, redirects: node.redirects, captured: [], capture: undefined });
  else pushCompound(task, node);
}

function pushCompound(task: Task, node: Compound): void {
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
    case 'case':
    case 'conditional':
      task.stack.push(
        node.kind === 'case' ? { kind: 'case', node, captured: [], capture: undefined } : { kind: 'conditional', node, captured: [], capture: undefined },
      );
      break;
    case 'arithmetic':
      task.stack.push({ kind: 'arithmetic', expression: node.expression, captured: [], capture: undefined });
      break;
    case 'counting-for':
      task.stack.push({ kind: 'counting-for', node, phase: 'first' });
      break;
    case 'function':
      if (node.body.kind !== 'simple') task.scope.functions.set(node.name, node.body);
      task.status = 0;
      break;
    case 'group':
      if (node.subshell) {
        task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: true });
        const told = failuresAreTold(task);
        task.scope = told ? withoutErrexit(copyScope(task.scope)) : copyScope(task.scope);
      }
      task.stack.push({ kind: 'list', list: node.body, next: 0 });
      break;
  }
}

export function stepRedirected(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'redirected' }>): Progress {
  const targets = frame.redirects.map((redirect) => redirect.target);
  const captured = runCaptures(machine, task, frame, targets);
  if (captured !== 'done') return captured;
  task.stack.pop();
  const io = redirectCompound(machine, task, frame, targets);
  if (io === undefined) return 'ran';
  task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
  task.io = io;
  pushCompound(task, frame.node);
  return 'ran';
}

function redirectCompound(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'redirected' }>, targets: readonly Word[]): Task['io'] | undefined {
  try {
    return redirect(machine, task, frame.redirects, makeExpander(machine, task, frame.captured, targets));
  } catch (error) {
    failExpansion(machine, task, error);
    return undefined;
  }
}

export function stepFor(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'for' }>): Progress {
  if (frame.values === undefined) {
    const words = frame.node.words ?? [];
    const captured = runCaptures(machine, task, frame, words);
    if (captured !== 'done') return captured;
    try {
      frame.values = frame.node.words === undefined ? task.scope.positional.slice(1) : makeExpander(machine, task, frame.captured, words).fields(words);
    } catch (error) {
      task.stack.pop();
      failExpansion(machine, task, error);
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
  setVariable(task.scope, frame.node.name, value);
  if (task.scope.options.has('xtrace'))
    trace(machine, task, `for ${frame.node.name} in ${frame.node.words === undefined ? '"$@"' : frame.values.map(quoteForTrace).join(' ')}`);
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

export function stepCase(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'case' }>): Progress {
  const { word, branches } = frame.node;
  const words = [word, ...branches.flatMap((branch) => branch.patterns)];
  const captured = runCaptures(machine, task, frame, words);
  if (captured !== 'done') return captured;
  task.stack.pop();
  try {
    const expander = makeExpander(machine, task, frame.captured, words);
    const value = expander.text(word);
    if (task.scope.options.has('xtrace')) trace(machine, task, `case ${quoteForTrace(value)} in`);
    const bodies = [];
    let falls = false;
    for (const branch of branches) {
      if (!falls && !branch.patterns.some((pattern) => matchGlob(expander.pattern(pattern), value, false))) continue;
      bodies.push(branch.body);
      falls = branch.end === ';&';
      if (branch.end === ';;') break;
    }
    task.status = 0;
    for (const body of bodies.reverse()) task.stack.push({ kind: 'list', list: body, next: 0 });
  } catch (error) {
    failExpansion(machine, task, error);
  }
  return 'ran';
}

export function stepConditional(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'conditional' }>): Progress {
  const words = wordsOfTest(frame.node.test);
  const captured = runCaptures(machine, task, frame, words);
  if (captured !== 'done') return captured;
  task.stack.pop();
  try {
    task.status = evaluateConditional(machine, task, frame.node.test, makeExpander(machine, task, frame.captured, words)) ? 0 : 1;
  } catch (error) {
    failExpansion(machine, task, error);
  }
  return 'ran';
}

export function stepArithmetic(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'arithmetic' }>): Progress {
  const captured = runCaptures(machine, task, frame, [frame.expression]);
  if (captured !== 'done') return captured;
  task.stack.pop();
  try {
    const expander = makeExpander(machine, task, frame.captured, [frame.expression]);
    task.status = expander.arithmetic(frame.expression) === 0n ? 1 : 0;
  } catch (error) {
    failExpansion(machine, task, error);
  }
  return 'ran';
}

/** `for ((…))`: each of the three is an arithmetic command of its own. */
export function stepCountingFor(task: Task, frame: Extract<Frame, { kind: 'counting-for' }>): Progress {
  const push = (expression: Word): number => task.stack.push({ kind: 'arithmetic', expression, captured: [], capture: undefined });
  const { first, condition, step, body } = frame.node;
  switch (frame.phase) {
    case 'first':
      frame.phase = 'step';
      push(first);
      return 'ran';
    case 'step':
      frame.phase = 'condition';
      // An empty condition is true.
      if (condition.parts.every((part) => part.kind === 'text' && part.text.trim() === '')) task.status = 0;
      else push(condition);
      return 'ran';
    case 'condition':
      if (task.status !== 0) {
        task.stack.pop();
        task.status = 0;
        return 'ran';
      }
      frame.phase = 'step';
      push(step);
      task.stack.push({ kind: 'list', list: body, next: 0 });
      return 'ran';
  }
}
