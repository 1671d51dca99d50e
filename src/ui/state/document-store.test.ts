import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WorldDocument } from '../../world/document.ts';
import { Autosave, type SaveState } from './autosave.ts';
import {
  JOURNAL_LENGTH,
  listDocuments,
  loadDocument,
  loadJournal,
  removeDocument,
  type SavedWork,
  saveDocument,
  sealWork,
  unsealWork,
} from './document-store.ts';
import { memoryStorage, type Storage } from './storage.ts';

const documentOf = (text: string): WorldDocument => ({ version: 1, seed: 1, title: 'mine', files: [{ path: 'a.yaml', text }], inputs: [], positions: {} });
const workOf = (text: string) => ({ document: documentOf(text), texts: [{ path: 'a.yaml', text }] });

/** Fails (as a killed page does) after so many writes. */
function mortal(storage: Storage, writes: number): Storage {
  let left = writes;
  return {
    ...storage,
    set: (key, value) => {
      if (left <= 0) return Promise.reject(new Error('killed'));
      left -= 1;
      return storage.set(key, value);
    },
  };
}

describe('a saved document', () => {
  it('comes back as it was, with the texts of the editor', async () => {
    const storage = memoryStorage();
    await saveDocument(storage, 'd', { document: documentOf('old'), texts: [{ path: 'a.yaml', text: 'not applied yet: [' }] }, 1, 1000);
    const loaded = await loadDocument(storage, 'd');
    expect(loaded?.document).toEqual(documentOf('old'));
    expect(loaded?.texts).toEqual([{ path: 'a.yaml', text: 'not applied yet: [' }]);
    expect(await listDocuments(storage)).toEqual([{ id: 'd', title: 'mine', savedAtMs: 1000 }]);
  });

  it('is never lost nor corrupt when the page is killed between any two writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 8 }), async (kills) => {
        const storage = memoryStorage();
        await saveDocument(storage, 'd', workOf('0'), 1, 0);
        let revision = 1;
        let number = 0;
        for (const writes of kills) {
          number += 1;
          try {
            await saveDocument(mortal(storage, writes), 'd', workOf(String(number)), revision + 1, number);
          } catch {
            // The page died; the next one reads what is there.
          }
          const loaded = await loadDocument(storage, 'd');
          expect(loaded).toBeDefined();
          expect([String(number), String(number - 1)]).toContain(loaded?.texts[0]?.text);
          revision = loaded?.revision ?? 0;
          number = Number(loaded?.texts[0]?.text);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is read from the other slot when the one pointed at is corrupt', async () => {
    const storage = memoryStorage();
    await saveDocument(storage, 'd', workOf('first'), 1, 0);
    await saveDocument(storage, 'd', workOf('second'), 2, 0);
    await storage.set('document/d/slot1', { revision: 2, savedAtMs: 0, crc: 1, json: '{"document":' });
    expect((await loadDocument(storage, 'd'))?.texts[0]?.text).toBe('first');
  });

  it('keeps what was typed when the history of its world cannot be read', async () => {
    const odd = { ...workOf('typed').document, inputs: [{ kind: 'dance', timeNs: 0 }] } as unknown as SavedWork['document'];
    const kept = unsealWork(sealWork({ ...workOf('typed'), document: odd }, 4, 9));
    expect(kept).toMatchObject({ revision: 4, savedAtMs: 9, document: { inputs: [] }, texts: [{ text: 'typed' }] });
    // Of a newer version nothing is guessed; it stays where it is.
    expect(unsealWork(sealWork({ ...workOf('typed'), document: { ...odd, version: 2 } as unknown as SavedWork['document'] }, 4, 9))).toBeUndefined();
  });

  it('never overwrites a newer revision', async () => {
    const storage = memoryStorage();
    await saveDocument(storage, 'd', workOf('newer'), 5, 0);
    expect(await saveDocument(storage, 'd', workOf('older'), 5, 0)).toBeUndefined();
    expect((await loadDocument(storage, 'd'))?.texts[0]?.text).toBe('newer');
  });

  it('keeps a journal of its last versions', async () => {
    const storage = memoryStorage();
    for (let i = 1; i <= 30; i += 1) await saveDocument(storage, 'd', workOf(String(i)), i, i * 120_000);
    const journal = await loadJournal(storage, 'd');
    expect(journal.length).toBe(JOURNAL_LENGTH);
    expect(journal[0]?.texts[0]?.text).toBe('30');
    await removeDocument(storage, 'd');
    expect(await storage.keys()).toEqual(['documents']);
  });
});

describe('autosave', () => {
  afterEach(() => vi.useRealTimers());

  it('writes within a second of a change, and says what it did', async () => {
    vi.useFakeTimers();
    const storage = { ...memoryStorage(), persistent: true };
    const states: SaveState[] = [];
    let text = 'one';
    const autosave = new Autosave({ storage, documentId: 'd', revision: 0, collect: () => workOf(text), now: () => 5, onState: (state) => states.push(state) });
    autosave.changed();
    text = 'two';
    autosave.changed();
    await vi.advanceTimersByTimeAsync(1000);
    expect((await loadDocument(storage, 'd'))?.texts[0]?.text).toBe('two');
    expect(states.map((state) => state.kind)).toEqual(['pending', 'pending', 'saved']);
  });

  it('says in words that storage is full, and tries again at the next change', async () => {
    const inner = { ...memoryStorage(), persistent: true };
    let full = true;
    const storage: Storage = { ...inner, set: (key, value) => (full ? Promise.reject(new DOMException('full', 'QuotaExceededError')) : inner.set(key, value)) };
    const states: SaveState[] = [];
    const autosave = new Autosave({ storage, documentId: 'd', revision: 0, collect: () => workOf('x'), now: () => 5, onState: (state) => states.push(state) });
    autosave.changed();
    await autosave.flush();
    expect(states.at(-1)).toMatchObject({ kind: 'failed', reason: 'quota' });
    full = false;
    autosave.changed();
    await autosave.flush();
    expect(states.at(-1)).toEqual({ kind: 'saved', atMs: 5 });
  });

  it('writes nothing when another tab has the document', async () => {
    const storage = { ...memoryStorage(), persistent: true };
    const autosave = new Autosave({ storage, documentId: 'd', revision: 0, collect: () => workOf('x'), now: () => 5, onState: () => undefined });
    autosave.writable = false;
    autosave.changed();
    await autosave.flush();
    expect(await storage.keys()).toEqual([]);
  });
});
