/** Everything that terminals showed, in order, with its place in the log, so that the terminal rewinds with the canvas. Bounded: the oldest lines go first. */
import type { TerminalEntry } from './views.ts';

const MAX_ENTRIES = 20_000;
/** Pieces of output that arrive at one instant become one entry up to this size. */
const MAX_MERGED = 4_096;

export class TerminalLog {
  #entries: TerminalEntry[] = [];
  /** Entries that have been thrown away; positions count from the very first. */
  #dropped = 0;

  get length(): number {
    return this.#dropped + this.#entries.length;
  }

  append(entry: TerminalEntry): void {
    if (entry.text === '' && entry.kind !== 'command') return;
    this.#entries.push(entry.text.length <= MAX_MERGED * 64 ? entry : { ...entry, text: `${entry.text.slice(0, MAX_MERGED * 64)}\n` });
    if (this.#entries.length > MAX_ENTRIES + 2_000) {
      const surplus = this.#entries.length - MAX_ENTRIES;
      this.#entries = this.#entries.slice(surplus);
      this.#dropped += surplus;
    }
  }

  /** Entries from a position on. */
  from(position: number): readonly TerminalEntry[] {
    return this.#entries.slice(Math.max(0, position - this.#dropped));
  }

  /** Forgets what came after a position (a restore to the past). */
  truncate(length: number): void {
    this.#entries.length = Math.max(0, Math.min(this.#entries.length, length - this.#dropped));
  }
}
