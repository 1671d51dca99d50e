import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSelector, matches, parseSelector, type Selector, selectorError, withPrefix } from './selector.ts';

const of = (text: string): Selector => {
  const result = parseSelector(text);
  if (typeof result === 'string') throw new Error(result);
  return result;
};
const holds = (text: string, labels: Record<string, string>): boolean =>
  matches(of(text), (label) => (Object.hasOwn(labels, label) ? labels[label] : undefined));

const label = fc.constantFrom('app', 'tier', 'projectcalico.org/namespace', 'a_b-c.d');
const value = fc.constantFrom('web', 'api', '', 'say "x"', 'a b');
const { selector } = fc.letrec<{ selector: Selector }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Selector>({ op: 'all' }, { op: 'global' }),
    fc.record({ op: fc.constant('has' as const), label }),
    fc.record({ op: fc.constantFrom('==' as const, '!=' as const, 'contains' as const, 'starts with' as const, 'ends with' as const), label, value }),
    fc.record({
      op: fc.constantFrom('in' as const, 'not in' as const),
      label,
      values: fc.uniqueArray(value, { maxLength: 3 }).map((list) => [...list].sort()),
    }),
    tie('selector').map((inner): Selector => ('of' in inner ? inner : { op: 'not', of: inner })),
    fc
      .tuple(fc.constantFrom('&&' as const, '||' as const), fc.array(tie('selector'), { minLength: 2, maxLength: 3 }))
      .map(([op, parts]): Selector => ({ op, parts })),
  ),
}));

describe("Calico's selectors", () => {
  it('are read again from their one form', () => {
    fc.assert(
      fc.property(selector, (one) => {
        expect(of(formatSelector(one))).toEqual(one);
      }),
      { numRuns: 300 },
    );
  });

  it('never throw, whatever stands there', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[ahbs()!=&|{}'", in]{0,30}$/)), (text) => {
        expect(['string', 'object']).toContain(typeof parseSelector(text));
      }),
    );
    expect(selectorError('('.repeat(4000))).toBeDefined();
  });

  it.each([
    ["app == 'web'", { app: 'web' }, true],
    ["app != 'web'", {}, true],
    ["app in {'a', 'b'}", { app: 'b' }, true],
    ["app not in { 'a' }", {}, true],
    ["app not in {'a'}", { app: 'a' }, false],
    ['has(app) && !has(tier)', { app: '' }, true],
    ["app starts with 'we' || app ends  with 'x'", { app: 'web' }, true],
    ["app contains 'e' && (tier == 'x' || all())", { app: 'web' }, true],
    ['! ! has(app)', { app: '' }, true],
    ['', {}, true],
    ["a == 'x' || b == 'y' && c == 'z'", { a: 'x' }, true],
  ])('%s of %o is %s', (text, labels, result) => {
    expect(holds(text, labels as Record<string, string>)).toBe(result);
  });

  it.each([
    ["app = 'web'", 'expected =='],
    ["app == 'web", 'unterminated string'],
    ['app == web', 'expected string'],
    ["app is 'web'", "unexpected characters after label 'app', was expecting an operator"],
    ['has(', 'no label name in has( expression'],
    ['has(app', "no closing ')' after has("],
    ["(app == 'a'", 'expected )'],
    ["app in 'a'", 'expected set literal'],
    ["app in {'a'", 'expected }'],
    ["app == 'a' app", 'unexpected content at end of selector'],
    ['a & b', 'expected &&'],
  ])('%s is refused: %s', (text, words) => {
    expect(selectorError(text)).toBe(words);
  });

  it('speak of namespaces by a prefix of all their labels', () => {
    expect(formatSelector(withPrefix(of("! (a == 'x' || has(b))"), 'pcns.'))).toBe('!(pcns.a == "x" || has(pcns.b))');
  });
});
