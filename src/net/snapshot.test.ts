import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLIENT, NODE1, NODE2, SERVICE, type TwoNodes, twoNodes, WEB1, WEB2 } from './testing/two-nodes.ts';

type Action =
  | { readonly do: 'udp' | 'tcp' | 'ping'; readonly from: string; readonly to: string; readonly port: number }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'records'; readonly what: 'mtu' | 'rules' | 'route' };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    do: fc.constantFrom('udp' as const, 'tcp' as const, 'ping' as const),
    from: fc.constantFrom(CLIENT, WEB1, WEB2, NODE1, NODE2),
    to: fc.constantFrom('10.96.0.20', '10.244.0.6', '10.244.1.6', '10.244.0.88', '10.244.1.88', '172.30.1.3', '8.8.8.8', '10.96.0.30'),
    port: fc.integer({ min: 30000, max: 30003 }),
  }),
  fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(0.00002, 0.0001, 0.01, 1.5, 40) }),
  fc.record({ do: fc.constant('records' as const), what: fc.constantFrom('mtu' as const, 'rules' as const, 'route' as const) }),
);

function perform(w: TwoNodes, a: Action): void {
  if (a.do === 'wait') w.settle(a.seconds);
  else if (a.do === 'udp') w.hands.sendUdp(a.from, a.to, 80, a.port, 1200);
  else if (a.do === 'tcp') w.hands.sendTcp(a.from, a.to, 80, a.port);
  else if (a.do === 'records') change(w, a.what);
  else w.hands.ping(a.from, a.to, { id: a.port });
}

function change(w: TwoNodes, what: 'mtu' | 'rules' | 'route'): void {
  if (what === 'mtu') {
    const eth0 = w.b.records.get(`${NODE1}/device/eth0`);
    if (eth0.kind === 'device') w.b.records.put({ ...eth0, mtuBytes: eth0.mtuBytes === 1500 ? 1300 : 1500 });
  } else if (what === 'route') {
    const id = `${NODE2}/route/254/10.244.0.0/24`;
    const route = w.b.records.find(id);
    if (route === undefined) w.b.route(NODE2, '10.244.0.0/24', { gateway: '10.244.0.0', device: 'flannel.1', onlink: true });
    else w.b.records.remove(id);
  } else w.b.chain(NODE1, 'filter', 'FLANNEL-FWD', w.network.nowNs % 2 === 0 ? ['-j DROP'] : ['-s 10.244.0.0/16 -j ACCEPT']);
}

const services = [SERVICE, { ...SERVICE, name: 'default/lots', clusterIp: '10.96.0.30', endpoints: ['10.244.0.6:8080', '10.244.1.6:8080'] }];
/** Everything that can be seen of the engine. */
const picture = (w: TwoNodes): string =>
  JSON.stringify({
    events: w.network.events(0, w.network.traceLength),
    now: w.network.nowNs,
    next: w.network.nextEventNs() ?? null,
    tables: [NODE1, NODE2, CLIENT].map((n) => [w.network.connections(n), w.network.neighbors(n), w.network.fdb(n)]),
    counters: w.network.counters(`${NODE1}/chain/filter/FORWARD`),
    devices: w.network.deviceCounters(`${NODE1}/device/eth0`),
    heard: w.hands.heard,
  });

describe('a snapshot', () => {
  it('restored and run on gives the same log and the same tables, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 6 }), fc.array(action, { minLength: 1, maxLength: 6 }), (before, after) => {
        const w = twoNodes({ services });
        for (const a of before) perform(w, a);
        const records = w.b.records.snapshot();
        const moment = w.network.snapshot();
        const then = picture(w);
        const runOn = (): string => {
          for (const a of after) perform(w, a);
          w.settle(2);
          return picture(w);
        };
        const first = runOn();
        for (let i = 0; i < 2; i += 1) {
          w.b.records.restore(records);
          w.network.restore(moment);
          expect(picture(w)).toBe(then);
          expect(runOn()).toBe(first);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('replayed counts the same events without writing them, and leaves the log whole', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 4 }), fc.array(action, { minLength: 1, maxLength: 5 }), (before, after) => {
        const w = twoNodes({ services });
        for (const a of before) perform(w, a);
        const records = w.b.records.snapshot();
        const moment = w.network.snapshot();
        for (const a of after) perform(w, a);
        w.settle(2);
        const headRecords = w.b.records.snapshot();
        const head = w.network.snapshot();
        const whole = picture(w);
        const length = w.network.traceLength;
        const tables = JSON.stringify(w.network.connections(NODE1));
        w.b.records.restore(records);
        w.network.beginReplay(moment);
        for (const a of after) perform(w, a);
        w.settle(2);
        expect(w.network.traceLength).toBe(length);
        expect(JSON.stringify(w.network.connections(NODE1))).toBe(tables);
        w.b.records.restore(headRecords);
        w.network.endReplay(head);
        expect(picture(w)).toBe(whole);
      }),
      { numRuns: 15 },
    );
  });
});

describe('two engines with equal seed and input', () => {
  it('write equal logs', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 10 }), fc.integer({ min: 0, max: 1000 }), (actions, seed) => {
        const [one, two] = [0, 1].map(() => {
          const w = twoNodes({ services, seed });
          for (const a of actions) perform(w, a);
          w.settle(2);
          return picture(w);
        });
        expect(one).toBe(two);
      }),
      { numRuns: 10 },
    );
  });
});
