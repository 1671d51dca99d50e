import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hex8 } from './hex.ts';

it('writes the lowest 32 bits as eight digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: -0x8000_0000, max: 0xffff_ffff }), (value) => {
      expect(hex8(value)).toBe((value >>> 0).toString(16).padStart(8, '0'));
    }),
  );
});
