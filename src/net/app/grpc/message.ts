/** gRPC over HTTP/2: messages with their length before them, status codes, and as much of protocol buffers as strings and messages need (grpc: doc/PROTOCOL-HTTP2.md). */

/** By number, as Go spells them. */
export const GRPC_CODES: readonly string[] = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

/** What an HTTP status means to who asked by gRPC. grpc: doc/http-grpc-status-mapping.md. */
export function grpcCodeOf(status: number): number {
  const codes: Readonly<Record<number, number>> = { 200: 0, 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };
  return codes[status] ?? 2;
}

const MAX_MESSAGE = 4 * 1024 * 1024;

/** Octets as characters, in and out. */
export const grpcFrame = (message: string): string => {
  const { length } = message;
  return `\u0000${String.fromCharCode((length >>> 24) & 255, (length >>> 16) & 255, (length >>> 8) & 255, length & 255)}${message}`;
};

/** The first message of a body; undefined where it is not whole, compressed or too long. */
export function readGrpcFrame(body: string): string | undefined {
  if (body.length < 5 || body.charCodeAt(0) !== 0) return undefined;
  const length = body.charCodeAt(1) * 2 ** 24 + body.charCodeAt(2) * 2 ** 16 + body.charCodeAt(3) * 256 + body.charCodeAt(4);
  return length > MAX_MESSAGE || body.length < 5 + length ? undefined : body.slice(5, 5 + length);
}

function varint(value: number): string {
  let text = '';
  let rest = value;
  while (rest >= 128) {
    text += String.fromCharCode((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return text + String.fromCharCode(rest);
}

/** A field of length and octets: a string in UTF-8, or a message. Proto3 leaves out what is empty. */
export const protoField = (field: number, octets: string): string => (octets === '' ? '' : varint(field * 8 + 2) + varint(octets.length) + octets);

/** Fields of length and octets, in order; others are passed over. Undefined where it is no message. */
export function readProto(octets: string): readonly { readonly field: number; readonly octets: string }[] | undefined {
  const fields: { field: number; octets: string }[] = [];
  let at = 0;
  const number = (): number | undefined => {
    let value = 0;
    for (let shift = 1; shift < 2 ** 35; shift *= 128) {
      if (at >= octets.length) return undefined;
      const octet = octets.charCodeAt(at);
      at += 1;
      value += (octet & 127) * shift;
      if (octet < 128) return value;
    }
    return undefined;
  };
  while (at < octets.length) {
    const key = number();
    if (key === undefined) return undefined;
    const type = key % 8;
    if (type === 0) {
      if (number() === undefined) return undefined;
    } else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = number();
      if (length === undefined || at + length > octets.length) return undefined;
      fields.push({ field: Math.floor(key / 8), octets: octets.slice(at, at + length) });
      at += length;
    } else return undefined;
  }
  return fields;
}
