/** What packets looked like: one typed row for each header that was written, and the immutable contents by reference. */
import { Skb } from '../stack/skb.ts';
import type { ArpMessage, IcmpMessage, Payload, TcpHeader } from '../wire/packet.ts';
import { IntRows } from './rows.ts';

/** What does not change on a packet's way but as a whole. */
interface Content {
  readonly arp: ArpMessage | undefined;
  readonly tcp: TcpHeader | undefined;
  readonly icmp: IcmpMessage | undefined;
  readonly payload: Payload | undefined;
}

// Columns.
const ETH_SRC_LOW = 0;
const ETH_DST_LOW = 1;
const ETH_HIGH = 2;
const SRC = 3;
const DST = 4;
/** etherType (ARP or not) 1 bit, DF, MF, protocol 8, tos 8, ttl 8. */
const IP_BITS = 5;
/** ipId 16, fragment offset in 8-byte units 16. */
const FRAGMENT = 6;
const FRAGMENT_BYTES = 7;
const PORTS = 8;
const CONTENT = 9;
const VNI = 10;
const INNER = 11;
const STRIDE = 12;

const BIT_ARP = 1 << 24;
const BIT_DF = 1 << 25;
const BIT_MF = 1 << 26;
const TWO_32 = 4294967296;

export class HeaderTable {
  readonly #rows = new IntRows(STRIDE);
  readonly #contents: Content[] = [];

  get length(): number {
    return this.#rows.length;
  }
  get contentLength(): number {
    return this.#contents.length;
  }

  /** The row that shows this packet as it is now; a new one only if a header was written since the last. */
  rowFor(packet: Skb): number {
    const inner = packet.inner === undefined ? -1 : this.rowFor(packet.inner);
    if (packet.headerRow >= 0) return packet.headerRow;
    if (packet.contentRow < 0) {
      packet.contentRow = this.#contents.length;
      this.#contents.push({ arp: packet.arp, tcp: packet.tcp, icmp: packet.icmp, payload: packet.payload });
    }
    const row = this.#rows.add();
    const chunk = this.#rows.chunkOf(row);
    const at = this.#rows.offsetOf(row);
    const srcHigh = Math.floor(packet.ethSrc / TWO_32);
    const dstHigh = Math.floor(packet.ethDst / TWO_32);
    chunk[at + ETH_SRC_LOW] = packet.ethSrc - srcHigh * TWO_32;
    chunk[at + ETH_DST_LOW] = packet.ethDst - dstHigh * TWO_32;
    chunk[at + ETH_HIGH] = (srcHigh << 16) | dstHigh;
    chunk[at + SRC] = packet.src;
    chunk[at + DST] = packet.dst;
    chunk[at + IP_BITS] =
      packet.ttl |
      (packet.tos << 8) |
      (packet.protocol << 16) |
      (packet.etherType === 0x0806 ? BIT_ARP : 0) |
      (packet.dontFragment ? BIT_DF : 0) |
      (packet.moreFragments ? BIT_MF : 0);
    chunk[at + FRAGMENT] = (packet.ipId << 16) | (packet.fragmentOffset >> 3);
    chunk[at + FRAGMENT_BYTES] = packet.fragmentBytes;
    chunk[at + PORTS] = (packet.sport << 16) | packet.dport;
    chunk[at + CONTENT] = packet.contentRow;
    chunk[at + VNI] = packet.vni;
    chunk[at + INNER] = inner;
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
    packet.etherType = (bits & BIT_ARP) !== 0 ? 0x0806 : 0x0800;
    packet.ttl = bits & 255;
    packet.tos = (bits >>> 8) & 255;
    packet.protocol = (bits >>> 16) & 255;
    packet.dontFragment = (bits & BIT_DF) !== 0;
    packet.moreFragments = (bits & BIT_MF) !== 0;
    packet.src = column(SRC);
    packet.dst = column(DST);
    packet.ipId = column(FRAGMENT) >>> 16;
    packet.fragmentOffset = (column(FRAGMENT) & 0xffff) << 3;
    packet.fragmentBytes = column(FRAGMENT_BYTES);
    packet.sport = column(PORTS) >>> 16;
    packet.dport = column(PORTS) & 0xffff;
    const content = this.#contents[column(CONTENT)] as Content;
    packet.arp = content.arp;
    packet.tcp = content.tcp;
    packet.icmp = content.icmp;
    packet.payload = content.payload;
    packet.vni = column(VNI);
    const inner = column(INNER);
    if (inner >= 0) packet.inner = this.rebuild(inner, id, causeSeq, mark);
    return packet;
  }

  truncate(length: number, contentLength: number): void {
    this.#rows.truncate(length);
    this.#contents.length = contentLength;
  }
}
