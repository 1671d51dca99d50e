/** Says that a very long run is shown in parts, and leads to the others. */
import { usePlaybackSnapshot, usePlayground, useSession } from '../../state/context.ts';
import { MAX_LOADED_EVENTS } from '../../state/playback.ts';
import styles from './List.module.css';

export function LoadedPart() {
  const { playback } = usePlayground();
  const run = useSession((state) => state.run);
  const { loading } = usePlaybackSnapshot();
  const { from, to } = playback.span;
  if (run === undefined || (from <= run.fromSeq && to >= run.toSeq) || to <= from) return null;
  const count = (events: number) => events.toLocaleString('en');
  const load = (start: number) => void playback.load(Math.max(run.fromSeq, start), run.toSeq, { play: false });
  return (
    <p className={styles.part} role="status">
      {loading
        ? 'Loading …'
        : `Events ${count(from - run.fromSeq)} to ${count(to - run.fromSeq)} of ${count(run.toSeq - run.fromSeq)}: a run is shown in parts of ${count(MAX_LOADED_EVENTS)}.`}
      <button type="button" disabled={loading || from <= run.fromSeq} onClick={() => load(from - MAX_LOADED_EVENTS)}>
        Part before
      </button>
      <button type="button" disabled={loading || to >= run.toSeq} onClick={() => load(to)}>
        Next part
      </button>
    </p>
  );
}
