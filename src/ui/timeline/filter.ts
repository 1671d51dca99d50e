/** Which hops the timeline shows: words to look for, or a display filter where one is meant. */
import type { HopView } from '../../world/views.ts';
import { layerOf } from '../canvas/layer-of.ts';
import type { PacketLayer } from '../state/session.ts';
import { conversing, streamsOf } from './conversations.ts';
import { type FilterError, type HopPredicate, looksLikeDisplayFilter, parseDisplayFilter } from './display-filter/parse.ts';
import { drain, type Work } from './sliced.ts';

export { completeFilter } from './display-filter/complete.ts';

/** Read once for each text. */
export type ReadFilter =
  | { readonly kind: 'words' }
  | { readonly kind: 'display'; readonly accepts: HopPredicate }
  | { readonly kind: 'error'; readonly error: FilterError };

export interface RowFilter {
  /** A display filter (`tcp.port == 80 && ip.dst == 10.244.1.4`), or words, all of which must occur; `proto:dns` looks only at the protocol, `packet:3` only at the packet's number, `-word` must not occur. */
  readonly text: string;
  readonly background: boolean;
  /** Layers that are not shown, whatever the text says. */
  readonly hidden?: readonly PacketLayer[];
  /** The hop at the playhead: only filters with `${…}` look at it. */
  readonly selected?: HopView | undefined;
}

export function readFilter(text: string): ReadFilter {
  if (text.trim() === '' || !looksLikeDisplayFilter(text)) return { kind: 'words' };
  const parsed = parseDisplayFilter(text);
  return parsed.ok ? { kind: 'display', accepts: parsed.accepts } : { kind: 'error', error: parsed.error };
}

/** What words are looked for in: the columns, as written. */
function rowText(hop: HopView): string {
  return `${hop.where} ${hop.source} ${hop.destination} ${hop.protocol} ${hop.label} ${hop.title} ${hop.summary}`.toLowerCase();
}

function wordsFit(words: readonly string[], hop: HopView, number: number | undefined): boolean {
  const text = rowText(hop);
  const fits = (word: string): boolean => {
    if (word.startsWith('-') && word.length > 1) return !fits(word.slice(1));
    if (word.startsWith('proto:')) return hop.protocol.toLowerCase() === word.slice(6);
    if (word.startsWith('packet:')) return String(number) === word.slice(7);
    return text.includes(word);
  };
  return words.every(fits);
}

/** Only these filters need to know the conversations. */
export const asksForStreams = (text: string): boolean => /\b(?:stream|assoc_index)\b/.test(text);

/** Hops that are looked at between two chances to interrupt. */
const STRIDE = 256;

/** Indices of the hops to show, in order; a display filter with an error shows all. */
export function* filtering(hops: readonly HopView[], filter: RowFilter, numbers: ReadonlyMap<number, number>): Work<readonly number[]> {
  const read = readFilter(filter.text);
  const words = read.kind === 'words' ? filter.text.toLowerCase().split(/\s+/).filter(Boolean) : [];
  const streams = read.kind === 'display' && asksForStreams(filter.text) ? streamsOf(yield* conversing(hops)) : undefined;
  const startNs = hops[0]?.event.timeNs ?? 0;
  const hidden = filter.hidden ?? [];
  const indices: number[] = [];
  for (const [index, hop] of hops.entries()) {
    if (index % STRIDE === STRIDE - 1) yield;
    if (hop.background && !filter.background) continue;
    if (hidden.length > 0 && hidden.includes(layerOf(hop))) continue;
    const number = numbers.get(hop.event.packetId);
    if (read.kind === 'display' && !read.accepts(hop, { number, stream: streams?.get(hop.event.packetId), startNs, selected: filter.selected })) continue;
    if (words.length > 0 && !wordsFit(words, hop, number)) continue;
    indices.push(index);
  }
  return indices;
}

/** The same at once. */
export const filterHops = (hops: readonly HopView[], filter: RowFilter, numbers: ReadonlyMap<number, number>): readonly number[] =>
  drain(filtering(hops, filter, numbers));
