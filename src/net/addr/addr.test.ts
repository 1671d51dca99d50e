import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEndpoint, formatIp, inPrefix, ipHash, networkOf, parseIp, parseIpPrefix } from './ip.ts';
import { cidr, contains, formatCidr, formatIp4, ip4, maskOf, parseCidr, parseIp4 } from './ip4.ts';
import { contains6, eui64, formatIp6, ip6FromBytes, ip6ToBytes, linkLocalOf, maskOf6, multicastMac6, parseIp6, solicitedNode } from './ip6.ts';
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

const anyIp6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
/** Addresses as people write them have long runs of zeros, which is what the short form is about. */
const sparseIp6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((ip, group) => (ip << 16n) | BigInt(group), 0n));

describe('IPv6 addresses', () => {
  it('come back from text and from bytes as they went', () => {
    fc.assert(fc.property(fc.oneof(anyIp6, sparseIp6), (ip) => parseIp6(formatIp6(ip)) === ip && ip6FromBytes(ip6ToBytes(ip)) === ip));
  });

  it('mean the same in every notation', () => {
    fc.assert(fc.property(fc.ipV6(), (text) => parseIp6(text) !== undefined && parseIp6(formatIp6(parseIp6(text) as bigint)) === parseIp6(text.toUpperCase())));
  });

  it.each([
    ['FD00:10:244:0:0:0:0:5', 'fd00:10:244::5'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::ffff:a00:1', '::ffff:10.0.0.1'],
    ['::1:2', '::0.1.0.2'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ])('%s is printed %s', (text, canonical) => {
    expect(formatIp(parseIp(text) as bigint)).toBe(canonical);
  });

  it.each(['', ':', ':::', '1::2::3', '12345::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1.2.3', '1.2.3.4::', 'fe80::1%eth0', 'g::', '::1.2.3.256'])(
    'refuse %j',
    (text) => {
      expect(parseIp6(text)).toBeUndefined();
    },
  );

  it('contain exactly the addresses with the same network bits', () => {
    fc.assert(
      fc.property(anyIp6, fc.integer({ min: 0, max: 128 }), anyIp6, (a, length, b) => {
        const network = networkOf(a, length) as bigint;
        return contains6(network, length, b) === ((b & maskOf6(length)) === network) && contains6(network, length, a);
      }),
    );
  });

  it('are never in a prefix of the other family', () => {
    expect(inPrefix(0, 0, 0n)).toBe(false);
    expect(inPrefix(0n, 0, 0)).toBe(false);
    expect(parseIpPrefix('fd00:10:244::7/64')).toEqual({ address: parseIp('fd00:10:244::7'), network: parseIp('fd00:10:244::'), prefixLength: 64 });
    expect(parseIpPrefix('fd00::/129')).toBeUndefined();
    expect(parseIpPrefix('10.0.0.0/33')).toBeUndefined();
    expect(parseIpPrefix('10.0.0.7/24')?.network).toBe(ip4('10.0.0.0'));
  });

  it('give the addresses that a MAC and a target stand for', () => {
    // Seen on a real kernel for the MAC 0a:58:0a:f4:01:07.
    expect(formatIp6(linkLocalOf(mac('0a:58:0a:f4:01:07')))).toBe('fe80::858:aff:fef4:107');
    expect(formatIp6(eui64(mac('02:00:00:00:00:01')))).toBe('::ff:fe00:1');
    expect(formatIp6(solicitedNode(parseIp('fe80::858:aff:fef4:107') as bigint))).toBe('ff02::1:fff4:107');
    expect(formatMac(multicastMac6(parseIp('ff02::1:fff4:107') as bigint))).toBe('33:33:ff:f4:01:07');
  });

  it('stand in brackets before a port', () => {
    expect(formatEndpoint(parseIp('fd00::1') as bigint, 80)).toBe('[fd00::1]:80');
    expect(formatEndpoint(ip4('10.0.0.1'), 80)).toBe('10.0.0.1:80');
    expect(ipHash(ip4('10.0.0.1'))).toBe(ip4('10.0.0.1'));
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
