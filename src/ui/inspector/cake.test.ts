import { describe, expect, it } from 'vitest';
import type { Layer } from '../../net/wire/packet.ts';
import { buildCake, type CakeBox } from './cake.ts';

const ethernet: Layer = { protocol: 'ethernet', src: 'aa:00:00:00:00:01', dst: 'aa:00:00:00:00:02', etherType: 0x0800 };
const ip = (dst: string, ttl: number): Layer => ({
  protocol: 'ipv4',
  src: '10.244.0.3',
  dst,
  ttl,
  tos: 0,
  id: 1,
  flags: 'DF',
  fragmentOffset: 0,
  totalBytes: 60,
  ipProtocol: 6,
});
const tcp: Layer = { protocol: 'tcp', sport: 41822, dport: 80, flags: 'SYN', seq: 1, ack: 0, window: 64860, options: 'mss 1410', payloadBytes: 0 };
const outer: readonly Layer[] = [
  { ...ethernet, src: 'bb:00:00:00:00:01', dst: 'bb:00:00:00:00:02' },
  { protocol: 'ipv4', src: '172.30.1.2', dst: '172.30.2.2', ttl: 64, tos: 0, id: 9, flags: '', fragmentOffset: 0, totalBytes: 110, ipProtocol: 17 },
  { protocol: 'udp', sport: 39104, dport: 8472, lengthBytes: 90 },
  { protocol: 'vxlan', vni: 1 },
];
const names = (mac: string) => (mac === 'aa:00:00:00:00:01' ? 'client/eth0' : undefined);

/** One line a box, indented by nesting: `*` added, `old→new` for what changed. */
function draw(boxes: readonly CakeBox[], depth = 0): string[] {
  return boxes.flatMap((box) => {
    const show = (value: CakeBox['from']) => (value === undefined ? '' : value.before === undefined ? value.text : `${value.before}⇒${value.text}`);
    return [`${'  '.repeat(depth)}${box.added ? '*' : ''}${box.title}: ${show(box.from)} > ${show(box.to)}`, ...draw(box.children, depth + 1)];
  });
}

describe('the layer cake', () => {
  it('nests layers and names the devices behind hardware addresses', () => {
    expect(draw(buildCake([ethernet, ip('10.97.253.216', 64), tcp], undefined, names).boxes)).toEqual([
      'Ethernet: client/eth0 > aa:00:00:00:00:02',
      '  IPv4: 10.244.0.3 > 10.97.253.216',
      '    TCP SYN: 41822 > 80',
    ]);
  });

  it('marks the address that DNAT wrote', () => {
    const cake = buildCake([ethernet, ip('10.244.1.4', 64), tcp], [ethernet, ip('10.97.253.216', 64), tcp], names);
    expect(draw(cake.boxes)[1]).toBe('  IPv4: 10.244.0.3 > 10.97.253.216⇒10.244.1.4');
    expect(cake.removed).toEqual([]);
  });

  it('puts a tunnel’s outer headers in one box around the inner frame, marked as added', () => {
    const inner = [ethernet, ip('10.244.1.4', 63), tcp];
    expect(draw(buildCake([...outer, ...inner], inner, names).boxes)).toEqual([
      '*Ethernet: bb:00:00:00:00:01 > bb:00:00:00:00:02',
      '*Outer IPv4 · UDP 8472 · VXLAN vni 1: 172.30.1.2 > 172.30.2.2',
      '  Ethernet: client/eth0 > aa:00:00:00:00:02',
      '    IPv4: 10.244.0.3 > 10.244.1.4',
      '      TCP SYN: 41822 > 80',
    ]);
  });

  it('names what decapsulation took off', () => {
    const inner = [ethernet, ip('10.244.1.4', 63), tcp];
    const cake = buildCake(inner, [...outer, ...inner], names);
    expect(cake.removed).toEqual(['Ethernet', 'IPv4', 'UDP', 'VXLAN vni 1']);
    expect(draw(cake.boxes).some((line) => line.includes('*'))).toBe(false);
  });
});
