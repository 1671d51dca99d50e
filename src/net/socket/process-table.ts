/** The programs that run: started and stopped by Process records, fed with events one at a time, their states kept as plain data. */
import type { App, AppEvent } from '../app/definition.ts';
import type { Process } from '../records.ts';
import type { ProcessContext } from './process-context.ts';

/** How many ended programs are remembered for their exit codes. */
const MAX_ENDED = 256;

export interface RunningProcess {
  readonly id: string;
  record: Process;
  readonly app: App;
  /** `starting` until its first timer fires; `stopping` when its record is gone and its sockets are still to be closed. */
  phase: 'starting' | 'running' | 'stopping';
  state: unknown;
  /** Typed before the program had started. */
  typedAhead: string;
  readonly context: ProcessContext;
  /** Set by exit(); the process ends when its handler returns. */
  exitCode: number | undefined;
}

export class ProcessTable {
  #running = new Map<string, RunningProcess>();
  #ended = new Map<string, number>();

  find(id: string): RunningProcess | undefined {
    return this.#running.get(id);
  }

  values(): IterableIterator<RunningProcess> {
    return this.#running.values();
  }

  exitCodeOf(id: string): number | undefined {
    return this.#ended.get(id);
  }

  add(process: RunningProcess): void {
    this.#ended.delete(process.id);
    this.#running.set(process.id, process);
  }

  remove(id: string): void {
    this.#running.delete(id);
  }

  end(id: string, exitCode: number): void {
    this.#running.delete(id);
    this.#ended.delete(id);
    this.#ended.set(id, exitCode);
    if (this.#ended.size > MAX_ENDED) {
      const oldest = this.#ended.keys().next().value;
      if (oldest !== undefined) this.#ended.delete(oldest);
    }
  }

  snapshot(): ProcessTableSnapshot {
    const running = [...this.#running.values()].map((process) => ({
      record: process.record,
      phase: process.phase,
      taps: process.context.taps,
      listens: process.context.listens,
      typedAhead: process.typedAhead,
      state: process.app.copy === undefined || process.phase === 'starting' ? process.state : process.app.copy(process.state),
    }));
    return { running, ended: [...this.#ended] };
  }

  /** `revive` makes a process of a record again, without starting it. */
  restore(snapshot: ProcessTableSnapshot, revive: (record: Process) => RunningProcess | undefined): void {
    this.#running = new Map();
    this.#ended = new Map(snapshot.ended);
    for (const { record, phase, taps, listens, typedAhead, state } of snapshot.running) {
      const process = revive(record);
      if (process === undefined) continue;
      process.phase = phase;
      process.typedAhead = typedAhead;
      process.context.adoptTaps(taps, listens);
      process.state = process.app.copy === undefined || phase === 'starting' ? state : process.app.copy(state);
      this.#running.set(process.id, process);
    }
  }
}

export interface ProcessTableSnapshot {
  readonly running: readonly {
    readonly record: Process;
    readonly phase: RunningProcess['phase'];
    readonly taps: readonly string[];
    readonly listens: boolean;
    readonly typedAhead: string;
    readonly state: unknown;
  }[];
  readonly ended: readonly (readonly [string, number])[];
}

/** An event that waits for its process. */
export interface PendingEvent {
  readonly processId: string;
  readonly event: AppEvent;
  readonly causeSeq: number;
}
