/** Kubernetes' own NetworkPolicy tests, Cyclonus' truth tables, the recipes and ClusterNetworkPolicy's conformance: every verdict, one by one and as a matrix. */
import { describe, expect, it } from 'vitest';
import { policyMatrix } from './matrix.ts';
import { buildModel } from './policy-model.ts';
import { clusterPolicySteps, cyclonusSteps, e2eSteps, haveCases, recipeSteps, type Step } from './testing/conformance-cases.ts';
import { endOf, judge } from './testing/packet-run.ts';

const sideOf = (egress: boolean, ingress: boolean): string => (egress ? (ingress ? '.' : 'I') : ingress ? 'E' : 'B');

/** Sentences about each probe that is judged wrongly, by the walk or by the matrix; empty where all agree. */
function disagreements(steps: readonly Step[]): { readonly wrong: string[]; readonly judged: number } {
  const wrong: string[] = [];
  let judged = 0;
  for (const step of steps) {
    const model = buildModel(step);
    const ports = [...new Map(step.probes.map((one) => [`${one.protocol} ${one.port}`, { protocol: one.protocol, port: one.port }])).entries()];
    const outside = step.probes.some(({ from, to }) => from.startsWith('external') || to.startsWith('external')) ? [endOf(model, 'external')] : [];
    const matrix = policyMatrix(
      model,
      ports.map(([, port]) => port),
      [...model.endpoints, ...outside],
    );
    const groupOf = (id: string): number => matrix.groupOf.get(endOf(model, id).id) ?? -1;
    const columns = new Map(ports.map(([name], index) => [name, index]));
    for (const probe of step.probes) {
      judged += 1;
      const answer = judge(model, probe);
      const side = sideOf(answer.egress.allowed, answer.ingress.allowed);
      const cell = matrix.cell(columns.get(`${probe.protocol} ${probe.port}`) ?? 0, groupOf(probe.from), groupOf(probe.to));
      const what = `${step.id}: ${probe.from} to ${probe.to} ${probe.protocol} ${probe.port}`;
      if (answer.allowed !== probe.allowed || (probe.side !== undefined && probe.side !== side))
        wrong.push(`${what}: ${side}, expected ${probe.side ?? probe.allowed}: ${answer.egress.reason}; ${answer.ingress.reason}`);
      if (cell !== side) wrong.push(`${what}: the matrix says ${cell}, the walk ${side}`);
    }
  }
  return { wrong: wrong.slice(0, 10), judged };
}

describe.skipIf(!haveCases)('Policies are judged as others expect (../shared/conformance)', () => {
  it('by the end-to-end tests of Kubernetes', () => {
    const { wrong, judged } = disagreements(e2eSteps());
    expect(wrong).toEqual([]);
    expect(judged).toBeGreaterThan(300);
  });
  it('by all of the truth tables of Cyclonus, and by the side that blocks', () => {
    const { wrong, judged } = disagreements(cyclonusSteps());
    expect(wrong).toEqual([]);
    expect(judged).toBeGreaterThan(79_000);
  });
  it('by the recipes', () => {
    expect(disagreements(recipeSteps()).wrong).toEqual([]);
  });
  it('by the conformance tests of ClusterNetworkPolicy', () => {
    const { wrong, judged } = disagreements(clusterPolicySteps());
    expect(wrong).toEqual([]);
    expect(judged).toBeGreaterThan(200);
  });
});
