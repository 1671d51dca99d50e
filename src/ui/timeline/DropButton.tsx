/** How many packets of the run did not arrive, and the way to them: nobody has to play a hundred hops to see the one that matters. */
import { useMemo } from 'react';
import type { HopView } from '../../world/views.ts';
import { usePlaybackSnapshot, usePlayground } from '../state/context.ts';
import styles from './Moment.module.css';

/** Hop indexes of what was dropped; a flooded copy that nobody wanted is no loss. */
export function dropsOf(hops: readonly HopView[]): readonly number[] {
  const drops: number[] = [];
  hops.forEach((hop, index) => {
    if (hop.family === 'drop' && !hop.background) drops.push(index);
  });
  return drops;
}

export function DropButton() {
  const { playback, session } = usePlayground();
  const { index } = usePlaybackSnapshot();
  const hops = playback.hops();
  const drops = useMemo(() => dropsOf(hops), [hops]);
  const first = drops[0];
  if (first === undefined) return null;
  const next = drops.find((one) => one > index) ?? first;
  const at = drops.indexOf(index);
  return (
    <button
      type="button"
      className={styles.drops}
      title={at < 0 ? 'To the next packet that is dropped (D)' : `${at + 1} of ${drops.length}; D leads to the next`}
      onClick={() => {
        playback.seek(next);
        session.setState({ inspecting: 'hop' });
      }}
    >
      ✕ {drops.length} {drops.length === 1 ? 'drop' : 'drops'}
    </button>
  );
}
