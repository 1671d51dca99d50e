/** Arithmetic on 32-bit sequence numbers, which wrap (RFC 9293 section 3.4). */

/** a < b on the circle. */
export const seqBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const seqAfter = (a: number, b: number): boolean => ((a - b) | 0) > 0;
export const seqAdd = (a: number, bytes: number): number => (a + bytes) >>> 0;
/** How far `a` is ahead of `b`; both within 2^31 of each other. */
export const seqDistance = (a: number, b: number): number => (a - b) | 0;
