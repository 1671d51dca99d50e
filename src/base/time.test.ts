import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRfc3339, parseRfc3339 } from './time.ts';

describe('RFC 3339 times', () => {
  it("agree with the language's own calendar", () => {
    fc.assert(
      fc.property(fc.integer({ min: -60_000_000_000, max: 250_000_000_000 }), (seconds) => {
        const text = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
        expect(formatRfc3339(seconds * 1000)).toBe(text);
        expect(parseRfc3339(text)).toBe(seconds * 1000);
      }),
    );
  });

  it('read fractions and offsets, and refuse what is no time', () => {
    expect(parseRfc3339('2026-04-04T11:00:00.250+02:00')).toBe(Date.UTC(2026, 3, 4, 9, 0, 0, 250));
    for (const text of ['', '2026-04-04', '2026-13-04T00:00:00Z', 'x2026-04-04T00:00:00Z']) expect(parseRfc3339(text)).toBeUndefined();
  });
});
