/** How long things are on the wire, exactly: TCP options, datagrams, IP packets, frames. */
import { neighborBodyBytes } from './icmp6.ts';
import { ETHERTYPE_ARP, IP_PROTO_UDP, type Packet, type TcpOptions, TUNNEL_IPIP, TUNNEL_WIREGUARD } from './packet.ts';
import { IP_PROTO_SCTP, sctpBytes } from './sctp.ts';

export const ETHERNET_HEADER_BYTES = 14;
export const ARP_BYTES = 28;
export const IPV4_HEADER_BYTES = 20;
export const IPV6_HEADER_BYTES = 40;
export const FRAGMENT6_HEADER_BYTES = 8;
export const UDP_HEADER_BYTES = 8;
export const TCP_HEADER_BYTES = 20;
export const ICMP_HEADER_BYTES = 8;
export const VXLAN_HEADER_BYTES = 8;
/** Without options, which Linux sends only where something asks for them. */
export const GENEVE_HEADER_BYTES = 8;
/** Type, receiver index, counter, and behind the data its authentication tag. */
export const WIREGUARD_DATA_BYTES = 32;
export const VLAN_TAG_BYTES = 4;

/** Linux keeps an ICMP error within 576 bytes in all, so that much of the packet it is about fits (RFC 1812 section 4.3.2.3). */
export const ICMP_QUOTE_LIMIT_BYTES = 576 - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES;
/** An ICMPv6 error with its IPv6 header fits the smallest MTU (RFC 4443 section 2.4). */
export const ICMP6_QUOTE_LIMIT_BYTES = 1280 - IPV6_HEADER_BYTES - ICMP_HEADER_BYTES;

/** Bytes of the options with the padding Linux writes (net/ipv4/tcp_output.c, tcp_options_write): SACK-permitted shares the timestamps' padding. */
export function tcpOptionsBytes(options: TcpOptions): number {
  let bytes = 0;
  if (options.mss !== undefined) bytes += 4;
  if (options.timestamps !== undefined) bytes += 12;
  else if (options.sackPermitted === true) bytes += 4;
  if (options.windowScale !== undefined) bytes += 4;
  if (options.sack !== undefined) bytes += 4 + 8 * options.sack.length;
  return bytes;
}

/** Everything behind the IP header. */
export function transportBytes(packet: Packet): number {
  return packet.fragmentBytes !== undefined && packet.fragmentBytes > 0 ? packet.fragmentBytes : datagramBytes(packet);
}

/** Transport header and payload of the whole datagram, also where the packet is one of its fragments. */
export function datagramBytes(packet: Packet): number {
  const payload = packet.payload === undefined ? 0 : packet.payload.bytes;
  if (packet.tcp !== undefined) return TCP_HEADER_BYTES + tcpOptionsBytes(packet.tcp.options) + payload;
  if (packet.inner !== undefined && packet.tunnel !== TUNNEL_WIREGUARD) {
    if (packet.tunnel === TUNNEL_IPIP) return ipBytes(packet.inner);
    // VXLAN and Geneve have headers of one length.
    return UDP_HEADER_BYTES + VXLAN_HEADER_BYTES + frameBytes(packet.inner);
  }
  if (packet.icmp !== undefined) {
    const { quoted, neighbor } = packet.icmp;
    if (neighbor !== undefined) return ICMP_HEADER_BYTES + neighborBodyBytes(packet.icmp.type, neighbor);
    return ICMP_HEADER_BYTES + (quoted === undefined ? payload : quotedBytes(quoted));
  }
  if (packet.protocol === IP_PROTO_UDP) return UDP_HEADER_BYTES + payload;
  return packet.protocol === IP_PROTO_SCTP && packet.sctp !== undefined ? sctpBytes(packet) : payload;
}

/** As much of a packet as an ICMP error quotes. */
export function quotedBytes(quoted: Packet): number {
  return Math.min(typeof quoted.dst === 'bigint' ? ICMP6_QUOTE_LIMIT_BYTES : ICMP_QUOTE_LIMIT_BYTES, ipBytes(quoted));
}

/** The IP header, with IPv6's fragment header where there is one. */
export function ipHeaderBytes(packet: Packet): number {
  if (typeof packet.dst === 'number') return IPV4_HEADER_BYTES;
  return isFragment(packet) ? IPV6_HEADER_BYTES + FRAGMENT6_HEADER_BYTES : IPV6_HEADER_BYTES;
}

/** IPv4's total length; IPv6's payload length and its header. */
export function ipBytes(packet: Packet): number {
  return ipHeaderBytes(packet) + transportBytes(packet);
}

/** Of all tags of a frame. */
export function vlanBytes(packet: Packet): number {
  const { vlan } = packet;
  if (vlan === undefined || vlan === 0) return 0;
  return vlan > 0xffff ? 2 * VLAN_TAG_BYTES : VLAN_TAG_BYTES;
}

/** What stands before the IP or ARP packet: nothing on a device without link-layer addresses. */
export function linkBytes(packet: Packet): number {
  if (packet.raw === true) return 0;
  return packet.vlan ? ETHERNET_HEADER_BYTES + vlanBytes(packet) : ETHERNET_HEADER_BYTES;
}

/** Ethernet header included, without preamble and check sequence, and without padding to 60 bytes (as virtual devices leave it). */
export function frameBytes(packet: Packet): number {
  return linkBytes(packet) + (packet.etherType === ETHERTYPE_ARP ? ARP_BYTES : ipBytes(packet));
}

/** Part of a datagram only. */
export function isFragment(packet: Packet): boolean {
  return packet.moreFragments || packet.fragmentOffset > 0;
}
