/** The same expectations by packets, a part of them: all are sent by `npm run conformance`. What is allowed arrives, what is denied is dropped by the program behind the queue, and that agrees with the walk. */
import { describe, expect, it } from 'vitest';
import { clusterPolicySteps, cyclonusSteps, e2eSteps, haveCases, recipeSteps } from './testing/conformance-cases.ts';
import { kindnetKind, kubeNetworkPoliciesKind } from './testing/packet-bench.ts';
import { packetRun } from './testing/packet-run.ts';

const by = { droppedBy: 'kindnetd' };

describe.skipIf(!haveCases)('Policies hold for packets as others expect (../shared/conformance)', () => {
  it('by the end-to-end tests of Kubernetes', () => {
    const { wrong, sent } = packetRun(e2eSteps(), kindnetKind, by);
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(300);
  });
  it('by the truth tables of Cyclonus: every third step, and pairs that change from step to step', () => {
    const { wrong, sent } = packetRun(
      cyclonusSteps().filter((_, index) => index % 3 === 1),
      kindnetKind,
      { ...by, stride: 17 },
    );
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(1500);
  });
  it('by the recipes, through their Services', () => {
    expect(packetRun(recipeSteps(), kindnetKind, by).wrong).toEqual([]);
    const { wrong, sent } = packetRun(recipeSteps(), kindnetKind, { ...by, way: 'service' });
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(15);
  });
  it('by the conformance tests of ClusterNetworkPolicy, beside any CNI', () => {
    const { wrong, sent } = packetRun(clusterPolicySteps(), kubeNetworkPoliciesKind, { droppedBy: 'kube-network-policies' });
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(200);
  });
});
