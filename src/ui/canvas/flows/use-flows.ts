/** Asks once a second what flows, as long as anything does; the layer of its marks. */
import { useEffect, useMemo, useState } from 'react';
import type { FlowsView } from '../../../world/traffic-views.ts';
import { useMirror, usePast, usePlayground } from '../../state/context.ts';
import type { OverlayLayer } from '../overlay.ts';
import { flowLayers, packetRates } from './flow-layer.ts';

const REFRESH_MS = 1_000;
const none: readonly OverlayLayer[] = [];

interface Seen {
  readonly now: FlowsView;
  readonly rates: ReadonlyMap<string, number>;
}

export function useFlows(): readonly OverlayLayer[] {
  const { client } = usePlayground();
  const topology = useMirror((mirror) => mirror.topology);
  const running = useMirror((mirror) => mirror.status === 'running');
  // What flows now says nothing about a moment of the past.
  const present = usePast((past) => past.seq === undefined || past.now);
  const [seen, setSeen] = useState<Seen | undefined>(undefined);
  useEffect(() => {
    if (!running) return;
    // Asked anew when boxes change: a pod with a rate may have come.
    void topology;
    let alive = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      client.call('flows').then(
        (now) => {
          if (!alive) return;
          setSeen((before) =>
            now.marks.length === 0 ? undefined : { now, rates: now.nowNs === before?.now.nowNs ? before.rates : packetRates(before?.now, now) },
          );
          if (now.marks.length > 0) timer = setTimeout(ask, REFRESH_MS);
        },
        () => undefined,
      );
    };
    timer = setTimeout(ask, REFRESH_MS);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [client, topology, running]);
  return useMemo(() => (seen === undefined || !present ? none : flowLayers(seen.now, seen.rates)), [seen, present]);
}
