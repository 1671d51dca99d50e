/** Finds the hop a lesson means by what it is, not by a number that an edit would shift. */
import type { HopView } from '../../world/views.ts';
import type { HopQuery } from './lesson.ts';

const has = (text: string, wanted: string | undefined) => wanted === undefined || text.toLowerCase().includes(wanted.toLowerCase());

/** Index in `hops`, or -1. */
export function findHop(hops: readonly HopView[], query: HopQuery): number {
  const fits = hops
    .map((hop, index) => ({ hop, index }))
    .filter(
      ({ hop }) =>
        (query.step === undefined || hop.event.step.kind === query.step) &&
        (query.protocol === undefined || hop.protocol.toLowerCase() === query.protocol.toLowerCase()) &&
        has(hop.label, query.label) &&
        has(hop.where, query.where) &&
        has(hop.title, query.title),
    );
  const at = query.nth > 0 ? query.nth - 1 : fits.length + query.nth;
  return fits[at]?.index ?? -1;
}
