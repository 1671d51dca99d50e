import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../base/prng.ts';
import { formatIp4, ip4 } from '../addr/ip4.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../wire/packet.ts';
import { BpfConntrack, reversedTuple, type Tuple, touch, tupleOf } from './bpf-conntrack.ts';
import { BpfNat, SNAT_PORT_MIN } from './bpf-nat.ts';
import type { BpfIpcacheEntry, BpfService } from './bpf-records.ts';
import { BpfState } from './bpf-state.ts';

const NS = 1e9;
const ORIGIN = { component: 'test', objects: [] };
const flow: Tuple = { protocol: 6, src: ip4('10.0.0.1'), sport: 40000, dst: ip4('10.0.0.2'), dport: 80 };

const tuple: fc.Arbitrary<Tuple> = fc.record({
  protocol: fc.constantFrom(6, 17),
  src: fc.constantFrom(ip4('10.0.0.1'), ip4('10.0.0.2')),
  sport: fc.integer({ min: 1, max: 65535 }),
  dst: fc.constantFrom(ip4('1.1.1.1'), ip4('8.8.8.8')),
  dport: fc.constantFrom(53, 80),
});

describe("the programs' connection table", () => {
  it('keeps a handshake a minute, a connection two hours and more, and a closed one ten seconds', () => {
    const table = new BpfConntrack();
    const entry = table.create('OUT', flow, 0, 7);
    touch(entry, false, TCP_SYN, 74, 0);
    expect(entry.expiresNs).toBe(60 * NS);
    touch(entry, true, TCP_SYN | TCP_ACK, 74, NS);
    expect(entry.expiresNs).toBe(8001 * NS);
    touch(entry, false, TCP_FIN | TCP_ACK, 66, 2 * NS);
    expect(entry.expiresNs).toBe(8002 * NS);
    touch(entry, true, TCP_FIN | TCP_ACK, 66, 3 * NS);
    expect(entry.expiresNs).toBe(13 * NS);
    expect([entry.packets, entry.bytes, entry.txFlags, entry.rxFlags]).toEqual([4, 280, 0x13, 0x13]);
    expect(table.find('OUT', flow, 13 * NS)).toBeUndefined();
    expect(table.size).toBe(0);
  });

  it('takes a reset for the end of both directions', () => {
    const entry = new BpfConntrack().create('IN', flow, 0, 7);
    touch(entry, true, TCP_RST, 54, 0);
    expect(entry.expiresNs).toBe(10 * NS);
  });

  it('tells an echo from its reply by where its number stands', () => {
    const packet = { protocol: 1, src: flow.src, dst: flow.dst, sport: 0, dport: 0 };
    const question = tupleOf({ ...packet, icmp: { type: 8, id: 9 } }) as Tuple;
    const answer = tupleOf({ ...packet, src: flow.dst, dst: flow.src, icmp: { type: 0, id: 9 } }) as Tuple;
    expect(reversedTuple(answer)).toEqual(question);
  });

  it('comes back whole from what it saves', () => {
    fc.assert(
      fc.property(fc.array(tuple, { maxLength: 20 }), (tuples) => {
        const table = new BpfConntrack();
        for (const one of tuples) touch(table.create('OUT', one, 0, 1), false, 0, 100, 0);
        const copy = new BpfConntrack();
        copy.load(table.save());
        for (const one of tuples) touch(table.create('OUT', one, NS, 1), false, 0, 100, NS);
        for (const one of tuples) expect(copy.find('OUT', one, NS)?.packets).toBe(1);
      }),
    );
  });
});

describe('masquerade in BPF', () => {
  const node = ip4('172.30.1.2');

  it('gives each flow an answer of its own, keeps a port that is free and high enough, and finds everybody again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(tuple, { maxLength: 60, selector: (t) => JSON.stringify(t) }), (tuples) => {
        const nat = new BpfNat();
        const prng = new Prng(1);
        const answers = new Set<string>();
        for (const one of tuples) {
          const entry = nat.translate(one, node, 0, prng);
          if (entry === undefined) throw new Error('no port');
          expect(entry.toPort).toBeGreaterThanOrEqual(SNAT_PORT_MIN);
          const answer = { ...reversedTuple(one), dst: node, dport: entry.toPort };
          expect(answers.has(JSON.stringify(answer))).toBe(false);
          answers.add(JSON.stringify(answer));
          expect(nat.findBack(answer)?.original).toEqual(one);
          expect(nat.translate(one, node, 5, prng)).toBe(entry);
        }
      }),
    );
    expect(new BpfNat().translate({ ...flow, sport: 45678 }, node, 0, new Prng(1))?.toPort).toBe(45678);
  });

  it('refuses a flow when it has tried often enough', () => {
    const nat = new BpfNat();
    const always = { below: () => 5 } as unknown as Prng;
    expect(nat.translate({ ...flow, sport: 40000 }, node, 0, always)?.toPort).toBe(40000);
    expect(nat.translate({ ...flow, src: ip4('10.0.0.3'), sport: 40000 }, node, 0, always)?.toPort).toBe(SNAT_PORT_MIN + 5);
    expect(nat.translate({ ...flow, src: ip4('10.0.0.4'), sport: 40000 }, node, 0, always)).toBeUndefined();
  });
});

describe("a host's maps", () => {
  const entry = (prefix: string, identity: number): BpfIpcacheEntry => ({
    kind: 'bpf-ipcache',
    id: `n/bpf/ipcache/${prefix}`,
    origin: ORIGIN,
    netns: 'n',
    prefix,
    identity,
  });

  it('find the longest prefix, as a search through all of them does', () => {
    const prefix = fc
      .tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 8, 16, 24, 30, 31, 32))
      .map(([low, length]) => `${formatIp4(ip4('10.0.0.0') | (low << (length > 24 ? 0 : 8)))}/${length}`);
    fc.assert(
      fc.property(fc.uniqueArray(prefix, { maxLength: 12 }), fc.integer({ min: 0, max: 1023 }), (prefixes, low) => {
        const state = new BpfState('h');
        for (const [i, one] of prefixes.entries()) state.put(entry(one, i + 300));
        const ip = ip4('10.0.0.0') | low;
        const inside = (one: string): boolean => {
          const [address = '', length = '0'] = one.split('/');
          const mask = Number(length) === 0 ? 0 : -1 << (32 - Number(length));
          return (ip4(address) & mask) === (ip & mask);
        };
        const best = prefixes.filter(inside).sort((a, b) => Number(b.split('/')[1]) - Number(a.split('/')[1]))[0];
        const found = state.ipcache(ip)?.record.prefix;
        expect(found === undefined ? undefined : Number(found.split('/')[1])).toBe(best === undefined ? undefined : Number(best.split('/')[1]));
      }),
    );
  });

  it('give clients inside another set of backends only where a frontend has two scopes', () => {
    const service = (scope: BpfService['scope'], twoScopes: boolean, port: number): BpfService => ({
      kind: 'bpf-service',
      id: `n/bpf/service/172.30.1.2:${port}/tcp${scope === 'internal' ? '/i' : ''}`,
      origin: ORIGIN,
      netns: 'n',
      ip: '172.30.1.2',
      port,
      protocol: 'tcp',
      scope,
      type: 'NodePort',
      twoScopes,
      externalLocal: twoScopes,
      internalLocal: false,
      routable: true,
      affinitySeconds: 0,
      backends: scope === 'external' ? [] : [{ ip: '10.0.0.9', port: 80 }],
    });
    const state = new BpfState('h');
    for (const one of [service('external', true, 30000), service('internal', true, 30000), service('external', false, 30001)]) state.put(one);
    const ip = ip4('172.30.1.2');
    expect(state.findService('tcp', ip, 30000, false)?.record.scope).toBe('external');
    expect(state.findService('tcp', ip, 30000, true)?.record.scope).toBe('internal');
    expect(state.findService('tcp', ip, 30001, true)?.record.scope).toBe('external');
    expect(state.findService('udp', ip, 30000, true)).toBeUndefined();
    // Numbers are those of the agent's allocator: they stay while others come and go, and come back from a snapshot.
    expect(state.services().map((s) => s.revNatId)).toEqual([1, 2, 3]);
    const saved = state.save();
    state.remove(service('external', true, 30000));
    state.put(service('external', true, 30000));
    expect(
      state
        .services()
        .map((s) => s.revNatId)
        .sort(),
    ).toEqual([2, 3, 4]);
    state.load(saved);
    expect(
      state
        .services()
        .map((s) => s.revNatId)
        .sort(),
    ).toEqual([1, 2, 3]);
  });
});
