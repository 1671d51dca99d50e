/** Squeezes texts that the face at hand makes wider than their box: names must not run over edges where our own faces are not there. */

/** All texts below `root` that say how wide they may be. Reads all sizes before it writes any. */
export function fitTexts(root: Element): void {
  const texts = [...root.querySelectorAll<SVGTextElement>('text[data-fit]')];
  for (const text of texts) text.removeAttribute('textLength');
  const widths = texts.map((text) => text.getComputedTextLength());
  texts.forEach((text, index) => {
    const most = Number(text.dataset.fit);
    if ((widths[index] ?? 0) <= most) return;
    text.setAttribute('textLength', String(most));
    text.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  });
}
