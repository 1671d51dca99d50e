/** The inside of boxes that are looked at from near, drawn over them: no element of the page is added for it. */
import type { OverlayFrame, OverlayLayer, View } from '../overlay.ts';
import { roundness } from '../packet-life.ts';
import { type Item, overlaps, type Rect, type Scene } from '../scene.ts';
import { sceneIndex } from '../scene-index.ts';
import { CLOSE_ZOOM, type CloseWorld, closeWords, fitted, TABLE_ZOOM, tablesOf } from './close-words.ts';

const MAX_BOXES = 90;
/** Netnses whose tables are fetched at once. */
export const MAX_TABLES = 6;
const LETTER = 0.605;
const PAD = 8;
/** Of a column of rows, in letters. */
const COLUMN = 44;

const viewRect = ({ x, y, zoom, width, height }: View): Rect => ({ x: -x / zoom, y: -y / zoom, w: width / zoom, h: height / zoom });

/** Boxes in view that have something to say, in reading order. */
export function closeItems(scene: Scene, view: View): readonly Item[] {
  const seen = viewRect(view);
  const index = sceneIndex(scene);
  const found: Item[] = [];
  for (const top of index.top) {
    if (!overlaps(top.rect, seen)) continue;
    for (const item of index.inside.get(top.id) ?? []) if (found.length < MAX_BOXES && item.kind !== 'kernel' && overlaps(item.rect, seen)) found.push(item);
  }
  for (const grid of scene.tiles) for (const pod of grid.pods) if (pod !== undefined && found.length < MAX_BOXES && overlaps(pod.rect, seen)) found.push(pod);
  return found;
}

/** Netnses whose tables are wanted, those in the middle of the view first. */
export function wantedTables(items: readonly Item[], world: CloseWorld, view: View): readonly string[] {
  const middle = { x: (view.width / 2 - view.x) / view.zoom, y: (view.height / 2 - view.y) / view.zoom };
  const away = new Map<string, number>();
  for (const item of items) {
    const netns = tablesOf(item, world);
    if (netns === undefined) continue;
    const far = Math.hypot(item.rect.x + item.rect.w / 2 - middle.x, item.rect.y + item.rect.h / 2 - middle.y);
    away.set(netns, Math.min(far, away.get(netns) ?? Number.POSITIVE_INFINITY));
  }
  return [...away]
    .sort((a, b) => a[1] - b[1])
    .slice(0, MAX_TABLES)
    .map(([netns]) => netns);
}

function drawBox({ context, view, palette, fonts }: OverlayFrame, item: Item, world: CloseWorld): void {
  const words = closeWords(item, world);
  if (words === undefined) return;
  const { zoom } = view;
  const size = zoom >= 3 ? 12 : 11;
  const line = size + 4;
  const box = { x: item.rect.x * zoom + view.x, y: item.rect.y * zoom + view.y, w: item.rect.w * zoom, h: item.rect.h * zoom };
  const whole = Math.min(roundness(item) * zoom, box.h / 2);
  const radius = Math.min(whole, 14);
  // The box's own corners grow with the zoom; what is less round stands so far in that it does not stick out of them.
  const inset = item.kind === 'pill' || item.kind === 'pod' ? 1.5 : 1.5 + (whole - radius) * (1 - Math.SQRT1_2);
  context.fillStyle = palette.panel;
  // A pill's round ends stand out of a box that has room for rows.
  if (item.kind === 'pill') context.fillRect(box.x - zoom, box.y - zoom, box.w + 2 * zoom, box.h + 2 * zoom);
  context.beginPath();
  context.roundRect(box.x + inset, box.y + inset, box.w - 2 * inset, box.h - 2 * inset, Math.max(2, radius - 1.5));
  context.fill();
  if (item.kind === 'pill' || item.kind === 'pod') {
    context.strokeStyle = item.kind === 'pod' && !words.good ? palette.l2 : palette.mute;
    context.lineWidth = 1;
    context.stroke();
  }
  // Words stay in the part of a box that is in the picture.
  const left = Math.max(box.x + inset, 2) + PAD;
  const right = Math.min(box.x + box.w - inset, view.width - 2) - PAD;
  const upper = Math.max(box.y + inset, 2);
  const height = Math.min(box.y + box.h - inset, view.height - 2) - upper;
  const across = Math.floor((right - left) / (size * LETTER));
  if (across < 4 || height < line) return;
  const count = Math.max(0, Math.floor((height - PAD) / line) - 1);
  const state = across - words.title.length >= words.state.length + 1 ? words.state : '';
  const titleLetters = Math.max(3, across - (state === '' ? 0 : state.length + 1));
  const title = words.title.length <= titleLetters ? words.title : `${words.title.slice(0, titleLetters - 1)}…`;
  const top = upper + (count === 0 ? height / 2 : PAD / 2 + line / 2 + 1);
  context.font = `600 ${size}px ${fonts.mono}`;
  context.fillStyle = palette.ink;
  context.fillText(title, left, top);
  if (state !== '') {
    context.textAlign = 'right';
    context.fillStyle = words.good ? palette.mute : palette.drop;
    context.fillText(state, right, top);
    context.textAlign = 'left';
  }
  context.font = `400 ${size}px ${fonts.mono}`;
  // A bridge is wide and low: its rows run on in columns.
  const columns = Math.max(1, Math.min(4, Math.floor(across / COLUMN)));
  const letters = columns === 1 ? across : COLUMN - 3;
  const shown = fitted(words, letters, count * columns, zoom >= TABLE_ZOOM);
  shown.forEach(({ text, row }, at) => {
    const column = Math.floor(at / Math.max(1, count));
    context.fillStyle = row ? palette.mute : palette.ink;
    context.fillText(text, left + column * COLUMN * size * LETTER, top + ((at % Math.max(1, count)) + 1) * line);
  });
}

/** `want` is called with the netnses whose tables would be shown, whenever they are others. */
export function closeLayer(world: CloseWorld, want: (netnses: readonly string[]) => void): OverlayLayer {
  let asked = '';
  return {
    at: 'under',
    draw(frame) {
      const { context, scene, view } = frame;
      if (view.zoom < CLOSE_ZOOM) return;
      const items = closeItems(scene, view);
      if (view.zoom >= TABLE_ZOOM) {
        const wanted = wantedTables(items, world, view);
        const key = wanted.join(' ');
        if (key !== asked) {
          asked = key;
          want(wanted);
        }
      }
      context.save();
      context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
      context.textBaseline = 'middle';
      context.textAlign = 'left';
      for (const item of items) drawBox(frame, item, world);
      context.restore();
    },
  };
}
