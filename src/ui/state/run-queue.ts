/** Lines typed into terminals: one at a time in each session, in the order typed. */

interface Waiting {
  readonly line: string;
  readonly byReader: boolean;
  resolve(exitCode: number): void;
}

/** The exit code of a line that Ctrl-C took out of the queue, as a shell has it. */
export const INTERRUPTED = 130;

export class RunQueue {
  readonly #run: (session: string, line: string, byReader: boolean) => Promise<number>;
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #busy = new Set<string>();

  constructor(run: (session: string, line: string, byReader: boolean) => Promise<number>) {
    this.#run = run;
  }

  /** Resolves with the exit code (1 when the worker failed). `byReader` is false for what the page types by itself. */
  add(session: string, line: string, byReader: boolean): Promise<number> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(session) ?? [];
      waiting.push({ line, byReader, resolve });
      this.#waiting.set(session, waiting);
      if (!this.#busy.has(session)) void this.#drain(session);
    });
  }

  /** Forgets the lines that have not begun. */
  clear(session: string): void {
    for (const one of this.#waiting.get(session)?.splice(0) ?? []) one.resolve(INTERRUPTED);
  }

  async #drain(session: string): Promise<void> {
    this.#busy.add(session);
    for (let next = this.#waiting.get(session)?.shift(); next !== undefined; next = this.#waiting.get(session)?.shift()) {
      try {
        next.resolve(await this.#run(session, next.line, next.byReader));
      } catch {
        next.resolve(1);
      }
    }
    this.#busy.delete(session);
  }
}
