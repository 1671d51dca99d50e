/** Seeded chance: the only source of randomness below `worker/`. Equal seeds and equal calls give equal numbers on every machine. */

const UINT32 = 4294967296;

/** FNV-1a over UTF-16 code units: a stable 32-bit hash of a text (unsigned). */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed >>> 0;
  for (let i = 0; i < text.length; i += 1) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  // A final avalanche (murmur3's), since short names differ only in their last characters.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

/** mulberry32: 32 bits of state, so that a snapshot of chance is one number. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A generator of its own for a named purpose, so that one consumer never shifts another's numbers. */
  static fork(seed: number, name: string): Prng {
    return new Prng(hashText(name, (seed ^ 0x9e3779b9) >>> 0));
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A number in [0, 1). */
  float(): number {
    return this.uint32() / UINT32;
  }

  /** An integer in [0, bound); `bound` is a positive integer up to 2^32. */
  below(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** The whole state, for snapshots. */
  get state(): number {
    return this.#state;
  }

  set state(state: number) {
    this.#state = state >>> 0;
  }
}
