/** The line that -j LOG writes into the kernel's log. Linux: net/netfilter/nf_log_syslog.c */
import { formatIp } from '../addr/ip.ts';
import { formatMac } from '../addr/mac.ts';
import type { Skb } from '../stack/skb.ts';
import { encodeIp } from '../wire/encode.ts';
import { ipBytes } from '../wire/lengths.ts';
import { IP_PROTO_ICMP, IP_PROTO_TCP, IP_PROTO_UDP, type Packet } from '../wire/packet.ts';

const TCP_SEQUENCE = 1;
const TCP_OPTIONS = 2;
const UID = 8;
const MACDECODE = 32;
const IP_PROTO_ICMPV6 = 58;
/** In the order in which the kernel names them. */
const TCP_FLAGS: readonly (readonly [string, number])[] = [
  ['CWR', 128],
  ['ECE', 64],
  ['URG', 32],
  ['ACK', 16],
  ['PSH', 8],
  ['RST', 4],
  ['SYN', 2],
  ['FIN', 1],
];

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const hexUpper = (value: number, digits: number): string => hex(value, digits).toUpperCase();

export interface LogPlace {
  readonly inDevice: string;
  readonly outDevice: string;
  readonly physIn: string;
  readonly physOut: string;
}

/** The whole line behind the time stamp. `flags`: XT_LOG_*; `uid`: of the socket that sent it. */
export function formatLogLine(prefix: string, packet: Skb, place: LogPlace, flags: number, uid: number | undefined): string {
  let text = `${prefix}IN=${place.inDevice} OUT=${place.outDevice} `;
  if (place.physIn !== '') text += `PHYSIN=${place.physIn} `;
  if (place.physOut !== '') text += `PHYSOUT=${place.physOut} `;
  if (place.inDevice !== '') text += macPart(packet, place.inDevice, flags);
  text += packetPart(packet, flags, uid);
  if (packet.mark !== 0) text += `MARK=0x${hex(packet.mark, 1)} `;
  return text;
}

/** The header of the frame as it came; over lo it is all zeros. */
function macPart(packet: Skb, inDevice: string, flags: number): string {
  const loopback = inDevice === 'lo';
  const source = loopback ? 0 : packet.ethSrc;
  const destination = loopback ? 0 : packet.ethDst;
  const type = typeof packet.dst === 'bigint' ? 0x86dd : 0x0800;
  if ((flags & MACDECODE) !== 0) return `MACSRC=${formatMac(source)} MACDST=${formatMac(destination)} MACPROTO=${hex(type, 4)} `;
  return `MAC=${formatMac(destination)}:${formatMac(source)}:${hex(type >> 8, 2)}:${hex(type & 255, 2)} `;
}

function packetPart(packet: Packet, flags: number, uid: number | undefined): string {
  return typeof packet.dst === 'bigint' ? ip6Part(packet, flags, uid) : ip4Part(packet, flags, uid);
}

function ip4Part(packet: Packet, flags: number, uid: number | undefined): string {
  let text = `SRC=${formatIp(packet.src)} DST=${formatIp(packet.dst)} LEN=${ipBytes(packet)} `;
  text += `TOS=0x${hexUpper(packet.tos & 0x1e, 2)} PREC=0x${hexUpper(packet.tos & 0xe0, 2)} TTL=${packet.ttl} ID=${packet.ipId} `;
  if (packet.dontFragment) text += 'DF ';
  if (packet.moreFragments) text += 'MF ';
  if (packet.fragmentOffset > 0) text += `FRAG:${packet.fragmentOffset / 8} `;
  return text + transportPart(packet, flags, uid);
}

function ip6Part(packet: Packet, flags: number, uid: number | undefined): string {
  let text = `SRC=${longIp6(packet.src as bigint)} DST=${longIp6(packet.dst as bigint)} LEN=${ipBytes(packet)} `;
  text += `TC=${packet.tos} HOPLIMIT=${packet.ttl} FLOWLBL=${packet.flowLabel ?? 0} `;
  if (packet.fragmentOffset > 0 || packet.moreFragments) {
    text += `OPT ( FRAG:${packet.fragmentOffset} ${packet.moreFragments ? 'INCOMPLETE ' : ''}ID:${hex(packet.ipId, 8)} ) `;
  }
  return text + transportPart(packet, flags, uid);
}

/** %pI6: all eight groups, four digits each. */
function longIp6(ip: bigint): string {
  return (ip.toString(16).padStart(32, '0').match(/.{4}/g) as string[]).join(':');
}

function transportPart(packet: Packet, flags: number, uid: number | undefined): string {
  const later = packet.fragmentOffset > 0;
  switch (packet.protocol) {
    case IP_PROTO_TCP:
      return `PROTO=TCP ${later ? '' : tcpPart(packet, flags)}${later ? '' : uidPart(flags, uid)}`;
    case IP_PROTO_UDP:
      if (later) return 'PROTO=UDP ';
      return `PROTO=UDP SPT=${packet.sport} DPT=${packet.dport} LEN=${8 + (packet.payload?.bytes ?? (packet.inner === undefined ? 0 : innerBytes(packet)))} ${uidPart(flags, uid)}`;
    case IP_PROTO_ICMP:
      return `PROTO=ICMP ${later ? '' : icmpPart(packet, flags)}${later ? '' : uidPart(flags, uid)}`;
    case IP_PROTO_ICMPV6:
      return `PROTO=ICMPv6 ${later ? '' : icmpPart(packet, flags)}${later ? '' : uidPart(flags, uid)}`;
    default:
      return `PROTO=${packet.protocol} `;
  }
}

/** What a tunnel's outer datagram carries. */
const innerBytes = (packet: Packet): number => ipBytes(packet) - 28;

const uidPart = (flags: number, uid: number | undefined): string => ((flags & UID) === 0 || uid === undefined ? '' : `UID=${uid} GID=${uid} `);

function tcpPart(packet: Packet, flags: number): string {
  const tcp = packet.tcp;
  if (tcp === undefined) return '';
  let text = `SPT=${packet.sport} DPT=${packet.dport} `;
  if ((flags & TCP_SEQUENCE) !== 0) text += `SEQ=${tcp.seq} ACK=${tcp.ack} `;
  text += `WINDOW=${tcp.window} RES=0x00 `;
  for (const [name, bit] of TCP_FLAGS) if ((tcp.flags & bit) !== 0) text += `${name} `;
  text += 'URGP=0 ';
  if ((flags & TCP_OPTIONS) !== 0) {
    const bytes = encodeIp(packet);
    const start = ((bytes[0] as number) & 15) * 4;
    const header = typeof packet.dst === 'bigint' ? 40 : start;
    const length = ((bytes[header + 12] as number) >> 4) * 4;
    if (length > 20) text += `OPT (${[...bytes.slice(header + 20, header + length)].map((b) => hexUpper(b, 2)).join('')}) `;
  }
  return text;
}

function icmpPart(packet: Packet, flags: number): string {
  const icmp = packet.icmp;
  if (icmp === undefined) return '';
  let text = `TYPE=${icmp.type} CODE=${icmp.code} `;
  const six = packet.protocol === IP_PROTO_ICMPV6;
  if (icmp.quoted === undefined) {
    const echo = six ? icmp.type === 128 || icmp.type === 129 : icmp.type === 0 || icmp.type === 8 || icmp.type === 13 || icmp.type === 14;
    return echo ? `${text}ID=${icmp.id} SEQ=${icmp.sequence} ` : text;
  }
  // The packet the error is about, without its own level of flags.
  text += `[${packetPart(icmp.quoted, flags & ~UID, undefined)}] `;
  if (!six && icmp.type === 3 && icmp.code === 4) text += `MTU=${icmp.mtu ?? 0} `;
  if (six && icmp.type === 2) text += `MTU=${icmp.mtu ?? 0} `;
  return text;
}
