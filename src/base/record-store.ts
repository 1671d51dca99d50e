/** A map of immutable records by id that remembers its changes as diffs: snapshots, undo and mirrors all come from here. */

export interface Identified {
  readonly id: string;
}

/** One change of one record: no `before` = added, no `after` = removed. Swap the two to undo. */
export interface Change<R> {
  readonly id: string;
  readonly before?: R;
  readonly after?: R;
  /** The command line that did it, where a person did. */
  readonly by?: string;
}

export type RecordSnapshot<R> = ReadonlyMap<string, R>;

/** Records are never mutated: to change one, put a new one with the same id. */
export class RecordStore<R extends Identified> {
  #records = new Map<string, R>();
  #shared = false;
  #version = 0;
  #by: string | undefined = undefined;
  readonly #listeners = new Set<(change: Change<R>) => void>();

  /** Grows by one with each change; equal versions of one store mean equal content. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#records.size;
  }

  find(id: string): R | undefined {
    return this.#records.get(id);
  }

  /** @throws {Error} when there is no record with this id (our own mistake, never the user's). */
  get(id: string): R {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`no record ${id}`);
    return record;
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  /** In order of first insertion. */
  values(): IterableIterator<R> {
    return this.#records.values();
  }

  /** Adds or replaces; putting the very same reference again is no change. */
  put(record: R): void {
    const before = this.#records.get(record.id);
    if (before === record) return;
    this.#own();
    this.#records.set(record.id, record);
    this.#changed(before === undefined ? { id: record.id, after: record } : { id: record.id, before, after: record });
  }

  /** Removes the record if it is there. */
  remove(id: string): void {
    const before = this.#records.get(id);
    if (before === undefined) return;
    this.#own();
    this.#records.delete(id);
    this.#changed({ id, before });
  }

  /** Changes made while `act` runs carry `by`: a person's command line, or nothing for what agents do in between. */
  attribute<T>(by: string | undefined, act: () => T): T {
    const outer = this.#by;
    this.#by = by;
    try {
      return act();
    } finally {
      this.#by = outer;
    }
  }

  /** Calls `listener` after each change; returns the function that stops it. */
  listen(listener: (change: Change<R>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All records as they are now, for `restore`; costs nothing until the next change copies the map. */
  snapshot(): RecordSnapshot<R> {
    this.#shared = true;
    return this.#records;
  }

  /** Goes back (or forward) to a snapshot, telling listeners each difference. */
  restore(snapshot: RecordSnapshot<R>): void {
    if (snapshot === this.#records) return;
    const previous = this.#records;
    this.#records = snapshot as Map<string, R>;
    this.#shared = true;
    for (const [id, before] of previous) {
      const after = snapshot.get(id);
      if (after === undefined) this.#changed({ id, before });
      else if (after !== before) this.#changed({ id, before, after });
    }
    for (const [id, after] of snapshot) if (!previous.has(id)) this.#changed({ id, after });
  }

  #own(): void {
    if (!this.#shared) return;
    this.#records = new Map(this.#records);
    this.#shared = false;
  }

  #changed(change: Change<R>): void {
    this.#version += 1;
    const told = this.#by === undefined ? change : { ...change, by: this.#by };
    for (const listener of this.#listeners) listener(told);
  }
}
