/** Shapes to paint, without a renderer: colours by token name, texts with the distances at which they are shown. Rendered to React, to the DOM or to a string. */
import type { Tone } from './scene.ts';

/** A colour token of theme/tokens.css. */
export type Token = Tone | 'bg' | 'panel' | 'ink' | 'soft' | 'room' | 'on-fill';

/** A token, or a mixture: `part` (0..1) of the token over another. */
export type Paint = Token | { readonly token: Token; readonly part: number; readonly over: Token };

/** At which distances a text is shown: n(ear), m(iddle), l(ow), f(ar). */
export type Lod = 'n' | 'nm' | 'nml' | 'm' | 'ml' | 'l' | 'lf' | 'f' | 'nmlf';

export type Shape =
  | {
      readonly type: 'rect';
      readonly x: number;
      readonly y: number;
      readonly w: number;
      readonly h: number;
      readonly r: number;
      readonly fill?: Paint;
      readonly stroke?: Paint;
      readonly width?: number;
      readonly dash?: string;
      readonly opacity?: number;
    }
  | {
      readonly type: 'circle';
      readonly x: number;
      readonly y: number;
      readonly r: number;
      readonly fill?: Paint;
      readonly stroke?: Paint;
      readonly width?: number;
    }
  | {
      readonly type: 'path';
      readonly d: string;
      readonly fill?: Paint;
      readonly stroke?: Paint;
      readonly width?: number;
      readonly dash?: string;
      readonly opacity?: number;
    }
  | {
      readonly type: 'text';
      readonly x: number;
      /** Baseline. */
      readonly y: number;
      readonly text: string;
      readonly size: number;
      readonly weight?: number;
      readonly mono?: boolean;
      readonly fill: Paint;
      readonly anchor?: 'start' | 'middle' | 'end';
      readonly lod: Lod;
      /** Ground colour around the letters, over lines. */
      readonly halo?: Token;
      /** Middle of the line box instead of baseline: text that grows with distance stays centred. */
      readonly centred?: boolean;
      /** Scene units it may take: where the face at hand is wider, letters are squeezed. */
      readonly fit?: number;
    }
  /** `cls` marks groups that a lens dims or shows. */
  | { readonly type: 'group'; readonly id?: string; readonly cls?: string; readonly title?: string; readonly children: readonly Shape[] };

export interface ElementSpec {
  readonly tag: 'rect' | 'circle' | 'path' | 'text' | 'g' | 'title';
  readonly attributes: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly children: readonly ElementSpec[];
}

/** How colours and text sizes come out: CSS variables for a living page, plain values for a file. */
export interface Inks {
  colour(paint: Paint): string;
  /** For `font-size`, in scene units. */
  fontSize(size: number): string;
  readonly sans: string;
  readonly mono: string;
  shows(lod: Lod): boolean;
  /** Class names for level of detail are wanted. */
  readonly classes: boolean;
}

/** For pages: tokens are CSS variables, letters grow by `--k`, and CSS hides what is too small. */
export const cssInks: Inks = {
  colour: (paint) =>
    typeof paint === 'string' ? `var(--${paint})` : `color-mix(in srgb, var(--${paint.token}) ${Math.round(paint.part * 100)}%, var(--${paint.over}))`,
  fontSize: (size) => `calc(${size}px * var(--k, 1))`,
  sans: 'var(--font-sans)',
  mono: 'var(--font-mono)',
  shows: () => true,
  classes: true,
};

const round = (value: number) => String(Math.round(value * 100) / 100);

function strokes(
  shape: { readonly fill?: Paint; readonly stroke?: Paint; readonly width?: number; readonly dash?: string; readonly opacity?: number },
  inks: Inks,
): Record<string, string> {
  return {
    fill: shape.fill === undefined ? 'none' : inks.colour(shape.fill),
    ...(shape.stroke === undefined ? {} : { stroke: inks.colour(shape.stroke), 'stroke-width': round(shape.width ?? 1.2) }),
    ...(shape.dash === undefined ? {} : { 'stroke-dasharray': shape.dash }),
    ...(shape.opacity === undefined ? {} : { opacity: round(shape.opacity) }),
  };
}

/** One shape as an element; undefined when it is not shown at this distance. Style that CSS variables need is in `style`, the rest are attributes. */
export function toElement(shape: Shape, inks: Inks): ElementSpec | undefined {
  switch (shape.type) {
    case 'rect':
      return {
        tag: 'rect',
        attributes: { x: round(shape.x), y: round(shape.y), width: round(shape.w), height: round(shape.h), rx: round(shape.r), ...strokes(shape, inks) },
        children: [],
      };
    case 'circle':
      return { tag: 'circle', attributes: { cx: round(shape.x), cy: round(shape.y), r: round(shape.r), ...strokes(shape, inks) }, children: [] };
    case 'path':
      return { tag: 'path', attributes: { d: shape.d, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', ...strokes(shape, inks) }, children: [] };
    case 'text':
      if (!inks.shows(shape.lod)) return undefined;
      return {
        tag: 'text',
        attributes: {
          x: round(shape.x),
          y: round(shape.y),
          'text-anchor': shape.anchor ?? 'start',
          'font-weight': String(shape.weight ?? 400),
          'font-family': shape.mono === true ? inks.mono : inks.sans,
          'font-size': inks.fontSize(shape.size),
          fill: inks.colour(shape.fill),
          ...(inks.classes && shape.fit !== undefined ? { 'data-fit': round(shape.fit) } : {}),
          ...(shape.centred === true ? { 'dominant-baseline': 'central' } : {}),
          ...(shape.halo === undefined ? {} : { stroke: inks.colour(shape.halo), 'stroke-width': '4', 'stroke-linejoin': 'round', 'paint-order': 'stroke' }),
          ...(inks.classes && shape.lod !== 'nmlf' ? { class: [...shape.lod].map((letter) => `lod-${letter}`).join(' ') } : {}),
        },
        text: shape.text,
        children: [],
      };
    case 'group': {
      const children = shape.children.map((child) => toElement(child, inks)).filter((child) => child !== undefined);
      const title: ElementSpec[] = shape.title === undefined ? [] : [{ tag: 'title', attributes: {}, text: shape.title, children: [] }];
      return { tag: 'g', attributes: shape.cls === undefined || !inks.classes ? {} : { class: shape.cls }, children: [...title, ...children] };
    }
  }
}
