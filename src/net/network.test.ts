/** Facts of the kernel that a cluster shows (facts/kernel.md), beyond what the recordings hold. */
import { describe, expect, it } from 'vitest';
import { CLIENT, NODE1, NODE2, SERVICE, story, twoNodes, WEB1, WEB2 } from './testing/two-nodes.ts';
import { removePod, vethName } from './testing/world-builder.ts';
import { TCP_ACK, TCP_SYN } from './wire/packet.ts';

/** Any ephemeral number. */
const anyPort = (lines: readonly string[]): string[] => lines.map((l) => l.replace(/:([0-9]{5})\b/g, ':*'));

describe('a service of the node itself', () => {
  it('is masqueraded over lo as an address of another device, since lo has none that may leave', () => {
    const self = { ...SERVICE, name: 'default/self', clusterIp: '10.96.0.30', endpoints: ['172.30.1.2:8080'] };
    const w = twoNodes({ services: [self] });
    w.hands.sendUdp(NODE1, '10.96.0.30', 80, 40000, 10);
    w.settle();
    expect(anyPort(w.heard())).toEqual([`${NODE1}: udp 172.30.1.2:* > 172.30.1.2:8080 ttl 64`]);
  });
});

describe('a service on the same node', () => {
  it('is bridged, not routed: with TTL 1 it still works, and to another node it dies', () => {
    const remote = { ...SERVICE, name: 'default/remote', clusterIp: '10.96.0.21', endpoints: ['10.244.1.6:8080'] };
    const w = twoNodes({ services: [SERVICE, remote] });
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10, { ttl: 1 });
    w.settle();
    expect(w.heard()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:8080 ttl 1`]);
    w.hands.sendUdp(CLIENT, '10.96.0.21', 80, 40001, 10, { ttl: 1 });
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 11/0 from 10.96.0.21 about 10.244.0.5:40001 > 10.96.0.21:80`]);
  });

  it('shows on the bridge only while the MAC is not at hand', () => {
    const w = twoNodes();
    const first = w.network.traceLength;
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(story(w.network, first)).toEqual([
      'client eth0 out',
      `node1 ${vethName('client')} in`,
      'node1 cni0 DNAT 10.96.0.20:80 -> 10.244.0.6:8080',
      'node1 cni0 out',
      `node1 ${vethName('web1')} out`,
      'web1 eth0 in',
      'web1 delivered',
    ]);
    const second = w.network.traceLength;
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(story(w.network, second)).not.toContain('node1 cni0 out');
  });

  it('runs FORWARD once with the bridge as in and out', () => {
    const w = twoNodes({ change: (b) => b.chain(NODE1, 'filter', 'FORWARD', ['-i cni0 -o cni0 -m physdev --physdev-is-bridged'], 'ACCEPT') });
    w.hands.sendUdp(CLIENT, '10.244.0.6', 8080, 40000, 10);
    w.settle();
    expect(w.network.counters(`${NODE1}/chain/filter/FORWARD`).rules).toEqual([[1, 38]]);
  });

  it('breaks without br_netfilter: the reply goes past conntrack and comes from the pod', () => {
    const w = twoNodes({ flannel: { bridgeNetfilter: false } });
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    // Routed this time: TTL 63.
    expect(w.heard()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:8080 ttl 63`]);
    w.hands.sendUdp(WEB1, '10.244.0.5', 40000, 8080, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: udp 10.244.0.6:8080 > 10.244.0.5:40000 ttl 64`]);
  });

  it('is dropped silently with ip_forward=0, while plain pod to pod still works', () => {
    const w = twoNodes({
      change(b) {
        const record = b.records.get(NODE1);
        if (record.kind === 'netns') b.records.put({ ...record, sysctls: { ...record.sysctls, 'net.ipv4.ip_forward': 0 } });
      },
    });
    w.hands.sendUdp(CLIENT, '10.244.0.6', 8080, 40000, 10);
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40001, 10);
    w.settle();
    expect(w.heard()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:8080 ttl 64`]);
    expect(story(w.network)).toContain('node1 cni0 dropped IP_FORWARDING_DISABLED');
  });
});

describe('hairpin', () => {
  it('masquerades a pod that calls itself to the address of the bridge', () => {
    const w = twoNodes();
    w.hands.sendUdp(WEB1, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(anyPort(w.heard())).toEqual([`${WEB1}: udp 10.244.0.1:* > 10.244.0.6:8080 ttl 64`]);
    const [connection] = w.network.connections(NODE1);
    expect(connection?.nat).toEqual(['SNAT', 'DNAT']);
  });

  it('vanishes on the bridge where the port has no hairpin mode', () => {
    const w = twoNodes({ hairpin: false });
    w.hands.sendUdp(WEB1, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([]);
    expect(story(w.network)).toContain('node1 cni0 dropped BRIDGE_NO_EGRESS_PORT');
  });
});

describe('NAT', () => {
  it('walks the nat chains for the first packet of a connection only', () => {
    const w = twoNodes();
    for (let i = 0; i < 3; i += 1) {
      w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
      w.settle();
      w.hands.sendUdp(WEB1, '10.244.0.5', 40000, 8080, 10);
      w.settle();
    }
    expect(w.network.counters(`${NODE1}/chain/nat/PREROUTING`).rules).toEqual([[1, 38]]);
    expect(w.heard().filter((l) => l.startsWith(CLIENT))).toEqual(new Array(3).fill(`${CLIENT}: udp 10.96.0.20:80 > 10.244.0.5:40000 ttl 64`));
  });

  it('keeps an open UDP conversation on its endpoint when the service moves, and sends a new one to the new endpoint', () => {
    const w = twoNodes();
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    w.heard();
    const id = `${NODE1}/chain/nat/`;
    const sep = [...w.b.records.values()].find((r) => r.kind === 'chain' && r.id.startsWith(`${id}KUBE-SEP`));
    if (sep?.kind !== 'chain') throw new Error('no endpoint chain');
    w.b.records.put({ ...sep, rules: [{ text: '-p udp -m udp -j DNAT --to-destination 10.244.1.6:8080' }] });
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40001, 10);
    w.settle();
    expect(w.heard().sort()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:8080 ttl 64`, `${WEB2}: udp 10.244.0.5:40001 > 10.244.1.6:8080 ttl 62`]);
  });

  it('moves the source port of a second client that would give the same tuple', () => {
    const w = twoNodes({ change: (b) => b.chain(NODE1, 'nat', 'POSTROUTING', ['-s 10.244.0.0/24 -o flannel.1 -j SNAT --to-source 10.244.0.0'], 'ACCEPT') });
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 10);
    w.hands.sendUdp(WEB1, '10.244.1.6', 8080, 40000, 10);
    w.settle();
    const lines = w.heard();
    expect(lines).toHaveLength(2);
    expect(lines.filter((l) => l.includes(' 10.244.0.0:40000 >'))).toHaveLength(1);
    expect(new Set(lines).size).toBe(2);
  });

  it('leaves no entry for a packet that was dropped, and deletes the one that a RST answers', () => {
    const w = twoNodes({ services: [{ ...SERVICE, protocol: 'tcp', endpoints: [] }] });
    w.hands.sendTcp(CLIENT, '10.96.0.20', 80, 40000);
    w.settle();
    expect(w.network.connections(NODE1)).toEqual([]);
    w.hands.sendTcp(CLIENT, '10.244.1.6', 8080, 40001);
    w.settle();
    expect(w.network.connections(NODE2).filter((c) => c.protocol === 'tcp')).toHaveLength(1);
    w.hands.sendTcp(WEB2, '10.244.0.5', 40001, 8080, TCP_ACK | 4);
    w.settle();
    expect(w.network.connections(NODE1).filter((c) => c.protocol === 'tcp')).toEqual([]);
    expect(w.network.connections(NODE2).filter((c) => c.protocol === 'tcp')).toEqual([]);
  });

  it('sends the rest of a connection through the nat rules again once its entry was deleted', () => {
    const w = twoNodes({ services: [{ ...SERVICE, protocol: 'tcp' }] });
    w.hands.sendTcp(CLIENT, '10.96.0.20', 80, 40000, TCP_SYN);
    w.settle();
    expect(w.network.deleteConnections(NODE1, (c) => c.protocol === 'tcp')).toBe(1);
    w.hands.sendTcp(CLIENT, '10.96.0.20', 80, 40000, TCP_ACK);
    w.settle();
    expect(w.heard()).toHaveLength(2);
    expect(w.network.connections(NODE1)).toMatchObject([{ tcpState: 'ESTABLISHED', timeoutSeconds: 300, unreplied: true }]);
    expect(w.network.counters(`${NODE1}/chain/nat/PREROUTING`).rules[0]?.[0]).toBe(2);
  });
});

describe('ICMP errors', () => {
  it('of a REJECT come from the bridge for a pod and never have been on a wire for the node itself', () => {
    const w = twoNodes({ services: [{ ...SERVICE, endpoints: [] }] });
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/3 from 10.244.0.1 about 10.244.0.5:40000 > 10.96.0.20:80`]);
    expect(w.hands.sendUdp(NODE1, '10.96.0.20', 80, 40000, 10)).toBe('EPERM');
    w.settle();
    expect(w.heard()).toEqual([`${NODE1}: icmp error 3/3 from 172.30.1.2 about 172.30.1.2:40000 > 10.96.0.20:80`]);
  });

  it('of a closed UDP port behind a service come from the ClusterIP', () => {
    const w = twoNodes({ services: [{ ...SERVICE, endpoints: ['10.244.1.6:5999'] }], fake: { udpPorts: [8080] } });
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/3 from 10.96.0.20 about 10.244.0.5:40000 > 10.96.0.20:80`]);
    expect(w.network.connections(NODE1).filter((c) => c.original.dst === '10.96.0.20')).toMatchObject([{ unreplied: true }]);
  });

  it('teach the sender the path MTU: the second datagram fails at once', () => {
    const w = twoNodes({ podMtu: 1500, flannel: { podMtu: 1500 } });
    expect(w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 1472)).toBe('ok');
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/4 from 10.244.0.1 about 10.244.0.5:40000 > 10.244.1.6:8080 mtu 1450`]);
    expect(w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 1472)).toBe('EMSGSIZE');
    const route = w.network.routeGet(CLIENT, '10.244.1.6');
    expect(route).toMatchObject({ gateway: '10.244.0.1', device: 'eth0', source: '10.244.0.5', expiresSeconds: 600, mtuBytes: 1450 });
    expect(w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 1472, { dontFragment: false })).toBe('ok');
    w.settle();
    expect(w.heard()).toEqual([`${WEB2}: udp 10.244.0.5:40000 > 10.244.1.6:8080 ttl 62`]);
  });
});

describe('silent losses', () => {
  it('a missing FDB entry: seen on the tunnel device and nowhere else', () => {
    const w = twoNodes({
      change: (b) =>
        [...b.records.values()]
          .filter((r) => r.kind === 'fdb' && r.netns === NODE1)
          .forEach((r) => {
            b.records.remove(r.id);
          }),
    });
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([]);
    expect(story(w.network).slice(-2)).toEqual(['node1 flannel.1 out', 'node1 flannel.1 dropped VXLAN_NO_REMOTE']);
  });

  it('a missing neighbour entry: asked for on the tunnel, host unreachable after three seconds', () => {
    const w = twoNodes({
      change: (b) =>
        [...b.records.values()]
          .filter((r) => r.kind === 'neighbor' && r.netns === NODE1)
          .forEach((r) => {
            b.records.remove(r.id);
          }),
    });
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/1 from 10.244.0.1 about 10.244.0.5:40000 > 10.244.1.6:8080`]);
    expect(w.network.nowNs / 1e9).toBeCloseTo(3.07, 1);
  });

  it('a smaller MTU inside a bridge: dropped without a word', () => {
    const w = twoNodes({
      change(b) {
        for (const r of [...b.records.values()]) if (r.kind === 'device' && r.netns === WEB1 && r.name === 'eth0') b.records.put({ ...r, mtuBytes: 1000 });
      },
    });
    w.hands.sendUdp(CLIENT, '10.244.0.6', 8080, 40000, 1200);
    w.settle();
    expect(w.heard()).toEqual([]);
    expect(story(w.network).at(-1)).toBe('web1 eth0 dropped PKT_TOO_BIG');
  });

  it('a deleted pod: the neighbour entry stays, the bridge floods, nobody answers', () => {
    const w = twoNodes();
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 10);
    w.settle();
    w.heard();
    removePod(w.b, 'node2', 'web2');
    const from = w.network.traceLength;
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([]);
    expect(story(w.network, from).slice(-4)).toEqual([
      'node2 cni0 out',
      `node2 ${vethName('client2')} out`,
      'client2 eth0 in',
      'client2 eth0 dropped OTHERHOST',
    ]);
  });
});

describe('an underlay with a smaller MTU than the tunnel expects', () => {
  it('cuts the outer packet although the inner one must not be cut, and it arrives', () => {
    const w = twoNodes({
      flannel: {
        nodes: [
          { name: 'node1', ip: '172.30.1.2', podCidr: '10.244.0.0/24', mtu: 1400 },
          { name: 'node2', ip: '172.30.1.3', podCidr: '10.244.1.0/24' },
        ],
      },
    });
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 1422);
    w.settle();
    expect(w.heard()).toEqual([`${WEB2}: udp 10.244.0.5:40000 > 10.244.1.6:8080 ttl 62`]);
    const pieces = w.network.frames(new Set([`${NODE1}/device/eth0`])).filter((f) => f.packet.inner !== undefined);
    expect(pieces.map((f) => [f.packet.fragmentOffset, f.packet.moreFragments])).toEqual([
      [0, true],
      [1376, false],
    ]);
  });
});

describe('ARP', () => {
  it('gives up on an unused address after three tries and tells the sender itself', () => {
    const w = twoNodes();
    w.hands.sendUdp(CLIENT, '10.244.0.77', 8080, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/1 from 10.244.0.5 about 10.244.0.5:40000 > 10.244.0.77:8080`]);
    expect(w.network.neighbors(CLIENT).filter((n) => n.ip === '10.244.0.77')).toMatchObject([{ netns: CLIENT, device: 'eth0', state: 'FAILED' }]);
    expect(w.network.nowNs / 1e9).toBeCloseTo(3.07, 1);
  });

  it('goes STALE after some time, is used at once, and asked by unicast five seconds later', () => {
    const w = twoNodes();
    const state = (): string | undefined => w.network.neighbors(CLIENT).find((n) => n.ip === '10.244.0.6')?.state;
    w.hands.sendUdp(CLIENT, '10.244.0.6', 8080, 40000, 10);
    w.settle(1);
    expect(state()).toBe('REACHABLE');
    w.settle(46);
    expect(state()).toBe('STALE');
    w.hands.sendUdp(CLIENT, '10.244.0.6', 8080, 40000, 10);
    w.settle(1);
    expect(state()).toBe('DELAY');
    expect(w.heard()).toHaveLength(2);
    const from = w.network.traceLength;
    w.settle(5);
    expect(state()).toBe('REACHABLE');
    const request = w.network.events(from, w.network.traceLength).find((e) => e.step.kind === 'transmitted');
    expect(request?.layers[0]).not.toMatchObject({ dst: 'ff:ff:ff:ff:ff:ff' });
  });

  it('lets waiting packets go when somebody writes the neighbour down meanwhile', () => {
    const w = twoNodes();
    w.hands.sendUdp(CLIENT, '10.244.0.77', 8080, 40000, 10);
    w.settle(0.5);
    const web1 = w.b.records.get(`${WEB1}/device/eth0`);
    w.b.neighbor(CLIENT, 'eth0', '10.244.0.77', web1.kind === 'device' ? web1.mac : '');
    const from = w.network.traceLength;
    w.settle(0.1);
    expect(story(w.network, from)).toContain('web1 eth0 in');
    expect(w.network.nextEventNs()).toBeUndefined();
  });

  it('keeps the packets that wait, in order', () => {
    const w = twoNodes();
    for (let i = 0; i < 5; i += 1) w.hands.sendUdp(CLIENT, '10.244.0.6', 8080, 40000 + i, 10);
    w.settle();
    expect(w.heard().map((l) => /:(4000[0-9]) /.exec(l)?.[1])).toEqual(['40000', '40001', '40002', '40003', '40004']);
  });
});

describe('every packet', () => {
  it('ends in delivered, decapsulated or dropped', () => {
    const w = twoNodes({ services: [SERVICE, { ...SERVICE, name: 'default/none', clusterIp: '10.96.0.30', endpoints: [] }] });
    const targets = ['10.244.0.6', '10.244.1.6', '10.96.0.20', '10.96.0.30', '10.244.0.99', '10.244.0.1', '172.30.1.3', '8.8.8.8', '127.0.0.1', '10.244.0.5'];
    for (const [i, to] of targets.entries()) w.hands.sendUdp(CLIENT, to, 80, 41000 + i, 10);
    for (const to of targets) w.hands.ping(NODE2, to);
    w.settle();
    const open = new Set<number>();
    for (const e of w.network.events(0, w.network.traceLength)) {
      if (e.step.kind === 'created') open.add(e.packetId);
      if (e.step.kind === 'delivered' || e.step.kind === 'dropped') open.delete(e.packetId);
    }
    expect([...open]).toEqual([]);
  });

  it('has times that never go back', () => {
    const w = twoNodes();
    for (let i = 0; i < 20; i += 1) w.hands.sendUdp(CLIENT, i % 2 === 0 ? '10.96.0.20' : '10.244.1.6', 80, 42000 + i, 10);
    w.settle();
    const times = w.network.events(0, w.network.traceLength).map((e) => e.timeNs);
    expect(times.every((t, i) => i === 0 || t >= (times[i - 1] as number))).toBe(true);
    const half = times[Math.floor(times.length / 2)] as number;
    expect(w.network.seqAt(half)).toBe(times.findIndex((t) => t >= half));
  });

  it('takes a few hundred microseconds across nodes, ARP included', () => {
    const w = twoNodes();
    w.hands.sendUdp(CLIENT, '10.244.1.6', 8080, 40000, 10);
    w.settle();
    expect(w.network.nowNs).toBeGreaterThan(40_000);
    expect(w.network.nowNs).toBeLessThan(500_000);
  });
});

describe('addresses a kernel gives to its own packets', () => {
  it.each([
    ['10.244.0.6', '10.244.0.1'],
    ['10.244.1.6', '10.244.0.0'],
    ['172.30.1.3', '172.30.1.2'],
    ['127.0.0.1', '127.0.0.1'],
    ['10.244.0.1', '10.244.0.1'],
    ['8.8.8.8', '172.30.1.2'],
  ])('to %s from %s', (to, from) => {
    const route = twoNodes().network.routeGet(NODE1, to);
    expect('source' in route && route.source).toBe(from);
  });

  it('are none without a route', () => {
    expect(twoNodes({ change: (b) => b.records.remove(`${NODE1}/route/254/0.0.0.0/0`) }).network.routeGet(NODE1, '10.96.0.20')).toEqual({
      error: 'ENETUNREACH',
    });
  });
});
