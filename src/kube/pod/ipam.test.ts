import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostLocalAllocator, type HostLocalRange, hostLocalRange, rangeText } from './ipam.ts';

const cidr = (text: string): HostLocalRange => hostLocalRange(text) as HostLocalRange;

describe('host-local', () => {
  it('begins after the bridge’s own address', () => {
    const allocator = new HostLocalAllocator(cidr('10.244.1.0/24'), [], undefined);
    expect([allocator.allocate(), allocator.allocate()]).toEqual(['10.244.1.2', '10.244.1.3']);
  });

  it('gives the address after the last one, not the lowest free one: a pod that comes back has another address', () => {
    const allocator = new HostLocalAllocator(cidr('10.244.1.0/24'), ['10.244.1.3'], '10.244.1.5');
    expect(allocator.allocate()).toBe('10.244.1.6');
  });

  it('starts again from the beginning when it has come to the end', () => {
    const allocator = new HostLocalAllocator(cidr('10.244.1.0/24'), ['10.244.1.2'], '10.244.1.254');
    expect(allocator.allocate()).toBe('10.244.1.3');
  });

  it('says when nothing is left', () => {
    const allocator = new HostLocalAllocator(cidr('10.244.1.0/29'), ['10.244.1.2', '10.244.1.3', '10.244.1.4', '10.244.1.5'], undefined);
    expect([allocator.allocate(), allocator.allocate()]).toEqual(['10.244.1.6', undefined]);
    expect(new HostLocalAllocator(cidr('10.244.1.0/31'), [], undefined).allocate()).toBeUndefined();
    expect(rangeText(cidr('10.244.1.0/29'))).toBe('10.244.1.1-10.244.1.6');
  });

  it('gives IPv6 addresses in the same way', () => {
    const range = cidr('fd00:10:244:1::/64');
    const allocator = new HostLocalAllocator(range, ['fd00:10:244:1::3', '10.244.1.4'], 'fd00:10:244:1::2');
    expect([allocator.allocate(), allocator.allocate(), allocator.lastReserved]).toEqual(['fd00:10:244:1::4', 'fd00:10:244:1::5', 'fd00:10:244:1::5']);
  });

  it('never gives an address twice, and never one outside the range', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 30 }),
        fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 50 }),
        fc.integer({ min: 0, max: 300 }),
        (prefixLength, taken, last) => {
          const range = cidr(`10.9.0.0/${prefixLength}`);
          const used = taken.map((offset) => `10.9.0.${offset}`);
          const allocator = new HostLocalAllocator(range, used, `10.9.${Math.floor(last / 256)}.${last % 256}`);
          const given = new Set<string>();
          for (let i = 0; i < 300; i += 1) {
            const address = allocator.allocate();
            if (address === undefined) break;
            expect(given.has(address) || used.includes(address)).toBe(false);
            expect(range.numberOf(address)).toBeGreaterThanOrEqual(2);
            given.add(address);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
