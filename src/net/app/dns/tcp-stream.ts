/** DNS messages in a stream of bytes, each behind two bytes of length. RFC 1035 section 4.2.2, RFC 7766. */
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import { decodeDns, encodeDns } from '../../wire/dns-codec.ts';
import type { DnsMessage } from '../../wire/dns-message.ts';
import type { Payload } from '../../wire/packet.ts';

/** Compressed, as every resolver sends over TCP; servers that do not are none of ours. */
export function dnsStreamPayload(message: DnsMessage, compress: boolean): Payload {
  const bytes = encodeDns(message, compress);
  return { bytes: bytes.length + 2, octets: String.fromCharCode(bytes.length >> 8, bytes.length & 255) + bytesToText(bytes) };
}

export interface StreamRead {
  readonly messages: readonly { readonly message: DnsMessage; readonly bytes: number }[];
  readonly rest: string;
  /** Something in it is no message that we can represent. */
  readonly broken: boolean;
}

/** Cuts whole messages off the beginning of what has been received. */
export function readDnsStream(received: string): StreamRead {
  const messages: { message: DnsMessage; bytes: number }[] = [];
  let at = 0;
  while (received.length - at >= 2) {
    const bytes = (received.charCodeAt(at) << 8) | received.charCodeAt(at + 1);
    if (received.length - at - 2 < bytes) break;
    const octets = textToBytes(received.slice(at + 2, at + 2 + bytes));
    const message = octets === undefined ? undefined : decodeDns(octets);
    if (message === undefined) return { messages, rest: '', broken: true };
    messages.push({ message, bytes });
    at += 2 + bytes;
  }
  return { messages, rest: received.slice(at), broken: false };
}

/** The bytes of TCP data as one character each. */
export function octetsOf(payload: Payload): string {
  return payload.octets ?? payload.text ?? '';
}
