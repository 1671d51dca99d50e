/** Runs shell scripts step by step on explicit stacks, so that a session in the middle of a loop is still plain data. */
import type { ShellHost } from '../../world/shell-host.ts';
import type { Command, FilterIo, Invocation, Outcome, ShellServices } from '../command.ts';
import { filters, hooks, watches } from '../hooks.ts';
import { getProfile } from '../images.ts';
import { resolvePath } from '../paths.ts';
import type { Capture, Frame, Io, Place, Scope, Session, ShellState, Sink, Task } from '../state.ts';
import type { Command as CommandNode, List, Redirect, Simple, Word } from '../syntax/ast.ts';
import { runBuiltin, specialBuiltins, stepRead } from './builtins.ts';
import { Expander, ExpansionFailure, substitutionsOf } from './expand.ts';
import { scopeFor, shellFlavour } from './places.ts';
import { applyRedirects, type RedirectFiles } from './redirect.ts';
import { newPipe, readSource, writeSink } from './streams.ts';
import { copyScope, finishTask, MAX_TASKS, newTask, treeOf } from './tasks.ts';

/** Steps at one instant of virtual time; an endless loop without a pause is stopped there. */
const MAX_STEPS = 200_000;

/** A frame's step: `ran` when something changed, `blocked` when it waits. */
type Progress = 'ran' | 'blocked';

export interface MachineFiles extends RedirectFiles {
  resolve(path: string): string;
}

export class Machine {
  readonly state: ShellState;
  readonly host: ShellHost;
  readonly services: ShellServices;
  #driving = false;
  #again = false;
  /** Output of a program that wrote before `spawn` returned its id. */
  #early: { id: string; stream: 'stdout' | 'stderr' | 'exit'; text: string; exitCode: number }[] | undefined;

  constructor(state: ShellState, host: ShellHost, services: ShellServices) {
    this.state = state;
    this.host = host;
    this.services = services;
  }

  /** Steps every task until all wait. */
  drive(): void {
    if (this.#driving) {
      this.#again = true;
      return;
    }
    this.#driving = true;
    let steps = 0;
    let progress = true;
    while (progress || this.#again) {
      progress = false;
      this.#again = false;
      for (const task of [...this.state.tasks.values()]) {
        while (!task.done && steps < MAX_STEPS && this.#step(task) === 'ran') {
          progress = true;
          steps += 1;
        }
      }
      if (steps >= MAX_STEPS) {
        this.#stopRunaways();
        break;
      }
    }
    this.#driving = false;
  }

  #stopRunaways(): void {
    for (const task of [...this.state.tasks.values()]) {
      if (task.done || task.stack.some((frame) => frame.kind === 'program' || frame.kind === 'level' || frame.kind === 'watch')) continue;
      this.write(task, task.io.stderr, `kubehop: stopped after ${MAX_STEPS} steps in which no time passed (add a \`sleep\` to the loop)\n`);
      this.kill(task, 130);
    }
  }

  /** Ends a task and everything under it at once. */
  kill(root: Task, status: number): void {
    for (const task of treeOf(this.state, root).reverse()) {
      for (const frame of task.stack) {
        if (frame.kind === 'program') this.#endProcess(frame.processId);
        else if (frame.kind === 'watch' && frame.timer !== undefined) this.#endProcess(frame.timer);
        else if (frame.kind === 'timeout') this.#endProcess(frame.timer);
      }
      task.stack.length = 0;
      task.unwind = undefined;
      task.status = status;
      finishTask(this.state, task);
      if (task !== root) this.state.tasks.delete(task.id);
    }
  }

  #endProcess(id: string): void {
    this.state.processes.delete(id);
    if (this.host.engine.findProcess(id)?.running === true) this.host.engine.signal(id, 'SIGKILL');
  }

  /** Ctrl-C for a task and everything under it; a second one is not patient. */
  interrupt(root: Task): void {
    if (root.unwind?.kind === 'interrupt') {
      this.kill(root, 130);
      return;
    }
    const tree = treeOf(this.state, root);
    for (const task of tree) task.unwind = { kind: 'interrupt', status: 130 };
    for (const task of tree) {
      const top = task.stack.at(-1);
      if (top?.kind === 'program' && top.exitCode === undefined) this.host.engine.signal(top.processId, 'SIGINT');
    }
  }

  write(task: Task, sink: Sink, text: string): void {
    if (writeSink(this.state, this.host, task.session, sink, text)) return;
    if (task.unwind === undefined) task.unwind = { kind: 'kill', status: 141 };
  }

  /** From the engine. */
  output(processId: string, stream: 'stdout' | 'stderr' | 'exit', text: string, exitCode: number): void {
    const taskId = this.state.processes.get(processId);
    const task = taskId === undefined ? undefined : this.state.tasks.get(taskId);
    if (task === undefined) {
      this.#early?.push({ id: processId, stream, text, exitCode });
      return;
    }
    const frame = task.stack.at(-1);
    if (stream === 'exit') {
      this.state.processes.delete(processId);
      for (const waiting of task.stack) {
        if (waiting.kind === 'program' && waiting.processId === processId) waiting.exitCode = exitCode;
        else if ((waiting.kind === 'watch' || waiting.kind === 'timeout') && waiting.timer === processId) waiting.expired = true;
      }
    } else if (frame?.kind === 'program') {
      this.write(task, stream === 'stdout' ? task.io.stdout : task.io.stderr, text);
      if (task.unwind?.kind === 'kill') this.#endProcess(processId);
    }
    if (this.#early === undefined) this.drive();
  }

  #step(task: Task): Progress {
    if (task.unwind !== undefined) return this.#unwind(task);
    const frame = task.stack.at(-1);
    if (frame === undefined) {
      finishTask(this.state, task);
      return 'ran';
    }
    switch (frame.kind) {
      case 'list':
        return this.#stepList(task, frame);
      case 'and-or':
        return this.#stepAndOr(task, frame);
      case 'pipeline':
        return this.#stepPipeline(task, frame);
      case 'simple':
        return this.#stepSimple(task, frame);
      case 'for':
        return this.#stepFor(task, frame);
      case 'while':
        return this.#stepWhile(task, frame);
      case 'if':
        return this.#stepIf(task, frame);
      case 'redirected':
        return this.#stepRedirected(task, frame);
      case 'restore':
        task.stack.pop();
        task.io = frame.io;
        task.place = frame.place;
        task.scope = frame.scope;
        return 'ran';
      case 'program':
        return this.#stepProgram(task, frame);
      case 'filter':
        return this.#stepFilter(task, frame);
      case 'watch':
        return this.#stepWatch(task, frame);
      case 'read':
        return stepRead(this, task, frame.names);
      case 'after':
        task.stack.pop();
        task.status = hooks[frame.after.hook]?.(frame.after.data as never, task.status, this.#filterIo(task)) ?? task.status;
        return 'ran';
      case 'level':
        if (frame.ended === undefined) return 'blocked';
        task.stack.pop();
        task.status = frame.ended;
        return 'ran';
      case 'wait-tasks': {
        if (frame.tasks.some((id) => this.state.tasks.get(id)?.done === false)) return 'blocked';
        task.stack.pop();
        const last = this.state.tasks.get(frame.tasks.at(-1) ?? -1);
        task.status = last?.status ?? 0;
        for (const id of frame.tasks) this.state.tasks.delete(id);
        return 'ran';
      }
      case 'timeout':
        return this.#stepTimeout(task, frame);
    }
  }

  #stepList(task: Task, frame: Extract<Frame, { kind: 'list' }>): Progress {
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
    if (this.state.tasks.size >= MAX_TASKS) {
      this.write(task, task.io.stderr, `${task.scope.flavour === 'bash' ? 'bash' : 'sh'}: fork: Resource temporarily unavailable\n`);
      task.status = 254;
      return 'ran';
    }
    const child = newTask(this.state, { session: task.session, place: task.place, scope: copyScope(task.scope), io: { ...task.io, stdin: { kind: 'null' } }, background: true });
    child.stack.push({ kind: 'and-or', node: item, next: 0 });
    task.scope.variables.set('!', String(child.id));
    if (task.io.stdout.kind === 'terminal') this.write(task, { kind: 'terminal', stream: 'stderr' }, `[${this.#jobNumber(task.session)}] ${child.id}\n`);
    task.status = 0;
    return 'ran';
  }

  #jobNumber(session: string): number {
    let count = 0;
    for (const task of this.state.tasks.values()) if (task.session === session && task.background && !task.done) count += 1;
    return count;
  }

  #stepAndOr(task: Task, frame: Extract<Frame, { kind: 'and-or' }>): Progress {
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

  #stepPipeline(task: Task, frame: Extract<Frame, { kind: 'pipeline' }>): Progress {
    const { commands, negated } = frame.node;
    if (!frame.started) {
      frame.started = true;
      const only = commands.length === 1 ? commands[0] : undefined;
      if (only !== undefined) {
        this.#pushCommand(task, only);
        return 'ran';
      }
      let stdin = task.io.stdin;
      let reads: readonly number[] = [];
      for (const [index, node] of commands.entries()) {
        const last = index === commands.length - 1;
        const pipe = last ? -1 : newPipe(this.state);
        const child = newTask(this.state, {
          session: task.session,
          place: task.place,
          scope: copyScope(task.scope),
          io: { stdin, stdout: last ? task.io.stdout : { kind: 'pipe', pipe }, stderr: task.io.stderr },
          background: task.background,
          writes: last ? [] : [pipe],
          reads,
        });
        child.status = task.status;
        this.#pushCommand(child, node);
        frame.children.push(child.id);
        stdin = { kind: 'pipe', pipe };
        reads = [pipe];
      }
      return 'ran';
    }
    const children = frame.children.flatMap((id) => this.state.tasks.get(id) ?? []);
    if (children.some((child) => !child.done)) return 'blocked';
    const last = children.at(-1);
    if (last !== undefined) task.status = last.status;
    for (const child of children) {
      this.state.tasks.delete(child.id);
      for (const pipe of [...child.writes, ...child.reads]) this.state.pipes.delete(pipe);
    }
    task.stack.pop();
    if (negated) task.status = task.status === 0 ? 1 : 0;
    return 'ran';
  }

  #pushCommand(task: Task, node: CommandNode): void {
    if (node.kind === 'simple') task.stack.push({ kind: 'simple', node, captured: [], capture: undefined });
    else if (node.redirects.length > 0) task.stack.push({ kind: 'redirected', node, redirects: node.redirects, captured: [], capture: undefined });
    else this.#pushCompound(task, node);
  }

  #pushCompound(task: Task, node: Exclude<CommandNode, Simple>): void {
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

  /** Runs the substitutions of some words one after the other; `done` when all outputs are in `captured`. */
  #capture(task: Task, frame: { captured: string[]; capture: Capture | undefined }, words: readonly Word[]): 'done' | Progress {
    const scripts = substitutionsOf(words);
    if (frame.capture !== undefined) {
      const child = this.state.tasks.get(frame.capture.task);
      if (child !== undefined && !child.done) return 'blocked';
      frame.captured.push(this.state.pipes.get(frame.capture.pipe)?.text ?? '');
      task.status = child?.status ?? 0;
      this.state.tasks.delete(frame.capture.task);
      this.state.pipes.delete(frame.capture.pipe);
      frame.capture = undefined;
    }
    const script = scripts[frame.captured.length];
    if (script === undefined) return 'done';
    const pipe = newPipe(this.state);
    const child = newTask(this.state, {
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

  #expander(task: Task, captured: readonly string[]): Expander {
    return new Expander({ scope: task.scope, status: task.status, captured, paths: () => this.services.filePaths(task.place) });
  }

  /** Says what is wrong as the task's shell would. */
  complain(task: Task, text: string): void {
    const prefix = task.scope.flavour === 'bash' ? 'bash: ' : task.scope.flavour === 'dash' ? 'sh: 1: ' : 'sh: ';
    this.write(task, task.io.stderr, `${prefix}${text}\n`);
  }

  #redirectFiles(task: Task): RedirectFiles {
    return {
      resolve: (path) => resolvePath(task.scope.cwd, path),
      read: (place, path) => this.services.readFile(place, path),
      open: (place, path, append) => {
        const before = append ? (this.services.readFile(place, path) ?? '') : '';
        const error = this.services.writeFile(place, path, before);
        return error === undefined ? { key: fileKey(place) } : { error };
      },
    };
  }

  #redirect(task: Task, redirects: readonly Redirect[], expander: Expander): Io | undefined {
    const applied = applyRedirects(task.io, redirects, expander, task.place, this.#redirectFiles(task));
    if ('io' in applied) return applied.io;
    const { flavour } = task.scope;
    const missing = /^(.*): No such file or directory$/.exec(applied.error);
    this.complain(task, flavour !== 'bash' && missing !== null ? `${flavour === 'dash' ? 'cannot open' : "can't open"} ${missing[1]}: ${flavour === 'dash' ? 'No such file' : 'no such file'}` : applied.error);
    task.status = flavour === 'bash' ? 1 : 2;
    return undefined;
  }

  #stepSimple(task: Task, frame: Extract<Frame, { kind: 'simple' }>): Progress {
    const { assignments, words, redirects } = frame.node;
    const all = [...assignments.map((assignment) => assignment.value), ...words, ...redirects.map((redirect) => redirect.target)];
    const capture = this.#capture(task, frame, all);
    if (capture !== 'done') return capture;
    task.stack.pop();
    const statusOfSubstitution = frame.captured.length > 0 ? task.status : 0;
    try {
      const expander = this.#expander(task, frame.captured);
      const values = assignments.map((assignment) => [assignment.name, expander.text(assignment.value)] as const);
      const argv = expander.fields(words);
      const io = redirects.length === 0 ? task.io : this.#redirect(task, redirects, expander);
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
      this.#invoke(task, argv, environment, undefined);
    } catch (error) {
      if (!(error instanceof ExpansionFailure)) throw error;
      this.complain(task, error.message);
      task.status = 1;
    }
    return 'ran';
  }

  #stepRedirected(task: Task, frame: Extract<Frame, { kind: 'redirected' }>): Progress {
    const capture = this.#capture(
      task,
      frame,
      frame.redirects.map((redirect) => redirect.target),
    );
    if (capture !== 'done') return capture;
    task.stack.pop();
    const io = this.#redirect(task, frame.redirects, this.#expander(task, frame.captured));
    if (io === undefined) return 'ran';
    task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
    task.io = io;
    this.#pushCompound(task, frame.node);
    return 'ran';
  }

  #stepFor(task: Task, frame: Extract<Frame, { kind: 'for' }>): Progress {
    if (frame.values === undefined) {
      const capture = this.#capture(task, frame, frame.node.words);
      if (capture !== 'done') return capture;
      try {
        frame.values = this.#expander(task, frame.captured).fields(frame.node.words);
      } catch (error) {
        if (!(error instanceof ExpansionFailure)) throw error;
        this.complain(task, error.message);
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

  #stepWhile(task: Task, frame: Extract<Frame, { kind: 'while' }>): Progress {
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

  #stepIf(task: Task, frame: Extract<Frame, { kind: 'if' }>): Progress {
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

  #stepProgram(task: Task, frame: Extract<Frame, { kind: 'program' }>): Progress {
    if (frame.exitCode !== undefined) {
      task.stack.pop();
      task.status = frame.exitCode;
      return 'ran';
    }
    if (!frame.feeding) return 'blocked';
    const input = readSource(this.state, task, task.io.stdin);
    if (input === undefined) return 'blocked';
    if (input.end) frame.feeding = false;
    if (input.text !== '') this.host.engine.writeStdin(frame.processId, input.text);
    return 'ran';
  }

  #stepFilter(task: Task, frame: Extract<Frame, { kind: 'filter' }>): Progress {
    const filter = filters[frame.filter];
    const input = readSource(this.state, task, task.io.stdin);
    if (input === undefined) return 'blocked';
    const io = this.#filterIo(task);
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
      this.#outcome(task, filter.end(frame.state as never, io), task.scope.variables);
    }
    return 'ran';
  }

  #stepWatch(task: Task, frame: Extract<Frame, { kind: 'watch' }>): Progress {
    const status = watches[frame.watch]?.look(frame.state as never, this.#filterIo(task), frame.expired) ?? (frame.expired ? 1 : undefined);
    if (status === undefined) return 'blocked';
    if (frame.timer !== undefined && !frame.expired) this.#endProcess(frame.timer);
    task.stack.pop();
    task.status = status;
    return 'ran';
  }

  #stepTimeout(task: Task, frame: Extract<Frame, { kind: 'timeout' }>): Progress {
    const child = this.state.tasks.get(frame.task);
    if (child !== undefined && !child.done) {
      if (!frame.expired || child.unwind !== undefined) return 'blocked';
      this.interrupt(child);
      return 'ran';
    }
    task.stack.pop();
    if (!frame.expired) this.#endProcess(frame.timer);
    task.status = frame.expired && !frame.preserveStatus ? 124 : (child?.status ?? 0);
    this.state.tasks.delete(frame.task);
    return 'ran';
  }

  #unwind(task: Task): Progress {
    const { unwind } = task;
    if (unwind === undefined) return 'blocked';
    if (unwind.kind === 'kill') {
      this.kill(task, unwind.status);
      return 'ran';
    }
    const frame = task.stack.at(-1);
    if (frame === undefined) {
      task.status = unwind.kind === 'exit' || unwind.kind === 'interrupt' ? unwind.status : task.status;
      task.exited = unwind.kind === 'exit';
      task.unwind = undefined;
      finishTask(this.state, task);
      return 'ran';
    }
    if (unwind.kind === 'interrupt') {
      if (frame.kind === 'program') {
        if (frame.exitCode === undefined) return 'blocked';
        unwind.status = frame.exitCode;
      } else if (treeOf(this.state, task).some((child) => child !== task && !child.done)) {
        return 'blocked';
      } else if (frame.kind === 'after') {
        task.status = unwind.status;
        task.status = hooks[frame.after.hook]?.(frame.after.data as never, task.status, this.#filterIo(task)) ?? task.status;
        unwind.status = task.status;
      } else if (frame.kind === 'list' || frame.kind === 'for' || frame.kind === 'while') {
        if (frame.kind !== 'list' || frame.next < frame.list.items.length) unwind.status = 130;
      }
    } else if ((frame.kind === 'for' || frame.kind === 'while') && unwind.kind !== 'exit') {
      unwind.levels -= 1;
      if (unwind.levels === 0) {
        task.unwind = undefined;
        if (unwind.kind === 'break') task.stack.pop();
        else if (frame.kind === 'while') frame.phase = 'start';
        return 'ran';
      }
    }
    task.stack.pop();
    this.#forgetChildren(frame);
    if (frame.kind === 'restore') {
      task.io = frame.io;
      task.place = frame.place;
      task.scope = frame.scope;
      if (frame.boundary && unwind.kind !== 'interrupt') {
        if (unwind.kind === 'exit') task.status = unwind.status;
        task.unwind = undefined;
      }
    }
    if (frame.kind === 'watch' && frame.timer !== undefined && !frame.expired) this.#endProcess(frame.timer);
    return 'ran';
  }

  #forgetChildren(frame: Frame): void {
    const ids = frame.kind === 'pipeline' ? frame.children : frame.kind === 'timeout' ? [frame.task] : 'capture' in frame && frame.capture !== undefined ? [frame.capture.task] : [];
    for (const id of ids) {
      const child = this.state.tasks.get(id);
      if (child !== undefined && !child.done) this.kill(child, 130);
      for (const pipe of [...(child?.writes ?? []), ...(child?.reads ?? [])]) this.state.pipes.delete(pipe);
      this.state.tasks.delete(id);
    }
    if ('capture' in frame && frame.capture !== undefined) this.state.pipes.delete(frame.capture.pipe);
  }

  #filterIo(task: Task): FilterIo {
    return {
      out: (text) => this.write(task, task.io.stdout, text),
      err: (text) => this.write(task, task.io.stderr, text),
      invocation: () => this.invocation(task, '', [], task.scope.variables),
    };
  }

  invocation(task: Task, name: string, argv: readonly string[], environment: ReadonlyMap<string, string>): Invocation {
    return {
      name,
      argv,
      place: task.place,
      cwd: task.scope.cwd,
      environment,
      session: this.state.sessions.get(task.session) as Session,
      outTty: task.io.stdout.kind === 'terminal',
      inTty: task.io.stdin.kind === 'terminal' && !task.background,
      host: this.host,
      shell: this.services,
      out: (text) => this.write(task, task.io.stdout, text),
      err: (text) => this.write(task, task.io.stderr, text),
    };
  }

  #invoke(task: Task, argv: readonly string[], environment: ReadonlyMap<string, string>, missing: { readonly text: string; readonly exitCode: number } | undefined): void {
    const typed = argv[0] ?? '';
    const rest = argv.slice(1);
    if (missing === undefined && specialBuiltins.has(typed)) {
      runBuiltin(this, task, typed, rest);
      return;
    }
    const name = typed.includes('/') ? (/^(?:\/usr)?(?:\/local)?\/s?bin\/([^/]+)$/.exec(typed)?.[1] ?? typed) : typed;
    const applet = `busybox-${name}`;
    const chosen = getProfile(task.place.profile).busybox && this.services.commands.has(applet) ? applet : name;
    const command = this.services.hasProgram(task.place, name) ? this.services.commands.get(chosen) : undefined;
    if (command === undefined) {
      this.#notFound(task, typed, missing);
      return;
    }
    this.#outcome(task, command.run(this.invocation(task, name, rest, environment)), environment);
  }

  #notFound(task: Task, typed: string, missing: { readonly text: string; readonly exitCode: number } | undefined): void {
    task.status = 127;
    if (missing !== undefined) {
      this.write(task, task.io.stderr, missing.text);
      task.status = missing.exitCode;
      return;
    }
    const isPath = typed.includes('/');
    if (isPath && this.services.readFile(task.place, resolvePath(task.scope.cwd, typed)) !== undefined) {
      this.complain(task, `${typed}: Permission denied`);
      task.status = 126;
    } else if (task.scope.flavour === 'bash') this.complain(task, isPath ? `${typed}: No such file or directory` : `${typed}: command not found`);
    else this.complain(task, `${typed}: not found`);
  }

  #outcome(task: Task, outcome: Outcome, environment: ReadonlyMap<string, string>): void {
    if (typeof outcome === 'number') {
      task.status = outcome;
      return;
    }
    if ('after' in outcome && outcome.after !== undefined) task.stack.push({ kind: 'after', after: outcome.after });
    switch (outcome.kind) {
      case 'program':
        this.#spawn(task, outcome);
        break;
      case 'filter':
        if (outcome.input !== undefined) {
          task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
          task.io = { ...task.io, stdin: { kind: 'text', text: outcome.input, read: false } };
        }
        task.stack.push({ kind: 'filter', filter: outcome.filter, state: outcome.state });
        break;
      case 'call': {
        const place = outcome.place ?? task.place;
        task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: true });
        if (outcome.stdoutToStderr === true) task.io = { ...task.io, stdout: task.io.stderr };
        if (outcome.place !== undefined) task.scope = scopeFor(this.host, place, 'sh', task.id);
        task.place = place;
        this.#invoke(task, outcome.argv, outcome.environment ?? (outcome.place === undefined ? environment : task.scope.variables), outcome.missing);
        break;
      }
      case 'script': {
        task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: outcome.subshell });
        if (outcome.subshell) {
          const scope = outcome.place === undefined ? copyScope(task.scope) : scopeFor(this.host, outcome.place, 'sh', task.id);
          const flavour = shellFlavour(outcome.place ?? task.place, outcome.positional?.[0] ?? 'sh');
          task.scope = { ...scope, flavour, positional: outcome.positional ?? scope.positional };
        }
        task.place = outcome.place ?? task.place;
        task.stack.push({ kind: 'list', list: outcome.script, next: 0 });
        break;
      }
      case 'shell':
        this.#enterShell(task, outcome);
        break;
      case 'watch': {
        const timer = outcome.timeoutSeconds === Number.POSITIVE_INFINITY ? undefined : this.startTimer(task, outcome.timeoutSeconds);
        task.stack.push({ kind: 'watch', watch: outcome.watch, state: outcome.state, timer, expired: false, endless: timer === undefined });
        this.#replayEarly();
        break;
      }
    }
  }

  #enterShell(task: Task, outcome: Extract<Outcome, { kind: 'shell' }>): void {
    const session = this.state.sessions.get(task.session);
    if (session === undefined || task.io.stdin.kind !== 'terminal' || task.background) {
      task.stack.push({ kind: 'filter', filter: 'shell-input', state: { text: '', place: outcome.place, program: outcome.program } });
      return;
    }
    const scope = scopeFor(this.host, outcome.place, outcome.program, this.state.nextId);
    this.state.nextId += 1;
    if (outcome.place === task.place && !outcome.login) {
      for (const [name, value] of task.scope.variables) scope.variables.set(name, value);
      scope.cwd = task.scope.cwd;
    }
    session.levels.push({ place: outcome.place, scope, status: 0, task: undefined, waiter: task.id, farewell: outcome.farewell });
    task.stack.push({ kind: 'level', ended: undefined });
  }

  /** Runs words as a command on this task: what `command` and `exec` do. */
  call(task: Task, argv: readonly string[]): void {
    this.#invoke(task, argv, task.scope.variables, undefined);
  }

  /** An engine program that ends after so many seconds; the shell keeps no clock of its own. */
  startTimer(task: Task, seconds: number): string {
    return this.#start(task, 'sleep', 'timer', { seconds });
  }

  #start(task: Task, app: string, name: string, config: unknown): string {
    this.#early = [];
    const number = this.state.nextId;
    this.state.nextId += 1;
    const id = this.host.engine.spawn({ netns: task.place.netns, app, name: `${name}-${number}`, config, origin: { component: 'user', objects: [] } });
    this.state.processes.set(id, task.id);
    return id;
  }

  /** To be called when the waiting frame is on the stack: hands over what the program said while it was started. */
  #replayEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const entry of early) this.output(entry.id, entry.stream, entry.text, entry.exitCode);
  }

  #spawn(task: Task, outcome: Extract<Outcome, { kind: 'program' }>): void {
    const processId = this.#start(task, outcome.app, outcome.name, outcome.config);
    task.stack.push({ kind: 'program', processId, endless: outcome.endless, exitCode: undefined, feeding: true });
    this.#replayEarly();
  }

  /** Runs `argv` in a task of its own and stops it after some seconds. */
  runWithTimeout(task: Task, seconds: number, argv: readonly string[], preserveStatus: boolean): void {
    const child = newTask(this.state, { session: task.session, place: task.place, scope: copyScope(task.scope), io: task.io, background: task.background });
    this.#invoke(child, argv, task.scope.variables, undefined);
    const timer = this.startTimer(task, seconds);
    task.stack.push({ kind: 'timeout', task: child.id, timer, expired: false, preserveStatus });
    this.#replayEarly();
  }
}

/** Under which key a place's own files are kept: its mount namespace. */
export function fileKey(place: Place): string {
  return place.pod === undefined ? place.netns : `${place.netns}#${place.pod.container}`;
}

/** Starts a script on a fresh task. */
export function startScript(state: ShellState, session: Session, script: List, place: Place, scope: Scope, io: Io, status: number): Task {
  const task = newTask(state, { session: session.id, place, scope, io });
  task.status = status;
  task.stack.push({ kind: 'list', list: script, next: 0 });
  return task;
}
