/** What a large world needs beside a small one: the set of boxes that are elements now, and the canvas under them; both as React hooks. */
import { useStore } from '@xyflow/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { readPalette, watchPalette } from '../theme/theme.ts';
import type { Backdrop } from './backdrop.ts';
import type { Size } from './choose-layout.ts';
import { stepMounted, viewKey, wantedItems } from './mount.ts';
import type { Fonts } from './overlay.ts';
import type { Scene } from './scene.ts';
import { sceneIndex } from './scene-index.ts';

const nothing: ReadonlySet<string> = new Set();

export function fontsOf(element: HTMLElement): Fonts {
  const style = getComputedStyle(element);
  return { mono: style.getPropertyValue('--font-mono') || 'monospace', sans: style.getPropertyValue('--font-sans') || 'sans-serif' };
}

/** Top items that are elements of the page; undefined where all are. They come and go a few in a frame. */
export function useMounted(scene: Scene, size: Size): ReadonlySet<string> | undefined {
  const { large } = sceneIndex(scene);
  const key = useStore(
    useCallback(({ transform: [x, y, zoom] }: { readonly transform: readonly [number, number, number] }) => (large ? viewKey(x, y, zoom) : ''), [large]),
  );
  const [mounted, setMounted] = useState(nothing);
  const now = useRef(nothing);
  useEffect(() => {
    if (key === '') return;
    const wanted = wantedItems(scene, key, size);
    let frame = 0;
    const step = () => {
      const next = stepMounted(scene, now.current, wanted);
      if (next === now.current) return;
      now.current = next;
      setMounted(next);
      frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [scene, key, size]);
  return large ? mounted : undefined;
}

/** The painter of the canvas under the boxes, fetched when a world has tiles; undefined before. */
export function useBackdrop(canvas: React.RefObject<HTMLCanvasElement | null>, scene: Scene): Backdrop | undefined {
  const tiled = scene.tiles.length > 0 || sceneIndex(scene).large;
  const [backdrop, setBackdrop] = useState<Backdrop | undefined>(undefined);
  useEffect(() => {
    const element = canvas.current;
    if (!tiled || element === null) return;
    let gone = false;
    let stop = () => {};
    import('./backdrop.ts').then(
      ({ Backdrop: Painter }) => {
        if (gone) return;
        const made = new Painter(element, readPalette(element), fontsOf(element));
        stop = watchPalette(() => {
          made.setPalette(readPalette(element), fontsOf(element));
          made.draw();
        });
        setBackdrop(made);
      },
      // The page says that a part of it is missing; the boxes are in the outline.
      () => undefined,
    );
    return () => {
      gone = true;
      stop();
      setBackdrop(undefined);
    };
  }, [tiled, canvas]);
  return backdrop;
}
