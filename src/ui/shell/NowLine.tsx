/** The one line that says what is happening, in words, and says it to screen readers at most once a second. */
import { useEffect, useRef, useState } from 'react';
import { useCurrentHop, useMirror, usePlaybackSnapshot, useSession } from '../state/context.ts';
import styles from './Shell.module.css';

const SPEAK_EVERY_MS = 1_100;

/** The newest text, changed at most once in `everyMs`. */
function useSlowly(text: string, everyMs: number): string {
  const [spoken, setSpoken] = useState(text);
  const last = useRef(0);
  useEffect(() => {
    const wait = Math.max(0, last.current + everyMs - performance.now());
    const timer = setTimeout(() => {
      last.current = performance.now();
      setSpoken(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text, everyMs]);
  return spoken;
}

/** Pods have long names, and the line has said this one already. */
function withoutName(title: string, where: string): string {
  const name = where.split(' ')[0] ?? '';
  return title.replace(` on ${name}`, ' here').replace(` for ${name}`, ' for it');
}

export function NowLine() {
  const status = useMirror((mirror) => mirror.status);
  const coming = useMirror(({ status: now, topology: { netnses } }) => {
    if (now !== 'starting' || netnses.length === 0) return '';
    const pods = netnses.filter((one) => one.type === 'pod');
    return `: ${pods.filter((one) => one.ready).length} of ${pods.length} pods are ready`;
  });
  const run = useSession((session) => session.run);
  const { hop, hops, index } = useCurrentHop();
  const { playing, loading, stop } = usePlaybackSnapshot();
  const drop = hop?.family === 'drop';
  const sentence =
    status === 'starting'
      ? `Starting the cluster${coming} …`
      : loading
        ? 'Reading the log …'
        : hop === undefined
          ? run === undefined
            ? 'Nothing is on its way. Type a command in the terminal, or change a line of YAML.'
            : `${run.label}: its first packet is about to leave. Space plays.`
          : `${hop.where}: ${withoutName(hop.title, hop.where)}`;
  const spoken = useSlowly(sentence, SPEAK_EVERY_MS);
  return (
    <div className={styles.now} data-drop={drop} data-testid="now-line">
      {hop === undefined ? null : (
        <span className={styles.nowLabel} data-family={hop.family}>
          {drop ? '✕ ' : ''}
          {hop.label === '' ? hop.protocol : hop.label}
        </span>
      )}
      <span className={styles.nowText}>{sentence}</span>
      {hop === undefined || playing ? null : (
        <span className={styles.nowCount}>
          {(stop === undefined || stop.of < 0 ? index : stop.of) + 1} / {hops.length}
        </span>
      )}
      <span className="visually-hidden" aria-live="polite">
        {spoken}
      </span>
    </div>
  );
}
