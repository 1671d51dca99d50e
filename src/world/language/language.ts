/** The editor's language service: every question about the texts, answered from their trees, the kinds' schemas and the running world. */
import { type Kind, writtenKind } from '../../objects/types.ts';
import { complete } from './complete.ts';
import { fixesFor } from './fixes.ts';
import { formatText } from './format-text.ts';
import { hover } from './hover.ts';
import { importFiles } from './import-files.ts';
import { lint } from './lint.ts';
import { findDefinition, findReferences, renameAt } from './navigate.ts';
import type { LanguageRequests } from './requests.ts';
import { type LanguageSource, TextIndex } from './text-index.ts';
import { spanOf } from './text-object.ts';

export type Language = {
  readonly [N in keyof LanguageRequests]: (source: LanguageSource, ...args: Parameters<LanguageRequests[N]>) => ReturnType<LanguageRequests[N]>;
};

/** Remembers the trees of the files between questions. */
export function createLanguage(): Language {
  const index = new TextIndex();
  const filesOf = (source: LanguageSource, path: string, text: string) => index.files(source, path, text);
  let written: { readonly of: readonly Kind[]; readonly kinds: readonly Kind[] } | undefined;
  /** The kinds as texts name them. */
  const read = (source: LanguageSource): LanguageSource => {
    const { kinds, view } = source.api;
    if (written?.of !== kinds) written = { of: kinds, kinds: kinds.map((kind) => ({ ...kind, kind: writtenKind(kind.kind) })) };
    return { ...source, api: { kinds: written.kinds, view } };
  };
  const answers: Language = {
    yamlComplete: (source, path, text, offset) => complete(source.api, filesOf(source, path, text), path, text, offset),
    yamlHover: (source, path, text, offset) => hover(source.api, filesOf(source, path, text), path, text, offset),
    yamlDefinition: (source, path, text, offset) => findDefinition(filesOf(source, path, text), path, offset),
    yamlReferences: (source, path, text, offset) => findReferences(filesOf(source, path, text), path, offset),
    yamlRename: (source, path, text, offset, name) => renameAt(filesOf(source, path, text), path, offset, name) ?? null,
    yamlOutline: (source, path, text) =>
      (filesOf(source, path, text).find((file) => file.path === path)?.objects ?? []).map((object) => ({
        kind: object.kind || '?',
        name: object.name || object.kind || '?',
        namespace: object.namespace,
        span: object.prefix === '' ? object.document.span : spanOf(object, ''),
        nameSpan: spanOf(object, 'metadata.name'),
      })),
    yamlFormat: (_, path, text) => formatText(path, text),
    yamlFixes: (source, path, text, startOffset, endOffset) => {
      const files = filesOf(source, path, text);
      return fixesFor(source, files, lint(source.api, files), path, text, startOffset, endOffset);
    },
    yamlLint: (source) => lint(source.api, index.files(source)),
    yamlApplied: ({ applied }) => applied,
    yamlImport: (source, files, taken) => importFiles(source.api, files, taken),
  };
  const asRead = <N extends keyof Language>(name: N) => {
    const answer = answers[name] as (source: LanguageSource, ...args: Parameters<LanguageRequests[N]>) => ReturnType<LanguageRequests[N]>;
    return (source: LanguageSource, ...args: Parameters<LanguageRequests[N]>) => answer(read(source), ...args);
  };
  return {
    yamlComplete: asRead('yamlComplete'),
    yamlHover: asRead('yamlHover'),
    yamlDefinition: asRead('yamlDefinition'),
    yamlReferences: asRead('yamlReferences'),
    yamlRename: asRead('yamlRename'),
    yamlOutline: asRead('yamlOutline'),
    yamlFormat: asRead('yamlFormat'),
    yamlFixes: asRead('yamlFixes'),
    yamlLint: asRead('yamlLint'),
    yamlApplied: asRead('yamlApplied'),
    yamlImport: asRead('yamlImport'),
  };
}
