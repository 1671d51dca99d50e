/** What packets looked like: one typed row for each header that was written, and the immutable contents by reference. */
import { Skb } from '../stack/skb.ts';
import {
  type ArpMessage,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  type IcmpMessage,
  type Ip,
  type Payload,
  type TcpHeader,
  type Tunnel,
} from '../wire/packet.ts';
import type { SctpHeader } from '../wire/sctp.ts';
import { IntRows } from './rows.ts';

/** What does not change on a packet's way but as a whole. */
interface Content {
  readonly arp: ArpMessage | undefined;
  readonly tcp: TcpHeader | undefined;
  readonly icmp: IcmpMessage | undefined;
  readonly payload: Payload | undefined;
  readonly sctp?: SctpHeader;
}

/** What an IPv6 header has that does not fit into the columns; rows of equal headers share one. */
interface Header6 {
  readonly src: Ip;
  readonly dst: Ip;
  readonly flowLabel: number;
  readonly ipId: number;
}

// Columns.
const ETH_SRC_LOW = 0;
const ETH_DST_LOW = 1;
const ETH_HIGH = 2;
/** IPv4: the address; IPv6: index of the Header6. */
const SRC = 3;
const DST = 4;
/** etherType (ARP, IPv6 or neither) 2 bits, DF, MF, protocol 8, tos 8, ttl 8. */
const IP_BITS = 5;
/** ipId 16, fragment offset in 8-byte units 16. */
const FRAGMENT = 6;
/** Length of a fragment 16, error of the UDP checksum 16. */
const FRAGMENT_BYTES = 7;
const PORTS = 8;
const CONTENT = 9;
/** vni 24 bits, tunnel kind 4, without Ethernet header 1. */
const TUNNEL = 10;
const INNER = 11;
const VLAN = 12;
const STRIDE = 13;

const BIT_ARP = 1 << 24;
const BIT_DF = 1 << 25;
const BIT_MF = 1 << 26;
const BIT_IPV6 = 1 << 27;
const VNI_MASK = 0xffffff;
const TUNNEL_SHIFT = 24;
const TUNNEL_MASK = 0xf;
const BIT_RAW = 1 << 28;
const TWO_32 = 4294967296;
/** How far back an equal IPv6 header is looked for. */
const LOOK_BACK = 4;

export class HeaderTable {
  readonly #rows = new IntRows(STRIDE);
  readonly #contents: Content[] = [];
  readonly #headers6: Header6[] = [];

  get length(): number {
    return this.#rows.length;
  }
  get contentLength(): number {
    return this.#contents.length;
  }
  get length6(): number {
    return this.#headers6.length;
  }

  /** The row that shows this packet as it is now; a new one only if a header was written since the last. */
  rowFor(packet: Skb): number {
    const inner = packet.inner === undefined ? -1 : this.rowFor(packet.inner);
    if (packet.headerRow >= 0) return packet.headerRow;
    if (packet.contentRow < 0) {
      packet.contentRow = this.#contents.length;
      const { arp, tcp, icmp, payload, sctp } = packet;
      this.#contents.push(sctp === undefined ? { arp, tcp, icmp, payload } : { arp, tcp, icmp, payload, sctp });
    }
    const row = this.#rows.add();
    const chunk = this.#rows.chunkOf(row);
    const at = this.#rows.offsetOf(row);
    const srcHigh = Math.floor(packet.ethSrc / TWO_32);
    const dstHigh = Math.floor(packet.ethDst / TWO_32);
    chunk[at + ETH_SRC_LOW] = packet.ethSrc - srcHigh * TWO_32;
    chunk[at + ETH_DST_LOW] = packet.ethDst - dstHigh * TWO_32;
    chunk[at + ETH_HIGH] = (srcHigh << 16) | dstHigh;
    if (typeof packet.src === 'number' && typeof packet.dst === 'number') {
      chunk[at + SRC] = packet.src;
      chunk[at + DST] = packet.dst;
    } else {
      chunk[at + SRC] = this.#header6(packet);
      chunk[at + DST] = 0;
    }
    chunk[at + IP_BITS] =
      packet.ttl |
      (packet.tos << 8) |
      (packet.protocol << 16) |
      (packet.etherType === ETHERTYPE_ARP ? BIT_ARP : 0) |
      (packet.etherType === ETHERTYPE_IPV6 ? BIT_IPV6 : 0) |
      (packet.dontFragment ? BIT_DF : 0) |
      (packet.moreFragments ? BIT_MF : 0);
    chunk[at + FRAGMENT] = (packet.ipId << 16) | (packet.fragmentOffset >> 3);
    chunk[at + FRAGMENT_BYTES] = packet.fragmentBytes | (packet.checksumError << 16);
    chunk[at + PORTS] = (packet.sport << 16) | packet.dport;
    chunk[at + CONTENT] = packet.contentRow;
    chunk[at + TUNNEL] = packet.vni | (packet.tunnel << TUNNEL_SHIFT) | (packet.raw ? BIT_RAW : 0);
    chunk[at + INNER] = inner;
    chunk[at + VLAN] = packet.vlan;
    packet.headerRow = row;
    return row;
  }

  /** The packet as it was. */
  rebuild(row: number, id: number, causeSeq: number, mark: number): Skb {
    const chunk = this.#rows.chunkOf(row);
    const at = this.#rows.offsetOf(row);
    const packet = new Skb(id);
    const column = (i: number): number => chunk[at + i] as number;
    const high = column(ETH_HIGH);
    packet.causeSeq = causeSeq;
    packet.mark = mark;
    packet.ethSrc = (high >>> 16) * TWO_32 + (column(ETH_SRC_LOW) >>> 0);
    packet.ethDst = (high & 0xffff) * TWO_32 + (column(ETH_DST_LOW) >>> 0);
    const bits = column(IP_BITS);
    packet.etherType = (bits & BIT_ARP) !== 0 ? ETHERTYPE_ARP : (bits & BIT_IPV6) !== 0 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    packet.ttl = bits & 255;
    packet.tos = (bits >>> 8) & 255;
    packet.protocol = (bits >>> 16) & 255;
    packet.dontFragment = (bits & BIT_DF) !== 0;
    packet.moreFragments = (bits & BIT_MF) !== 0;
    packet.ipId = column(FRAGMENT) >>> 16;
    if ((bits & BIT_IPV6) !== 0) {
      const six = this.#headers6[column(SRC)] as Header6;
      packet.src = six.src;
      packet.dst = six.dst;
      packet.flowLabel = six.flowLabel;
      packet.ipId = six.ipId;
    } else {
      packet.src = column(SRC);
      packet.dst = column(DST);
    }
    packet.fragmentOffset = (column(FRAGMENT) & 0xffff) << 3;
    packet.fragmentBytes = column(FRAGMENT_BYTES) & 0xffff;
    packet.checksumError = column(FRAGMENT_BYTES) >>> 16;
    packet.sport = column(PORTS) >>> 16;
    packet.dport = column(PORTS) & 0xffff;
    const content = this.#contents[column(CONTENT)] as Content;
    packet.arp = content.arp;
    packet.tcp = content.tcp;
    packet.icmp = content.icmp;
    packet.payload = content.payload;
    packet.sctp = content.sctp;
    const tunnel = column(TUNNEL);
    packet.vni = tunnel & VNI_MASK;
    packet.tunnel = ((tunnel >>> TUNNEL_SHIFT) & TUNNEL_MASK) as Tunnel;
    packet.raw = (tunnel & BIT_RAW) !== 0;
    packet.vlan = column(VLAN) >>> 0;
    const inner = column(INNER);
    if (inner >= 0) packet.inner = this.rebuild(inner, id, causeSeq, mark);
    return packet;
  }

  #header6(packet: Skb): number {
    const { src, dst, flowLabel, ipId } = packet;
    const last = this.#headers6.length - 1;
    for (let i = last; i >= 0 && i > last - LOOK_BACK; i -= 1) {
      const h = this.#headers6[i] as Header6;
      if (h.dst === dst && h.src === src && h.flowLabel === flowLabel && h.ipId === ipId) return i;
    }
    return this.#headers6.push({ src, dst, flowLabel, ipId }) - 1;
  }

  truncate(length: number, contentLength: number, length6: number): void {
    this.#headers6.length = length6;
    this.#rows.truncate(length);
    this.#contents.length = contentLength;
  }
}
