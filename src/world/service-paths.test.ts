/** The inspector's answer to "where do this Service's connections go": shares as written, shares as counted. */
import { expect, it } from 'vitest';
import { openArticle, runLine } from './testing/article.ts';
import { openCilium } from './testing/cilium-world.ts';

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

it('counts what sockets were told where no rule balances', () => {
  const world = openCilium();
  runLine(world, 'for i in $(seq 60); do kubectl exec client -- curl -s web-service; done');
  const [client, server] = pathsOf(world);
  expect([client?.mode, server?.mode, client?.measuredBy]).toEqual(['eBPF', 'eBPF', 'cilium_lb4_reverse_sk entries']);
  const seen = (client?.shares ?? []).map((share) => share.seen);
  expect(seen.reduce((sum, one) => sum + one, 0)).toBe(60);
  for (const one of seen) expect(one).toBeGreaterThan(8);
});

it('looks into the past of a world with BPF without changing its present', () => {
  const lines = ['kubectl exec client -- curl -s web-service', 'ssh laptop curl -s 172.30.1.2:30080'];
  const [looked, untouched] = [openCilium(), openCilium()];
  for (const line of lines) {
    for (const world of [looked, untouched]) runLine(world, line);
    expect(looked.inspect({ kind: 'netns', id: 'controlplane/netns/root' }, looked.engine.traceLength - 40)).not.toBeNull();
  }
  const log = (world: typeof looked): string => JSON.stringify(world.engine.events(0, world.engine.traceLength));
  expect(log(looked)).toBe(log(untouched));
  expect(looked.engine.bpf('controlplane')?.save()).toEqual(untouched.engine.bpf('controlplane')?.save());
});
