import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { mac } from '../addr/mac.ts';
import { arpTalk, LEFT, RIGHT, ROUTER, routers } from '../testing/routers.ts';
import { macFor, type WorldBuilder } from '../testing/world-builder.ts';

const stateOf = (w: ReturnType<typeof routers>, netns: string, ip: string): string | undefined => w.network.neighbors(netns).find((n) => n.ip === ip)?.state;

describe('the life of a neighbour', () => {
  it('is REACHABLE for a random time between 15 and 45 seconds, another for each device', () => {
    const ends = [1, 2, 3, 4, 5, 6].map((seed) => {
      const w = routers(undefined, seed);
      w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
      w.settle(14.9);
      expect(stateOf(w, LEFT, '10.1.0.1')).toBe('REACHABLE');
      let seconds = 14.9;
      for (; seconds < 46 && stateOf(w, LEFT, '10.1.0.1') === 'REACHABLE'; seconds += 0.5) w.settle(0.5);
      expect(stateOf(w, LEFT, '10.1.0.1')).toBe('STALE');
      return seconds;
    });
    expect(new Set(ends).size).toBeGreaterThan(2);
  });

  it('is asked by unicast when it was used shortly before its time was over, without another packet', () => {
    const w = routers();
    for (let i = 0; i < 45; i += 1) {
      w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
      w.settle(1);
    }
    const asked = arpTalk(w.since(0)).filter((line) => line.startsWith('left'));
    expect(asked[0]).toBe('left a0 to all: who-has 10.1.0.1 tell 10.1.0.2');
    expect(asked).toContain('left a0 to one: who-has 10.1.0.1 tell 10.1.0.2');
  });

  it('fails after three unicast tries when the neighbour is gone', () => {
    const w = routers();
    w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
    w.settle(46);
    w.set(ROUTER, { 'net.ipv4.conf.r0.arp_ignore': 8 });
    const from = w.network.traceLength;
    w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
    w.settle(1);
    expect(stateOf(w, LEFT, '10.1.0.1')).toBe('DELAY');
    w.settle(5);
    expect(stateOf(w, LEFT, '10.1.0.1')).toBe('PROBE');
    w.settle(4);
    expect(stateOf(w, LEFT, '10.1.0.1')).toBe('FAILED');
    expect(arpTalk(w.since(from))).toEqual(Array(3).fill('left a0 to one: who-has 10.1.0.1 tell 10.1.0.2'));
  });

  it('obeys mcast_solicit and retrans_time_ms', () => {
    const w = routers();
    w.set(LEFT, { 'net.ipv4.neigh.a0.mcast_solicit': 5, 'net.ipv4.neigh.default.retrans_time_ms': 200 });
    w.hands.sendUdp(LEFT, '10.1.0.77', 53, 40000, 10);
    w.settle();
    expect(arpTalk(w.since(0))).toHaveLength(5);
    // Each a tick later than it says.
    expect(w.network.nowNs / 1e9).toBeCloseTo(1.02, 2);
  });

  it('keeps only as many waiting packets as unres_qlen_bytes holds, and drops the oldest', () => {
    const w = routers();
    for (let i = 0; i < 100; i += 1) w.hands.sendUdp(LEFT, '10.1.0.77', 53, 40000 + i, 1400);
    const drops = w.since(0).filter((event) => event.step.kind === 'dropped' && event.step.reason === 'NEIGH_QUEUEFULL');
    // 212992 bytes hold 92 packets of 2304 bytes of memory each.
    expect(drops).toHaveLength(8);
    expect(drops[0]?.layers.find((layer) => layer.protocol === 'udp')).toMatchObject({ sport: 40000 });
  });

  it('does not believe another MAC within a second (locktime)', () => {
    const w = routers();
    w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
    w.settle(0.2);
    const lie = {
      operation: 2,
      senderMac: mac('02:00:00:00:00:99'),
      senderIp: ip4('10.1.0.1'),
      targetMac: mac(macFor(`${LEFT}/device/a0`)),
      targetIp: ip4('10.1.0.2'),
    } as const;
    const liar = (): string => w.hands.kernel.sendArp(ROUTER, 'r0', lie, lie.targetMac, 'liar');
    const believed = (): string | undefined => w.network.neighbors(LEFT).find((n) => n.ip === '10.1.0.1')?.mac;
    liar();
    w.settle(0.2);
    expect(believed()).toBe(macFor(`${ROUTER}/device/r0`));
    w.settle(1);
    liar();
    w.settle(0.2);
    expect(believed()).toBe('02:00:00:00:00:99');
  });

  it('is forgotten when unused while the table is full of others, and then refuses new ones (gc_thresh)', () => {
    const w = routers();
    w.set(LEFT, { 'net.ipv4.neigh.default.gc_thresh1': 2, 'net.ipv4.neigh.default.gc_thresh2': 4, 'net.ipv4.neigh.default.gc_thresh3': 6 });
    for (let i = 10; i < 20; i += 1) w.hands.sendUdp(LEFT, `10.1.0.${i}`, 53, 40000, 10);
    const overflow = w.since(0).filter((event) => event.step.kind === 'dropped' && event.step.reason === 'NEIGH_CREATEFAIL');
    expect(overflow).toHaveLength(4);
    w.settle();
    w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
    w.settle(1);
    expect(w.network.neighbors(LEFT).map((n) => `${n.ip} ${n.state}`)).toEqual(['10.1.0.1 REACHABLE']);
  });
});

describe('who answers an ARP question', () => {
  /** The router has 10.2.0.1 on the other device. */
  const ask = (settings: Readonly<Record<string, number>>): string[] => {
    const w = routers((b) => b.route(LEFT, '10.2.0.0/24', { device: 'a0' }));
    w.set(ROUTER, settings);
    w.hands.sendUdp(LEFT, '10.2.0.1', 53, 40000, 10);
    w.settle(0.5);
    return arpTalk(w.since(0)).filter((line) => line.startsWith('router'));
  };

  it('is any device of the host by default, only the address’ own with arp_ignore 1', () => {
    expect(ask({})).toEqual(['router r0 to one: 10.2.0.1 is-at, to 10.1.0.2']);
    expect(ask({ 'net.ipv4.conf.all.arp_ignore': 1 })).toEqual([]);
    expect(ask({ 'net.ipv4.conf.r0.arp_ignore': 8 })).toEqual([]);
  });

  it('is only the device that leads back to the asker with arp_filter', () => {
    expect(ask({ 'net.ipv4.conf.r0.arp_filter': 1 })).toHaveLength(1);
  });

  it('is a router for whom it forwards to, with proxy_arp, some time later so that others come first', () => {
    const w = routers((b) => b.route(LEFT, '10.2.0.0/24', { device: 'a0' }));
    w.hands.sendUdp(LEFT, '10.2.0.2', 53, 40000, 10);
    w.settle();
    expect(w.heard().some((line) => line.includes('icmp error 3/1'))).toBe(true);
    w.set(ROUTER, { 'net.ipv4.conf.r0.proxy_arp': 1 });
    const from = w.network.traceLength;
    const before = w.network.nowNs;
    w.hands.sendUdp(LEFT, '10.2.0.2', 53, 40000, 10);
    w.settle();
    expect(arpTalk(w.since(from))).toContain('router r0 to one: 10.2.0.2 is-at, to 10.1.0.2');
    expect(w.heard()).toEqual([`${RIGHT}: udp 10.1.0.2:40000 > 10.2.0.2:53 ttl 63`]);
    const reply = w.since(from).find((event) => event.step.kind === 'delivered' && event.step.to === 'kernel: proxy ARP');
    expect((reply?.timeNs ?? 0) - before).toBeLessThan(0.8e9 + 1e6);
  });

  it('is a router for a written proxy entry, and for the same wire with proxy_arp_pvlan', () => {
    const w = routers((b) => {
      b.route(LEFT, '10.2.0.0/24', { device: 'a0' });
      const id = `${ROUTER}/proxy-neighbor/r0/10.2.0.2`;
      b.records.put({ kind: 'proxy-neighbor', id, origin: { component: 'test', objects: [] }, netns: ROUTER, device: 'r0', ip: '10.2.0.2' });
    });
    w.hands.sendUdp(LEFT, '10.2.0.2', 53, 40000, 10);
    w.settle();
    expect(w.heard()).toHaveLength(1);
    w.set(ROUTER, { 'net.ipv4.conf.r0.proxy_arp_pvlan': 1, 'net.ipv4.neigh.r0.proxy_delay': 0 });
    const from = w.network.traceLength;
    w.hands.sendUdp(LEFT, '10.1.0.9', 53, 40000, 10);
    w.settle(0.2);
    expect(arpTalk(w.since(from))).toContain('router r0 to one: 10.1.0.9 is-at, to 10.1.0.2');
  });
});

describe('what an ARP question tells of its asker', () => {
  const asks = (level: number, source: string): string | undefined => {
    const w = routers((b) => {
      const lo = b.records.get(`${LEFT}/device/lo`);
      if (lo.kind === 'device') b.records.put({ ...lo, addresses: [...lo.addresses, { ip: '192.0.2.9', prefixLength: 32, scope: 'global' }] });
    });
    w.set(LEFT, { 'net.ipv4.conf.all.arp_announce': level });
    w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10, { from: source });
    return arpTalk(w.since(0))[0]?.replace(/.* tell /, '');
  };
  it('is the packet’s own source, or with arp_announce one of the device’s subnet', () => {
    expect(asks(0, '192.0.2.9')).toBe('192.0.2.9');
    expect(asks(1, '192.0.2.9')).toBe('10.1.0.2');
    expect(asks(2, '192.0.2.9')).toBe('10.1.0.2');
    expect(asks(1, '10.1.0.2')).toBe('10.1.0.2');
  });
});

describe('gratuitous ARP', () => {
  const up = (b: WorldBuilder, id: string, on: boolean): void => {
    const device = b.records.get(id);
    if (device.kind === 'device') b.records.put({ ...device, up: on });
  };
  it('is sent when a device comes up with arp_notify, and believed at once by who knows the sender', () => {
    const w = routers();
    w.set(ROUTER, { 'net.ipv4.conf.r0.arp_notify': 1 });
    w.hands.sendUdp(LEFT, '10.1.0.1', 53, 40000, 10);
    w.settle(0.1);
    up(w.b, `${ROUTER}/device/r0`, false);
    w.settle(0.1);
    const r0 = w.b.records.get(`${ROUTER}/device/r0`);
    if (r0.kind === 'device') w.b.records.put({ ...r0, up: true, mac: '02:00:00:00:00:77' });
    const from = w.network.traceLength;
    w.settle(0.1);
    expect(arpTalk(w.since(from))).toEqual(['router r0 to all: who-has 10.1.0.1 tell 10.1.0.1']);
    expect(w.network.neighbors(LEFT).find((n) => n.ip === '10.1.0.1')).toMatchObject({ mac: '02:00:00:00:00:77', state: 'STALE' });
  });

  it('of a stranger is learnt only with arp_accept', () => {
    const tell = { operation: 1, senderMac: mac('02:00:00:00:00:55'), senderIp: ip4('10.1.0.55'), targetMac: 0, targetIp: ip4('10.1.0.55') } as const;
    for (const accept of [0, 1]) {
      const w = routers();
      w.set(LEFT, { 'net.ipv4.conf.a0.arp_accept': accept });
      w.hands.kernel.sendArp(ROUTER, 'r0', tell, mac('ff:ff:ff:ff:ff:ff'), 'stranger');
      w.settle(0.1);
      expect(stateOf(w, LEFT, '10.1.0.55')).toBe(accept === 1 ? 'STALE' : undefined);
    }
  });
});
