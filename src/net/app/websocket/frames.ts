/** WebSocket's handshake and frames as octets (RFC 6455). Octets are characters U+0000 to U+00FF. */
import { sha1 } from '@noble/hashes/legacy.js';
import { bytesToBase64 } from '../../wire/binary-text.ts';
import type { Payload } from '../../wire/packet.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { type HttpHeader, headerValue } from '../http-message.ts';

/** Section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const MAX_PAYLOAD = 1024 * 1024;

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  /** Unmasked. */
  readonly payload: string;
  readonly masked: boolean;
}

export const acceptKey = (key: string): string => bytesToBase64(sha1(encodeUtf8(key + GUID)));

/** Whether a request asks for an upgrade to WebSocket (section 4.2.1). */
export const asksWebSocket = (headers: readonly HttpHeader[]): boolean =>
  headerValue(headers, 'Upgrade')?.toLowerCase() === 'websocket' &&
  (headerValue(headers, 'Connection') ?? '')
    .toLowerCase()
    .split(',')
    .some((one) => one.trim() === 'upgrade');

function masked(payload: string, key: readonly number[]): string {
  let text = '';
  for (let i = 0; i < payload.length; i += 1) text += String.fromCharCode(payload.charCodeAt(i) ^ (key[i % 4] ?? 0));
  return text;
}

/** `mask`: 32 bits of chance; clients mask, servers do not (section 5.1). */
export function frame(opcode: number, payload: string, mask?: number): Payload {
  const { length } = payload;
  const flag = mask === undefined ? 0 : 128;
  const size =
    length < 126
      ? String.fromCharCode(flag | length)
      : length < 65_536
        ? String.fromCharCode(flag | 126, length >> 8, length & 255)
        : String.fromCharCode(flag | 127, 0, 0, 0, 0, (length >>> 24) & 255, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
  const key = mask === undefined ? [] : [(mask >>> 24) & 255, (mask >>> 16) & 255, (mask >>> 8) & 255, mask & 255];
  const octets = String.fromCharCode(128 | opcode) + size + String.fromCharCode(...key) + (mask === undefined ? payload : masked(payload, key));
  return { bytes: octets.length, octets };
}

/** Whole frames at the beginning of a buffer, and what is left of it; `wrong`: the connection cannot go on (1002, 1009). */
export function readFrames(buffer: string): { readonly frames: readonly Frame[]; readonly rest: string; readonly wrong?: number } {
  const frames: Frame[] = [];
  let at = 0;
  for (;;) {
    if (buffer.length - at < 2) break;
    const [first, second] = [buffer.charCodeAt(at), buffer.charCodeAt(at + 1)];
    const short = second & 127;
    const head = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (buffer.length < head) break;
    let length = short;
    if (short > 125) {
      length = 0;
      for (let i = at + 2; i < head; i += 1) length = length * 256 + buffer.charCodeAt(i);
    }
    const isMasked = (second & 128) !== 0;
    const opcode = first & 15;
    // Control frames are short and whole (section 5.5); nobody here has agreed on extensions.
    if ((first & 112) !== 0 || (opcode >= 8 && (length > 125 || (first & 128) === 0))) return { frames, rest: '', wrong: 1002 };
    if (length > MAX_PAYLOAD) return { frames, rest: '', wrong: 1009 };
    const start = head + (isMasked ? 4 : 0);
    if (buffer.length < start + length) break;
    const body = buffer.slice(start, start + length);
    const key = [0, 1, 2, 3].map((i) => buffer.charCodeAt(head + i));
    frames.push({ opcode, final: (first & 128) !== 0, payload: isMasked ? masked(body, key) : body, masked: isMasked });
    at = start + length;
  }
  return { frames, rest: buffer.slice(at) };
}

/** Status codes of section 7.4.1 as the body of a close frame. */
export const closeBody = (code: number, reason = ''): string => String.fromCharCode(code >> 8, code & 255) + reason;
export const closeCode = (payload: string): number | undefined => (payload.length < 2 ? undefined : payload.charCodeAt(0) * 256 + payload.charCodeAt(1));
