/** Everything a shell remembers, as plain data: sessions, levels, tasks with explicit stacks, pipes, files. A snapshot is a copy of this tree. */
import type { Process } from '../net/records.ts';
import type { Outcome } from './command.ts';
import type { ContainerLog } from './container-logs.ts';
import { adminConfig, type KubeConfig } from './kubeconfig.ts';
import type { AndOr, Case, Compound, Conditional, CountingFor, For, If, List, Pipeline, Redirect, Simple, While, Word } from './syntax/ast.ts';
import type { Flavour } from './syntax/errors.ts';

export interface PlaceInPod {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly image: string;
  /** Under which name the files of this run of the container are kept. */
  readonly layer: string;
}

/** Where a shell or a command runs: a host's root netns, or a container of a pod. */
export interface Place {
  readonly hostId: string;
  /** Netns id. */
  readonly netns: string;
  readonly hostname: string;
  readonly pod?: PlaceInPod;
  /** The cluster that commands here were told to speak to (`kubectl --context`); absent: that of the machine. */
  readonly cluster?: string;
  /** Contents-page name in images.ts; decides which programs exist. */
  readonly profile: string;
}

/** An indexed array has numbers as keys; an associative one (`declare -A`) any text, in the order in which they were set. */
export interface ShellArray {
  readonly associative: boolean;
  readonly values: Map<string, string>;
}

/** Variables, working directory and settings; shared by the tasks of one shell, copied for subshells. */
export interface Scope {
  cwd: string;
  readonly variables: Map<string, string>;
  /** Names that programs see in their environment. */
  readonly exported: Map<string, true>;
  readonly constants: Map<string, true>;
  readonly arrays: Map<string, ShellArray>;
  /** Bodies are frozen trees. */
  readonly functions: Map<string, Compound>;
  readonly aliases: Map<string, string>;
  /** Long names of `set -o` that are on. */
  readonly options: Map<string, true>;
  /** By name without SIG. */
  readonly traps: Map<string, string>;
  /** `$0`, and `$1` onwards. */
  positional: readonly string[];
  readonly flavour: Flavour;
  /** `$$` */
  readonly pid: number;
  /** Reads lines that somebody types. */
  readonly interactive: boolean;
  /** Position within the word that `getopts` reads. */
  optionAt: number;
  /** Streams that `exec` has redirected for good. */
  io: Io | undefined;
}

/** A job of `&`, remembered until its end has been told or waited for. */
export interface Job {
  readonly number: number;
  readonly task: number;
  readonly source: string;
  status: number | undefined;
}

export type Source =
  | { readonly kind: 'terminal' }
  | { readonly kind: 'pipe'; readonly pipe: number }
  | { readonly kind: 'text'; text: string; read: boolean }
  | { readonly kind: 'null' };
export type Sink =
  | { readonly kind: 'terminal'; readonly stream: 'stdout' | 'stderr' }
  | { readonly kind: 'pipe'; readonly pipe: number }
  | { readonly kind: 'file'; readonly key: string; readonly path: string }
  | { readonly kind: 'null' };

export interface Io {
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** `kubectl exec` without -t: the program is given pipes, not a terminal. */
  readonly withoutTerminal?: boolean;
}

export interface Pipe {
  text: string;
  /** Nobody will write any more. */
  closed: boolean;
  /** Nobody will read any more: the next write is a SIGPIPE. */
  broken: boolean;
}

/** What happens when an inner command has ended: the name of a hook in hooks.ts and its plain data. */
export interface After {
  readonly hook: string;
  readonly data: unknown;
}

export type Frame =
  | { readonly kind: 'list'; readonly list: List; next: number }
  /** `last`: which of its pipelines ran last. */
  | { readonly kind: 'and-or'; readonly node: AndOr; next: number; last: number }
  | { readonly kind: 'pipeline'; readonly node: Pipeline; children: number[]; started: boolean }
  | { readonly kind: 'simple'; readonly node: Simple; captured: string[]; capture: Capture | undefined }
  | { readonly kind: 'for'; readonly node: For; captured: string[]; capture: Capture | undefined; values: readonly string[] | undefined; next: number }
  | { readonly kind: 'while'; readonly node: While; phase: 'start' | 'condition' | 'body'; status: number }
  | { readonly kind: 'if'; readonly node: If; next: number; waiting: boolean }
  | {
      readonly kind: 'redirected';
      readonly node: Compound;
      readonly redirects: readonly Redirect[];
      captured: string[];
      capture: Capture | undefined;
    }
  | { readonly kind: 'case'; readonly node: Case; captured: string[]; capture: Capture | undefined }
  | { readonly kind: 'conditional'; readonly node: Conditional; captured: string[]; capture: Capture | undefined }
  | { readonly kind: 'counting-for'; readonly node: CountingFor; phase: 'first' | 'condition' | 'step' }
  | { readonly kind: 'arithmetic'; readonly expression: Word; captured: string[]; capture: Capture | undefined }
  /** A function that runs (or a sourced file): what it gives back when it returns. */
  | { readonly kind: 'function'; readonly positional: readonly string[] | undefined; readonly locals: Map<string, SavedVariable> }
  /** Sets `$?` after a trap has run. */
  | { readonly kind: 'status'; readonly status: number | undefined; readonly exits: boolean }
  /** Puts back what a redirection or another place had replaced; `exit`, `break` and `continue` stop at a boundary. */
  | { readonly kind: 'restore'; readonly io: Io; readonly place: Place; readonly scope: Scope; readonly boundary: boolean }
  /** Waits for an engine program. */
  | {
      readonly kind: 'program';
      readonly processId: string;
      readonly endless: boolean;
      exitCode: number | undefined;
      feeding: boolean;
      /** It acts on the end of its input. */
      readonly hearsEnd: boolean;
      /** Where it saves to; made, or emptied, with the first text. */
      readonly file: { readonly place: Place; readonly path: string; opened: boolean } | undefined;
    }
  /** Runs something that was put off. */
  | { readonly kind: 'later'; readonly outcome: Outcome }
  /** Consumes standard input. */
  | { readonly kind: 'filter'; readonly filter: string; state: unknown }
  /** Waits until a condition in filters' sister table `watches` says it is done; `timer` is an engine program that ends the wait. */
  | { readonly kind: 'watch'; readonly watch: string; state: unknown; timer: string | undefined; expired: boolean; readonly endless: boolean }
  | { readonly kind: 'after'; readonly after: After }
  /** Waits for an interactive shell that was pushed on the session to be left. */
  | { readonly kind: 'level'; ended: number | undefined }
  /** The builtin `read`, while its input has no line yet. */
  | {
      readonly kind: 'read';
      readonly names: readonly string[];
      readonly raw: boolean;
      /** Ends the line. */
      readonly delimiter: string;
      /** So many characters at most; 0: no limit. */
      readonly characters: number;
      /** Into an array of the first name. */
      readonly array: boolean;
      readonly separators: string;
      readonly timer: string | undefined;
      expired: boolean;
    }
  /** Waits for background tasks. */
  | { readonly kind: 'wait-tasks'; readonly tasks: readonly number[]; readonly all: boolean }
  /** Waits for a task, but no longer than an engine timer. */
  | { readonly kind: 'timeout'; readonly task: number; readonly timer: string; expired: boolean; readonly preserveStatus: boolean };

export interface SavedVariable {
  readonly value: string | undefined;
  readonly array: ShellArray | undefined;
  readonly exported: boolean;
}

export interface Capture {
  readonly task: number;
  readonly pipe: number;
}

/** One thread of execution of a shell. */
export interface Task {
  readonly id: number;
  readonly session: string;
  readonly stack: Frame[];
  place: Place;
  scope: Scope;
  io: Io;
  /** `$?` */
  status: number;
  done: boolean;
  /** Break (n loops), continue, or leave; unwinds the stack. */
  unwind: Unwind | undefined;
  readonly background: boolean;
  /** `exit` ended it, so its interactive shell ends too. */
  exited: boolean;
  /** A signal that its shell has a trap for, not yet answered. */
  signal: string | undefined;
  /** Pipes this task writes to and must close, and those it reads. */
  readonly writes: readonly number[];
  readonly reads: readonly number[];
}
export type Unwind =
  | { readonly kind: 'return'; readonly status: number }
  | { readonly kind: 'break' | 'continue'; levels: number }
  /** `abort`: only the line that was typed ends, not the shell. */
  | { readonly kind: 'exit'; readonly status: number; readonly abort?: true }
  /** At once, without hooks. */
  | { readonly kind: 'kill'; readonly status: number }
  /** Ctrl-C: running programs may print their last words first. */
  | { readonly kind: 'interrupt'; status: number };

/** One interactive shell of a session: the login shell, or one entered with `ssh`, `kubectl exec -it`, `sh`. */
export interface Level {
  readonly place: Place;
  readonly scope: Scope;
  status: number;
  /** The foreground task, while one runs. */
  task: number | undefined;
  /** The task below that waits for this shell to end. */
  readonly waiter: number | undefined;
  /** Printed when it is left, e.g. ssh's `Connection to node01 closed.` */
  readonly farewell: string;
}

export interface Session {
  readonly id: string;
  readonly levels: Level[];
  readonly history: string[];
  jobs: Job[];
  /** Earlier lines of a command that is not complete yet (`> `). */
  pending: string;
  /** What was typed for a program that reads the terminal. */
  readonly typed: Pipe;
  /** The last thing on the terminal ended with a newline. */
  atLineStart: boolean;
  exitCode: number;
}

export interface ShellState {
  readonly sessions: Map<string, Session>;
  /** Of containers and of commands that a kubelet runs: on no terminal. */
  readonly hidden: Map<string, Session>;
  readonly tasks: Map<number, Task>;
  readonly pipes: Map<number, Pipe>;
  /** Engine process id to the task that waits for it. */
  readonly processes: Map<string, number>;
  /** Files that commands have written: by place, then by absolute path. */
  readonly files: Map<string, Map<string, string>>;
  readonly kubeconfig: KubeConfig;
  nextId: number;
  /** First processes of containers, by id of their Process record, which is their session's id too. */
  readonly containers: Map<string, ContainerRun>;
  /** Records of such processes that have come, changed or gone since. */
  readonly containerChanges: { readonly id: string; readonly after: Process | undefined }[];
  /** Commands that a kubelet's prober waits for, by task. */
  readonly execs: Map<number, { readonly prober: string; readonly pipe: number; readonly session: string }>;
  /** By pod's uid and container. */
  readonly logs: Map<string, ContainerLog>;
  /** Some task has ended since anybody looked. */
  ended: boolean;
  /** Programs that containers have started before the world was opened to anybody. */
  bootSpawns: number;
  /** What tasks have done at this instant of virtual time, so that a loop without a pause is noticed. */
  readonly budget: Budget;
}

export interface Budget {
  atNs: number;
  steps: number;
  characters: number;
}

export interface ContainerRun {
  readonly id: string;
  /** How often the container had been started before. */
  readonly run: number;
  readonly task: number;
  /** It has been sent SIGTERM. */
  signalled: boolean;
  /** Its own, so that no container stops another. */
  readonly budget: Budget;
}

export function newState(): ShellState {
  return {
    sessions: new Map(),
    hidden: new Map(),
    tasks: new Map(),
    pipes: new Map(),
    processes: new Map(),
    files: new Map(),
    kubeconfig: adminConfig(),
    nextId: 1,
    containers: new Map(),
    containerChanges: [],
    execs: new Map(),
    logs: new Map(),
    bootSpawns: 0,
    ended: false,
    budget: { atNs: 0, steps: 0, characters: 0 },
  };
}

export const findSession = (state: ShellState, id: string): Session | undefined => state.sessions.get(id) ?? state.hidden.get(id);

/** A deep copy of plain data with Maps; frozen trees (parsed scripts) and repeated references stay shared within the copy. */
export function copyState<T>(value: T): T {
  const seen = new Map<object, object>();
  const copy = (input: unknown): unknown => {
    if (typeof input !== 'object' || input === null || Object.isFrozen(input)) return input;
    const known = seen.get(input);
    if (known !== undefined) return known;
    if (input instanceof Map) {
      const map = new Map<unknown, unknown>();
      seen.set(input, map);
      for (const [key, child] of input) map.set(key, copy(child));
      return map;
    }
    if (Array.isArray(input)) {
      const list: unknown[] = [];
      seen.set(input, list);
      for (const child of input) list.push(copy(child));
      return list;
    }
    const object: Record<string, unknown> = {};
    seen.set(input, object);
    for (const [key, child] of Object.entries(input)) object[key] = copy(child);
    return object;
  };
  return copy(value) as T;
}
