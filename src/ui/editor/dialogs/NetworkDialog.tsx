/** The ways in which pods of different nodes can reach each other: what each does, and the change of a text that brings it. */
import { useEffect, useState } from 'react';
import type { Action } from '../../../world/actions/action-views.ts';
import { ActionCard } from '../../canvas/workbench/ActionCard.tsx';
import { Dialog } from '../../shell/Dialog.tsx';
import { useDocument, usePlayground } from '../../state/context.ts';
import styles from './dialogs.module.css';

export function NetworkDialog({ onClose }: { readonly onClose: () => void }) {
  const playground = usePlayground();
  const texts = useDocument((document) => (document.applying === 'applied' ? document.texts : undefined));
  const [actions, setActions] = useState<readonly Action[] | undefined>(undefined);
  useEffect(() => {
    if (texts === undefined) return;
    let alive = true;
    const show = (found: readonly Action[]) => {
      if (alive) setActions(found);
    };
    playground.client
      .call('actions', { kind: 'network' })
      .then(show)
      .catch(() => show([]));
    return () => {
      alive = false;
    };
  }, [playground, texts]);
  return (
    <Dialog title="The pod network" onClose={onClose} wide>
      <p className={styles.quiet}>
        {actions === undefined
          ? 'Looking …'
          : actions.length === 0
            ? 'No text of this document says how pods of different nodes reach each other.'
            : 'The cluster is made anew with another CNI; the same request then takes another road.'}
      </p>
      <ul className={styles.ways}>
        {(actions ?? []).map((action) => (
          <li key={action.title} data-now={action.edit === undefined}>
            {action.edit === undefined ? (
              <>
                <p className={styles.now}>
                  <b>{action.title}</b> <span>now</span>
                </p>
                <p className={styles.does}>{action.because}</p>
              </>
            ) : (
              <ActionCard action={action} open={false} onApplied={onClose} told />
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
