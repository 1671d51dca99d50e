/** What could be meant at the caret of a display filter: fields and protocols, what they are compared by, and the values that the run has. */
import type { HopView } from '../../../world/views.ts';
import { type Field, type FieldType, fields, type HopContext, protocols } from './fields.ts';
import { functions } from './term.ts';

export interface FilterCompletion {
  /** The word that a choice replaces, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  readonly items: readonly { readonly name: string; readonly help: string }[];
  /** What stands there is no filter yet: Enter takes the first. Else it may be meant as it is. */
  readonly unfinished: boolean;
}

const MAX_ITEMS = 12;
/** Hops in which values are looked for; more would be felt while typing. */
const MAX_HOPS = 20_000;
const MAX_VALUES = 2_000;

const COMPARES: readonly (readonly [sign: string, help: string, types: readonly FieldType[] | undefined])[] = [
  ['==', 'equals', undefined],
  ['!=', 'differs from', undefined],
  ['in', 'one of: {80, 443, 8000..8080}', undefined],
  ['>=', 'at least', ['number', 'address']],
  ['<=', 'at most', ['number', 'address']],
  ['contains', 'has this text', ['text', 'bytes']],
  ['matches', 'fits this expression', ['text']],
];

/** Where a field may stand: at the beginning, behind a join, `!` or an opening parenthesis. */
const FIELD_BEFORE = /(?:^|&&|\|\||\^\^|!|\(|\b(?:and|or|not|xor|any|all))\s*$/i;
const COMPARED = /(?:==|!=|===|!==|<=|>=|<|>|\b(?:eq|ne|gt|lt|ge|le|contains))\s*$/i;

/** Fields, protocols and functions that begin with a word. */
function named(word: string): FilterCompletion['items'] {
  const lower = word.toLowerCase();
  // A protocol's name alone is a filter: what stands behind its dot is offered once the dot is there.
  if (protocols.has(lower)) return [];
  const begun = [...protocols.keys()].filter((name) => name.startsWith(lower)).map((name) => ({ name, help: 'protocol' }));
  return [
    ...begun,
    ...[...fields, ...functions]
      .filter(([name]) => name.startsWith(lower) && name !== lower)
      .map(([name, one]) => ({ name, help: 'gives' in one ? `function: ${one.help}` : one.help })),
  ].slice(0, MAX_ITEMS);
}

/** As the language has it: texts in quotation marks, the rest as it is. */
const written = (type: FieldType, value: string | number): string => (type === 'text' ? JSON.stringify(String(value)) : String(value));

/** The values that hops have in a field and that begin with `begun`, the most frequent first. */
function valuesOf(field: Field, begun: string, hops: readonly HopView[], contextOf: (hop: HopView) => HopContext): FilterCompletion['items'] {
  const counts = new Map<string, number>();
  for (let i = 0; i < Math.min(MAX_HOPS, hops.length); i += 1) {
    const hop = hops[i] as HopView;
    for (const value of field.values(hop, contextOf(hop))) {
      const text = written(field.type, value);
      if (counts.size < MAX_VALUES || counts.has(text)) counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  }
  const wanted = begun.replace(/^"/, '').toLowerCase();
  return [...counts]
    .filter(([text]) => text.replace(/^"/, '').toLowerCase().startsWith(wanted) && text !== begun)
    .sort((a, b) => b[1] - a[1])
    .slice(0, MAX_ITEMS)
    .map(([name, count]) => ({ name, help: count === 1 ? 'once in this run' : `${count} times in this run` }));
}

export interface RunValues {
  readonly hops: readonly HopView[];
  contextOf(hop: HopView): HopContext;
}

/** @param run where values come from; without it only names and signs are offered */
export function completeFilter(text: string, caret: number, run?: RunValues): FilterCompletion | undefined {
  const before = text.slice(0, caret);
  const found = (start: number, end: number, items: FilterCompletion['items'], unfinished = false) =>
    items.length === 0 ? undefined : { start, end, items, unfinished };
  const word = /[a-z_][\w.]*$/i.exec(before)?.[0] ?? '';
  // Only after a dot or two letters: who types one letter may still mean a word to look for.
  if (word.length >= 2 && FIELD_BEFORE.test(before.slice(0, -word.length))) {
    const end = caret + (/^[\w.]*/.exec(text.slice(caret))?.[0].length ?? 0);
    return found(caret - word.length, end, named(word), true);
  }
  const value = /(?:"[^"]*|[^\s"(){}]*)$/.exec(before)?.[0] ?? '';
  const left = before.slice(0, before.length - value.length);
  const inSet = /([a-z_][\w.]*)\s+in\s*\{[^}]*$/i.exec(left);
  const compared = COMPARED.exec(left);
  const name = inSet?.[1] ?? (compared === null ? undefined : /([a-z_][\w.]*)\s*$/i.exec(left.slice(0, compared.index))?.[1]);
  if (name !== undefined) {
    const field = fields.get(name.toLowerCase());
    return field === undefined || run === undefined ? undefined : found(left.length, caret, valuesOf(field, value, run.hops, run.contextOf));
  }
  // Behind a field and a space: what it is compared by.
  const subject = /([a-z_][\w.]*)\s+$/i.exec(left)?.[1] ?? '';
  const field = fields.get(subject.toLowerCase());
  if (field === undefined || !FIELD_BEFORE.test(left.trimEnd().slice(0, -subject.length))) return undefined;
  const items = COMPARES.filter(([sign, , types]) => sign.startsWith(value) && sign !== value && (types === undefined || types.includes(field.type)));
  return found(
    left.length,
    caret,
    items.map(([sign, help]) => ({ name: sign, help })),
  );
}
