/** netem, tbf and slow wires: how long packets wait, which are lost, doubled, damaged, and where queues end. */
import { describe, expect, it } from 'vitest';
import type { Qdisc } from '../records.ts';
import { A, B, type Hosts, NETEM, twoHosts } from './testing/hosts.ts';

function withQdisc(qdisc: Qdisc, seed = 1): Hosts {
  return twoHosts(
    (b) => {
      const eth0 = b.records.get(`${A}/device/eth0`);
      if (eth0.kind === 'device') b.records.put({ ...eth0, qdisc });
      b.neighbor(A, 'eth0', '172.16.0.2', (b.records.get(`${B}/device/eth0`) as { mac: string }).mac);
    },
    { seed },
  );
}

const burst = (w: Hosts, count: number, bytes = 958): void => {
  for (let i = 0; i < count; i += 1) w.hands.sendUdp(A, '172.16.0.2', 80, 4000 + i, bytes);
  w.settle();
};

/** Milliseconds, rounded, at which frames leave a's card. */
const leaving = (w: Hosts): number[] =>
  w
    .steps('transmitted')
    .filter((e) => e.hostId === 'a')
    .map((e) => Math.round(e.timeNs / 1e5) / 10);

describe('netem', () => {
  it('delays what leaves, behind the tap', () => {
    const w = withQdisc({ ...NETEM, delayNs: 100e6 });
    burst(w, 2);
    expect(leaving(w)).toEqual([100, 100]);
    expect(w.heard()).toHaveLength(2);
  });

  it('with jitter lets packets overtake each other; with a rate they stay in line', () => {
    const w = withQdisc({ ...NETEM, delayNs: 100e6, jitterNs: 50e6 });
    burst(w, 40);
    const ports = w.heard().map((line) => Number(/:(\d{4}) >/.exec(line)?.[1]));
    expect(ports).toHaveLength(40);
    expect(ports).not.toEqual([...ports].sort((x, y) => x - y));
    for (const ms of leaving(w)) {
      expect(ms).toBeGreaterThanOrEqual(50);
      expect(ms).toBeLessThanOrEqual(150.1);
    }
    const slow = withQdisc({ ...NETEM, rateBitsPerSecond: 1_000_000 });
    // 1000 bytes of frame at 1 Mbit/s take 8 ms each.
    burst(slow, 4);
    expect(leaving(slow)).toEqual([8, 16, 24, 32]);
  });

  it('loses its share, and says so in the log and in the counters', () => {
    const w = withQdisc({ ...NETEM, lossRatio: 0.25 });
    burst(w, 400);
    const lost = w.steps('dropped').filter((e) => e.step.reason === 'QDISC_DROP');
    expect(lost.length).toBeGreaterThan(60);
    expect(lost.length).toBeLessThan(140);
    expect(lost[0]?.step.detail).toBe('netem on eth0 loses 25 % of what it sends');
    expect(w.heard()).toHaveLength(400 - lost.length);
    expect(w.network.qdisc(`${A}/device/eth0`)).toMatchObject({ sentPackets: 400 - lost.length, dropped: lost.length, queuedPackets: 0 });
  });

  it('holds so many packets and drops the rest at the tail', () => {
    const w = withQdisc({ ...NETEM, delayNs: 10e6, limitPackets: 3 });
    burst(w, 5);
    expect(w.heard()).toHaveLength(3);
    expect(w.steps('dropped').map((e) => e.step.detail)).toEqual(Array(2).fill('netem on eth0 holds 3 packets already'));
  });

  it('doubles packets as an event of its own', () => {
    const w = withQdisc({ ...NETEM, duplicateRatio: 1 });
    burst(w, 2);
    expect(w.steps('duplicated')).toHaveLength(2);
    expect(w.heard()).toHaveLength(4);
  });

  it('damages packets, which whoever checks them throws away', () => {
    const w = withQdisc({ ...NETEM, corruptRatio: 1 });
    burst(w, 60);
    expect(w.heard()).toEqual([]);
    expect(new Set(w.steps('dropped').map((e) => e.step.reason))).toEqual(new Set(['UDP_CSUM', 'IP_CSUM', 'OTHERHOST']));
  });

  it('reorders every gap-th packet: it leaves at once', () => {
    const w = withQdisc({ ...NETEM, delayNs: 10e6, reorderRatio: 1, reorderGap: 5 });
    burst(w, 10);
    expect(w.heard().map((line) => Number(/:(\d{4}) >/.exec(line)?.[1]))).toEqual([4004, 4009, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008]);
  });

  it('draws the same lots from the same seed, and from a snapshot', () => {
    const qdisc = { ...NETEM, delayNs: 5e6, jitterNs: 4e6, lossRatio: 0.2, lossCorrelation: 0.3, duplicateRatio: 0.1 };
    const one = withQdisc(qdisc);
    burst(one, 50);
    const two = withQdisc(qdisc);
    burst(two, 50);
    expect(JSON.stringify(two.events())).toBe(JSON.stringify(one.events()));
    for (let i = 0; i < 20; i += 1) one.hands.sendUdp(A, '172.16.0.2', 80, 5000 + i, 10);
    one.network.run({ untilNs: Number.POSITIVE_INFINITY, maxEvents: 5 });
    const snapshot = one.network.snapshot();
    one.settle();
    const first = JSON.stringify(one.events());
    one.network.restore(snapshot);
    one.settle();
    expect(JSON.stringify(one.events())).toBe(first);
  });
});

describe('tbf', () => {
  it('lets a bucketful through at once and the rest at its rate', () => {
    const w = withQdisc({ kind: 'tbf', handle: 0x8001, rateBitsPerSecond: 8_000_000, burstBytes: 2000, limitBytes: 5000 });
    // 1 ms for 1000 bytes.
    burst(w, 8);
    expect(leaving(w)).toEqual([0, 0, 1, 2, 3, 4, 5]);
    expect(w.steps('dropped').map((e) => e.step.detail)).toEqual(['tbf on eth0 holds 5000 bytes already, its limit is 5000']);
    expect(w.network.qdisc(`${A}/device/eth0`)).toMatchObject({ overlimits: 5, dropped: 1, sentBytes: 7000 });
  });
});

describe('a slow wire', () => {
  it('is waited for by as many frames as the device queues, and drops the rest', () => {
    const w = twoHosts((b) => {
      const eth0 = b.records.get(`${A}/device/eth0`);
      if (eth0.kind === 'device' && eth0.type === 'ethernet')
        b.records.put({ ...eth0, txQueueLength: 4, link: { latencyNs: 0, jitterNs: 0, lossRatio: 0, bandwidthBitsPerSecond: 1_000_000 } });
      b.neighbor(A, 'eth0', '172.16.0.2', (b.records.get(`${B}/device/eth0`) as { mac: string }).mac);
    });
    burst(w, 6);
    expect(w.heard()).toHaveLength(4);
    expect(w.steps('dropped').map((e) => e.step.reason)).toEqual(['QDISC_DROP', 'QDISC_DROP']);
  });
});
