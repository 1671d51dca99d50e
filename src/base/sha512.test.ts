import { describe, expect, it } from 'vitest';
import { sha512Hex } from './sha512.ts';

const of = (text: string) => sha512Hex(Uint8Array.from(text, (character) => character.charCodeAt(0)));

describe('SHA-512', () => {
  it("gives the standard's own examples", () => {
    expect(of('abc')).toBe('ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f');
    expect(of('')).toBe('cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e');
    expect(of('a'.repeat(200)).slice(0, 16)).toBe('4b11459c33f52a22');
  });
});
