/** SHA-512 of a text (FIPS 180-4): for programs that name a configuration by its sum. Slow and small, as it is rarely needed. */

const MASK = (1n << 64n) - 1n;

/** The largest number whose power is not above the value. */
function root(value: bigint, power: bigint): bigint {
  let low = 0n;
  let high = 1n << 80n;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** power <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

function primes(count: number): bigint[] {
  const found: bigint[] = [];
  for (let candidate = 2n; found.length < count; candidate += 1n) if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate);
  return found;
}

/** The first 64 bits behind the point of square and cube roots of the first primes. */
let constants: { readonly start: readonly bigint[]; readonly rounds: readonly bigint[] } | undefined;
function tables(): NonNullable<typeof constants> {
  if (constants === undefined) {
    const list = primes(80);
    constants = {
      start: list.slice(0, 8).map((prime) => root(prime << 128n, 2n) & MASK),
      rounds: list.map((prime) => root(prime << 192n, 3n) & MASK),
    };
  }
  return constants;
}

const turn = (word: bigint, by: bigint): bigint => (word >> by) | ((word << (64n - by)) & MASK);

/** 128 hexadecimal digits of the sum of some bytes. */
export function sha512Hex(bytes: Uint8Array): string {
  const { start, rounds } = tables();
  const blocks = Math.ceil((bytes.length + 17) / 128);
  const padded = new Uint8Array(blocks * 128);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  let sum = [...start];
  for (let block = 0; block < blocks; block += 1) {
    const words: bigint[] = [];
    for (let i = 0; i < 80; i += 1) {
      if (i < 16) {
        words.push(view.getBigUint64(block * 128 + i * 8));
        continue;
      }
      const [w2, w7, w15, w16] = [words[i - 2] as bigint, words[i - 7] as bigint, words[i - 15] as bigint, words[i - 16] as bigint];
      const small0 = turn(w15, 1n) ^ turn(w15, 8n) ^ (w15 >> 7n);
      const small1 = turn(w2, 19n) ^ turn(w2, 61n) ^ (w2 >> 6n);
      words.push((small1 + w7 + small0 + w16) & MASK);
    }
    let [a, b, c, d, e, f, g, h] = sum as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
    for (let i = 0; i < 80; i += 1) {
      const first = h + (turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n)) + ((e & f) ^ (~e & MASK & g)) + (rounds[i] as bigint) + (words[i] as bigint);
      const second = (turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) & MASK, c, b, a, (first + second) & MASK];
    }
    sum = [a, b, c, d, e, f, g, h].map((word, i) => (word + (sum[i] as bigint)) & MASK);
  }
  return sum.map((word) => word.toString(16).padStart(16, '0')).join('');
}
