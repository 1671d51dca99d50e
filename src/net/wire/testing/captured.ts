/** Packets as tests hand them to tcpdump's printers and filters: encoded, with the link type they have. */
import { encodeTapped } from '../encode.ts';
import { cookFrame, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2, LINKTYPE_RAW } from '../link-type.ts';
import type { Packet } from '../packet.ts';
import type { TcpdumpFrame } from '../tcpdump/lines.ts';
import type { FilterFrame } from '../tcpdump-match.ts';

export function captured(packet: Packet, timeNs = 0): TcpdumpFrame & FilterFrame {
  const bytes = encodeTapped(packet);
  return { timeNs, bytes, wireBytes: bytes.length, linkType: packet.raw === true ? LINKTYPE_RAW : LINKTYPE_ETHERNET };
}

/** As `-i any` sees it. */
export function cooked(packet: Packet, device: string, direction: 'in' | 'out' | 'otherhost', deviceIndex = 2, timeNs = 0): TcpdumpFrame & FilterFrame {
  const bytes = cookFrame(encodeTapped(packet), packet.raw === true, direction, deviceIndex, device === 'lo');
  return { timeNs, bytes, wireBytes: bytes.length, linkType: LINKTYPE_LINUX_SLL2, device };
}
