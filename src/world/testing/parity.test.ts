/** The kernel as the judge: the article's cluster exported and built for real, the same requests made in it and in the simulation, hop by hop. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODES, ParityCluster } from './parity-cluster.ts';
import { FLOWS, type ParityFlow, parityFiles, parityFilesOf, ROAD_FLOWS } from './parity-flows.ts';
import { whyNot } from './parity-kernel.ts';

const reason = whyNot();
if (reason !== undefined) process.stderr.write(`kubehop: the comparison with this machine's own kernel is skipped: ${reason}.\n`);

/** The tests of one cluster; `of` is there once it has been built. */
function sameAsKernel(of: () => ParityCluster, flows: readonly ParityFlow[]): void {
  it.each(NODES)('prints the same rules in iptables-save: %s', (netns) => {
    const [real, ours] = of().rules(netns);
    expect(real).toEqual(ours);
  });

  it.each(NODES)('prints the same routes in ip route: %s', (netns) => {
    const [real, ours] = of().routes(netns);
    expect(real).toEqual(ours);
  });

  // A real machine is sometimes late: a difference is one that comes back.
  it.each(flows)('$name', { timeout: 30_000, retry: 3 }, async (flow) => {
    const cluster = of();
    if (flow.sysctl !== undefined) cluster.set(flow.sysctl.name, flow.sysctl.value);
    try {
      expect(await cluster.compare(flow, true), 'with empty neighbour tables').toEqual([]);
      if (flow.warm === true) expect(await cluster.compare(flow, false), 'with warm neighbour tables').toEqual([]);
    } finally {
      if (flow.sysctl !== undefined) cluster.set(flow.sysctl.name, flow.sysctl.normal);
    }
  });
}

describe.skipIf(reason !== undefined)('the article’s cluster, built on this machine’s kernel', () => {
  let cluster: ParityCluster;
  beforeAll(async () => {
    cluster = new ParityCluster(parityFiles());
    await cluster.build();
  }, 60_000);
  afterAll(() => cluster.kernel.down());

  sameAsKernel(() => cluster, FLOWS);

  // Last: it leaves traces in session affinity.
  it('answers every probe as the simulation does', () => {
    expect(cluster.kernel.check()).toContain('No differences.');
  });
});

describe.skipIf(whyNot(['ipset']) !== undefined).each(['flannel-host-gw', 'calico-bgp'] as const)('the same cluster with plain routes, by %s', (way) => {
  let cluster: ParityCluster;
  beforeAll(async () => {
    cluster = new ParityCluster(parityFilesOf(way));
    await cluster.build();
  }, 60_000);
  afterAll(() => cluster.kernel.down());

  sameAsKernel(() => cluster, ROAD_FLOWS);
});
