/** The event of the log that is looked at, where somebody goes by events: a hop is several of them, and some belong to no packet. */
import { Icon } from '../../shell/Icon.tsx';
import { usePlaybackSnapshot, usePlayground } from '../../state/context.ts';
import styles from './Views.module.css';

export function EventStrip() {
  const { playback } = usePlayground();
  const { event, stop } = usePlaybackSnapshot();
  if (event === undefined || stop === undefined) return null;
  const { hop, seq } = stop;
  return (
    <div className={styles.event}>
      <button type="button" aria-label="Event before" title="Event of the log before (J)" onClick={() => playback.stepEvent(-1)}>
        <Icon name="back" size={14} />
      </button>
      <button type="button" aria-label="Next event" title="Next event of the log (K)" onClick={() => playback.stepEvent(1)}>
        <Icon name="forward" size={14} />
      </button>
      <span role="status" className={styles.said}>
        <b>event {seq}</b>{' '}
        {hop === undefined ? 'A program prints' : `${hop.where}: ${hop.title}${hop.summary.startsWith(hop.title) ? '' : ` · ${hop.summary}`}`}
      </span>
    </div>
  );
}
