/** Link-layer types of captures (tcpdump.org/linktypes): Ethernet, Linux "cooked" and bare IP. */

export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_LINUX_SLL2 = 276;

/** As tcpdump names it when it begins. */
export function linkTypeText(linkType: number): string {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return 'EN10MB (Ethernet)';
    case LINKTYPE_RAW:
      return 'RAW (Raw IP)';
    case LINKTYPE_LINUX_SLL:
      return 'LINUX_SLL (Linux cooked v1)';
    case LINKTYPE_LINUX_SLL2:
      return 'LINUX_SLL2 (Linux cooked v2)';
    default:
      return String(linkType);
  }
}

/** Bytes before the network header; VLAN tags count as Ethernet's. */
export function linkHeaderBytes(linkType: number, bytes: Uint8Array): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET: {
      let at = 12;
      for (let tags = 0; tags < 4; tags += 1) {
        const type = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
        if (type !== 0x8100 && type !== 0x88a8) break;
        at += 4;
      }
      return at + 2;
    }
    case LINKTYPE_LINUX_SLL:
      return 16;
    case LINKTYPE_LINUX_SLL2:
      return 20;
    default:
      return 0;
  }
}

const SLL2_TYPES: Readonly<Record<'in' | 'broadcast' | 'multicast' | 'otherhost' | 'out', number>> = {
  in: 0,
  broadcast: 1,
  multicast: 2,
  otherhost: 3,
  out: 4,
};

/**
 * A frame as `-i any` gives it: the cooked header stands instead of Ethernet's and its VLAN tags. `raw`: it had none. ARPHRD 1 is Ethernet, 772 the
 * loopback, 65534 none.
 */
export function cookFrame(frame: Uint8Array, raw: boolean, direction: keyof typeof SLL2_TYPES, deviceIndex: number, loopback: boolean): Uint8Array {
  const body = raw ? 0 : linkHeaderBytes(LINKTYPE_ETHERNET, frame);
  const out = new Uint8Array(20 + frame.length - body);
  const view = new DataView(out.buffer);
  view.setUint16(0, raw ? ((frame[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800) : ((frame[body - 2] ?? 0) << 8) | (frame[body - 1] ?? 0));
  view.setUint32(4, deviceIndex);
  view.setUint16(8, raw ? 65534 : loopback ? 772 : 1);
  out[10] = SLL2_TYPES[direction];
  if (!raw) {
    out[11] = 6;
    out.set(frame.subarray(6, 12), 12);
  }
  out.set(frame.subarray(body), 20);
  return out;
}
