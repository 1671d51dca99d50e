/** The editor's questions about a text, answered with the kinds and the names of the running world. */
import type { Api } from '../objects/api.ts';
import { type Kind, writtenKind } from '../objects/types.ts';
import { completeYaml, hoverYaml } from '../objects/yaml-help.ts';
import type { AdmittedObject } from './admit.ts';
import type { CompletionItem, HoverView } from './views.ts';

/** Longer texts are not helped with: the answer would come too late to be one. */
const MAX_TEXT = 262_144;

function liveNames(api: Api): Record<string, readonly string[]> {
  const names = (kind: string) => api.view.list(kind).map((object) => object.metadata.name);
  return { Namespace: names('Namespace'), Service: names('Service'), ConfigMap: names('ConfigMap'), Node: names('Node') };
}

/** As texts name them. */
const asWritten = (kinds: readonly Kind[]): readonly Kind[] =>
  kinds.map((kind) => (writtenKind(kind.kind) === kind.kind ? kind : { ...kind, kind: writtenKind(kind.kind) }));

export function completeAt(api: Api, _path: string, text: string, offset: number): readonly CompletionItem[] {
  if (text.length > MAX_TEXT) return [];
  return completeYaml(asWritten(api.kinds), text, offset, liveNames(api));
}

export function hoverAt(api: Api, _path: string, text: string, offset: number): HoverView | null {
  if (text.length > MAX_TEXT) return null;
  return hoverYaml(asWritten(api.kinds), text, offset) ?? null;
}

/** Key of the object whose text covers an offset. */
export function objectAtOffset(admitted: Iterable<AdmittedObject>, path: string, offset: number): string | null {
  for (const one of admitted) {
    const { file, span } = one.source;
    if (file === path && offset >= span.startOffset && offset <= span.endOffset) return one.key;
  }
  return null;
}
