import { beforeEach, describe, expect, it } from 'vitest';
import { Network } from '../network.ts';
import { fakeUserland } from '../testing/fake-userland.ts';
import { WorldBuilder } from '../testing/world-builder.ts';
import type { TraceEvent } from '../trace-event.ts';
import { newTcpdumpState, tcpdumpLines } from '../wire/tcpdump/lines.ts';
import { captured } from '../wire/testing/captured.ts';

// The world that was built of network namespaces on a real kernel (6.18): a and b on a bridge of r, c behind r.
const A = 'a/netns/root';
const B = 'b/netns/root';
const C = 'c/netns/root';
const R = 'r/netns/root';
const ON = { 'net.ipv6.conf.all.disable_ipv6': 0 };

function lab(options: { readonly mtuC?: number; readonly sysctlsR?: Readonly<Record<string, number>> } = {}) {
  const b = new WorldBuilder();
  b.host('r', { ...ON, 'net.ipv6.conf.all.forwarding': 1, ...options.sysctlsR });
  for (const name of ['a', 'b', 'c']) b.host(name, ON);
  b.device(R, 'br0', { type: 'bridge', ageingSeconds: 300, mac: '02:00:00:00:00:f0' }, ['fd00:1::1/64']);
  const end = (host: string, port: string, last: string, address: string, master: boolean, gateway: string, address2: readonly string[] = []) => {
    const netns = `${host}/netns/root`;
    const mtu = host === 'c' && options.mtuC !== undefined ? { mtuBytes: options.mtuC } : {};
    const bridge = master ? { master: `${R}/device/br0`, bridgePort: { hairpin: false, isolated: false, learning: true } } : {};
    b.device(R, port, { type: 'veth', peer: `${netns}/device/eth0`, mac: `02:00:00:00:01:${last}`, ...mtu, ...bridge }, address2);
    b.device(netns, 'eth0', { type: 'veth', peer: `${R}/device/${port}`, mac: `02:00:00:00:00:${last}`, ...mtu }, [address]);
    b.route(netns, '::/0', { gateway, device: 'eth0' });
  };
  end('a', 'va', '0a', 'fd00:1::a/64', true, 'fd00:1::1');
  end('b', 'vb', '0b', 'fd00:1::b/64', true, 'fd00:1::1');
  end('c', 'vc', '0c', 'fd00:2::c/64', false, 'fd00:2::1', ['fd00:2::1/64']);
  const fake = fakeUserland({ udpPorts: [53] });
  const network = new Network({ seed: 1, records: b.records }, fake.create);
  const run = (seconds?: number): void => {
    network.run({ untilNs: seconds === undefined ? Number.POSITIVE_INFINITY : network.nowNs + seconds * 1e9, maxEvents: 100_000 });
  };
  return { network, hands: fake.hands(), run, builder: b };
}
type Lab = ReturnType<typeof lab>;

/** What tcpdump -e shows on a device, without times and flow labels. */
function capture(l: Lab, device: string, from = 0): string[] {
  const state = newTcpdumpState();
  return l.network
    .frames(new Set([device]), from)
    .map((frame) => tcpdumpLines(captured(frame.packet), { numeric: true, verbosity: 0, link: true, time: 'none', epochMs: 0 }, state).trimEnd());
}
const short = (lines: readonly string[]): string[] => lines.map((line) => line.replace(/^.*?length (\d+): /, ''));
const drops = (events: readonly TraceEvent[]): string[] =>
  events.flatMap((e) =>
    e.step.kind === 'dropped' && e.step.reason !== 'OTHERHOST' && e.step.reason !== 'IPV6_NDISC_NS_OTHERHOST'
      ? [`${e.netns.split('/')[0]} ${e.step.reason}: ${e.step.answered ?? e.step.detail}`]
      : [],
  );

describe('IPv6 through the kernel', () => {
  let l: Lab;
  beforeEach(() => {
    l = lab();
  });

  it('asks the solicited-node group for a neighbour and then sends', () => {
    expect(l.hands.ping(A, 'fd00:1::b')).toBe('ok');
    l.run();
    expect(capture(l, `${A}/device/eth0`)).toEqual([
      '02:00:00:00:00:0a > 33:33:ff:00:00:0b, ethertype IPv6 (0x86dd), length 86: fd00:1::a > ff02::1:ff00:b: ICMP6, neighbor solicitation, who has fd00:1::b, length 32',
      '02:00:00:00:00:0b > 02:00:00:00:00:0a, ethertype IPv6 (0x86dd), length 86: fd00:1::b > fd00:1::a: ICMP6, neighbor advertisement, tgt is fd00:1::b, length 32',
      '02:00:00:00:00:0a > 02:00:00:00:00:0b, ethertype IPv6 (0x86dd), length 118: fd00:1::a > fd00:1::b: ICMP6, echo request, id 1, seq 1, length 64',
      '02:00:00:00:00:0b > 02:00:00:00:00:0a, ethertype IPv6 (0x86dd), length 118: fd00:1::b > fd00:1::a: ICMP6, echo reply, id 1, seq 1, length 64',
    ]);
    expect(l.hands.heard).toEqual([`${A}: icmp fd00:1::b > fd00:1::a ttl 64`]);
  });

  it('asks again with its link-local address, the neighbour alone, when nobody has confirmed it', () => {
    l.hands.ping(A, 'fd00:1::b');
    l.run();
    const from = l.network.traceLength;
    l.run(6);
    // Seen on the real kernel 5.1 s after: b had learnt a from the solicitation only.
    expect(short(capture(l, `${A}/device/eth0`, from))).toEqual([
      'fe80::ff:fe00:b > fd00:1::a: ICMP6, neighbor solicitation, who has fd00:1::a, length 32',
      'fd00:1::a > fe80::ff:fe00:b: ICMP6, neighbor advertisement, tgt is fd00:1::a, length 24',
    ]);
    expect(l.network.neighbors(B).map((n) => `${n.ip} ${n.mac} ${n.state}`)).toEqual(
      ['fd00:1::a 02:00:00:00:00:0a REACHABLE', 'fe80::ff:fe00:a 02:00:00:00:00:0a STALE'].slice(0, 1),
    );
  });

  it('forwards with one hop less, and answers from the destination', () => {
    l.hands.ping(A, 'fd00:2::c');
    l.run();
    expect(l.hands.heard).toEqual([`${A}: icmp fd00:2::c > fd00:1::a ttl 63`]);
    // A router asks in its own name: with the link-local address of the device.
    expect(short(capture(l, `${R}/device/vc`))).toContain('fe80::ff:fe00:10c > ff02::1:ff00:c: ICMP6, neighbor solicitation, who has fd00:2::c, length 32');
  });

  it('tells the sender when the hop limit ends, from the address the sender knows', () => {
    l.hands.ping(A, 'fd00:2::c', { ttl: 1 });
    l.run();
    expect(short(capture(l, `${A}/device/eth0`)).at(-1)).toBe('fd00:1::1 > fd00:1::a: ICMP6, time exceeded in-transit for fd00:2::c, length 112');
    expect(drops(l.network.events(0, l.network.traceLength))).toEqual(['r IP_TTL_EXPIRED: ICMPv6 time exceeded in-transit for fd00:2::c from fd00:1::1']);
  });

  it('says that a UDP port is unreachable', () => {
    l.hands.sendUdp(A, 'fd00:2::c', 999, 36697, 3);
    l.run();
    expect(short(capture(l, `${A}/device/eth0`)).at(-1)).toBe(
      'fd00:2::c > fd00:1::a: ICMP6, destination unreachable, unreachable port, fd00:2::c udp port 999, length 59',
    );
    expect(l.hands.heard).toEqual([`${A}: icmp error 1/4 from fd00:2::c about fd00:1::a:36697 > fd00:2::c:999`]);
  });

  it('says that there is no route', () => {
    l.hands.ping(A, 'fd00:3::1');
    l.run();
    expect(short(capture(l, `${A}/device/eth0`)).at(-1)).toBe('fd00:1::1 > fd00:1::a: ICMP6, destination unreachable, unreachable route fd00:3::1, length 112');
  });

  it('gives up on an address that nobody has after three questions', () => {
    l.hands.ping(A, 'fd00:1::77');
    l.run();
    expect(l.network.nowNs / 1e9).toBeCloseTo(3.07, 1);
    expect(short(capture(l, `${A}/device/eth0`))).toEqual(
      Array(3).fill('fd00:1::a > ff02::1:ff00:77: ICMP6, neighbor solicitation, who has fd00:1::77, length 32'),
    );
    expect(l.hands.heard).toEqual([`${A}: icmp error 1/3 from fd00:1::a about fd00:1::a:0 > fd00:1::77:0`]);
  });

  it('is told by the router when the address is behind it', () => {
    l.hands.ping(A, 'fd00:2::77');
    l.run();
    expect(short(capture(l, `${A}/device/eth0`)).at(-1)).toBe(
      'fd00:1::1 > fd00:1::a: ICMP6, destination unreachable, unreachable address fd00:2::77, length 112',
    );
  });

  it('drops silently where forwarding is off', () => {
    l = lab({ sysctlsR: { 'net.ipv6.conf.all.forwarding': 0 } });
    l.hands.ping(A, 'fd00:2::c');
    l.run();
    expect(drops(l.network.events(0, l.network.traceLength))).toEqual(['r IP_FORWARDING_DISABLED: net.ipv6.conf.all.forwarding = 0']);
    expect(l.hands.heard).toEqual([]);
  });

  it('knows nobody where IPv6 is off', () => {
    const netns = l.builder.records.get(B);
    if (netns.kind === 'netns') l.builder.records.put({ ...netns, sysctls: { 'net.ipv6.conf.all.disable_ipv6': 1 } });
    l.run();
    expect(l.hands.ping(B, 'fd00:1::a')).toBe('ENETUNREACH');
    l.hands.ping(A, 'fd00:1::b');
    l.run();
    expect(drops(l.network.events(0, l.network.traceLength))).toContain('b IPV6DISABLED: net.ipv6.conf.eth0.disable_ipv6 = 1');
  });
});

describe('packets too big for a link', () => {
  it('end at the router, which tells the MTU; the sender cuts them from then on', () => {
    const l = lab({ mtuC: 1400 });
    l.hands.sendUdp(A, 'fd00:2::c', 53, 4000, 1400);
    l.run();
    expect(short(capture(l, `${A}/device/eth0`)).at(-1)).toBe('fd00:1::1 > fd00:1::a: ICMP6, packet too big, mtu 1400, length 1240');
    expect(l.hands.sendUdp(A, 'fd00:2::c', 53, 4000, 1400)).toBe('EMSGSIZE');
    const from = l.network.traceLength;
    expect(l.hands.sendUdp(A, 'fd00:2::c', 53, 4000, 3000, { dontFragment: false })).toBe('ok');
    l.run();
    // Offsets and lengths as the real kernel cut 3008 bytes.
    expect(
      short(capture(l, `${R}/device/vc`, from))
        .filter((line) => line.includes('frag'))
        .map((line) => line.replace(/^.*: frag/, 'frag').replace(/\) .*/, ')')),
    ).toEqual(['frag (0|1352)', 'frag (1352|1352)', 'frag (2704|304)']);
    expect(l.hands.heard.at(-1)).toBe(`${C}: udp fd00:1::a:4000 > fd00:2::c:53 ttl 63`);
  });

  it('leave lo whole', () => {
    const l = lab();
    l.hands.ping(A, '::1');
    l.hands.ping(A, 'fd00:1::a');
    l.run();
    expect(l.hands.heard).toEqual([`${A}: icmp ::1 > ::1 ttl 64`, `${A}: icmp fd00:1::a > fd00:1::a ttl 64`]);
  });
});

describe('errors', () => {
  it('go to one address no faster than one in 250 ms behind a /64, six at once', () => {
    const l = lab();
    l.hands.ping(A, 'fd00:1::1');
    l.run();
    const from = l.network.traceLength;
    for (let i = 0; i < 10; i += 1) l.hands.ping(A, 'fd00:3::1');
    l.run();
    const count = (since: number): number => short(capture(l, `${A}/device/eth0`, since)).filter((line) => line.includes('unreachable route')).length;
    expect(count(from)).toBe(6);
    const later = l.network.traceLength;
    l.run(0.5);
    for (let i = 0; i < 10; i += 1) l.hands.ping(A, 'fd00:3::1');
    l.run();
    expect(count(later)).toBe(2);
  });
});

describe('a new address', () => {
  const add = (l: Lab, netns: string, ip: string): void => {
    const id = `${netns}/device/eth0`;
    const device = l.builder.records.get(id);
    if (device.kind === 'device') l.builder.records.put({ ...device, addresses: [...device.addresses, { ip, prefixLength: 64, scope: 'global' }] });
  };

  it('is asked about before it is used', () => {
    const l = lab();
    l.run();
    add(l, A, 'fd00:1::5');
    l.run(0.001);
    expect(l.hands.kernel.isLocalAddress(A, 0xfd000001000000000000000000000005n)).toBe(false);
    l.run(2.1);
    expect(short(capture(l, `${A}/device/eth0`))).toEqual([':: > ff02::1:ff00:5: ICMP6, neighbor solicitation, who has fd00:1::5, length 24']);
    expect(l.hands.kernel.isLocalAddress(A, 0xfd000001000000000000000000000005n)).toBe(true);
  });

  it('stays unusable when somebody has it', () => {
    const l = lab();
    l.run();
    add(l, A, 'fd00:1::b');
    l.run(3);
    expect(short(capture(l, `${A}/device/eth0`))).toEqual([
      ':: > ff02::1:ff00:b: ICMP6, neighbor solicitation, who has fd00:1::b, length 24',
      'fd00:1::b > ff02::1: ICMP6, neighbor advertisement, tgt is fd00:1::b, length 32',
    ]);
    expect(l.hands.kernel.isLocalAddress(A, 0xfd00000100000000000000000000000bn)).toBe(false);
  });
});

describe('what the kernel remembers', () => {
  it('comes back with a snapshot in the middle of questions, new addresses and fragments', () => {
    const l = lab({ mtuC: 1400 });
    l.run();
    const device = l.builder.records.get(`${A}/device/eth0`);
    if (device.kind === 'device')
      l.builder.records.put({ ...device, addresses: [...device.addresses, { ip: 'fd00:1::5', prefixLength: 64, scope: 'global' }] });
    l.hands.ping(A, 'fd00:2::77');
    for (let i = 0; i < 3; i += 1) l.hands.ping(A, 'fd00:3::1');
    l.hands.sendUdp(A, 'fd00:2::c', 53, 4000, 1400);
    l.run(1.2);
    const snapshot = l.network.snapshot();
    const from = l.network.traceLength;
    const goOn = (): unknown[] => {
      l.hands.sendUdp(A, 'fd00:2::c', 53, 4000, 3000, { dontFragment: false });
      for (let i = 0; i < 8; i += 1) l.hands.ping(A, 'fd00:3::1');
      l.run(4);
      return l.network.events(from, l.network.traceLength);
    };
    const first = goOn();
    l.network.restore(snapshot);
    expect(goOn()).toEqual(first);
    expect(first.length).toBeGreaterThan(100);
  });
});
