/** The ways in which pods of different nodes can reach each other: what each does, and the change of a text that brings it. */
import { ActionCard } from '../../canvas/workbench/ActionCard.tsx';
import { Dialog } from '../../shell/Dialog.tsx';
import styles from './dialogs.module.css';
import { useActions } from './use-actions.ts';

export function NetworkDialog({ onClose }: { readonly onClose: () => void }) {
  const actions = useActions('network');
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
