/** Which theme the page has, and its colours for what is drawn on canvas. */
import { type Palette, palettes } from './palette.ts';

export type ThemeName = 'system' | 'light' | 'dark';

/** Sets `data-theme` on the page; `system` follows the reader's settings. */
export function applyTheme(theme: ThemeName, root: HTMLElement = document.documentElement): void {
  if (theme === 'system') root.removeAttribute('data-theme');
  else root.dataset.theme = theme;
}

/** The colours in force at an element, as CSS text. In forced-colours mode they are system colours. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const names = Object.keys(palettes.light) as (keyof Palette)[];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim() || palettes.light[name]])) as Record<keyof Palette, string>;
}

/** Calls back when the colours in force may have changed; returns how to stop. */
export function watchPalette(listener: () => void): () => void {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  const queries = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((query) => matchMedia(query));
  for (const query of queries) query.addEventListener('change', listener);
  return () => {
    observer.disconnect();
    for (const query of queries) query.removeEventListener('change', listener);
  };
}
