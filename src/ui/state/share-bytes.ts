/** The bytes of a share link: base64url, a CRC-32, and deflate with our dictionary, inflated no further than a cap. */
import { deflateSync, Inflate, strFromU8, strToU8 } from 'fflate';
import { crc32 } from './crc32.ts';
import { shareDictionary } from './share-dictionary.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const values = new Map([...alphabet].map((letter, index) => [letter.charCodeAt(0), index]));

/** RFC 4648 section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const letters = Math.min(bytes.length - i, 3) + 1;
    for (let j = 0; j < letters; j += 1) text += alphabet[(word >> (18 - 6 * j)) & 63];
  }
  return text;
}

/** Undefined when a letter is not of the alphabet or the length is impossible. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let word = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i += 1) {
    const value = values.get(text.charCodeAt(i));
    if (value === undefined) return undefined;
    word = ((word << 6) | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (word >> bits) & 255;
      at += 1;
    }
  }
  return bytes;
}

const dictionary = strToU8(shareDictionary);

/** Deflate (raw, with the dictionary), then the four bytes of the CRC of what went in. */
export function pack(text: string): Uint8Array {
  const plain = strToU8(text);
  const body = deflateSync(plain, { level: 9, dictionary });
  const packed = new Uint8Array(body.length + 4);
  packed.set(body);
  new DataView(packed.buffer).setUint32(body.length, crc32(plain));
  return packed;
}

/** Input is fed in pieces, so that a bomb is noticed after at most this many bytes of it (deflate grows at most 1,032-fold). */
const PIECE_BYTES = 64;

/** The text, or why there is none. Stops inflating at `capBytes`. */
export function unpack(packed: Uint8Array, capBytes: number): { readonly text: string } | { readonly problem: 'damaged' | 'too large' } {
  if (packed.length < 5) return { problem: 'damaged' };
  const body = packed.subarray(0, packed.length - 4);
  const expected = new DataView(packed.buffer, packed.byteOffset + body.length, 4).getUint32(0);
  const pieces: Uint8Array[] = [];
  let size = 0;
  let ended = false;
  const inflate = new Inflate({ dictionary }, (piece, final) => {
    size += piece.length;
    if (size <= capBytes) pieces.push(piece.slice());
    ended = ended || final;
  });
  try {
    for (let i = 0; i < body.length && size <= capBytes; i += PIECE_BYTES) inflate.push(body.subarray(i, i + PIECE_BYTES), i + PIECE_BYTES >= body.length);
  } catch {
    return { problem: 'damaged' };
  }
  if (size > capBytes) return { problem: 'too large' };
  const plain = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    plain.set(piece, at);
    at += piece.length;
  }
  if (!ended || crc32(plain) !== expected) return { problem: 'damaged' };
  return { text: strFromU8(plain) };
}
