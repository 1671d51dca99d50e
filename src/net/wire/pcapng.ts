/** Writes pcapng files: one interface block a device, nanosecond timestamps, a comment for each packet where there is one, secrets of TLS (IETF draft-ietf-opsawg-pcapng). */
import { LINKTYPE_ETHERNET } from './link-type.ts';
import { encodeUtf8 } from './utf8.ts';

export interface PcapngInterface {
  /** As Wireshark shows it: `node01/flannel.1`. */
  readonly name: string;
  readonly description?: string;
  /** LINKTYPE_…; Ethernet if absent. */
  readonly linkType?: number;
  readonly mac?: number;
  /** The capture filter that was used. */
  readonly filter?: string;
}

export interface PcapngPacket {
  /** Index into the interfaces. */
  readonly interface: number;
  /** Unix time in milliseconds of virtual time 0, and nanoseconds since then. */
  readonly timeNs: number;
  /** The Ethernet frame. */
  readonly bytes: Uint8Array;
  readonly comment?: string;
  /** Flags of the block: direction, and how a frame that came in was addressed. */
  readonly direction?: 'in' | 'broadcast' | 'multicast' | 'otherhost' | 'out';
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const DECRYPTION_SECRETS = 10;
/** TLSK: an SSLKEYLOGFILE. */
const SECRETS_TLS = 0x544c534b;
/** opt_epb_flags: bits 0 and 1 inbound or outbound, 2 to 4 unicast, multicast, broadcast, promiscuous. */
const FLAGS: Readonly<Record<NonNullable<PcapngPacket['direction']>, number>> = {
  in: 0b00101,
  multicast: 0b01001,
  broadcast: 0b01101,
  otherhost: 0b10001,
  out: 0b00010,
};

/** The whole file, little-endian. `epochMs` is Unix time at virtual time 0. `keyLog`: lines of an SSLKEYLOGFILE, by which readers decrypt. */
export function writePcapng(interfaces: readonly PcapngInterface[], packets: readonly PcapngPacket[], epochMs: number, keyLog = ''): Uint8Array {
  const blocks: Uint8Array[] = [sectionBlock('Kubehop')];
  for (const one of interfaces) blocks.push(interfaceBlock(one));
  // Before the packets that need them.
  if (keyLog !== '') blocks.push(secretsBlock(keyLog));
  for (const packet of packets) blocks.push(packetBlock(packet, epochMs));
  const out = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    out.set(block, at);
    at += block.length;
  }
  return out;
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

const textOption = (code: number, text: string): Option => ({ code, value: encodeUtf8(text).subarray(0, 65_000) });

function sectionBlock(application: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, 0x1a2b3c4d, true);
  view.setUint16(4, 1, true);
  view.setUint16(6, 0, true);
  // Section length not given.
  view.setInt32(8, -1, true);
  view.setInt32(12, -1, true);
  return block(SECTION_HEADER, body, [textOption(4, application)]);
}

function interfaceBlock(one: PcapngInterface): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, one.linkType ?? LINKTYPE_ETHERNET, true);
  view.setUint32(4, 262_144, true);
  const options = [textOption(2, one.name)];
  if (one.description !== undefined) options.push(textOption(3, one.description));
  if (one.mac !== undefined) options.push({ code: 6, value: macBytes(one.mac) });
  // if_tsresol: ten to the minus nine.
  options.push({ code: 9, value: Uint8Array.of(9) });
  // if_filter: the first byte says that it is libpcap's text.
  if (one.filter !== undefined && one.filter !== '') options.push({ code: 11, value: Uint8Array.of(0, ...encodeUtf8(one.filter)) });
  options.push(textOption(12, 'Linux (simulated)'));
  return block(INTERFACE_DESCRIPTION, body, options);
}

function secretsBlock(keyLog: string): Uint8Array {
  const secrets = encodeUtf8(keyLog);
  const body = new Uint8Array(8 + padded(secrets.length));
  const view = new DataView(body.buffer);
  view.setUint32(0, SECRETS_TLS, true);
  view.setUint32(4, secrets.length, true);
  body.set(secrets, 8);
  return block(DECRYPTION_SECRETS, body, []);
}

function macBytes(mac: number): Uint8Array {
  const out = new Uint8Array(6);
  for (let i = 0; i < 6; i += 1) out[5 - i] = Math.floor(mac / 256 ** i) % 256;
  return out;
}

function packetBlock(packet: PcapngPacket, epochMs: number): Uint8Array {
  const body = new Uint8Array(20 + padded(packet.bytes.length));
  const view = new DataView(body.buffer);
  view.setUint32(0, packet.interface, true);
  // BigInt, since nanoseconds since 1970 need 61 bits.
  const stamp = BigInt(epochMs) * 1_000_000n + BigInt(Math.floor(packet.timeNs));
  view.setUint32(4, Number(stamp >> 32n), true);
  view.setUint32(8, Number(stamp & 0xffffffffn), true);
  view.setUint32(12, packet.bytes.length, true);
  view.setUint32(16, packet.bytes.length, true);
  body.set(packet.bytes, 20);
  const options: Option[] = [];
  if (packet.direction !== undefined) options.push({ code: 2, value: Uint8Array.of(FLAGS[packet.direction], 0, 0, 0) });
  if (packet.comment !== undefined && packet.comment !== '') options.push(textOption(1, packet.comment));
  return block(ENHANCED_PACKET, body, options);
}

function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const optionBytes = options.length === 0 ? 0 : options.reduce((sum, option) => sum + 4 + padded(option.value.length), 4);
  const out = new Uint8Array(12 + body.length + optionBytes);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, out.length, true);
  out.set(body, 8);
  let at = 8 + body.length;
  for (const option of options) {
    view.setUint16(at, option.code, true);
    view.setUint16(at + 2, option.value.length, true);
    out.set(option.value, at + 4);
    at += 4 + padded(option.value.length);
  }
  view.setUint32(out.length - 4, out.length, true);
  return out;
}

const padded = (bytes: number): number => (bytes + 3) & ~3;
