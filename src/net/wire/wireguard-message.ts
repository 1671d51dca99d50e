/** WireGuard messages as bytes: the clear fields as they are, bytes of no meaning where the real ones are encrypted. WireGuard protocol, section 5.4. */
import type { WireguardMessage } from './packet.ts';

/** What `wg` tools suggest; decoders know WireGuard by it. */
export const WIREGUARD_PORT = 51820;
export const WIREGUARD_INITIATION_BYTES = 148;
export const WIREGUARD_RESPONSE_BYTES = 92;
/** A transport message without data: a keepalive. */
export const WIREGUARD_KEEPALIVE_BYTES = 32;
const DATA_HEADER_BYTES = 16;
/** The second MAC of a handshake message is all zeros unless the receiver is under load. */
const MAC2_BYTES = 16;

/** `bytes` is the length of the UDP payload. What stands for ciphertext depends on the clear fields alone, so that equal messages have equal bytes. */
export function encodeWireguard(message: WireguardMessage, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  out[0] = message.type;
  let at = 8;
  if (message.type === 4) {
    view.setUint32(4, message.receiver, true);
    view.setUint32(8, message.counter % 4294967296, true);
    view.setUint32(12, Math.floor(message.counter / 4294967296), true);
    at = DATA_HEADER_BYTES;
  } else {
    view.setUint32(4, message.sender, true);
    if (message.type === 2) {
      view.setUint32(8, message.receiver, true);
      at = 12;
    }
  }
  const end = message.type === 4 ? bytes : bytes - MAC2_BYTES;
  let state = (Math.imul(message.receiver ^ Math.imul(message.sender, 0x85ebca6b) ^ message.counter, 0x9e3779b1) ^ message.type) | 1;
  for (; at < end; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[at] = state & 255;
  }
  return out;
}

/** Undefined when the bytes are no WireGuard message. */
export function decodeWireguard(data: Uint8Array): WireguardMessage | undefined {
  if (data.length < WIREGUARD_KEEPALIVE_BYTES || data[1] !== 0 || data[2] !== 0 || data[3] !== 0) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data[0] === 1 && data.length === WIREGUARD_INITIATION_BYTES) return { type: 1, sender: view.getUint32(4, true), receiver: 0, counter: 0 };
  if (data[0] === 2 && data.length === WIREGUARD_RESPONSE_BYTES)
    return { type: 2, sender: view.getUint32(4, true), receiver: view.getUint32(8, true), counter: 0 };
  if (data[0] !== 4) return undefined;
  return { type: 4, sender: 0, receiver: view.getUint32(4, true), counter: view.getUint32(8, true) + view.getUint32(12, true) * 4294967296 };
}

/** As Wireshark says it. */
export function wireguardText(message: WireguardMessage, bytes: number): string {
  const hex = (n: number): string => `0x${n.toString(16).toUpperCase().padStart(8, '0')}`;
  if (message.type === 1) return `Handshake Initiation, sender=${hex(message.sender)}`;
  if (message.type === 2) return `Handshake Response, sender=${hex(message.sender)}, receiver=${hex(message.receiver)}`;
  if (bytes === WIREGUARD_KEEPALIVE_BYTES) return `Keepalive, receiver=${hex(message.receiver)}, counter=${message.counter}`;
  return `Transport Data, receiver=${hex(message.receiver)}, counter=${message.counter}, datalen=${bytes - WIREGUARD_KEEPALIVE_BYTES}`;
}
