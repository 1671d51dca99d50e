/** A map whose snapshot is a reference: the next change after a snapshot copies it once. */
export class CowMap<K, V> {
  #map = new Map<K, V>();
  #shared = false;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#own();
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    if (!this.#map.has(key)) return false;
    this.#own();
    return this.#map.delete(key);
  }

  /** In order of first insertion. Not to be iterated while changing. */
  entries(): IterableIterator<[K, V]> {
    return this.#map.entries();
  }

  keys(): IterableIterator<K> {
    return this.#map.keys();
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  snapshot(): ReadonlyMap<K, V> {
    this.#shared = true;
    return this.#map;
  }

  restore(snapshot: ReadonlyMap<K, V>): void {
    this.#map = snapshot as Map<K, V>;
    this.#shared = true;
  }

  #own(): void {
    if (!this.#shared) return;
    this.#map = new Map(this.#map);
    this.#shared = false;
  }
}
