/** A list of objects in order of their keys that can be handed out: the next change after that copies it. */
import type { KubeObject, ObjectKey } from '../types.ts';

/** New keys wait unsorted until somebody asks for the list: a thousand of them then cost one merge, not a thousand shifts of the whole list. */
export class Bucket {
  #keys: ObjectKey[] = [];
  #objects: KubeObject[] = [];
  #shared = false;
  readonly #added = new Map<ObjectKey, KubeObject>();

  /** Frozen in time: later changes do not show in it. */
  get list(): readonly KubeObject[] {
    if (this.#added.size > 0) this.#merge();
    this.#shared = true;
    return this.#objects;
  }

  get size(): number {
    return this.#keys.length + this.#added.size;
  }

  put(key: ObjectKey, object: KubeObject): void {
    const at = this.#search(key);
    if (this.#keys[at] !== key) {
      this.#added.set(key, object);
      return;
    }
    this.#own();
    this.#objects[at] = object;
  }

  remove(key: ObjectKey): void {
    if (this.#added.delete(key)) return;
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

  #merge(): void {
    const added = [...this.#added.keys()].sort();
    const keys: ObjectKey[] = [];
    const objects: KubeObject[] = [];
    let next = 0;
    const take = (key: ObjectKey): void => {
      keys.push(key);
      objects.push(this.#added.get(key) as KubeObject);
      next += 1;
    };
    for (let i = 0; i < this.#keys.length; i += 1) {
      const key = this.#keys[i] as ObjectKey;
      for (let one = added[next]; one !== undefined && one < key; one = added[next]) take(one);
      keys.push(key);
      objects.push(this.#objects[i] as KubeObject);
    }
    for (let one = added[next]; one !== undefined; one = added[next]) take(one);
    this.#added.clear();
    this.#keys = keys;
    this.#objects = objects;
    this.#shared = false;
  }

  #own(): void {
    if (!this.#shared) return;
    this.#objects = this.#objects.slice();
    this.#shared = false;
  }
}
