import { describe, expect, it } from 'vitest';
import { macFromName } from './mac.ts';

describe('macFromName', () => {
  it('gives locally administered unicast addresses that do not collide among thousands of devices', () => {
    const macs = Array.from({ length: 5000 }, (_, i) => macFromName(`node01/netns/web-${i}.default/device/eth0`));
    expect(new Set(macs).size).toBe(5000);
    for (const mac of macs) expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
  });

  it('gives the same address for the same name', () => {
    expect(macFromName('a')).toBe(macFromName('a'));
    expect(macFromName('a')).not.toBe(macFromName('b'));
  });
});
