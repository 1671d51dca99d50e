import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inPrefix, ipOf, parseIp, prefixOf } from '../addr/ip.ts';
import { formatIp4 } from '../addr/ip4.ts';
import type { Route, RoutingRule } from '../records.ts';
import { LEFT, RIGHT, ROUTER, routers } from '../testing/routers.ts';
import type { WorldBuilder } from '../testing/world-builder.ts';
import { bounds, chooseWay, flowHash } from './multipath.ts';

const ORIGIN = { component: 'test', objects: [] };

function route(b: WorldBuilder, destination: string, more: Partial<Route>): void {
  const netns = more.netns ?? ROUTER;
  const table = more.table ?? 254;
  const metric = more.metric ?? 0;
  b.records.put({
    kind: 'route',
    id: more.id ?? `${netns}/route/${table}/${destination}${metric === 0 ? '' : `/${metric}`}`,
    origin: ORIGIN,
    destination,
    type: 'unicast',
    protocol: 'boot',
    scope: 'global',
    onlink: false,
    ...more,
    netns,
    table,
    metric,
  });
}

function rule(b: WorldBuilder, priority: number, more: Partial<RoutingRule>): void {
  const netns = more.netns ?? ROUTER;
  b.records.put({ kind: 'rule', id: `${netns}/rule/4/${priority}`, origin: ORIGIN, netns, family: 4, priority, action: 'lookup', table: 254, ...more });
}

const via = (w: ReturnType<typeof routers>, netns: string, to: string, query: Parameters<typeof w.network.routeGet>[2] = {}): string => {
  const found = w.network.routeGet(netns, to, query);
  return 'error' in found ? found.error : `${found.gateway ?? 'link'} ${found.device} ${found.source ?? '-'} table ${found.table}`;
};

describe('which route wins', () => {
  it('is the longest prefix, then the smallest metric', () => {
    const w = routers((b) => {
      route(b, '10.3.0.0/16', { gateway: '10.1.0.2', device: 'r0' });
      route(b, '10.3.4.0/24', { gateway: '10.2.0.2', device: 'r1', metric: 100 });
      route(b, '10.3.4.0/24', { gateway: '10.1.0.9', device: 'r0', metric: 50 });
    });
    expect(via(w, ROUTER, '10.3.9.1')).toBe('10.1.0.2 r0 10.1.0.1 table 254');
    expect(via(w, ROUTER, '10.3.4.1')).toBe('10.1.0.9 r0 10.1.0.1 table 254');
  });

  it('finds for any address what a look through all routes finds', () => {
    const ip = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const prefix = fc.tuple(ip, fc.integer({ min: 1, max: 32 }), fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 30 }), fc.array(ip, { maxLength: 20 }), (prefixes, targets) => {
        const routes = new Map<string, { text: string; metric: number }>();
        for (const [address, length, metric] of prefixes) {
          const { network, prefixLength } = prefixOf(`${formatIp4(address)}/${length}`);
          const text = `${formatIp4(network as number)}/${prefixLength}`;
          routes.set(`${text}/${metric}`, { text, metric });
        }
        const w = routers((b) => {
          for (const { text, metric } of routes.values()) route(b, text, { device: 'r0', metric, table: 100 });
          rule(b, 100, { table: 100 });
          rule(b, 0, { action: 'absent' });
        });
        for (const target of targets) {
          const best = [...routes.values()]
            .filter(({ text }) => inPrefix(prefixOf(text).network, prefixOf(text).prefixLength, target))
            .sort((a, b) => prefixOf(b.text).prefixLength - prefixOf(a.text).prefixLength || a.metric - b.metric)[0];
          const found = w.network.routeGet(ROUTER, formatIp4(target));
          if ('error' in found || found.type !== 'unicast') continue;
          expect(found.recordId ?? '').toBe(
            best === undefined ? found.recordId : `${ROUTER}/route/100/${best.text}${best.metric === 0 ? '' : `/${best.metric}`}`,
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it('falls back to a longer metric or a shorter prefix when the device is down', () => {
    const w = routers((b) => {
      route(b, '10.3.0.0/16', { gateway: '10.1.0.2', device: 'r0' });
      route(b, '10.3.4.0/24', { gateway: '10.2.0.2', device: 'r1' });
    });
    const r1 = w.b.records.get(`${ROUTER}/device/r1`);
    if (r1.kind === 'device') w.b.records.put({ ...r1, up: false });
    expect(via(w, ROUTER, '10.3.4.1')).toBe('10.1.0.2 r0 10.1.0.1 table 254');
    // Its address stays this host's own, for itself and for others.
    w.hands.ping(LEFT, '10.2.0.1');
    w.settle(1);
    expect(w.heard()).toEqual([`${LEFT}: icmp 10.2.0.1 > 10.1.0.2 ttl 64`]);
    expect(
      w.network
        .derivedRoutes(ROUTER)
        .filter((r) => r.device === 'r1' && r.destination.startsWith('10.'))
        .map((r) => `${r.type} ${r.destination}`),
    ).toEqual(['local 10.2.0.1/32']);
  });

  it('ignores a route whose link has no carrier only where the device is told to', () => {
    const w = routers((b) => {
      route(b, '10.3.0.0/16', { gateway: '10.1.0.2', device: 'r0', metric: 100 });
      route(b, '10.3.0.0/16', { gateway: '10.2.0.2', device: 'r1' });
    });
    const b0 = w.b.records.get(`${RIGHT}/device/b0`);
    if (b0.kind === 'device') w.b.records.put({ ...b0, up: false });
    expect(via(w, ROUTER, '10.3.4.1')).toBe('10.2.0.2 r1 10.2.0.1 table 254');
    w.set(ROUTER, { 'net.ipv4.conf.r1.ignore_routes_with_linkdown': 1 });
    expect(via(w, ROUTER, '10.3.4.1')).toBe('10.1.0.2 r0 10.1.0.1 table 254');
  });
});

describe('routes that lead nowhere', () => {
  const w = routers((b) => {
    route(b, '10.7.0.0/16', { type: 'blackhole' });
    route(b, '10.8.0.0/16', { type: 'prohibit' });
    route(b, '10.9.0.0/16', { type: 'unreachable' });
    route(b, '10.6.0.0/16', { type: 'throw' });
  });
  it('give each its errno to local programs', () => {
    expect(['10.7.0.1', '10.8.0.1', '10.9.0.1', '10.6.0.1'].map((ip) => via(w, ROUTER, ip))).toEqual(['EINVAL', 'EACCES', 'EHOSTUNREACH', 'ENETUNREACH']);
  });
  it('and each its ICMP code, or silence, to others', () => {
    const told = ['10.7.0.1', '10.8.0.1', '10.9.0.1', '10.99.0.1'].map((ip) => {
      const fresh = routers((b) => {
        route(b, '10.7.0.0/16', { type: 'blackhole' });
        route(b, '10.8.0.0/16', { type: 'prohibit' });
        route(b, '10.9.0.0/16', { type: 'unreachable' });
      });
      fresh.hands.sendUdp(LEFT, ip, 53, 40000, 10);
      fresh.settle();
      return fresh.heard().map((line) => line.replace(/.*icmp error (\S+) from (\S+) .*/, '$1 $2'));
    });
    expect(told).toEqual([[], ['3/13 10.1.0.1'], ['3/1 10.1.0.1'], ['3/0 10.1.0.1']]);
  });
});

describe('rules of routing', () => {
  const world = (rules: (b: WorldBuilder) => void) =>
    routers((b) => {
      route(b, '0.0.0.0/0', { gateway: '10.2.0.2', device: 'r1', table: 100 });
      route(b, '0.0.0.0/0', { gateway: '10.1.0.9', device: 'r0' });
      rules(b);
    });

  it('choose the table by source, destination, mark, device, protocol and port', () => {
    const cases: readonly [Partial<RoutingRule>, Parameters<typeof via>[3], boolean][] = [
      [{ from: '10.1.0.0/24' }, { from: '10.1.0.2', iif: 'r0' }, true],
      [{ from: '10.1.1.0/24' }, { from: '10.1.0.2', iif: 'r0' }, false],
      [{ to: '10.5.0.0/16' }, {}, true],
      [{ mark: 0x11, mask: 0xf }, { mark: 0x21 }, true],
      [{ mark: 0x11 }, { mark: 0x21 }, false],
      [{ iif: 'r0' }, { from: '10.1.0.2', iif: 'r0' }, true],
      [{ iif: 'lo' }, {}, true],
      [{ iif: 'r0' }, {}, false],
      [{ oif: 'r1' }, { oif: 'r1' }, true],
      [{ not: true, to: '10.5.0.0/16' }, {}, false],
      [{ ipProtocol: 6, destinationPorts: [80, 90] }, { protocol: 6, dport: 85 }, true],
      [{ ipProtocol: 6, destinationPorts: [80, 90] }, { protocol: 17, dport: 85 }, false],
      [{ from: '10.1.0.1/32' }, {}, false],
    ];
    for (const [selector, query, applies] of cases) {
      const w = world((b) => rule(b, 1000, { ...selector, table: 100 }));
      expect(via(w, ROUTER, '10.5.0.1', query).includes('table 100'), JSON.stringify(selector)).toBe(applies);
    }
  });

  it('are asked in order of priority, and lead on where a table has nothing or throws', () => {
    const w = world((b) => {
      route(b, '10.5.0.0/16', { type: 'throw', table: 200 });
      rule(b, 500, { table: 200 });
      rule(b, 600, { table: 777 });
      rule(b, 700, { table: 100 });
    });
    expect(via(w, ROUTER, '10.5.0.1')).toContain('table 100');
  });

  it('answer by themselves, go to others, and suppress what is not exact enough', () => {
    expect(
      via(
        world((b) => rule(b, 10, { action: 'blackhole' })),
        ROUTER,
        '10.5.0.1',
      ),
    ).toBe('EINVAL');
    expect(
      via(
        world((b) => rule(b, 10, { action: 'prohibit' })),
        ROUTER,
        '10.5.0.1',
      ),
    ).toBe('EACCES');
    expect(
      via(
        world((b) => rule(b, 10, { action: 'unreachable' })),
        ROUTER,
        '10.5.0.1',
      ),
    ).toBe('ENETUNREACH');
    const jump = world((b) => {
      rule(b, 10, { action: 'goto', target: 30 });
      rule(b, 20, { action: 'prohibit' });
      rule(b, 30, { table: 100 });
    });
    expect(via(jump, ROUTER, '10.5.0.1')).toContain('table 100');
    const suppressed = world((b) => {
      rule(b, 10, { table: 254, suppressPrefixLength: 0 });
      rule(b, 20, { table: 100 });
    });
    expect(via(suppressed, ROUTER, '10.5.0.1')).toContain('table 100');
    expect(via(suppressed, ROUTER, '10.2.0.2')).toContain('table 254');
  });

  it('can take the kernel’s own place: without table local the host no longer knows its addresses', () => {
    const w = world((b) => rule(b, 0, { action: 'absent' }));
    expect(via(w, ROUTER, '10.1.0.1')).toBe('link r0 10.1.0.1 table 254');
  });

  it('send a marked packet another way after mangle OUTPUT', () => {
    const w = world((b) => {
      b.chain(ROUTER, 'mangle', 'OUTPUT', ['-p udp -m udp --dport 53 -j MARK --set-xmark 0x1/0xffffffff'], 'ACCEPT');
      rule(b, 1000, { mark: 1, table: 100 });
    });
    w.hands.sendUdp(ROUTER, '10.5.0.1', 53, 40000, 10);
    w.hands.sendUdp(ROUTER, '10.5.0.1', 54, 40000, 10);
    const last = (port: number): string | undefined =>
      w
        .since(0)
        .filter((e) => e.step.kind === 'routed' && e.layers.some((l) => l.protocol === 'udp' && l.dport === port))
        .map((e) => (e.step.kind === 'routed' ? e.step.device : ''))
        .at(-1);
    expect(last(53)).toBe('r1');
    expect(last(54)).toBe('r0');
  });
});

describe('several ways', () => {
  const ways = [
    { gateway: '10.1.0.2', device: 'r0', weight: 2, onlink: false },
    { gateway: '10.2.0.2', device: 'r1', weight: 1, onlink: false },
  ];
  const share = (w: ReturnType<typeof routers>, query: (i: number) => Parameters<typeof via>[3]): number => {
    let first = 0;
    for (let i = 0; i < 600; i += 1) if (via(w, ROUTER, `10.3.${i >> 8}.${i & 255}`, query(i)).startsWith('10.1.0.2')) first += 1;
    return first / 600;
  };

  it('share flows in proportion to their weights', () => {
    const w = routers((b) => route(b, '10.3.0.0/16', { nextHops: ways }));
    expect(share(w, () => ({}))).toBeGreaterThan(0.58);
    expect(share(w, () => ({}))).toBeLessThan(0.75);
  });

  it('look at ports only with hash policy 1', () => {
    const one = (policy: number): number => {
      const w = routers((b) => route(b, '10.3.0.0/16', { nextHops: ways }));
      w.set(ROUTER, { 'net.ipv4.fib_multipath_hash_policy': policy });
      return new Set([...Array(40).keys()].map((i) => via(w, ROUTER, '10.3.0.1', { protocol: 17, sport: 40000 + i, dport: 53 }))).size;
    };
    expect(one(0)).toBe(1);
    expect(one(1)).toBe(2);
  });

  it('go on by the others when one dies, and its flows alone move', () => {
    const w = routers((b) => route(b, '10.3.0.0/16', { nextHops: ways }));
    const before = [...Array(100).keys()].map((i) => via(w, ROUTER, `10.3.0.${i}`));
    const r1 = w.b.records.get(`${ROUTER}/device/r1`);
    if (r1.kind === 'device') w.b.records.put({ ...r1, up: false });
    [...Array(100).keys()].forEach((i) => {
      const now = via(w, ROUTER, `10.3.0.${i}`);
      expect(now).toContain('10.1.0.2');
      if (before[i]?.startsWith('10.1.0.2')) expect(now).toBe(before[i]);
    });
  });

  it('avoid a gateway that does not answer with fib_multipath_use_neigh', () => {
    const w = routers((b) => route(b, '10.3.0.0/16', { nextHops: [{ ...ways[0], gateway: '10.1.0.77' } as (typeof ways)[0], ways[1] as (typeof ways)[0]] }));
    w.set(ROUTER, { 'net.ipv4.fib_multipath_use_neigh': 1 });
    w.hands.sendUdp(ROUTER, '10.1.0.77', 53, 40000, 10);
    w.settle();
    for (let i = 0; i < 50; i += 1) expect(via(w, ROUTER, `10.3.0.${i}`)).toContain('10.2.0.2');
  });

  it('keep a flow and its way back on one hash, and cover all hashes', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 0, max: 65535 }), (a, b, p, q) => {
        const there = flowHash(7, 1, b | 0, { src: a | 0, mark: 0, protocol: 6, sport: p, dport: q });
        const back = flowHash(7, 1, a | 0, { src: b | 0, mark: 0, protocol: 6, sport: q, dport: p });
        return there === back && there >= 0 && there < 2 ** 31;
      }),
    );
    expect(
      bounds([
        { weight: 1, alive: true },
        { weight: 1, alive: false },
        { weight: 3, alive: true },
      ]),
    ).toEqual([2 ** 29 - 1, -1, 2 ** 31 - 1]);
    expect(chooseWay([], 0, undefined, false)).toBeUndefined();
  });
});

describe('who may send from where', () => {
  const spoof = (from: string, settings: Readonly<Record<string, number>> = {}, change?: (b: WorldBuilder) => void): string => {
    const w = routers((b) => {
      const a0 = b.records.get(`${LEFT}/device/lo`);
      if (a0.kind === 'device') b.records.put({ ...a0, addresses: [...a0.addresses, { ip: from, prefixLength: 32, scope: 'global' }] });
      change?.(b);
    });
    w.set(ROUTER, settings);
    // The same checks hold for ARP questions: with its false address nobody would even answer.
    w.set(LEFT, { 'net.ipv4.conf.all.arp_announce': 2 });
    w.hands.sendUdp(LEFT, '10.2.0.2', 53, 40000, 10, { from });
    w.settle(0.5);
    if (w.heard().some((line) => line.startsWith(RIGHT))) return 'arrives';
    const drop = w.since(0).find((e) => e.step.kind === 'dropped' && e.netns === ROUTER && e.layers.some((l) => l.protocol === 'udp'));
    return drop?.step.kind === 'dropped' ? drop.step.reason : 'nothing';
  };

  it('is anybody without rp_filter, only who is behind that device with 1, who is somewhere with 2', () => {
    expect(spoof('10.2.0.9')).toBe('arrives');
    expect(spoof('10.2.0.9', { 'net.ipv4.conf.r0.rp_filter': 1 })).toBe('IP_RPFILTER');
    expect(spoof('10.2.0.9', { 'net.ipv4.conf.r0.rp_filter': 2 })).toBe('arrives');
    expect(spoof('192.0.2.1', { 'net.ipv4.conf.all.rp_filter': 2 })).toBe('IP_RPFILTER');
    expect(spoof('10.2.0.9', { 'net.ipv4.conf.all.rp_filter': 1, 'net.ipv4.conf.r0.rp_filter': 2 })).toBe('arrives');
  });

  it('is not this host itself unless accept_local, nor a group, nor a loopback address', () => {
    expect(spoof('10.2.0.1')).toBe('IP_LOCAL_SOURCE');
    expect(spoof('10.2.0.1', { 'net.ipv4.conf.r0.accept_local': 1 })).toBe('arrives');
    expect(spoof('0.0.0.9')).toBe('IP_INVALID_SOURCE');
    expect(
      spoof('127.0.0.9', {}, (b) =>
        b.records.put({
          ...(b.records.get(LEFT) as Extract<ReturnType<typeof b.records.get>, { kind: 'netns' }>),
          sysctls: { 'net.ipv4.conf.all.route_localnet': 1 },
        }),
      ),
    ).toBe('IP_LOCALNET');
  });
});

describe('forwarding', () => {
  it('may be off for one device', () => {
    const w = routers();
    w.set(ROUTER, { 'net.ipv4.conf.r0.forwarding': 0 });
    w.hands.sendUdp(LEFT, '10.2.0.2', 53, 40000, 10);
    w.hands.sendUdp(RIGHT, '10.1.0.2', 53, 40000, 10);
    w.settle(1);
    expect(w.heard()).toEqual([`${LEFT}: udp 10.2.0.2:40000 > 10.1.0.2:53 ttl 63`]);
  });
});

describe('the source of a packet', () => {
  it('is the route’s, else the first primary address in the gateway’s subnet, else the device’s first', () => {
    const w = routers((b) => {
      const r1 = b.records.get(`${ROUTER}/device/r1`);
      if (r1.kind !== 'device') return;
      const more = [
        { ip: '10.5.0.1', prefixLength: 24, scope: 'global' as const },
        { ip: '10.2.0.7', prefixLength: 24, scope: 'global' as const },
      ];
      b.records.put({ ...r1, addresses: [...r1.addresses, ...more] });
      route(b, '10.30.0.0/16', { gateway: '10.5.0.9', device: 'r1', onlink: true });
      route(b, '10.31.0.0/16', { device: 'r1', scope: 'link' });
      route(b, '10.32.0.0/16', { device: 'r1', scope: 'link', source: '10.5.0.1' });
    });
    expect(via(w, ROUTER, '10.30.0.1')).toBe('10.5.0.9 r1 10.5.0.1 table 254');
    expect(via(w, ROUTER, '10.31.0.1')).toBe('link r1 10.2.0.1 table 254');
    expect(via(w, ROUTER, '10.32.0.1')).toBe('link r1 10.5.0.1 table 254');
    expect(ipOf('10.2.0.7')).toBe(parseIp('10.2.0.7'));
  });
});
