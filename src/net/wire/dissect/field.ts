/** A frame's bytes read field by field: each field knows where it stands, what it is called in Wireshark and what it says. */
import { formatIp4 } from '../../addr/ip4.ts';
import { formatIp6, ip6FromBytes } from '../../addr/ip6.ts';
import { decodeUtf8 } from '../utf8.ts';

export interface ByteField {
  /** Wireshark's name (`ip.ttl`); '' where it has none for exactly these bytes. */
  readonly name: string;
  readonly label: string;
  readonly value: string;
  /** In the frame, in bytes. */
  readonly start: number;
  readonly length: number;
  /** 0: the fields of this depth cover their layer without gap or overlap; deeper ones are parts of the one before them. */
  readonly depth: 0 | 1 | 2;
}
export type Family = 'l2' | 'l3' | 'l4' | 'l7' | 'tunnel';
export interface ByteLayer {
  readonly title: string;
  readonly family: Family;
  readonly start: number;
  readonly length: number;
  readonly fields: readonly ByteField[];
}

/** How bytes are said. `count` and `hex`: big-endian numbers of at most six bytes. */
export type Reading = 'count' | 'little' | 'hex' | 'mac' | 'ip4' | 'ip6' | 'text' | 'bytes';
/** A part of a field: its bytes counted from the field's start, a mask over them, and what a step of it means. */
export interface Part {
  readonly name: string;
  readonly label: string;
  readonly at: number;
  readonly bytes: number;
  readonly mask: number;
  readonly times?: number;
  readonly hex?: boolean;
}
export interface FormField {
  readonly name: string;
  readonly label: string;
  readonly bytes: number;
  readonly as: Reading;
  readonly parts?: readonly Part[];
}

/** Characters of a value; the bytes beside it show the rest. */
const MAX_VALUE = 120;
const MAX_HEX_BYTES = 24;

const pair = (byte: number): string => byte.toString(16).padStart(2, '0');
const isFlag = (mask: number): boolean => (mask & (mask - 1)) === 0;

export function hexBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, MAX_HEX_BYTES), pair).join(' ');
  return bytes.length > MAX_HEX_BYTES ? `${shown} …` : shown;
}

/** Control characters as escapes, so that a value stays one line. */
export function textOf(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes) ?? String.fromCharCode(...bytes.subarray(0, MAX_VALUE));
  const line = JSON.stringify(text.slice(0, MAX_VALUE)).slice(1, -1).replaceAll('\\"', '"');
  return text.length > MAX_VALUE ? `${line} …` : line;
}

const numberOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

function say(bytes: Uint8Array, as: Reading): string {
  switch (as) {
    case 'count':
      return String(numberOf(bytes));
    case 'little':
      return String(numberOf(bytes.slice().reverse()));
    case 'hex':
      return `0x${numberOf(bytes)
        .toString(16)
        .padStart(bytes.length * 2, '0')}`;
    case 'mac':
      return Array.from(bytes, pair).join(':');
    case 'ip4':
      return formatIp4(numberOf(bytes) | 0);
    case 'ip6':
      return formatIp6(ip6FromBytes(bytes));
    case 'text':
      return textOf(bytes);
    case 'bytes':
      return hexBytes(bytes);
  }
}

/** Reads on through a frame and remembers what it read. Reading past the end gives zeros and leaves no field. */
export class FieldReader {
  readonly bytes: Uint8Array;
  readonly fields: ByteField[] = [];
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The byte so far ahead. */
  u8(ahead = 0): number {
    return this.bytes[this.at + ahead] ?? 0;
  }

  u16(ahead = 0): number {
    return this.u8(ahead) * 256 + this.u8(ahead + 1);
  }

  slice(length: number): Uint8Array {
    return this.bytes.subarray(this.at, this.at + length);
  }

  /** The next `length` bytes (as many as are left) as one field. */
  take(name: string, label: string, length: number, as: Reading | { readonly value: string }, depth: ByteField['depth'] = 0): void {
    const bytes = this.slice(Math.max(0, length));
    if (bytes.length === 0) return;
    // An address of which the end is missing is only bytes.
    const value = typeof as === 'object' ? as.value : say(bytes, bytes.length < length && as !== 'text' ? 'bytes' : as);
    this.fields.push({ name, label, value, start: this.at, length: bytes.length, depth });
    this.at += bytes.length;
  }

  /** A part of the field read last: bytes of the frame from `start` on. */
  part(name: string, label: string, start: number, length: number, as: Reading | { readonly value: string }, depth: 1 | 2 = 1): void {
    const bytes = this.bytes.subarray(start, start + length);
    if (bytes.length > 0) this.fields.push({ name, label, value: typeof as === 'object' ? as.value : say(bytes, as), start, length: bytes.length, depth });
  }

  /** The fields of a header one after the other, with their parts. */
  form(form: readonly FormField[]): void {
    for (const field of form) {
      const start = this.at;
      this.take(field.name, field.label, field.bytes, field.as);
      if (this.at - start < field.bytes) return;
      for (const part of field.parts ?? []) {
        const number = numberOf(this.bytes.subarray(start + part.at, start + part.at + part.bytes));
        const low = part.mask & -part.mask;
        // Masks reach into the 32nd bit, which the operators of the language take for a sign.
        const value = (Math.floor(number / (low >>> 0)) & (part.mask / low)) * (part.times ?? 1);
        const words = isFlag(part.mask)
          ? value === 0
            ? 'not set'
            : 'set'
          : part.hex === true
            ? `0x${value.toString(16).padStart(part.bytes * 2 - 1, '0')}`
            : String(value);
        this.part(part.name, part.label, start + part.at, part.bytes, { value: words });
      }
    }
  }

  /** All that is left. */
  rest(name: string, label: string, as: Reading): void {
    this.take(name, label, this.left, as);
  }
}
