import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../wire/packet.ts';
import { type Connection, invert, TCP_STATE_NAMES, type Tuple } from './connection.ts';
import { ConnectionTable } from './table.ts';
import { IGNORE, nextTcpState } from './tcp.ts';

const tupleArbitrary: fc.Arbitrary<Tuple> = fc.record({
  src: fc.integer({ min: 1, max: 6 }),
  dst: fc.integer({ min: 1, max: 6 }),
  sport: fc.integer({ min: 1, max: 4 }),
  dport: fc.integer({ min: 1, max: 4 }),
  icmpType: fc.constant(-1),
  icmpCode: fc.constant(0),
});

describe('the connection table', () => {
  it('finds what a plain list of tuples finds, whatever is inserted, removed and expired', () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('insert' as const), original: tupleArbitrary, reply: tupleArbitrary, seconds: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ op: fc.constant('remove' as const), nth: fc.nat(20) }),
      fc.record({ op: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ op: fc.constant('find' as const), tuple: tupleArbitrary }),
    );
    const same = (a: Tuple, b: Tuple): boolean => a.src === b.src && a.dst === b.dst && a.sport === b.sport && a.dport === b.dport;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new ConnectionTable();
        let model: Connection[] = [];
        let now = 0;
        for (const s of steps) {
          model = model.filter((c) => !c.dead && c.expiresNs > now);
          const taken = (t: Tuple): Connection | undefined => model.find((c) => same(c.original, t) || same(c.reply, t));
          if (s.op === 'insert') {
            if (taken(s.original) !== undefined || taken(s.reply) !== undefined) continue;
            table.collect(now);
            const c = table.create(6, s.original, s.reply);
            c.expiresNs = now + s.seconds;
            table.insert(c);
            model.push(c);
          } else if (s.op === 'remove') {
            const c = model[s.nth];
            if (c !== undefined) table.remove(c);
          } else if (s.op === 'wait') now += s.seconds;
          else {
            const found = table.findTuple(s.tuple, 6, now);
            const wanted = taken(s.tuple);
            if (found?.connection !== wanted) return false;
            if (wanted !== undefined && found?.reply !== !same(wanted.original, s.tuple)) return false;
          }
        }
        model = model.filter((c) => !c.dead && c.expiresNs > now);
        return table.list(now).length === model.length;
      }),
    );
  });

  it('grows far beyond its first buckets and keeps every entry', () => {
    const table = new ConnectionTable();
    for (let i = 0; i < 5000; i += 1) {
      const original: Tuple = { src: i, dst: 7, sport: 1024 + i, dport: 80, icmpType: -1, icmpCode: 0 };
      const c = table.create(6, original, invert(original));
      c.expiresNs = 100;
      table.insert(c);
    }
    expect(table.size).toBe(5000);
    expect(table.find(4711, 7, 1024 + 4711, 80, 6, -1, 1)?.reply).toBe(false);
    expect(table.find(7, 4711, 80, 1024 + 4711, 6, -1, 1)?.reply).toBe(true);
    expect(table.find(7, 4711, 80, 1024 + 4711, 17, -1, 1)).toBeUndefined();
  });
});

describe('TCP states in conntrack', () => {
  const walk = (steps: readonly (readonly [number, boolean])[]): string[] => {
    let state = 0;
    return steps.map(([flags, reply]) => {
      const next = nextTcpState(state, flags, reply);
      if (next >= 0) state = next;
      return next === IGNORE ? 'ignored' : (TCP_STATE_NAMES[next] ?? 'INVALID');
    });
  };
  it('go from SYN_SENT to TIME_WAIT over a whole connection', () => {
    const own = false;
    const other = true;
    expect(
      walk([
        [TCP_SYN, own],
        [TCP_SYN | TCP_ACK, other],
        [TCP_ACK, own],
        [TCP_ACK | TCP_PSH, own],
        [TCP_ACK, other],
        [TCP_FIN | TCP_ACK, own],
        [TCP_ACK, other],
        [TCP_FIN | TCP_ACK, other],
        [TCP_ACK, own],
      ]),
    ).toEqual(['SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'ESTABLISHED', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT']);
  });

  it('take up a connection in its middle, and close it by a RST', () => {
    expect(
      walk([
        [TCP_ACK | TCP_PSH, false],
        [TCP_RST, true],
      ]),
    ).toEqual(['ESTABLISHED', 'CLOSE']);
  });

  it('call a SYN-ACK out of nowhere INVALID', () => {
    expect(walk([[TCP_SYN | TCP_ACK, false]])).toEqual(['INVALID']);
  });
});
