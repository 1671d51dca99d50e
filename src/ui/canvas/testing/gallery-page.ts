/** The gallery as a page to look at, and to take pictures of: every look once, in both themes. */
import { palettes } from '../../theme/palette.ts';
import { toElement } from '../shape.ts';
import { elementText, escapeXml, fileInks } from '../svg.ts';
import type { Specimen } from './specimens.ts';

const MAX_W = 380;
const MAX_H = 110;

const style = `
@font-face { font-family: Inter; font-weight: 100 900; src: url(fonts/inter.woff2); }
@font-face { font-family: 'JetBrains Mono'; font-weight: 100 900; src: url(fonts/jetbrains-mono.woff2); }
body { margin: 0; }
section { display: grid; grid-template-columns: repeat(6, 198px); gap: 4px; padding: 10px; width: 1208px; font: 10px/1.3 Inter, sans-serif; }
h2 { grid-column: 1 / -1; margin: 6px 0 0; font: 600 13px Inter, sans-serif; }
figure { margin: 0; min-width: 0; }
figure[data-wide] { grid-column: span 2; }
svg { display: block; }`;

function card({ look, shapes, size }: Specimen, theme: 'light' | 'dark'): string {
  const inks = fileInks(theme);
  const body = shapes.map((shape) => toElement(shape, inks)).map((element) => (element === undefined ? '' : elementText(element)));
  const w = Math.min(size.w, MAX_W) + 16;
  const h = Math.min(size.h, MAX_H) + 16;
  const wide = w > 198 ? ' data-wide' : '';
  return `<figure${wide}><svg width="${w}" height="${h}" viewBox="-8 -8 ${w} ${h}">${body.join('')}</svg><figcaption>${escapeXml(look)}</figcaption></figure>`;
}

/** Wants `fonts/inter.woff2` and `fonts/jetbrains-mono.woff2` beside it. */
export function galleryPage(all: readonly Specimen[]): string {
  const themes = (['light', 'dark'] as const).map((theme) => {
    const { bg, ink } = palettes[theme];
    const groups = [...new Set(all.map(({ group }) => group))].map(
      (group) =>
        `<h2>${group}</h2>${all
          .filter((one) => one.group === group)
          .map((one) => card(one, theme))
          .join('')}`,
    );
    return `<section id="${theme}" style="background:${bg};color:${ink}">${groups.join('')}</section>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title><style>${style}</style><body>${themes.join('')}</body></html>`;
}
