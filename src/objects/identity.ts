/** Names and identities that look random and are not: they follow from the seed and from what they are for. */
import { hex8 } from '../base/hex.ts';
import { hashText, Prng } from '../base/prng.ts';

/** Kubernetes: apimachinery/pkg/util/rand: no vowels, nothing that reads like another character. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** `length` characters for a purpose; the same seed and purpose give the same text. */
export function stableSuffix(seed: number, purpose: string, length: number): string {
  const prng = Prng.fork(seed, `suffix ${purpose}`);
  let text = '';
  for (let i = 0; i < length; i += 1) text += alphabet[prng.below(alphabet.length)];
  return text;
}

/** The last `digits` hexadecimal digits, 1 to 8. */
const hex = (value: number, digits: number): string => hex8(value).slice(8 - digits);

/** A version 4 UUID in form (RFC 9562). */
export function stableUid(seed: number, purpose: string): string {
  const prng = Prng.fork(seed, `uid ${purpose}`);
  const [a, b, c, d] = [prng.uint32(), prng.uint32(), prng.uint32(), prng.uint32()];
  return [hex(a, 8), hex(b >>> 16, 4), `4${hex(b, 3)}`, hex(0x8000 | (c & 0x3fff), 4), hex(c >>> 16, 4) + hex(d, 8)].join('-');
}

/** 16 hexadecimal digits for a text, as in the names of Events. */
export const stableHex = (text: string): string => hex8(hashText(text)) + hex8(hashText(text, 0x9747b28c));

/** A UUID made of the 16 digits of `stableHex`: for Events, of which there are many. (`join` makes one flat text, a template a tree of pieces.) */
export const uidOfHex = (digits: string): string =>
  [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(12, 15)}`, `8${digits.slice(1, 4)}`, digits.slice(4)].join('-');
