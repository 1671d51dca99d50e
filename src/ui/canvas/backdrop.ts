/** What lies under the boxes of a large world: grounds of rooms, pods as tiles, cables, and from afar everything. Drawn when the view or the world changes, not for a packet. */
import type { Palette } from '../theme/palette.ts';
import type { Fonts, View } from './overlay.ts';
import { pathData } from './paint.ts';
import type { Item, Rect, Scene } from './scene.ts';
import { sceneIndex } from './scene-index.ts';
import { shortName } from './short-name.ts';
import { drawTiles, letterPx } from './tiles.ts';

/** Names of boxes are written on those at least this wide, in px. */
const NAMED_WIDTH = 64;

interface Strokes {
  readonly cables: Path2D;
  readonly tunnels: Path2D;
}
interface Far {
  readonly rooms: Path2D;
  readonly kernels: Path2D;
  readonly bars: Path2D;
  readonly plain: Path2D;
  readonly services: Path2D;
  readonly named: readonly Item[];
}

export class Backdrop {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #scene: Scene | undefined;
  #strokes: Strokes | undefined;
  #grounds: Path2D | undefined;
  #mounted: ReadonlySet<string> = new Set();
  #far: Far | undefined;
  #palette: Palette;
  #fonts: Fonts;
  #view: View = { x: 0, y: 0, zoom: 1, width: 0, height: 0, ratio: 1 };
  /** 0..1: how strongly what carries packets is drawn (a lens may be about something else). */
  #wires = 1;

  constructor(canvas: HTMLCanvasElement, palette: Palette, fonts: Fonts) {
    const context = canvas.getContext('2d', { alpha: true });
    if (context === null) throw new Error('this browser draws no canvas');
    this.#canvas = canvas;
    this.#context = context;
    this.#palette = palette;
    this.#fonts = fonts;
  }

  setPalette(palette: Palette, fonts: Fonts): void {
    this.#palette = palette;
    this.#fonts = fonts;
  }

  /** `mounted`: ids of top items that the page shows as elements; undefined: all are. */
  setScene(scene: Scene, mounted: ReadonlySet<string> | undefined, wires: number): void {
    this.#wires = wires;
    if (scene !== this.#scene) {
      this.#scene = scene;
      this.#strokes = undefined;
      this.#grounds = undefined;
      this.#far = undefined;
    }
    const now = mounted ?? new Set(sceneIndex(scene).top.map((item) => item.id));
    if (now !== this.#mounted) {
      this.#mounted = now;
      this.#far = undefined;
    }
  }

  setView(view: View): void {
    const w = Math.round(view.width * view.ratio);
    const h = Math.round(view.height * view.ratio);
    if (this.#canvas.width !== w || this.#canvas.height !== h) {
      this.#canvas.width = w;
      this.#canvas.height = h;
    }
    this.#view = view;
  }

  draw(): void {
    const { width, height, ratio, zoom, x, y } = this.#view;
    const context = this.#context;
    const scene = this.#scene;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width * ratio, height * ratio);
    if (scene === undefined || width === 0) return;
    context.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * x, ratio * y);
    const thin = 1 / Math.max(zoom, 0.1);
    this.#ground(context, scene, thin);
    this.#drawFar(context, scene, thin);
    drawTiles(context, scene, this.#view, this.#palette, this.#fonts.mono, this.#fonts.sans);
    context.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * x, ratio * y);
    this.#drawNames(context);
  }

  #ground(context: CanvasRenderingContext2D, scene: Scene, thin: number): void {
    const p = this.#palette;
    if (sceneIndex(scene).large) {
      this.#strokes ??= strokesOf(scene);
      context.globalAlpha = this.#wires;
      context.strokeStyle = p.l2;
      context.lineWidth = 1.4 * thin;
      context.stroke(this.#strokes.cables);
      context.globalAlpha = 0.3 * this.#wires;
      context.strokeStyle = p.tun;
      context.lineWidth = Math.max(6, 2 * thin);
      context.stroke(this.#strokes.tunnels);
      context.globalAlpha = 1;
    }
    if (this.#grounds === undefined) {
      this.#grounds = new Path2D();
      for (const item of sceneIndex(scene).top) if (item.kind === 'room') addRound(this.#grounds, item.rect, 16);
    }
    context.fillStyle = p.room;
    context.fill(this.#grounds);
    context.strokeStyle = p.line;
    context.lineWidth = 1.2 * thin;
    context.stroke(this.#grounds);
  }

  #drawFar(context: CanvasRenderingContext2D, scene: Scene, thin: number): void {
    this.#far ??= farOf(scene, this.#mounted);
    const p = this.#palette;
    const far = this.#far;
    context.lineWidth = thin;
    context.globalAlpha = this.#wires;
    context.fillStyle = p.soft;
    context.fill(far.kernels);
    context.strokeStyle = p.l2;
    context.fillStyle = p.panel;
    context.fill(far.bars);
    context.stroke(far.bars);
    context.globalAlpha = 1;
    context.strokeStyle = p.line;
    context.fill(far.plain);
    context.stroke(far.plain);
    context.strokeStyle = p.l4;
    context.fill(far.services);
    context.setLineDash([5 * thin, 4 * thin]);
    context.stroke(far.services);
    context.setLineDash([]);
  }

  #drawNames(context: CanvasRenderingContext2D): void {
    const { zoom, ratio, x, y } = this.#view;
    const size = letterPx(10.5, zoom);
    // In pixels: a font of another size is looked up anew in each frame of a zoom, which costs more than all that is written.
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `600 ${size}px ${this.#fonts.sans}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = this.#palette.ink;
    for (const item of this.#far?.named ?? []) {
      const { rect } = item;
      if (rect.w * zoom < NAMED_WIDTH || item.kind === 'pod' || item.kind === 'kernel') continue;
      context.fillText(shortName(item.title, Math.floor((rect.w * zoom) / (size * 0.6))), (rect.x + rect.w / 2) * zoom + x, (rect.y + rect.h / 2) * zoom + y);
    }
  }
}

function addRound(path: Path2D, { x, y, w, h }: Rect, r: number): void {
  path.roundRect(x, y, w, h, Math.min(r, h / 2));
}

function strokesOf(scene: Scene): Strokes {
  const cables: string[] = [];
  const tunnels: string[] = [];
  for (const wire of scene.wires) {
    if (wire.kind === 'uplink') cables.push(pathData(wire.points, wire.curve));
    else if (wire.kind === 'tunnel') tunnels.push(pathData(wire.points, wire.curve));
  }
  return { cables: new Path2D(cables.join('')), tunnels: new Path2D(tunnels.join('')) };
}

function farOf(scene: Scene, mounted: ReadonlySet<string>): Far {
  const far = { rooms: new Path2D(), kernels: new Path2D(), bars: new Path2D(), plain: new Path2D(), services: new Path2D(), named: [] as Item[] };
  const index = sceneIndex(scene);
  for (const item of index.top) {
    if (mounted.has(item.id)) continue;
    if (item.kind === 'room') {
      for (const one of index.inside.get(item.id) ?? []) {
        if (one.kind === 'kernel') addRound(far.kernels, one.rect, 10);
        else if (one.kind === 'bar' || (one.kind === 'chip' && !one.small)) addRound(far.bars, one.rect, 8);
        else if (one.kind === 'pod') addRound(far.plain, one.rect, 10);
        else if (one.kind === 'fold') {
          addRound(far.plain, one.rect, 40);
          far.named.push(one);
        }
      }
      continue;
    }
    if (item.kind === 'service') addRound(far.services, item.rect, 40);
    else if (item.kind === 'bar') addRound(far.bars, item.rect, 8);
    else addRound(far.plain, item.rect, 10);
    far.named.push(item);
  }
  return far;
}
