/** Draws pods as tiles on a canvas, for worlds with more pods than boxes can be: one path for all grounds, letters only where they can be read. */
import type { Palette } from '../theme/palette.ts';
import type { View } from './overlay.ts';
import { tinyName } from './short-name.ts';
import type { Rect, Scene, TileGrid } from './scene.ts';

/** Letters are drawn on tiles that are at least this wide on screen, in px. */
const LETTER_WIDTH = 44;
const MAX_LETTERED = 800;

function visible(view: View, rect: Rect): boolean {
  const x = rect.x * view.zoom + view.x;
  const y = rect.y * view.zoom + view.y;
  return x < view.width && y < view.height && x + rect.w * view.zoom > 0 && y + rect.h * view.zoom > 0;
}

function boundsOf(grid: TileGrid): Rect {
  const h = (grid.rows - 1) * Math.abs(grid.pitchY) + grid.h;
  return { x: grid.origin.x, y: grid.pitchY < 0 ? grid.origin.y + grid.h - h : grid.origin.y, w: grid.columns * grid.pitchX, h };
}

/** Draws into a context whose transform is the identity in device pixels. */
export function drawTiles(context: CanvasRenderingContext2D, scene: Scene, view: View, palette: Palette, monoFont: string): void {
  context.setTransform(view.ratio * view.zoom, 0, 0, view.ratio * view.zoom, view.ratio * view.x, view.ratio * view.y);
  const grids = scene.tiles.filter((grid) => visible(view, boundsOf(grid)));
  const lettered = (scene.tiles[0]?.w ?? 0) * view.zoom >= LETTER_WIDTH;
  const ready = new Path2D();
  const unready = new Path2D();
  let letters = 0;
  for (const grid of grids) {
    for (const pod of grid.pods) {
      if (pod === undefined) continue;
      const { x, y, w, h } = pod.rect;
      (pod.view.ready ? ready : unready).rect(x, y, w, h);
      if (!pod.view.ready) unready.rect(x, y, w, h);
    }
  }
  context.fillStyle = palette.panel;
  context.fill(ready);
  context.fill(unready);
  context.lineWidth = Math.max(1, 0.8 / view.zoom);
  context.strokeStyle = palette.line;
  context.stroke(ready);
  context.strokeStyle = palette.l2;
  context.stroke(unready);
  // From afar a mark of the state's colour stands for the pod.
  context.fillStyle = palette.l7;
  context.globalAlpha = lettered ? 1 : 0.75;
  for (const grid of grids) {
    for (const pod of grid.pods) {
      if (pod === undefined || !pod.view.ready) continue;
      const { x, y, w, h } = pod.rect;
      if (lettered) context.fillRect(x, y + 5, 2.5, h - 10);
      else context.fillRect(x + w * 0.3, y + h * 0.3, w * 0.4, h * 0.4);
    }
  }
  context.globalAlpha = 1;
  if (!lettered) return;
  const size = Math.max(10.5, 10.5 / view.zoom);
  context.font = `500 ${size}px ${monoFont}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = palette.ink;
  for (const grid of grids) {
    for (const pod of grid.pods) {
      if (pod === undefined || letters >= MAX_LETTERED || !visible(view, pod.rect)) continue;
      letters += 1;
      context.fillText(tinyName(pod.view.title), pod.rect.x + pod.rect.w / 2 + 1, pod.rect.y + pod.rect.h / 2 + 0.5);
    }
  }
}
