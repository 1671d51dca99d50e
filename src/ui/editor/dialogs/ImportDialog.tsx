/** Files, a folder or a cluster dump on their way into the document: what would come in, what would not, and the choice. */
import { useEffect, useRef, useState } from 'react';
import type { DocumentFile } from '../../../world/document.ts';
import type { ImportPlan } from '../../../world/language/requests.ts';
import { Dialog } from '../../shell/Dialog.tsx';
import { useDocument, usePlayground, useSession } from '../../state/context.ts';
import { newDocumentId } from '../../state/new-id.ts';
import { openingOf } from '../../state/start.ts';
import { MAX_IMPORT_BYTES, readFiles } from '../read-files.ts';
import styles from './dialogs.module.css';

interface Read {
  readonly plan: ImportPlan;
  readonly problems: readonly string[];
}

const counted = (count: number, word: string) => `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;

export function ImportDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const incoming = useSession((session) => session.incoming);
  const writable = useSession((session) => session.writable);
  const texts = useDocument((document) => document.texts);
  const [pasted, setPasted] = useState('');
  const [read, setRead] = useState<Read | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Not an attribute that React knows.
    folder.current?.setAttribute('webkitdirectory', '');
  }, []);

  const take = async (files: readonly DocumentFile[], problems: readonly string[] = []) => {
    setBusy(true);
    try {
      const plan = await playground.client.call(
        'yamlImport',
        files,
        texts.map((file) => file.path),
      );
      setRead({ plan, problems });
    } catch {
      playground.notify('The files could not be read. Nothing was changed.', 'problem');
    } finally {
      setBusy(false);
    }
  };
  const first = useRef(take);
  useEffect(() => {
    if (incoming === undefined) return;
    playground.session.setState({ incoming: undefined });
    void first.current(incoming.files, incoming.problems);
  }, [incoming, playground]);
  const choose = (list: FileList | null) => {
    if (list !== null) void readFiles([...list]).then(({ files, problems }) => take(files, problems));
  };
  const add = () => {
    for (const file of read?.plan.files ?? []) {
      const problem = playground.edits.addFile(file.path, file.text);
      if (problem !== undefined) {
        playground.notify(problem, 'problem');
        break;
      }
    }
    onClose();
  };
  const openNew = () => {
    onClose();
    const files = read?.plan.files ?? [];
    const opening = openingOf(newDocumentId(), { version: 1, seed: 1, title: files[0]?.path ?? 'imported', files, inputs: [], positions: {} }, 'shared');
    void playground.open({ ...opening, firstMinute: false });
  };
  const plan = read?.plan;
  return (
    <Dialog title="Add files" onClose={onClose}>
      {plan === undefined ? (
        <>
          <p>
            Manifests come in as they are. From a cluster dump (<code>kubectl get all,nodes,netpol,ingress -A -o yaml</code>) comes what somebody wrote; what
            the cluster makes by itself is left out.
          </p>
          <div className={styles.choices}>
            <label className={styles.pick}>
              Files …
              <input type="file" multiple accept=".yaml,.yml,.json" onChange={(event) => choose(event.target.files)} />
            </label>
            <label className={styles.pick}>
              A folder …
              <input type="file" multiple ref={folder} onChange={(event) => choose(event.target.files)} />
            </label>
          </div>
          <textarea
            className={styles.paste}
            aria-label="Or paste YAML here"
            placeholder="Or paste YAML here"
            value={pasted}
            spellCheck={false}
            onPaste={(event) => {
              const text = event.clipboardData.getData('text/plain');
              if (text.length <= MAX_IMPORT_BYTES / 32) return;
              // A long text is read, not shown.
              event.preventDefault();
              if (text.length > MAX_IMPORT_BYTES)
                playground.notify(`What you pasted has ${Math.round(text.length / 1024 / 1024)} MB; at most 8 MB are read.`, 'problem');
              else void take([{ path: 'pasted.yaml', text }]);
            }}
            onChange={(event) => setPasted(event.target.value)}
          />
          <div className={styles.choices}>
            <button
              type="button"
              className={styles.main}
              disabled={pasted.trim() === '' || busy}
              onClick={() => void take([{ path: 'pasted.yaml', text: pasted }])}
            >
              {busy ? 'Reading …' : 'Read'}
            </button>
          </div>
        </>
      ) : (
        <>
          <p role="status">
            {plan.files.length === 0
              ? 'There is nothing here that could come in.'
              : `${counted(plan.objects, 'object')} in ${counted(plan.files.length, 'file')}: `}
            {plan.files.map((file) => file.path).join(', ')}
          </p>
          {plan.notes.length + (read?.problems.length ?? 0) === 0 ? null : (
            <ul className={styles.notes}>
              {[...(read?.problems ?? []), ...plan.notes].map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          )}
          <div className={styles.choices}>
            <button type="button" className={styles.main} disabled={plan.files.length === 0 || !writable} onClick={add}>
              Add to this document
            </button>
            <button type="button" className={styles.pick} disabled={plan.files.length === 0} onClick={openNew}>
              Open as a new document
            </button>
            <button type="button" className={styles.pick} onClick={() => setRead(undefined)}>
              Back
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
