/** A scene as one SVG text, without a browser: for `kubehop svg`, the README's picture and an embed's first paint. All text is escaped. */
import type { HopView, Topology } from '../../world/views.ts';
import { mix, type PaletteName, palettes } from '../theme/palette.ts';
import type { Lens } from './contract.ts';
import { Journey } from './journey.ts';
import { buildScene, type LayoutOptions } from './layout.ts';
import { lensOpacity } from './lens.ts';
import { paintAll } from './paint.ts';
import { paintMoment } from './paint-moment.ts';
import type { Scene } from './scene.ts';
import { cssInks, type ElementSpec, type Inks, toElement } from './shape.ts';

export interface SvgOptions extends Partial<LayoutOptions> {
  readonly theme?: PaletteName;
  readonly lens?: Lens;
  /** Draws this moment: the packet of the hop at `index`, and its way. */
  readonly hops?: readonly HopView[];
  readonly index?: number;
  /** Scene units of air around. */
  readonly margin?: number;
  /** Colours as CSS variables of the page that shows it inline, instead of plain values. */
  readonly variables?: boolean;
  readonly title?: string;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and attribute values; characters that XML forbids vanish. */
export function escapeXml(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g, '').replace(/[&<>"']/g, (character) => escapes[character] ?? '');
}

export function elementText(element: ElementSpec): string {
  const attributes = Object.entries(element.attributes)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join('');
  const inside = element.text === undefined ? element.children.map(elementText).join('') : escapeXml(element.text);
  return inside === '' ? `<${element.tag}${attributes}/>` : `<${element.tag}${attributes}>${inside}</${element.tag}>`;
}

/** Plain values, for a file. */
export function fileInks(theme: PaletteName): Inks {
  const palette = palettes[theme];
  return {
    colour: (paint) => (typeof paint === 'string' ? palette[paint] : mix(palette[paint.token], palette[paint.over], paint.part)),
    fontSize: (size) => String(size),
    sans: "Inter, system-ui, 'DejaVu Sans', sans-serif",
    mono: "'JetBrains Mono', ui-monospace, 'DejaVu Sans Mono', monospace",
    shows: (lod) => lod.includes('n'),
    classes: false,
  };
}

const faded = (element: ElementSpec | undefined, opacity: number): ElementSpec | undefined =>
  element === undefined || opacity === 1 ? element : { ...element, attributes: { ...element.attributes, opacity: String(opacity) } };

/** The SVG of a scene that is laid out already. */
export function sceneSvg(scene: Scene, options: SvgOptions = {}): string {
  const theme = options.theme ?? 'light';
  const inks: Inks =
    options.variables === true ? { ...cssInks, fontSize: (size) => `${size}px`, shows: (lod) => lod.includes('n'), classes: false } : fileInks(theme);
  const margin = options.margin ?? 24;
  const { bounds } = scene;
  const moment = options.hops === undefined || options.index === undefined ? [] : paintMoment(new Journey(scene, options.hops), options.index);
  const lens = options.lens ?? 'wires';
  const elements = paintAll(scene.items, scene.wires).map(({ kind, shape }) => faded(toElement(shape, inks), lensOpacity(lens, kind)));
  const body = [...elements, ...moment.map((shape) => toElement(shape, inks))].map((element) => (element === undefined ? '' : elementText(element))).join('');
  const w = Math.ceil(bounds.w + 2 * margin);
  const h = Math.ceil(bounds.h + 2 * margin);
  const title = options.title ?? 'A Kubernetes cluster as a network';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${Math.floor(bounds.x - margin)} ${Math.floor(bounds.y - margin)} ${w} ${h}" width="${w}" height="${h}" role="img">` +
    `<title>${escapeXml(title)}</title>` +
    `<rect x="${Math.floor(bounds.x - margin)}" y="${Math.floor(bounds.y - margin)}" width="${w}" height="${h}" fill="${escapeXml(inks.colour('bg'))}"/>${body}</svg>`
  );
}

/** Lays out and paints a topology. */
export function topologySvg(topology: Topology, options: SvgOptions = {}): string {
  const scene = buildScene(topology, { density: 'full', direction: 'row', ...options });
  return sceneSvg(scene, options);
}
