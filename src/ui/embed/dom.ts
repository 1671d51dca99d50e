/** Makes elements without HTML text: nothing that comes from a world is ever parsed. */
import type { ElementSpec } from '../canvas/shape.ts';

const SVG = 'http://www.w3.org/2000/svg';

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svgElement<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string>> = {}): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Attributes do not know `calc()` and `var()` everywhere; style does. */
const styled = new Set(['font-family', 'font-size', 'fill', 'stroke']);

export function toDom(spec: ElementSpec): SVGElement {
  const made = document.createElementNS(SVG, spec.tag) as SVGElement;
  for (const [name, value] of Object.entries(spec.attributes)) {
    if (styled.has(name)) made.style.setProperty(name, value);
    else made.setAttribute(name, value);
  }
  if (spec.text !== undefined) made.textContent = spec.text;
  for (const child of spec.children) made.append(toDom(child));
  return made;
}

/** An icon of 16 × 16. */
export function icon(path: string, filled = false): SVGSVGElement {
  const svg = svgElement('svg', { width: '16', height: '16', viewBox: '0 0 16 16', 'aria-hidden': 'true' });
  svg.append(
    svgElement('path', {
      d: path,
      fill: filled ? 'currentColor' : 'none',
      stroke: 'currentColor',
      'stroke-width': '1.7',
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
    }),
  );
  return svg;
}
