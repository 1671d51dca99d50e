import { describe, expect, it } from 'vitest';
import { Network } from '../network.ts';
import { fakeUserland } from '../testing/fake-userland.ts';
import { WorldBuilder } from '../testing/world-builder.ts';

const A = 'a/netns/root';
const B = 'b/netns/root';
const R = 'r/netns/root';
const ON = { 'net.ipv6.conf.all.disable_ipv6': 0 };

/** a and b on a bridge of r, which forwards; ip6tables chains of r as `table chain`: rules. */
function lab(chains: Readonly<Record<string, readonly string[]>>, sysctls: Readonly<Record<string, number>> = {}) {
  const b = new WorldBuilder();
  b.host('r', { ...ON, 'net.ipv6.conf.all.forwarding': 1, 'net.ipv4.ip_forward': 1, ...sysctls });
  for (const name of ['a', 'b', 'c']) b.host(name, ON);
  b.device(R, 'br0', { type: 'bridge', ageingSeconds: 300 }, ['fd00:1::1/64']);
  const port = { master: `${R}/device/br0`, bridgePort: { hairpin: true, isolated: false, learning: true } };
  for (const [host, address] of [
    ['a', 'fd00:1::a/64'],
    ['b', 'fd00:1::b/64'],
  ] as const) {
    const netns = `${host}/netns/root`;
    b.device(R, `v${host}`, { type: 'veth', peer: `${netns}/device/eth0`, ...port });
    b.device(netns, 'eth0', { type: 'veth', peer: `${R}/device/v${host}` }, [address]);
    b.route(netns, '::/0', { gateway: 'fd00:1::1', device: 'eth0' });
  }
  b.cable('veth', { netns: R, name: 'vc' }, { netns: 'c/netns/root', name: 'eth0' }, { addressesA: ['fd00:2::1/64'], addressesB: ['fd00:2::c/64'] });
  for (const [key, rules] of Object.entries(chains)) {
    const [table = '', name = ''] = key.split(' ');
    b.records.put({
      kind: 'chain',
      id: `${R}/chain6/${table}/${name}`,
      origin: { component: 'test', objects: [] },
      netns: R,
      family: 'ipv6',
      table: table as 'nat',
      name,
      policy: 'ACCEPT',
      rules: rules.map((text) => ({ text })),
    });
  }
  const fake = fakeUserland({ udpPorts: [53] });
  const network = new Network({ seed: 1, records: b.records }, fake.create);
  const run = (): void => {
    network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 100_000 });
  };
  return { network, hands: fake.hands(), run };
}

describe('ip6tables', () => {
  it('DNAT and MASQUERADE translate, and answers are translated back', () => {
    const l = lab({
      'nat PREROUTING': ['-d fd00:10:96::a/128 -p udp --dport 53 -j DNAT --to-destination [fd00:2::c]:53'],
      'nat POSTROUTING': ['-o vc -j MASQUERADE'],
    });
    l.hands.sendUdp(A, 'fd00:10:96::a', 53, 4000, 10);
    l.run();
    expect(l.hands.heard).toEqual(['c/netns/root: udp fd00:2::1:4000 > fd00:2::c:53 ttl 63']);
    const [connection] = l.network.connections(R);
    expect(connection).toMatchObject({
      protocol: 'udp',
      original: { src: 'fd00:1::a', dst: 'fd00:10:96::a', sport: 4000, dport: 53 },
      reply: { src: 'fd00:2::c', dst: 'fd00:2::1', sport: 53, dport: 4000 },
    });
    l.hands.sendUdp('c/netns/root', 'fd00:2::1', 4000, 53, 10);
    l.run();
    // The last two are a's port unreachable about the answer: an error goes the way of its connection.
    const translations = l.network
      .events(0, l.network.traceLength)
      .flatMap((e) => (e.step.kind === 'translated' ? [`${e.step.how} ${e.step.before} ${e.step.after}`] : []));
    expect(translations).toEqual([
      'DNAT [fd00:10:96::a]:53 [fd00:2::c]:53',
      'MASQUERADE [fd00:1::a]:4000 [fd00:2::1]:4000',
      'un-SNAT [fd00:2::1]:4000 [fd00:1::a]:4000',
      'un-DNAT [fd00:2::c]:53 [fd00:10:96::a]:53',
      'DNAT fd00:10:96::a fd00:2::c',
      'MASQUERADE fd00:1::a fd00:2::1',
    ]);
  });

  it('ping is tracked by its identifier, neighbour discovery not at all', () => {
    const l = lab({ 'nat POSTROUTING': ['-o vc -j MASQUERADE'] });
    l.hands.ping(A, 'fd00:2::c', { id: 77 });
    l.run();
    expect(l.hands.heard).toEqual([`${A}: icmp fd00:2::c > fd00:1::a ttl 63`]);
    expect(l.network.connections(R).map((c) => `${c.protocol} ${c.original.src} ${c.reply.dst} ${c.original.icmpType} ${c.original.icmpId}`)).toEqual([
      'icmpv6 fd00:1::a fd00:2::1 128 77',
    ]);
  });

  it('REJECT answers with ICMPv6, the rest of the chain is not for IPv4', () => {
    const l = lab({ 'filter FORWARD': ['-d fd00:2::c/128 -p udp -j REJECT', '-p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP'] });
    l.hands.sendUdp(A, 'fd00:2::c', 53, 4000, 10);
    l.run();
    expect(l.hands.heard).toEqual([`${A}: icmp error 1/4 from fd00:1::1 about fd00:1::a:4000 > fd00:2::c:53`]);
    l.hands.ping(A, 'fd00:2::c');
    l.run();
    expect(l.hands.heard.length).toBe(1);
    expect(l.network.counters(`${R}/chain6/filter/FORWARD`).rules.map((c) => c[0])).toEqual([1, 1]);
  });

  it('sees bridged frames while bridge-nf-call-ip6tables is on', () => {
    const rules = { 'filter FORWARD': ['-d fd00:1::b/128 -p udp -j DROP'] };
    const on = lab(rules);
    on.hands.sendUdp(A, 'fd00:1::b', 53, 4000, 10);
    on.run();
    expect(on.hands.heard).toEqual([]);
    const off = lab(rules, { 'net.bridge.bridge-nf-call-ip6tables': 0 });
    off.hands.sendUdp(A, 'fd00:1::b', 53, 4000, 10);
    off.run();
    expect(off.hands.heard).toEqual([`${B}: udp fd00:1::a:4000 > fd00:1::b:53 ttl 64`]);
  });

  it('DNAT on the bridge to its other port needs no router', () => {
    const l = lab({ 'nat PREROUTING': ['-d fd00:10:96::a/128 -p udp -j DNAT --to-destination fd00:1::b'] });
    l.hands.sendUdp(A, 'fd00:10:96::a', 53, 4000, 10);
    l.run();
    expect(l.hands.heard).toEqual([`${B}: udp fd00:1::a:4000 > fd00:1::b:53 ttl 64`]);
  });
});

describe('VXLAN', () => {
  const tunnel = (six: boolean, inner: boolean) => {
    const b = new WorldBuilder();
    const ends = six ? ['fd00:9::1', 'fd00:9::2'] : ['172.16.0.1', '172.16.0.2'];
    const insides = inner ? ['fd00:5::1', 'fd00:5::2'] : ['10.5.0.1', '10.5.0.2'];
    b.host('a', ON);
    b.host('b', ON);
    const length = six ? 64 : 24;
    b.cable('ethernet', { netns: A, name: 'eth0' }, { netns: B, name: 'eth0' }, { addressesA: [`${ends[0]}/${length}`], addressesB: [`${ends[1]}/${length}`] });
    [A, B].forEach((netns, i) => {
      const mac = `02:00:00:00:09:0${i + 1}`;
      const vxlan = {
        type: 'vxlan',
        vni: 1,
        localIp: ends[i] ?? '',
        underlay: `${netns}/device/eth0`,
        destinationPort: 8472,
        learning: false,
        mtuBytes: 1430,
        mac,
      } as const;
      b.device(netns, 'vx', vxlan, [`${insides[i]}/${inner ? 64 : 24}`]);
      b.fdb(netns, 'vx', `02:00:00:00:09:0${2 - i}`, ends[1 - i] ?? '');
      b.fdb(netns, 'vx', '00:00:00:00:00:00', ends[1 - i] ?? '');
    });
    const fake = fakeUserland();
    const network = new Network({ seed: 1, records: b.records }, fake.create);
    fake.hands().ping(A, insides[1] ?? '');
    network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 10_000 });
    const steps = network.events(0, network.traceLength).map((e) => e.step);
    return { heard: fake.hands().heard, overhead: steps.flatMap((s) => (s.kind === 'encapsulated' ? [s.overheadBytes] : []))[0] };
  };
  it.each([
    [true, true, 70],
    [true, false, 70],
    [false, true, 50],
  ])('over IPv6 %s, IPv6 inside %s: %d bytes more', (six, inner, overhead) => {
    const { heard, overhead: real } = tunnel(six, inner);
    expect(heard).toEqual([`${A}: icmp ${inner ? 'fd00:5::2 > fd00:5::1' : '10.5.0.2 > 10.5.0.1'} ttl 64`]);
    expect(real).toBe(overhead);
  });
});
