/** What a terminal command is: a name, a help line and a function that runs at once or hands back something to wait for. */
import type { ShellHost } from '../world/shell-host.ts';
import type { After, Place, Session, ShellState } from './state.ts';
import type { List } from './syntax/ast.ts';
import type { Flavour } from './syntax/errors.ts';
import type { Toolbox } from './toolbox.ts';

/** What a command sees of its surroundings. `out` and `err` write to wherever the shell has redirected them. */
export interface Invocation {
  readonly name: string;
  /** Without the command's own name. */
  readonly argv: readonly string[];
  readonly place: Place;
  readonly cwd: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly session: Session;
  /** In whose words the shell speaks. */
  readonly flavour: Flavour;
  /** Standard output is the terminal. */
  readonly outTty: boolean;
  /** Standard input is the terminal. */
  readonly inTty: boolean;
  readonly host: ShellHost;
  readonly shell: ShellServices;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The shell's own things that commands may use. */
export interface ShellServices extends Toolbox {
  readonly state: ShellState;
  /** Text of a file, or undefined. `path` is absolute. */
  readFile(place: Place, path: string): string | undefined;
  writeFile(place: Place, path: string, text: string): string | undefined;
  /** Why a file cannot be opened to be written, if it cannot. */
  refusesFile(place: Place, path: string): string | undefined;
  /** Where the text of an open file is kept. */
  fileAt(place: Place, path: string): { readonly key: string; readonly path: string };
  removeFile(place: Place, path: string): boolean;
  /** Returns an error text, or undefined when it worked. */
  makeDirectory(place: Place, path: string, parents: boolean): string | undefined;
  /** Absolute paths of all files that exist at a place. */
  filePaths(place: Place): readonly string[];
  /** Whether a program of this name exists there. */
  hasProgram(place: Place, name: string): boolean;
  hostPlace(hostId: string): Place | undefined;
}

/** A program of the packet engine (net/app); the shell only starts it and passes its output on. */
export interface Program {
  readonly app: string;
  parse(
    argv: readonly string[],
    env: { readonly tty: boolean; readonly image: string; readonly epochMs?: number; readonly readFile?: (path: string) => string | undefined },
  ): { readonly ok: true; readonly config: unknown } | { readonly ok: false; readonly stdout?: string; readonly stderr: string; readonly exitCode: number };
  endless(config: unknown): boolean;
  savesTo(
    config: unknown,
  ): { readonly file: string; readonly exclusive?: boolean; readonly refused: (why: string) => string; readonly exitCode: number } | undefined;
}

/** A number is an exit code: the command has ended. */
export type Outcome =
  | number
  /** Starts an engine program and waits for it. */
  | {
      readonly kind: 'program';
      readonly app: string;
      readonly name: string;
      readonly config: unknown;
      readonly endless: boolean;
      readonly after?: After;
      /** An open file that takes what the program writes to standard output (tcpdump -w). */
      readonly stdoutFile?: { readonly key: string; readonly path: string };
      /** Absolute path of the file that the program saves to. */
      readonly savedFile?: string;
    }
  /** Reads standard input through a filter. */
  | { readonly kind: 'filter'; readonly filter: string; readonly state: unknown; readonly input?: string }
  /** Runs a command, perhaps elsewhere. `stdoutToStderr` keeps standard output free for the hook; `withoutTerminal`: what it writes to is a pipe, though the words end on the screen (kubectl exec without -t). */
  | {
      readonly kind: 'call';
      readonly argv: readonly string[];
      readonly place?: Place;
      /** Here, but speaking to that cluster. */
      readonly cluster?: string;
      readonly environment?: ReadonlyMap<string, string>;
      readonly after?: After;
      readonly stdoutToStderr?: boolean;
      readonly withoutTerminal?: boolean;
      /** Program lookup failed: what to say, and the exit code. Absent: the shell's own words. */
      readonly missing?: { readonly text: string; readonly exitCode: number };
    }
  /** Runs a parsed script, perhaps elsewhere. */
  | {
      readonly kind: 'script';
      readonly script: List;
      readonly place?: Place;
      /** Given for a shell of its own, which sees only what is exported; `$0` first. */
      readonly positional?: readonly string[];
      /** The shell's program (`bash`, `sh`), when `$0` is something else. */
      readonly program?: string;
      /** Of `set -o`, that are on from the start. */
      readonly options?: readonly string[];
      readonly subshell: boolean;
      readonly after?: After;
    }
  /** Enters an interactive shell. */
  | { readonly kind: 'shell'; readonly program: string; readonly place: Place; readonly farewell: string; readonly login: boolean; readonly after?: After }
  /** Waits until the watch is over or the time has passed (seconds; Infinity: only Ctrl-C ends it). */
  | { readonly kind: 'watch'; readonly watch: string; readonly state: unknown; readonly timeoutSeconds: number };

export interface Command {
  readonly name: string;
  /** One line for `help`. */
  readonly summary: string;
  readonly group: 'kubernetes' | 'network' | 'text' | 'shell';
  readonly run: (invocation: Invocation) => Outcome;
  /** Candidates for the word under the cursor; `words` are those before it, the command's name first. */
  readonly complete?: (words: readonly string[], current: string, invocation: Invocation) => readonly string[];
}

export function defineCommand(command: Command): Command {
  return command;
}

/** A filter consumes standard input piece by piece; its state is plain data. */
export interface Filter {
  /** Takes a chunk (whole or partial lines). Returns an exit code to stop reading early. */
  readonly data: (state: never, text: string, io: FilterIo) => number | undefined;
  /** Input has ended. Returns the exit code, or something to run (`xargs`, `kubectl apply -f -`). */
  readonly end: (state: never, io: FilterIo) => Outcome;
}
export interface FilterIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly invocation: () => Invocation;
}

/** A wait that is looked at again whenever something may have changed. */
export interface Watch {
  /** Returns an exit code when it is over. `expired`: the time-out has passed. */
  readonly look: (state: never, io: FilterIo, expired: boolean) => number | undefined;
}

/** Runs when an inner command has ended; returns the final exit code, or what comes next. */
export type Hook = (data: never, status: number, io: FilterIo) => Outcome;
