/** Hexadecimal text of 32-bit numbers, fast: ids and hashes are written by the thousand. */

const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1));

/** Eight lower-case digits of the lowest 32 bits. */
export const hex8 = (value: number): string =>
  (BYTES[value >>> 24] as string) + (BYTES[(value >>> 16) & 255] as string) + (BYTES[(value >>> 8) & 255] as string) + (BYTES[value & 255] as string);
