/** The inspector's answer to "where do this Service's connections go": shares as written, shares as counted. */
import { expect, it } from 'vitest';
import { openArticle, runLine } from './testing/article.ts';

const key = 'Service/default/web-service';
const pathsOf = (world: ReturnType<typeof openArticle>) => {
  const inspection = world.inspect({ kind: 'object', key });
  return inspection?.kind === 'object' ? (inspection.paths ?? []) : [];
};

it('gives each of three endpoints a third of new connections, though the rules say 1/3, 1/2 and the rest', () => {
  const paths = pathsOf(openArticle());
  expect(paths.map((path) => [path.node, path.mode, path.shares.length])).toEqual([
    ['controlplane', 'iptables', 3],
    ['node01', 'iptables', 3],
  ]);
  for (const share of paths.flatMap((path) => path.shares)) {
    expect(share.planned).toBeCloseTo(1 / 3, 6);
    expect(share.pod).toMatch(/^Pod\/default\/web-/);
    expect(share.seen).toBe(0);
  }
});

it("counts connections where they are balanced: on the client's node, near the plan, and not once for each packet", () => {
  const world = openArticle();
  runLine(world, 'for i in $(seq 120); do kubectl exec client -- curl -s web-service; done');
  const [client, server] = pathsOf(world);
  const seen = (client?.shares ?? []).map((share) => share.seen);
  expect(seen.reduce((sum, one) => sum + one, 0)).toBe(120);
  for (const one of seen) expect(one).toBeGreaterThan(20);
  expect(server?.shares.map((share) => share.seen)).toEqual([0, 0, 0]);
});

it('leads from a share to the very rule that makes it', () => {
  const world = openArticle();
  const share = pathsOf(world)[0]?.shares[0];
  if (share?.link?.kind !== 'chain') throw new Error('no link');
  const { id, rule } = share.link;
  const netns = world.inspect({ kind: 'chain', id });
  if (netns?.kind !== 'netns') throw new Error('no netns');
  expect(netns.chains.find((chain) => chain.id === id)?.rules[rule ?? -1]?.text).toContain(
    `${share.address}" -m statistic --mode random --probability 0.3333333333`,
  );
});
