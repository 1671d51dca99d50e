/** RSA with BigInt (RFC 8017): key generation, and signatures of PKCS #1 v1.5 and PSS with SHA-256, SHA-384 and SHA-512. */
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, derNull, derOctets, derOid, derSequence } from './der.ts';

export interface RsaPublicKey {
  readonly kind: 'rsa';
  readonly n: bigint;
  readonly e: bigint;
}

export interface RsaPrivateKey {
  readonly kind: 'rsa';
  readonly n: bigint;
  readonly e: bigint;
  readonly d: bigint;
  readonly p: bigint;
  readonly q: bigint;
}

/** Gives so many bytes of chance. */
export type RandomBytes = (length: number) => Uint8Array;

export type HashName = 'sha256' | 'sha384' | 'sha512';
const HASHES = { sha256, sha384, sha512 } as const;
export const digestOf = (hash: HashName, bytes: Uint8Array): Uint8Array => HASHES[hash](bytes);

/** id-sha256 and its sisters, with their lengths. */
const HASH_OIDS: Readonly<Record<HashName, string>> = { sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2', sha512: '2.16.840.1.101.3.4.2.3' };

export function bytesToBigint(bytes: Uint8Array): bigint {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text === '' ? 0n : BigInt(`0x${text}`);
}

export function bigintToBytes(value: bigint, length?: number): Uint8Array {
  let text = value.toString(16);
  if (text.length % 2 === 1) text = `0${text}`;
  const wanted = length === undefined ? text.length : length * 2;
  text = text.padStart(wanted, '0').slice(-wanted);
  return Uint8Array.from({ length: wanted / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Windows of four bits. */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const powers = [1n, base % modulus];
  for (let i = 2; i < 16; i += 1) powers.push(((powers[i - 1] as bigint) * (powers[1] as bigint)) % modulus);
  let result = 1n;
  for (const digit of exponent.toString(16)) {
    for (let i = 0; i < 4; i += 1) result = (result * result) % modulus;
    const power = Number.parseInt(digit, 16);
    if (power > 0) result = (result * (powers[power] as bigint)) % modulus;
  }
  return result;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [modulus, value % modulus, 0n, 1n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [x, y] = [y, x - quotient * y];
  }
  return x < 0n ? x + modulus : x;
}

const SMALL_PRIMES: readonly bigint[] = (() => {
  const primes: bigint[] = [];
  for (let n = 3; n < 2000; n += 2) if (primes.every((prime) => n % Number(prime) !== 0)) primes.push(BigInt(n));
  return primes;
})();

/** Miller and Rabin with so few bases is right for random candidates of this size to far less than 2^-80 (FIPS 186-4, table C.3). */
const ROUNDS = 4;

function isPrime(n: bigint, random: RandomBytes): boolean {
  let d = n - 1n;
  let s = 0;
  while ((d & 1n) === 0n) {
    d >>= 1n;
    s += 1;
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    let x = modPow((bytesToBigint(random(16)) % (n - 4n)) + 2n, d, n);
    if (x === 1n || x === n - 1n) continue;
    let composite = true;
    for (let i = 1; i < s && composite; i += 1) {
      x = (x * x) % n;
      if (x === n - 1n) composite = false;
    }
    if (composite) return false;
  }
  return true;
}

/** `onTry`: `.` for a candidate that was looked at closely, `+` for one that is a prime, as OpenSSL prints while it searches. */
function randomPrime(bits: number, e: bigint, random: RandomBytes, onTry: (mark: '.' | '+') => void): bigint {
  const top = 3n << BigInt(bits - 2);
  for (;;) {
    let candidate = bytesToBigint(random(bits / 8)) | top | 1n;
    const residues = SMALL_PRIMES.map((prime) => Number(candidate % prime));
    // Walks on by twos from a random place; a stretch of 2^12 candidates without a prime does not happen at these sizes, and then another place is tried.
    for (let step = 0; step < 8192; step += 2) {
      if (residues.some((residue, i) => (residue + step) % Number(SMALL_PRIMES[i]) === 0)) continue;
      const value = candidate + BigInt(step);
      if ((value - 1n) % e === 0n) continue;
      onTry('.');
      if (isPrime(value, random)) {
        onTry('+');
        return value;
      }
    }
    candidate = 0n;
  }
}

/** `bits`: 1024 to 4096 in steps of 16. About a second of CPU for 2048. */
export function generateRsa(bits: number, random: RandomBytes, onTry: (mark: '.' | '+') => void = () => undefined): RsaPrivateKey {
  const e = 65_537n;
  const p = randomPrime(bits / 2, e, random, onTry);
  let q = p;
  while (q === p) q = randomPrime(bits / 2, e, random, onTry);
  const [larger, smaller] = p > q ? [p, q] : [q, p];
  return { kind: 'rsa', n: p * q, e, d: inverse(e, (p - 1n) * (q - 1n)), p: larger, q: smaller };
}

export const rsaBytes = ({ n }: { readonly n: bigint }): number => Math.ceil(n.toString(16).length / 2);

/** By the Chinese remainder theorem. */
function rsaPrivate(key: RsaPrivateKey, m: bigint): bigint {
  const { p, q, d } = key;
  const a = modPow(m, d % (p - 1n), p);
  const b = modPow(m, d % (q - 1n), q);
  const h = (inverse(q, p) * (((a - b) % p) + p)) % p;
  return b + h * q;
}

function paddedV15(hash: HashName, message: Uint8Array, length: number): Uint8Array {
  const info = derSequence(derSequence(derOid(HASH_OIDS[hash]), derNull), derOctets(digestOf(hash, message)));
  return concatBytes(Uint8Array.of(0, 1), new Uint8Array(Math.max(0, length - info.length - 3)).fill(255), Uint8Array.of(0), info);
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

export function signV15(key: RsaPrivateKey, hash: HashName, message: Uint8Array): Uint8Array {
  const length = rsaBytes(key);
  return bigintToBytes(rsaPrivate(key, bytesToBigint(paddedV15(hash, message, length))), length);
}

export function verifyV15(key: RsaPublicKey, hash: HashName, message: Uint8Array, signature: Uint8Array): boolean {
  const length = rsaBytes(key);
  if (signature.length !== length) return false;
  return equal(bigintToBytes(modPow(bytesToBigint(signature), key.e, key.n), length), paddedV15(hash, message, length));
}

function mgf1(hash: HashName, seed: Uint8Array, length: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let counter = 0, size = 0; size < length; counter += 1) {
    const part = digestOf(hash, concatBytes(seed, Uint8Array.of(0, 0, counter >> 8, counter & 255)));
    parts.push(part);
    size += part.length;
  }
  return concatBytes(...parts).subarray(0, length);
}

/** EMSA-PSS with a salt as long as the hash, as TLS 1.3 has it. `salt` comes from the caller. */
export function signPss(key: RsaPrivateKey, hash: HashName, message: Uint8Array, salt: Uint8Array): Uint8Array {
  const length = rsaBytes(key);
  const h = digestOf(hash, concatBytes(new Uint8Array(8), digestOf(hash, message), salt));
  const db = concatBytes(new Uint8Array(length - salt.length - h.length - 2), Uint8Array.of(1), salt);
  const mask = mgf1(hash, h, db.length);
  const masked = db.map((byte, i) => byte ^ (mask[i] ?? 0));
  masked[0] = (masked[0] ?? 0) & 127;
  return bigintToBytes(rsaPrivate(key, bytesToBigint(concatBytes(masked, h, Uint8Array.of(0xbc)))), length);
}

export function verifyPss(key: RsaPublicKey, hash: HashName, message: Uint8Array, signature: Uint8Array): boolean {
  const length = rsaBytes(key);
  const size = digestOf(hash, new Uint8Array()).length;
  const em = bigintToBytes(modPow(bytesToBigint(signature), key.e, key.n), length);
  if (em[length - 1] !== 0xbc || length < 2 * size + 2) return false;
  const h = em.subarray(length - size - 1, length - 1);
  const mask = mgf1(hash, h, length - size - 1);
  const db = em.subarray(0, length - size - 1).map((byte, i) => byte ^ (mask[i] ?? 0));
  db[0] = (db[0] ?? 0) & 127;
  const zeros = length - 2 * size - 2;
  if (db.subarray(0, zeros).some((byte) => byte !== 0) || db[zeros] !== 1) return false;
  return equal(h, digestOf(hash, concatBytes(new Uint8Array(8), digestOf(hash, message), db.subarray(zeros + 1))));
}
