/** The pieces that explanations are made of, and what the telling must know of the world besides the log. */
import type { Span } from '../base/diagnostic.ts';
import type { Origin } from '../base/origin.ts';
import type { Phrase } from './views.ts';

/** What the telling needs to know of the world besides the log. */
export interface TellContext {
  /** Title of a netns and of its host; `pod` is the Pod's object key for a pod's netns. */
  netns(id: string): { readonly title: string; readonly host: string; readonly pod?: string };
  /** Whose address this is: a pod, a Service, a node; undefined when nobody's. */
  ownerOf(ip: string): { readonly title: string; readonly kind: 'pod' | 'service' | 'node' | 'other' } | undefined;
  /** The first of an origin's objects that stands in a file, with the span to show. */
  sourceOf(origin: Origin): { readonly key: string; readonly file: string; readonly span: Span } | undefined;
}

export interface Words {
  readonly title: string;
  readonly summary: string;
  readonly why: readonly Phrase[];
  readonly fix?: readonly Phrase[];
}

export const say = (text: string): Phrase => ({ text });
export const mono = (text: string): Phrase => ({ text, style: 'mono' });
export const strong = (text: string): Phrase => ({ text, style: 'strong' });

/** `10.244.1.4` → that address with the name of its owner, as a link where there is one. */
export function address(text: string, context: TellContext): Phrase[] {
  const ip = text.split(':')[0] ?? text;
  const owner = context.ownerOf(ip);
  return owner === undefined ? [mono(text)] : [mono(text), say(` (${owner.title})`)];
}
