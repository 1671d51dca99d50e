import { describe, expect, it } from 'vitest';
import { formatLabels, formatSelector, matchesSelector, validateSelector } from './label-selector.ts';

describe('a label selector', () => {
  it('matches when all of its labels and conditions hold', () => {
    const selector = {
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'canary', operator: 'DoesNotExist' },
      ],
    };
    expect(matchesSelector(selector, { app: 'web', tier: 'a' })).toBe(true);
    expect(matchesSelector(selector, { app: 'web', tier: 'c' })).toBe(false);
    expect(matchesSelector(selector, { app: 'web', tier: 'a', canary: '' })).toBe(false);
  });
  it('NotIn also matches where the label is missing', () => {
    expect(matchesSelector({ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['a'] }] }, {})).toBe(true);
  });
  it('matches everything when empty and nothing when absent', () => {
    expect([matchesSelector({}, { a: 'b' }), matchesSelector(undefined, { a: 'b' })]).toEqual([true, false]);
  });
  it('does not take inherited properties for labels', () => {
    expect(matchesSelector({ matchExpressions: [{ key: 'toString', operator: 'Exists' }] }, {})).toBe(false);
  });
  it('is printed as kubectl prints it', () => {
    expect(
      formatSelector({
        matchLabels: { b: '2', a: '1' },
        matchExpressions: [
          { key: 'c', operator: 'In', values: ['y', 'x'] },
          { key: 'd', operator: 'DoesNotExist' },
        ],
      }),
    ).toBe('a=1,b=2,c in (x,y),!d');
    expect([formatSelector({}), formatLabels(undefined), formatLabels({ b: '2', a: '1' })]).toEqual(['<none>', '<none>', 'a=1,b=2']);
  });
  it('is refused in the API server’s words', () => {
    expect(
      validateSelector('spec.selector', {
        matchExpressions: [
          { key: 'a', operator: 'In' },
          { key: 'b', operator: 'Like' },
        ],
      }).map((error) => `${error.path}: ${error.message}`),
    ).toEqual([
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      'spec.selector.matchExpressions[1].operator: Unsupported value: "Like": supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    ]);
  });
});
