/** Reads capture files that somebody brings along: pcapng and classic pcap, both byte orders, microseconds and nanoseconds. What is wrong is said with its offset. */
import { decodeUtf8 } from './utf8.ts';

export interface CaptureInterface {
  readonly name: string;
  readonly linkType: number;
  readonly snapBytes: number;
}

export interface CapturedPacket {
  /** Index into the interfaces. */
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly unixNs: bigint;
  /** From the link-level header on. */
  readonly bytes: Uint8Array;
  /** Length on the wire. */
  readonly wireBytes: number;
  readonly direction?: 'in' | 'out';
  readonly comment?: string;
}

export interface CaptureFile {
  readonly format: 'pcap' | 'pcapng';
  readonly interfaces: readonly CaptureInterface[];
  readonly packets: readonly CapturedPacket[];
}

/** `offset` is where in the file the trouble begins, in bytes. */
export type CaptureFileResult =
  | { readonly ok: true; readonly file: CaptureFile }
  | { readonly ok: false; readonly offset: number; readonly message: string; readonly read: CaptureFile };

export const MAX_CAPTURE_BYTES = 64 * 1024 * 1024;
export const MAX_CAPTURE_PACKETS = 200_000;
const MAX_INTERFACES = 4096;
/** libpcap's MAXIMUM_SNAPLEN. */
const MAX_PACKET_BYTES = 262_144;
const MAX_BLOCK_BYTES = 16 * 1024 * 1024;

class Broken extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

interface Building {
  format: 'pcap' | 'pcapng';
  readonly interfaces: CaptureInterface[];
  readonly packets: CapturedPacket[];
}

/** A file that breaks off in the middle is refused; `read` then holds what came before, for those who want to show it. */
export function readCaptureFile(bytes: Uint8Array): CaptureFileResult {
  const file: Building = { format: 'pcap', interfaces: [], packets: [] };
  try {
    if (bytes.length > MAX_CAPTURE_BYTES) throw new Broken(MAX_CAPTURE_BYTES, `the file is larger than ${MAX_CAPTURE_BYTES / 1024 / 1024} MB`);
    if (bytes.length < 4) throw new Broken(bytes.length, `truncated: ${bytes.length} bytes are no capture file`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const magic = view.getUint32(0, true);
    if (magic === 0x0a0d0d0a) readPcapng(bytes, view, file);
    else if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) readPcap(bytes, view, file, true, magic === 0xa1b23c4d);
    else if (magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1) readPcap(bytes, view, file, false, magic === 0x4d3cb2a1);
    else throw new Broken(0, 'unknown file format: neither pcap nor pcapng');
    return { ok: true, file };
  } catch (error) {
    if (error instanceof Broken) return { ok: false, offset: error.offset, message: error.message, read: file };
    throw error;
  }
}

function addPacket(file: Building, packet: CapturedPacket, at: number): void {
  if (file.packets.length >= MAX_CAPTURE_PACKETS) throw new Broken(at, `more than ${MAX_CAPTURE_PACKETS} packets`);
  file.packets.push(packet);
}

function readPcap(bytes: Uint8Array, view: DataView, file: Building, little: boolean, nanoseconds: boolean): void {
  if (bytes.length < 24) throw new Broken(bytes.length, `truncated: the file header needs 24 bytes, ${bytes.length} are there`);
  const major = view.getUint16(4, little);
  if (major !== 2) throw new Broken(4, `unsupported pcap savefile version ${major}.${view.getUint16(6, little)}`);
  const linkType = view.getUint32(20, little) & 0xffff;
  file.interfaces.push({ name: '', linkType, snapBytes: view.getUint32(16, little) });
  for (let at = 24; at < bytes.length; ) {
    if (at + 16 > bytes.length) throw new Broken(at, `truncated: a packet header needs 16 bytes, ${bytes.length - at} are there`);
    const captured = view.getUint32(at + 8, little);
    if (captured > MAX_PACKET_BYTES) throw new Broken(at + 8, `invalid packet capture length ${captured}, bigger than maximum of ${MAX_PACKET_BYTES}`);
    if (at + 16 + captured > bytes.length) throw new Broken(at + 16, `truncated: the packet has ${captured} bytes, ${bytes.length - at - 16} are there`);
    const unixNs = BigInt(view.getUint32(at, little)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, little)) * (nanoseconds ? 1n : 1000n);
    const data = bytes.subarray(at + 16, at + 16 + captured);
    addPacket(file, { interface: 0, unixNs, bytes: data, wireBytes: Math.max(captured, view.getUint32(at + 12, little)) }, at);
    at += 16 + captured;
  }
}

/** What a section's own interfaces add to the file's. */
interface Section {
  readonly little: boolean;
  readonly firstInterface: number;
  /** Nanoseconds of a time unit, as a fraction, and seconds to add. */
  readonly clocks: { readonly multiply: bigint; readonly divide: bigint; readonly offsetNs: bigint }[];
}

function readPcapng(bytes: Uint8Array, view: DataView, file: Building): void {
  file.format = 'pcapng';
  let section: Section | undefined;
  for (let at = 0; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw new Broken(at, `truncated: a block needs 12 bytes, ${bytes.length - at} are there`);
    if (view.getUint32(at, true) === 0x0a0d0d0a) {
      const order = view.getUint32(at + 8, true);
      if (order !== 0x1a2b3c4d && order !== 0x4d3c2b1a) throw new Broken(at + 8, 'a section header without byte-order magic');
      section = { little: order === 0x1a2b3c4d, firstInterface: file.interfaces.length, clocks: [] };
    }
    if (section === undefined) throw new Broken(at, 'a block before the first section header');
    const { little } = section;
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0) throw new Broken(at + 4, `a block length of ${length} bytes, not a multiple of 4 from 12 on`);
    if (length > MAX_BLOCK_BYTES) throw new Broken(at + 4, `a block of ${length} bytes, more than ${MAX_BLOCK_BYTES}`);
    if (at + length > bytes.length) throw new Broken(at, `truncated: the block has ${length} bytes, ${bytes.length - at} are there`);
    if (view.getUint32(at + length - 4, little) !== length)
      throw new Broken(at + length - 4, `the block's two lengths differ: ${length} and ${view.getUint32(at + length - 4, little)}`);
    readBlock(bytes, view, file, section, at, length);
    at += length;
  }
}

function readBlock(bytes: Uint8Array, view: DataView, file: Building, section: Section, at: number, length: number): void {
  const { little } = section;
  const type = view.getUint32(at, little);
  const end = at + length - 4;
  const needs = (size: number): void => {
    if (length < size) throw new Broken(at, `a block of type ${type} has ${length} bytes, it needs ${size}`);
  };
  if (type === 1) {
    needs(20);
    if (file.interfaces.length >= MAX_INTERFACES) throw new Broken(at, `more than ${MAX_INTERFACES} interfaces`);
    const options = readOptions(view, little, at + 16, end);
    const resolution = options.get(9);
    const exponent = resolution === undefined ? 6 : (bytes[resolution.at] as number);
    if ((exponent & 0x7f) > 63) throw new Broken(at, `an interface's time resolution of 2^${exponent & 0x7f} units a second`);
    const divide = (exponent & 0x80) !== 0 ? 1n << BigInt(exponent & 0x7f) : 10n ** BigInt(exponent);
    const offset = options.get(14);
    section.clocks.push({
      multiply: 1_000_000_000n,
      divide,
      offsetNs: offset === undefined || offset.length < 8 ? 0n : view.getBigInt64(offset.at, little) * 1_000_000_000n,
    });
    file.interfaces.push({ name: textOf(bytes, options.get(2)), linkType: view.getUint16(at + 8, little), snapBytes: view.getUint32(at + 12, little) });
    return;
  }
  if (type === 6 || type === 2) {
    needs(32);
    const index = type === 6 ? view.getUint32(at + 8, little) : view.getUint16(at + 8, little);
    const clock = section.clocks[index];
    if (clock === undefined) throw new Broken(at + 8, `a packet of interface ${index}, which is not described`);
    const captured = view.getUint32(at + 20, little);
    if (captured > MAX_PACKET_BYTES || at + 28 + captured > end) throw new Broken(at + 20, `a packet of ${captured} bytes in a block of ${length}`);
    const stamp = (BigInt(view.getUint32(at + 12, little)) << 32n) | BigInt(view.getUint32(at + 16, little));
    const options = readOptions(view, little, at + 28 + ((captured + 3) & ~3), end);
    const comment = textOf(bytes, options.get(1));
    const flags = options.get(2);
    const direction = flags === undefined || flags.length < 4 ? 0 : view.getUint32(flags.at, little) & 3;
    const packet: CapturedPacket = {
      interface: section.firstInterface + index,
      unixNs: (stamp * clock.multiply) / clock.divide + clock.offsetNs,
      bytes: bytes.subarray(at + 28, at + 28 + captured),
      wireBytes: Math.max(captured, view.getUint32(at + 24, little)),
      ...(direction === 1 ? { direction: 'in' } : direction === 2 ? { direction: 'out' } : {}),
      ...(comment === '' ? {} : { comment }),
    };
    addPacket(file, packet, at);
    return;
  }
  if (type === 3) {
    needs(16);
    if (section.clocks.length === 0) throw new Broken(at, 'a packet before the interface it came from');
    const wireBytes = view.getUint32(at + 8, little);
    const captured = Math.min(wireBytes, length - 16);
    addPacket(file, { interface: section.firstInterface, unixNs: 0n, bytes: bytes.subarray(at + 12, at + 12 + captured), wireBytes }, at);
  }
}

/** Where each option's value lies; of several with one code the first counts. */
function readOptions(view: DataView, little: boolean, from: number, end: number): ReadonlyMap<number, { readonly at: number; readonly length: number }> {
  const options = new Map<number, { at: number; length: number }>();
  for (let at = from; at + 4 <= end; ) {
    const code = view.getUint16(at, little);
    const length = view.getUint16(at + 2, little);
    if (code === 0) break;
    if (at + 4 + length > end) throw new Broken(at, `an option of ${length} bytes reaches behind its block`);
    if (!options.has(code) && length > 0) options.set(code, { at: at + 4, length });
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

function textOf(bytes: Uint8Array, option: { readonly at: number; readonly length: number } | undefined): string {
  return option === undefined ? '' : (decodeUtf8(bytes.subarray(option.at, option.at + option.length)) ?? '').replaceAll('\0', '');
}
