/** Where the page keeps what must outlive it: IndexedDB, or memory where the browser gives none (and then it says so). */
import { createStore, del, get, keys, set, type UseStore } from 'idb-keyval';

export interface Storage {
  /** False: what is written is gone with the page. */
  readonly persistent: boolean;
  get(key: string): Promise<unknown>;
  /** @throws when the browser refuses (quota, private mode, a broken profile). */
  set(key: string, value: unknown): Promise<void>;
  remove(key: string): Promise<void>;
  keys(): Promise<readonly string[]>;
}

export function memoryStorage(): Storage {
  const values = new Map<string, unknown>();
  return {
    persistent: false,
    get: (key) => Promise.resolve(structuredClone(values.get(key))),
    set: (key, value) => {
      values.set(key, structuredClone(value));
      return Promise.resolve();
    },
    remove: (key) => {
      values.delete(key);
      return Promise.resolve();
    },
    keys: () => Promise.resolve([...values.keys()]),
  };
}

function indexedDbStorage(store: UseStore): Storage {
  return {
    persistent: true,
    get: (key) => get<unknown>(key, store),
    set: (key, value) => set(key, value, store),
    remove: (key) => del(key, store),
    keys: async () => (await keys<string>(store)).filter((key) => typeof key === 'string'),
  };
}

/** A browser that blocks IndexedDB may throw, reject, or never answer. */
const OPEN_TIMEOUT_MS = 1_500;

export async function openStorage(): Promise<Storage> {
  try {
    const storage = indexedDbStorage(createStore('kubehop', 'documents'));
    const probe = storage.get('probe');
    await Promise.race([probe, new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), OPEN_TIMEOUT_MS))]);
    return storage;
  } catch {
    return memoryStorage();
  }
}

/** Full storage goes by several names (Chromium and Safari, old Safari, Firefox). */
export function isQuotaError(error: unknown): boolean {
  if (!(error instanceof DOMException)) return false;
  return error.name === 'QuotaExceededError' || error.name === 'NS_ERROR_DOM_QUOTA_REACHED' || error.code === 22 || error.code === 1014;
}
