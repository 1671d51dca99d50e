/** Shown instead of a world when the address names one that cannot be opened, or one that must be asked for first. */
import { useState } from 'react';
import { PlaygroundContext } from '../state/context.ts';
import { newDocumentId } from '../state/new-id.ts';
import type { Playground } from '../state/playground.ts';
import { exampleOpening, fetchWorld, type Opening, ownOpening, type Start } from '../state/start.ts';
import styles from './Shell.module.css';

export interface StartCardProps {
  readonly start: Exclude<Start, { readonly kind: 'open' }>;
  readonly playground: Playground;
  readonly onOpen: (opening: Opening) => void;
}

export function StartCard({ start, playground, onOpen }: StartCardProps) {
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const others = (
    <>
      <button type="button" onClick={() => void ownOpening(playground.storage, newDocumentId).then(onOpen)}>
        Open my own work
      </button>
      <button
        type="button"
        onClick={() => {
          const opening = exampleOpening('article', newDocumentId);
          if (opening !== undefined) onOpen(opening);
        }}
      >
        Open the article’s cluster
      </button>
    </>
  );
  return (
    <PlaygroundContext value={playground}>
      <main className={styles.cardPage}>
        <div className={styles.card} role="alert">
          {start.kind === 'broken' ? (
            <>
              <h1>This link does not open</h1>
              <p>{start.message}</p>
              <div className={styles.cardActions}>{others}</div>
            </>
          ) : (
            <>
              <h1>Load a world from another site?</h1>
              <p>
                The link asks this page to read YAML from
                <br />
                <code>{start.url}</code>
              </p>
              <p>That site will see your request. What it sends is only read as YAML; nothing in it can run.</p>
              {problem === undefined ? null : <p role="status">{problem}</p>}
              <div className={styles.cardActions}>
                <button
                  type="button"
                  disabled={busy}
                  onClick={() => {
                    setBusy(true);
                    fetchWorld(start.url, newDocumentId).then(onOpen, (error: unknown) => {
                      setProblem(error instanceof Error ? error.message : String(error));
                      setBusy(false);
                    });
                  }}
                >
                  {busy ? 'Loading …' : 'Load it'}
                </button>
                {others}
              </div>
            </>
          )}
        </div>
      </main>
    </PlaygroundContext>
  );
}
