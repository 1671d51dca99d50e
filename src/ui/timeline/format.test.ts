import { describe, expect, it } from 'vitest';
import type { HopView } from '../../world/views.ts';
import { filterHops } from './filter.ts';
import { formatTime, packetNumbers, rowAt, unitFor } from './format.ts';

const hop = (packetId: number, protocol: string, summary: string, background = false): HopView => ({
  event: {
    seq: 0,
    timeNs: 0,
    packetId,
    causeSeq: -1,
    hostId: 'node01',
    netns: 'node01/netns/root',
    device: 'cni0',
    step: { kind: 'received' },
    layers: [],
    mark: 0,
  },
  place: 'node01/netns/root/device/cni0',
  protocol,
  family: 'l4',
  source: '10.244.0.3:41822',
  destination: '10.97.253.216:80',
  lengthBytes: 74,
  label: 'SYN :80',
  where: 'node01 cni0',
  title: 'received',
  summary,
  why: [],
  rules: [],
  background,
  hop: 1,
  hops: 1,
});
const hops = [hop(7, 'DNS', 'A? web-service'), hop(7, 'DNS', 'A 10.97.253.216'), hop(9, 'ARP', 'who has', true), hop(12, 'TCP', 'SYN, DNAT to 10.244.1.4:80')];
const numbers = packetNumbers(hops);
const shown = (text: string, background = false) => filterHops(hops, { text, background }, numbers);

describe('the timeline', () => {
  it('numbers packets from 1 in order of appearance', () => {
    expect([...numbers]).toEqual([
      [7, 1],
      [9, 2],
      [12, 3],
    ]);
  });

  it('keeps ARP and floods out until they are asked for', () => {
    expect(shown('')).toEqual([0, 1, 3]);
    expect(shown('', true)).toEqual([0, 1, 2, 3]);
  });

  it('filters by words over the columns, by protocol, by packet and by absence', () => {
    expect(shown('a? web-service')).toEqual([0]);
    expect(shown('dnat 10.244.1.4')).toEqual([3]);
    expect(shown('proto:tcp')).toEqual([3]);
    expect(shown('packet:1 -a?')).toEqual([1]);
    expect(shown('nothing-like-it')).toEqual([]);
  });

  it('finds the row at or before the playhead', () => {
    expect([-1, 0, 1, 2, 3, 9].map((index) => rowAt([0, 1, 3], index))).toEqual([-1, 0, 1, 1, 2, 2]);
    expect(rowAt([], 4)).toBe(-1);
  });

  it('writes times in a unit that fits the run', () => {
    const micro = unitFor(212_000);
    expect(`${formatTime(41_200, micro)} / ${formatTime(212_000, micro)} ${micro.name}`).toBe('41.2 / 212.0 µs');
    expect(formatTime(1_234_567_890, unitFor(3_000_000_000))).toBe('1.235');
    expect(formatTime(20_000_000, unitFor(40_000_000))).toBe('20.00');
  });
});
