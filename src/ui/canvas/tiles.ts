/** Draws pods as tiles on a canvas, for worlds with more pods than boxes can be: one path for all grounds, letters only where they can be read. */
import type { Palette } from '../theme/palette.ts';
import { LOW_ZOOM } from './lod.ts';
import type { View } from './overlay.ts';
import type { Rect, Scene, TileGrid } from './scene.ts';
import { sceneIndex } from './scene-index.ts';
import { tinyName } from './short-name.ts';

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

/** Tiles are rimmed from this zoom on. */
const STROKE_ZOOM = 0.2;

/** Size of letters on screen, in px: they grow with the boxes beyond zoom 1, in few steps. */
export const letterPx = (px: number, zoom: number): number => Math.round(px * Math.max(1, zoom) * 2) / 2;

interface GridPaths {
  readonly all: Path2D;
  readonly ready: Path2D;
  readonly unready: Path2D;
  /** At the left edge of those that are ready, and in their middle. */
  readonly edges: Path2D;
  readonly marks: Path2D;
}

/** In scene units, so that no frame has to walk over the pods. */
const paths = new WeakMap<TileGrid, GridPaths>();

function pathsOf(grid: TileGrid): GridPaths {
  const known = paths.get(grid);
  if (known !== undefined) return known;
  const made = { all: new Path2D(), ready: new Path2D(), unready: new Path2D(), edges: new Path2D(), marks: new Path2D() };
  for (const pod of grid.pods) {
    if (pod === undefined) continue;
    const { x, y, w, h } = pod.rect;
    made.all.rect(x, y, w, h);
    (pod.view.ready ? made.ready : made.unready).rect(x, y, w, h);
    if (!pod.view.ready) continue;
    made.edges.rect(x, y + 5, 2.5, h - 10);
    made.marks.rect(x + w * 0.3, y + h * 0.3, w * 0.4, h * 0.4);
  }
  paths.set(grid, made);
  return made;
}

/** Draws into a context whose transform is the identity in device pixels. */
export function drawTiles(context: CanvasRenderingContext2D, scene: Scene, view: View, palette: Palette, monoFont: string, sansFont: string): void {
  context.setTransform(view.ratio * view.zoom, 0, 0, view.ratio * view.zoom, view.ratio * view.x, view.ratio * view.y);
  const grids = scene.tiles.filter((grid) => visible(view, boundsOf(grid)));
  const lettered = (scene.tiles[0]?.w ?? 0) * view.zoom >= LETTER_WIDTH;
  let letters = 0;
  context.lineWidth = Math.max(1, 0.8 / view.zoom);
  for (const grid of grids) {
    const path = pathsOf(grid);
    context.fillStyle = palette.panel;
    context.fill(path.all);
    // From afar strokes between tiles are finer than a pixel: the ground between them says as much.
    if (lettered || view.zoom > STROKE_ZOOM) {
      context.strokeStyle = palette.line;
      context.stroke(path.ready);
    }
    context.strokeStyle = palette.l2;
    context.stroke(path.unready);
    // From afar a mark of the state's colour stands for the pod.
    context.fillStyle = palette.l7;
    context.globalAlpha = lettered ? 1 : 0.75;
    context.fill(lettered ? path.edges : path.marks);
    context.globalAlpha = 1;
  }
  if (!lettered) {
    drawTitles(context, scene, view, palette, sansFont);
    return;
  }
  const size = letterPx(10.5, view.zoom);
  context.setTransform(view.ratio, 0, 0, view.ratio, view.ratio * view.x, view.ratio * view.y);
  context.font = `500 ${size}px ${monoFont}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = palette.ink;
  for (const grid of grids) {
    for (const pod of grid.pods) {
      if (pod === undefined || letters >= MAX_LETTERED || !visible(view, pod.rect)) continue;
      letters += 1;
      context.fillText(tinyName(pod.view.title), (pod.rect.x + pod.rect.w / 2 + 1) * view.zoom, (pod.rect.y + pod.rect.h / 2 + 0.5) * view.zoom);
    }
  }
}

/** Letters that all names begin with, up to a dash or dot: they tell nothing apart. */
export function sharedPrefix(names: readonly string[]): number {
  const first = names[0] ?? '';
  let length = names.length < 2 ? 0 : first.length;
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length).search(/[^-.]*$/);
}

/** The end of a name: of numbered nodes it is what differs. */
const tailName = (name: string, letters: number): string => (name.length <= letters ? name : `…${name.slice(name.length - letters + 1)}`);

/** What a scene's titles have in common, and how wide they are at their full size: to measure them costs more than to draw them. */
interface Titles {
  readonly font: string;
  readonly shared: number;
  readonly widths: Map<string, number>;
}
const titlesOfScene = new WeakMap<Scene, Titles>();

function titlesOf(scene: Scene, font: string): Titles {
  const known = titlesOfScene.get(scene);
  if (known?.font === font) return known;
  const names = sceneIndex(scene).top.flatMap((item) => (item.kind === 'room' ? [item.title] : []));
  const made: Titles = { font, shared: sharedPrefix(names), widths: new Map() };
  titlesOfScene.set(scene, made);
  return made;
}

/** From afar: the nodes' names over their pods. In a world that is not large rooms are elements of the page, which have their names themselves. */
function drawTitles(context: CanvasRenderingContext2D, scene: Scene, view: View, palette: Palette, sansFont: string): void {
  const { large, top } = sceneIndex(scene);
  if (view.zoom >= LOW_ZOOM || !large) return;
  const size = 11.5;
  const { zoom } = view;
  context.setTransform(view.ratio, 0, 0, view.ratio, view.ratio * view.x, view.ratio * view.y);
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  // Every room, also one whose pods are folded or stand elsewhere.
  const rooms = top.filter((item) => visible(view, item.rect));
  const { shared, widths } = titlesOf(scene, sansFont);
  // A name that is a little too long for its node is written smaller; its beginning goes only where that is not enough.
  const smallest = 9;
  let written = 0;
  const write = (px: number): void => {
    if (px === written) return;
    written = px;
    context.font = `700 ${px}px ${sansFont}`;
  };
  const widthOf = (name: string): number => {
    let width = widths.get(name);
    if (width === undefined) {
      write(size);
      width = context.measureText(name).width;
      widths.set(name, width);
    }
    return width;
  };
  for (const room of rooms) {
    if (room?.kind !== 'room') continue;
    const whole = room.title.slice(shared);
    const space = room.rect.w * zoom - 2;
    const wanted = widthOf(whole);
    const px = wanted > space ? Math.max(smallest, Math.floor((size * 10 * space) / wanted) / 10) : size;
    const name = (wanted * px) / size <= space ? whole : tailName(whole, Math.max(3, Math.floor(space / (px * 0.62))));
    const at = { x: (room.rect.x + room.rect.w / 2) * zoom, y: (room.rect.y + room.rect.h * 0.42) * zoom };
    const w = (widthOf(name) * px) / size + size;
    write(px);
    context.fillStyle = palette.room;
    context.beginPath();
    context.roundRect(at.x - w / 2, at.y - size * 0.85, w, size * 1.7, size * 0.6);
    context.fill();
    context.fillStyle = palette.ink;
    context.fillText(name, at.x, at.y);
  }
}
