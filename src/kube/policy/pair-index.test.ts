import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { matchesSelector } from '../label-selector.ts';
import { PairTable, pairsOfLabels, SelectorIndex } from './pair-index.ts';

const labels = fc.dictionary(fc.constantFrom('app', 'tier', 'team'), fc.constantFrom('a', 'b', 'c'));

it('finds for any labels the selectors that asking each of them finds, and for any selector the labels, in their order', () => {
  fc.assert(
    fc.property(fc.array(labels, { maxLength: 20 }), fc.array(labels, { maxLength: 20 }), (wanted, given) => {
      const index = new SelectorIndex(wanted, pairsOfLabels);
      const table = new PairTable(given, pairsOfLabels);
      const holds = (matchLabels: Readonly<Record<string, string>>, one: Readonly<Record<string, string>>) => matchesSelector({ matchLabels }, one);
      for (const one of given)
        expect(index.candidates(pairsOfLabels(one)).filter((selector) => holds(selector, one))).toEqual(wanted.filter((selector) => holds(selector, one)));
      for (const selector of wanted)
        expect(table.having(pairsOfLabels(selector)).filter((one) => holds(selector, one))).toEqual(given.filter((one) => holds(selector, one)));
    }),
  );
});
