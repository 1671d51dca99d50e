/** Writes classic pcap files as tcpdump -w does: a header, then a record for each packet (IETF draft-ietf-opsawg-pcap). */

const MAGIC_MICROSECONDS = 0xa1b2c3d4;

/** The 24 bytes at the start of a file, little-endian, with microseconds. */
export function pcapHeader(linkType: number, snapBytes: number): Uint8Array {
  const out = new Uint8Array(24);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, snapBytes, true);
  view.setUint32(20, linkType, true);
  return out;
}

/** `epochMs` is Unix time at virtual time 0; `bytes` may be cut, `wireBytes` is what there was. */
export function pcapRecord(bytes: Uint8Array, wireBytes: number, timeNs: number, epochMs: number): Uint8Array {
  const out = new Uint8Array(16 + bytes.length);
  const view = new DataView(out.buffer);
  const microseconds = (epochMs % 1000) * 1000 + Math.floor(timeNs / 1000);
  view.setUint32(0, Math.floor(epochMs / 1000) + Math.floor(microseconds / 1e6), true);
  view.setUint32(4, microseconds % 1e6, true);
  view.setUint32(8, bytes.length, true);
  view.setUint32(12, wireBytes, true);
  out.set(bytes, 16);
  return out;
}
