/** Marks of traffic: rates are those of the counters between two looks, and words are short. */
import { expect, it } from 'vitest';
import { flows } from '../../../world/flows.ts';
import { articleFiles, openArticle } from '../../../world/testing/article.ts';
import { levelOf, packetRates, rateWords } from './flow-layer.ts';

const steady = `apiVersion: v1
kind: Pod
metadata: {name: steady, annotations: {kubehop.dev/rate: "http://web-service/ 20/s constant"}}
spec: {nodeName: controlplane, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
`;

it('says of a client, its Service and the pods that answer how many requests a second there are, and of wires how many packets', () => {
  const world = openArticle({ files: [...articleFiles(), { path: 'load.yaml', text: steady }] });
  world.elapse(6_000);
  const before = flows(world);
  const of = (key: string) => before.marks.find((one) => one.key === key);
  expect(of('Pod/default/steady')?.requests).toBeCloseTo(20, 0);
  expect(of('Service/default/web-service')?.requests).toBeCloseTo(20, 0);
  const webs = before.marks.filter((one) => one.key.startsWith('Pod/default/web-'));
  expect(webs).toHaveLength(3);
  expect(webs.reduce((sum, one) => sum + one.requests, 0)).toBeCloseTo(20, 0);
  world.elapse(2_000);
  const rates = packetRates(before, flows(world));
  // About ten packets for each of twenty requests, and its question for the name.
  expect(rates.get('controlplane/netns/steady.default/device/eth0')).toBeGreaterThan(150);
  expect(rates.get('controlplane/netns/client.default/device/eth0')).toBeUndefined();
  expect(packetRates(undefined, before).size).toBe(0);
});

it('has nothing to mark in a world where nobody asks by itself', () => {
  expect(flows(openArticle()).marks).toEqual([]);
});

it('counts in tens, and names what failed', () => {
  expect([0.7, 5, 40, 700, 90_000].map(levelOf)).toEqual([0, 0, 1, 2, 3]);
  expect(rateWords(20.02, 0)).toBe('20 req/s');
  expect(rateWords(3.34, 1)).toBe('3.3 req/s · 1 failed');
});
