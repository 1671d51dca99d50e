import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetOf, newSetReplicas, scaleProportionally, shrinkOldSets, wantedOf } from './rollout.ts';
import { safeEncode, templateHash } from './template-hash.ts';
import type { Deployment, ReplicaSet } from './types.ts';

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } };
const deployment = (replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { replicas, selector: {}, template, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } },
});
const set = (name: string, replicas: number, available = replicas, creationTimestamp = '2026-01-01T00:00:00Z'): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name, creationTimestamp },
  spec: { replicas, selector: {}, template },
  status: { replicas, availableReplicas: available },
});
const sizes = (map: ReadonlyMap<ReplicaSet, number>) => Object.fromEntries([...map].map(([one, size]) => [one.metadata.name, size]));

describe('the budget of a rolling update', () => {
  it('rounds the surge up and the unavailability down', () => {
    expect(budgetOf(deployment(3, '25%', '25%'))).toEqual({ replicas: 3, maxSurge: 1, maxUnavailable: 0 });
    expect(budgetOf(deployment(10, '25%', '25%'))).toEqual({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });
  });

  it('lets one pod be missing when both round to nothing, since otherwise nothing would move', () => {
    expect(budgetOf(deployment(3, 0, '10%'))).toEqual({ replicas: 3, maxSurge: 0, maxUnavailable: 1 });
  });

  it('never lets more be missing than are wanted', () => {
    expect(budgetOf(deployment(2, 1, 5)).maxUnavailable).toBe(2);
  });
});

describe('a rolling update', () => {
  it('grows the new set only as far as replicas plus surge allow', () => {
    const budget = budgetOf(deployment(4, 1, 1));
    expect(newSetReplicas(budget, true, 4, 0)).toBe(1);
    expect(newSetReplicas(budget, true, 5, 1)).toBe(1);
    expect(newSetReplicas(budget, true, 3, 1)).toBe(3);
    expect(newSetReplicas(budget, true, 9, 6)).toBe(4);
  });

  it('takes away first the old pods that serve nobody, then as many as availability allows', () => {
    const budget = budgetOf(deployment(4, 1, 1));
    expect(sizes(shrinkOldSets(budget, set('new', 1), [set('old', 4)]))).toEqual({ old: 2 });
    expect(sizes(shrinkOldSets(budget, set('new', 1, 0), [set('old', 4)]))).toEqual({ old: 3 });
    expect(sizes(shrinkOldSets(budget, set('new', 2, 0), [set('broken', 2, 0), set('old', 3)]))).toEqual({ broken: 0 });
  });

  it('shares a change of the wanted number among the sets in proportion', () => {
    const grown = scaleProportionally({ replicas: 15, maxSurge: 3, maxUnavailable: 2 }, [set('old', 8), set('new', 5, 5, '2026-01-02T00:00:00Z')], 13);
    expect(sizes(grown)).toEqual({ old: 11, new: 7 });
    expect([...grown.values()].reduce((sum, size) => sum + size, 0)).toBe(18);
  });

  it('always ends with the wanted number in the new set, and never leaves the budget on the way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 10 }), (replicas, maxSurge, maxUnavailable) => {
        const budget = budgetOf(deployment(replicas, maxSurge, maxUnavailable));
        let fresh = set('new', 0);
        let old = set('old', replicas);
        for (let step = 0; step < 200 && !(wantedOf(fresh) === replicas && wantedOf(old) === 0); step += 1) {
          const size = newSetReplicas(budget, true, wantedOf(fresh) + wantedOf(old), wantedOf(fresh));
          if (size !== wantedOf(fresh)) fresh = set('new', size);
          else old = set('old', shrinkOldSets(budget, fresh, [old]).get(old) ?? wantedOf(old));
          expect(wantedOf(fresh) + wantedOf(old)).toBeLessThanOrEqual(replicas + budget.maxSurge);
          expect(wantedOf(fresh) + wantedOf(old)).toBeGreaterThanOrEqual(replicas - budget.maxUnavailable);
        }
        expect([wantedOf(fresh), wantedOf(old)]).toEqual([replicas, 0]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the pod template hash', () => {
  it('writes decimal digits in letters that form no words', () => {
    expect(safeEncode('0123456789')).toBe('456789bcdf');
    // The article's ReplicaSet was web-64c966cf88.
    expect(safeEncode('2075227944')).toBe('64c966cf88');
  });

  it('depends on the content of the template, not on the order of its fields', () => {
    const reordered = { spec: { containers: [{ image: 'nginx', name: 'web' }] }, metadata: { labels: { app: 'web' } } };
    expect(templateHash(reordered)).toBe(templateHash(template));
    expect(templateHash({ ...template, spec: { containers: [{ name: 'web', image: 'httpd' }] } })).not.toBe(templateHash(template));
    expect(templateHash(template)).toMatch(/^[4-9bcdf]{1,10}$/);
  });
});
