/** PEM texts (RFC 7468): blocks of base64 between BEGIN and END lines. */
import { base64ToBytes, bytesToBase64 } from '../../wire/binary-text.ts';

export interface PemBlock {
  /** `CERTIFICATE` */
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** A text may have so many blocks. */
const MAX_BLOCKS = 100;

/** The blocks of a text in order; what stands between them is passed over, as are blocks whose base64 is broken. */
export function parsePem(text: string): readonly PemBlock[] {
  const out: PemBlock[] = [];
  for (const [, label = '', body = ''] of text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]{0,100000})-----END \1-----/g)) {
    const bytes = base64ToBytes(body.replace(/[\s]+/g, ''));
    if (bytes !== undefined && bytes.length > 0) out.push({ label, bytes });
    if (out.length >= MAX_BLOCKS) break;
  }
  return out;
}

export function formatPem(label: string, bytes: Uint8Array): string {
  const lines = bytesToBase64(bytes).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
