/** What others expect of policies, by packets that meet Felix' chains: a part of what `npm run conformance` sends. */
import { describe, expect, it } from 'vitest';
import { clusterPolicySteps, cyclonusSteps, e2eSteps, haveCases, recipeSteps } from '../../policy/testing/conformance-cases.ts';
import { packetRun } from '../../policy/testing/packet-run.ts';
import { calicoKind } from './testing/felix-bench.ts';

const by = { droppedBy: 'NETFILTER_DROP' };

describe.skipIf(!haveCases)("Policies hold for packets in Felix' chains as others expect (../shared/conformance)", () => {
  it('by the end-to-end tests of Kubernetes', () => {
    const { wrong, sent } = packetRun(e2eSteps(), calicoKind, { ...by, stride: 3 });
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(100);
  });
  it('by the truth tables of Cyclonus: every fifth step, and pairs that change from step to step', () => {
    const steps = cyclonusSteps().filter((_, index) => index % 5 === 2);
    const { wrong, sent } = packetRun(steps, calicoKind, { ...by, stride: 37 });
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(300);
  });
  it('by the recipes, through their Services', () => {
    expect(packetRun(recipeSteps(), calicoKind, { ...by, way: 'service' }).wrong).toEqual([]);
  });
  it('by the conformance tests of ClusterNetworkPolicy, but those that name nodes', () => {
    const steps = clusterPolicySteps().filter((step) => !JSON.stringify(step.policies).includes('"nodes"'));
    const { wrong, sent } = packetRun(steps, calicoKind, { ...by, stride: 2 });
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(75);
  });
});
