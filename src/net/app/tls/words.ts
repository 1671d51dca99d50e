/** The words in which OpenSSL 3.0 and curl tell of TLS records, alerts and failures. OpenSSL: ssl/ssl_stat.c, include/openssl/sslerr.h; curl: lib/vtls/openssl.c, ossl_trace. */
import { ALERT_WORDS } from './messages.ts';

/** `TLSv1.3` of 0x0304. */
export const versionName = (version: number): string => `TLSv1${version > 0x0301 ? `.${version - 0x0301}` : '.0'}`;

const MESSAGES: Readonly<Record<number, string>> = {
  1: 'Client hello',
  2: 'Server hello',
  4: 'Newsession Ticket',
  8: 'Encrypted Extensions',
  11: 'Certificate',
  12: 'Server key exchange',
  13: 'Request CERT',
  14: 'Server finished',
  15: 'CERT verify',
  16: 'Client key exchange',
  20: 'Finished',
};

/** SSL_alert_desc_string_long: one is spelt otherwise, and those that came with TLS 1.3 it does not know. */
const ALERTS: Readonly<Record<number, string | undefined>> = { ...ALERT_WORDS, 10: 'unexpected_message', 43: 'unsupported certificate', 116: undefined };

/** `TLSv1.3 (IN), TLS handshake, Certificate (11):` */
export function curlRecord(event: {
  readonly direction: 'in' | 'out';
  readonly record: number;
  readonly message?: number;
  readonly alert?: number;
  readonly version: number;
}): string {
  const way = event.direction === 'in' ? 'IN' : 'OUT';
  const version = versionName(event.version);
  if (event.record === 20) return `${version} (${way}), TLS change cipher, Change cipher spec (1):`;
  if (event.record === 21) {
    const alert = event.alert ?? 0;
    return `${version} (${way}), TLS alert, ${ALERTS[alert] ?? 'unknown'} (${(alert === 0 ? 256 : 512) + alert}):`;
  }
  return `${version} (${way}), TLS handshake, ${MESSAGES[event.message ?? 0] ?? 'Unknown'} (${event.message ?? 0}):`;
}

const RECEIVED: Readonly<Record<number, string>> = {
  10: 'sslv3 alert unexpected message',
  20: 'sslv3 alert bad record mac',
  40: 'sslv3 alert handshake failure',
  42: 'sslv3 alert bad certificate',
  43: 'sslv3 alert unsupported certificate',
  45: 'sslv3 alert certificate expired',
  46: 'sslv3 alert certificate unknown',
  48: 'tlsv1 alert unknown ca',
  50: 'tlsv1 alert decode error',
  51: 'tlsv1 alert decrypt error',
  70: 'tlsv1 alert protocol version',
  80: 'tlsv1 alert internal error',
  112: 'tlsv1 unrecognized name',
  116: 'tlsv13 alert certificate required',
  120: 'tlsv1 alert no application protocol',
};

/** Of an alert that came: its number and reason as the error queue has them (`0A000418`, `tlsv1 alert unknown ca`). */
export const receivedAlert = (alert: number): { readonly code: string; readonly reason: string } => ({
  code: `0A${(1000 + alert).toString(16).toUpperCase().padStart(6, '0')}`,
  reason: RECEIVED[alert] ?? `reason(${1000 + alert})`,
});
