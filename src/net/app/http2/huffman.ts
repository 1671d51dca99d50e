/** The Huffman code of header strings (RFC 7541 appendix B). It is canonical: the lengths of the codes say all. */

/** Bits of each octet's code; the end of string has 30. */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11,
  10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
  8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
  23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26,
  27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
  27, 27, 26, 30,
];
const END = 256;
const MAX_BITS = 30;

interface Code {
  readonly bits: number;
  readonly value: number;
}

const codes: Code[] = LENGTHS.map((bits) => ({ bits, value: 0 }));
/** Octets by `length * 2^30 + code`. */
const symbols = new Map<number, number>();

let next = 0;
for (let bits = 1; bits <= MAX_BITS; bits += 1) {
  next *= 2;
  for (const [symbol, length] of LENGTHS.entries()) {
    if (length !== bits) continue;
    codes[symbol] = { bits, value: next };
    symbols.set(bits * 2 ** MAX_BITS + next, symbol);
    next += 1;
  }
}

/** Octets as characters U+0000 to U+00FF, in and out. */
export function encodeHuffman(octets: string): string {
  let text = '';
  let bits = 0;
  let value = 0;
  const flush = () => {
    while (bits >= 8) {
      bits -= 8;
      const octet = Math.floor(value / 2 ** bits);
      text += String.fromCharCode(octet);
      value -= octet * 2 ** bits;
    }
  };
  for (let i = 0; i < octets.length; i += 1) {
    const code = codes[octets.charCodeAt(i)] ?? { bits: 0, value: 0 };
    value = value * 2 ** code.bits + code.value;
    bits += code.bits;
    flush();
  }
  if (bits > 0) text += String.fromCharCode(value * 2 ** (8 - bits) + 2 ** (8 - bits) - 1);
  return text;
}

export function huffmanLength(octets: string): number {
  let bits = 0;
  for (let i = 0; i < octets.length; i += 1) bits += codes[octets.charCodeAt(i)]?.bits ?? 0;
  return Math.ceil(bits / 8);
}

/** Undefined where the padding is no padding or the end of string stands in it. */
export function decodeHuffman(text: string): string | undefined {
  let out = '';
  let bits = 0;
  let value = 0;
  for (let i = 0; i < text.length; i += 1) {
    const octet = text.charCodeAt(i);
    for (let bit = 7; bit >= 0; bit -= 1) {
      value = value * 2 + ((octet >> bit) & 1);
      bits += 1;
      const symbol = bits < 5 ? undefined : symbols.get(bits * 2 ** MAX_BITS + value);
      if (symbol === undefined) {
        if (bits > MAX_BITS) return undefined;
        continue;
      }
      if (symbol === END) return undefined;
      out += String.fromCharCode(symbol);
      bits = 0;
      value = 0;
    }
  }
  return bits < 8 && value === 2 ** bits - 1 ? out : undefined;
}
