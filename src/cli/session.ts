/** Runs lines in a world and passes on what its terminal prints: stdout to stdout, stderr to stderr, nothing else. */
import type { World } from '../world/world.ts';

export interface Streams {
  out(text: string): void;
  err(text: string): void;
}

/** Virtual time runs at most this far ahead for a program that never ends by itself (tcpdump in the last `-c`). */
const TICK_MS = 50;
const PUMP_EVENTS = 200_000;

export class CliSession {
  readonly world: World;
  readonly id: string;
  readonly #streams: Streams;
  #shown: number;

  constructor(world: World, id: string, streams: Streams) {
    this.world = world;
    this.id = id;
    this.#streams = streams;
    this.#shown = world.terminalLength;
  }

  /** Prints what came since the last call. */
  flush(): void {
    for (const entry of this.world.terminalFrom(this.#shown)) {
      if (entry.session !== this.id) continue;
      if (entry.kind === 'stdout') this.#streams.out(entry.text);
      else if (entry.kind === 'stderr') this.#streams.err(entry.text);
    }
    this.#shown = this.world.terminalLength;
  }

  /** Runs a line to its end; an endless program runs in real time until `interrupt` is called. Resolves with the exit code. */
  async run(line: string, interrupted: () => boolean): Promise<number> {
    this.world.input(this.id, line);
    while (this.world.pump(PUMP_EVENTS) === 'more') this.flush();
    this.flush();
    while (this.#busy()) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      if (interrupted()) this.world.interrupt(this.id);
      else this.world.elapse(TICK_MS);
      this.flush();
    }
    return this.world.exitCode(this.id);
  }

  #busy(): boolean {
    return this.world.sessions().some((session) => session.id === this.id && session.busy);
  }
}
