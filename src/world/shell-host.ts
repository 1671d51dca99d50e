/** The seam between the world and the shell above it: the world drives a shell through `Shell`, the shell acts through `ShellHost`. */

import type { Diagnostic } from '../base/diagnostic.ts';
import type { Prng } from '../base/prng.ts';
import type { Engine, OutputStream } from '../net/engine.ts';
import type { Process } from '../net/records.ts';
import type { Api } from '../objects/api.ts';
import type { KubeObject } from '../objects/types.ts';
import type { DocumentFile } from './document.ts';
import type { HopView, SessionView } from './views.ts';

/** What a shell can reach of its world. */
export interface ShellHost {
  readonly nowNs: number;
  /** Virtual time as a wall clock: Unix epoch in milliseconds at virtual time 0 (fixed, so that output is deterministic). */
  readonly epochMs: number;
  readonly engine: Engine;
  /** The API server of `cluster`. */
  readonly api: Api;
  /** '' or absent: the first one. */
  readonly cluster?: string;
  /** All clusters where there are several; `title` is what people call them. */
  readonly clusters?: readonly { readonly name: string; readonly title: string }[];
  /** The same, seen from a machine of that name, or as that cluster. */
  at?(host: string): ShellHost;
  of?(cluster: string): ShellHost;
  /** By a key as records have it, of any cluster. */
  find?<T extends KubeObject = KubeObject>(key: string): T | undefined;
  readonly prng: Prng;
  /** Somebody shows `SessionView.editing` and answers with `World.edited`; without, `vi` says that there is no editor. */
  readonly hasEditor?: boolean;
  /** Files a command may read (`kubectl apply -f web.yaml`): the document's, plus those a shell wrote. */
  readonly files: readonly DocumentFile[];
  print(session: string, stream: 'stdout' | 'stderr', text: string): void;
  /** Parses and admits YAML as `kubectl apply -f` does: one outcome per object, in order, in kubectl's words. `fileName` shows in errors. */
  applyText(
    fileName: string,
    text: string,
    options: {
      readonly namespace?: string;
      readonly mode: 'apply' | 'create' | 'replace' | 'delete';
      readonly serverSide?: boolean;
      readonly forceConflicts?: boolean;
      readonly fieldManager?: string;
      readonly dryRun?: boolean;
      /** The server makes the dry run (`--dry-run=server`). */
      readonly onServer?: boolean;
      /** Only objects with such labels. */
      readonly accepts?: (labels: Readonly<Record<string, string>>) => boolean;
    },
  ): {
    readonly lines: readonly { readonly stream: 'stdout' | 'stderr'; readonly text: string; readonly object?: KubeObject }[];
    readonly exitCode: number;
    readonly diagnostics: readonly Diagnostic[];
  };
  /** Lets controllers and agents finish at this instant. To be called after each write that should be seen by the next command. */
  settle(): void;
  /** A container's first process has ended (`text`: its exit code), or cannot be run here (`text`: why). */
  report(process: Process, kind: 'exit' | 'notRun', text: string): void;
  /** Hops [from, to) with their words, for the `trace` command. */
  hops(from: number, to: number): readonly HopView[];
}

/** A snapshot-able command interpreter with any number of sessions. Its state is plain data. */
export interface Shell {
  /** Opens a session on a host's root netns or in a pod. */
  open(session: string, at: { readonly host: string } | { readonly namespace: string; readonly pod: string; readonly container?: string }): void;
  close(session: string): void;
  /** Runs a line; returns at once, leaving the session busy when a program waits for the network. Errors are printed, never thrown. */
  input(session: string, line: string): void;
  /** Writes a binary file (a character a byte) where the session stands. Returns an error text, or undefined when it worked. */
  bring(session: string, path: string, text: string): string | undefined;
  /** The editor that the session waits for was saved with this text, or (undefined) closed without. */
  edited(session: string, text: string | undefined): void;
  /** Ctrl-C. */
  interrupt(session: string): void;
  /** From the engine: a program this shell started wrote or ended (stream `exit`). */
  output(processId: string, stream: OutputStream | 'exit', text: string, exitCode: number): void;
  /** The record of a container's process came, changed or, without `after`, went (a prober's too): what it says is done at the next `poll`. */
  containerChanged(id: string, after: Process | undefined): void;
  /** A kubelet's prober wants its command to be run in its container; the answer goes to its standard input. */
  exec(prober: Process): void;
  sessions(): readonly SessionView[];
  /** Exit code of the session's last command (`$?`). */
  exitCode(session: string): number;
  complete(session: string, line: string, cursor: number): { readonly start: number; readonly candidates: readonly string[] };
  /** Objects may have changed: `kubectl get -w` and `kubectl wait` look again. */
  poll(): void;
  /** 1 in the login shell, more inside `ssh` or `kubectl exec -it`; 0 for an unknown session. */
  depth(session: string): number;
  snapshot(): unknown;
  restore(snapshot: unknown): void;
}
