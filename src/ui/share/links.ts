/** The addresses and snippets of the Share and Embed dialogs. */
import type { WorldDocument } from '../../world/document.ts';
import type { Lens } from '../canvas/contract.ts';
import { foldEdits } from '../state/check-document.ts';
import { encodeShare, type ShareMoment } from '../state/share-link.ts';

/** Longer links are cut by chat programs, some of them silently. */
export const COMFORTABLE_LENGTH = 2_000;

export interface SharedFragment {
  readonly fragment: string;
  /** The history of edits was folded into the files, since the exact link was too long for it. */
  readonly folded: boolean;
}

/** The exact document; where its link would be long, the same with its edits folded in, if that is shorter. */
export function fragmentOf(document: WorldDocument, moment: ShareMoment): SharedFragment {
  const exact = encodeShare(document, moment);
  if (exact.length <= COMFORTABLE_LENGTH || !document.inputs.some((input) => input.kind === 'edit')) return { fragment: exact, folded: false };
  const folded = encodeShare(foldEdits(document), moment);
  return folded.length < exact.length ? { fragment: folded, folded: true } : { fragment: exact, folded: false };
}

export interface EmbedOptions {
  readonly theme: 'auto' | 'light' | 'dark';
  readonly lens: Lens;
  readonly controls: 'full' | 'min' | 'none';
  readonly autoplay: boolean;
  readonly loop: boolean;
  /** 1-based hop to stand at; undefined: from the beginning. */
  readonly step: number | undefined;
  readonly caption: string;
  readonly heightPx: number;
}

/** Only what differs from the default, in one order, so that equal embeds have equal addresses. */
export function embedAddress(base: string, fragment: string, options: EmbedOptions): string {
  const query = new URLSearchParams();
  if (options.theme !== 'auto') query.set('theme', options.theme);
  if (options.lens !== 'wires') query.set('lens', options.lens);
  if (options.controls !== 'full') query.set('controls', options.controls);
  if (options.autoplay) query.set('autoplay', '1');
  if (options.loop) query.set('loop', '1');
  if (options.step !== undefined) query.set('step', String(options.step));
  if (options.caption !== '') query.set('caption', options.caption);
  const text = query.toString();
  return `${new URL('embed/v1/', base).href}${text === '' ? '' : `?${text}`}${fragment}`;
}

const escapeAttribute = (text: string) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

export function embedSnippet(address: string, title: string, heightPx: number): string {
  return `<iframe src="${escapeAttribute(address)}" title="${escapeAttribute(title)}" width="100%" height="${heightPx}" loading="lazy" sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer" style="border:0"></iframe>`;
}

/** The page itself, without query and fragment. */
export const pageAddress = (href: string): string => href.replace(/[?#].*$/s, '');
