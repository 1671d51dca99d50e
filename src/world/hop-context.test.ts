import { describe, expect, it } from 'vitest';
import { hopContext } from './hop-context.ts';
import { openArticle, runLine } from './testing/article.ts';

const world = openArticle();
runLine(world, 'kubectl exec client -- curl -s web-service');
const events = world.engine.events(0, world.headSeq);

describe('a hop in its context', () => {
  it('tells of each rule before it what in the packet it did not fit', () => {
    const dnat = events.find(({ step }) => step.kind === 'matched' && step.rule?.chain === 'KUBE-SERVICES' && step.rule.text.includes('web-service'));
    const context = hopContext(world, dnat?.seq ?? 0);
    expect(context?.chain).toBe('nat KUBE-SERVICES');
    const decided = context?.rules?.findIndex((row) => row.decided) ?? -1;
    expect(decided).toBeGreaterThanOrEqual(0);
    expect(context?.rules?.[decided]).toMatchObject({ objectKey: 'Service/default/web-service', writtenBy: 'kube-proxy', yaml: { file: 'web.yaml' } });
    for (const row of context?.rules?.slice(0, decided) ?? []) expect(row.why).toMatch(/^For packets to \d|^For (?:udp|port)|went on\.$/);
    expect(context?.rules?.slice(decided + 1).every((row) => row.why.startsWith('Not looked at'))).toBe(true);
    const seq = world.headSeq;
    const table = JSON.stringify(world.inspect({ kind: 'netns', id: 'controlplane/netns/root' }));
    hopContext(world, dnat?.seq ?? 0);
    expect(world.headSeq).toBe(seq);
    expect(JSON.stringify(world.inspect({ kind: 'netns', id: 'controlplane/netns/root' }))).toBe(table);
  });

  it('tells why the other routes lost: not in their range, or a shorter prefix', () => {
    const routed = events.find(
      ({ step, netns }) => step.kind === 'routed' && step.decision === 'forward' && netns === 'controlplane/netns/root' && step.device === 'flannel.1',
    );
    const rows = hopContext(world, routed?.seq ?? 0)?.routes ?? [];
    expect(rows[0]).toMatchObject({
      decided: true,
      why: expect.stringMatching(/^The longest prefix that holds 10\.244\.1\.\d+: \/24\.$/) as string,
      writtenBy: 'flannel',
    });
    expect(rows.find((row) => row.text.startsWith('default'))?.why).toMatch(/^It holds 10\.244\.1\.\d+ too, and \/0 is shorter than \/24\.$/);
    expect(rows.find((row) => row.text.startsWith('10.244.0.0/24'))?.why).toMatch(/is not in 10\.244\.0\.0\/24\.$/);
  });
});
