/** Fields and protocols that could be meant at the caret of a display filter. */
import { fields, protocols } from './fields.ts';
import { functions } from './term.ts';

export interface FilterCompletion {
  /** The word that a choice replaces, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  readonly items: readonly { readonly name: string; readonly help: string }[];
}

const MAX_ITEMS = 12;

/** Only after a dot or two letters, where a field may stand, and not for what is whole already. */
export function completeFilter(text: string, caret: number): FilterCompletion | undefined {
  const word = /[a-z_][\w.]*$/i.exec(text.slice(0, caret))?.[0];
  if (word === undefined || word.length < 2) return undefined;
  const before = text.slice(0, caret - word.length).trimEnd();
  if (before !== '' && !/(?:&&|\|\||\^\^|!|\(|\b(?:and|or|not|xor|any|all))$/i.test(before)) return undefined;
  const end = caret + (/^[\w.]*/.exec(text.slice(caret))?.[0].length ?? 0);
  const lower = word.toLowerCase();
  const items = [...fields, ...functions]
    .filter(([name]) => name.startsWith(lower) && name !== lower)
    .map(([name, one]) => ({ name, help: 'gives' in one ? `function: ${one.help}` : one.help }));
  // A protocol's name alone is a filter: what stands behind its dot is offered once the dot is there.
  if (protocols.has(lower) || items.length === 0) return undefined;
  return { start: caret - word.length, end, items: items.slice(0, MAX_ITEMS) };
}
