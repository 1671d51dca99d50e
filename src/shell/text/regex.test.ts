/** POSIX regular expressions without backtracking. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRegex, type RegexOptions } from './regex.ts';

const extended: RegexOptions = { syntax: 'extended', ignoreCase: false };
const basic: RegexOptions = { syntax: 'basic', ignoreCase: false };

function found(pattern: string, text: string, options = extended): string | undefined {
  const regex = compileRegex(pattern, options);
  if ('error' in regex) return `error: ${regex.error}`;
  const match = regex.find(text, 0);
  return match === undefined ? undefined : text.slice(match.start, match.end);
}

describe('regular expressions', () => {
  it('know classes, repetition, alternation, anchors and words', () => {
    expect(found('[0-9]+\\.[0-9]+', 'ip 10.244.1.3')).toBe('10.244');
    expect(found('(a|ab)(c|bcd)', 'abcd')).toBe('abcd');
    expect(found('^web-', 'web-1')).toBe('web-');
    expect(found('^web-', 'a web-1')).toBeUndefined();
    expect(found('s{2,3}$', 'pssss')).toBe('sss');
    expect(found('\\bdpt:80\\b', 'tcp dpt:8080 dpt:80')).toBe('dpt:80');
    expect(found('[[:upper:]]+-[[:alnum:]]{3}', 'KUBE-SVC')).toBe('KUBE-SVC');
    expect(found('[^]a]+', ']]xyz')).toBe('xyz');
  });

  it('read basic syntax with its backslashes', () => {
    expect(found('a\\+', 'caab', basic)).toBe('aa');
    expect(found('a+', 'aa+', basic)).toBe('a+');
    expect(found('\\(ab\\)*', 'ababx', basic)).toBe('abab');
    expect(found('*a', 'x*a', basic)).toBe('*a');
    expect(found('10.244', '10x244', { syntax: 'fixed', ignoreCase: false })).toBeUndefined();
  });

  it('word errors as GNU tools do', () => {
    expect(found('(a', 'a')).toBe('error: Unmatched ( or \\(');
    expect(found('[a', 'a')).toBe('error: Unmatched [, [^, [:, [., or [=');
    expect(found('a{2,1}', 'a')).toBe('error: Invalid content of \\{\\}');
    expect(found('a\\', 'a')).toBe('error: Trailing backslash');
    expect(found('((a{200}){200}){200}', 'a')).toBe('error: Regular expression too big');
  });

  it('find the same leftmost match as a backtracking engine, on patterns where leftmost decides', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', 'c');
    const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?')).map(([left, right]) => left + right);
    const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 12 }), (source, text) => {
        const theirs = new RegExp(source).exec(text);
        const regex = compileRegex(source, extended);
        if ('error' in regex) throw new Error(regex.error);
        const ours = regex.find(text, 0);
        expect(ours?.start).toBe(theirs?.index);
        // POSIX takes the longest, which is never shorter than a greedy backtracking match.
        if (ours !== undefined && theirs !== null) expect(ours.end - ours.start).toBeGreaterThanOrEqual(theirs[0].length);
      }),
      { numRuns: 1000 },
    );
  });

  it('take linear time where backtracking would take for ever', () => {
    const started = process.hrtime.bigint();
    expect(found('(a+)+b', 'a'.repeat(5000))).toBeUndefined();
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(2000);
  });
});
