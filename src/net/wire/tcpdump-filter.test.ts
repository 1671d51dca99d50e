import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { blankPacket } from './new-packet.ts';
import type { Packet } from './packet.ts';
import { parseFilter } from './tcpdump-filter.ts';
import { matchesFilter } from './tcpdump-match.ts';
import { captured } from './testing/captured.ts';

const tcp = (flags = 2): Packet => ({
  ...blankPacket(),
  ethSrc: 0x0a580af40003,
  ethDst: 0x0a580af40001,
  src: ip4('10.244.0.3'),
  dst: ip4('10.244.1.4'),
  protocol: 6,
  sport: 40000,
  dport: 80,
  tcp: { flags, seq: 1, ack: 0, window: 1, options: {} },
});
const dns: Packet = { ...blankPacket(), src: ip4('10.244.0.3'), dst: ip4('10.96.0.10'), protocol: 17, sport: 50000, dport: 53, payload: { bytes: 40 } };
const icmp: Packet = { ...blankPacket(), src: ip4('10.244.0.3'), dst: ip4('10.244.1.4'), protocol: 1, icmp: { type: 8, code: 0, id: 1, sequence: 1 } };
const arp: Packet = {
  ...blankPacket(),
  etherType: 0x0806,
  ethDst: 0xffffffffffff,
  arp: { operation: 1, senderMac: 1, senderIp: ip4('10.244.0.3'), targetMac: 0, targetIp: ip4('10.244.0.1') },
};
const packets = { tcp: tcp(), dns, icmp, arp };

function passing(text: string): string {
  const result = parseFilter(text);
  if (!result.ok) return result.message;
  return Object.entries(packets)
    .filter(([, packet]) => matchesFilter(result.filter, captured(packet)))
    .map(([name]) => name)
    .join(' ');
}

describe('a capture filter', () => {
  it.each([
    ['', 'tcp dns icmp arp'],
    ['tcp', 'tcp'],
    ['udp', 'dns'],
    ['ip', 'tcp dns icmp'],
    ['arp or icmp', 'icmp arp'],
    ['ip6', ''],
    ['port 80', 'tcp'],
    ['port http or domain', 'tcp dns'],
    ['tcp port 53', ''],
    ['udp dst port 53', 'dns'],
    ['src port 53', ''],
    ['portrange 50-90', 'tcp dns'],
    ['host 10.244.1.4', 'tcp icmp'],
    ['host 10.244.0.1', 'arp'],
    ['src 10.244.0.3 and not dst 10.96.0.10', 'tcp icmp arp'],
    ['src host 10.244.0.3 && !(tcp || icmp)', 'dns arp'],
    ['net 10.96.0.0/12', 'dns'],
    ['net 10.244', 'tcp dns icmp arp'],
    ['dst net 10.244.1.0 mask 255.255.255.0', 'tcp icmp'],
    ['host 10.244.1.4 or 10.96.0.10', 'tcp dns icmp'],
    ['ip proto 17', 'dns'],
    ['ip proto \\tcp', 'tcp'],
    ['ether host 0a:58:0a:f4:00:01', 'tcp'],
    ['broadcast', 'arp'],
    ['tcp[tcpflags] & tcp-syn != 0', 'tcp'],
    ['tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn', 'tcp'],
    ['(tcp[13] & 4) != 0', ''],
    ['icmp[icmptype] = icmp-echo', 'icmp'],
    ['ip[16:4] = 0x0a60000a', 'dns'],
    ['greater 60 or less 41', 'dns'],
    ['not port 80 and not arp and udp', 'dns'],
  ])('%j lets through: %s', (text, expected) => {
    expect(passing(text)).toBe(expected);
  });

  it.each([
    ['tcp and', "can't parse filter expression: syntax error"],
    ['foo', "can't parse filter expression: syntax error"],
    ['(tcp', "can't parse filter expression: syntax error"],
    ['tcp)', "can't parse filter expression: syntax error"],
    ['port', "can't parse filter expression: syntax error"],
    ['port 70000', 'illegal port number 70000 > 65535'],
    ['port nonsense', "unknown port 'nonsense'"],
    ['host web', "unknown host 'web'"],
    ['net 10.244.0.1/16', 'non-network bits set in "10.244.0.1/16"'],
    ['tcp[1', "can't parse filter expression: syntax error"],
  ])('%j is refused: %s', (text, message) => {
    expect(parseFilter(text)).toEqual({ ok: false, message });
  });

  it('is parsed or refused, whatever the text', () => {
    const word = fc.constantFrom(
      'tcp',
      'udp',
      'and',
      'or',
      'not',
      '(',
      ')',
      'host',
      '10.0.0.1',
      'port',
      '80',
      'src',
      'dst',
      '[',
      ']',
      '&',
      '!=',
      '13',
      'net',
      '!',
      'len',
      '<',
      'broadcast',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word, { maxLength: 14 }).map((words) => words.join(' ')),
          fc.string({ maxLength: 40 }),
        ),
        (text) => {
          const result = parseFilter(text);
          if (result.ok) for (const packet of Object.values(packets)) expect(typeof matchesFilter(result.filter, captured(packet))).toBe('boolean');
          else expect(result.message).not.toBe('');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('nests deeply without hanging', () => {
    expect(parseFilter(`${'('.repeat(99)}tcp${')'.repeat(99)}`).ok).toBe(true);
    expect(parseFilter(`${'('.repeat(2000)}tcp`).ok).toBe(false);
  });
});
