/** Bridge ports' flags, ageing, neighbour suppression, and rings of bridges. */
import { describe, expect, it } from 'vitest';
import type { BridgePort } from '../records.ts';
import { WorldBuilder } from '../testing/world-builder.ts';
import { type Hosts, run } from './testing/hosts.ts';

const SW = 'sw/netns/root';

/** Hosts p1…p`count` (10.0.0.1 …) on one switch; `flags` of their ports. */
function switched(count: number, flags: Readonly<Record<number, Partial<BridgePort>>> = {}, change: (b: WorldBuilder) => void = () => undefined): Hosts {
  const b = new WorldBuilder();
  b.host('sw', {}, 'switch');
  const br0 = b.device(SW, 'br0', { type: 'bridge', ageingSeconds: 300 });
  for (let i = 1; i <= count; i += 1) {
    const pod = b.netns('sw', `p${i}`, `p${i}`);
    b.cable('veth', { netns: SW, name: `v${i}` }, { netns: pod, name: 'eth0' }, { masterA: br0, addressesB: [`10.0.0.${i}/24`] });
    const port = b.records.get(`${SW}/device/v${i}`);
    if (port.kind === 'device') b.records.put({ ...port, bridgePort: { hairpin: false, isolated: false, learning: true, ...flags[i] } });
  }
  change(b);
  return run(b);
}
const pod = (i: number): string => `sw/netns/p${i}`;
const arpsAt = (w: Hosts, i: number): number =>
  w.steps('received').filter((e) => e.netns === pod(i) && e.layers.some((l) => l.protocol === 'arp' && l.operation === 'request')).length;

describe('a bridge port', () => {
  it('that is isolated reaches ports that are not, and no other isolated one', () => {
    const w = switched(3, { 1: { isolated: true }, 2: { isolated: true } });
    w.hands.ping(pod(1), '10.0.0.3');
    w.settle();
    expect(w.heard()).toEqual([`${pod(1)}: icmp 10.0.0.3 > 10.0.0.1 ttl 64`]);
    w.hands.ping(pod(1), '10.0.0.2');
    w.settle();
    expect(w.heard()).toEqual([`${pod(1)}: icmp error 3/1 from 10.0.0.1 about 10.0.0.1:0 > 10.0.0.2:0`]);
  });

  it('with flood off gets no unknown unicast, with bcast_flood off no ARP', () => {
    const w = switched(3, { 3: { broadcastFlood: false } });
    w.hands.ping(pod(1), '10.0.0.2');
    w.settle();
    expect([arpsAt(w, 2), arpsAt(w, 3)]).toEqual([1, 0]);
    const unknown = switched(3, { 3: { flood: false } }, (b) => b.neighbor(pod(1), 'eth0', '10.0.0.9', '02:00:00:00:00:09'));
    unknown.hands.sendUdp(pod(1), '10.0.0.9', 80, 4000, 10);
    unknown.settle();
    expect(unknown.steps('bridged').map((e) => e.step.to)).toEqual([['v2']]);
  });

  it('with learning off teaches the bridge nothing: answers are flooded', () => {
    const w = switched(3, { 1: { learning: false } });
    w.hands.ping(pod(1), '10.0.0.2');
    w.settle();
    expect(
      w.network
        .fdb(SW)
        .filter((e) => e.state === 'dynamic')
        .map((e) => e.device),
    ).toEqual(['v2']);
    expect(w.steps('bridged').some((e) => e.step.how === 'flood' && e.step.fromPort === 'v2')).toBe(true);
  });

  it('is forgotten with what was behind it after the ageing time', () => {
    const w = switched(2);
    w.hands.ping(pod(1), '10.0.0.2');
    w.settle();
    expect(w.network.fdb(SW).filter((e) => e.state === 'dynamic')).toHaveLength(2);
    // Both were asked once more, five seconds later.
    w.pass(310);
    expect(w.network.fdb(SW).filter((e) => e.state === 'dynamic')).toHaveLength(0);
  });

  it('hands frames for its own MAC up to the host', () => {
    const w = switched(2, {}, (b) => {
      const br0 = b.records.get(`${SW}/device/br0`);
      if (br0.kind === 'device') b.records.put({ ...br0, addresses: [{ ip: '10.0.0.254', prefixLength: 24, scope: 'global' }] });
      b.neighbor(pod(1), 'eth0', '10.0.0.254', (b.records.get(`${SW}/device/v1`) as { mac: string }).mac);
    });
    w.hands.sendUdp(pod(1), '10.0.0.254', 80, 4000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${SW}: udp 10.0.0.1:4000 > 10.0.0.254:80 ttl 64`]);
  });

  it('is not sent to while its other end is down', () => {
    const w = switched(3);
    const eth0 = w.b.records.get(`${pod(3)}/device/eth0`);
    if (eth0.kind === 'device') w.b.records.put({ ...eth0, up: false });
    w.settle();
    w.hands.ping(pod(1), '10.0.0.2');
    w.settle();
    expect(w.steps('bridged')[0]?.step.to).toEqual(['v2', 'br0']);
  });
});

describe('neighbour suppression', () => {
  it('answers ARP for a host behind a suppressed port from the bridge’s own neighbours', () => {
    const w = switched(2, { 2: { neighborSuppress: true } }, (b) => {
      const mac = (b.records.get(`${pod(2)}/device/eth0`) as { mac: string }).mac;
      b.neighbor(SW, 'br0', '10.0.0.2', mac);
      b.records.put({ kind: 'fdb', id: `${SW}/fdb/v2/${mac}`, origin: { component: 'test', objects: [] }, netns: SW, device: 'v2', mac, state: 'static' });
    });
    w.hands.ping(pod(1), '10.0.0.2');
    w.settle();
    expect(w.heard()).toEqual([`${pod(1)}: icmp 10.0.0.2 > 10.0.0.1 ttl 64`]);
    // Only the second host's own question, for the way back, is on its wire.
    expect(arpsAt(w, 2)).toBe(0);
  });
});

describe('rings of bridges', () => {
  /** Two switches with so many cables between them, and one host that says something. */
  function ring(cables: number): Hosts {
    const b = new WorldBuilder();
    for (const name of ['s1', 's2']) {
      const netns = b.host(name, {}, 'switch');
      b.device(netns, 'br0', { type: 'bridge', ageingSeconds: 300 });
    }
    for (let i = 0; i < cables; i += 1)
      b.cable(
        'ethernet',
        { netns: 's1/netns/root', name: `c${i}` },
        { netns: 's2/netns/root', name: `c${i}` },
        { masterA: 's1/netns/root/device/br0', masterB: 's2/netns/root/device/br0' },
      );
    const host = b.host('h', {}, 'external');
    b.cable(
      'ethernet',
      { netns: 's1/netns/root', name: 'h' },
      { netns: host, name: 'eth0' },
      { masterA: 's1/netns/root/device/br0', addressesB: ['10.0.0.1/24'] },
    );
    return run(b);
  }

  it.each([2, 3, 4])(
    'end by themselves and are reported (%i cables)',
    (cables) => {
      const w = ring(cables);
      w.hands.sendUdp('h/netns/root', '10.0.0.255', 80, 4000, 10);
      const result = w.network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 3_000_000 });
      expect(result.idle).toBe(true);
      const ends = w.steps('dropped').filter((e) => e.step.reason === 'HOP_LIMIT');
      expect(ends.length).toBeGreaterThan(0);
      expect(ends[0]?.step.detail).toMatch(/^bridges form a loop and spanning tree is off/);
    },
    60_000,
  );
});
