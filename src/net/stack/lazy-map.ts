/** A map that weighs nothing until something is put into it: of thousands of netns and devices most never learn anything. */

const NOTHING: ReadonlyMap<never, never> = new Map<never, never>();

export class LazyMap<K, V> {
  #map: Map<K, V> | undefined = undefined;

  get size(): number {
    return this.#map === undefined ? 0 : this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map === undefined ? undefined : this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map?.has(key) === true;
  }

  set(key: K, value: V): this {
    this.#map ??= new Map();
    this.#map.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    return this.#map?.delete(key) === true;
  }

  clear(): void {
    this.#map?.clear();
  }

  /** In order of first insertion, as in a Map. */
  keys(): IterableIterator<K> {
    return (this.#map ?? NOTHING).keys();
  }

  values(): IterableIterator<V> {
    return (this.#map ?? NOTHING).values();
  }

  entries(): IterableIterator<[K, V]> {
    return (this.#map ?? NOTHING).entries();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }
}
