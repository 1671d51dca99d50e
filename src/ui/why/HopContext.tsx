/** The rule or route that decided, among its neighbours: why the others did not. */
import { useEffect, useState } from 'react';
import type { HopContext as Context, NeighborRow } from '../../world/views.ts';
import { withKeys } from '../shell/with-keys.ts';
import { usePlayground } from '../state/context.ts';
import styles from './Why.module.css';

function Neighbor({ row }: { readonly row: NeighborRow }) {
  const playground = usePlayground();
  const { objectKey, yaml } = row;
  return (
    <li className={styles.neighbor} aria-current={row.decided ? 'true' : undefined}>
      <code>
        {row.number === undefined ? '' : `${row.number} `}
        {row.text}
      </code>
      <p>
        {row.why}{' '}
        {objectKey === undefined ? (
          <span className={styles.by}>{row.writtenBy}</span>
        ) : (
          <button
            type="button"
            className={styles.owner}
            onClick={() =>
              yaml === undefined
                ? playground.select({ kind: 'object', key: objectKey })
                : playground.revealPlace(yaml.file, yaml.span.startOffset, yaml.span.endOffset)
            }
          >
            {objectKey}
            {yaml === undefined ? '' : `, ${yaml.file}:${yaml.span.startLine}`}
          </button>
        )}
      </p>
    </li>
  );
}

function Load({ seq }: { readonly seq: number }) {
  const { client } = usePlayground();
  const [context, setContext] = useState<Context | null | undefined>(undefined);
  useEffect(() => {
    let alive = true;
    client.call('hopContext', seq).then(
      (found) => {
        if (alive) setContext(found);
      },
      () => {
        if (alive) setContext(null);
      },
    );
    return () => {
      alive = false;
    };
  }, [client, seq]);
  if (context === undefined) return <p className={styles.note}>Looking …</p>;
  if (context === null) return <p className={styles.note}>Its table at that moment is not known.</p>;
  const rows = context.rules ?? context.routes ?? [];
  return (
    <>
      {context.skipped === undefined || context.skipped === 0 ? null : <p className={styles.note}>{context.skipped} earlier rules did not match.</p>}
      <ol className={styles.neighbors}>
        {withKeys(rows, (row) => row.text).map(({ key, item }) => (
          <Neighbor key={key} row={item} />
        ))}
      </ol>
    </>
  );
}

export function HopContext({ seq }: { readonly seq: number }) {
  const [open, setOpen] = useState(false);
  return (
    <details className={styles.context} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>In its table: why not the others?</summary>
      {open ? <Load seq={seq} /> : null}
    </details>
  );
}
