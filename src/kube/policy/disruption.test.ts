import { describe, expect, it } from 'vitest';
import type { Pod } from '../pod/types.ts';
import { TestCluster } from '../testing/cluster.ts';
import { clusterYaml, deploymentYaml, podYaml } from '../testing/manifests.ts';
import type { PodDisruptionBudget } from './disruption-budget.ts';
import { EVICTION_REFUSED, evictPod } from './eviction.ts';

const budgetYaml = (spec: string): string => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {${spec}, selector: {matchLabels: {app: web}}}`;
const status = (world: TestCluster) => world.get<PodDisruptionBudget>('PodDisruptionBudget/default/web').status;
const cluster = (replicas: number, spec: string) => new TestCluster().apply(clusterYaml(2)).apply(deploymentYaml('web', replicas)).apply(budgetYaml(spec));

describe('a PodDisruptionBudget', () => {
  it.each([
    ['minAvailable: 2', 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    ['minAvailable: 50%', 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    ['maxUnavailable: 1', 3, { desiredHealthy: 2, disruptionsAllowed: 1 }],
    ['maxUnavailable: 30%', 4, { desiredHealthy: 2, disruptionsAllowed: 2 }],
    ['minAvailable: 3', 3, { desiredHealthy: 3, disruptionsAllowed: 0 }],
  ])('with %s and %i pods reckons from what their Deployment wants', (spec, replicas, expected) => {
    const world = cluster(replicas, spec);
    expect(status(world)).toMatchObject({ currentHealthy: replicas, expectedPods: replicas, observedGeneration: 1, ...expected });
    const enough = expected.disruptionsAllowed > 0;
    expect(status(world)?.conditions).toMatchObject([
      { type: 'DisruptionAllowed', status: enough ? 'True' : 'False', reason: enough ? 'SufficientPods' : 'InsufficientPods' },
    ]);
  });

  it('says which pod has no controller when it needs one', () => {
    const world = new TestCluster().apply(clusterYaml(1)).apply(podYaml('web')).apply(budgetYaml('maxUnavailable: 1'));
    const words = 'found no controllers for pod "web"';
    expect(status(world)).toMatchObject({ disruptionsAllowed: 0, conditions: [{ reason: 'SyncFailed', message: words }] });
    expect(world.events('PodDisruptionBudget', 'web')).toEqual([`CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${words}`]);
  });
});

describe('an eviction', () => {
  const evict = (world: TestCluster, pod: Pod | undefined) => evictPod(world.api, pod as Pod, world.api.timestamp);

  it('is refused once the budget is used up, until others are ready', () => {
    const world = cluster(3, 'minAvailable: 2');
    const [first, second] = world.pods();
    expect(evict(world, first).ok).toBe(true);
    expect(evict(world, second)).toMatchObject({ ok: false, reason: 'TooManyRequests', message: EVICTION_REFUSED });
    world.settle();
    expect(evict(world, second).ok).toBe(true);
  });

  it('of a pod with two budgets is an error', () => {
    const world = cluster(3, 'minAvailable: 1').apply(budgetYaml('minAvailable: 1').replace('name: web', 'name: second'));
    expect(evict(world, world.pods()[0])).toMatchObject({
      ok: false,
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    });
  });

  it('of a pod that has not started is always allowed', () => {
    const world = new TestCluster()
      .apply(clusterYaml(1))
      .apply(deploymentYaml('web', 1, { pod: 'nodeSelector: {disk: tape}' }))
      .apply(budgetYaml('minAvailable: 1'));
    expect(evict(world, world.pods()[0]).ok).toBe(true);
  });
});
