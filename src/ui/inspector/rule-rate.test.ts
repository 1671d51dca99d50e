/** How often a rule matches is what its counter grows by in virtual time. */
import { expect, it } from 'vitest';
import { ratesOf, type Sample, withSample } from './rule-rate.ts';

it('counts packets a second between looks that are a second apart, and begins anew when the counter is set back', () => {
  let samples: readonly Sample[] = [];
  for (const [seconds, packets] of [
    [10, 0],
    [10.4, 8],
    [11, 20],
    [13, 20],
  ] as const)
    samples = withSample(samples, { nowNs: seconds * 1e9, packets });
  expect(ratesOf(samples)).toEqual([20, 0]);
  expect(withSample(samples, { nowNs: 14e9, packets: 3 })).toEqual([{ nowNs: 14e9, packets: 3 }]);
  expect(withSample(samples, { nowNs: 5e9, packets: 30 })).toHaveLength(1);
});
