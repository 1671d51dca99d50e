/** Brace expansion of bash: `{a,b}` and `{1..5..2}`, done on words before anything else is expanded. */
import type { Word, WordPart } from './ast.ts';
import { joinTexts } from './words.ts';

/** One word may become so many; more stay as they were written. */
const MAX_WORDS = 10_000;

type Atom = string | WordPart;

export function expandBraces(word: Word): readonly Word[] {
  if (!word.parts.some((part) => part.kind === 'text' && !part.quoted && part.text.includes('{'))) return [word];
  const atoms = word.parts.flatMap((part): Atom[] => (part.kind === 'text' && !part.quoted ? [...part.text] : [part]));
  const budget = { words: MAX_WORDS };
  const expanded = expand(atoms, budget, 0);
  if (budget.words < 0) return [word];
  return expanded.map((parts) => ({
    parts: joinTexts(parts.map((atom): WordPart => (typeof atom === 'string' ? { kind: 'text', text: atom, quoted: false } : atom))),
    start: word.start,
    end: word.end,
  }));
}

function expand(atoms: readonly Atom[], budget: { words: number }, depth: number): Atom[][] {
  for (let open = atoms.indexOf('{'); open >= 0 && depth < 20; open = atoms.indexOf('{', open + 1)) {
    const close = closing(atoms, open);
    if (close === undefined) continue;
    const choices = close.commas.length > 0 ? lists(atoms, open, close, budget, depth) : sequence(atoms.slice(open + 1, close.at));
    if (choices === undefined) continue;
    const before = atoms.slice(0, open);
    const after = expand(atoms.slice(close.at + 1), budget, depth + 1);
    budget.words -= choices.length * after.length;
    if (budget.words < 0) return [];
    return choices.flatMap((choice) => after.map((rest) => [...before, ...choice, ...rest]));
  }
  return [[...atoms]];
}

function closing(atoms: readonly Atom[], open: number): { readonly at: number; readonly commas: readonly number[] } | undefined {
  const commas: number[] = [];
  let depth = 0;
  for (let i = open + 1; i < atoms.length; i += 1) {
    const atom = atoms[i];
    if (atom === '{') depth += 1;
    else if (atom === '}' && depth > 0) depth -= 1;
    else if (atom === '}') return { at: i, commas };
    else if (atom === ',' && depth === 0) commas.push(i);
  }
  return undefined;
}

function lists(
  atoms: readonly Atom[],
  open: number,
  close: { readonly at: number; readonly commas: readonly number[] },
  budget: { words: number },
  depth: number,
): Atom[][] {
  const edges = [open, ...close.commas, close.at];
  return edges.slice(1).flatMap((edge, index) => expand(atoms.slice((edges[index] ?? 0) + 1, edge), budget, depth + 1));
}

/** `1..5`, `05..1..2`, `a..e`; undefined for anything else. */
function sequence(atoms: readonly Atom[]): Atom[][] | undefined {
  if (atoms.some((atom) => typeof atom !== 'string')) return undefined;
  const text = atoms.join('');
  const letters = /^([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d{1,6}))?$/.exec(text);
  const numbers = /^(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.(-?\d{1,6}))?$/.exec(text);
  const match = letters ?? numbers;
  if (match === null) return undefined;
  const [, low = '', high = '', by = '1'] = match;
  const from = letters === null ? Number(low) : low.charCodeAt(0);
  const to = letters === null ? Number(high) : high.charCodeAt(0);
  const step = Math.max(1, Math.abs(Number(by)));
  const count = Math.floor(Math.abs(to - from) / step) + 1;
  if (count > MAX_WORDS) return undefined;
  const padded = numbers !== null && (/^-?0\d/.test(low) || /^-?0\d/.test(high)) ? Math.max(low.length, high.length) : 0;
  return Array.from({ length: count }, (_, index) => {
    const value = from + (to > from ? 1 : -1) * step * index;
    if (letters !== null) return [String.fromCharCode(value)];
    return [value < 0 ? `-${String(-value).padStart(padded - 1, '0')}` : String(value).padStart(padded, '0')];
  });
}
