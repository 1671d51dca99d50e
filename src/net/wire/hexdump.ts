/** Packets as bytes on the terminal: tcpdump's -x, -X and -A. tcpdump: print-ascii.c. */

const printable = (byte: number): boolean => byte > 32 && byte < 127;

/** Lines of sixteen bytes, each begun by a newline and a tab; `withText` adds the column of characters (-X). */
export function hexdump(bytes: Uint8Array, withText: boolean): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 16) {
    let hex = '';
    let characters = '';
    for (let i = at; i < Math.min(at + 16, bytes.length); i += 1) {
      const byte = bytes[i] as number;
      hex += `${i % 2 === 0 ? ' ' : ''}${byte.toString(16).padStart(2, '0')}`;
      characters += printable(byte) ? String.fromCharCode(byte) : '.';
    }
    text += `\n\t0x${at.toString(16).padStart(4, '0')}: ${withText ? `${hex.padEnd(40)}  ${characters}` : hex}`;
  }
  return text;
}

/** The bytes as text (-A): carriage returns at line ends, and among the last two bytes, are dropped, what cannot be shown is a point. */
export function asciiDump(bytes: Uint8Array): string {
  let text = '\n';
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] as number;
    if (byte === 13 && (i + 2 >= bytes.length || bytes[i + 1] === 10)) continue;
    text += printable(byte) || byte === 9 || byte === 10 || byte === 32 ? String.fromCharCode(byte) : '.';
  }
  return text;
}
