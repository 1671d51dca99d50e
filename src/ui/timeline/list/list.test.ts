/** The packet list on hops of the real engine: columns, order, colour rules, and work in slices. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openArticle, runLine } from '../../../world/testing/article.ts';
import { packetNumbers, unitFor } from '../format.ts';
import { drain, runSliced, type Work } from '../sliced.ts';
import { defaultRules, readRules } from './colour-rules.ts';
import { columnKinds, defaultColumns, moved, readColumns, resized, toggled } from './columns.ts';
import { fieldFilter, filtering, painting, ruleProblem } from './language.ts';
import { ordering } from './order.ts';
import { cellOf, cellText } from './use-rows.ts';

const world = openArticle();
const firstSeq = world.headSeq;
runLine(world, 'kubectl exec client -- curl -s web-service');
runLine(world, 'kubectl exec client -- curl -s 10.244.1.3:81');
runLine(world, 'kubectl exec client -- ping -c 1 -t 1 10.244.1.3');
const hops = world.hops(firstSeq, world.headSeq);
const numbers = packetNumbers(hops);
const run = { hops, numbers, startNs: hops[0]?.event.timeNs ?? 0, unit: unitFor(1) };
const painter = drain(painting(defaultRules, defaultColumns, hops));
const all = hops.map((_, index) => index);

describe('columns', () => {
  const ids = defaultColumns.map(({ id }) => id);
  it('are moved, hidden, shown and widened without losing the others', () => {
    expect(moved(defaultColumns, 'len', 1).map(({ id }) => id)).toEqual(['packet', 'len', 'time', 'where', 'source', 'destination', 'proto', 'info']);
    expect(moved(defaultColumns, 'packet', 99).at(-1)?.id).toBe('packet');
    expect(toggled(defaultColumns, 'len').map(({ id }) => id)).toEqual(ids.filter((id) => id !== 'len'));
    expect(
      toggled(defaultColumns, 'field:ip.ttl')
        .map(({ id }) => id)
        .slice(-2),
      'what happened stays behind the others',
    ).toEqual(['field:ip.ttl', 'info']);
    expect(resized(defaultColumns, 'len', -5).find(({ id }) => id === 'len')?.widthPx).toBe(28);
  });
  it('come out of storage whole, whatever stands there', () => {
    for (const odd of [undefined, 7, [], [{ id: '__proto__' }, { id: 'nope' }, null]]) expect(readColumns(odd)).toEqual(defaultColumns);
    expect(readColumns([{ id: 'len', widthPx: 1e9 }, { id: 'len' }, { id: 'field:tcp.seq_raw', widthPx: Number.NaN }])).toEqual([
      { id: 'len', widthPx: 1200 },
      { id: 'field:tcp.seq_raw', widthPx: 28 },
    ]);
  });
  it('ask, by the filter of a cell, for rows that hold the same', () => {
    const index = hops.findIndex((hop) => hop.protocol === 'VXLAN');
    for (const [id, kind] of columnKinds) {
      const filter = kind.filter?.(cellOf(run, index)) ?? '';
      if (filter === '') continue;
      const rows = drain(filtering(hops, { text: filter, background: true }, numbers));
      expect(rows, `${id}: ${filter}`).toContain(index);
      expect(rows.length, filter).toBeLessThan(hops.length);
    }
    expect(fieldFilter('field:ip.ttl', 64)).toBe('ip.ttl == 64');
    expect(cellText('field:ip.ttl', cellOf(run, index), painter)).toMatch(/^6\d, 6\d$/);
  });
});

describe('an order by a column', () => {
  it('is by numbers where there are numbers, also inside of addresses, and else by time', () => {
    const lengths = [...drain(ordering(all, (index) => hops[index]?.lengthBytes ?? 0, 'descending'))].map((index) => hops[index]?.lengthBytes ?? 0);
    expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
    expect([...drain(ordering([0, 1, 2], (index) => ['10.244.1.10', '10.244.1.9', '10.244.1.10'][index] as string, 'ascending'))]).toEqual([1, 0, 2]);
  });
  it('keeps every row, and equal ones in the order in which they were', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 6 })), fc.constantFrom('ascending' as const, 'descending' as const), (keys, direction) => {
        const order = [...drain(ordering([...keys.keys()], (index) => keys[index] as number, direction))];
        const sign = direction === 'ascending' ? 1 : -1;
        expect(order).toEqual([...keys.keys()].sort((a, b) => sign * ((keys[a] as number) - (keys[b] as number)) || a - b));
      }),
      { numRuns: 60 },
    );
  });
});

describe('colour rules', () => {
  const ruleOf = (fits: (hop: (typeof hops)[number]) => boolean) => {
    const hop = hops.find(fits);
    return hop === undefined ? 'no such hop' : painter.rule(hop, 1)?.name;
  };
  it('mark faults before protocols, and each default is a filter', () => {
    for (const rule of defaultRules) expect(ruleProblem(rule.filter), rule.name).toBeUndefined();
    expect(new Set(defaultRules.map((rule) => rule.name)).size).toBe(defaultRules.length);
    expect(ruleOf((hop) => hop.family === 'drop')).toBe('Dropped');
    expect(ruleOf((hop) => /\bRST\b/.test(hop.label))).toBe('TCP reset');
    expect(ruleOf((hop) => hop.event.layers.some((layer) => layer.protocol === 'icmp' && layer.type === 11))).toBe('ICMP error');
    expect(ruleOf((hop) => hop.event.step.kind === 'translated')).toBe('Address rewritten');
    expect(ruleOf((hop) => hop.protocol === 'DNS' && hop.event.step.kind === 'created')).toBe('DNS');
    expect(ruleOf((hop) => hop.label === 'SYN :80' && hop.event.step.kind === 'created')).toBe('TCP begins or ends');
  });
  it('say what is wrong with them, and a wrong one marks nothing', () => {
    expect(ruleProblem('ip.src == ')).toBe('"ip.src" is compared with nothing.');
    expect(ruleProblem('web')).toBe('"web" is neither a field nor a protocol.');
    const [wrong] = readRules([{ name: 'x'.repeat(99), filter: 'tcp.port ==', ink: 'gold', mark: '🔥🔥🔥' }]);
    expect(wrong).toEqual({ name: 'x'.repeat(40), filter: 'tcp.port ==', ink: 'plain', mark: '🔥🔥', on: true });
    const nothing = drain(painting([{ name: '', filter: 'tcp.port ==', ink: 'l2', mark: '!', on: true }], [], hops));
    expect(hops.some((hop) => nothing.rule(hop, 1) !== undefined)).toBe(false);
  });
});

describe('work in slices', () => {
  let nowMs = 0;
  let steps = 0;
  function* slow(count: number): Work<number> {
    for (let i = 0; i < count; i += 1) {
      nowMs += 1;
      steps += 1;
      yield;
    }
    return count;
  }
  const now = () => nowMs;
  it('is done at once where there is little, lets others in where there is much, and stops when it is not wanted', async () => {
    const done: number[] = [];
    runSliced(slow(2), (value) => done.push(value), now);
    expect(done).toEqual([2]);
    const stop = runSliced(slow(40), (value) => done.push(value), now);
    stop();
    steps = 0;
    const whole = new Promise<void>((resolve) => void runSliced(slow(41), (value) => resolve(void done.push(value)), now));
    expect(steps, 'one slice').toBeLessThan(10);
    await whole;
    expect(done).toEqual([2, 41]);
  });
});
