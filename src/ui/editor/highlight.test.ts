import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { highlightLine } from './highlight.ts';

const kinds = (line: string) =>
  highlightLine(line)
    .filter((token) => token.kind !== 'plain')
    .map((token) => `${token.kind} ${token.text.trim()}`);

describe('the YAML colours', () => {
  it('tell keys, strings, numbers and comments apart', () => {
    expect(kinds('  replicas: 3 # three')).toEqual(['key replicas', 'number 3', 'comment # three']);
    expect(kinds('kind: Service')).toEqual(['key kind', 'string Service']);
    expect(kinds('    - port: 80')).toEqual(['key port', 'number 80']);
    expect(kinds('  selector: { app: web, tier: 2 }')).toEqual(['key selector', 'key app', 'string web', 'key tier', 'number 2']);
    expect(kinds('# only a comment: yes')).toEqual(['comment # only a comment: yes']);
    expect(kinds('image: registry.k8s.io/pause:3.10')).toEqual(['key image', 'string registry.k8s.io/pause:3.10']);
    expect(kinds('---')).toEqual([]);
  });

  it('never change the text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9 :#{}[\],'"|>&*!?%-]{0,60}$/), (line) => {
        expect(
          highlightLine(line)
            .map((token) => token.text)
            .join(''),
        ).toBe(line);
      }),
      { numRuns: 500 },
    );
  });

  it('give up on endless lines instead of freezing', () => {
    expect(highlightLine('a: '.repeat(100_000))).toHaveLength(1);
  });
});
