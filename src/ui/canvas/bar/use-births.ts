/** Pods that have just come: their rows of the log, fetched when the boxes change, and the layer that shows them for a moment. */
import { useEffect, useState } from 'react';
import { usePlayground } from '../../state/context.ts';
import { type Birth, birthLayer, birthOf, ROW_MS } from '../births.ts';
import type { OverlayLayer } from '../overlay.ts';

/** More at once are no story any more. */
const MAX_AT_ONCE = 6;

export function useBirths(): OverlayLayer | undefined {
  const { mirror, client } = usePlayground();
  const [layer, setLayer] = useState<OverlayLayer | undefined>(undefined);
  useEffect(() => {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = mirror.subscribe((now, before) => {
      // Another world has been opened, or time has gone back.
      if (now.topology === before.topology || before.status !== 'running' || now.headSeq < before.headSeq) return;
      const known = new Set(before.topology.netnses.map((one) => one.id));
      const added = now.topology.netnses.filter((one) => one.type === 'pod' && !known.has(one.id));
      if (added.length === 0 || added.length > MAX_AT_ONCE) return;
      client.call('hops', before.headSeq, now.headSeq + 1).then(
        (hops) => {
          const births = added.map((one) => birthOf(one.id, now.topology, hops)).filter((one): one is Birth => one !== undefined);
          if (births.length === 0) return;
          setLayer(birthLayer(births, performance.now()));
          clearTimeout(timer);
          timer = setTimeout(() => setLayer(undefined), Math.max(...births.map((one) => one.rows.length)) * ROW_MS);
        },
        // The boxes are there all the same.
        () => undefined,
      );
    });
    return () => {
      stop();
      clearTimeout(timer);
      setLayer(undefined);
    };
  }, [mirror, client]);
  return layer;
}
