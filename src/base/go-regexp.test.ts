import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGoRegexp, matchGoRegexp } from './go-regexp.ts';

function match(pattern: string, text: string): readonly string[] | undefined | string {
  const compiled = compileGoRegexp(pattern);
  return compiled.ok ? matchGoRegexp(compiled.regexp, text) : compiled.error;
}

describe("Go's regular expressions", () => {
  it.each<[string, string, readonly string[] | undefined | string]>([
    ['(.*)-(us-west-1)\\.example\\.org', 'ftp-us-west-1.example.org', ['ftp-us-west-1.example.org', 'ftp', 'us-west-1']],
    ['^ip-(?P<a>[0-9]*)-(?P<b>\\d+)[.]example[.]$', 'ip-10-7.example.', ['ip-10-7.example.', '10', '7']],
    ['a|ab', 'ab', ['a']],
    ['a*?b', 'aab', ['aab']],
    ['(a+?)(a*)', 'aaa', ['aaa', 'a', 'aa']],
    ['x{2,3}', 'xxxx', ['xxx']],
    ['(?i)WeB', 'web', ['web']],
    ['[^a-c]', 'abcd', ['d']],
    ['[[:digit:]]+', 'ab12', ['12']],
    ['\\bweb\\b', 'a web', ['web']],
    ['()*', 'a', ['', '']],
    ['z', 'a', undefined],
    ['(a', '', 'error parsing regexp: missing closing ): `(a`'],
    ['a)', '', 'error parsing regexp: unexpected ): `a)`'],
    ['*', '', 'error parsing regexp: missing argument to repetition operator: `*`'],
    ['a**', '', 'error parsing regexp: invalid nested repetition operator: `a**`'],
    ['[a', '', 'error parsing regexp: missing closing ]: `[a`'],
    ['a{2000}', '', 'error parsing regexp: invalid repeat count: `{2000}`'],
    ['(?=a)', '', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
    ['\\q', '', 'error parsing regexp: invalid escape sequence: `\\q`'],
  ])('%s on %s', (pattern, text, expected) => {
    expect(match(pattern, text)).toEqual(expected);
  });

  it('agree with JavaScript where both mean the same', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(?:ab)', '(a)', '\\d');
    const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,2}', '*?')).map(([a, b]) => a + b);
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), fc.stringMatching(/^[ab1]{0,8}$/), (pieces, text) => {
        const pattern = pieces.join('');
        const theirs = new RegExp(pattern).exec(text);
        const ours = match(pattern, text);
        expect(ours?.[0]).toBe(theirs?.[0]);
      }),
    );
  });

  it('take time linear in the text', () => {
    expect(match('(a*)*(a*)*(a*)*b', 'a'.repeat(3000))).toBeUndefined();
  });
});
