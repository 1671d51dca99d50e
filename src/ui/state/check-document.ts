/** Checks that unknown data is a document, at the door: shapes, lengths, file names, and no key that could reach a prototype. */
import type { Bookmark, DocumentFile, DocumentInput, DocumentView, Future, SessionPlace, WorldDocument } from '../../world/document.ts';

export const MAX_FILES = 64;
export const MAX_INPUTS = 5_000;
/** In UTF-16 code units; what the worker's YAML reader accepts. */
export const MAX_FILE_LENGTH = 256 * 1024;

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** A file name without folders, as the world accepts it. */
export const isFileName = (path: string): boolean => /^[A-Za-z0-9._-]{1,64}$/.test(path) && !/^\.+$/.test(path) && !forbiddenKeys.has(path);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isText = (value: unknown, limit: number): value is string => typeof value === 'string' && value.length <= limit;

function checkFile(value: unknown): DocumentFile | undefined {
  if (!isObject(value) || !isText(value.path, 64) || !isFileName(value.path) || !isText(value.text, MAX_FILE_LENGTH)) return undefined;
  return { path: value.path, text: value.text };
}

function checkPlace(value: unknown): SessionPlace | undefined {
  if (!isObject(value)) return undefined;
  if (isText(value.host, 253)) return { host: value.host };
  return isText(value.namespace, 63) && isText(value.pod, 253) ? { namespace: value.namespace, pod: value.pod } : undefined;
}

function checkInput(value: unknown): DocumentInput | undefined {
  if (!isObject(value) || !isTime(value.timeNs)) return undefined;
  const { timeNs, session, path, text, line } = value;
  if (value.kind === 'command' && isText(session, 64) && isText(line, 64 * 1024)) return { kind: 'command', timeNs, session, line };
  if (value.kind === 'interrupt' && isText(session, 64)) return { kind: 'interrupt', timeNs, session };
  if (value.kind === 'session' && isText(session, 64)) {
    const at = checkPlace(value.at);
    return at === undefined ? undefined : { kind: 'session', timeNs, session, at };
  }
  if (value.kind === 'file' && isText(session, 64) && isText(path, 64) && isFileName(path) && isText(value.base64, 352 * 1024))
    return { kind: 'file', timeNs, session, path, base64: value.base64 };
  if (value.kind === 'edited' && isText(session, 64) && (text === null || isText(text, MAX_FILE_LENGTH))) return { kind: 'edited', timeNs, session, text };
  if (value.kind === 'edit' && isText(path, 64) && isFileName(path) && (text === null || isText(text, MAX_FILE_LENGTH)))
    return { kind: 'edit', timeNs, path, text };
  return undefined;
}

function checkPositions(value: unknown): Record<string, readonly [number, number]> | undefined {
  if (!isObject(value)) return undefined;
  const positions: Record<string, readonly [number, number]> = {};
  for (const [id, offset] of Object.entries(value)) {
    if (forbiddenKeys.has(id) || id.length > 256 || !Array.isArray(offset) || offset.length !== 2) return undefined;
    const [x, y] = offset as readonly unknown[];
    if (typeof x !== 'number' || typeof y !== 'number' || !Number.isFinite(x) || !Number.isFinite(y)) return undefined;
    positions[id] = [x, y];
  }
  return positions;
}

export const MAX_BOOKMARKS = 200;
export const MAX_FUTURES = 8;

/** Marks that cannot be read are left out: they are a convenience, and no reason to refuse a document. */
function readBookmarks(value: unknown): readonly Bookmark[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_BOOKMARKS).flatMap((one): Bookmark[] => {
    if (!isObject(one) || !isText(one.name, 120) || !isTime(one.seq)) return [];
    return [{ name: one.name, seq: Math.trunc(one.seq) }];
  });
}

export const LAYERS = ['l2', 'l3', 'l4', 'l7', 'control'] as const;
const MAX_FOLDED = 500;

/** As bookmarks: what of it cannot be read is left out. */
function readView(value: unknown): DocumentView | undefined {
  if (!isObject(value)) return undefined;
  const { grouping, hiddenLayers } = value;
  const hidden = Array.isArray(hiddenLayers) ? LAYERS.filter((layer) => hiddenLayers.includes(layer)) : [];
  const by = isObject(grouping) ? (['node', 'namespace', 'label'] as const).find((one) => one === grouping.by) : undefined;
  const key = isObject(grouping) && isText(grouping.key, 320) ? grouping.key : '';
  const folded =
    isObject(grouping) && Array.isArray(grouping.folded) ? grouping.folded.filter((one): one is string => isText(one, 253)).slice(0, MAX_FOLDED) : [];
  const view: DocumentView = {
    ...(by === undefined || (by === 'node' && folded.length === 0) ? {} : { grouping: { by, key, folded } }),
    ...(hidden.length === 0 ? {} : { hiddenLayers: hidden }),
  };
  return Object.keys(view).length === 0 ? undefined : view;
}

function readFutures(value: unknown): readonly Future[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_FUTURES).flatMap((one): Future[] => {
    if (!isObject(one) || !isText(one.name, 200) || !isTime(one.seq) || !Array.isArray(one.inputs) || one.inputs.length > MAX_INPUTS) return [];
    const inputs = one.inputs.map(checkInput);
    if (inputs.includes(undefined)) return [];
    return [{ name: one.name, seq: Math.trunc(one.seq), inputs: inputs as DocumentInput[], bookmarks: readBookmarks(one.bookmarks) }];
  });
}

/** All fields, none assumed; what is not ours is left behind. A version above ours is refused in words. */
export function checkDocument(value: unknown): Checked<WorldDocument> {
  if (!isObject(value)) return { ok: false, problem: 'it is not a document' };
  if (typeof value.version === 'number' && value.version > 1)
    return { ok: false, problem: `it was made by a newer version (document version ${value.version})` };
  if (value.version !== 1) return { ok: false, problem: 'it has no known version' };
  if (typeof value.seed !== 'number' || !Number.isFinite(value.seed)) return { ok: false, problem: 'its seed is not a number' };
  if (!Array.isArray(value.files) || value.files.length > MAX_FILES) return { ok: false, problem: `it has no list of at most ${MAX_FILES} files` };
  if (!Array.isArray(value.inputs) || value.inputs.length > MAX_INPUTS) return { ok: false, problem: `it has no list of at most ${MAX_INPUTS} inputs` };
  const files = value.files.map(checkFile);
  const inputs = value.inputs.map(checkInput);
  const positions = checkPositions(value.positions);
  const bookmarks = readBookmarks(value.bookmarks);
  const futures = readFutures(value.futures);
  const view = readView(value.view);
  if (files.includes(undefined)) return { ok: false, problem: 'one of its files has a bad name or is too long' };
  if (inputs.includes(undefined)) return { ok: false, problem: 'one of its inputs cannot be read' };
  if (positions === undefined) return { ok: false, problem: 'its box positions cannot be read' };
  if (new Set(files.map((file) => file?.path)).size !== files.length) return { ok: false, problem: 'two of its files have the same name' };
  return {
    ok: true,
    value: {
      version: 1,
      seed: value.seed >>> 0,
      ...(isText(value.title, 120) && value.title !== '' ? { title: value.title } : {}),
      files: files as DocumentFile[],
      inputs: inputs as DocumentInput[],
      positions,
      ...(view === undefined ? {} : { view }),
      ...(bookmarks.length > 0 ? { bookmarks } : {}),
      ...(futures.length > 0 ? { futures } : {}),
    },
  };
}

/** The files as they are after all edits, with the edits taken out of the inputs: smaller, but the history of the world is no longer the same, and has no marks. */
export function foldEdits({ bookmarks: _, futures: __, ...document }: WorldDocument): WorldDocument {
  const files = new Map(document.files.map((file) => [file.path, file.text]));
  for (const input of document.inputs) {
    if (input.kind !== 'edit') continue;
    if (input.text === null) files.delete(input.path);
    else files.set(input.path, input.text);
  }
  return { ...document, files: [...files].map(([path, text]) => ({ path, text })), inputs: document.inputs.filter((input) => input.kind !== 'edit') };
}
