/** The editor's files, parsed once each: which objects stand where, and which names they define and use. */
import type { Diagnostic } from '../../base/diagnostic.ts';
import { parseYaml } from '../../base/yaml/index.ts';
import type { Api } from '../../objects/api.ts';
import type { DocumentFile } from '../document.ts';
import { type Occurrence, occurrencesOf } from './occurrences.ts';
import { isRecord, type TextObject, textOf } from './text-object.ts';

export interface TextFile {
  readonly path: string;
  readonly text: string;
  readonly objects: readonly TextObject[];
  readonly occurrences: readonly Occurrence[];
}

/** What is asked of the cluster: its kinds, as texts name them, and its objects. */
export type LanguageApi = Pick<Api, 'kinds' | 'view'>;

/** What language features work on: the running world and its texts. */
export interface LanguageSource {
  readonly api: LanguageApi;
  readonly files: readonly DocumentFile[];
  readonly applied: readonly DocumentFile[];
  readonly diagnostics: readonly Diagnostic[];
}

function objectsOf(file: string, text: string, isNamespaced: (kind: string) => boolean): readonly TextObject[] {
  const objects: TextObject[] = [];
  for (const document of parseYaml(file, text).documents) {
    const { value } = document;
    if (!isRecord(value)) continue;
    const isList = textOf(value.kind).endsWith('List') && Array.isArray(value.items);
    const parts: readonly (readonly [unknown, string])[] = isList
      ? (value.items as readonly unknown[]).map((item, index) => [item, `items[${index}]`] as const)
      : [[value, '']];
    for (const [part, prefix] of parts) {
      if (!isRecord(part)) continue;
      const metadata = isRecord(part.metadata) ? part.metadata : {};
      const kind = textOf(part.kind);
      objects.push({
        apiVersion: textOf(part.apiVersion),
        kind,
        name: textOf(metadata.name),
        namespace: isNamespaced(kind) ? textOf(metadata.namespace) || 'default' : '',
        value: part,
        file,
        document,
        prefix,
      });
    }
  }
  return objects;
}

/** Remembers what it parsed by text: a question about one file costs one file. */
export class TextIndex {
  readonly #known = new Map<string, TextFile>();
  #kinds: Api['kinds'] | undefined;

  /** All files, the one at `path` with the text that stands in the editor. */
  files(source: LanguageSource, path?: string, text?: string): readonly TextFile[] {
    const { kinds } = source.api;
    if (this.#kinds?.length !== kinds.length) this.#known.clear();
    this.#kinds = kinds;
    const files = source.files.map((file) => (file.path === path && text !== undefined ? { path, text } : file));
    if (path !== undefined && text !== undefined && !files.some((file) => file.path === path)) files.push({ path, text });
    const paths = new Set(files.map((file) => file.path));
    for (const known of this.#known.keys()) if (!paths.has(known)) this.#known.delete(known);
    return files.map((file) => this.#file(file, kinds));
  }

  #file({ path, text }: DocumentFile, kinds: Api['kinds']): TextFile {
    const known = this.#known.get(path);
    if (known?.text === text) return known;
    const clusterWide = new Set(kinds.filter((one) => !one.namespaced).map((one) => one.kind));
    const objects = objectsOf(path, text, (kind) => !clusterWide.has(kind));
    const file: TextFile = { path, text, objects, occurrences: objects.flatMap(occurrencesOf) };
    this.#known.set(path, file);
    return file;
  }
}
