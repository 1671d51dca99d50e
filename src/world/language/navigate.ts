/** From a name to where it is defined, to where it is used, and to another name everywhere. */
import type { Span } from '../../base/diagnostic.ts';
import { matchesSelector } from '../../kube/label-selector.ts';
import { labelValueErrors, qualifiedNameErrors } from '../../kube/names.ts';
import type { Occurrence } from './occurrences.ts';
import type { Renaming, TextEdit } from './requests.ts';
import type { TextFile } from './text-index.ts';

/** More places than these are a search, not a jump. */
const MAX_PLACES = 1_000;

const fitsScope = (a: Occurrence, b: Occurrence): boolean => a.scope === b.scope || a.scope === '*' || b.scope === '*';
const isSame = (a: Occurrence, b: Occurrence): boolean => a.symbol === b.symbol && fitsScope(a, b);
const all = (files: readonly TextFile[]): readonly Occurrence[] => files.flatMap((file) => file.occurrences);

/** The name that stands at an offset; of two (a label's key and value) the shorter. */
export function occurrenceAt(files: readonly TextFile[], path: string, offset: number): Occurrence | undefined {
  let best: Occurrence | undefined;
  for (const one of files.find((file) => file.path === path)?.occurrences ?? []) {
    const { startOffset, endOffset } = one.span;
    if (offset < startOffset || offset > endOffset || one.span.startLine !== one.span.endLine) continue;
    if (best === undefined || endOffset - startOffset < best.span.endOffset - best.span.startOffset) best = one;
  }
  return best;
}

/** What a use means: the pods a selector fits, the port's container, the object of that name. */
export function definitionsOf(files: readonly TextFile[], at: Occurrence): readonly Occurrence[] {
  const definitions = all(files).filter((one) => one.role === 'definition' && isSame(one, at));
  const { selector } = at;
  if (selector === undefined) return definitions;
  return definitions.filter((one) => one.labels === undefined || matchesSelector(selector, one.labels));
}

export function findDefinition(files: readonly TextFile[], path: string, offset: number): readonly Span[] {
  const at = occurrenceAt(files, path, offset);
  if (at === undefined) return [];
  return definitionsOf(files, at)
    .slice(0, MAX_PLACES)
    .map((one) => one.span);
}

/** Definitions first, then uses in the order of the files. */
export function findReferences(files: readonly TextFile[], path: string, offset: number): readonly Span[] {
  const at = occurrenceAt(files, path, offset);
  if (at === undefined) return [];
  const same = all(files).filter((one) => isSame(one, at));
  return [...same.filter((one) => one.role === 'definition'), ...same.filter((one) => one.role === 'reference')].slice(0, MAX_PLACES).map((one) => one.span);
}

function describe(at: Occurrence): string {
  const [type = '', first = '', second = ''] = at.symbol.split(' ');
  if (type === 'object') return `${first} ${at.scope === '' || at.scope === '*' ? '' : `${at.scope}/`}${second}`;
  if (type === 'label') return `label ${second}`;
  if (type === 'label-key') return `label key ${second}`;
  if (type === 'service-port') return `port ${second} of Service ${first}`;
  return `${type} ${first}`;
}

const nameForm = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
const portForm = /^(?=.*[a-z])[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

function problemWith(at: Occurrence, name: string): string | undefined {
  const [type = ''] = at.symbol.split(' ');
  if (name === '') return 'A name cannot be empty.';
  if (type === 'label') return labelValueErrors(name)[0];
  if (type === 'label-key') return qualifiedNameErrors(name)[0];
  if (type === 'port' || type === 'service-port')
    return portForm.test(name) && name.length <= (type === 'port' ? 15 : 63)
      ? undefined
      : 'A port name has at most 15 lower-case letters, digits and dashes, one letter at least.';
  return nameForm.test(name) && name.length <= 253
    ? undefined
    : 'A name has lower-case letters, digits, dashes and dots, and begins and ends with a letter or a digit.';
}

/** The text as it has to be written where it stands: quoted as it was, or where YAML would read something else. */
function written(old: string, name: string): string {
  const quote = old[0];
  if (quote === '"' || quote === "'") return `${quote}${name}${quote}`;
  return /^(?:true|false|yes|no|on|off|y|n|null|~|[-+.\d][\d._xoe+-]*)$/i.test(name) ? `"${name}"` : name;
}

/** Undefined where nothing can be renamed: numbers, and names that nobody defines here. */
export function renameAt(files: readonly TextFile[], path: string, offset: number, name: string | undefined): Renaming | undefined {
  const at = occurrenceAt(files, path, offset);
  if (at === undefined || at.fixed === true) return undefined;
  const { startOffset, endOffset } = at.span;
  const texts = new Map(files.map((file) => [file.path, file.text]));
  const edits: TextEdit[] = [];
  const problem = name === undefined ? undefined : problemWith(at, name);
  if (name !== undefined && problem === undefined) {
    for (const one of all(files)) {
      if (!isSame(one, at) || one.span.startLine !== one.span.endLine) continue;
      const { file, startOffset: start, endOffset: end } = one.span;
      edits.push({ file, startOffset: start, endOffset: end, text: written((texts.get(file) ?? '').slice(start, end), name) });
    }
  }
  return { what: describe(at), startOffset, endOffset, edits, ...(problem === undefined ? {} : { problem }) };
}
