/** A large world in small: its rooms, and the part that is in view; a click or a drag goes there. What it does the arrow keys of the outline and the palette do as well. */
import { useReactFlow, useStore } from '@xyflow/react';
import { useCallback, useEffect, useRef } from 'react';
import { readPalette, watchPalette } from '../theme/theme.ts';
import type { Size } from './choose-layout.ts';
import styles from './Minimap.module.css';
import type { Scene } from './scene.ts';
import { sceneIndex } from './scene-index.ts';

const WIDTH = 176;
const MAX_HEIGHT = 132;
const MARGIN = 6;

export function Minimap({ scene, size, onGo }: { readonly scene: Scene; readonly size: Size; readonly onGo: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const flow = useReactFlow();
  const [x, y, zoom] = useStore((state) => state.transform);
  const { bounds } = scene;
  const scale = Math.min((WIDTH - 2 * MARGIN) / bounds.w, (MAX_HEIGHT - 2 * MARGIN) / bounds.h);
  const height = Math.round(bounds.h * scale + 2 * MARGIN);
  const left = (sx: number) => (sx - bounds.x) * scale + MARGIN;
  const top = (sy: number) => (sy - bounds.y) * scale + MARGIN;

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined) return;
    const draw = () => {
      const palette = readPalette(element);
      const ratio = Math.min(3, devicePixelRatio || 1);
      element.width = WIDTH * ratio;
      element.height = height * ratio;
      context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * (MARGIN - bounds.x * scale), ratio * (MARGIN - bounds.y * scale));
      for (const item of sceneIndex(scene).top) {
        context.fillStyle = item.kind === 'service' ? palette.l4 : item.kind === 'room' ? (item.ready ? palette.mute : palette.drop) : palette.line;
        context.globalAlpha = item.kind === 'room' ? 0.45 : 0.6;
        context.fillRect(item.rect.x, item.rect.y, item.rect.w, item.rect.h);
      }
    };
    draw();
    return watchPalette(draw);
  }, [scene, bounds, scale, height]);

  const go = useCallback(
    (event: React.PointerEvent) => {
      if (event.buttons !== 1) return;
      event.stopPropagation();
      const box = event.currentTarget.getBoundingClientRect();
      const at = { x: (event.clientX - box.left - MARGIN) / scale + bounds.x, y: (event.clientY - box.top - MARGIN) / scale + bounds.y };
      const now = flow.getZoom();
      onGo();
      void flow.setViewport({ x: size.width / 2 - at.x * now, y: size.height / 2 - at.y * now, zoom: now });
    },
    [flow, scale, bounds, size, onGo],
  );

  const view = { x: Math.max(0, left(-x / zoom)), y: Math.max(0, top(-y / zoom)) };
  const right = Math.min(WIDTH, left((size.width - x) / zoom));
  const bottom = Math.min(height, top((size.height - y) / zoom));
  return (
    <div className={styles.map} style={{ width: WIDTH, height }} aria-hidden="true" onPointerDown={go} onPointerMove={go}>
      <canvas ref={canvas} style={{ width: WIDTH, height }} />
      <div
        className={styles.view}
        style={{ transform: `translate(${view.x}px, ${view.y}px)`, width: Math.max(2, right - view.x), height: Math.max(2, bottom - view.y) }}
      />
    </div>
  );
}
