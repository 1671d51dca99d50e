/** Shapes as React elements, with the page's CSS variables for colours and letter sizes. */
import { createElement, type ReactElement } from 'react';
import type { Painted } from './paint.ts';
import { cssInks, type ElementSpec, toElement } from './shape.ts';

const reactNames: Readonly<Record<string, string>> = {
  class: 'className',
  'text-anchor': 'textAnchor',
  'font-weight': 'fontWeight',
  'font-family': 'fontFamily',
  'font-size': 'fontSize',
  'stroke-width': 'strokeWidth',
  'stroke-dasharray': 'strokeDasharray',
  'stroke-linecap': 'strokeLinecap',
  'stroke-linejoin': 'strokeLinejoin',
  'dominant-baseline': 'dominantBaseline',
  'paint-order': 'paintOrder',
};
/** Attributes do not know `calc()` and `var()` everywhere; style does. */
const styled = new Set(['font-family', 'font-size', 'fill', 'stroke']);

function render(element: ElementSpec, key: number): ReactElement {
  const attributes: Record<string, unknown> = { key };
  const style: Record<string, string> = {};
  for (const [name, value] of Object.entries(element.attributes)) {
    if (styled.has(name)) style[reactNames[name] ?? name] = value;
    else attributes[reactNames[name] ?? name] = value;
  }
  attributes.style = style;
  return createElement(element.tag, attributes, element.text ?? element.children.map(render));
}

/** One group per painted thing; its class lets a lens dim it. */
export function PaintedShapes({ painted }: { readonly painted: readonly Painted[] }) {
  return painted.map(({ id, kind, shape }) => {
    const element = toElement(shape, cssInks);
    return element === undefined ? null : (
      <g key={id} className={`kind-${kind}`}>
        {render(element, 0)}
      </g>
    );
  });
}
