/** Says on the canvas that its boxes are those of an earlier moment. */
import { usePast, usePlayground } from '../state/context.ts';
import styles from './Moment.module.css';

export function PastBanner() {
  const playground = usePlayground();
  const different = usePast((past) => past.view !== undefined && !past.now);
  if (!different) return null;
  return (
    <div className={styles.banner}>
      <span>As it was at the playhead</span>
      <button type="button" onClick={() => void playground.toPresent()}>
        Back to now
      </button>
      <button type="button" onClick={() => void playground.branch()}>
        Branch here
      </button>
    </div>
  );
}
