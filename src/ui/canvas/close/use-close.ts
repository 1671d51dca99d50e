/** The layer of what is seen from near, with the tables of the moment that is shown, fetched when they come into view. */
import { useEffect, useMemo, useRef } from 'react';
import type { DeviceView, NetnsInspection } from '../../../world/views.ts';
import { useBoxes, useMirror, usePast, usePlayground } from '../../state/context.ts';
import type { Overlay, OverlayLayer } from '../overlay.ts';
import { closeLayer } from './close-layer.ts';

/** Tables of a moment in the past cost the world a replay. */
const SETTLE_MS = 250;

export function useClose(overlay: Overlay | undefined): OverlayLayer {
  const { client } = usePlayground();
  const { devices } = useBoxes();
  const atSeq = usePast((past) => (past.now ? undefined : past.seq));
  const headSeq = useMirror((mirror) => mirror.headSeq);
  const moment = atSeq ?? headSeq;
  const tables = useRef(new Map<string, NetnsInspection>());
  const wanted = useRef<readonly string[]>([]);
  const fetchSoon = useRef<() => void>(() => undefined);
  const layer = useMemo(() => {
    const devicesOf = new Map<string, DeviceView[]>();
    for (const device of devices) {
      const list = devicesOf.get(device.netns);
      if (list === undefined) devicesOf.set(device.netns, [device]);
      else list.push(device);
    }
    const world = { deviceById: new Map(devices.map((device) => [device.id, device])), devicesOf, tables: tables.current };
    return closeLayer(world, (netnses) => {
      wanted.current = netnses;
      fetchSoon.current();
    });
  }, [devices]);
  useEffect(() => {
    let alive = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fetchAll = async () => {
      timer = undefined;
      const ids = wanted.current;
      const found = await Promise.all(
        ids.map((id) => client.call('inspect', { kind: 'netns', id }, ...(moment === headSeq ? [] : [moment])).catch(() => null)),
      );
      if (!alive || ids !== wanted.current) return;
      tables.current.clear();
      for (const one of found) if (one?.kind === 'netns') tables.current.set(one.netns.id, one);
      overlay?.draw();
    };
    fetchSoon.current = () => {
      timer ??= setTimeout(() => void fetchAll(), SETTLE_MS);
    };
    // Tables change with each event: those in view are fetched again.
    if (wanted.current.length > 0) fetchSoon.current();
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [client, overlay, moment, headSeq]);
  return layer;
}
