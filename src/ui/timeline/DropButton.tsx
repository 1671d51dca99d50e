/** How many packets of the run did not arrive, or requests and handshakes were refused, and the way to them: nobody has to play a hundred hops to see the one that matters. */
import { useMemo } from 'react';
import type { HopView } from '../../world/views.ts';
import { usePlaybackSnapshot, usePlayground } from '../state/context.ts';
import styles from './Moment.module.css';

/** Hop indexes of what was dropped or refused; a flooded copy that nobody wanted is no loss. */
export function dropsOf(hops: readonly HopView[]): readonly number[] {
  const drops: number[] = [];
  hops.forEach((hop, index) => {
    if (hop.family === 'drop' && !hop.background) drops.push(index);
  });
  return drops;
}

const counted = (count: number, word: string): readonly string[] => (count === 0 ? [] : [`${count} ${word}${count === 1 ? '' : 's'}`]);

/** A proxy that says no has dropped no packet: `2 refusals`, `1 drop, 2 refusals`. */
export function dropWords(hops: readonly HopView[], drops: readonly number[]): string {
  const lost = drops.filter((index) => hops[index]?.event.step.kind === 'dropped').length;
  return [...counted(lost, 'drop'), ...counted(drops.length - lost, 'refusal')].join(', ');
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
      title={at < 0 ? 'To the next that is dropped or refused (D)' : `${at + 1} of ${drops.length}; D leads to the next`}
      onClick={() => {
        playback.seek(next);
        session.setState({ inspecting: 'hop' });
      }}
    >
      ✕ {dropWords(hops, drops)}
    </button>
  );
}
