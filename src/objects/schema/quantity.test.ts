import { describe, expect, it } from 'vitest';
import { canonicalQuantity } from './quantity.ts';

const spell = (text: string) => {
  const result = canonicalQuantity(text);
  return result.ok ? result.text : result.message;
};

describe('quantities have one spelling', () => {
  it.each([
    ['1', '1'],
    ['0', '0'],
    ['m', '0'],
    ['-0', '0'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1000', '1k'],
    ['100', '100'],
    ['1e3', '1e3'],
    ['12e5', '1200e3'],
    ['1E', '1E'],
    ['1024Mi', '1Gi'],
    ['1500Mi', '1500Mi'],
    ['1.5Gi', '1536Mi'],
    ['1Ki', '1Ki'],
    ['0.5Ki', '512'],
    ['128M', '128M'],
    ['-1.5', '-1500m'],
    ['+2', '2'],
    ['0.0000000001', '1n'],
    ['1e2', '100'],
  ])('%j is %s', (text, canonical) => {
    expect(spell(text)).toBe(canonical);
  });

  it("and what is none is told in the server's words", () => {
    for (const text of ['', 'abc', '1GB', '1 Gi', '1.2.3', '9'.repeat(5000)]) expect(spell(text)).toMatch(/^quantities must match the regular expression/);
    for (const text of ['1GG', '1ki', '1Mi2', '--1']) expect(spell(text)).toBe("unable to parse quantity's suffix");
  });
});
