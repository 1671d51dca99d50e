/** What is still to happen, ordered by (time, insertion): a binary heap on typed arrays whose entries are plain data. */

/** A frame arrives at a device. */
export const EVENT_FRAME = 1;
/** A timer of a socket or program. */
export const EVENT_TIMER = 2;
/** A neighbour entry's next try or change of state. */
export const EVENT_NEIGHBOR = 3;
/** Fragments that never became whole. */
export const EVENT_REASSEMBLY = 4;
/** A proxy's answer to an ARP question is due. */
export const EVENT_PROXY_ARP = 5;
/** A frame's time in its device's queue is over: it goes out. */
export const EVENT_DEPARTURE = 8;
/** A timer of a device (WireGuard). */
export const EVENT_DEVICE = 9;
/** The next step in asking whether a new IPv6 address is free. */
export const EVENT_DUPLICATE_CHECK = 12;
const CANCELLED = 0;

export interface QueuedEvent {
  readonly timeNs: number;
  readonly seq: number;
  readonly kind: number;
  readonly housekeeping: boolean;
  readonly a: unknown;
  readonly b: unknown;
}

const FIRST_SLOTS = 256;

export class EventQueue {
  #capacity = FIRST_SLOTS;
  #times = new Float64Array(FIRST_SLOTS);
  #seqs = new Float64Array(FIRST_SLOTS);
  #kinds = new Uint8Array(FIRST_SLOTS);
  #housekeeping = new Uint8Array(FIRST_SLOTS);
  readonly #a: unknown[] = [];
  readonly #b: unknown[] = [];
  readonly #free: number[] = [];
  /** Slots in heap order. */
  #heap = new Int32Array(FIRST_SLOTS);
  #size = 0;
  #used = 0;
  #nextSeq = 0;
  #awake = 0;
  readonly #cancellable = new Map<number, number>();

  // The event taken out last.
  timeNs = 0;
  /** When its work began: later than it was due where earlier work took long. */
  startedNs = 0;
  seq = 0;
  kind = 0;
  a: unknown = undefined;
  b: unknown = undefined;

  /** Events that somebody waits for: not house-keeping, not cancelled. */
  get awake(): number {
    return this.#awake;
  }

  /** Returns the event's sequence number, which `cancel` takes if it is `cancellable`. */
  push(timeNs: number, kind: number, a: unknown, b: unknown, housekeeping: boolean, cancellable = false): number {
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    this.#insert(timeNs, seq, kind, a, b, housekeeping, cancellable);
    return seq;
  }

  cancel(seq: number): void {
    const slot = this.#cancellable.get(seq);
    if (slot === undefined) return;
    this.#cancellable.delete(seq);
    this.#kinds[slot] = CANCELLED;
    this.#a[slot] = undefined;
    this.#b[slot] = undefined;
    if (this.#housekeeping[slot] === 0) this.#awake -= 1;
  }

  /** Time of the earliest event, Infinity when there is none. */
  peekNs(): number {
    while (this.#size > 0) {
      const slot = this.#heap[0] as number;
      if (this.#kinds[slot] !== CANCELLED) return this.#times[slot] as number;
      this.#remove();
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Takes the earliest event out into the fields above; false when there is none. */
  pop(): boolean {
    while (this.#size > 0) {
      const slot = this.#heap[0] as number;
      const kind = this.#kinds[slot] as number;
      if (kind === CANCELLED) {
        this.#remove();
        continue;
      }
      this.timeNs = this.#times[slot] as number;
      this.seq = this.#seqs[slot] as number;
      this.kind = kind;
      this.a = this.#a[slot];
      this.b = this.#b[slot];
      if (this.#housekeeping[slot] === 0) this.#awake -= 1;
      if (this.#cancellable.size > 0) this.#cancellable.delete(this.seq);
      this.#remove();
      return true;
    }
    return false;
  }

  /** Time of the earliest event that is not house-keeping. */
  nextAwakeNs(): number | undefined {
    let best: number | undefined;
    for (let i = 0; i < this.#size; i += 1) {
      const slot = this.#heap[i] as number;
      if (this.#kinds[slot] === CANCELLED || this.#housekeeping[slot] !== 0) continue;
      const time = this.#times[slot] as number;
      if (best === undefined || time < best) best = time;
    }
    return best;
  }

  /** Everything queued, in order; `a` and `b` are the live references. */
  list(): { readonly nextSeq: number; readonly events: readonly QueuedEvent[] } {
    const events: QueuedEvent[] = [];
    for (let i = 0; i < this.#size; i += 1) {
      const slot = this.#heap[i] as number;
      if (this.#kinds[slot] === CANCELLED) continue;
      events.push({
        timeNs: this.#times[slot] as number,
        seq: this.#seqs[slot] as number,
        kind: this.#kinds[slot] as number,
        housekeeping: this.#housekeeping[slot] !== 0,
        a: this.#a[slot],
        b: this.#b[slot],
      });
    }
    events.sort((x, y) => x.timeNs - y.timeNs || x.seq - y.seq);
    return { nextSeq: this.#nextSeq, events };
  }

  load(nextSeq: number, events: readonly QueuedEvent[]): void {
    this.#size = 0;
    this.#used = 0;
    this.#awake = 0;
    this.#free.length = 0;
    this.#a.length = 0;
    this.#b.length = 0;
    this.#cancellable.clear();
    for (const e of events)
      this.#insert(e.timeNs, e.seq, e.kind, e.a, e.b, e.housekeeping, e.kind === EVENT_TIMER || e.kind === EVENT_NEIGHBOR || e.kind === EVENT_DEVICE);
    this.#nextSeq = nextSeq;
  }

  #insert(timeNs: number, seq: number, kind: number, a: unknown, b: unknown, housekeeping: boolean, cancellable: boolean): void {
    const slot = this.#free.length > 0 ? (this.#free.pop() as number) : this.#used++;
    if (slot >= this.#capacity) this.#grow();
    this.#times[slot] = timeNs;
    this.#seqs[slot] = seq;
    this.#kinds[slot] = kind;
    this.#housekeeping[slot] = housekeeping ? 1 : 0;
    this.#a[slot] = a;
    this.#b[slot] = b;
    if (!housekeeping) this.#awake += 1;
    if (cancellable) this.#cancellable.set(seq, slot);
    let i = this.#size;
    this.#size += 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const other = this.#heap[up] as number;
      if (!this.#before(slot, other)) break;
      this.#heap[i] = other;
      i = up;
    }
    this.#heap[i] = slot;
  }

  #before(x: number, y: number): boolean {
    const tx = this.#times[x] as number;
    const ty = this.#times[y] as number;
    return tx < ty || (tx === ty && (this.#seqs[x] as number) < (this.#seqs[y] as number));
  }

  /** Takes the heap's first slot away. */
  #remove(): void {
    const gone = this.#heap[0] as number;
    this.#a[gone] = undefined;
    this.#b[gone] = undefined;
    this.#free.push(gone);
    this.#size -= 1;
    if (this.#size === 0) return;
    const last = this.#heap[this.#size] as number;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1] as number, this.#heap[child] as number)) child += 1;
      const other = this.#heap[child] as number;
      if (!this.#before(other, last)) break;
      this.#heap[i] = other;
      i = child;
    }
    this.#heap[i] = last;
  }

  #grow(): void {
    this.#capacity *= 2;
    const times = new Float64Array(this.#capacity);
    times.set(this.#times);
    this.#times = times;
    const seqs = new Float64Array(this.#capacity);
    seqs.set(this.#seqs);
    this.#seqs = seqs;
    const kinds = new Uint8Array(this.#capacity);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    const housekeeping = new Uint8Array(this.#capacity);
    housekeeping.set(this.#housekeeping);
    this.#housekeeping = housekeeping;
    const heap = new Int32Array(this.#capacity);
    heap.set(this.#heap);
    this.#heap = heap;
  }
}
