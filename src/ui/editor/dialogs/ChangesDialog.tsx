/** What differs from the world that runs, or from how the document began, hunk by hunk, and a way back for each. */
import { useEffect, useMemo, useState } from 'react';
import type { DocumentFile } from '../../../world/document.ts';
import { Dialog } from '../../shell/Dialog.tsx';
import { Segmented } from '../../shell/Segmented.tsx';
import { withKeys } from '../../shell/with-keys.ts';
import { useDocument, usePlayground, useSession } from '../../state/context.ts';
import { diffLines, type Hunk, revertHunk } from '../line-diff.ts';
import styles from './dialogs.module.css';

type Base = 'beginning' | 'applied';

interface FileChange {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly hunks: readonly Hunk[];
}

function changesOf(before: readonly DocumentFile[], after: readonly DocumentFile[]): readonly FileChange[] {
  const paths = [...new Set([...after.map((file) => file.path), ...before.map((file) => file.path)])];
  return paths.flatMap((path) => {
    const old = before.find((file) => file.path === path)?.text;
    const now = after.find((file) => file.path === path)?.text;
    return old === now ? [] : [{ path, before: old, after: now, hunks: diffLines(old ?? '', now ?? '') }];
  });
}

function HunkView({ hunk, onRevert }: { readonly hunk: Hunk; readonly onRevert: (() => void) | undefined }) {
  return (
    <div className={styles.hunk}>
      <div className={styles.hunkHead}>
        <code>
          @@ -{hunk.oldStart},{hunk.oldCount} +{hunk.newStart},{hunk.newCount} @@
        </code>
        {onRevert === undefined ? null : (
          <button type="button" className={styles.small} onClick={onRevert}>
            Take back
          </button>
        )}
      </div>
      <pre className={styles.diff}>
        {withKeys(hunk.lines, (line) => `${line.sign}${line.text}`).map(({ key, item }) => (
          <span key={key} data-sign={item.sign}>
            {item.sign} {item.text}
            {'\n'}
          </span>
        ))}
      </pre>
    </div>
  );
}

export function ChangesDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const texts = useDocument((document) => document.texts);
  const applying = useDocument((document) => document.applying);
  const writable = useSession((session) => session.writable);
  const [base, setBase] = useState<Base>(applying === 'refused' ? 'applied' : 'beginning');
  const [applied, setApplied] = useState<readonly DocumentFile[] | undefined>(undefined);
  useEffect(() => {
    let alive = true;
    // Once it has answered for the present texts.
    if (applying !== 'pending')
      playground.client.call('yamlApplied').then(
        (files) => {
          if (alive) setApplied(files);
        },
        () => undefined,
      );
    return () => {
      alive = false;
    };
  }, [playground, applying]);
  const before = base === 'beginning' ? playground.currentDocument()?.files : applied;
  const changes = useMemo(() => (before === undefined ? [] : changesOf(before, texts)), [before, texts]);
  const setText = (path: string, text: string | undefined) => {
    const problem = playground.edits.setText(path, text ?? null);
    if (problem !== undefined) playground.notify(problem, 'problem');
  };
  return (
    <Dialog title="Changes" onClose={onClose} wide>
      <div className={styles.segments}>
        <Segmented
          label="Compared with"
          value={base}
          options={[
            ['beginning', 'The beginning'],
            ['applied', 'What is running'],
          ]}
          onChange={setBase}
        />
      </div>
      {changes.length === 0 ? (
        <p className={styles.quiet}>{base === 'beginning' ? 'The files are as they were when this document began.' : 'Everything in the files is applied.'}</p>
      ) : null}
      {changes.map((change) => (
        <section key={change.path} aria-label={change.path}>
          <div className={styles.fileHead}>
            <h3>{change.path}</h3>
            <span className={styles.where}>{change.before === undefined ? 'new' : change.after === undefined ? 'removed' : ''}</span>
            {writable ? (
              <button type="button" className={styles.small} onClick={() => setText(change.path, change.before)}>
                {change.before === undefined ? 'Remove' : change.after === undefined ? 'Bring back' : 'Take all back'}
              </button>
            ) : null}
          </div>
          {withKeys(change.hunks, (hunk) => `${hunk.oldStart} ${hunk.newStart}`).map(({ key, item }) => (
            <HunkView
              key={key}
              hunk={item}
              onRevert={
                writable && change.before !== undefined && change.after !== undefined && change.hunks.length > 1
                  ? () => setText(change.path, revertHunk(change.after ?? '', item))
                  : undefined
              }
            />
          ))}
        </section>
      ))}
    </Dialog>
  );
}
