/** Bytes back to a packet: Ethernet with VLAN tags, ARP, IPv4, IPv6, TCP, UDP, ICMP, VXLAN, Geneve, IP in IP, DNS; the inverse of encode.ts for frames that it can make. */
import { ip6FromBytes } from '../addr/ip6.ts';
import { bytesToText } from './binary-text.ts';
import { finishChecksum, sumWords } from './checksum.ts';
import { decodeDns } from './dns-codec.ts';
import { decodeNeighborMessage, ICMP6_PARAMETER, ICMP6_TOO_BIG, isIcmp6Error, isNeighborDiscovery } from './icmp6.ts';
import {
  ETHERNET_HEADER_BYTES,
  FRAGMENT6_HEADER_BYTES,
  GENEVE_HEADER_BYTES,
  ICMP_HEADER_BYTES,
  IPV4_HEADER_BYTES,
  IPV6_HEADER_BYTES,
  TCP_HEADER_BYTES,
  UDP_HEADER_BYTES,
  VXLAN_HEADER_BYTES,
} from './lengths.ts';
import { blankPacket } from './new-packet.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_VLAN,
  IP_PROTO_FRAGMENT6,
  IP_PROTO_ICMP,
  IP_PROTO_ICMP6,
  IP_PROTO_IPIP,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  type Mac,
  type Packet,
  type Payload,
  type TcpOptions,
  TUNNEL_GENEVE,
  TUNNEL_IPIP,
} from './packet.ts';
import { decodeSctp, IP_PROTO_SCTP } from './sctp.ts';
import { decodeUtf8 } from './utf8.ts';
import { decodeWireguard, WIREGUARD_PORT } from './wireguard-message.ts';

/** UDP ports on which the payload is a VXLAN frame: IANA's and the one Linux and flannel use. */
export const VXLAN_PORTS: readonly number[] = [4789, 8472];
/** RFC 8926 section 3.3 */
export const GENEVE_PORT = 6081;
const TRANSPARENT_ETHERNET = 0x6558;
const DNS_PORT = 53;
/** VXLAN in VXLAN in VXLAN … must end. */
const MAX_DEPTH = 4;

/** The packet, or undefined when the bytes are no frame that can be represented (other ethertypes, IP options, cut short, a wrong IP header checksum). */
export function decodeFrame(bytes: Uint8Array): Packet | undefined {
  return decodeEthernet(bytes, 0);
}

/** A packet of a capture without link-layer header (LINKTYPE_RAW). */
export function decodeRaw(bytes: Uint8Array): Packet | undefined {
  const packet = blankPacket();
  packet.raw = true;
  const decode = (bytes[0] ?? 0) >> 4 === 6 ? decodeIp6 : decodeIp;
  return decode(bytes, packet, 0, false) ? packet : undefined;
}

function decodeEthernet(bytes: Uint8Array, depth: number): Packet | undefined {
  if (bytes.length < ETHERNET_HEADER_BYTES) return undefined;
  const packet = blankPacket();
  packet.ethDst = mac(bytes, 0);
  packet.ethSrc = mac(bytes, 6);
  packet.etherType = u16(bytes, 12);
  let rest = bytes.subarray(ETHERNET_HEADER_BYTES);
  for (let tag = 0; tag < 2 && packet.etherType === ETHERTYPE_VLAN; tag += 1) {
    if (rest.length < 4) return undefined;
    packet.vlan = (packet.vlan ?? 0) + u16(rest, 0) * (tag === 0 ? 1 : 65536);
    packet.etherType = u16(rest, 2);
    rest = rest.subarray(4);
  }
  if (packet.etherType === ETHERTYPE_ARP) return decodeArp(rest, packet) ? packet : undefined;
  if (packet.etherType === ETHERTYPE_IPV4) return decodeIp(rest, packet, depth, false) ? packet : undefined;
  if (packet.etherType === ETHERTYPE_IPV6) return decodeIp6(rest, packet, depth, false) ? packet : undefined;
  return undefined;
}

function decodeArp(bytes: Uint8Array, packet: Packet): boolean {
  if (bytes.length < 28 || u16(bytes, 0) !== 1 || u16(bytes, 2) !== ETHERTYPE_IPV4) return false;
  const operation = u16(bytes, 6);
  if (operation !== 1 && operation !== 2) return false;
  packet.arp = { operation, senderMac: mac(bytes, 8), senderIp: u32(bytes, 14) | 0, targetMac: mac(bytes, 18), targetIp: u32(bytes, 24) | 0 };
  return true;
}

/** `quoted`: inside an ICMP error, where the end may be cut off. */
function decodeIp(bytes: Uint8Array, packet: Packet, depth: number, quoted: boolean): boolean {
  if (bytes.length < IPV4_HEADER_BYTES || bytes[0] !== 0x45) return false;
  if (finishChecksum(sumWords(bytes, 0, IPV4_HEADER_BYTES)) !== 0) return false;
  const totalBytes = u16(bytes, 2);
  if (totalBytes < IPV4_HEADER_BYTES || (totalBytes > bytes.length && !quoted)) return false;
  packet.tos = bytes[1] as number;
  packet.ipId = u16(bytes, 4);
  const fragment = u16(bytes, 6);
  packet.dontFragment = (fragment & 0x4000) !== 0;
  packet.moreFragments = (fragment & 0x2000) !== 0;
  packet.fragmentOffset = (fragment & 0x1fff) << 3;
  packet.ttl = bytes[8] as number;
  packet.protocol = bytes[9] as number;
  packet.src = u32(bytes, 12) | 0;
  packet.dst = u32(bytes, 16) | 0;
  const body = bytes.subarray(IPV4_HEADER_BYTES, Math.min(bytes.length, totalBytes));
  const bodyBytes = totalBytes - IPV4_HEADER_BYTES;
  if (packet.fragmentOffset > 0) {
    packet.fragmentBytes = bodyBytes;
    return true;
  }
  if (packet.moreFragments) packet.fragmentBytes = bodyBytes;
  if (packet.protocol === IP_PROTO_TCP) return decodeTcp(body, bodyBytes, packet);
  if (packet.protocol === IP_PROTO_UDP) return decodeUdp(body, packet, depth);
  if (packet.protocol === IP_PROTO_SCTP && decodeSctpBody(body, bodyBytes, packet)) return true;
  if (packet.protocol === IP_PROTO_ICMP) return decodeIcmp(body, bodyBytes, packet, depth);
  if (packet.protocol === IP_PROTO_IPIP && depth < MAX_DEPTH) {
    const inner = blankPacket();
    inner.raw = true;
    if (decodeIp(body, inner, depth + 1, quoted)) {
      packet.inner = inner;
      packet.tunnel = TUNNEL_IPIP;
      return true;
    }
  }
  packet.payload = payloadOf(body, bodyBytes);
  return true;
}

/** RFC 8200: the header and, at most, a fragment header; other extension headers cannot be represented. */
function decodeIp6(bytes: Uint8Array, packet: Packet, depth: number, quoted: boolean): boolean {
  if (bytes.length < IPV6_HEADER_BYTES || (bytes[0] as number) >> 4 !== 6) return false;
  const word = u32(bytes, 0);
  const payloadBytes = u16(bytes, 4);
  if (IPV6_HEADER_BYTES + payloadBytes > bytes.length && !quoted) return false;
  packet.etherType = ETHERTYPE_IPV6;
  packet.tos = (word >>> 20) & 255;
  packet.flowLabel = word & 0xfffff;
  packet.protocol = bytes[6] as number;
  packet.ttl = bytes[7] as number;
  packet.src = ip6FromBytes(bytes, 8);
  packet.dst = ip6FromBytes(bytes, 24);
  let body = bytes.subarray(IPV6_HEADER_BYTES, Math.min(bytes.length, IPV6_HEADER_BYTES + payloadBytes));
  let bodyBytes = payloadBytes;
  if (packet.protocol === IP_PROTO_FRAGMENT6) {
    if (body.length < FRAGMENT6_HEADER_BYTES) return false;
    const offset = u16(body, 2);
    packet.protocol = body[0] as number;
    packet.moreFragments = (offset & 1) !== 0;
    packet.fragmentOffset = offset & 0xfff8;
    packet.ipId = u32(body, 4);
    body = body.subarray(FRAGMENT6_HEADER_BYTES);
    bodyBytes -= FRAGMENT6_HEADER_BYTES;
    // A fragment header on a packet that is whole (RFC 6946) cannot be represented.
    if (!packet.moreFragments && packet.fragmentOffset === 0) return false;
    packet.fragmentBytes = bodyBytes;
    if (packet.fragmentOffset > 0) return true;
  }
  if (packet.protocol === IP_PROTO_TCP) return decodeTcp(body, bodyBytes, packet);
  if (packet.protocol === IP_PROTO_UDP) return decodeUdp(body, packet, depth);
  if (packet.protocol === IP_PROTO_SCTP && decodeSctpBody(body, bodyBytes, packet)) return true;
  if (packet.protocol === IP_PROTO_ICMP6) return decodeIcmp6(body, bodyBytes, packet, depth);
  packet.payload = payloadOf(body, bodyBytes);
  return true;
}

function decodeIcmp6(body: Uint8Array, bodyBytes: number, packet: Packet, depth: number): boolean {
  if (body.length < ICMP_HEADER_BYTES) return false;
  const type = body[0] as number;
  const code = body[1] as number;
  if (isNeighborDiscovery(type)) {
    const neighbor = decodeNeighborMessage(body.subarray(0, bodyBytes));
    if (neighbor === undefined) return false;
    packet.icmp = { type, code, id: 0, sequence: 0, neighbor };
    return true;
  }
  const rest = body.subarray(ICMP_HEADER_BYTES);
  if (isIcmp6Error(type) && depth < MAX_DEPTH) {
    const quoted = blankPacket();
    if (decodeIp6(rest, quoted, MAX_DEPTH, true)) {
      const value = u32(body, 4);
      const more = type === ICMP6_TOO_BIG ? { mtu: value } : type === ICMP6_PARAMETER ? { pointer: value } : {};
      packet.icmp = { type, code, id: 0, sequence: 0, ...more, quoted };
      return true;
    }
  }
  packet.icmp = { type, code, id: u16(body, 4), sequence: u16(body, 6) };
  packet.payload = payloadOf(rest, bodyBytes - ICMP_HEADER_BYTES);
  return true;
}

function decodeTcp(body: Uint8Array, bodyBytes: number, packet: Packet): boolean {
  if (body.length < TCP_HEADER_BYTES) return false;
  const headerBytes = ((body[12] as number) >> 4) * 4;
  if (headerBytes < TCP_HEADER_BYTES || headerBytes > body.length) return false;
  packet.sport = u16(body, 0);
  packet.dport = u16(body, 2);
  packet.tcp = {
    flags: body[13] as number,
    seq: u32(body, 4),
    ack: u32(body, 8),
    window: u16(body, 14),
    options: decodeTcpOptions(body.subarray(TCP_HEADER_BYTES, headerBytes)),
  };
  packet.payload = payloadOf(body.subarray(headerBytes), bodyBytes - headerBytes);
  return true;
}

function decodeTcpOptions(bytes: Uint8Array): TcpOptions {
  let mss: number | undefined;
  let sackPermitted: true | undefined;
  let timestamps: TcpOptions['timestamps'];
  let windowScale: number | undefined;
  let sack: TcpOptions['sack'];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at] as number;
    if (kind === 0) break;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) break;
    if (kind === 2 && length === 4) mss = u16(bytes, at + 2);
    else if (kind === 3 && length === 3) windowScale = bytes[at + 2] as number;
    else if (kind === 4) sackPermitted = true;
    else if (kind === 5 && length >= 10 && (length - 2) % 8 === 0) {
      const start = at + 2;
      sack = Array.from({ length: (length - 2) / 8 }, (_gone, i) => [u32(bytes, start + 8 * i), u32(bytes, start + 8 * i + 4)] as const);
    } else if (kind === 8 && length === 10) timestamps = { value: u32(bytes, at + 2), echo: u32(bytes, at + 6) };
    at += length;
  }
  return {
    ...(mss === undefined ? {} : { mss }),
    ...(sackPermitted === undefined ? {} : { sackPermitted }),
    ...(timestamps === undefined ? {} : { timestamps }),
    ...(windowScale === undefined ? {} : { windowScale }),
    ...(sack === undefined ? {} : { sack }),
  };
}

/** A packet that cannot be read keeps its bytes as payload. */
function decodeSctpBody(body: Uint8Array, bodyBytes: number, packet: Packet): boolean {
  if (body.length < bodyBytes) return false;
  const data = decodeSctp(body, packet);
  if (data === undefined) return false;
  packet.payload = payloadOf(data, data.length);
  return true;
}

function decodeUdp(body: Uint8Array, packet: Packet, depth: number): boolean {
  if (body.length < UDP_HEADER_BYTES) return false;
  packet.sport = u16(body, 0);
  packet.dport = u16(body, 2);
  const length = u16(body, 4);
  if (length < UDP_HEADER_BYTES) return false;
  const data = body.subarray(UDP_HEADER_BYTES, length);
  if (VXLAN_PORTS.includes(packet.dport) && depth < MAX_DEPTH && data.length > VXLAN_HEADER_BYTES && data[0] === 0x08) {
    const inner = decodeEthernet(data.subarray(VXLAN_HEADER_BYTES), depth + 1);
    if (inner !== undefined) {
      packet.vni = u32(data, 4) >>> 8;
      packet.inner = inner;
      return true;
    }
  }
  if (
    packet.dport === GENEVE_PORT &&
    depth < MAX_DEPTH &&
    data.length > GENEVE_HEADER_BYTES &&
    data[0] === 0 &&
    data[1] === 0 &&
    u16(data, 2) === TRANSPARENT_ETHERNET
  ) {
    const inner = decodeEthernet(data.subarray(GENEVE_HEADER_BYTES), depth + 1);
    if (inner !== undefined) {
      packet.vni = u32(data, 4) >>> 8;
      packet.inner = inner;
      packet.tunnel = TUNNEL_GENEVE;
      return true;
    }
  }
  const wireguard = packet.sport === WIREGUARD_PORT || packet.dport === WIREGUARD_PORT ? decodeWireguard(data) : undefined;
  if (wireguard !== undefined) {
    packet.payload = { bytes: data.length, wireguard };
    return true;
  }
  const dns = packet.sport === DNS_PORT || packet.dport === DNS_PORT ? decodeDns(data) : undefined;
  packet.payload = dns === undefined ? payloadOf(data, length - UDP_HEADER_BYTES) : { bytes: data.length, dns };
  return true;
}

function decodeIcmp(body: Uint8Array, bodyBytes: number, packet: Packet, depth: number): boolean {
  if (body.length < ICMP_HEADER_BYTES) return false;
  const type = body[0] as number;
  const code = body[1] as number;
  const isError = type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
  const rest = body.subarray(ICMP_HEADER_BYTES);
  if (isError && depth < MAX_DEPTH) {
    const quoted = blankPacket();
    if (decodeIp(rest, quoted, MAX_DEPTH, true)) {
      const mtu = type === 3 && code === 4 ? { mtu: u16(body, 6) } : {};
      packet.icmp = { type, code, id: type === 5 ? u32(body, 4) | 0 : 0, sequence: 0, ...mtu, quoted };
      return true;
    }
  }
  packet.icmp = { type, code, id: u16(body, 4), sequence: u16(body, 6) };
  packet.payload = payloadOf(rest, bodyBytes - ICMP_HEADER_BYTES);
  return true;
}

/** `bytes` is the length on the wire, which a quoted packet's data may be short of. */
function payloadOf(data: Uint8Array, bytes: number): Payload | undefined {
  if (bytes <= 0) return undefined;
  if (data.every((byte, i) => byte === (i & 255))) return { bytes };
  // What a quoted packet lacks nobody can give back.
  if (data.length < bytes) return { bytes };
  const text = decodeUtf8(data);
  return text === undefined ? { bytes, octets: bytesToText(data) } : { bytes, text };
}

const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
const u32 = (bytes: Uint8Array, at: number): number => u16(bytes, at) * 65536 + u16(bytes, at + 2);
const mac = (bytes: Uint8Array, at: number): Mac => u16(bytes, at) * 0x100000000 + u32(bytes, at + 2);
