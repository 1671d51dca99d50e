/** The control plane of the moment that is shown, asked for while its sheet is open; what has just been done is played step by step. */
import { useEffect, useMemo, useState } from 'react';
import type { ControlPlaneView, ControlStepView } from '../../../world/views.ts';
import { useBoxes, useMirror, usePast, usePlayground } from '../../state/context.ts';
import type { OverlayLayer } from '../overlay.ts';
import { apiServerHost, controlLayer, STEP_MS, stepsToPlay } from './control-layer.ts';

const SETTLE_MS = 200;

interface Shown {
  readonly view: ControlPlaneView;
  readonly played: readonly ControlStepView[];
  readonly startMs: number;
}

export interface Control {
  readonly view: ControlPlaneView | undefined;
  readonly layer: OverlayLayer | undefined;
  /** Something moves. */
  readonly moving: boolean;
}

export function useControl(open: boolean): Control {
  const { client } = usePlayground();
  const topology = useBoxes();
  const headSeq = useMirror((mirror) => mirror.headSeq);
  const deliveries = useMirror((mirror) => mirror.deliveries);
  const boxes = useMirror((mirror) => mirror.topology);
  const atSeq = usePast((past) => (past.now ? undefined : past.seq));
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const [moving, setMoving] = useState(false);
  useEffect(() => {
    if (!open) {
      setShown(undefined);
      return;
    }
    let alive = true;
    // Asked again when anything has changed.
    void headSeq;
    void deliveries;
    void boxes;
    const timer = setTimeout(() => {
      client.call('controlPlane', ...(atSeq === undefined ? [] : [atSeq])).then(
        (view) => {
          if (!alive) return;
          setShown((before) => {
            const fresh = atSeq === undefined && !matchMedia('(prefers-reduced-motion: reduce)').matches ? stepsToPlay(before?.view, view) : [];
            if (fresh.length === 0 && before !== undefined) return { ...before, view };
            return { view, played: fresh, startMs: performance.now() };
          });
        },
        // The list stays as it was.
        () => undefined,
      );
    }, SETTLE_MS);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [client, open, atSeq, headSeq, deliveries, boxes]);
  const played = shown?.played.length ?? 0;
  const startMs = shown?.startMs ?? 0;
  useEffect(() => {
    const left = played * STEP_MS - (performance.now() - startMs);
    if (left <= 0) return;
    setMoving(true);
    const timer = setTimeout(() => setMoving(false), left);
    return () => clearTimeout(timer);
  }, [played, startMs]);
  const layer = useMemo(() => {
    if (shown === undefined) return undefined;
    const nodes = topology.hosts.filter((host) => host.role === 'node').map((host) => host.id);
    return controlLayer({ ...shown, home: apiServerHost(topology), nodes });
  }, [shown, topology]);
  return { view: shown?.view, layer, moving };
}
