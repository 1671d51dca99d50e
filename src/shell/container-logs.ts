/** What containers have written to standard output and error, as a container runtime keeps it for `kubectl logs`: by pod and container, the newest lines of all runs. */
import { containerOf, statusOfContainer } from '../kube/pod/containers.ts';
import type { Pod } from '../kube/pod/types.ts';
import type { Process } from '../net/records.ts';
import type { ShellHost } from '../world/shell-host.ts';
import { findObject } from './clusters.ts';
import type { ShellState } from './state.ts';

export interface LogEntry {
  readonly timeNs: number;
  /** How often the container had been started before. */
  readonly run: number;
  readonly text: string;
}
export interface ContainerLog {
  readonly pod: string;
  readonly uid: string;
  readonly full: readonly (readonly LogEntry[])[];
  readonly open: readonly LogEntry[];
  /** Entries that have been dropped since they were too many. */
  readonly dropped: number;
}

const CHUNK = 64;
/** A runtime rotates files; here the oldest chunk goes. */
const MAX_CHUNKS = 160;
/** Beyond, logs of pods that are gone are dropped. */
const MAX_LOGS = 500;

const keyOf = (uid: string, container: string): string => `${uid}/${container}`;

/** A process wrote: remembered when it is a container's own. */
export function logOutput(state: ShellState, host: ShellHost, process: Process, text: string): void {
  if (process.origin.component === 'user' || process.app === 'prober') return;
  const key = process.origin.objects.find((one) => one.startsWith('Pod/'));
  const pod = key === undefined ? undefined : findObject<Pod>(host, key);
  // A program may go by another name than its container (a mesh's envoy); its record has the container's.
  const container = pod === undefined ? undefined : (containerOf(pod, process.name) ?? containerOf(pod, process.id.split('/').at(-1) ?? ''));
  if (key === undefined || pod === undefined || container === undefined) return;
  const uid = pod.metadata.uid ?? '';
  const known = state.logs.get(keyOf(uid, container));
  if (known === undefined && state.logs.size >= MAX_LOGS && state.logs.size % 64 === 0) forgetOld(state, host);
  const log = known ?? { pod: key, uid, full: [], open: [], dropped: 0 };
  state.logs.set(keyOf(uid, container), append(log, { timeNs: host.nowNs, run: statusOfContainer(pod, container)?.restartCount ?? 0, text }));
}

/** Frozen through and through, so that snapshots share it. */
function append(log: ContainerLog, { timeNs, run, text }: LogEntry): ContainerLog {
  const open = [...log.open];
  for (const line of text.split(/(?<=\n)/)) {
    const last = open.at(-1);
    if (last !== undefined && last.run === run && !last.text.endsWith('\n')) open[open.length - 1] = Object.freeze({ ...last, text: last.text + line });
    else open.push(Object.freeze({ timeNs, run, text: line }));
  }
  if (open.length < CHUNK) return Object.freeze({ ...log, open: Object.freeze(open) });
  const full = [...log.full, Object.freeze(open)];
  const gone = full.length > MAX_CHUNKS ? (full.shift()?.length ?? 0) : 0;
  return Object.freeze({ ...log, full: Object.freeze(full), open: Object.freeze([]), dropped: log.dropped + gone });
}

function forgetOld(state: ShellState, host: ShellHost): void {
  for (const [key, { pod, uid }] of state.logs) if (findObject(host, pod)?.metadata.uid !== uid) state.logs.delete(key);
}

/** Entries from number `from` on, and the number of the next one. */
export function readLog(state: ShellState, uid: string, container: string, from = 0): { readonly entries: readonly LogEntry[]; readonly next: number } {
  const log = state.logs.get(keyOf(uid, container));
  if (log === undefined) return { entries: [], next: 0 };
  let number = log.dropped;
  const entries: LogEntry[] = [];
  for (const chunk of [...log.full, log.open]) {
    if (number + chunk.length > from) entries.push(...(from > number ? chunk.slice(from - number) : chunk));
    number += chunk.length;
  }
  return { entries, next: number };
}
