import { describe, expect, it } from 'vitest';
import type { WorldDocument } from '../../world/document.ts';
import { loadDocument, saveDocument } from './document-store.ts';
import { encodeShare } from './share-link.ts';
import { decideStart } from './start.ts';
import { memoryStorage } from './storage.ts';

const mine: WorldDocument = { version: 1, seed: 3, title: 'mine', files: [{ path: 'mine.yaml', text: 'kind: Pod' }], inputs: [], positions: {} };
const shared: WorldDocument = { ...mine, title: 'theirs', files: [{ path: 'theirs.yaml', text: 'kind: Service' }] };
const newId = () => 'new';

describe('a visit', () => {
  it('without a link opens the article’s cluster the first time, and the reader’s last work later', async () => {
    const storage = memoryStorage();
    const first = await decideStart('', storage, newId);
    expect(first.kind === 'open' && first.opening).toMatchObject({ id: 'new', origin: 'own', revision: 0, firstMinute: true });
    await saveDocument(storage, 'd1', { document: mine, texts: [{ path: 'mine.yaml', text: 'half typ' }] }, 1, 0);
    const second = await decideStart('', storage, newId);
    expect(second.kind === 'open' && second.opening).toMatchObject({ id: 'd1', revision: 1, document: mine, texts: [{ path: 'mine.yaml', text: 'half typ' }] });
  });

  it('by a share link opens a new document, paused, and writes nothing', async () => {
    const storage = memoryStorage();
    await saveDocument(storage, 'd1', { document: mine, texts: mine.files }, 1, 0);
    const before = await storage.keys();
    const start = await decideStart(encodeShare(shared, { seq: 9 }), storage, newId);
    expect(start.kind === 'open' && start.opening).toMatchObject({ id: 'new', origin: 'shared', document: shared, moment: { seq: 9 }, firstMinute: false });
    expect(await storage.keys()).toEqual(before);
    expect((await loadDocument(storage, 'd1'))?.document).toEqual(mine);
  });

  it('by a damaged link opens nothing, not even a default', async () => {
    expect((await decideStart(encodeShare(shared).slice(0, -3), memoryStorage(), newId)).kind).toBe('broken');
    expect((await decideStart('#x=nowhere', memoryStorage(), newId)).kind).toBe('broken');
  });

  it('by the name of a scenario opens its world beside its text', async () => {
    const start = await decideStart('#x=selector-mismatch', memoryStorage(), newId);
    expect(start.kind === 'open' && start.opening).toMatchObject({ lesson: { id: 'selector-mismatch', step: 1 }, firstMinute: false });
    expect(start.kind === 'open' && start.opening.texts.map((file) => file.path)).toEqual(['shop.yaml', 'client.yaml']);
    const third = await decideStart('#x=selector-mismatch&step=3', memoryStorage(), newId);
    expect(third.kind === 'open' && third.opening.lesson).toEqual({ id: 'selector-mismatch', step: 3 });
  });

  it('by an address asks first', async () => {
    expect(await decideStart('#u=https://example.org/a.yaml', memoryStorage(), newId)).toEqual({ kind: 'ask', url: 'https://example.org/a.yaml' });
  });
});
