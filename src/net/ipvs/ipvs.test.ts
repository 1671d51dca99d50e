/** IPVS as the kernel does it: a ClusterIP that is an address of the node, real servers behind it, schedulers, persistence, answers on their way back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLIENT, NODE1, story, type TwoNodes, twoNodes, WEB1, WEB2 } from '../testing/two-nodes.ts';
import type { WorldBuilder } from '../testing/world-builder.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/packet.ts';
import { nextState, STATE_NAMES } from './ipvs-connection.ts';
import { type IpvsDestination, type IpvsService, ipvsServiceId } from './ipvs-records.ts';
import { schedule } from './ipvs-schedulers.ts';
import { DestinationState, ServiceState } from './ipvs-state.ts';

const server = (address: string, more: Partial<IpvsDestination> = {}): IpvsDestination => ({
  address,
  port: 8080,
  forwarding: 'masq',
  weight: 1,
  upperThreshold: 0,
  lowerThreshold: 0,
  ...more,
});

const service = (more: Partial<IpvsService> = {}): IpvsService => ({
  kind: 'ipvs-service',
  id: ipvsServiceId(NODE1, more.protocol ?? 'udp', '10.96.0.20', 80),
  origin: { component: 'test', objects: [] },
  netns: NODE1,
  protocol: 'udp',
  address: '10.96.0.20',
  port: 80,
  scheduler: 'rr',
  destinations: [server('10.244.0.6'), server('10.244.1.6')],
  ...more,
});

function world(s: IpvsService, change: (b: WorldBuilder) => void = () => undefined, sysctls: Readonly<Record<string, number>> = {}): TwoNodes {
  return twoNodes({
    rules: false,
    change: (b) => {
      b.device(NODE1, 'kube-ipvs0', { type: 'dummy' }, ['10.96.0.20/32']);
      b.records.put(s);
      const netns = b.records.get(NODE1);
      if (netns.kind === 'netns') b.records.put({ ...netns, sysctls: { ...netns.sysctls, ...sysctls } });
      change(b);
    },
  });
}

const target = (w: TwoNodes, port: number, from = CLIENT): string => {
  const seen = w.network.traceLength;
  w.hands.sendUdp(from, '10.96.0.20', 80, port, 10);
  w.settle();
  for (const { step } of w.network.events(seen, w.network.traceLength)) if (step.kind === 'translated' && step.how === 'IPVS') return step.after;
  return 'nobody';
};

describe('a request to a virtual service', () => {
  it('is taken at INPUT, loses one of its TTL, and leaves through OUTPUT and POSTROUTING; the answer comes back as the service at FORWARD', () => {
    const w = world(service({ destinations: [server('10.244.1.6')] }));
    const seen = w.network.traceLength;
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${WEB2}: udp 10.244.0.5:40000 > 10.244.1.6:8080 ttl 62`]);
    expect(story(w.network, seen).filter((l) => l.includes('IPVS'))).toEqual(['node1 cni0 IPVS 10.96.0.20:80 -> 10.244.1.6:8080']);
    const row = w.network.events(seen, w.network.traceLength).find((e) => e.step.kind === 'matched')?.step;
    expect(row).toMatchObject({
      hook: 'INPUT',
      table: 'ipvs',
      verdict: '10.244.1.6:8080',
      rule: { chain: 'UDP 10.96.0.20:80', text: '-A -u 10.96.0.20:80 -s rr' },
    });
    const back = w.network.traceLength;
    w.hands.sendUdp(WEB2, '10.244.0.5', 40000, 8080, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: udp 10.96.0.20:80 > 10.244.0.5:40000 ttl 62`]);
    expect(story(w.network, back).filter((l) => l.includes('IPVS'))).toEqual(['node1 flannel.1 un-IPVS 10.244.1.6:8080 -> 10.96.0.20:80']);
  });

  it('works on the same node because br_netfilter shows the answer to FORWARD', () => {
    const w = world(service({ destinations: [server('10.244.0.6')] }));
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    w.hands.sendUdp(WEB1, '10.244.0.5', 40000, 8080, 10);
    w.settle();
    expect(w.heard()).toEqual([`${WEB1}: udp 10.244.0.5:40000 > 10.244.0.6:8080 ttl 63`, `${CLIENT}: udp 10.96.0.20:80 > 10.244.0.5:40000 ttl 64`]);
  });

  it('from the node itself has the service as its source, until POSTROUTING masquerades it', () => {
    const plain = world(service({ destinations: [server('10.244.1.6')] }));
    plain.hands.sendUdp(NODE1, '10.96.0.20', 80, 40000, 10);
    plain.settle();
    expect(plain.heard()).toEqual([`${WEB2}: udp 10.96.0.20:40000 > 10.244.1.6:8080 ttl 62`]);
    const masqueraded = world(
      service({ destinations: [server('10.244.1.6')] }),
      (b) => b.chain(NODE1, 'nat', 'POSTROUTING', ['-s 10.96.0.20/32 -j MASQUERADE'], 'ACCEPT'),
      { 'net.ipv4.vs.conntrack': 1 },
    );
    masqueraded.hands.sendUdp(NODE1, '10.96.0.20', 80, 40000, 10);
    masqueraded.settle();
    expect(masqueraded.heard()).toEqual([`${WEB2}: udp 10.244.0.0:40000 > 10.244.1.6:8080 ttl 62`]);
    expect(masqueraded.network.connections(NODE1).find((c) => c.original.dst === '10.96.0.20')).toMatchObject({
      original: { src: '10.96.0.20', dst: '10.96.0.20', dport: 80 },
      reply: { src: '10.244.1.6', sport: 8080, dst: '10.244.0.0' },
    });
    masqueraded.hands.sendUdp(WEB2, '10.244.0.0', 40000, 8080, 10);
    masqueraded.settle();
    expect(masqueraded.heard()).toEqual([`${NODE1}: udp 10.96.0.20:80 > 10.96.0.20:40000 ttl 63`]);
  });

  it('is answered with port unreachable where there is no server, and goes past IPVS on another port', () => {
    const w = world(service({ destinations: [server('10.244.1.6', { weight: 0 })] }));
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10);
    w.settle();
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 3/3 from 10.96.0.20 about 10.244.0.5:40000 > 10.96.0.20:80`]);
    const drop = w.network.events(0, w.network.traceLength).find((e) => e.step.kind === 'dropped' && e.step.reason === 'NETFILTER_DROP')?.step;
    expect(drop).toMatchObject({ detail: 'IPVS: the virtual service has no real server for it', rule: { table: 'ipvs' } });
    w.hands.sendUdp(CLIENT, '10.96.0.20', 81, 40000, 10);
    w.settle();
    expect(w.network.ipvs(NODE1)?.list(w.network.nowNs)).toEqual([]);
  });

  it('without a local address is never seen by IPVS', () => {
    const w = world(service(), (b) => b.records.remove(`${NODE1}/device/kube-ipvs0`));
    expect(target(w, 40000)).toBe('nobody');
  });
});

describe('an ICMP error', () => {
  it('of a server comes from the virtual service and quotes it', () => {
    const w = world(service({ destinations: [server('10.244.1.6')] }));
    w.hands.sendUdp(CLIENT, '10.96.0.20', 80, 40000, 10, { ttl: 2 });
    w.settle();
    // node2 finds the TTL gone: node1 took one off at IPVS.
    expect(w.heard()).toEqual([`${CLIENT}: icmp error 11/0 from 10.96.0.20 about 10.244.0.5:40000 > 10.96.0.20:80`]);
  });
});

describe('a connection', () => {
  it('stays with its server while it lives, counts as inactive for UDP, and is gone after 300 s', () => {
    const w = world(service());
    expect([target(w, 40000), target(w, 40001), target(w, 40000)]).toEqual(['10.244.1.6:8080', '10.244.0.6:8080', '10.244.1.6:8080']);
    const servers = () =>
      w.network
        .ipvs(NODE1)
        ?.service(service().id)
        ?.destinations.map((d) => [d.active, d.inactive]);
    expect(servers()).toEqual([
      [0, 1],
      [0, 1],
    ]);
    const saved = w.network.snapshot();
    w.network.advanceTo(w.network.nowNs + 301e9);
    w.network.ipvs(NODE1)?.collect(w.network.nowNs);
    expect(servers()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    w.network.restore(saved);
    expect(servers()).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect([target(w, 40000), target(w, 40002)]).toEqual(['10.244.1.6:8080', '10.244.1.6:8080']);
  });

  it('is dropped when its server was taken away, and scheduled anew with expire_nodest_conn', () => {
    const only = service({ destinations: [server('10.244.0.6')] });
    for (const [setting, outcome] of [
      [0, 'nobody'],
      [1, '10.244.0.6:8080'],
    ] as const) {
      const w = world(service(), () => undefined, { 'net.ipv4.vs.expire_nodest_conn': setting });
      expect(target(w, 40000)).toBe('10.244.1.6:8080');
      w.b.records.put(only);
      expect(target(w, 40000)).toBe(outcome);
    }
  });

  it('with persistence goes where the client’s last one went, whatever its port, also to a server of weight 0', () => {
    const w = world(service({ persistentSeconds: 60 }));
    expect([target(w, 40000), target(w, 40001), target(w, 40002)]).toEqual(['10.244.1.6:8080', '10.244.1.6:8080', '10.244.1.6:8080']);
    w.b.records.put(service({ persistentSeconds: 60, destinations: [server('10.244.0.6'), server('10.244.1.6', { weight: 0 })] }));
    expect(target(w, 40003)).toBe('10.244.1.6:8080');
    expect(target(w, 40000, WEB1)).toBe('10.244.0.6:8080');
  });
});

describe('TCP states of IPVS', () => {
  it('are those of the kernel for a whole connection', () => {
    const steps: readonly (readonly [number, 0 | 1])[] = [
      [TCP_SYN, 0],
      [TCP_SYN | TCP_ACK, 1],
      [TCP_ACK, 0],
      [TCP_FIN | TCP_ACK, 0],
      [TCP_FIN | TCP_ACK, 1],
      [TCP_ACK, 0],
    ];
    let state = 0;
    const names = steps.map(([flags, direction]) => {
      state = nextState(state, flags, direction, false);
      return STATE_NAMES[state];
    });
    expect(names).toEqual(['SYN_RECV', 'SYN_RECV', 'ESTABLISHED', 'CLOSE_WAIT', 'TIME_WAIT', 'TIME_WAIT']);
    expect(STATE_NAMES[nextState(1, TCP_RST, 0, false)]).toBe('CLOSE');
  });
});

describe('schedulers', () => {
  const asked = (client = 0x0af40005, clientPort = 40000) => ({ client, clientPort, virtual: 0x0a600014, uint32: () => 7 });
  const make = (scheduler: IpvsService['scheduler'], weights: readonly number[], flags?: readonly string[]): ServiceState => {
    const destinations = weights.map((weight, i) => server(`10.0.0.${i + 1}`, { weight }));
    const record = service({ scheduler, destinations, ...(flags === undefined ? {} : { schedulerFlags: flags }) });
    const state = new ServiceState(record);
    state.update(record);
    return state;
  };
  const run = (s: ServiceState, times: number, hold = true): string =>
    Array.from({ length: times }, () => {
      const d = schedule(s, asked());
      if (d !== undefined && hold) d.active += 1;
      return d?.record.address.split('.')[3] ?? '-';
    }).join('');

  it('rr goes round, the youngest first', () => expect(run(make('rr', [1, 1, 1]), 5)).toBe('32132'));
  it('wrr gives each its share', () => expect(run(make('wrr', [1, 2, 4]), 14)).toBe('33323213332321'));
  it('lc takes the one with least to do', () => expect(run(make('lc', [1, 9, 1]), 6)).toBe('321321'));
  it('wlc weighs that', () => expect(run(make('wlc', [1, 2]), 6)).toBe('212212'));
  it('sed counts the one that comes', () => expect(run(make('sed', [1, 3]), 4)).toBe('2221'));
  it('nq never lets a server idle', () => expect(run(make('nq', [1, 3]), 4)).toBe('2122'));
  it('fo takes the heaviest, ovf the next when that is full', () => {
    expect(run(make('fo', [1, 3, 2]), 3)).toBe('222');
    expect(run(make('ovf', [1, 1, 2]), 7)).toBe('3332211');
  });
  it('sh and mh keep a client where it was; dh looks at the service', () => {
    for (const scheduler of ['sh', 'mh', 'dh'] as const) {
      const s = make(scheduler, [1, 2, 3]);
      fc.assert(fc.property(fc.integer({ min: 1, max: 0x7fffffff }), (client) => schedule(s, asked(client))?.key === schedule(s, asked(client, 5))?.key));
    }
    const spread = new Set(Array.from({ length: 200 }, (_, i) => schedule(make('sh', [1, 1, 1]), asked(0x0af40000 + i * 7))?.key));
    expect(spread.size).toBe(3);
  });
  it('never choose a server without weight or over its threshold', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'fo', 'ovf', 'lblc', 'lblcr', 'twos', 'mh' as const),
        fc.array(fc.record({ weight: fc.integer({ min: 0, max: 5 }), overloaded: fc.boolean(), active: fc.nat(9) }), { maxLength: 6 }),
        (scheduler, servers) => {
          const s = make(
            scheduler as IpvsService['scheduler'],
            servers.map((x) => x.weight),
          );
          const byAddress = new Map(servers.map((x, i) => [`10.0.0.${i + 1}`, x]));
          for (const d of s.destinations)
            Object.assign(d, { overloaded: byAddress.get(d.record.address)?.overloaded, active: byAddress.get(d.record.address)?.active });
          const d = schedule(s, asked());
          return d === undefined || (d instanceof DestinationState && d.weight > 0 && !d.overloaded);
        },
      ),
    );
  });
  it('a full server opens again below three quarters of its bound', () => {
    const d = new DestinationState(server('10.0.0.1', { upperThreshold: 4 }));
    d.active = 4;
    d.judge();
    expect(d.overloaded).toBe(true);
    d.active = 3;
    d.judge();
    expect(d.overloaded).toBe(true);
    d.active = 2;
    d.judge();
    expect(d.overloaded).toBe(false);
  });
});
