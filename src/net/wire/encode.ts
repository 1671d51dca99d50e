/** A whole frame as bytes, with right lengths and checksums: what a pcap file holds. */
import { ip6ToBytes } from '../addr/ip6.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { dnsMessageBytes, encodeDns } from './dns-codec.ts';
import { putNeighborMessage } from './icmp6.ts';
import {
  ARP_BYTES,
  datagramBytes,
  frameBytes,
  ICMP_HEADER_BYTES,
  ICMP_QUOTE_LIMIT_BYTES,
  ICMP6_QUOTE_LIMIT_BYTES,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  ipBytes,
  ipHeaderBytes,
  isFragment,
  linkBytes,
  TCP_HEADER_BYTES,
  tcpOptionsBytes,
  UDP_HEADER_BYTES,
  VXLAN_HEADER_BYTES,
} from './lengths.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_VLAN,
  type IcmpMessage,
  IP_PROTO_FRAGMENT6,
  IP_PROTO_ICMP6,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  type Ip,
  type Mac,
  NO_CHECKSUM,
  type Packet,
  type Payload,
  type TcpHeader,
  TUNNEL_GENEVE,
  TUNNEL_IPIP,
  TUNNEL_WIREGUARD,
} from './packet.ts';
import { encodeSctp } from './sctp.ts';
import { encodeUtf8 } from './utf8.ts';
import { encodeWireguard } from './wireguard-message.ts';

const NOTHING = new Uint8Array(0);

/** The Ethernet frame without check sequence, not padded; the bare IP packet where the device has no Ethernet header. */
export function encodeFrame(packet: Packet): Uint8Array {
  const out = new Uint8Array(frameBytes(packet));
  const at = linkBytes(packet);
  if (at > 0) {
    putMac(out, 0, packet.ethDst);
    putMac(out, 6, packet.ethSrc);
    putTags(out, packet.vlan ?? 0);
    put16(out, at - 2, packet.etherType);
  }
  if (packet.etherType === ETHERTYPE_ARP) putArp(out, at, packet);
  else out.set(encodeIp(packet), at);
  return out;
}

/**
 * The frame as a tap sees it: where a checksum is left to the network card (CHECKSUM_PARTIAL) its field holds the sum of the pseudo header. A tunnel's own
 * checksum is then right for the packet that will have been completed (Linux: net/ipv4/udp.c, udp_set_csum).
 */
export function encodeTapped(packet: Packet): Uint8Array {
  const out = encodeFrame(packet);
  putPartial(out, 0, packet);
  return out;
}

function putPartial(out: Uint8Array, start: number, packet: Packet): void {
  const at = start + linkBytes(packet) + ipHeaderBytes(packet);
  const { inner } = packet;
  const carries = inner !== undefined && packet.tunnel !== TUNNEL_WIREGUARD;
  if (carries && hasPartial(inner)) {
    putPartial(out, packet.tunnel === TUNNEL_IPIP ? at : at + UDP_HEADER_BYTES + VXLAN_HEADER_BYTES, inner);
    return;
  }
  if (packet.checksumPartial !== true || isFragment(packet) || (packet.tcp === undefined && packet.protocol !== IP_PROTO_UDP)) return;
  const sum = finishChecksum(pseudoSum(packet, packet.protocol, datagramBytes(packet)));
  put16(out, at + (packet.tcp === undefined ? 6 : 16), ~sum & 0xffff);
}

function hasPartial(packet: Packet): boolean {
  if (packet.inner !== undefined && packet.tunnel !== TUNNEL_WIREGUARD && hasPartial(packet.inner)) return true;
  return packet.checksumPartial === true && !isFragment(packet);
}

/** IEEE 802.1Q section 9.6: each tag is its EtherType and 16 bits, the outermost first. */
function putTags(out: Uint8Array, vlan: number): void {
  let at = 12;
  for (let tags = vlan; tags !== 0; tags >>>= 16) {
    put16(out, at, ETHERTYPE_VLAN);
    put16(out, at + 2, tags & 0xffff);
    at += 4;
  }
}

/** The IP packet; for a fragment, its part of the datagram behind the IP header. */
export function encodeIp(packet: Packet): Uint8Array {
  if (typeof packet.src === 'bigint' || typeof packet.dst === 'bigint') return encodeIp6(packet);
  const out = new Uint8Array(ipBytes(packet));
  out[0] = 0x45;
  out[1] = packet.tos;
  put16(out, 2, out.length);
  put16(out, 4, packet.ipId);
  put16(out, 6, (packet.dontFragment ? 0x4000 : 0) | (packet.moreFragments ? 0x2000 : 0) | (packet.fragmentOffset >> 3));
  out[8] = packet.ttl;
  out[9] = packet.protocol;
  put32(out, 12, packet.src);
  put32(out, 16, packet.dst);
  put16(out, 10, finishChecksum(sumWords(out, 0, IPV4_HEADER_BYTES)));
  const datagram = encodeDatagram(packet);
  if (isFragment(packet)) out.set(datagram.subarray(packet.fragmentOffset, packet.fragmentOffset + out.length - IPV4_HEADER_BYTES), IPV4_HEADER_BYTES);
  else out.set(datagram, IPV4_HEADER_BYTES);
  return out;
}

/** RFC 8200 section 3 and, for a fragment, 4.5. */
function encodeIp6(packet: Packet): Uint8Array {
  const out = new Uint8Array(ipBytes(packet));
  const fragment = isFragment(packet);
  put32(out, 0, 0x60000000 | (packet.tos << 20) | ((packet.flowLabel ?? 0) & 0xfffff));
  put16(out, 4, out.length - IPV6_HEADER_BYTES);
  out[6] = fragment ? IP_PROTO_FRAGMENT6 : packet.protocol;
  out[7] = packet.ttl;
  out.set(ip6ToBytes(BigInt(packet.src)), 8);
  out.set(ip6ToBytes(BigInt(packet.dst)), 24);
  const datagram = encodeDatagram(packet);
  if (!fragment) {
    out.set(datagram, IPV6_HEADER_BYTES);
    return out;
  }
  out[IPV6_HEADER_BYTES] = packet.protocol;
  put16(out, IPV6_HEADER_BYTES + 2, packet.fragmentOffset | (packet.moreFragments ? 1 : 0));
  put32(out, IPV6_HEADER_BYTES + 4, packet.ipId);
  const at = ipHeaderBytes(packet);
  out.set(datagram.subarray(packet.fragmentOffset, packet.fragmentOffset + out.length - at), at);
  return out;
}

/** Transport header and payload, checksummed. */
export function encodeDatagram(packet: Packet): Uint8Array {
  const out = new Uint8Array(datagramBytes(packet));
  if (packet.tcp !== undefined) putTcp(out, packet, packet.tcp);
  else if (packet.icmp !== undefined) putIcmp(out, packet, packet.icmp);
  else if (packet.inner !== undefined && packet.tunnel === TUNNEL_IPIP) out.set(encodeIp(packet.inner), 0);
  else if (packet.protocol === IP_PROTO_UDP) putUdp(out, packet);
  else if (packet.sctp !== undefined)
    return encodeSctp(packet, packet.payload === undefined ? NOTHING : payloadBytes(packet.payload), typeof packet.dst === 'bigint');
  else if (packet.payload !== undefined) out.set(payloadBytes(packet.payload), 0);
  return out;
}

/** The bytes of a payload; one without a meaning is the pattern 00 01 02 … that ping sends. */
export function payloadBytes(payload: Payload): Uint8Array {
  if (payload.dns !== undefined) return encodeDns(payload.dns, dnsMessageBytes(payload.dns) !== payload.bytes);
  if (payload.wireguard !== undefined) return encodeWireguard(payload.wireguard, payload.bytes);
  const out = new Uint8Array(payload.bytes);
  if (payload.text !== undefined) out.set(encodeUtf8(payload.text).subarray(0, payload.bytes));
  else if (payload.octets !== undefined) for (let i = 0; i < out.length; i += 1) out[i] = payload.octets.charCodeAt(i) & 255;
  else for (let i = 0; i < out.length; i += 1) out[i] = i & 255;
  return out;
}

function putArp(out: Uint8Array, at: number, packet: Packet): void {
  const arp = packet.arp;
  if (arp === undefined) return;
  put16(out, at, 1);
  put16(out, at + 2, 0x0800);
  out[at + 4] = 6;
  out[at + 5] = 4;
  put16(out, at + 6, arp.operation);
  putMac(out, at + 8, arp.senderMac);
  put32(out, at + 14, arp.senderIp);
  putMac(out, at + 18, arp.targetMac);
  put32(out, at + ARP_BYTES - 4, arp.targetIp);
}

function putTcp(out: Uint8Array, packet: Packet, tcp: TcpHeader): void {
  const optionsBytes = tcpOptionsBytes(tcp.options);
  put16(out, 0, packet.sport);
  put16(out, 2, packet.dport);
  put32(out, 4, tcp.seq);
  put32(out, 8, tcp.ack);
  out[12] = ((TCP_HEADER_BYTES + optionsBytes) >> 2) << 4;
  out[13] = tcp.flags;
  put16(out, 14, tcp.window);
  putTcpOptions(out, TCP_HEADER_BYTES, tcp);
  if (packet.payload !== undefined) out.set(payloadBytes(packet.payload), TCP_HEADER_BYTES + optionsBytes);
  put16(out, 16, finishChecksum(sumWords(out, 0, out.length, pseudoSum(packet, IP_PROTO_TCP, out.length))));
}

function putTcpOptions(out: Uint8Array, start: number, tcp: TcpHeader): void {
  const { mss, sackPermitted, timestamps, windowScale, sack } = tcp.options;
  let at = start;
  if (mss !== undefined) {
    out[at] = 2;
    out[at + 1] = 4;
    put16(out, at + 2, mss);
    at += 4;
  }
  if (timestamps !== undefined) {
    out[at] = sackPermitted === true ? 4 : 1;
    out[at + 1] = sackPermitted === true ? 2 : 1;
    out[at + 2] = 8;
    out[at + 3] = 10;
    put32(out, at + 4, timestamps.value);
    put32(out, at + 8, timestamps.echo);
    at += 12;
  } else if (sackPermitted === true) {
    out.set([1, 1, 4, 2], at);
    at += 4;
  }
  if (windowScale !== undefined) {
    out.set([1, 3, 3, windowScale], at);
    at += 4;
  }
  if (sack === undefined) return;
  out.set([1, 1, 5, 2 + 8 * sack.length], at);
  at += 4;
  for (const [left, right] of sack) {
    put32(out, at, left);
    put32(out, at + 4, right);
    at += 8;
  }
}

function putUdp(out: Uint8Array, packet: Packet): void {
  put16(out, 0, packet.sport);
  put16(out, 2, packet.dport);
  put16(out, 4, out.length);
  if (packet.inner !== undefined && packet.tunnel !== TUNNEL_WIREGUARD) {
    // RFC 7348 section 5: the I flag, a reserved field, 24 bits of VNI, a reserved byte.
    // RFC 8926 section 3.4: version and no options, no flags, Trans Ether Bridging, 24 bits of VNI, a reserved byte.
    if (packet.tunnel === TUNNEL_GENEVE) put16(out, UDP_HEADER_BYTES + 2, 0x6558);
    else out[UDP_HEADER_BYTES] = 0x08;
    put32(out, UDP_HEADER_BYTES + 4, packet.vni << 8);
    out.set(encodeFrame(packet.inner), UDP_HEADER_BYTES + VXLAN_HEADER_BYTES);
  } else if (packet.payload !== undefined) out.set(payloadBytes(packet.payload), UDP_HEADER_BYTES);
  // Over IPv4 a Geneve device sends none unless it is told to (Linux: drivers/net/geneve.c); over IPv6 there must be one.
  if (packet.inner !== undefined && packet.tunnel === TUNNEL_GENEVE && typeof packet.src === 'number') return;
  const { checksumError = 0 } = packet;
  if (checksumError === NO_CHECKSUM) return;
  const checksum = finishChecksum(sumWords(out, 0, out.length, pseudoSum(packet, IP_PROTO_UDP, out.length) + checksumError));
  // RFC 768: zero means "none", so a sum of zero is sent as all ones.
  put16(out, 6, checksum === 0 ? 0xffff : checksum);
}

function putIcmp(out: Uint8Array, packet: Packet, icmp: IcmpMessage): void {
  if (packet.protocol === IP_PROTO_ICMP6) {
    putIcmp6(out, packet, icmp);
    return;
  }
  const { payload } = packet;
  out[0] = icmp.type;
  out[1] = icmp.code;
  if (icmp.type === 5) put32(out, 4, icmp.id);
  else if (icmp.quoted !== undefined) put16(out, 6, icmp.mtu ?? 0);
  else {
    put16(out, 4, icmp.id);
    put16(out, 6, icmp.sequence);
  }
  if (icmp.quoted !== undefined) out.set(encodeIp(icmp.quoted).subarray(0, ICMP_QUOTE_LIMIT_BYTES), ICMP_HEADER_BYTES);
  else if (payload !== undefined) out.set(payloadBytes(payload), ICMP_HEADER_BYTES);
  put16(out, 2, finishChecksum(sumWords(out, 0, out.length)));
}

/** RFC 4443 section 2.3: the checksum counts the addresses too. */
function putIcmp6(out: Uint8Array, packet: Packet, icmp: IcmpMessage): void {
  out[0] = icmp.type;
  out[1] = icmp.code;
  if (icmp.neighbor !== undefined) putNeighborMessage(out, icmp.type, icmp.neighbor);
  else if (icmp.quoted !== undefined) {
    put32(out, 4, icmp.mtu ?? icmp.pointer ?? 0);
    out.set(encodeIp(icmp.quoted).subarray(0, ICMP6_QUOTE_LIMIT_BYTES), ICMP_HEADER_BYTES);
  } else {
    put16(out, 4, icmp.id);
    put16(out, 6, icmp.sequence);
    if (packet.payload !== undefined) out.set(payloadBytes(packet.payload), ICMP_HEADER_BYTES);
  }
  put16(out, 2, finishChecksum(sumWords(out, 0, out.length, pseudoSum(packet, IP_PROTO_ICMP6, out.length))));
}

/** RFC 9293 section 3.1, RFC 768: addresses, protocol and length count too. */
function pseudoSum(packet: Packet, protocol: number, length: number): number {
  return addressSum(packet.src) + addressSum(packet.dst) + protocol + length;
}

function addressSum(ip: Ip): number {
  if (typeof ip === 'bigint') return sumWords(ip6ToBytes(ip), 0, 16);
  return (ip >>> 16) + (ip & 0xffff);
}

function put16(out: Uint8Array, at: number, value: number): void {
  out[at] = (value >> 8) & 255;
  out[at + 1] = value & 255;
}

function put32(out: Uint8Array, at: number, value: number): void {
  out[at] = (value >>> 24) & 255;
  out[at + 1] = (value >>> 16) & 255;
  out[at + 2] = (value >>> 8) & 255;
  out[at + 3] = value & 255;
}

function putMac(out: Uint8Array, at: number, mac: Mac): void {
  put16(out, at, Math.floor(mac / 0x100000000));
  put32(out, at + 2, mac >>> 0);
}
