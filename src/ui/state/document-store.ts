/** Saved documents: two slots and a pointer each, so that a crash while writing never costs more than the last second, and a journal of earlier versions. */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';
import { checkDocument, foldEdits } from './check-document.ts';
import { crcOfText } from './crc32.ts';
import type { Storage } from './storage.ts';

/** What is saved: the world's document, and the texts as they stand in the editor (they may not have been applied yet). */
export interface SavedWork {
  readonly document: WorldDocument;
  readonly texts: readonly DocumentFile[];
}

export interface SavedVersion extends SavedWork {
  readonly revision: number;
  readonly savedAtMs: number;
}

export interface Slot {
  readonly revision: number;
  readonly savedAtMs: number;
  readonly crc: number;
  /** JSON of a SavedWork. */
  readonly json: string;
}
interface Head {
  readonly slot: 0 | 1;
  readonly revision: number;
}
export interface DocumentEntry {
  readonly id: string;
  readonly title: string;
  readonly savedAtMs: number;
}

export const JOURNAL_LENGTH = 20;
/** A new journal entry at most this often; in between the newest one is replaced. */
const JOURNAL_STEP_MS = 60_000;
/** Above this a document's history of edits is folded into its files before it is saved. */
const FOLD_ABOVE_LENGTH = 1_000_000;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** A world that begins anew with the texts, without the commands, places and marks of the one that cannot be read. */
function textsAlone({ title, seed }: Readonly<Record<string, unknown>>, files: unknown): SavedWork | undefined {
  const checked = checkDocument({ version: 1, seed: typeof seed === 'number' ? seed : 1, title, files, inputs: [], positions: {} });
  return checked.ok && checked.value.files.length > 0 ? { document: checked.value, texts: checked.value.files } : undefined;
}

/** Reads what `sealWork` made; undefined when it is not whole. */
export function unsealWork(value: unknown): SavedVersion | undefined {
  if (!isRecord(value) || typeof value.json !== 'string' || typeof value.revision !== 'number' || value.crc !== crcOfText(value.json)) return undefined;
  let work: unknown;
  try {
    work = JSON.parse(value.json);
  } catch {
    return undefined;
  }
  if (!isRecord(work)) return undefined;
  const document = checkDocument(work.document);
  const savedAtMs = typeof value.savedAtMs === 'number' ? value.savedAtMs : 0;
  if (!document.ok) {
    // Whatever is wrong with the history of the world: what was typed is not lost with it.
    const kept = isRecord(work.document) && work.document.version === 1 ? textsAlone(work.document, work.texts) : undefined;
    return kept === undefined ? undefined : { revision: value.revision, savedAtMs, ...kept };
  }
  const texts = checkDocument({ ...document.value, files: work.texts });
  return {
    revision: value.revision,
    savedAtMs,
    document: document.value,
    texts: texts.ok ? texts.value.files : document.value.files,
  };
}

/** A version as it is stored, with a checksum. */
export function sealWork(work: SavedWork, revision: number, nowMs: number): Slot {
  const full = JSON.stringify(work);
  const json = full.length > FOLD_ABOVE_LENGTH ? JSON.stringify({ ...work, document: foldEdits(work.document) }) : full;
  return { revision, savedAtMs: nowMs, crc: crcOfText(json), json };
}

function readHead(value: unknown): Head | undefined {
  if (!isRecord(value) || (value.slot !== 0 && value.slot !== 1) || typeof value.revision !== 'number') return undefined;
  return { slot: value.slot, revision: value.revision };
}

const key = (id: string, part: string) => `document/${id}/${part}`;

/** The newest version that can be read: the pointer's slot, else the other one. */
export async function loadDocument(storage: Storage, id: string): Promise<SavedVersion | undefined> {
  const head = readHead(await storage.get(key(id, 'head')));
  const slots = [unsealWork(await storage.get(key(id, 'slot0'))), unsealWork(await storage.get(key(id, 'slot1')))];
  const pointed = head === undefined ? undefined : slots[head.slot];
  if (pointed !== undefined) return pointed;
  return slots.filter((slot) => slot !== undefined).sort((a, b) => b.revision - a.revision)[0];
}

/**
 * Writes a version: into the slot that is not pointed at, reads it back, then moves the pointer.
 * Refuses (returns undefined) when storage already has a revision at or above `revision`: another tab was faster.
 */
export async function saveDocument(storage: Storage, id: string, work: SavedWork, revision: number, nowMs: number): Promise<number | undefined> {
  const head = readHead(await storage.get(key(id, 'head')));
  if (head !== undefined && head.revision >= revision) return undefined;
  const slot = sealWork(work, revision, nowMs);
  const target: 0 | 1 = head?.slot === 0 ? 1 : 0;
  await storage.set(key(id, `slot${target}`), slot);
  if (unsealWork(await storage.get(key(id, `slot${target}`)))?.revision !== revision) throw new Error('what was written could not be read back');
  await storage.set(key(id, 'head'), { slot: target, revision } satisfies Head);
  await writeJournal(storage, id, slot);
  await writeIndex(storage, { id, title: work.document.title ?? 'untitled', savedAtMs: nowMs });
  return revision;
}

async function writeJournal(storage: Storage, id: string, slot: Slot): Promise<void> {
  const before = await storage.get(key(id, 'journal'));
  const journal = (Array.isArray(before) ? before : []) as Slot[];
  const last = journal[journal.length - 1];
  const previous = journal[journal.length - 2];
  const replace = last !== undefined && previous !== undefined && slot.savedAtMs - previous.savedAtMs < JOURNAL_STEP_MS;
  await storage.set(key(id, 'journal'), [...(replace ? journal.slice(0, -1) : journal), slot].slice(-JOURNAL_LENGTH));
}

/** Earlier versions, the newest first. */
export async function loadJournal(storage: Storage, id: string): Promise<readonly SavedVersion[]> {
  const journal = await storage.get(key(id, 'journal'));
  if (!Array.isArray(journal)) return [];
  return journal
    .map(unsealWork)
    .filter((version) => version !== undefined)
    .reverse();
}

async function writeIndex(storage: Storage, entry: DocumentEntry): Promise<void> {
  const others = (await listDocuments(storage)).filter((one) => one.id !== entry.id);
  await storage.set('documents', [entry, ...others]);
}

/** The last saved first. */
export async function listDocuments(storage: Storage): Promise<readonly DocumentEntry[]> {
  const list = await storage.get('documents');
  if (!Array.isArray(list)) return [];
  return list.filter(
    (entry): entry is DocumentEntry =>
      isRecord(entry) && typeof entry.id === 'string' && typeof entry.title === 'string' && typeof entry.savedAtMs === 'number',
  );
}

export async function removeDocument(storage: Storage, id: string): Promise<void> {
  await storage.set(
    'documents',
    (await listDocuments(storage)).filter((entry) => entry.id !== id),
  );
  for (const part of ['head', 'slot0', 'slot1', 'journal']) await storage.remove(key(id, part));
}
