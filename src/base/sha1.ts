/** SHA-1 of a text (RFC 3174), and the padding that MD5 has too. */

export const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

function utf8Bytes(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return bytes;
}

/** Blocks of 16 words, padded with a one, zeros and the length in bits. */
export function blocksOf(text: string, littleEndian: boolean): Int32Array[] {
  const bytes = utf8Bytes(text);
  const padded = new DataView(new ArrayBuffer((((bytes.length + 8) >> 6) << 6) + 64));
  for (const [index, byte] of bytes.entries()) padded.setUint8(index, byte);
  padded.setUint8(bytes.length, 0x80);
  padded.setUint32(padded.byteLength - (littleEndian ? 8 : 4), (bytes.length << 3) >>> 0, littleEndian);
  padded.setUint32(padded.byteLength - (littleEndian ? 4 : 8), Math.floor(bytes.length / 0x20000000), littleEndian);
  return Array.from({ length: padded.byteLength / 64 }, (_, block) =>
    Int32Array.from({ length: 16 }, (_word, word) => padded.getInt32(block * 64 + word * 4, littleEndian)),
  );
}

/** Hexadecimal digits of some words. */
export function wordsHex(words: readonly number[], littleEndian: boolean): string {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  for (const [index, word] of words.entries()) view.setInt32(index * 4, word, littleEndian);
  return [...new Uint8Array(view.buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** 40 hexadecimal digits of the digest of a text's UTF-8. */
export function sha1(text: string): string {
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0].map((word) => word | 0);
  for (const block of blocksOf(text, false)) {
    const words = [...block];
    for (let i = 16; i < 80; i += 1) words.push(rotate((words[i - 3] ?? 0) ^ (words[i - 8] ?? 0) ^ (words[i - 14] ?? 0) ^ (words[i - 16] ?? 0), 1));
    let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
    for (const [i, word] of words.entries()) {
      const [mixed, constant] =
        i < 20
          ? [(b & c) | (~b & d), 0x5a827999]
          : i < 40
            ? [b ^ c ^ d, 0x6ed9eba1]
            : i < 60
              ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc]
              : [b ^ c ^ d, 0xca62c1d6];
      const sum = (rotate(a, 5) + mixed + e + constant + word) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, sum];
    }
    state = [a, b, c, d, e].map((word, index) => (word + (state[index] ?? 0)) | 0);
  }
  return wordsHex(state, false);
}
