/** The same expectations by packets: what is allowed arrives, what is denied is dropped by the program behind the queue, and that agrees with the walk. */
import { describe, expect, it } from 'vitest';
import type { Enforcer } from './policy-queue-agent.ts';
import { kindnetd } from './policy-queue-agent.ts';
import { clusterPolicySteps, cyclonusSteps, e2eSteps, haveCases, recipeSteps, type Step } from './testing/conformance-cases.ts';
import { type PacketBench, packetBench } from './testing/packet-bench.ts';

const everything: Enforcer = {
  ...kindnetd,
  role: 'kube-network-policies',
  table: 'kube-network-policies',
  program: 'kube-network-policies',
  queue: 98,
  failOpen: false,
  all: true,
};

/** Each step of each case; of its probes every `stride`-th, a different one in each step. */
function disagreements(steps: readonly Step[], enforcer: Enforcer, stride: number): { readonly wrong: string[]; readonly sent: number } {
  const wrong: string[] = [];
  let sent = 0;
  const benches = new Map<string, PacketBench>();
  steps.forEach((step, index) => {
    const key = JSON.stringify(step.pods.map((pod) => [pod.metadata.namespace, pod.metadata.name, pod.status?.podIP]));
    let bench = benches.get(key);
    if (bench === undefined) {
      bench = packetBench(step, enforcer);
      benches.set(key, bench);
    }
    bench.enforce(step);
    step.probes.forEach((probe, at) => {
      if ((at + index) % stride !== 0) return;
      sent += 1;
      const outcome = bench.send(probe);
      const what = `${step.id}: ${probe.from} to ${probe.to} ${probe.protocol} ${probe.port}`;
      if (outcome.arrived !== probe.allowed)
        wrong.push(`${what}: ${outcome.arrived ? 'arrived' : (outcome.dropped ?? '')}, expected ${probe.allowed ? 'to arrive' : 'to be dropped'}`);
      else if (!outcome.arrived && outcome.dropped?.includes(enforcer.program) !== true) wrong.push(`${what}: dropped by somebody else: ${outcome.dropped}`);
    });
  });
  return { wrong: wrong.slice(0, 12), sent };
}

describe.skipIf(!haveCases)('Policies hold for packets as others expect (../shared/conformance)', () => {
  it('by the end-to-end tests of Kubernetes', () => {
    const { wrong, sent } = disagreements(e2eSteps(), kindnetd, 1);
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(300);
  });
  it('by the truth tables of Cyclonus: each step, and pairs that change from step to step', () => {
    const { wrong, sent } = disagreements(cyclonusSteps(), kindnetd, 17);
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(4000);
  });
  it('by the recipes', () => {
    expect(disagreements(recipeSteps(), kindnetd, 1).wrong).toEqual([]);
  });
  it('by the conformance tests of ClusterNetworkPolicy, beside any CNI', () => {
    const { wrong, sent } = disagreements(clusterPolicySteps(), everything, 1);
    expect(wrong).toEqual([]);
    expect(sent).toBeGreaterThan(200);
  });
});
