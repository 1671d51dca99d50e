/** What stands before and around IP packets: VLAN tags, Geneve, IP in IP, WireGuard; golden lines are tcpdump 4.99's for the same bytes. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip4 } from '../addr/ip4.ts';
import { decodeFrame, decodeRaw } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { layersOf } from './layers.ts';
import { frameBytes, ipBytes } from './lengths.ts';
import { blankPacket } from './new-packet.ts';
import { type Packet, TUNNEL_GENEVE, TUNNEL_IPIP, TUNNEL_VXLAN, TUNNEL_WIREGUARD } from './packet.ts';
import { newTcpdumpState, tcpdumpLines } from './tcpdump/lines.ts';
import type { TcpdumpOptions } from './tcpdump/view.ts';
import { captured } from './testing/captured.ts';
import { decodeWireguard, encodeWireguard, WIREGUARD_INITIATION_BYTES, WIREGUARD_RESPONSE_BYTES } from './wireguard-message.ts';

function echo(): Packet {
  const packet = blankPacket();
  packet.ethSrc = 0x020000000001;
  packet.ethDst = 0x020000000002;
  packet.src = ip4('10.0.0.1');
  packet.dst = ip4('10.0.0.2');
  packet.ipId = 1;
  packet.protocol = 1;
  packet.icmp = { type: 8, code: 0, id: 7, sequence: 1 };
  packet.payload = { bytes: 8 };
  return packet;
}

function outer(protocol: number, inner: Packet | undefined, fields: Partial<Packet> = {}): Packet {
  const packet = blankPacket();
  packet.ethSrc = 0x020000000001;
  packet.ethDst = 0x020000000002;
  packet.src = ip4('172.16.0.1');
  packet.dst = ip4('172.16.0.2');
  packet.ipId = 1;
  packet.protocol = protocol;
  packet.inner = inner;
  return Object.assign(packet, fields);
}

const raw = (): Packet => Object.assign(echo(), { raw: true, ethSrc: 0, ethDst: 0 });
const geneve = (): Packet => outer(17, echo(), { tunnel: TUNNEL_GENEVE, vni: 1, sport: 40000, dport: 6081 });
const ipip = (): Packet => outer(4, raw(), { tunnel: TUNNEL_IPIP });
const wireguard = (inner?: Packet): Packet =>
  outer(17, inner, {
    tunnel: TUNNEL_WIREGUARD,
    sport: 51820,
    dport: 51820,
    payload: { bytes: 80, wireguard: { type: 4, sender: 0, receiver: 0x1234, counter: 5 } },
  });

const lines = (packet: Packet, options: Partial<TcpdumpOptions> = {}): string =>
  tcpdumpLines(captured(packet), { numeric: true, verbosity: 0, link: false, time: 'none', epochMs: 0, ...options }, newTcpdumpState());

describe('tcpdump', () => {
  it('shows VLAN tags with -e only, each with the type that follows it', () => {
    const tagged = { ...echo(), vlan: 10 };
    expect(lines(tagged)).toBe('IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n');
    expect(lines(tagged, { link: true })).toBe(
      '02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 802.1Q (0x8100), length 54: vlan 10, p 0, ethertype IPv4 (0x0800), 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n',
    );
    expect(lines({ ...echo(), vlan: 20 * 65536 + 0x600a }, { link: true })).toContain(
      'length 58: vlan 10, p 3, ethertype 802.1Q (0x8100), vlan 20, p 0, ethertype IPv4 (0x0800), 10.0.0.1',
    );
    expect(lines(tagged, { link: true, quiet: true })).toContain('00:02, 802.1Q, length 54: vlan 10, p 0, IPv4, 10.0.0.1');
  });

  it('reads Geneve and IP in IP, and no further than UDP into WireGuard', () => {
    expect(lines(geneve())).toBe(
      'IP 172.16.0.1.40000 > 172.16.0.2.6081: Geneve, Flags [none], vni 0x1: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n',
    );
    expect(lines(geneve(), { link: true })).toBe(
      '02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 100: 172.16.0.1.40000 > 172.16.0.2.6081: Geneve, Flags [none], vni 0x1, proto TEB (0x6558): 02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 50: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n',
    );
    expect(lines(ipip())).toBe('IP 172.16.0.1 > 172.16.0.2: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n');
    expect(lines(ipip(), { verbosity: 1 })).toBe(
      'IP (tos 0x0, ttl 64, id 1, offset 0, flags [none], proto IPIP (4), length 56)\n    172.16.0.1 > 172.16.0.2: IP (tos 0x0, ttl 64, id 1, offset 0, flags [none], proto ICMP (1), length 36)\n    10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n',
    );
    expect(lines(wireguard(raw()))).toBe('IP 172.16.0.1.51820 > 172.16.0.2.51820: UDP, length 80\n');
    expect(lines(raw(), { link: true })).toBe('ip: 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 16\n');
  });
});

describe('on the wire', () => {
  it('a Geneve tunnel costs 50 bytes, IP in IP 20, WireGuard 60 and padding', () => {
    const inside = frameBytes(echo()) - 14;
    expect(ipBytes(geneve()) - inside).toBe(50);
    expect(ipBytes(ipip()) - inside).toBe(20);
    // 36 bytes are padded to 48.
    expect(ipBytes(wireguard(raw()))).toBe(48 + 60);
    expect(encodeFrame(wireguard(raw())).length).toBe(14 + 108);
  });

  it('says the same bytes after decoding and encoding again', () => {
    const tag = fc.integer({ min: 1, max: 0xffff });
    const vlan = fc.oneof(
      fc.constant(0),
      tag,
      fc.tuple(tag, tag).map(([low, high]) => high * 65536 + low),
    );
    const frame = fc
      .tuple(vlan, fc.constantFrom('vxlan' as const, 'geneve' as const, 'ipip' as const, 'none' as const), fc.integer({ min: 0, max: 0xffffff }))
      .map(([tags, kind, vni]): Packet => {
        if (kind === 'none') return { ...echo(), vlan: tags };
        if (kind === 'ipip') return { ...ipip(), vlan: tags };
        const inner = { ...echo(), vlan: 7 };
        return outer(17, inner, {
          vlan: tags,
          vni,
          sport: 4000,
          dport: kind === 'geneve' ? 6081 : 8472,
          tunnel: kind === 'geneve' ? TUNNEL_GENEVE : TUNNEL_VXLAN,
        });
      });
    fc.assert(
      fc.property(frame, (packet) => {
        const bytes = encodeFrame(packet);
        expect(bytes.length).toBe(frameBytes(packet));
        const decoded = decodeFrame(bytes);
        expect(decoded === undefined ? undefined : layersOf(decoded)).toEqual(layersOf(packet));
        expect(decoded === undefined ? undefined : encodeFrame(decoded)).toEqual(bytes);
      }),
    );
    const bare = encodeFrame(raw());
    expect(encodeFrame(decodeRaw(bare) ?? blankPacket())).toEqual(bare);
  });

  it('WireGuard messages keep their clear fields, and what is encrypted never shows', () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(u32, u32, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), fc.integer({ min: 0, max: 90 }), (sender, receiver, counter, blocks) => {
        const initiation = { type: 1, sender, receiver: 0, counter: 0 } as const;
        const response = { type: 2, sender, receiver, counter: 0 } as const;
        const data = { type: 4, sender: 0, receiver, counter } as const;
        expect(decodeWireguard(encodeWireguard(initiation, WIREGUARD_INITIATION_BYTES))).toEqual(initiation);
        expect(decodeWireguard(encodeWireguard(response, WIREGUARD_RESPONSE_BYTES))).toEqual(response);
        expect(decodeWireguard(encodeWireguard(data, 32 + 16 * blocks))).toEqual(data);
      }),
    );
    expect(encodeFrame(wireguard(raw()))).toEqual(encodeFrame(wireguard()));
    expect(layersOf(wireguard(raw())).map((layer) => layer.protocol)).toEqual(['ethernet', 'ipv4', 'udp', 'wireguard', 'ipv4', 'icmp', 'data']);
    expect(decodeFrame(encodeFrame(wireguard(raw())))?.inner).toBeUndefined();
  });
});
