import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidr, contains, formatCidr, formatIp4, ip4, maskOf, parseCidr, parseIp4 } from './ip4.ts';
import { BROADCAST_MAC, formatMac, isGroupMac, mac, parseMac } from './mac.ts';

describe('IPv4 addresses', () => {
  it('come back from text as they went', () => {
    fc.assert(fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (ip) => parseIp4(formatIp4(ip)) === ip));
  });

  it('agree with the arithmetic of their parts', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number];
        return ip4(text) >>> 0 === a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
      }),
    );
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '1..3.4', 'a.b.c.d', '1.2.3.-4', '1.2.3.4e0'])('refuse %j', (text) => {
    expect(parseIp4(text)).toBeUndefined();
  });

  it('never accept what the dotted form of the result does not say', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 16 }), (text) => {
        const value = parseIp4(text);
        return value === undefined || formatIp4(value) === text;
      }),
    );
  });
});

describe('prefixes', () => {
  it('clear the host bits of their network and keep the address', () => {
    expect(parseCidr('10.244.1.7/24')).toEqual({ address: ip4('10.244.1.7'), network: ip4('10.244.1.0'), prefixLength: 24 });
  });

  it('contain exactly the addresses with the same network bits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: 0, max: 32 }),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        (a, length, b) => {
          const network = a & maskOf(length);
          return contains(network, length, b) === ((b & maskOf(length)) === network) && cidr(formatCidr(network, length)).network === network;
        },
      ),
    );
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0/8', '10.0.0.0/-1'])('refuse %j', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});

describe('MAC addresses', () => {
  it('come back from text as they went', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: BROADCAST_MAC }), (value) => mac(formatMac(value)) === value));
  });

  it('know their group bit', () => {
    expect(isGroupMac(BROADCAST_MAC)).toBe(true);
    expect(isGroupMac(mac('01:00:5e:00:00:01'))).toBe(true);
    expect(isGroupMac(mac('0a:58:0a:f4:01:01'))).toBe(false);
    expect(parseMac('0a:58:0a:f4:01')).toBeUndefined();
  });
});
