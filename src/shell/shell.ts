/** The shell: sessions with prompts and levels on top of the machine that runs their commands. */
import type { OutputStream } from '../net/engine.ts';
import type { Process } from '../net/records.ts';
import type { KubeObject } from '../objects/types.ts';
import type { Shell, ShellHost } from '../world/shell-host.ts';
import type { SessionView } from '../world/views.ts';
import { findObject } from './clusters.ts';
import type { ShellServices } from './command.ts';
import { completeLine } from './completion.ts';
import { logOutput } from './container-logs.ts';
import { ShellFiles } from './files.ts';
import { hasProgram } from './has-program.ts';
import { getProfile } from './images.ts';
import { at, list, text } from './json.ts';
import { specialBuiltins } from './machine/builtins.ts';
import { collectContainers, execForProber } from './machine/containers.ts';
import { takeEndedJobs } from './machine/jobs.ts';
import { Machine } from './machine/machine.ts';
import { hostPlace, podPlace, scopeFor } from './machine/places.ts';
import { terminalIo } from './machine/streams.ts';
import { isEndless, startScript, treeOf } from './machine/tasks.ts';
import { resolvePath } from './paths.ts';
import { copyState, type Level, newState, type Place, type Session, type ShellState } from './state.ts';
import { formatSyntaxProblem } from './syntax/errors.ts';
import { dialectOf, parseScript } from './syntax/parser.ts';
import type { Toolbox } from './toolbox.ts';
import { EDITOR_WATCH, type EditorState } from './tools/vi.ts';

/** Lines of history a session keeps. */
const MAX_HISTORY = 500;
/** Sessions that may be open at once. */
const MAX_SESSIONS = 64;

/** Typed alone, it is Ctrl-D: end of input, or leave the shell. */
export const END_OF_INPUT = '\u0004';

/** A `Shell` that also tells when waits such as `kubectl get -w` should look again. */
export interface WatchingShell extends Shell {
  /** Objects may have changed: waits look again. The world calls it after each settle. */
  poll(): void;
  /** 1 in the login shell, more inside `ssh` or `kubectl exec -it`; 0 for an unknown session. */
  depth(session: string): number;
}

export class ShellSessions implements WatchingShell {
  #state: ShellState = newState();
  #machine: Machine;
  readonly #host: ShellHost;
  readonly #toolbox: Toolbox;

  constructor(host: ShellHost, toolbox: Toolbox) {
    this.#host = host;
    this.#toolbox = toolbox;
    this.#machine = this.#newMachine();
  }

  #newMachine(): Machine {
    const state = this.#state;
    const host = this.#host;
    const toolbox = this.#toolbox;
    const files = new ShellFiles(state, host, toolbox.podFiles);
    const services: ShellServices = {
      state,
      ...toolbox,
      readFile: (place, path) => files.read(place, path),
      writeFile: (place, path, content) => files.write(place, path, content),
      refusesFile: (place, path) => files.refusal(place, path),
      fileAt: (place, path) => files.at(place, path),
      removeFile: (place, path) => files.remove(place, path),
      makeDirectory: (place, path, parents) => files.makeDirectory(place, path, parents),
      filePaths: (place) => files.paths(place),
      hasProgram: (place, name) => hasProgram(toolbox.commands, place, name),
      hostPlace: (hostId) => hostPlace(host, hostId),
    };
    return new Machine(state, host, services);
  }

  open(id: string, where: { readonly host: string } | { readonly namespace: string; readonly pod: string; readonly container?: string }): void {
    if (this.#state.sessions.has(id)) return;
    const place = 'host' in where ? hostPlace(this.#host, where.host) : this.#podPlace(where.namespace, where.pod, where.container);
    if (place === undefined || this.sessions().length >= MAX_SESSIONS) {
      const what = 'host' in where ? `host ${where.host}` : `pod ${where.namespace}/${where.pod}`;
      this.#host.print(
        id,
        'stderr',
        place === undefined ? `kubehop: there is no running ${what}\n` : `kubehop: more than ${MAX_SESSIONS} terminals are not opened\n`,
      );
      return;
    }
    const shells = Object.keys(getProfile(place.profile).shells);
    if (shells.length === 0) {
      this.#host.print(id, 'stderr', `kubehop: the image ${place.pod?.image ?? ''} has no shell\n`);
      return;
    }
    this.#state.sessions.set(id, {
      id,
      levels: [this.#newLevel(place, shells.includes('bash') ? 'bash' : 'sh')],
      history: [],
      jobs: [],
      pending: '',
      typed: { text: '', closed: false, broken: false },
      atLineStart: true,
      exitCode: 0,
    });
  }

  #newLevel(place: Place, program: string): Level {
    const pid = this.#state.nextId;
    this.#state.nextId += 1;
    return { place, scope: scopeFor(this.#host, place, program, pid, true), status: 0, task: undefined, waiter: undefined, farewell: '' };
  }

  #podPlace(namespace: string, name: string, container: string | undefined): Place | undefined {
    const pod = findObject<KubeObject>(this.#host, `Pod/${namespace}/${name}`);
    if (pod === undefined) return undefined;
    return podPlace(this.#host, pod, container ?? text(at(list(at(pod, 'spec', 'containers'))[0], 'name')));
  }

  close(id: string): void {
    const session = this.#state.sessions.get(id);
    if (session === undefined) return;
    for (const task of [...this.#state.tasks.values()]) {
      if (task.session !== id) continue;
      if (!task.done) this.#machine.kill(task, 129);
      this.#state.tasks.delete(task.id);
    }
    this.#state.sessions.delete(id);
  }

  input(id: string, line: string): void {
    const session = this.#state.sessions.get(id);
    const level = session?.levels.at(-1);
    if (session === undefined || level === undefined) return;
    if (level.task !== undefined) {
      if (line === END_OF_INPUT) session.typed.closed = true;
      else session.typed.text += `${line}\n`;
      session.atLineStart = true;
      this.#run();
      return;
    }
    if (line === END_OF_INPUT && session.pending === '') this.#start(session, level, 'exit');
    else {
      const whole = session.pending === '' ? line : `${session.pending}\n${line}`;
      this.#start(session, level, line === END_OF_INPUT ? session.pending : whole, line === END_OF_INPUT);
    }
  }

  #start(session: Session, level: Level, line: string, final = false): void {
    const { place, scope } = level;
    const expanded = expandHistory(session, line);
    if (expanded === undefined) {
      this.#host.print(session.id, 'stderr', `bash: ${line.trim()}: event not found\n`);
      level.status = 1;
      session.exitCode = 1;
      return;
    }
    if (expanded !== line) this.#host.print(session.id, 'stdout', `${expanded}\n`);
    const parsed = parseScript(expanded, dialectOf(scope.flavour, scope.aliases));
    if (!parsed.ok && parsed.incomplete && !final) {
      session.pending = expanded;
      return;
    }
    session.pending = '';
    if (expanded.trim() !== '') {
      if (session.history.at(-1) !== expanded) session.history.push(expanded);
      if (session.history.length > MAX_HISTORY) session.history.shift();
    }
    if (!parsed.ok) {
      this.#host.print(session.id, 'stderr', formatSyntaxProblem(parsed.problem, scope.flavour, parsed.line));
      level.status = 2;
      session.exitCode = 2;
      return;
    }
    if (parsed.script.items.length === 0) {
      this.#tellJobs(session);
      return;
    }
    session.typed.text = '';
    session.typed.closed = false;
    session.atLineStart = true;
    this.#machine.newBudget();
    level.task = startScript(this.#state, session, parsed.script, place, scope, scope.io ?? terminalIo, level.status).id;
    this.#run();
  }

  bring(id: string, path: string, text: string): string | undefined {
    const level = this.#state.sessions.get(id)?.levels.at(-1);
    if (level === undefined) return `there is no terminal ${id}`;
    const problem = this.#machine.services.writeFile(level.place, resolvePath(level.scope.cwd, path), text);
    return problem === undefined ? undefined : `${path}: ${problem}`;
  }

  edited(id: string, text: string | undefined): void {
    const editor = this.#editorOf(this.#state.sessions.get(id));
    if (editor === undefined) return;
    if (text !== undefined) {
      const problem = this.#machine.services.writeFile(editor.place, editor.path, text);
      if (problem !== undefined) this.#host.print(id, 'stderr', `vi: ${editor.path}: ${problem}\n`);
    }
    editor.saved = true;
    this.#machine.newBudget();
    this.#run();
  }

  /** What the session's foreground command waits to be edited. */
  #editorOf(session: Session | undefined): EditorState | undefined {
    const id = session?.levels.at(-1)?.task;
    const root = id === undefined ? undefined : this.#state.tasks.get(id);
    if (root === undefined) return undefined;
    for (const task of treeOf(this.#state, root)) {
      const frame = task.stack.at(-1);
      if (frame?.kind === 'watch' && frame.watch === EDITOR_WATCH) return frame.state as EditorState;
    }
    return undefined;
  }

  #editingOf(session: Session): Pick<SessionView, 'editing'> {
    const editor = this.#editorOf(session);
    if (editor === undefined || editor.saved) return {};
    return { editing: { path: editor.path, text: this.#machine.services.readFile(editor.place, editor.path) ?? '' } };
  }

  interrupt(id: string): void {
    const session = this.#state.sessions.get(id);
    const level = session?.levels.at(-1);
    if (session === undefined || level === undefined) return;
    const task = level.task === undefined ? undefined : this.#state.tasks.get(level.task);
    if (task === undefined) {
      session.pending = '';
      this.#host.print(id, 'stdout', '^C\n');
      level.status = 130;
      session.exitCode = 130;
      return;
    }
    this.#host.print(id, 'stdout', '^C');
    session.atLineStart = false;
    this.#machine.interrupt(task);
    this.#run();
  }

  containerChanged(id: string, after: Process | undefined): void {
    this.#state.containerChanges.push({ id, after });
  }

  exec(prober: Process): void {
    execForProber(this.#machine, prober);
    this.#run();
  }

  output(processId: string, stream: OutputStream | 'exit', content: string, exitCode: number): void {
    const record = stream === 'exit' || stream === 'file' ? undefined : this.#host.engine.records.find(processId);
    if (record?.kind === 'process') logOutput(this.#state, this.#host, record, content);
    this.#machine.output(processId, stream, content, exitCode);
    this.#collect();
  }

  poll(): void {
    this.#run();
  }

  #run(): void {
    this.#machine.drive();
    this.#collect();
  }

  /** Gives finished foreground tasks back to their levels, and leaves levels whose shell has ended. */
  #collect(): void {
    let again = this.#state.ended;
    while (again) {
      again = false;
      this.#state.ended = false;
      for (const session of this.#state.sessions.values()) {
        const level = session.levels.at(-1);
        const task = level?.task === undefined ? undefined : this.#state.tasks.get(level.task);
        if (level === undefined || task === undefined || !task.done) continue;
        level.task = undefined;
        level.status = task.status;
        session.exitCode = task.status;
        this.#state.tasks.delete(task.id);
        if (task.status === 130 && !session.atLineStart) {
          this.#host.print(session.id, 'stdout', '\n');
          session.atLineStart = true;
        }
        if (task.exited) this.#leave(session, level);
        else this.#tellJobs(session);
        again = true;
      }
      if (collectContainers(this.#machine)) again = true;
      for (const [taskId, task] of this.#state.tasks) if (task.background && task.done && !this.#isAwaited(taskId)) this.#state.tasks.delete(taskId);
      if (again) this.#machine.drive();
      again ||= this.#state.ended;
    }
  }

  #tellJobs(session: Session): void {
    const text = takeEndedJobs(session);
    if (text !== '') this.#host.print(session.id, 'stderr', text);
  }

  #isAwaited(id: number): boolean {
    for (const task of this.#state.tasks.values()) {
      for (const frame of task.stack) {
        if (frame.kind === 'wait-tasks' && frame.tasks.includes(id)) return true;
        if (frame.kind === 'pipeline' && frame.children.includes(id)) return true;
        if ('capture' in frame && frame.capture?.task === id) return true;
        if (frame.kind === 'timeout' && frame.task === id) return true;
      }
    }
    return false;
  }

  #leave(session: Session, level: Level): void {
    if (session.levels.length === 1) {
      // The last shell of a terminal: a new one takes its place, as a terminal that logs in again.
      this.#host.print(session.id, 'stdout', 'logout\n');
      session.levels[0] = this.#newLevel(level.place, level.scope.positional[0] ?? 'bash');
      return;
    }
    session.levels.pop();
    if (level.farewell !== '') this.#host.print(session.id, 'stdout', level.farewell);
    else if (level.scope.flavour === 'bash') this.#host.print(session.id, 'stdout', 'exit\n');
    session.atLineStart = true;
    for (const frame of this.#state.tasks.get(level.waiter ?? -1)?.stack ?? []) if (frame.kind === 'level') frame.ended = level.status;
  }

  sessions(): readonly SessionView[] {
    return [...this.#state.sessions.values()].flatMap((session) => {
      const level = session.levels.at(-1);
      if (level === undefined) return [];
      const task = level.task === undefined ? undefined : this.#state.tasks.get(level.task);
      return [
        {
          id: session.id,
          prompt: session.pending === '' ? promptOf(level) : '> ',
          busy: task !== undefined,
          endless: task !== undefined && (isEndless(this.#state, task) || this.#readsTerminal(task.id)),
          netns: level.place.netns,
          title: level.place.pod === undefined ? level.place.hostname : level.place.pod.name,
          ...this.#editingOf(session),
        },
      ];
    });
  }

  /** A command that waits for typing ends only when somebody types. */
  #readsTerminal(taskId: number): boolean {
    const root = this.#state.tasks.get(taskId);
    if (root === undefined) return false;
    return treeOf(this.#state, root).some((task) => {
      const frame = task.stack.at(-1);
      return (frame?.kind === 'filter' || frame?.kind === 'read') && task.io.stdin.kind === 'terminal';
    });
  }

  exitCode(id: string): number {
    return this.#state.sessions.get(id)?.exitCode ?? 0;
  }

  depth(id: string): number {
    return this.#state.sessions.get(id)?.levels.length ?? 0;
  }

  complete(id: string, line: string, cursor: number): { readonly start: number; readonly candidates: readonly string[] } {
    const session = this.#state.sessions.get(id);
    const level = session?.levels.at(-1);
    if (session === undefined || level === undefined) return { start: cursor, candidates: [] };
    return completeLine(line, cursor, {
      commands: this.#toolbox.commands,
      builtins: specialBuiltins,
      scope: level.scope,
      invocation: {
        name: '',
        argv: [],
        place: level.place,
        cwd: level.scope.cwd,
        environment: level.scope.variables,
        session,
        flavour: level.scope.flavour,
        outTty: true,
        inTty: true,
        host: this.#host,
        shell: this.#machine.services,
        out: () => undefined,
        err: () => undefined,
      },
    });
  }

  snapshot(): unknown {
    return copyState(this.#state);
  }

  restore(snapshot: unknown): void {
    this.#state = copyState(snapshot as ShellState);
    this.#machine = this.#newMachine();
  }
}

function promptOf(level: Level): string {
  const { place, scope } = level;
  const home = scope.variables.get('HOME') ?? '';
  const cwd = scope.cwd === home ? '~' : home !== '' && home !== '/' && scope.cwd.startsWith(`${home}/`) ? `~${scope.cwd.slice(home.length)}` : scope.cwd;
  if (place.pod === undefined) return scope.flavour === 'bash' ? `${place.hostname}:${cwd}$ ` : '# ';
  const sign = getProfile(place.profile).user === 'root' ? '#' : '$';
  if (scope.flavour === 'bash') return place.profile === 'netshoot' ? `bash-5.2${sign} ` : `${getProfile(place.profile).user}@${place.hostname}:${cwd}${sign} `;
  return scope.flavour === 'ash' ? `${cwd} ${sign} ` : `${sign} `;
}

/** bash's `!!`, `!n`, `!-n` and `!prefix`, with what is written behind it; undefined when there is no such event. */
function expandHistory(session: Session, line: string): string | undefined {
  const match = /^\s*!(!|-?\d+|[A-Za-z][\w-]*)(\s.*)?$/.exec(line);
  if (match === null) return line;
  const word = match[1] ?? '!';
  const { history } = session;
  const number = /^-?\d+$/.test(word) ? Number(word) : undefined;
  const found =
    word === '!'
      ? history.at(-1)
      : number === undefined
        ? history.findLast((entry) => entry.startsWith(word))
        : number === 0
          ? undefined
          : history.at(number > 0 ? number - 1 : number);
  return found === undefined ? undefined : found + (match[2] ?? '');
}
