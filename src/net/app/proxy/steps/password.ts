/** Users and passwords as htpasswd writes them: SHA-1 and the APR1 form of MD5, and plain text for those who wrote it so. bcrypt is not read. Apache: apr_md5.c. */
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { bytesToBase64 } from '../../../wire/binary-text.ts';
import { encodeUtf8 } from '../../../wire/utf8.ts';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ROUNDS = 1000;

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    all.set(one, at);
    at += one.length;
  }
  return all;
};

/** `magic`: $apr1$ or $1$. */
export function md5Crypt(password: string, salt: string, magic: string): string {
  const key = encodeUtf8(password);
  const [saltBytes, magicBytes] = [encodeUtf8(salt), encodeUtf8(magic)];
  const alternate = md5(join(key, saltBytes, key));
  const parts: Uint8Array[] = [key, magicBytes, saltBytes];
  for (let left = key.length; left > 0; left -= 16) parts.push(alternate.slice(0, Math.min(16, left)));
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? new Uint8Array([0]) : key.slice(0, 1));
  let final = md5(join(...parts));
  for (let round = 0; round < ROUNDS; round += 1) {
    const odd = (round & 1) === 1;
    final = md5(join(odd ? key : final, round % 3 === 0 ? new Uint8Array() : saltBytes, round % 7 === 0 ? new Uint8Array() : key, odd ? final : key));
  }
  const at = (index: number): number => final[index] ?? 0;
  let text = '';
  const put = (value: number, count: number) => {
    for (let i = 0; i < count; i += 1) text += ALPHABET[(value >> (6 * i)) & 63];
  };
  for (const [a, b, c] of [
    [0, 6, 12],
    [1, 7, 13],
    [2, 8, 14],
    [3, 9, 15],
    [4, 10, 5],
  ] as const)
    put((at(a) << 16) | (at(b) << 8) | at(c), 4);
  put(at(11), 2);
  return `${magic}${salt}$${text}`;
}

/** Of one line `name:hash`. */
export function passwordFits(hash: string, password: string): boolean {
  if (hash.startsWith('{SHA}')) return hash.slice(5) === bytesToBase64(sha1(encodeUtf8(password)));
  const crypt = /^(\$apr1\$|\$1\$)([^$]{0,8})\$/.exec(hash);
  if (crypt !== null) return md5Crypt(password, crypt[2] ?? '', crypt[1] ?? '') === hash;
  return hash === password || hash === `{PLAIN}${password}`;
}

/** bcrypt and the SHA-2 forms of crypt(3): nobody can log in with them here. */
export const isUnreadableHash = (hash: string): boolean => /^\$(2[abxy]?|5|6)\$/.test(hash);
