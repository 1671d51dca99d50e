/**
 * AES-GCM for many small records under one key: tables of the cipher and of the key are made once, which a library that is asked anew for each record cannot do.
 * FIPS 197; NIST SP 800-38D, with multiplication by four bits at a time (V. Shoup, "On Fast and Provably Secure Message Authentication", 1996).
 */

const TAG_BYTES = 16;
const BLOCK_BYTES = 16;

interface Tables {
  readonly sbox: Uint8Array;
  /** SubBytes, ShiftRows and MixColumns of a byte in each of the four places of a column. */
  readonly t0: Uint32Array;
  readonly t1: Uint32Array;
  readonly t2: Uint32Array;
  readonly t3: Uint32Array;
}
let made: Tables | undefined;

const times2 = (byte: number): number => ((byte << 1) ^ (byte >= 128 ? 0x11b : 0)) & 255;

function tables(): Tables {
  if (made !== undefined) return made;
  const sbox = new Uint8Array(256);
  // Powers of the generator 3 and of its inverse meet at each byte's own inverse.
  let [p, q] = [1, 1];
  do {
    p = p ^ times2(p);
    q ^= q << 1;
    q ^= q << 2;
    q ^= q << 4;
    q = (q & 255) ^ ((q & 128) !== 0 ? 9 : 0);
    const turned = q ^ ((q << 1) | (q >> 7)) ^ ((q << 2) | (q >> 6)) ^ ((q << 3) | (q >> 5)) ^ ((q << 4) | (q >> 4));
    sbox[p] = (turned ^ 0x63) & 255;
  } while (p !== 1);
  sbox[0] = 0x63;
  const [t0, t1, t2, t3] = [new Uint32Array(256), new Uint32Array(256), new Uint32Array(256), new Uint32Array(256)];
  for (let i = 0; i < 256; i += 1) {
    const s = sbox[i] as number;
    const two = times2(s);
    const word = ((two << 24) | (s << 16) | (s << 8) | (two ^ s)) >>> 0;
    t0[i] = word;
    t1[i] = (word >>> 8) | (word << 24);
    t2[i] = (word >>> 16) | (word << 16);
    t3[i] = (word >>> 24) | (word << 8);
  }
  made = { sbox, t0, t1, t2, t3 };
  return made;
}

/** What four bits that fall out on the right bring back on the left. */
const REDUCTION = Uint32Array.of(
  0x0000,
  0x1c20,
  0x3840,
  0x2460,
  0x7080,
  0x6ca0,
  0x48c0,
  0x54e0,
  0xe100,
  0xfd20,
  0xd940,
  0xc560,
  0x9180,
  0x8da0,
  0xa9c0,
  0xb5e0,
).map((one) => one << 16);

/** One key, ready for use. `key` has 16 or 32 bytes. */
class GcmKey {
  readonly #schedule: Uint32Array;
  readonly #tables: Tables;
  /** Four words for each of sixteen multiples of the hash key. */
  readonly #multiples = new Uint32Array(64);
  readonly #block = new Uint32Array(4);
  readonly #hash = new Uint32Array(4);

  constructor(key: Uint8Array) {
    this.#tables = tables();
    this.#schedule = expand(key, this.#tables.sbox);
    this.#encrypt(0, 0, 0, 0);
    const m = this.#multiples;
    m.set(this.#block, 8 * 4);
    for (let i = 4; i >= 1; i >>= 1) {
      const from = i * 8;
      const [a, b, c, d] = [m[from] as number, m[from + 1] as number, m[from + 2] as number, m[from + 3] as number];
      m[i * 4] = (a >>> 1) ^ ((d & 1) !== 0 ? 0xe1000000 : 0);
      m[i * 4 + 1] = (b >>> 1) | (a << 31);
      m[i * 4 + 2] = (c >>> 1) | (b << 31);
      m[i * 4 + 3] = (d >>> 1) | (c << 31);
    }
    for (let i = 2; i < 16; i *= 2)
      for (let j = 1; j < i; j += 1) for (let word = 0; word < 4; word += 1) m[(i + j) * 4 + word] = (m[i * 4 + word] as number) ^ (m[j * 4 + word] as number);
  }

  /** Into `#block`. */
  #encrypt(a: number, b: number, c: number, d: number): void {
    const { sbox, t0, t1, t2, t3 } = this.#tables;
    const k = this.#schedule;
    let s0 = a ^ (k[0] as number);
    let s1 = b ^ (k[1] as number);
    let s2 = c ^ (k[2] as number);
    let s3 = d ^ (k[3] as number);
    const last = k.length - 4;
    for (let i = 4; i < last; i += 4) {
      const n0 = (t0[s0 >>> 24] as number) ^ (t1[(s1 >>> 16) & 255] as number) ^ (t2[(s2 >>> 8) & 255] as number) ^ (t3[s3 & 255] as number) ^ (k[i] as number);
      const n1 =
        (t0[s1 >>> 24] as number) ^ (t1[(s2 >>> 16) & 255] as number) ^ (t2[(s3 >>> 8) & 255] as number) ^ (t3[s0 & 255] as number) ^ (k[i + 1] as number);
      const n2 =
        (t0[s2 >>> 24] as number) ^ (t1[(s3 >>> 16) & 255] as number) ^ (t2[(s0 >>> 8) & 255] as number) ^ (t3[s1 & 255] as number) ^ (k[i + 2] as number);
      const n3 =
        (t0[s3 >>> 24] as number) ^ (t1[(s0 >>> 16) & 255] as number) ^ (t2[(s1 >>> 8) & 255] as number) ^ (t3[s2 & 255] as number) ^ (k[i + 3] as number);
      s0 = n0;
      s1 = n1;
      s2 = n2;
      s3 = n3;
    }
    const out = this.#block;
    const end = (w: number, x: number, y: number, z: number, at: number): number =>
      (((sbox[w >>> 24] as number) << 24) | ((sbox[(x >>> 16) & 255] as number) << 16) | ((sbox[(y >>> 8) & 255] as number) << 8) | (sbox[z & 255] as number)) ^
      (k[at] as number);
    out[0] = end(s0, s1, s2, s3, last);
    out[1] = end(s1, s2, s3, s0, last + 1);
    out[2] = end(s2, s3, s0, s1, last + 2);
    out[3] = end(s3, s0, s1, s2, last + 3);
  }

  /** hash = (hash ^ block) · H */
  #multiply(a: number, b: number, c: number, d: number): void {
    const y = this.#hash;
    const m = this.#multiples;
    let [z0, z1, z2, z3] = [0, 0, 0, 0];
    for (let word = 3; word >= 0; word -= 1) {
      let x = (y[word] as number) ^ (word === 3 ? d : word === 2 ? c : word === 1 ? b : a);
      for (let nibble = 0; nibble < 8; nibble += 1) {
        const out = z3 & 15;
        z3 = (z3 >>> 4) | (z2 << 28);
        z2 = (z2 >>> 4) | (z1 << 28);
        z1 = (z1 >>> 4) | (z0 << 28);
        z0 = (z0 >>> 4) ^ (REDUCTION[out] as number);
        const at = (x & 15) << 2;
        z0 ^= m[at] as number;
        z1 ^= m[at + 1] as number;
        z2 ^= m[at + 2] as number;
        z3 ^= m[at + 3] as number;
        x >>>= 4;
      }
    }
    y[0] = z0;
    y[1] = z1;
    y[2] = z2;
    y[3] = z3;
  }

  #absorb(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at += BLOCK_BYTES) {
      this.#multiply(wordAt(bytes, at, to), wordAt(bytes, at + 4, to), wordAt(bytes, at + 8, to), wordAt(bytes, at + 12, to));
    }
  }

  /** Counter mode, from block 2 on; both ways. */
  #crypt(nonce: Uint8Array, input: Uint8Array, length: number, output: Uint8Array): void {
    const [a, b, c] = [wordAt(nonce, 0, 12), wordAt(nonce, 4, 12), wordAt(nonce, 8, 12)];
    const block = this.#block;
    for (let at = 0, counter = 2; at < length; at += BLOCK_BYTES, counter += 1) {
      this.#encrypt(a, b, c, counter);
      const end = Math.min(BLOCK_BYTES, length - at);
      for (let i = 0; i < end; i += 1) output[at + i] = (input[at + i] as number) ^ (((block[i >> 2] as number) >>> (24 - 8 * (i & 3))) & 255);
    }
  }

  /** Four words into `#block`. */
  #tag(nonce: Uint8Array, aad: Uint8Array, cipher: Uint8Array, length: number): void {
    this.#hash.fill(0);
    this.#absorb(aad, 0, aad.length);
    this.#absorb(cipher, 0, length);
    this.#multiply(0, aad.length * 8, 0, length * 8);
    this.#encrypt(wordAt(nonce, 0, 12), wordAt(nonce, 4, 12), wordAt(nonce, 8, 12), 1);
    for (let i = 0; i < 4; i += 1) this.#block[i] = (this.#block[i] as number) ^ (this.#hash[i] as number);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array {
    const out = new Uint8Array(plain.length + TAG_BYTES);
    this.#crypt(nonce, plain, plain.length, out);
    this.#tag(nonce, aad, out, plain.length);
    for (let i = 0; i < TAG_BYTES; i += 1) out[plain.length + i] = (this.#block[i >> 2] as number) >>> (24 - 8 * (i & 3));
    return out;
  }

  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return undefined;
    this.#tag(nonce, aad, sealed, length);
    let wrong = 0;
    for (let i = 0; i < TAG_BYTES; i += 1) wrong |= (sealed[length + i] as number) ^ (((this.#block[i >> 2] as number) >>> (24 - 8 * (i & 3))) & 255);
    if (wrong !== 0) return undefined;
    const out = new Uint8Array(length);
    this.#crypt(nonce, sealed, length, out);
    return out;
  }
}

/** Four bytes, the first the highest; 0 for what is beyond the end. */
function wordAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  let word = 0;
  for (let i = 0; i < 4; i += 1) word = (word << 8) | (at + i < end ? (bytes[at + i] as number) : 0);
  return word;
}

/** FIPS 197 section 5.2. */
function expand(key: Uint8Array, sbox: Uint8Array): Uint32Array {
  const words = key.length / 4;
  const schedule = new Uint32Array(4 * (words + 7));
  for (let i = 0; i < words; i += 1) schedule[i] = wordAt(key, 4 * i, key.length);
  const substituted = (word: number): number =>
    ((sbox[word >>> 24] as number) << 24) |
    ((sbox[(word >>> 16) & 255] as number) << 16) |
    ((sbox[(word >>> 8) & 255] as number) << 8) |
    (sbox[word & 255] as number);
  let constant = 1;
  for (let i = words; i < schedule.length; i += 1) {
    let word = schedule[i - 1] as number;
    if (i % words === 0) {
      word = substituted((word << 8) | (word >>> 24)) ^ (constant << 24);
      constant = times2(constant);
    } else if (words > 6 && i % words === 4) word = substituted(word);
    schedule[i] = (schedule[i - words] as number) ^ word;
  }
  return schedule;
}

const keys = new WeakMap<Uint8Array, GcmKey>();

function keyFor(key: Uint8Array): GcmKey {
  let known = keys.get(key);
  if (known === undefined) {
    known = new GcmKey(key);
    keys.set(key, known);
  }
  return known;
}

/** `key` of 16 or 32 bytes, which must not change; `nonce` of 12. The ciphertext with its tag of 16 bytes behind it. */
export const gcmSeal = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array => keyFor(key).seal(nonce, aad, plain);

/** Undefined where the tag is wrong. */
export const gcmOpen = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined =>
  keyFor(key).open(nonce, aad, sealed);
