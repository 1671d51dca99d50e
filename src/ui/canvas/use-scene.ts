/** The canvas' size and the scene for it, as React hooks; slots and shape are remembered between scenes. */
import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import { chooseScene, type Margins, type Shape, type Size } from './choose-layout.ts';
import type { CanvasProps } from './contract.ts';
import type { Scene } from './scene.ts';
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

/** The scene for what is shown; slots and shape are remembered, so that an edit moves nothing else. */
export function useScene(
  topology: CanvasProps['topology'],
  positions: CanvasProps['positions'],
  size: Size,
  margins: Margins,
  arrangement?: CanvasProps['arrangement'],
): Scene {
  const slots = useRef<Slots>(noSlots);
  const shape = useRef<Shape | undefined>(undefined);
  const slotsNow = useMemo(() => {
    slots.current = assignSlots(topology, slots.current);
    return slots.current;
  }, [topology]);
  return useMemo(() => {
    const chosen = chooseScene(
      topology,
      { slots: slotsNow, positions, ...(arrangement === undefined ? {} : { arrangement }) },
      size.width === 0 ? { width: 900, height: 640 } : size,
      margins,
      size.width === 0 ? undefined : shape.current,
    );
    // What stands so far of a world that comes up says nothing about how the whole is shown best.
    if (size.width > 0 && topology.coming !== true) shape.current = chosen.shape;
    return chosen.scene;
  }, [topology, slotsNow, positions, size, margins, arrangement]);
}
