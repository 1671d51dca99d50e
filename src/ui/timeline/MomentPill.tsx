/** Whether the present or the past is shown, and the two ways out of the past: back to now, or on from here in another way. */
import { usePast, usePlayground, useSession } from '../state/context.ts';
import styles from './Moment.module.css';

export function MomentPill() {
  const playground = usePlayground();
  const { seq, view, now } = usePast((past) => past);
  const branched = useSession((session) => session.branched);
  const past = seq !== undefined;
  const title = branched
    ? 'Time stands still here until you type a command, change a text or press play'
    : past
      ? view === undefined || now
        ? 'The playhead is in the past'
        : 'Boxes, tables and texts are those of this moment'
      : 'What is shown is how it is now';
  return (
    <span className={styles.moment}>
      <span className={styles.pill} data-past={past || branched} title={title} role="status">
        {branched ? 'Stopped' : past ? 'Past' : 'Live'}
      </span>
      {past ? (
        <>
          <button type="button" className={styles.way} title="Back to now (N)" onClick={() => void playground.toPresent()}>
            Now
          </button>
          <button
            type="button"
            className={styles.way}
            title="Go on from this moment in another way; what came later is kept and can be opened again"
            onClick={() => void playground.branch()}
          >
            Branch
          </button>
        </>
      ) : null}
    </span>
  );
}
