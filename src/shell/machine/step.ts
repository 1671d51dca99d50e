/** One step of a task: what stands on top of its stack decides. */
import { findSession, type Task } from '../state.ts';
import {
  stepAndOr,
  stepArithmetic,
  stepCase,
  stepConditional,
  stepCountingFor,
  stepFor,
  stepIf,
  stepList,
  stepPipeline,
  stepRedirected,
  stepWhile,
} from './control.ts';
import { leaveFunction } from './functions.ts';
import type { Machine } from './machine.ts';
import { stepRead } from './read.ts';
import { stepSimple } from './simple.ts';
import { finishTask, type Progress } from './tasks.ts';
import { runExitTrap } from './traps.ts';
import { unwindTask } from './unwind.ts';
import { stepFilter, stepProgram, stepTimeout, stepWatch } from './waits.ts';

export function stepTask(machine: Machine, task: Task): Progress {
  if (task.unwind !== undefined) return unwindTask(machine, task);
  const frame = task.stack.at(-1);
  if (frame === undefined) {
    if (!task.scope.interactive && runExitTrap(task, task.status, false)) return 'ran';
    finishTask(machine.state, task);
    return 'ran';
  }
  switch (frame.kind) {
    case 'list':
      return stepList(machine, task, frame);
    case 'and-or':
      return stepAndOr(machine, task, frame);
    case 'pipeline':
      return stepPipeline(machine, task, frame);
    case 'simple':
      return stepSimple(machine, task, frame);
    case 'for':
      return stepFor(machine, task, frame);
    case 'while':
      return stepWhile(machine, task, frame);
    case 'if':
      return stepIf(machine, task, frame);
    case 'redirected':
      return stepRedirected(machine, task, frame);
    case 'restore':
      if (frame.boundary && frame.scope !== task.scope && runExitTrap(task, task.status, false)) return 'ran';
      task.stack.pop();
      task.io = frame.io;
      task.place = frame.place;
      task.scope = frame.scope;
      return 'ran';
    case 'program':
      return stepProgram(machine, task, frame);
    case 'later':
      task.stack.pop();
      machine.outcome(task, frame.outcome, task.scope.variables);
      return 'ran';
    case 'filter':
      return stepFilter(machine, task, frame);
    case 'watch':
      return stepWatch(machine, task, frame);
    case 'read':
      return stepRead(machine, task, frame);
    case 'after':
      task.stack.pop();
      machine.outcome(
        task,
        machine.services.hooks.get(frame.after.hook)?.(frame.after.data as never, task.status, machine.filterIo(task)) ?? task.status,
        task.scope.variables,
      );
      return 'ran';
    case 'case':
      return stepCase(machine, task, frame);
    case 'conditional':
      return stepConditional(machine, task, frame);
    case 'arithmetic':
      return stepArithmetic(machine, task, frame);
    case 'counting-for':
      return stepCountingFor(task, frame);
    case 'function':
      task.stack.pop();
      leaveFunction(task, frame);
      return 'ran';
    case 'status':
      task.stack.pop();
      task.status = frame.status ?? task.status;
      if (frame.exits) task.unwind = { kind: 'exit', status: task.status };
      return 'ran';
    case 'level':
      if (frame.ended === undefined) return 'blocked';
      task.stack.pop();
      task.status = frame.ended;
      return 'ran';
    case 'wait-tasks': {
      if (task.signal !== undefined) {
        // A signal with a trap ends the builtin at once; the trap runs behind it.
        task.stack.pop();
        task.status = 143;
        return 'ran';
      }
      if (frame.tasks.some((id) => machine.state.tasks.get(id)?.done === false)) return 'blocked';
      task.stack.pop();
      const session = findSession(machine.state, task.session);
      const last = frame.tasks.at(-1) ?? -1;
      if (!frame.all) task.status = session?.jobs.find((job) => job.task === last)?.status ?? machine.state.tasks.get(last)?.status ?? 0;
      else task.status = 0;
      if (session !== undefined && !task.scope.interactive) session.jobs = session.jobs.filter((job) => !frame.tasks.includes(job.task));
      for (const id of frame.tasks) machine.state.tasks.delete(id);
      return 'ran';
    }
    case 'timeout':
      return stepTimeout(machine, task, frame);
  }
}
