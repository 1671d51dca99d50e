/** The document being worked on, as the page sees it: the texts in the editor, its name, moved boxes. Everything else of it lives in the worker. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { Bookmark, DocumentFile, Future } from '../../world/document.ts';

export interface OpenDocument {
  /** Names it in storage and in locks; '' before one is open. */
  readonly id: string;
  readonly title: string;
  /** `own`: saved by itself. `shared`: came by a link; becomes an own document with its first change. */
  readonly origin: 'own' | 'shared';
  /** As typed, whether or not they could be applied. In the order of the tabs. */
  readonly texts: readonly DocumentFile[];
  readonly positions: Readonly<Record<string, readonly [number, number]>>;
  /** In order of their places in the log. */
  readonly bookmarks: readonly Bookmark[];
  readonly futures: readonly Future[];
  /** What became of the last text sent to the world. */
  readonly applying: 'applied' | 'pending' | 'refused';
}

export type DocumentStore = StoreApi<OpenDocument>;

export const createDocument = (): DocumentStore =>
  createStore<OpenDocument>(() => ({ id: '', title: '', origin: 'own', texts: [], positions: {}, bookmarks: [], futures: [], applying: 'applied' }));

/** `texts` with one file's text replaced, added at the end, or (null) removed. */
export function withText(texts: readonly DocumentFile[], path: string, text: string | null): readonly DocumentFile[] {
  if (text === null) return texts.filter((file) => file.path !== path);
  if (!texts.some((file) => file.path === path)) return [...texts, { path, text }];
  return texts.map((file) => (file.path === path ? { path, text } : file));
}
