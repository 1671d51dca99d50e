import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarTime, formatDate, formatHttpDate, formatLogDate } from './calendar.ts';
import { asciiDump, hexdump } from './hexdump.ts';
import { writePcapng } from './pcapng.ts';

describe('the calendar', () => {
  it('agrees with the platform for two hundred years', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 * 365 * 86_400_000 }), (ms) => {
        const date = new Date(ms);
        const time = calendarTime(ms);
        expect([time.year, time.month, time.day, time.weekday, time.hour, time.minute, time.second, time.millisecond]).toEqual([
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
          date.getUTCDay(),
          date.getUTCHours(),
          date.getUTCMinutes(),
          date.getUTCSeconds(),
          date.getUTCMilliseconds(),
        ]);
        expect(formatHttpDate(ms)).toBe(date.toUTCString());
      }),
      { numRuns: 500 },
    );
  });

  it('writes dates as tools do', () => {
    const ms = Date.UTC(2026, 10, 2, 22, 50, 13);
    expect(formatDate(ms)).toBe('Mon Nov 02 22:50:13 UTC 2026');
    expect(formatLogDate(ms)).toBe('02/Nov/2026:22:50:13 +0000');
  });
});

describe('dumps', () => {
  const bytes = Uint8Array.from([0x45, 0, 0, 0x54, 0x1f, 0x41, 0x42, 0x0d, 0x0a, 0x20, 0x7e, 0xff, 0x30, 0x31, 0x32, 0x33, 0x34]);

  it('show bytes in groups of two, sixteen a line', () => {
    expect(hexdump(bytes, false)).toBe('\n\t0x0000:  4500 0054 1f41 420d 0a20 7eff 3031 3233\n\t0x0010:  34');
    expect(hexdump(bytes, true)).toBe(`\n\t0x0000:  4500 0054 1f41 420d 0a20 7eff 3031 3233  E..T.AB...~.0123\n\t0x0010: ${' 34'.padEnd(40)}  4`);
  });

  it('show text with points for what cannot be shown', () => {
    expect(asciiDump(bytes)).toBe('\nE..T.AB\n ~.01234');
  });
});

describe('a pcapng file', () => {
  const file = writePcapng(
    [{ name: 'node01:flannel.1', description: 'VXLAN' }, { name: 'eth0' }],
    [{ interface: 1, timeNs: 1_234_567, bytes: Uint8Array.from([1, 2, 3, 4, 5]), comment: 'DNAT → 10.244.1.4:80', direction: 'in' }],
    Date.UTC(2026, 0, 1),
  );
  const view = new DataView(file.buffer);
  const blocks: { type: number; at: number; length: number }[] = [];
  for (let at = 0; at < file.length; ) {
    const length = view.getUint32(at + 4, true);
    blocks.push({ type: view.getUint32(at, true), at, length });
    expect(view.getUint32(at + length - 4, true)).toBe(length);
    expect(length % 4).toBe(0);
    at += length;
  }

  it('has a section, two interfaces and a packet, each closed by its length', () => {
    expect(blocks.map((block) => block.type)).toEqual([0x0a0d0d0a, 1, 1, 6]);
    expect(view.getUint32(8, true)).toBe(0x1a2b3c4d);
  });

  it('stamps packets in nanoseconds since 1970 and keeps bytes and comment', () => {
    const { at } = blocks[3] as { at: number };
    const stamp = (BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(view.getUint32(at + 16, true));
    expect(stamp).toBe(BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n + 1_234_567n);
    expect(view.getUint32(at + 8, true)).toBe(1);
    expect([...file.subarray(at + 28, at + 33)]).toEqual([1, 2, 3, 4, 5]);
    expect(new TextDecoder().decode(file.subarray(at))).toContain('DNAT → 10.244.1.4:80');
  });
});
