import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../base/testing/cpu.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { dns1035LabelErrors, dnsLabelErrors, dnsSubdomainErrors, labelValueErrors, pathSegmentErrors, portNameErrors, qualifiedNameErrors } from './names.ts';

const count = (check: (text: string) => readonly string[], texts: readonly string[]) => texts.map((text) => check(text).length);

describe('names', () => {
  it('of labels, subdomains and RFC 1035 labels', () => {
    expect(count(dnsLabelErrors, ['a', '1a', 'a-b', 'a'.repeat(63)])).toEqual([0, 0, 0, 0]);
    expect(count(dnsLabelErrors, ['', 'A', '-a', 'a-', 'a.b', 'a b', 'a'.repeat(64), `${'a'.repeat(63)}B`])).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(count(dnsSubdomainErrors, ['a.b', 'a'.repeat(253), 'a..b', 'a.', `${'a'.repeat(300)}_`])).toEqual([0, 0, 1, 1, 1]);
    expect(count(dns1035LabelErrors, ['a1', '1a'])).toEqual([0, 1]);
    expect(dnsLabelErrors('a'.repeat(64))).toEqual(['must be no more than 63 bytes']);
    expect(pathSegmentErrors('a/b%')).toEqual(["may not contain '/'", "may not contain '%'"]);
  });

  it('of ports', () => {
    expect(portNameErrors('http-web')).toEqual([]);
    expect(portNameErrors('80')).toEqual(['must contain at least one letter (a-z)']);
    expect(portNameErrors('a--b')).toEqual(['must not contain consecutive hyphens']);
    expect(portNameErrors('averyverylongname')).toEqual(['must be no more than 15 characters']);
  });

  it('of label keys and values', () => {
    expect(count(qualifiedNameErrors, ['app', 'app.kubernetes.io/name', 'A_b.c', 'x'.repeat(63)])).toEqual([0, 0, 0, 0]);
    expect(qualifiedNameErrors('/a')).toEqual(['prefix part must be non-empty']);
    expect(qualifiedNameErrors('a/b/c')).toHaveLength(1);
    expect(qualifiedNameErrors('a/')).toHaveLength(2);
    expect(count(labelValueErrors, ['', 'v1.2_3', '-x', 'a b', 'é'])).toEqual([0, 0, 1, 1, 1]);
  });

  it('end in time for a hostile text', () => {
    const took = cpuMs(() => {
      for (const check of [dnsLabelErrors, dnsSubdomainErrors, labelValueErrors, qualifiedNameErrors, portNameErrors]) check(`${'a-'.repeat(100_000)}!`);
    });
    expect(took).toBeLessThan(200);
  });
});

describe('metadata', () => {
  it('names the bad key or value', () => {
    expect(validateLabels({ 'a b': '-' }, 'metadata.labels').map((one) => [one.path, one.message.slice(0, 21)])).toEqual([
      ['metadata.labels', 'Invalid value: "a b":'],
      ['metadata.labels', 'Invalid value: "-": a'],
    ]);
  });
  it('limits annotations by their bytes', () => {
    expect(validateAnnotations({ a: 'é'.repeat(131_073) }, 'metadata.annotations')).toEqual([
      { path: 'metadata.annotations', type: 'Too long', message: 'Too long: may not be more than 262144 bytes' },
    ]);
    expect(validateAnnotations({ 'UPPER.example.com/x': 'y' }, 'metadata.annotations')).toEqual([]);
  });
});
