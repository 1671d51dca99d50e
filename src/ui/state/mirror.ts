/** What the worker told us last: boxes, diagnostics, terminals, the length of the log. Written only by updates from the worker. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Diagnostic } from '../../base/diagnostic.ts';
import type { DeliveryView, SessionView, TerminalEntry, Topology, WorldUpdate } from '../../world/views.ts';

export interface Mirror {
  /** `failed`: no world is running, `problem` says why. */
  readonly status: 'starting' | 'running' | 'failed';
  readonly problem: string;
  readonly headSeq: number;
  readonly nowNs: number;
  readonly topology: Topology;
  /** From this place in the log on boxes and texts are as they are now. */
  readonly eraSeq: number;
  readonly diagnostics: readonly Diagnostic[];
  /** What the language service says beside the API server, once somebody edits. */
  readonly lint: readonly Diagnostic[];
  readonly sessions: readonly SessionView[];
  readonly deliveries: readonly DeliveryView[];
  /** In order of seq; the oldest are dropped above the bound. */
  readonly terminal: readonly TerminalEntry[];
  /** How many older entries were dropped, and how often the terminals began anew. */
  readonly terminalDropped: number;
  readonly terminalEpoch: number;
}

/** Entries over all sessions; a session shows its last 5,000 lines of them. */
export const MAX_TERMINAL_ENTRIES = 20_000;

const emptyTopology: Topology = { hosts: [], netnses: [], devices: [], services: [] };

export const emptyMirror: Mirror = {
  status: 'starting',
  problem: '',
  headSeq: 0,
  nowNs: 0,
  topology: emptyTopology,
  eraSeq: 0,
  diagnostics: [],
  lint: [],
  sessions: [],
  deliveries: [],
  terminal: [],
  terminalDropped: 0,
  terminalEpoch: 0,
};

export type MirrorStore = StoreApi<Mirror>;

export const createMirror = (): MirrorStore => createStore<Mirror>(() => emptyMirror);

type TerminalPart = Pick<Mirror, 'terminal' | 'terminalDropped' | 'terminalEpoch'>;

function joinTerminal({ terminal, terminalDropped, terminalEpoch }: Mirror, update: WorldUpdate): TerminalPart {
  const reset = update.terminalReset === true;
  const added = update.terminal ?? [];
  if (!reset && added.length === 0) return { terminal, terminalDropped, terminalEpoch };
  const joined = reset ? added : [...terminal, ...added];
  const excess = Math.max(0, joined.length - MAX_TERMINAL_ENTRIES);
  return {
    terminal: excess === 0 ? joined : joined.slice(excess),
    terminalDropped: (reset ? 0 : terminalDropped) + excess,
    terminalEpoch: reset ? terminalEpoch + 1 : terminalEpoch,
  };
}

/** The next state; parts that the update leaves out stay the same references. */
export function applyUpdate(mirror: Mirror, update: WorldUpdate): Mirror {
  if (update.coming === true) return { ...mirror, topology: update.topology ?? mirror.topology };
  return {
    status: 'running',
    problem: '',
    headSeq: update.headSeq,
    nowNs: update.nowNs,
    topology: update.topology ?? mirror.topology,
    eraSeq: update.eraSeq ?? mirror.eraSeq,
    diagnostics: update.diagnostics ?? mirror.diagnostics,
    lint: mirror.lint,
    sessions: update.sessions ?? mirror.sessions,
    deliveries: update.deliveries ?? mirror.deliveries,
    ...joinTerminal(mirror, update),
  };
}
