/** The reader's documents: rename, open, take away as a file, bring back from a file or from the journal, or begin anew. */
import { useCallback, useEffect, useState } from 'react';
import { checkDocument } from '../state/check-document.ts';
import { useDocument, usePlayground } from '../state/context.ts';
import { type DocumentEntry, listDocuments, loadJournal, removeDocument, type SavedVersion } from '../state/document-store.ts';
import { newDocumentId } from '../state/new-id.ts';
import { exampleOpening, openingOf, ownOpening } from '../state/start.ts';
import { Dialog } from './Dialog.tsx';
import styles from './DocumentsDialog.module.css';
import { downloadWork } from './download.ts';

const dateOf = (ms: number) => new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const MAX_IMPORT_BYTES = 8 * 1024 * 1024;

export function DocumentsDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const id = useDocument((document) => document.id);
  const title = useDocument((document) => document.title);
  const [name, setName] = useState(title);
  const [entries, setEntries] = useState<readonly DocumentEntry[]>([]);
  const [journal, setJournal] = useState<readonly SavedVersion[]>([]);
  const { storage } = playground;
  const refresh = useCallback(async () => {
    setEntries(await listDocuments(storage));
    setJournal(await loadJournal(storage, id));
  }, [storage, id]);
  useEffect(() => {
    refresh().catch(() => undefined);
  }, [refresh]);

  const importFile = async (file: File) => {
    if (file.size > MAX_IMPORT_BYTES) {
      playground.notify('This file is larger than 8 MB, which no document of ours is.', 'problem');
      return;
    }
    const text = await file.text();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    if (value === undefined) {
      // Not ours: YAML becomes a world of its own.
      await playground.open(
        openingOf(
          newDocumentId(),
          { version: 1, seed: 1, title: file.name.slice(0, 60), files: [{ path: 'world.yaml', text }], inputs: [], positions: {} },
          'shared',
        ),
      );
      onClose();
      return;
    }
    const inner = typeof value === 'object' && value !== null && 'document' in value ? value.document : value;
    const checked = checkDocument(inner);
    if (!checked.ok) {
      playground.notify(`${file.name} cannot be opened: ${checked.problem}.`, 'problem');
      return;
    }
    await playground.open({ ...openingOf(newDocumentId(), checked.value, 'shared'), firstMinute: false });
    onClose();
  };

  return (
    <Dialog title="Documents" onClose={onClose}>
      <form
        className={styles.rename}
        onSubmit={(event) => {
          event.preventDefault();
          playground.rename(name);
          onClose();
        }}
      >
        <input aria-label="Name of this document" value={name} maxLength={120} onChange={(event) => setName(event.target.value)} />
        <button type="submit" disabled={name === title}>
          Rename
        </button>
      </form>
      <div className={styles.actions}>
        <button
          type="button"
          onClick={() => {
            const opening = exampleOpening('article', newDocumentId);
            onClose();
            if (opening !== undefined) void playground.open(opening);
          }}
        >
          New: the article’s cluster
        </button>
        <button
          type="button"
          onClick={() => {
            const work = playground.work();
            if (work !== undefined) downloadWork(work);
          }}
        >
          Download my work
        </button>
        <label className={styles.file}>
          Open a file …
          <input
            type="file"
            accept=".json,.yaml,.yml"
            onChange={(event) => {
              const file = event.target.files?.[0];
              if (file !== undefined) void importFile(file);
            }}
          />
        </label>
      </div>
      <h3>On this device</h3>
      {entries.length === 0 ? <p className={styles.none}>Nothing is saved yet. A document is saved by itself with your first change.</p> : null}
      <ul className={styles.list}>
        {entries.map((entry) => (
          <li key={entry.id} data-current={entry.id === id}>
            <button
              type="button"
              className={styles.entry}
              disabled={entry.id === id}
              onClick={() => {
                onClose();
                void ownOpening(storage, newDocumentId, entry.id).then((opening) => playground.open(opening));
              }}
            >
              <span>{entry.title}</span>
              <span className={styles.when}>
                {entry.id === id ? 'open · ' : ''}
                {dateOf(entry.savedAtMs)}
              </span>
            </button>
            {entry.id === id ? null : (
              <button
                type="button"
                className={styles.remove}
                aria-label={`Delete ${entry.title}`}
                onClick={() => void removeDocument(storage, entry.id).then(refresh)}
              >
                Delete
              </button>
            )}
          </li>
        ))}
      </ul>
      {journal.length < 2 ? null : (
        <>
          <h3>Earlier versions of this document</h3>
          <ul className={styles.list}>
            {journal.slice(1).map((version) => (
              <li key={version.revision}>
                <button
                  type="button"
                  className={styles.entry}
                  onClick={() => {
                    onClose();
                    // As a document of its own: going back must not lose what came after.
                    const document = { ...version.document, title: `${version.document.title ?? 'untitled'} (${dateOf(version.savedAtMs)})` };
                    void playground.open({ ...openingOf(newDocumentId(), document, 'shared'), texts: version.texts, firstMinute: false });
                  }}
                >
                  <span>{dateOf(version.savedAtMs)}</span>
                  <span className={styles.when}>opens as a new document</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}
