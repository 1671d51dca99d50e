/** What others expect of policies, by packets that meet Felix' chains. */
import { describe, expect, it } from 'vitest';
import { clusterPolicySteps, cyclonusSteps, e2eSteps, haveCases, recipeSteps, type Step } from '../../policy/testing/conformance-cases.ts';
import { type FelixBench, felixBench } from './testing/felix-bench.ts';

/** Each step of each case; of its probes every `stride`-th, a different one in each step. */
function disagreements(
  steps: readonly Step[],
  stride: number,
  isMeant: (step: Step) => boolean = () => true,
): { readonly wrong: string[]; readonly sent: number } {
  const wrong: string[] = [];
  let sent = 0;
  const benches = new Map<string, FelixBench>();
  steps.filter(isMeant).forEach((step, index) => {
    const key = JSON.stringify(step.pods.map((pod) => [pod.metadata.namespace, pod.metadata.name, pod.status?.podIP]));
    let bench = benches.get(key);
    if (bench === undefined) {
      bench = felixBench(step);
      benches.set(key, bench);
    }
    bench.enforce(step);
    step.probes.forEach((probe, at) => {
      if ((at + index) % stride !== 0) return;
      sent += 1;
      const outcome = (bench as FelixBench).send(probe);
      const what = `${step.id}: ${probe.from} to ${probe.to} ${probe.protocol} ${probe.port}`;
      if (outcome.arrived !== probe.allowed)
        wrong.push(`${what}: ${outcome.arrived ? 'arrived' : outcome.dropped}, expected ${probe.allowed ? 'to arrive' : 'to be dropped'}`);
      else if (!outcome.arrived && outcome.dropped?.includes('NETFILTER_DROP') !== true) wrong.push(`${what}: dropped by somebody else: ${outcome.dropped}`);
    });
  });
  return { wrong: wrong.slice(0, 12), sent };
}

describe.skipIf(!haveCases)("Policies hold for packets in Felix' chains as others expect (../shared/conformance)", () => {
  it('by the end-to-end tests of Kubernetes', () => {
    const { wrong, sent } = disagreements(e2eSteps(), 3);
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(100);
  });
  // All of them pass; a part of them keeps the run short.
  it('by the truth tables of Cyclonus: every fifth step, and pairs that change from step to step', () => {
    const { wrong, sent } = disagreements(
      cyclonusSteps().filter((_, index) => index % 5 === 2),
      37,
    );
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(300);
  });
  it('by the recipes', () => {
    expect(disagreements(recipeSteps(), 1).wrong).toEqual([]);
  });
  it('by the conformance tests of ClusterNetworkPolicy, but those that name nodes', () => {
    const { wrong, sent } = disagreements(clusterPolicySteps(), 2, (step) => !JSON.stringify(step.policies).includes('"nodes"'));
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(75);
  });
});
