/** The examples of HAProxy's proxy-protocol.txt, and what nginx takes for none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIp, parseIp } from '../../addr/ip.ts';
import type { Endpoint } from '../definition.ts';
import { payloadBytes } from '../tls/layer.ts';
import { brokenHeaderText, proxyPreamble, readPreamble } from './proxy-protocol.ts';

const end = (ip: string, port: number): Endpoint => ({ ip: parseIp(ip) ?? 0, port });
const told = (bytes: string) => {
  const read = readPreamble(bytes);
  if (read === undefined) return 'broken';
  return `${read.from === undefined ? 'unknown' : `${formatIp(read.from.ip)} ${read.from.port}`}, ${read.length} bytes`;
};

describe('the PROXY protocol', () => {
  it('is a line in its first version', () => {
    expect(proxyPreamble(1, end('192.168.0.1', 56324), end('192.168.0.11', 443)).text).toBe('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n');
    expect(told('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\nGET / HTTP/1.1\r\n')).toBe('255.255.255.255 65535, 56 bytes');
    expect(told('PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n')).toBe('unknown, 59 bytes');
    expect(told('PROXY TCP6 2001:db8::7 2001:db8::1 40000 80\r\n')).toBe('2001:db8::7 40000, 45 bytes');
  });

  it('is a few bytes in its second', () => {
    const { octets = '' } = proxyPreamble(2, end('203.0.113.10', 43374), end('192.0.2.0', 80));
    expect([...octets].map((c) => (c.codePointAt(0) ?? 0).toString(16).padStart(2, '0')).join('')).toBe(
      '0d0a0d0a000d0a515549540a2111000ccb00710ac0000200a96e0050',
    );
    expect(told(octets)).toBe('203.0.113.10 43374, 28 bytes');
    // A health check of the balancer's own: LOCAL, no addresses.
    expect(told(`${octets.slice(0, 12)}\x20\0\0\0GET /`)).toBe('unknown, 16 bytes');
    expect(told(octets.slice(0, 20))).toBe('broken');
  });

  it.each([
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443',
    'PROXY TCP4 2001:db8::7 192.168.0.11 1 2\r\n',
    'PROXY TCP4 192.168.0.1 192.168.0.11 70000 443\r\n',
    '\x16\x03\x01',
    '',
  ])('is not %j', (bytes) => {
    expect(told(bytes)).toBe('broken');
  });

  it('comes out as it went in, whoever calls', () => {
    const ip = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.bigInt({ min: 1n << 64n, max: (1n << 128n) - 1n }));
    const port = fc.integer({ min: 0, max: 65535 });
    fc.assert(
      fc.property(fc.constantFrom(1 as const, 2 as const), ip, port, fc.string(), (version, from, number, rest) => {
        const bytes = payloadBytes(proxyPreamble(version, { ip: from, port: number }, { ip: from, port: 80 }));
        const read = readPreamble(bytes + rest);
        return read?.length === bytes.length && read.from?.port === number && formatIp(read.from.ip) === formatIp(from);
      }),
      { numRuns: 200 },
    );
  });

  it('is quoted by nginx up to the end of its line', () => {
    expect(brokenHeaderText('GET / HTTP/1.1\r\nHost: shop\r\n\r\n')).toBe('GET / HTTP/1.1');
  });
});
