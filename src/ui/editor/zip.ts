/** A zip archive of texts, stored without compression. PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. */
import type { DocumentFile } from '../../world/document.ts';
import { crcOfText } from '../state/crc32.ts';

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** Names are UTF-8. */
const FLAGS = 0x0800;
/** 1 January 1980, the first day a zip can name: the same texts give the same bytes. */
const DATE = 0x0021;

export function zipOf(files: readonly DocumentFile[]): Uint8Array {
  const encoder = new TextEncoder();
  const entries = files.map((file) => ({ name: encoder.encode(file.path), bytes: encoder.encode(file.text), crc: crcOfText(file.text) }));
  const total = entries.reduce((sum, { name, bytes }) => sum + 30 + 46 + 2 * name.length + bytes.length, 22);
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  let at = 0;
  const short = (value: number) => {
    view.setUint16(at, value, true);
    at += 2;
  };
  const long = (value: number) => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const put = (bytes: Uint8Array) => {
    out.set(bytes, at);
    at += bytes.length;
  };
  /** What both headers of an entry say alike. */
  const common = ({ name, bytes, crc }: (typeof entries)[number]) => {
    for (const value of [VERSION, FLAGS, 0, 0, DATE]) short(value);
    for (const value of [crc, bytes.length, bytes.length]) long(value);
    short(name.length);
    short(0);
  };
  const offsets = entries.map((entry) => {
    const offset = at;
    long(LOCAL);
    common(entry);
    put(entry.name);
    put(entry.bytes);
    return offset;
  });
  const start = at;
  entries.forEach((entry, index) => {
    long(CENTRAL);
    short(VERSION);
    common(entry);
    for (const value of [0, 0, 0]) short(value);
    long(0);
    long(offsets[index] ?? 0);
    put(entry.name);
  });
  const size = at - start;
  long(END);
  for (const value of [0, 0, entries.length, entries.length]) short(value);
  long(size);
  long(start);
  short(0);
  return out;
}
