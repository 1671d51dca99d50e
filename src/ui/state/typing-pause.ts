/** How long to wait for the next key: twice what this reader usually takes, so that a fast hand waits less and no half-written word reaches the cluster. */

const LEAST_MS = 90;
const MOST_MS = 250;
/** Longer than this between two keys is thinking, not typing. */
const BURST_MS = 800;
/** Weight of the newest gap: a hand that slows down is followed within a few keys. */
const NEWEST = 0.35;

export class TypingPause {
  #usualMs = MOST_MS / 2;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** A key at `nowMs`; returns after how many ms without another one the typing has paused. */
  key(nowMs: number): number {
    const gapMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (gapMs < BURST_MS) this.#usualMs += (gapMs - this.#usualMs) * NEWEST;
    return Math.min(MOST_MS, Math.max(LEAST_MS, this.#usualMs * 2));
  }
}
