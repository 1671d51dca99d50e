/** Policies by Cilium, judged by packets: who is answered, who is dropped where, in every dialect. */
import { describe, expect, it } from 'vitest';
import type { World } from '../world.ts';
import { runLine } from './article.ts';
import { openCilium } from './cilium-world.ts';

const said = (world: World, line: string): string => runLine(world, line).output;
const apply = (world: World, yaml: string): void => {
  const { exitCode, output } = runLine(world, `kubectl apply -f - <<'EOF'\n${yaml}EOF`);
  if (exitCode !== 0) throw new Error(output);
};
const drops = (world: World, from: number): string[] =>
  world.engine
    .events(from, world.engine.traceLength)
    .flatMap((e) => (e.step.kind === 'dropped' && e.step.reason.startsWith('TC_') ? [e.step.detail.split(': ')[0] ?? ''] : []));

describe('a NetworkPolicy', () => {
  const world = openCilium();
  const reaches = (): boolean => said(world, 'kubectl exec client -- curl -sS -m 1 web-service').startsWith('Hello');

  it('denies what it does not allow, in its direction alone, and drops without a word', () => {
    expect(reaches()).toBe(true);
    apply(world, 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {matchLabels: {app: web}}}\n');
    const from = world.engine.traceLength;
    expect(said(world, 'kubectl exec client -- curl -sS -m 1 web-service')).toContain('timed out');
    expect(new Set(drops(world, from))).toEqual(new Set(['Policy denied']));
    expect(said(world, 'kubectl exec deploy/web -- curl -sS -m 2 10.244.0.2:8080/health')).toBe('OK');
    // The kubelet reaches its own pods.
    expect(said(world, 'ssh node01 curl -sS -m 1 10.244.1.3')).toMatch(/^Hello/);
    expect(said(world, 'curl -sS -m 1 10.244.1.3')).toContain('timed out');
  });

  it('allows by labels and port', () => {
    apply(
      world,
      `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
`,
    );
    expect(reaches()).toBe(true);
    expect(said(world, 'kubectl exec client -- ping -c 1 -W 1 10.244.1.3')).toContain('100% packet loss');
    const dump = said(world, 'kubectl get ciliumnetworkpolicies -A');
    expect(dump).toContain('No resources found');
    runLine(world, 'kubectl delete netpol allow deny');
    expect(reaches()).toBe(true);
  });
});
