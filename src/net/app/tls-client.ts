/** The client's half of a TLS handshake as far as it gets here: a real ClientHello goes out; nobody in this world ends TLS yet, so what comes back is an error. */
import { bytesToText, textToBytes } from '../wire/binary-text.ts';
import type { Payload } from '../wire/packet.ts';
import { ALERT_DECODE_ERROR, ALERT_UNEXPECTED_MESSAGE, clientHello, fatalAlert, type HelloOptions } from '../wire/tls-hello.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import type { AppContext } from './definition.ts';

/** Where OpenSSL 3.0 reports each failure from, with its code. */
export interface TlsFailure {
  readonly code: string;
  readonly reason: string;
  readonly where: string;
  /** Bytes of the answer that were read before giving up. */
  readonly readBytes: number;
  /** The alert that is sent before leaving. */
  readonly alert?: Payload;
}

const RECORD_HEADER_BYTES = 5;

export function octetsPayload(bytes: Uint8Array): Payload {
  return { bytes: bytes.length, octets: bytesToText(bytes) };
}

/** A hello with random fields of this process' own. */
export function helloPayload(context: AppContext, options: HelloOptions): Payload {
  const prng = context.prng(`tls ${context.processId}`);
  const random = (): Uint8Array => Uint8Array.from({ length: 32 }, () => prng.below(256));
  return octetsPayload(clientHello(options, { random: random(), sessionId: random(), share: random() }));
}

/** A name with a dot in it is told to the server; addresses and bare names are not, as s_client decides. */
export const isDnsName = (host: string): boolean => host.includes('.') && !/^[\d.]+$/.test(host) && !host.includes(':');

/** What OpenSSL says about the first bytes of an answer; undefined while there are too few. */
export function judgeAnswer(received: string): TlsFailure | undefined {
  if (received.length < RECORD_HEADER_BYTES) return undefined;
  const bytes = textToBytes(received.slice(0, RECORD_HEADER_BYTES));
  const type = bytes?.[0];
  if (bytes === undefined || bytes[1] !== 3 || type === undefined || type < 20 || type > 24)
    return {
      code: '0A00010B',
      reason: 'wrong version number',
      where: 'ssl3_get_record:wrong version number:../ssl/record/ssl3_record.c:350',
      readBytes: RECORD_HEADER_BYTES,
    };
  return {
    code: '0A0000F4',
    reason: 'unexpected message',
    where: 'ossl_statem_client_read_transition:unexpected message:../ssl/statem/statem_clnt.c:398',
    readBytes: received.length,
    alert: octetsPayload(fatalAlert(ALERT_UNEXPECTED_MESSAGE)),
  };
}

/** The peer closed without an answer. */
export const UNEXPECTED_EOF: TlsFailure = {
  code: '0A000126',
  reason: 'unexpected eof while reading',
  where: 'ssl3_read_n:unexpected eof while reading:../ssl/record/rec_layer_s3.c:318',
  readBytes: 0,
  alert: octetsPayload(fatalAlert(ALERT_DECODE_ERROR)),
};

/** What a payload is as bytes of a stream, one character each. */
export const streamText = (payload: Payload): string => payload.octets ?? bytesToText(encodeUtf8(payload.text ?? ''));
