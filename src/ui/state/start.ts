/** Decides which world a visit opens: the one its link names, else the reader's last own one, else the article's cluster. */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';
import { foldEdits } from './check-document.ts';
import { listDocuments, loadDocument } from './document-store.ts';
import { findExample } from './examples.ts';
import { findSynchronousStorage, openParachute } from './parachute.ts';
import type { ShareMoment, ShareTarget } from './share-link.ts';
import type { Storage } from './storage.ts';

export interface Opening {
  readonly id: string;
  readonly origin: 'own' | 'shared';
  readonly document: WorldDocument;
  /** Texts as they stood in the editor; may differ from the document's where they could not be applied. */
  readonly texts: readonly DocumentFile[];
  /** The revision that storage has; 0: none. */
  readonly revision: number;
  readonly moment: ShareMoment;
  readonly lesson?: { readonly id: string; readonly step: number };
  /** Plays the first curl by itself. */
  readonly firstMinute: boolean;
}

export type Start =
  | { readonly kind: 'open'; readonly opening: Opening }
  /** The link cannot be shown; the reader chooses what else to open. */
  | { readonly kind: 'broken'; readonly message: string }
  /** The address is shown and loaded only after a click. */
  | { readonly kind: 'ask'; readonly url: string };

/** Where ids of new documents come from. */
export type NewId = () => string;

export function openingOf(id: string, document: WorldDocument, origin: 'own' | 'shared'): Opening {
  return { id, origin, document, texts: foldEdits(document).files, revision: 0, moment: {}, firstMinute: document.inputs.length === 0 };
}

export function exampleOpening(name: string, newId: NewId): Opening | undefined {
  const document = findExample(name);
  return document === undefined ? undefined : openingOf(newId(), document, 'shared');
}

/** Any built-in world; one that has a scenario of its name opens beside its text. @throws when its files cannot be fetched. */
export async function loadExampleOpening(name: string, newId: NewId): Promise<Opening | undefined> {
  const { loadExample, scenarioWorlds } = await import('./scenario-worlds.ts');
  const document = await loadExample(name);
  if (document === undefined) return undefined;
  const opening = openingOf(newId(), document, 'shared');
  return scenarioWorlds.includes(name) ? { ...opening, lesson: { id: name, step: 1 }, firstMinute: false } : opening;
}

/** The reader's last saved document, or a fresh one of the article's cluster. */
export async function ownOpening(storage: Storage, newId: NewId, id?: string): Promise<Opening> {
  const rescued = id === undefined ? openParachute(findSynchronousStorage()) : undefined;
  const wanted = id ?? rescued?.id ?? (await listDocuments(storage))[0]?.id;
  const stored = wanted === undefined ? undefined : await loadDocument(storage, wanted);
  // What the page before could only throw into the parachute is the newer version, unless another tab has saved since.
  const newer = rescued !== undefined && rescued.savedAtMs >= (stored?.savedAtMs ?? 0);
  const saved = newer ? { ...rescued, revision: stored?.revision ?? 0 } : stored;
  if (wanted !== undefined && saved !== undefined) {
    return {
      id: wanted,
      origin: 'own',
      document: saved.document,
      texts: saved.texts,
      revision: saved.revision,
      moment: {},
      firstMinute: saved.document.inputs.length === 0,
    };
  }
  const fresh = findExample('article') ?? { version: 1, seed: 1, files: [], inputs: [], positions: {} };
  return openingOf(newId(), fresh, 'own');
}

/** What reads links comes only with a link. */
async function readFragment(fragment: string): Promise<ShareTarget> {
  if (fragment.length < 2) return { kind: 'none' };
  try {
    return (await import('./share-link.ts')).decodeShare(fragment);
  } catch {
    return { kind: 'broken', message: 'What reads this link could not be fetched. Nothing was loaded; reload the page when you are connected.' };
  }
}

export async function decideStart(fragment: string, storage: Storage, newId: NewId): Promise<Start> {
  const target = await readFragment(fragment);
  switch (target.kind) {
    case 'none':
      return { kind: 'open', opening: await ownOpening(storage, newId) };
    case 'document':
      return { kind: 'open', opening: { ...openingOf(newId(), target.document, 'shared'), moment: target.moment, firstMinute: false } };
    case 'example': {
      const opening = await loadExampleOpening(target.name, newId).catch(() => 'unread' as const);
      if (opening === 'unread')
        return { kind: 'broken', message: `The built-in world “${target.name}” could not be fetched; try again when you are connected.` };
      if (opening === undefined) return { kind: 'broken', message: `There is no built-in world named “${target.name}”.` };
      const id = target.lesson ?? opening.lesson?.id;
      const lesson = id === undefined ? {} : { lesson: { id, step: target.step ?? 1 } };
      return { kind: 'open', opening: { ...opening, ...lesson, firstMinute: id === undefined } };
    }
    case 'url':
      return { kind: 'ask', url: target.url };
    case 'broken':
      return { kind: 'broken', message: target.message };
  }
}

const MAX_FETCH_BYTES = 256 * 1024;

/** Loads YAML from an address that the reader has agreed to. @throws with a sentence for the reader. */
export async function fetchWorld(url: string, newId: NewId): Promise<Opening> {
  let text: string;
  try {
    const response = await fetch(url, { credentials: 'omit', referrerPolicy: 'no-referrer' });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    text = await readCapped(response);
  } catch (error) {
    throw new Error(
      `${new URL(url).host} did not give the file: ${error instanceof Error ? error.message : 'unknown reason'}. (The server must allow other sites to read it.)`,
    );
  }
  return openingOf(newId(), { version: 1, seed: 1, title: new URL(url).host, files: [{ path: 'world.yaml', text }], inputs: [], positions: {} }, 'shared');
}

async function readCapped(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > MAX_FETCH_BYTES) {
      await reader.cancel();
      throw new Error('it is larger than 256 kB');
    }
    text += decoder.decode(value, { stream: true });
  }
}
