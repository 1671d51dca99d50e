/** An atlas of drawn capsules: each look is drawn once at the sharpness of the screen and then copied, since text and arcs cost too much per frame. */
import type { Palette } from '../theme/palette.ts';
import { type Capsule, capsuleKey } from './capsule.ts';

export interface Sprite {
  readonly image: HTMLCanvasElement;
  /** Size on screen in CSS pixels, with its shadow's margin; the packet's point is `anchorX`, `anchorY` into it. */
  readonly w: number;
  readonly h: number;
  readonly anchorX: number;
  readonly anchorY: number;
}

const MAX_SPRITES = 512;
const MARGIN = 8;
/** Letters on the atlas are never below this on screen. */
const FONT_PX = 10.5;

export interface SpriteFonts {
  readonly mono: string;
}

/** Round ends; the path is left open for fill and stroke. */
function pillPath(context: CanvasRenderingContext2D, x: number, y: number, w: number, h: number): void {
  context.beginPath();
  context.roundRect(x, y, w, h, h / 2);
}

function drawInner(context: CanvasRenderingContext2D, capsule: Capsule, palette: Palette, font: string, left: number, w: number): void {
  const tone = palette[capsule.tone];
  pillPath(context, left + 0.9, -9.1, w - 1.8, 18.2);
  context.fillStyle = capsule.reply ? tone : palette.panel;
  context.fill();
  context.lineWidth = 1.8;
  context.strokeStyle = tone;
  context.stroke();
  context.fillStyle = capsule.reply ? palette['on-fill'] : tone;
  context.font = `700 ${FONT_PX}px ${font}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(capsule.label, left + w / 2 + (capsule.reply ? 7 : 0), 0.5);
  if (!capsule.reply) return;
  // The bent arrow of an answer.
  context.strokeStyle = palette['on-fill'];
  context.lineWidth = 1.5;
  context.lineJoin = 'round';
  context.beginPath();
  context.moveTo(left + 17, -3.5);
  context.lineTo(left + 17, 1.5);
  context.lineTo(left + 9.5, 1.5);
  context.moveTo(left + 12, -1.2);
  context.lineTo(left + 9.2, 1.5);
  context.lineTo(left + 12, 4.2);
  context.stroke();
}

function drawDropped(context: CanvasRenderingContext2D, capsule: Capsule, palette: Palette, font: string, mirrored: boolean): void {
  const x = mirrored ? -22 : 22;
  context.beginPath();
  context.arc(0, 0, 15, 0, Math.PI * 2);
  context.fillStyle = palette.drop;
  context.fill();
  context.strokeStyle = palette['on-fill'];
  context.lineWidth = 3;
  context.lineCap = 'round';
  context.beginPath();
  context.moveTo(-6, -6);
  context.lineTo(6, 6);
  context.moveTo(6, -6);
  context.lineTo(-6, 6);
  context.stroke();
  context.font = `700 11px ${font}`;
  context.textAlign = mirrored ? 'right' : 'left';
  context.textBaseline = 'middle';
  context.lineWidth = 4;
  context.lineJoin = 'round';
  context.strokeStyle = palette.bg;
  context.strokeText(capsule.label, x, 0.5);
  context.fillStyle = palette.drop;
  context.fillText(capsule.label, x, 0.5);
}

export class SpriteAtlas {
  readonly #sprites = new Map<string, Sprite>();
  readonly #palette: Palette;
  readonly #font: string;
  readonly #scale: number;

  /** @param scale device pixels per CSS pixel, times the growth when zoomed in. */
  constructor(palette: Palette, monoFont: string, scale: number) {
    this.#palette = palette;
    this.#font = monoFont;
    this.#scale = scale;
  }

  /** `mirrored`: a dropped packet's words stand at its left, for the right edge of the picture. */
  get(capsule: Capsule, mirrored = false): Sprite {
    const key = mirrored ? `m${capsuleKey(capsule)}` : capsuleKey(capsule);
    const found = this.#sprites.get(key);
    if (found !== undefined) return found;
    if (this.#sprites.size >= MAX_SPRITES) {
      const oldest = this.#sprites.keys().next().value;
      if (oldest !== undefined) this.#sprites.delete(oldest);
    }
    const made = this.#draw(capsule, mirrored);
    this.#sprites.set(key, made);
    return made;
  }

  #draw(capsule: Capsule, mirrored: boolean): Sprite {
    const image = document.createElement('canvas');
    const context = image.getContext('2d') as CanvasRenderingContext2D;
    context.font = `700 ${FONT_PX}px ${this.#font}`;
    // The face at hand may be wider than the one that was reckoned with.
    const letters = context.measureText(capsule.label).width;
    const inner = letters + (capsule.reply ? 14 : 0) + 20;
    const w = capsule.dropped ? 30 + 10 + letters * 1.06 : capsule.tunnelled ? inner + 30 : inner;
    const left = capsule.dropped ? (mirrored ? w - 15 : 15) : w / 2;
    image.width = Math.ceil((w + 2 * MARGIN) * this.#scale);
    image.height = Math.ceil((capsule.h + 2 * MARGIN) * this.#scale);
    context.scale(this.#scale, this.#scale);
    context.translate(left + MARGIN, capsule.h / 2 + MARGIN);
    if (capsule.dropped) {
      drawDropped(context, capsule, this.#palette, this.#font, mirrored);
    } else {
      context.shadowColor = 'rgba(0, 0, 0, 0.28)';
      context.shadowBlur = 6 * this.#scale;
      context.shadowOffsetY = 1.5 * this.#scale;
      pillPath(context, -w / 2, -capsule.h / 2, w, capsule.h);
      context.fillStyle = capsule.tunnelled ? this.#palette.tun : this.#palette.panel;
      context.fill();
      context.shadowColor = 'transparent';
      if (capsule.tunnelled) {
        context.beginPath();
        context.arc(-w / 2 + 13, 0, 4.5, 0, Math.PI * 2);
        context.fillStyle = this.#palette.panel;
        context.fill();
      }
      drawInner(context, capsule, this.#palette, this.#font, -w / 2 + (capsule.tunnelled ? 25 : 0), capsule.tunnelled ? inner : w);
    }
    return { image, w: w + 2 * MARGIN, h: capsule.h + 2 * MARGIN, anchorX: left + MARGIN, anchorY: capsule.h / 2 + MARGIN };
  }
}
