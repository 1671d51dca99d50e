/** Steps of what waits: engine programs, filters on their input, watches, time limits. */
import type { Frame, Task } from '../state.ts';
import type { Machine } from './machine.ts';
import { readSource } from './streams.ts';
import type { Progress } from './tasks.ts';

export function stepProgram(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'program' }>): Progress {
  if (frame.exitCode !== undefined) {
    task.stack.pop();
    task.status = frame.exitCode;
    return 'ran';
  }
  if (!frame.feeding) return 'blocked';
  const input = readSource(machine.state, task, task.io.stdin);
  if (input === undefined) return 'blocked';
  if (input.end) frame.feeding = false;
  // Programs that talk hear of the end as of a terminal's Ctrl-D.
  const text = input.end && frame.hearsEnd ? `${input.text}\u0004` : input.text;
  if (text !== '') machine.host.engine.writeStdin(frame.processId, text);
  return 'ran';
}

export function stepFilter(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'filter' }>): Progress {
  const filter = machine.services.filters.get(frame.filter);
  const input = readSource(machine.state, task, task.io.stdin);
  if (input === undefined) return 'blocked';
  const io = machine.filterIo(task);
  if (filter === undefined) {
    task.stack.pop();
    return 'ran';
  }
  const stop = input.text === '' ? undefined : filter.data(frame.state as never, input.text, io);
  if (stop !== undefined) {
    task.stack.pop();
    task.status = stop;
  } else if (input.end) {
    task.stack.pop();
    machine.outcome(task, filter.end(frame.state as never, io), task.scope.variables);
  }
  return 'ran';
}

export function stepWatch(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'watch' }>): Progress {
  const status =
    machine.services.watches.get(frame.watch)?.look(frame.state as never, machine.filterIo(task), frame.expired) ?? (frame.expired ? 1 : undefined);
  if (status === undefined) return 'blocked';
  if (frame.timer !== undefined && !frame.expired) machine.endProcess(frame.timer);
  task.stack.pop();
  task.status = status;
  return 'ran';
}

export function stepTimeout(machine: Machine, task: Task, frame: Extract<Frame, { kind: 'timeout' }>): Progress {
  const child = machine.state.tasks.get(frame.task);
  if (child !== undefined && !child.done) {
    if (!frame.expired || child.unwind !== undefined) return 'blocked';
    machine.interrupt(child);
    return 'ran';
  }
  task.stack.pop();
  if (!frame.expired) machine.endProcess(frame.timer);
  task.status = frame.expired && !frame.preserveStatus ? 124 : (child?.status ?? 0);
  machine.state.tasks.delete(frame.task);
  return 'ran';
}
