/** How ends of a question are written and read by people, and what an outcome looks like. */
import type { ProbeOutcome, ProbeSpec, ReachEnd, ReachQuestion, ReachRow } from '../../world/reach/reach-views.ts';

/** `pod/default/client` is `pod/client` to a reader. */
export const endText = (end: ReachEnd): string => end.replace(/^(pod|service)\/default\//, '$1/');

/** The last part: what a reader calls it. */
export const endName = (end: ReachEnd): string => end.slice(end.lastIndexOf('/') + 1);

export const portText = ({ protocol, port }: Pick<ProbeSpec, 'protocol' | 'port'>): string => (protocol === 'ICMP' ? 'ping' : `${port}/${protocol}`);

export const OUTCOMES: Readonly<Record<ProbeOutcome, { readonly mark: string; readonly word: string }>> = {
  open: { mark: '✓', word: 'open' },
  refused: { mark: '⊘', word: 'refused' },
  dropped: { mark: '✕', word: 'no answer' },
  unresolved: { mark: '?', word: 'no such name' },
  unsent: { mark: '–', word: 'not sent' },
};

export const rowKey = ({ direction, about, result: { spec } }: ReachRow): string => `${direction} ${about} ${portText(spec)}`;

export const sameQuestion = (a: ReachQuestion | undefined, b: ReachQuestion | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);
