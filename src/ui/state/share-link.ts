/** Share links: a whole document and a moment in the fragment of an address, and the three ways an address can name a world. */
import type { DocumentFile, WorldDocument } from '../../world/document.ts';
import type { LinkTarget } from '../../world/views.ts';
import type { Lens } from '../canvas/contract.ts';
import { checkDocument, isFileName } from './check-document.ts';
import { crcOfText } from './crc32.ts';
import { articleFiles } from './examples.ts';
import { fromBase64Url, pack, toBase64Url, unpack } from './share-bytes.ts';

/** Where a shared world is opened. */
export interface ShareMoment {
  /** Log position of the hop to stand at. */
  readonly seq?: number;
  readonly lens?: Lens;
  readonly selection?: LinkTarget;
}

export type ShareTarget =
  /** The fragment names no world. */
  | { readonly kind: 'none' }
  | { readonly kind: 'document'; readonly document: WorldDocument; readonly moment: ShareMoment }
  | { readonly kind: 'example'; readonly name: string; readonly lesson?: string; readonly step?: number }
  /** To be fetched only after a click that shows the address. */
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'broken'; readonly message: string };

/** Encoded characters, and bytes after inflating. */
export const MAX_LINK_LENGTH = 32 * 1024;
export const MAX_PLAIN_BYTES = 256 * 1024;

/**
 * What stands before the bodies of the files. A file is its name and the length of its text; or, for an unchanged file of the
 * article's cluster, its name and minus the CRC-32 of its text (minus one, so that it is never 0).
 */
interface Header {
  readonly s: number;
  readonly t?: string;
  readonly f: readonly (readonly [string, number])[];
  readonly i?: readonly unknown[];
  readonly p?: Readonly<Record<string, readonly [number, number]>>;
  readonly v?: WorldDocument['view'];
  readonly m?: ShareMoment;
  readonly b?: WorldDocument['bookmarks'];
}

const isEmpty = (value: object) => Object.keys(value).length === 0;

/** `#w=1.…`; equal documents give equal links. */
export function encodeShare(document: WorldDocument, moment: ShareMoment = {}, base: readonly DocumentFile[] = articleFiles): string {
  const known = new Map(base.map((file) => [file.path, file.text]));
  const bodies: string[] = [];
  const files = document.files.map(({ path, text }): readonly [string, number] => {
    if (known.get(path) === text) return [path, -crcOfText(text) - 1];
    bodies.push(text);
    return [path, text.length];
  });
  const header: Header = {
    s: document.seed,
    ...(document.title === undefined ? {} : { t: document.title }),
    f: files,
    ...(document.inputs.length === 0 ? {} : { i: document.inputs }),
    ...(isEmpty(document.positions) ? {} : { p: document.positions }),
    ...(document.view === undefined ? {} : { v: document.view }),
    ...(isEmpty(moment) ? {} : { m: moment }),
    ...((document.bookmarks ?? []).length === 0 ? {} : { b: document.bookmarks }),
  };
  return `#w=1.${toBase64Url(pack(`${JSON.stringify(header)}\n${bodies.join('')}`))}`;
}

const broken = (message: string): ShareTarget => ({ kind: 'broken', message });
const altered = broken('This link is damaged: a part of it is missing or was changed on its way. Ask for the whole link; nothing was loaded from it.');

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

function readTarget(value: unknown): LinkTarget | undefined {
  if (!isRecord(value)) return undefined;
  if (value.kind === 'object' && typeof value.key === 'string') return { kind: 'object', key: value.key.slice(0, 400) };
  if (typeof value.id !== 'string') return undefined;
  const id = value.id.slice(0, 400);
  if (value.kind === 'netns' || value.kind === 'device') return { kind: value.kind, id };
  if (value.kind === 'chain') return { kind: 'chain', id, ...(typeof value.rule === 'number' ? { rule: value.rule } : {}) };
  return undefined;
}

function readMoment(value: unknown): ShareMoment {
  if (!isRecord(value)) return {};
  const selection = readTarget(value.selection);
  return {
    ...(typeof value.seq === 'number' && Number.isInteger(value.seq) && value.seq >= 0 ? { seq: value.seq } : {}),
    ...(value.lens === 'wires' || value.lens === 'services' || value.lens === 'policy' ? { lens: value.lens } : {}),
    ...(selection === undefined ? {} : { selection }),
  };
}

function readFiles(header: Readonly<Record<string, unknown>>, body: string, base: readonly DocumentFile[]): DocumentFile[] | ShareTarget {
  if (!Array.isArray(header.f)) return altered;
  const known = new Map(base.map((file) => [file.path, file.text]));
  const files: DocumentFile[] = [];
  let at = 0;
  for (const entry of header.f as readonly unknown[]) {
    const [path, size] = (Array.isArray(entry) ? entry : []) as readonly unknown[];
    if (typeof path !== 'string' || !isFileName(path) || typeof size !== 'number' || !Number.isInteger(size)) return altered;
    if (size < 0) {
      const text = known.get(path);
      if (text === undefined || crcOfText(text) !== -size - 1)
        return broken(`This link refers to the built-in file ${path} as another version of Kubehop had it. This version cannot show it; nothing was loaded.`);
      files.push({ path, text });
    } else {
      if (at + size > body.length) return altered;
      files.push({ path, text: body.slice(at, at + size) });
      at += size;
    }
  }
  return at === body.length ? files : altered;
}

function decodeDocument(value: string, base: readonly DocumentFile[]): ShareTarget {
  const dot = value.indexOf('.');
  const version = dot < 0 ? '' : value.slice(0, dot);
  if (!/^[1-9][0-9]{0,3}$/.test(version)) return altered;
  if (version !== '1')
    return broken(`This link was made by a newer version of Kubehop (link version ${version}). Reload the page, or ask for a link of version 1.`);
  const packed = fromBase64Url(value.slice(dot + 1));
  if (packed === undefined) return altered;
  const unpacked = unpack(packed, MAX_PLAIN_BYTES);
  if ('problem' in unpacked)
    return unpacked.problem === 'damaged' ? altered : broken('This link unfolds to more than 256 kB, which no world of ours does. Nothing was loaded.');
  const end = unpacked.text.indexOf('\n');
  let header: unknown;
  try {
    header = JSON.parse(end < 0 ? unpacked.text : unpacked.text.slice(0, end));
  } catch {
    return altered;
  }
  if (!isRecord(header)) return altered;
  const files = readFiles(header, end < 0 ? '' : unpacked.text.slice(end + 1), base);
  if (!Array.isArray(files)) return files;
  const checked = checkDocument({
    version: 1,
    seed: header.s,
    title: header.t,
    files,
    inputs: header.i ?? [],
    positions: header.p ?? {},
    view: header.v,
    bookmarks: header.b,
  });
  if (!checked.ok) return broken(`This link cannot be opened: ${checked.problem}.`);
  return { kind: 'document', document: checked.value, moment: readMoment(header.m) };
}

/** Reads the fragment of an address, with or without its `#`. Never throws, and never gives a default in place of what cannot be read. */
export function decodeShare(fragment: string, base: readonly DocumentFile[] = articleFiles): ShareTarget {
  const text = fragment.startsWith('#') ? fragment.slice(1) : fragment;
  if (text.length > MAX_LINK_LENGTH)
    return broken(`This link is longer than ${MAX_LINK_LENGTH / 1024} kB, which no link of ours is. Nothing was loaded from it.`);
  if (text.startsWith('w=')) return decodeDocument(text.slice(2), base);
  const parameters = new URLSearchParams(text);
  const example = parameters.get('x');
  if (example !== null) {
    const lesson = parameters.get('lesson');
    const step = Number(parameters.get('step') ?? Number.NaN);
    return {
      kind: 'example',
      name: example.slice(0, 64),
      ...(lesson === null ? {} : { lesson: lesson.slice(0, 64) }),
      ...(Number.isInteger(step) && step > 0 ? { step } : {}),
    };
  }
  const address = parameters.get('u');
  if (address !== null) {
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      return broken('The address in this link is no address.');
    }
    if (url.protocol !== 'https:') return broken('A world is loaded only from an https address.');
    return { kind: 'url', url: url.href };
  }
  return { kind: 'none' };
}
