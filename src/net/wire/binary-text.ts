/** Bytes as text of one character a byte (ISO 8859-1): how binary files live in the in-world file system and in pipes. */

const CHUNK = 4096;

export function bytesToText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return text;
}

/** Undefined where a character is no byte. */
export function textToBytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648 section 4. */
export function bytesToBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let i = 0; i < 4; i += 1) text += at + i <= bytes.length ? ALPHABET[(group >> (18 - 6 * i)) & 63] : '=';
  }
  return text;
}

/** Undefined where the text is no base64. */
export function base64ToBytes(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const values = new Map([...ALPHABET].map((character, value) => [character, value]));
  for (let at = 0; at < text.length; at += 4) {
    let group = 0;
    for (let i = 0; i < 4; i += 1) group = (group << 6) | (values.get(text[at + i] ?? '') ?? 0);
    const to = (at / 4) * 3;
    for (let i = 0; i < 3 && to + i < bytes.length; i += 1) bytes[to + i] = (group >> (16 - 8 * i)) & 255;
  }
  return bytes;
}
