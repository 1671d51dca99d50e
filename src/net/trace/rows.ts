/** Growable tables of typed rows: chunks of fixed size, so that growing never copies and a row is one index. */

const CHUNK_ROWS = 4096;
const SHIFT = 12;
const MASK = CHUNK_ROWS - 1;

/** Rows of `stride` int32 columns. */
export class IntRows {
  readonly #chunks: Int32Array[] = [];
  readonly stride: number;
  length = 0;

  constructor(stride: number) {
    this.stride = stride;
  }

  /** Adds a row of zeros and returns its index; fill it by `chunkOf` and `offsetOf`. */
  add(): number {
    const row = this.length;
    if ((row & MASK) === 0 && this.#chunks.length === row >> SHIFT) this.#chunks.push(new Int32Array(CHUNK_ROWS * this.stride));
    this.length = row + 1;
    return row;
  }

  chunkOf(row: number): Int32Array {
    return this.#chunks[row >> SHIFT] as Int32Array;
  }

  offsetOf(row: number): number {
    return (row & MASK) * this.stride;
  }

  /** Forgets all rows from `length` on. */
  truncate(length: number): void {
    this.length = length;
    const chunks = (length + MASK) >> SHIFT;
    if (this.#chunks.length > chunks + 1) this.#chunks.length = chunks + 1;
  }
}

/** One float64 a row: times. */
export class FloatRows {
  readonly #chunks: Float64Array[] = [];

  set(row: number, value: number): void {
    if ((row & MASK) === 0 && this.#chunks.length === row >> SHIFT) this.#chunks.push(new Float64Array(CHUNK_ROWS));
    (this.#chunks[row >> SHIFT] as Float64Array)[row & MASK] = value;
  }

  get(row: number): number {
    return (this.#chunks[row >> SHIFT] as Float64Array)[row & MASK] as number;
  }

  truncate(length: number): void {
    const chunks = (length + MASK) >> SHIFT;
    if (this.#chunks.length > chunks + 1) this.#chunks.length = chunks + 1;
  }
}
