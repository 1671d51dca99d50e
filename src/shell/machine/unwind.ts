/** Leaves frames early: `exit`, `break`, `continue`, Ctrl-C and SIGPIPE. */
import type { Frame, Task } from '../state.ts';
import { leaveFunction } from './functions.ts';
import type { Machine } from './machine.ts';
import { finishTask, type Progress, treeOf } from './tasks.ts';
import { runExitTrap, runTrap } from './traps.ts';

export function unwindTask(machine: Machine, task: Task): Progress {
  const { unwind } = task;
  if (unwind === undefined) return 'blocked';
  if (unwind.kind === 'kill') {
    machine.kill(task, unwind.status);
    return 'ran';
  }
  const frame = task.stack.at(-1);
  if (frame === undefined) {
    task.status = unwind.kind === 'exit' || unwind.kind === 'interrupt' ? unwind.status : task.status;
    if (unwind.kind === 'exit' && (unwind.abort !== true || !task.scope.interactive) && task.scope.traps.has('EXIT')) {
      task.unwind = undefined;
      if (runExitTrap(task, unwind.status, true)) return 'ran';
    }
    task.exited = unwind.kind === 'exit' && unwind.abort !== true;
    task.unwind = undefined;
    finishTask(machine.state, task);
    return 'ran';
  }
  if (unwind.kind === 'interrupt') {
    if (frame.kind === 'program') {
      if (frame.exitCode === undefined) return 'blocked';
      unwind.status = frame.exitCode;
    } else if (treeOf(machine.state, task).some((child) => child !== task && !child.done)) {
      return 'blocked';
    } else if (frame.kind === 'after') {
      task.status = unwind.status;
      const next = machine.services.hooks.get(frame.after.hook)?.(frame.after.data as never, task.status, machine.filterIo(task));
      // What would come next does not: the command is interrupted.
      if (typeof next === 'number') task.status = next;
      unwind.status = task.status;
    } else if (frame.kind === 'list' && task.scope.traps.has('INT')) {
      // The trap takes the place of the end.
      task.unwind = undefined;
      task.status = 130;
      runTrap(task, 'INT', 130);
      return 'ran';
    } else if (frame.kind === 'list' || frame.kind === 'for' || frame.kind === 'while' || frame.kind === 'counting-for') {
      if (frame.kind !== 'list' || frame.next < frame.list.items.length) unwind.status = 130;
    }
  } else if ((frame.kind === 'for' || frame.kind === 'while' || frame.kind === 'counting-for') && (unwind.kind === 'break' || unwind.kind === 'continue')) {
    unwind.levels -= 1;
    if (unwind.levels === 0) {
      task.unwind = undefined;
      if (unwind.kind === 'break') task.stack.pop();
      else if (frame.kind === 'while') frame.phase = 'start';
      else if (frame.kind === 'counting-for') task.stack.push({ kind: 'arithmetic', expression: frame.node.step, captured: [], capture: undefined });
      return 'ran';
    }
  }
  if (frame.kind === 'restore' && frame.boundary && unwind.kind === 'exit' && frame.scope !== task.scope && task.scope.traps.has('EXIT')) {
    task.unwind = undefined;
    if (runExitTrap(task, unwind.status, false)) return 'ran';
    task.unwind = unwind;
  }
  task.stack.pop();
  forgetChildren(machine, frame);
  if (frame.kind === 'function') {
    leaveFunction(task, frame);
    if (unwind.kind === 'return') {
      task.status = unwind.status;
      task.unwind = undefined;
    }
  }
  if (frame.kind === 'restore') {
    task.io = frame.io;
    task.place = frame.place;
    task.scope = frame.scope;
    if (frame.boundary && unwind.kind !== 'interrupt') {
      if (unwind.kind === 'exit') task.status = unwind.status;
      task.unwind = undefined;
    }
  }
  if ((frame.kind === 'watch' || frame.kind === 'read') && frame.timer !== undefined && !frame.expired) machine.endProcess(frame.timer);
  return 'ran';
}

function forgetChildren(machine: Machine, frame: Frame): void {
  const ids =
    frame.kind === 'pipeline'
      ? frame.children
      : frame.kind === 'timeout'
        ? [frame.task]
        : 'capture' in frame && frame.capture !== undefined
          ? [frame.capture.task]
          : [];
  for (const id of ids) {
    const child = machine.state.tasks.get(id);
    if (child !== undefined && !child.done) machine.kill(child, 130);
    for (const pipe of [...(child?.writes ?? []), ...(child?.reads ?? [])]) machine.state.pipes.delete(pipe);
    machine.state.tasks.delete(id);
  }
  if ('capture' in frame && frame.capture !== undefined) machine.state.pipes.delete(frame.capture.pipe);
}
