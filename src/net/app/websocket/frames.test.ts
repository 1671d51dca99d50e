/** WebSocket's frames, by RFC 6455's own examples and by properties. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptKey, closeBody, closeCode, frame, OPCODE, readFrames } from './frames.ts';

const hex = (text: string): string => [...text].map((one) => one.charCodeAt(0).toString(16).padStart(2, '0')).join(' ');

describe('a WebSocket', () => {
  it('answers the key of RFC 6455 section 1.3', () => {
    expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('writes and reads the frames of section 5.7', () => {
    expect(hex(frame(OPCODE.text, 'Hello').octets ?? '')).toBe('81 05 48 65 6c 6c 6f');
    expect(hex(frame(OPCODE.text, 'Hello', 0x37fa213d).octets ?? '')).toBe('81 85 37 fa 21 3d 7f 9f 4d 51 58');
    expect(hex(frame(OPCODE.binary, 'x'.repeat(256)).octets?.slice(0, 4) ?? '')).toBe('82 7e 01 00');
    expect(readFrames('\u0001\u0003Hel\u0080\u0002lo').frames.map(({ opcode, final, payload }) => [opcode, final, payload])).toEqual([
      [1, false, 'Hel'],
      [0, true, 'lo'],
    ]);
  });

  it('reads what it has written, wherever it was cut, and keeps the rest', () => {
    const octets = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 });
    fc.assert(
      fc.property(fc.array(fc.tuple(octets, fc.option(fc.nat(2 ** 32 - 1), { nil: undefined })), { maxLength: 4 }), fc.nat(1000), (all, cut) => {
        const text = all.map(([body, mask]) => frame(OPCODE.binary, body, mask).octets).join('');
        const first = readFrames(text.slice(0, cut % (text.length + 1)));
        const second = readFrames(first.rest + text.slice(cut % (text.length + 1)));
        expect([...first.frames, ...second.frames].map(({ payload }) => payload)).toEqual(all.map(([body]) => body));
        expect(second.rest).toBe('');
      }),
      { numRuns: 60 },
    );
  });

  it('refuses reserved bits, long control frames and what is too large', () => {
    expect(readFrames('\u00c1\u0000').wrong).toBe(1002);
    expect(readFrames('\u0089\u007e\u0001\u0000').wrong).toBe(1002);
    expect(readFrames('\u0082\u007f\u0000\u0000\u0000\u0000\u0010\u0000\u0000\u0000').wrong).toBe(1009);
    expect(closeCode(closeBody(1001, 'bye'))).toBe(1001);
  });
});
