/** Which styles a text may be written in, and how its characters are escaped (goyaml.v2: emitterc.go). */

export interface ScalarTraits {
  readonly multiline: boolean;
  readonly plainAllowed: boolean;
  readonly singleAllowed: boolean;
  readonly blockAllowed: boolean;
}

const isBreak = (code: number): boolean => code === 10 || code === 13 || code === 0x85 || code === 0x2028 || code === 0x2029;

/** What libyaml's emitter calls printable: no tab, no control character, nothing beyond the basic plane. */
function isPrintable(code: number): boolean {
  if (code === 10) return true;
  if (code < 0x20 || (code > 0x7e && code < 0xa0)) return false;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff);
}

/** yaml_emitter_analyze_scalar, for block context. */
export function analyzeScalar(text: string): ScalarTraits {
  let indicators = text.startsWith('---') || text.startsWith('...');
  let special = false;
  let lineBreaks = false;
  let leading = false;
  let trailingSpace = false;
  let trailingBreak = false;
  let breakSpace = false;
  let spaceBreak = false;
  let previousSpace = false;
  let previousBreak = false;
  let afterBlank = true;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const next = text.charCodeAt(i + 1);
    const beforeBlank = Number.isNaN(next) || next === 32 || next === 9 || isBreak(next);
    const char = text[i] ?? '';
    if (i === 0) {
      if ('#,[]{}&*!|>\'"%@`'.includes(char)) indicators = true;
      else if ('?:-'.includes(char) && beforeBlank) indicators = true;
    } else if (char === ':' && beforeBlank) indicators = true;
    else if (char === '#' && afterBlank) indicators = true;
    if (!isPrintable(code)) special = true;
    if (code === 32) {
      if (i === 0) leading = true;
      if (i === text.length - 1) trailingSpace = true;
      if (previousBreak) breakSpace = true;
      previousSpace = true;
      previousBreak = false;
    } else if (isBreak(code)) {
      lineBreaks = true;
      if (i === 0) leading = true;
      if (i === text.length - 1) trailingBreak = true;
      if (previousSpace) spaceBreak = true;
      previousSpace = false;
      previousBreak = true;
    } else {
      previousSpace = false;
      previousBreak = false;
    }
    afterBlank = code === 32 || code === 9 || isBreak(code);
  }
  const ragged = spaceBreak || special;
  return {
    multiline: lineBreaks,
    plainAllowed: !indicators && !leading && !trailingSpace && !trailingBreak && !breakSpace && !ragged && !lineBreaks,
    singleAllowed: !breakSpace && !ragged,
    blockAllowed: !trailingSpace && !ragged,
  };
}

const escapes = new Map<number, string>([
  [0x00, '0'],
  [0x07, 'a'],
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0b, 'v'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x1b, 'e'],
  [0x22, '"'],
  [0x5c, '\\'],
  [0x85, 'N'],
  [0xa0, '_'],
  [0x2028, 'L'],
  [0x2029, 'P'],
]);

export function escapeOf(code: number): string | undefined {
  const short = escapes.get(code);
  if (short !== undefined && code !== 0xa0) return `\\${short}`;
  if (isPrintable(code)) return undefined;
  const digits = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}
