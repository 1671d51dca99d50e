/** The Internet checksum (RFC 1071) over parts of a byte array. */

/** One's complement sum of 16-bit words in [from, to), not folded to its complement; add several parts before `finish`. An odd last byte counts as its high byte. */
export function sumWords(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  let i = from;
  for (; i + 1 < to; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (i < to) sum += (bytes[i] as number) << 8;
  return sum;
}

/** The checksum field's value for a sum. */
export function finishChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
