import { expect, it } from 'vitest';
import { openCilium } from '../testing/cilium-world.ts';
import { fixesFor } from './fixes.ts';
import { reachPeers } from './peers.ts';
import { policyAnswer, policyCells } from './policy-verdicts.ts';
import { probe } from './probe.ts';
import { answer } from './question.ts';
import type { ProbeSpec } from './reach-views.ts';

const pod = (name: string, image: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: ${name}}}\nspec: {nodeName: node01, containers: [{name: c, image: ${image}}]}\n`;
const policy = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop-only-from-api}
spec:
  podSelector: {matchLabels: {app: shop}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: api}}}]
      ports: [{port: 80}]
`;
const world = openCilium({
  more: [
    { path: 'tiers.yaml', text: [pod('shop', 'nginx'), pod('api', 'nginx'), pod('guest', 'nicolaka/netshoot')].join('---\n') },
    { path: 'policy.yaml', text: policy },
  ],
});
const mine = (end: string) => ['pod/default/shop', 'pod/default/api', 'pod/default/guest'].includes(end);

it('packets and policies agree on a network that enforces them', () => {
  const pods = reachPeers(world).filter((one) => mine(one.end));
  const specs = pods.flatMap((from) =>
    pods.filter((to) => to !== from && to.ports.length > 0).map((to): ProbeSpec => ({ from: from.netns, protocol: 'TCP', target: to.ip, port: 80 })),
  );
  const said = policyCells(world, specs).map((cell) => cell === '.');
  const seen = probe(world, specs).map((one) => one.outcome === 'open');
  expect(said).toContain(false);
  expect(seen).toEqual(said);
});

it('walks through the rule that missed, and finds the allowance that is missing', () => {
  const question = { from: 'pod/guest', to: 'pod/shop', port: 80 };
  const walk = policyAnswer(world, question);
  expect(walk?.verdict).toMatchObject({ allowed: false, egress: { allowed: true }, ingress: { allowed: false } });
  expect(walk?.verdict.ingress.policies[0]?.rules[0]).toMatchObject({
    path: 'spec.ingress[0]',
    matched: false,
    peers: [{ matched: false }],
    ports: [{ matched: true }],
  });
  const [fix] = fixesFor(world, answer(world, question));
  expect(fix?.title).toBe('Allow guest to reach shop');
  expect(fix?.edit?.after).toContain('kind: NetworkPolicy\nmetadata:\n  name: allow-guest-in\n');
});
