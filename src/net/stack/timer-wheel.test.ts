/** The kernel's timer wheel: what a second becomes. */
import { describe, expect, it } from 'vitest';
import { wheelExpiryNs } from './timer-wheel.ts';

describe('the timer wheel', () => {
  it('fires a second-long timer 4 to 36 ms late, and 24 ms late when it was set by another', () => {
    for (const startNs of [0, 1e6, 123_456_789, 5e9 + 7]) {
      const first = wheelExpiryNs(startNs, 1e9);
      expect(first - startNs).toBeGreaterThanOrEqual(1.004e9 - 4e6);
      expect(first - startNs).toBeLessThanOrEqual(1.036e9);
      expect(wheelExpiryNs(first, 1e9) - first).toBe(1.024e9);
    }
  });

  it('rounds short timers to the next tick', () => {
    expect(wheelExpiryNs(0, 40e6)).toBe(44e6);
    expect(wheelExpiryNs(4e6, 0)).toBe(8e6);
  });

  it('lets timers of one length that began within a tick fire together', () => {
    expect(wheelExpiryNs(8e6 + 100_000, 1e9)).toBe(wheelExpiryNs(8e6 + 3_900_000, 1e9));
  });
});
