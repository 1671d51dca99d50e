/** The receive buffer of a UDP socket whose program does not read: how many datagrams of a size Linux 6.18 kept of 2,000 (net.core.rmem_default of 212992). */
import { describe, expect, it } from 'vitest';
import { trueSize } from './udp.ts';

describe('a socket that nobody reads', () => {
  it.each([
    [0, 256],
    [192, 256],
    [200, 166],
    [640, 166],
    [660, 92],
    [1400, 92],
  ])('of datagrams of %i bytes keeps %i', (bytes, kept) => {
    expect(Math.floor(212_992 / trueSize(bytes))).toBe(kept);
  });
});
