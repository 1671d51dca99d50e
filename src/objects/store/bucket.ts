/** A list of objects in order of their keys that can be handed out: the next change after that copies it. */
import type { KubeObject, ObjectKey } from '../types.ts';

export class Bucket {
  #keys: ObjectKey[] = [];
  #objects: KubeObject[] = [];
  #shared = false;

  /** Frozen in time: later changes do not show in it. */
  get list(): readonly KubeObject[] {
    this.#shared = true;
    return this.#objects;
  }

  get size(): number {
    return this.#keys.length;
  }

  put(key: ObjectKey, object: KubeObject): void {
    this.#own();
    const at = this.#search(key);
    if (this.#keys[at] === key) {
      this.#objects[at] = object;
    } else {
      this.#keys.splice(at, 0, key);
      this.#objects.splice(at, 0, object);
    }
  }

  remove(key: ObjectKey): void {
    const at = this.#search(key);
    if (this.#keys[at] !== key) return;
    this.#own();
    this.#keys.splice(at, 1);
    this.#objects.splice(at, 1);
  }

  /** Index of the key, or where it belongs. */
  #search(key: ObjectKey): number {
    let low = 0;
    let high = this.#keys.length;
    // Names often come in order: look at the end first.
    const last = this.#keys[high - 1];
    if (last === undefined || last < key) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #own(): void {
    if (!this.#shared) return;
    this.#objects = this.#objects.slice();
    this.#shared = false;
  }
}
