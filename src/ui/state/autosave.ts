/** Saves the current work within a second of each change, one write at a time, and at once when the page is about to go. */
import { type SavedWork, saveDocument } from './document-store.ts';
import { findSynchronousStorage, packParachute } from './parachute.ts';
import { isQuotaError, type Storage } from './storage.ts';

export type SaveState =
  /** Nothing was changed yet, so nothing is written. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'saved'; readonly atMs: number }
  /** `memory`: this browser stores nothing. `conflict`: another tab saved a newer version. */
  | { readonly kind: 'failed'; readonly reason: 'quota' | 'memory' | 'conflict' | 'error'; readonly message: string };

export interface AutosaveOptions {
  readonly storage: Storage;
  readonly documentId: string;
  /** The last revision that storage has (0: none). */
  readonly revision: number;
  /** What to save; asked when it is saved. */
  collect(): SavedWork | undefined;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  onState(state: SaveState): void;
}

const DELAY_MS = 400;

export class Autosave {
  readonly #options: AutosaveOptions;
  #revision: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dirty = false;
  #writing: Promise<void> | undefined;
  #writable = true;

  constructor(options: AutosaveOptions) {
    this.#options = options;
    this.#revision = options.revision;
  }

  /** False: changes are no longer written (another tab has the document). */
  set writable(writable: boolean) {
    this.#writable = writable;
  }

  /** The last revision that storage has. */
  get revision(): number {
    return this.#revision;
  }

  changed(): void {
    this.#dirty = true;
    if (!this.#writable) return;
    this.#options.onState({ kind: 'pending' });
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS);
  }

  /** The page is going: what is not written yet goes where a write cannot be cut off. */
  packUnsaved(): void {
    if (!this.#writable || (!this.#dirty && this.#writing === undefined)) return;
    const { documentId, collect, now } = this.#options;
    const work = collect();
    if (work !== undefined) packParachute(findSynchronousStorage(), documentId, work, this.#revision + 1, now());
  }

  /** Writes what is not written yet. Never rejects: failures are a state. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== undefined) await this.#writing;
    if (!this.#dirty || !this.#writable) return;
    this.#writing = this.#write();
    await this.#writing;
    this.#writing = undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writable = false;
  }

  async #write(): Promise<void> {
    const { storage, documentId, collect, now, onState } = this.#options;
    const work = collect();
    if (work === undefined) return;
    this.#dirty = false;
    try {
      const written = await saveDocument(storage, documentId, work, this.#revision + 1, now());
      if (written === undefined) {
        this.#dirty = true;
        onState({ kind: 'failed', reason: 'conflict', message: 'Another tab has saved a newer version of this document; this one is not overwriting it.' });
        return;
      }
      this.#revision = written;
      if (this.#dirty && storage.persistent) return;
      onState(
        storage.persistent
          ? { kind: 'saved', atMs: now() }
          : {
              kind: 'failed',
              reason: 'memory',
              message: 'This browser gives the page no storage: your work is gone when you close it. Download it, or copy a share link.',
            },
      );
    } catch (error) {
      this.#dirty = true;
      const quota = isQuotaError(error);
      onState({
        kind: 'failed',
        reason: quota ? 'quota' : 'error',
        message: quota
          ? 'The browser’s storage is full: your work is not saved. Download it, or copy a share link.'
          : 'The browser did not let us save: your work is not stored. Download it, or copy a share link.',
      });
    }
  }
}
