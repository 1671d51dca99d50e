/** Runs shell scripts step by step on explicit stacks, so that a session in the middle of a loop is still plain data. */

import { SETTLING_NS } from '../../kube/pod/probes.ts';
import { hostNetworkFiles } from '../../kube/pod/sandbox-agent.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { OutputStream } from '../../net/engine.ts';
import type { ShellHost } from '../../world/shell-host.ts';
import { hostAt } from '../clusters.ts';
import type { Command, FilterIo, Invocation, Outcome, ShellServices } from '../command.ts';
import { getProfile, libcOf } from '../images.ts';
import { resolvePath } from '../paths.ts';
import { type Budget, type Frame, findSession, type Place, type Session, type ShellState, type Sink, type Task } from '../state.ts';
import { printInto, runBuiltin, specialBuiltins } from './builtins.ts';
import { stopRunawayContainer, takeContainerChanges } from './containers.ts';
import { callFunction } from './functions.ts';
import { fileKey, scopeFor, shellFlavour } from './places.ts';
import { stepTask } from './step.ts';
import { writeSink } from './streams.ts';
import { copyScope, finishTask, newTask, treeOf } from './tasks.ts';
import { exportedOf } from './variables.ts';

/** Steps of tasks at one instant of virtual time; an endless loop without a pause is stopped there. */
/** Apps that act on the end of their standard input. */
const HEAR_END: ReadonlySet<string> = new Set(['nc', 'websocat']);
const MAX_STEPS = 200_000;
/** A command of this kind counts as so many steps, since it does much more than `echo`. */
const STEPS_OF_COMMAND: Readonly<Record<Command['group'], number>> = { kubernetes: 100, network: 100, text: 5, shell: 5 };
/** Characters on the terminal at one instant. */
const MAX_CHARACTERS = 4_000_000;
const RUNAWAY = `kubehop: stopped: too much was done in which no time passed (add a \`sleep\` to the loop)\n`;
const isSpent = ({ steps, characters }: Budget): boolean => steps >= MAX_STEPS || characters >= MAX_CHARACTERS;

/** All containers together may start so many programs in the time before anybody looks; then they rest until shortly before its end. */
const MAX_BOOT_SPAWNS = 300;
const REST_UNTIL_NS = SETTLING_NS - 10e9;

/** That the programs of a place read through its resolver. */
const RESOLVER_FILES: readonly string[] = ['/etc/hosts', '/etc/resolv.conf'];

export class Machine {
  readonly state: ShellState;
  readonly host: ShellHost;
  readonly services: ShellServices;
  #driving = false;
  #again = false;
  /** Output of a program that wrote before `spawn` returned its id. */
  #early: { id: string; stream: OutputStream | 'exit'; text: string; exitCode: number }[] | undefined;

  constructor(state: ShellState, host: ShellHost, services: ShellServices) {
    this.state = state;
    this.host = host;
    this.services = services;
  }

  /** Steps tasks until all wait: every one, or those of terminals and of one container. */
  drive(container?: string): void {
    if (this.#driving) {
      this.#again = true;
      return;
    }
    this.#driving = true;
    const { budget, containers } = this.state;
    if (budget.atNs !== this.host.nowNs) this.newBudget();
    let only = container;
    let progress = true;
    while (progress || this.#again || this.state.containerChanges.length > 0) {
      if (this.#again || takeContainerChanges(this)) only = undefined;
      progress = false;
      this.#again = false;
      for (const task of this.#tasksOf(only)) {
        const allowed = this.#budgetOf(task);
        while (!task.done && allowed.steps < MAX_STEPS && allowed.characters < MAX_CHARACTERS && stepTask(this, task) === 'ran') {
          progress = true;
          allowed.steps += 1;
        }
        if (allowed !== budget && isSpent(allowed)) {
          const run = containers.get(task.session);
          if (run !== undefined) stopRunawayContainer(this, run, RUNAWAY);
        }
      }
      if (isSpent(budget)) {
        this.#stopRunaways();
        break;
      }
    }
    this.#driving = false;
  }

  /** Of one container and of everybody who is no container; all of them without `only`. */
  #tasksOf(only: string | undefined): readonly Task[] {
    const { tasks, containers } = this.state;
    if (only === undefined) return [...tasks.values()];
    const found: Task[] = [];
    for (const task of tasks.values()) if (task.session === only || !containers.has(task.session)) found.push(task);
    return found;
  }

  #budgetOf(task: Task): Budget {
    const own = this.state.containers.get(task.session)?.budget;
    if (own === undefined) return this.state.budget;
    if (own.atNs !== this.host.nowNs) Object.assign(own, { atNs: this.host.nowNs, steps: 0, characters: 0 });
    return own;
  }

  /** A new instant, or a new line that was typed: what a loop may do starts again from nothing. */
  newBudget(): void {
    Object.assign(this.state.budget, { atNs: this.host.nowNs, steps: 0, characters: 0 });
  }

  #stopRunaways(): void {
    for (const task of [...this.state.tasks.values()]) {
      if (this.state.containers.has(task.session)) continue;
      if (task.done || task.stack.some((frame) => frame.kind === 'program' || frame.kind === 'level' || frame.kind === 'watch')) continue;
      this.write(task, task.io.stderr, RUNAWAY);
      this.kill(task, 130);
    }
    this.newBudget();
  }

  /** Ends a task and everything under it at once. */
  kill(root: Task, status: number): void {
    for (const task of treeOf(this.state, root).reverse()) {
      for (const frame of task.stack) {
        if (frame.kind === 'program') this.endProcess(frame.processId);
        else if (frame.kind === 'watch' && frame.timer !== undefined) this.endProcess(frame.timer);
        else if (frame.kind === 'timeout') this.endProcess(frame.timer);
        else if (frame.kind === 'read' && frame.timer !== undefined) this.endProcess(frame.timer);
      }
      task.stack.length = 0;
      task.unwind = undefined;
      task.status = status;
      finishTask(this.state, task);
      if (task !== root) this.state.tasks.delete(task.id);
    }
  }

  endProcess(id: string): void {
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
    if (sink.kind === 'terminal') this.#budgetOf(task).characters += text.length;
    if (writeSink(this.state, this.host, task.session, sink, text)) return;
    if (task.unwind === undefined) task.unwind = { kind: 'kill', status: 141 };
  }

  /** From the engine. */
  output(processId: string, stream: OutputStream | 'exit', text: string, exitCode: number): void {
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
        else if ((waiting.kind === 'watch' || waiting.kind === 'timeout' || waiting.kind === 'read') && waiting.timer === processId) waiting.expired = true;
      }
    } else if (frame?.kind === 'program') {
      if (stream === 'file') this.#save(task, frame, text);
      else this.write(task, stream === 'stdout' ? task.io.stdout : task.io.stderr, text);
      if (task.unwind?.kind === 'kill') this.endProcess(processId);
    }
    if (this.#early === undefined) this.drive(this.state.containers.has(task.session) ? task.session : undefined);
  }

  #save(task: Task, frame: Extract<Frame, { kind: 'program' }>, text: string): void {
    if (frame.file === undefined) return;
    if (!frame.file.opened) this.services.writeFile(frame.file.place, frame.file.path, '');
    frame.file.opened = true;
    this.write(task, { kind: 'file', ...this.services.fileAt(frame.file.place, frame.file.path) }, text);
  }

  /** Says what is wrong as the task's shell would. */
  complain(task: Task, text: string): void {
    const prefix = task.scope.flavour === 'bash' ? 'bash: ' : task.scope.flavour === 'dash' ? 'sh: 1: ' : 'sh: ';
    this.write(task, task.io.stderr, `${prefix}${text}\n`);
  }

  filterIo(task: Task): FilterIo {
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
      session: findSession(this.state, task.session) as Session,
      flavour: task.scope.flavour,
      outTty: task.io.stdout.kind === 'terminal' && task.io.withoutTerminal !== true,
      inTty: task.io.stdin.kind === 'terminal' && !task.background,
      host: hostAt(this.host, task.place),
      shell: this.services,
      out: (text) => this.write(task, task.io.stdout, text),
      err: (text) => this.write(task, task.io.stderr, text),
    };
  }

  invoke(
    task: Task,
    argv: readonly string[],
    environment: ReadonlyMap<string, string>,
    missing: { readonly text: string; readonly exitCode: number } | undefined,
    functions = true,
  ): void {
    const typed = argv[0] ?? '';
    const rest = argv.slice(1);
    const body = missing === undefined && functions ? task.scope.functions.get(typed) : undefined;
    if (body !== undefined) {
      callFunction(this, task, argv, body, environment);
      return;
    }
    if (missing === undefined && typed === 'printf' && rest[0] === '-v' && task.scope.flavour === 'bash') {
      printInto(this, task, rest);
      return;
    }
    if (missing === undefined && specialBuiltins.has(typed)) {
      runBuiltin(this, task, typed, rest, environment);
      return;
    }
    // agnhost's image has it at its root.
    const name = typed.includes('/') ? (/^(?:(?:\/usr)?(?:\/local)?\/s?bin\/([^/]+)|\/(agnhost))$/.exec(typed)?.slice(1).find(Boolean) ?? typed) : typed;
    const applet = `busybox-${name}`;
    const chosen = getProfile(task.place.profile).busybox && this.services.commands.has(applet) ? applet : name;
    const command = this.services.hasProgram(task.place, name) ? this.services.commands.get(chosen) : undefined;
    if (command === undefined) {
      this.#notFound(task, typed, missing);
      return;
    }
    this.#budgetOf(task).steps += STEPS_OF_COMMAND[command.group];
    const invocation = this.invocation(task, name, rest, exportedOf(task.scope, environment));
    const outcome = this.host.engine.records.attribute(argv.join(' '), () => command.run(invocation));
    this.outcome(task, outcome, environment);
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

  outcome(task: Task, outcome: Outcome, environment: ReadonlyMap<string, string>): void {
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
        const place = outcome.place ?? (outcome.cluster === undefined ? task.place : { ...task.place, cluster: outcome.cluster });
        task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: true });
        if (outcome.stdoutToStderr === true) task.io = { ...task.io, stdout: task.io.stderr };
        if (outcome.withoutTerminal === true) task.io = { ...task.io, withoutTerminal: true };
        if (outcome.place !== undefined) task.scope = scopeFor(this.host, place, 'sh', task.id);
        task.place = place;
        this.invoke(task, outcome.argv, outcome.environment ?? (outcome.place === undefined ? environment : task.scope.variables), outcome.missing, false);
        break;
      }
      case 'script': {
        task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: outcome.subshell });
        if (outcome.subshell) {
          // A shell of its own (`sh -c`) knows only what is exported; the tool's own words run as the shell that started it.
          const own = outcome.positional !== undefined;
          const scope =
            outcome.place !== undefined
              ? scopeFor(this.host, outcome.place, 'sh', task.id)
              : own
                ? { ...scopeFor(this.host, task.place, 'sh', task.id), cwd: task.scope.cwd, variables: exportedOf(task.scope, environment) }
                : copyScope(task.scope);
          for (const name of scope.variables.keys()) if (own) scope.exported.set(name, true);
          const flavour = own ? shellFlavour(outcome.place ?? task.place, outcome.program ?? outcome.positional?.[0] ?? 'sh') : scope.flavour;
          for (const option of outcome.options ?? []) scope.options.set(option, true);
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
    const session = findSession(this.state, task.session);
    if (session === undefined || task.io.stdin.kind !== 'terminal' || task.background) {
      task.stack.push({ kind: 'filter', filter: 'shell-input', state: { text: '', place: outcome.place, program: outcome.program } });
      return;
    }
    const scope = scopeFor(this.host, outcome.place, outcome.program, this.state.nextId, true);
    this.state.nextId += 1;
    if (outcome.place === task.place && !outcome.login) {
      for (const [name, value] of exportedOf(task.scope, task.scope.variables)) {
        scope.variables.set(name, value);
        scope.exported.set(name, true);
      }
      scope.cwd = task.scope.cwd;
    }
    session.levels.push({ place: outcome.place, scope, status: 0, task: undefined, waiter: task.id, farewell: outcome.farewell });
    task.stack.push({ kind: 'level', ended: undefined });
  }

  /** Runs words as a command on this task: what `command` and `exec` do. */
  call(task: Task, argv: readonly string[]): void {
    this.invoke(task, argv, task.scope.variables, undefined, false);
  }

  /** An engine program that ends after so many seconds; the shell keeps no clock of its own. */
  startTimer(task: Task, seconds: number): string {
    return this.#start(task, 'sleep', 'timer', { seconds });
  }

  #start(task: Task, app: string, name: string, config: unknown): string {
    this.#early = [];
    const number = this.state.nextId;
    this.state.nextId += 1;
    const { pod, netns } = task.place;
    const { view } = hostAt(this.host, task.place).api;
    const found = pod === undefined ? undefined : view.find<Pod>(`Pod/${pod.namespace}/${pod.name}`);
    const files = this.#resolverFiles(task.place, found === undefined ? undefined : hostNetworkFiles(found, view));
    const record = { netns, app, name: `${name}-${number}`, config, origin: { component: 'user', objects: [] }, libc: libcOf(task.place.profile) };
    const id = this.host.engine.spawn(files === undefined ? record : { ...record, files });
    this.state.processes.set(id, task.id);
    return id;
  }

  /** What somebody has written there into the C library's files, which programs then go by. */
  #resolverFiles(place: Place, files: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined {
    const written = this.state.files.get(fileKey(place));
    if (written === undefined || !RESOLVER_FILES.some((path) => written.has(path))) return files;
    const own: Record<string, string> = { ...files };
    for (const path of RESOLVER_FILES) if (written.has(path)) own[path] = this.services.readFile(place, path) ?? '';
    return own;
  }

  /** Lets a `read` wait no longer than so many seconds. */
  waitForRead(task: Task, frame: Omit<Extract<Frame, { kind: 'read' }>, 'timer' | 'expired' | 'kind'>, seconds: number): void {
    const timer = this.startTimer(task, seconds);
    task.stack.push({ kind: 'read', ...frame, timer, expired: false });
    this.#replayEarly();
  }

  /** To be called when the waiting frame is on the stack: hands over what the program said while it was started. */
  #replayEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const entry of early) this.output(entry.id, entry.stream, entry.text, entry.exitCode);
  }

  /** In the world's first minutes containers do not work for ever. */
  #rests(task: Task, outcome: Outcome): boolean {
    if (!this.state.containers.has(task.session)) return false;
    this.state.bootSpawns += 1;
    const { nowNs } = this.host;
    if (this.state.bootSpawns <= MAX_BOOT_SPAWNS || nowNs >= REST_UNTIL_NS) return false;
    task.stack.push({ kind: 'later', outcome });
    const processId = this.#start(task, 'sleep', 'sleep', { seconds: (REST_UNTIL_NS - nowNs) / 1e9, background: true });
    task.stack.push({ kind: 'program', processId, endless: false, exitCode: undefined, feeding: false, hearsEnd: false, file: undefined });
    this.#replayEarly();
    return true;
  }

  #spawn(task: Task, outcome: Extract<Outcome, { kind: 'program' }>): void {
    if (this.#rests(task, outcome)) return;
    if (outcome.stdoutFile !== undefined) {
      task.stack.push({ kind: 'restore', io: task.io, place: task.place, scope: task.scope, boundary: false });
      task.io = { ...task.io, stdout: { kind: 'file', ...outcome.stdoutFile } };
    }
    // Nobody waits for what a container sleeps.
    const isBackground = outcome.app === 'sleep' && this.state.containers.has(task.session);
    const config = isBackground ? { ...(outcome.config as object), background: true } : outcome.config;
    const processId = this.#start(task, outcome.app, outcome.name, config);
    const file = outcome.savedFile === undefined ? undefined : { place: task.place, path: outcome.savedFile, opened: false };
    task.stack.push({ kind: 'program', processId, endless: outcome.endless, exitCode: undefined, feeding: true, hearsEnd: HEAR_END.has(outcome.app), file });
    this.#replayEarly();
  }

  /** Runs `argv` in a task of its own and stops it after some seconds. */
  runWithTimeout(task: Task, seconds: number, argv: readonly string[], preserveStatus: boolean): void {
    const child = newTask(this.state, { session: task.session, place: task.place, scope: copyScope(task.scope), io: task.io, background: task.background });
    this.invoke(child, argv, task.scope.variables, undefined, false);
    const timer = this.startTimer(task, seconds);
    task.stack.push({ kind: 'timeout', task: child.id, timer, expired: false, preserveStatus });
    this.#replayEarly();
  }
}
