/** Tunnels whose outer packet was translated: the checksums that Linux 6.18 sent, as tcpdump printed them (`bad udp cksum 0xae0b -> 0x48ea!`). */
import { describe, expect, it } from 'vitest';
import { parseIp } from '../addr/ip.ts';
import type { Ip } from '../wire/packet.ts';
import { IP_PROTO_TCP, IP_PROTO_UDP, NO_CHECKSUM, TUNNEL_VXLAN } from '../wire/packet.ts';
import { spoilOuterChecksum } from './checksum.ts';
import { Skb } from './skb.ts';

const ip = (text: string): Ip => parseIp(text) as Ip;

function outer(partial: boolean): Skb {
  const inner = new Skb(1);
  inner.protocol = IP_PROTO_TCP;
  inner.checksumPartial = partial;
  const packet = new Skb(1);
  packet.protocol = IP_PROTO_UDP;
  packet.tunnel = TUNNEL_VXLAN;
  packet.inner = inner;
  return packet;
}

/** What stands in the field where `right` should. */
function sent(packet: Skb, right: number): number {
  const sum = (~right & 0xffff) + packet.checksumError;
  return ~(sum > 0xffff ? (sum & 0xffff) + 1 : sum) & 0xffff;
}

describe('a tunnel packet that NAT changes', () => {
  it('keeps the checksum of its old port while the packet inside waits for the card', () => {
    const packet = outer(true);
    spoilOuterChecksum(packet, ip('192.168.77.1'), 44022, ip('192.168.77.1'), 4376);
    expect(sent(packet, 0x48ea)).toBe(0xae0b);
    expect(packet.corruptByte).toBe(26);
  });

  it('has the address counted the wrong way round', () => {
    const packet = outer(true);
    spoilOuterChecksum(packet, ip('192.168.77.1'), 56693, ip('192.168.77.9'), 5229);
    expect(sent(packet, 0xabed)).toBe(0xe2f4);
  });

  it('is right again where the change is taken back', () => {
    const packet = outer(true);
    spoilOuterChecksum(packet, ip('192.168.77.1'), 44022, ip('192.168.77.9'), 4376);
    spoilOuterChecksum(packet, ip('192.168.77.9'), 4376, ip('192.168.77.1'), 44022);
    expect([packet.checksumError, packet.corruptByte]).toEqual([0, -1]);
  });

  it('is right where the checksum inside is there already, and where the tunnel sends none', () => {
    const finished = outer(false);
    const none = outer(true);
    none.checksumError = NO_CHECKSUM;
    for (const packet of [finished, none]) {
      spoilOuterChecksum(packet, ip('192.168.77.1'), 44022, ip('192.168.77.1'), 4376);
      expect(packet.corruptByte).toBe(-1);
    }
  });
});
