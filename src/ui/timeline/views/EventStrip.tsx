/** The event of the log that is looked at, where somebody goes by events: a hop is several of them, and some belong to no packet. */
import { useEffect, useState } from 'react';
import type { HopView } from '../../../world/views.ts';
import { Icon } from '../../shell/Icon.tsx';
import { usePlaybackSnapshot, usePlayground } from '../../state/context.ts';
import styles from './Views.module.css';

interface Told {
  readonly seq: number;
  /** Undefined: nothing that has words of its own, as a program's output. */
  readonly hop: HopView | undefined;
}

/** The event in words, once they are here; the last answer stays until then. */
export function useEventHop(): Told | undefined {
  const { client } = usePlayground();
  const { event } = usePlaybackSnapshot();
  const [told, setTold] = useState<Told | undefined>(undefined);
  useEffect(() => {
    if (event === undefined) {
      setTold(undefined);
      return;
    }
    let alive = true;
    client.call('hops', event, event + 1).then(
      ([hop]) => {
        if (alive) setTold({ seq: event, hop });
      },
      () => undefined,
    );
    return () => {
      alive = false;
    };
  }, [client, event]);
  return told;
}

export function EventStrip() {
  const { playback } = usePlayground();
  const { event } = usePlaybackSnapshot();
  const told = useEventHop();
  if (event === undefined || told === undefined) return null;
  const { hop } = told;
  return (
    <div className={styles.event}>
      <button type="button" aria-label="Event before" title="Event of the log before (J)" onClick={() => playback.stepEvent(-1)}>
        <Icon name="back" size={14} />
      </button>
      <button type="button" aria-label="Next event" title="Next event of the log (K)" onClick={() => playback.stepEvent(1)}>
        <Icon name="forward" size={14} />
      </button>
      <span role="status" className={styles.said}>
        <b>event {told.seq}</b> {hop === undefined ? 'A program prints' : `${hop.where}: ${hop.title} · ${hop.summary}`}
      </span>
    </div>
  );
}
