/** The last resort when the page goes while something is unsaved: IndexedDB answers too late then, localStorage answers at once. Taken up, and emptied, by the next visit. */
import { type SavedVersion, type SavedWork, sealWork, unsealWork } from './document-store.ts';

const KEY = 'kubehop-unsaved';

export interface Rescued extends SavedVersion {
  readonly id: string;
}

/** Where texts can be kept synchronously; undefined where the browser forbids it (a frame without an origin, blocked storage). */
export type SynchronousStorage = Pick<globalThis.Storage, 'getItem' | 'setItem' | 'removeItem'>;

export function findSynchronousStorage(): SynchronousStorage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/** Keeps the work; a browser that refuses (full, private) loses what the last second brought, as without this. */
export function packParachute(storage: SynchronousStorage | undefined, id: string, work: SavedWork, revision: number, nowMs: number): void {
  try {
    storage?.setItem(KEY, JSON.stringify({ id, slot: sealWork(work, revision, nowMs) }));
  } catch {
    // Nothing else can be done in a page that is going away.
  }
}

/** What the page before left, if it is whole. */
export function openParachute(storage: SynchronousStorage | undefined): Rescued | undefined {
  try {
    const text = storage?.getItem(KEY) ?? null;
    if (text === null) return undefined;
    storage?.removeItem(KEY);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('id' in value) || typeof value.id !== 'string' || !('slot' in value)) return undefined;
    const version = unsealWork(value.slot);
    return version === undefined ? undefined : { id: value.id, ...version };
  } catch {
    return undefined;
  }
}
