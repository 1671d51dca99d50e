/** Distinguished Encoding Rules (ITU-T X.690): writing values, and reading them with bounds. */
import { bytesToText } from '../../wire/binary-text.ts';
import { calendarTime } from '../../wire/calendar.ts';

/** Universal tags that X.509 uses; `context(n)` for the others. */
export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  utf8: 12,
  sequence: 0x30,
  set: 0x31,
  printable: 19,
  teletex: 20,
  ia5: 22,
  utcTime: 23,
  generalizedTime: 24,
} as const;

export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** One value: tag, length, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const head = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return concatBytes(Uint8Array.from(head), ...content);
}

export const derSequence = (...content: readonly Uint8Array[]): Uint8Array => der(TAG.sequence, ...content);
export const derNull = Uint8Array.of(TAG.null, 0);
export const derOctets = (bytes: Uint8Array): Uint8Array => der(TAG.octetString, bytes);
/** Whole bytes only. */
export const derBits = (bytes: Uint8Array, unused = 0): Uint8Array => der(TAG.bitString, Uint8Array.of(unused), bytes);
export const derBoolean = (value: boolean): Uint8Array => der(TAG.boolean, Uint8Array.of(value ? 255 : 0));
/** `[n]`, constructed unless said otherwise. */
export const derContext = (n: number, content: Uint8Array, constructed = true): Uint8Array => der((constructed ? 0xa0 : 0x80) | n, content);

/** A non-negative integer from its big-endian bytes. */
export function derInteger(value: Uint8Array | number): Uint8Array {
  let bytes = typeof value === 'number' ? Uint8Array.of((value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255) : value;
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
  bytes = bytes.subarray(from);
  return der(TAG.integer, (bytes[0] ?? 0) > 127 ? Uint8Array.of(0) : new Uint8Array(), bytes);
}

export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const out: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const septets = [arc & 127];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) septets.unshift((left & 127) | 128);
    out.push(...septets);
  }
  return der(TAG.oid, Uint8Array.from(out));
}

export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length with it. */
  readonly whole: Uint8Array;
}

/** The value at the start of `bytes`; undefined where there is none. Lengths up to 2^24. */
export function readDer(bytes: Uint8Array): DerValue | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 31) === 31) return undefined;
  let length = first;
  let head = 2;
  if (first >= 128) {
    const size = first & 127;
    if (size === 0 || size > 3 || bytes.length < 2 + size) return undefined;
    length = 0;
    for (let i = 0; i < size; i += 1) length = length * 256 + (bytes[2 + i] ?? 0);
    head = 2 + size;
  }
  if (bytes.length < head + length) return undefined;
  return { tag, content: bytes.subarray(head, head + length), whole: bytes.subarray(0, head + length) };
}

/** All values of a sequence's content; undefined where the bytes are not a row of values. */
export function readAll(content: Uint8Array): readonly DerValue[] | undefined {
  const out: DerValue[] = [];
  let rest = content;
  while (rest.length > 0) {
    const value = readDer(rest);
    if (value === undefined) return undefined;
    out.push(value);
    rest = rest.subarray(value.whole.length);
  }
  return out;
}

/** The values inside the sequence that `bytes` are. */
export function readSequence(bytes: Uint8Array): readonly DerValue[] | undefined {
  const value = readDer(bytes);
  return value?.tag === TAG.sequence && value.whole.length === bytes.length ? readAll(value.content) : undefined;
}

export function oidText(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 127);
    if (byte < 128) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const first = arcs[0] ?? 0;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...arcs.slice(1)].join('.');
}

const two = (value: number): string => String(value).padStart(2, '0');

/** UTCTime up to 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
export function derTime(unixMs: number): Uint8Array {
  const { year, month, day, hour, minute, second } = calendarTime(unixMs);
  const rest = `${two(month)}${two(day)}${two(hour)}${two(minute)}${two(second)}Z`;
  const text = year < 2050 ? `${two(year % 100)}${rest}` : `${year}${rest}`;
  return der(
    year < 2050 ? TAG.utcTime : TAG.generalizedTime,
    Uint8Array.from(text, (character) => character.charCodeAt(0)),
  );
}

/** Days since 1970-01-01 of a date of the Gregorian calendar. */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const inEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + inEra * 365 + Math.floor(inEra / 4) - Math.floor(inEra / 100) + ofYear - 719_468;
}

export const unixMsOf = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number =>
  (((daysOf(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;

/** Unix milliseconds. */
export function readTime({ tag, content }: DerValue): number | undefined {
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(bytesToText(content));
  if (match === null || (tag !== TAG.utcTime && tag !== TAG.generalizedTime)) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const full = tag === TAG.generalizedTime ? year : year < 50 ? 2000 + year : 1900 + year;
  return month < 1 || month > 12 || day < 1 || day > 31 ? undefined : unixMsOf(full, month, day, hour, minute, second);
}
