/** The first processes of containers, and commands that a kubelet runs beside them: tasks of their own, which nobody's terminal belongs to. */
import { expandWords } from '../../kube/pod/environment.ts';
import type { Pod } from '../../kube/pod/types.ts';
import type { ContainerConfig } from '../../net/app/container.ts';
import type { ExecAnswer, ExecCheck, ProberConfig } from '../../net/app/prober.ts';
import type { Process } from '../../net/records.ts';
import { findObject } from '../clusters.ts';
import { getProfile } from '../images.ts';
import { resolvePath } from '../paths.ts';
import type { ContainerRun, Io, Place, Session, Task } from '../state.ts';
import { dialectOf, parseScript } from '../syntax/parser.ts';
import { specialBuiltins } from './builtins.ts';
import type { Machine } from './machine.ts';
import { fileKey, podPlace, scopeFor, shellFlavour } from './places.ts';
import { signalTerm } from './signals.ts';
import { newPipe } from './streams.ts';
import { finishTask, newTask, treeOf } from './tasks.ts';

/** A session without a level is on no terminal. */
const hiddenSession = (id: string): Session => ({
  id,
  levels: [],
  history: [],
  jobs: [],
  pending: '',
  typed: { text: '', closed: true, broken: false },
  atLineStart: true,
  exitCode: 0,
});

const nothing = { kind: 'null' } as const;
const ownOutput = { stdout: { kind: 'terminal', stream: 'stdout' }, stderr: { kind: 'terminal', stream: 'stderr' } } as const;

function placeOf(machine: Machine, process: Process, container: string): Place | undefined {
  const pod = findObject<Pod>(machine.host, process.origin.objects[0] ?? '');
  return pod === undefined ? undefined : podPlace(machine.host, pod, container);
}

/** Records of containers' processes came, changed or went: done before the next step. True when something was started. */
export function takeContainerChanges(machine: Machine): boolean {
  const { state } = machine;
  let started = false;
  for (let change = state.containerChanges.shift(); change !== undefined; change = state.containerChanges.shift()) {
    const { id, after } = change;
    const run = state.containers.get(id);
    const config = after?.config as ContainerConfig | undefined;
    if (run !== undefined && config !== undefined && config.run === run.run) {
      if (config.signal !== undefined && !run.signalled) {
        run.signalled = true;
        signalTerm(machine, run);
        started = true;
      }
      continue;
    }
    if (run !== undefined) endContainer(machine, run);
    else if (after === undefined) dropExecsOf(machine, id);
    if (after !== undefined && config !== undefined && startContainer(machine, after, config)) started = true;
  }
  return started;
}

function startContainer(machine: Machine, process: Process, config: ContainerConfig): boolean {
  const { state, host } = machine;
  const place = placeOf(machine, process, config.container);
  if (place === undefined) return false;
  const problem = whyNotRun(machine, place, config.argv);
  if (problem !== undefined) {
    host.report(process, 'notRun', problem);
    return false;
  }
  // A new container has a new writable layer; those of its earlier runs go.
  const layers = fileKey(place).slice(0, fileKey(place).lastIndexOf('/') + 1);
  for (const key of state.files.keys()) if (key.startsWith(layers)) state.files.delete(key);
  state.hidden.set(process.id, hiddenSession(process.id));
  const task = newTask(state, {
    session: process.id,
    place,
    scope: firstScope(machine, place, config.workingDir),
    io: { stdin: nothing, ...ownOutput, withoutTerminal: true },
  });
  state.containers.set(process.id, { id: process.id, run: config.run, task: task.id, signalled: false, budget: { atNs: host.nowNs, steps: 0, characters: 0 } });
  machine.call(task, expandWords(config.argv, task.scope.variables));
  return true;
}

function firstScope(machine: Machine, place: Place, workingDir: string | undefined): Task['scope'] {
  const scope = { ...scopeFor(machine.host, place, 'sh', 1), pid: 1 };
  return workingDir === undefined ? scope : { ...scope, cwd: resolvePath('/', workingDir) };
}

/** The process is gone: all that it started goes with it. */
function endContainer(machine: Machine, run: ContainerRun): void {
  const { state } = machine;
  state.containers.delete(run.id);
  dropSession(machine, run.id);
}

function dropSession(machine: Machine, session: string): void {
  const { state } = machine;
  for (const task of [...state.tasks.values()]) {
    if (task.session !== session) continue;
    if (!task.done) machine.kill(task, 137);
    state.tasks.delete(task.id);
  }
  state.hidden.delete(session);
}

/** Tells whose containers' first processes have ended and which commands of the kubelet have. True when there were any. */
export function collectContainers(machine: Machine): boolean {
  const { state, host } = machine;
  let found = false;
  for (const run of [...state.containers.values()]) {
    const root = state.tasks.get(run.task);
    if (root !== undefined && !root.done) continue;
    endContainer(machine, run);
    const process = host.engine.records.find(run.id);
    if (process?.kind === 'process') host.report(process, 'exit', String((root?.status ?? 137) & 255));
    found = true;
  }
  for (const [id, { prober, pipe, session }] of [...state.execs]) {
    const task = state.tasks.get(id);
    if (task !== undefined && !task.done) continue;
    state.execs.delete(id);
    const output = state.pipes.get(pipe)?.text ?? '';
    state.pipes.delete(pipe);
    dropSession(machine, session);
    answer(machine, prober, { code: task?.status ?? 137, output });
    found = true;
  }
  return found;
}

function answer(machine: Machine, prober: string, words: ExecAnswer): void {
  machine.host.engine.writeStdin(prober, JSON.stringify(words));
}

/** A kubelet's prober asks for a command in a container. */
export function execForProber(machine: Machine, prober: Process): void {
  const { state } = machine;
  const { command, container } = (prober.config as ProberConfig).check as ExecCheck;
  const place = placeOf(machine, prober, container);
  if (place === undefined) {
    answer(machine, prober.id, {
      code: 1,
      output: '',
      error: 'rpc error: code = NotFound desc = failed to exec in container: failed to load task: no running task found',
    });
    return;
  }
  // What is not simulated is taken for healthy.
  if (whyNotRun(machine, place, command) !== undefined) {
    answer(machine, prober.id, { code: 0, output: '' });
    return;
  }
  const session = `${prober.id} ${state.nextId}`;
  state.hidden.set(session, hiddenSession(session));
  const pipe = newPipe(state);
  const io: Io = { stdin: nothing, stdout: { kind: 'pipe', pipe }, stderr: { kind: 'pipe', pipe } };
  const task = newTask(state, { session, place, scope: scopeFor(machine.host, place, 'sh', state.nextId), io });
  state.execs.set(task.id, { prober: prober.id, pipe, session });
  machine.call(task, command);
}

/** Commands of a prober that is gone are not waited for. */
function dropExecsOf(machine: Machine, prober: string): void {
  for (const [id, one] of [...machine.state.execs]) {
    if (one.prober !== prober) continue;
    machine.state.execs.delete(id);
    machine.state.pipes.delete(one.pipe);
    dropSession(machine, one.session);
  }
}

/** What a command line needs and nobody here has; undefined when it can run. */
function whyNotRun(machine: Machine, place: Place, argv: readonly string[]): string | undefined {
  const [program = '', option, script] = argv;
  const name = program.slice(program.lastIndexOf('/') + 1);
  const isKnown = (word: string): boolean => {
    const plain = /^(?:\/usr)?(?:\/local)?\/s?bin\/([^/]+)$/.exec(word)?.[1] ?? word;
    return specialBuiltins.has(plain) || machine.services.hasProgram(place, plain) || machine.services.readFile(place, word) !== undefined;
  };
  const says = (word: string): string => `command "${word}" is not simulated: the container runs and does nothing`;
  if (!isKnown(program)) return says(program);
  if (!Object.hasOwn(getProfile(place.profile).shells, name) || !/^-[a-z]*c$/.test(option ?? '') || script === undefined) return undefined;
  const parsed = parseScript(script, dialectOf(shellFlavour(place, name)));
  if (!parsed.ok) return undefined;
  const names: string[] = [];
  const functions = new Set<string>();
  commandsIn(parsed.script, names, functions);
  const unknown = names.find((word) => !functions.has(word) && !isKnown(word));
  return unknown === undefined ? undefined : says(unknown);
}

/** Names of all commands of a tree that are written out, and of the functions it defines. */
function commandsIn(node: unknown, names: string[], functions: Set<string>): void {
  if (typeof node !== 'object' || node === null) return;
  const { kind, words, name } = node as {
    readonly kind?: unknown;
    readonly words?: readonly { readonly parts: readonly { readonly kind: string; readonly text?: string }[] }[];
    readonly name?: string;
  };
  if (kind === 'function' && name !== undefined) functions.add(name);
  const first = kind === 'simple' ? words?.[0]?.parts : undefined;
  if (first?.length === 1 && first[0]?.kind === 'text') names.push(first[0].text ?? '');
  for (const child of Object.values(node)) commandsIn(child, names, functions);
}

/** A runaway of a container: says so in its log, and ends it. */
export function stopRunawayContainer(machine: Machine, run: ContainerRun, words: string): void {
  const root = machine.state.tasks.get(run.task);
  if (root === undefined || root.done) return;
  machine.write(root, ownOutput.stderr, words);
  for (const task of treeOf(machine.state, root)) if (task !== root) finishTask(machine.state, task);
  machine.kill(root, 137);
}
