/** The canvas' size and the scene for it, as React hooks; slots and shape are remembered between scenes. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { Topology } from '../../world/views.ts';
import { runSliced, type Work } from '../state/work.ts';
import { chooseScene, type Margins, type Shape, type Size } from './choose-layout.ts';
import type { CanvasProps } from './contract.ts';
import { layingOut } from './layout.ts';
import type { Scene } from './scene.ts';
import { sceneIndex } from './scene-index.ts';
import { assignSlots, noSlots, type Slots } from './slots.ts';

/** The element's inner size in CSS pixels; 0 × 0 before it is measured. */
export function useSize(element: React.RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const target = element.current;
    if (target === null) return;
    const measure = () =>
      setSize((before) =>
        before.width === target.clientWidth && before.height === target.clientHeight ? before : { width: target.clientWidth, height: target.clientHeight },
      );
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(target);
    return () => observer.disconnect();
  }, [element]);
  return size;
}

/** With more network namespaces than this a new picture takes longer than a frame: it is laid out between other tasks, and the one before is seen meanwhile. */
const MANY_NETNSES = 2_000;

interface Prepared {
  readonly topology: Topology;
  readonly positions: CanvasProps['positions'];
  readonly arrangement: CanvasProps['arrangement'];
  readonly slots: Slots;
  readonly scene: Scene;
}

const layoutOptions = (slots: Slots, positions: CanvasProps['positions'], arrangement: CanvasProps['arrangement']) => ({
  slots,
  positions,
  ...(arrangement === undefined ? {} : { arrangement }),
});

/** In a world as large as that pods are tiles, and rooms stand in full rows. */
function* preparing({ topology, positions, arrangement }: Omit<Prepared, 'slots' | 'scene'>, before: Slots): Work<Prepared> {
  const slots = assignSlots(topology, before);
  yield;
  const scene = yield* layingOut(topology, { density: 'full', direction: 'row', ...layoutOptions(slots, positions, arrangement) });
  yield;
  sceneIndex(scene);
  return { topology, positions, arrangement, slots, scene };
}

/** The newest topology that there is a picture of, where pictures take long; `prepare` makes them one after the other, passing over those that are old by then. */
function useShown(topology: Topology, prepare: (topology: Topology) => Work<unknown>): Topology {
  const large = topology.netnses.length > MANY_NETNSES;
  const wanted = useRef(topology);
  const shown = useRef(topology);
  const stop = useRef<(() => void) | undefined>(undefined);
  const [, redraw] = useState<Topology | undefined>(undefined);
  if (!large) shown.current = topology;
  useEffect(() => {
    wanted.current = topology;
    if (!large || stop.current !== undefined || shown.current === topology) return;
    const begin = (): void => {
      const next = wanted.current;
      let done = false;
      const halt = runSliced(prepare(next), () => {
        done = true;
        stop.current = undefined;
        shown.current = next;
        redraw(next);
        if (wanted.current !== next && wanted.current.netnses.length > MANY_NETNSES) begin();
      });
      if (!done) stop.current = halt;
    };
    begin();
  }, [topology, large, prepare]);
  useEffect(() => () => stop.current?.(), []);
  return large ? shown.current : topology;
}

/** The scene for what is shown; slots and shape are remembered, so that an edit moves nothing else. */
export function useScene(newest: Topology, positions: CanvasProps['positions'], size: Size, margins: Margins, arrangement?: CanvasProps['arrangement']): Scene {
  const slots = useRef<Slots>(noSlots);
  const shape = useRef<Shape | undefined>(undefined);
  const prepared = useRef<Prepared | undefined>(undefined);
  const how = useRef({ positions, arrangement });
  how.current = { positions, arrangement };
  const prepare = useCallback(function* (topology: Topology): Work<void> {
    prepared.current = yield* preparing({ topology, ...how.current }, slots.current);
  }, []);
  const topology = useShown(newest, prepare);
  const slotsNow = useMemo(() => {
    slots.current = prepared.current?.topology === topology ? prepared.current.slots : assignSlots(topology, slots.current);
    return slots.current;
  }, [topology]);
  return useMemo(() => {
    const ready = prepared.current;
    if (ready?.topology === topology && ready.positions === positions && ready.arrangement === arrangement) return ready.scene;
    const chosen = chooseScene(
      topology,
      layoutOptions(slotsNow, positions, arrangement),
      size.width === 0 ? { width: 900, height: 640 } : size,
      margins,
      size.width === 0 ? undefined : shape.current,
    );
    // What stands so far of a world that comes up says nothing about how the whole is shown best.
    if (size.width > 0 && topology.coming !== true) shape.current = chosen.shape;
    return chosen.scene;
  }, [topology, slotsNow, positions, size, margins, arrangement]);
}
