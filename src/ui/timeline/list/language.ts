/** What of the packet list needs the display filter's language, loaded behind the first rows: filtering, colour rules, columns of fields. */
import type { HopView } from '../../../world/views.ts';
import { conversing, streamsOf } from '../conversations.ts';
import { fields, type HopContext } from '../display-filter/fields.ts';
import { asksForStreams, readFilter } from '../filter.ts';
import type { Work } from '../sliced.ts';
import type { ColourRule } from './colour-rules.ts';
import { type Column, FIELD } from './columns.ts';

export { filtering } from '../filter.ts';

/** What is wrong with a rule's filter; undefined where nothing is. Words to look for are no filter of a rule. */
export function ruleProblem(filter: string): string | undefined {
  if (filter.trim() === '') return 'A rule needs a filter.';
  const read = readFilter(filter);
  if (read.kind === 'error') return read.error.message;
  return read.kind === 'words' ? `"${filter.trim()}" is neither a field nor a protocol.` : undefined;
}

/** The fields that can be columns, with what they say. */
export const fieldNames: readonly (readonly [name: string, help: string])[] = [...fields].map(([name, { help }]) => [name, help]);

/** Rules and fields for the hops of a run; rules are asked once for each hop. */
export interface Painter {
  rule(hop: HopView, number: number | undefined): ColourRule | undefined;
  /** All values of a field in a hop; none where the language has no such field. */
  values(field: string, hop: HopView, number: number | undefined): readonly (string | number)[];
}

/** Rules that are off or wrong never fit. */
export function* painting(rules: readonly ColourRule[], columns: readonly Column[], hops: readonly HopView[]): Work<Painter> {
  const read = rules.flatMap((rule) => {
    const filter = rule.on && rule.filter.trim() !== '' ? readFilter(rule.filter) : undefined;
    return filter?.kind === 'display' ? [{ rule, accepts: filter.accepts }] : [];
  });
  const wanted = read.some(({ rule }) => asksForStreams(rule.filter)) || columns.some(({ id }) => asksForStreams(id));
  const streams = wanted ? streamsOf(yield* conversing(hops)) : undefined;
  const startNs = hops[0]?.event.timeNs ?? 0;
  const contextOf = (hop: HopView, number: number | undefined): HopContext => ({ number, stream: streams?.get(hop.event.packetId), startNs });
  const known = new WeakMap<HopView, ColourRule | 'none'>();
  return {
    rule: (hop, number) => {
      const before = known.get(hop);
      if (before !== undefined) return before === 'none' ? undefined : before;
      const context = contextOf(hop, number);
      const found = read.find((one) => one.accepts(hop, context))?.rule;
      known.set(hop, found ?? 'none');
      return found;
    },
    values: (field, hop, number) => fields.get(field)?.values(hop, contextOf(hop, number)) ?? [],
  };
}

/** The display filter for hops that have this value in a field. */
export function fieldFilter(column: string, value: string | number): string {
  const name = column.slice(FIELD.length);
  for (const text of [`${name} == ${value}`, `${name} == ${JSON.stringify(String(value))}`]) if (readFilter(text).kind === 'display') return text;
  return '';
}
