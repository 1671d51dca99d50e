/** What rewriting a tunnel's outer packet does to its UDP checksum, and how the error is told. Linux: net/netfilter/nf_nat_proto.c, udp_manip_pkt; net/core/utils.c */
import { formatIp } from '../addr/ip.ts';
import { IP_PROTO_UDP, type Ip, NO_CHECKSUM, TUNNEL_WIREGUARD } from '../wire/packet.ts';
import type { Skb } from './skb.ts';

/** Sum of an address' 16-bit words. */
function wordsOf(ip: Ip): number {
  if (typeof ip === 'number') return ((ip >>> 16) & 0xffff) + (ip & 0xffff);
  let sum = 0;
  for (let rest = ip; rest > 0n; rest >>= 16n) sum += Number(rest & 0xffffn);
  return sum;
}

/** Folds to 16 bits of ones' complement, where -0 is 0. */
function fold(sum: number): number {
  const rest = sum % 0xffff;
  return rest < 0 ? rest + 0xffff : rest;
}

/** Somewhere inside of it a checksum is still left to a network card. */
function carriesPartial(outer: Skb): boolean {
  if (outer.tunnel === TUNNEL_WIREGUARD) return false;
  for (let inner = outer.inner; inner !== undefined; inner = inner.inner) if (inner.checksumPartial) return true;
  return false;
}

/**
 * A tunnel's outer packet got another address or port. Its checksum was finished already, for all that it carries (lco_csum()); but the skb says
 * CHECKSUM_PARTIAL, which is meant for the packet inside. inet_proto_csum_replace*() take it for the outer one: the address is counted as in a sum
 * that is not complemented yet, the port not at all. So the wire gets a wrong checksum, as we measured on Linux 6.18.
 */
export function spoilOuterChecksum(packet: Skb, ip: Ip, port: number, newIp: Ip, newPort: number): void {
  if (packet.protocol !== IP_PROTO_UDP || packet.inner === undefined || packet.checksumError === NO_CHECKSUM || !carriesPartial(packet)) return;
  packet.checksumError = fold(packet.checksumError + 2 * (wordsOf(ip) - wordsOf(newIp)) + port - newPort);
  // The first byte of the field, behind 20 bytes of IP header and 6 of UDP's.
  packet.corruptByte = packet.checksumError === 0 ? -1 : 26;
}

/** How the receiver's kernel tells of it. */
export const wrongChecksumText = (packet: Skb): string =>
  `UDP: bad checksum. From ${formatIp(packet.src)}:${packet.sport} to ${formatIp(packet.dst)}:${packet.dport}: the sender's NAT changed the outer packet while the checksum inside was still left to the card`;
