import { gcm } from '@noble/ciphers/aes.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gcmOpen, gcmSeal } from './aes-gcm.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (two) => Number.parseInt(two, 16));

describe('AES-GCM', () => {
  it('seals as another implementation does, with keys of both lengths', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 32).chain(bytes),
        bytes(12),
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 100 }),
        (key, nonce, aad, plain) => {
          const sealed = gcmSeal(key, nonce, aad, plain);
          expect(sealed).toEqual(gcm(key, nonce, aad).encrypt(plain));
          expect(gcmOpen(key, nonce, aad, sealed)).toEqual(plain);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('opens nothing of which a bit is wrong', () => {
    const [key, nonce, aad] = [new Uint8Array(32).fill(7), new Uint8Array(12).fill(1), Uint8Array.of(1, 2, 3)];
    const sealed = gcmSeal(key, nonce, aad, Uint8Array.of(5, 6, 7));
    for (let at = 0; at < sealed.length; at += 1)
      expect(
        gcmOpen(
          key,
          nonce,
          aad,
          sealed.map((byte, i) => (i === at ? byte ^ 1 : byte)),
        ),
      ).toBeUndefined();
    expect(gcmOpen(key, nonce, Uint8Array.of(1, 2, 4), sealed)).toBeUndefined();
    expect(gcmOpen(key, nonce, aad, new Uint8Array(3))).toBeUndefined();
  });

  it('gives the tag of NIST for no text at all', () => {
    expect(gcmSeal(new Uint8Array(16), new Uint8Array(12), new Uint8Array(), new Uint8Array())).toEqual(hex('58e2fccefa7e3061367f1d57a4e7455a'));
  });
});
