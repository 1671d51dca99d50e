/** SCTP's packets: a common header and chunks behind it. RFC 9260 section 3, RFC 3758 section 3.1. */
import type { Packet, Payload } from './packet.ts';

export const IP_PROTO_SCTP = 132;
export const SCTP_HEADER_BYTES = 12;
/** Type, flags, length. */
const CHUNK_HEADER_BYTES = 4;
const DATA_HEADER_BYTES = 16;
const INIT_BYTES = 20;
const CHUNK_LIMIT = 16;
/** Flags of DATA: beginning and end of a message. */
const DATA_WHOLE = 3;
/** Flag of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own, since the sender knows no association. */
const REFLECTED = 1;
const PARAMETER_COOKIE = 7;
const PARAMETER_ADDRESS_TYPES = 12;
const PARAMETER_ECN = 0x8000;
const PARAMETER_FORWARD_TSN = 0xc000;

/** What INIT and INIT ACK tell of the side that sends them. */
export interface SctpOffer {
  /** The verification tag that packets to this side must carry. */
  readonly tag: number;
  readonly windowBytes: number;
  readonly outStreams: number;
  readonly inStreams: number;
  /** The number of its first DATA chunk. */
  readonly tsn: number;
}

/** Names as in the RFC; numbers are unsigned 32-bit. The bytes of a DATA chunk are the packet's `payload`, so that a packet has at most one. */
export type SctpChunk =
  | { readonly kind: 'INIT'; readonly offer: SctpOffer }
  /** `cookie`: its bytes as characters U+0000 to U+00FF. */
  | { readonly kind: 'INIT ACK'; readonly offer: SctpOffer; readonly cookie: string }
  | { readonly kind: 'DATA'; readonly tsn: number; readonly stream: number; readonly sequence: number; readonly protocolId: number }
  | { readonly kind: 'SACK'; readonly tsn: number; readonly windowBytes: number }
  | { readonly kind: 'COOKIE ECHO'; readonly cookie: string }
  | { readonly kind: 'COOKIE ACK' | 'SHUTDOWN ACK' }
  | { readonly kind: 'SHUTDOWN'; readonly tsn: number }
  | { readonly kind: 'ABORT' | 'SHUTDOWN COMPLETE'; readonly reflected: boolean }
  /** Of captures only. */
  | { readonly kind: 'OTHER'; readonly type: number; readonly flags: number; readonly body: string };

export type SctpKind = SctpChunk['kind'];

export interface SctpHeader {
  /** Verification tag; 0 of INIT alone. */
  readonly tag: number;
  readonly chunks: readonly SctpChunk[];
}

const TYPES: Readonly<Record<Exclude<SctpKind, 'OTHER'>, number>> = {
  DATA: 0,
  INIT: 1,
  'INIT ACK': 2,
  SACK: 3,
  ABORT: 6,
  SHUTDOWN: 7,
  'SHUTDOWN ACK': 8,
  'COOKIE ECHO': 10,
  'COOKIE ACK': 11,
  'SHUTDOWN COMPLETE': 14,
};

const padded = (bytes: number): number => (bytes + 3) & ~3;

/** Without padding. */
function chunkBytes(chunk: SctpChunk, payload: Payload | undefined): number {
  switch (chunk.kind) {
    case 'INIT':
      // Supported address types (IPv4 or IPv6), ECN, forward TSN: what Linux says (net/sctp/sm_make_chunk.c, sctp_make_init).
      return INIT_BYTES + 8 + 4 + 4;
    case 'INIT ACK':
      return INIT_BYTES + CHUNK_HEADER_BYTES + padded(chunk.cookie.length) + 4 + 4;
    case 'DATA':
      return DATA_HEADER_BYTES + (payload?.bytes ?? 0);
    case 'SACK':
      return 16;
    case 'COOKIE ECHO':
      return CHUNK_HEADER_BYTES + chunk.cookie.length;
    case 'SHUTDOWN':
      return 8;
    case 'OTHER':
      return CHUNK_HEADER_BYTES + chunk.body.length;
    default:
      return CHUNK_HEADER_BYTES;
  }
}

export function sctpBytes({ sctp, payload }: Packet): number {
  let bytes = SCTP_HEADER_BYTES;
  for (const chunk of sctp?.chunks ?? []) bytes += padded(chunkBytes(chunk, payload));
  return bytes;
}

/** The whole packet behind the IP header, with its CRC. `content`: the bytes of `payload`. */
export function encodeSctp(packet: Packet, content: Uint8Array, six: boolean): Uint8Array {
  const out = new Uint8Array(sctpBytes(packet));
  const view = new DataView(out.buffer);
  view.setUint16(0, packet.sport);
  view.setUint16(2, packet.dport);
  view.setUint32(4, packet.sctp?.tag ?? 0);
  let at = SCTP_HEADER_BYTES;
  for (const chunk of packet.sctp?.chunks ?? []) {
    const bytes = chunkBytes(chunk, packet.payload);
    view.setUint8(at, chunkType(chunk));
    view.setUint8(at + 1, chunkFlags(chunk));
    view.setUint16(at + 2, bytes);
    putChunk(view, at + CHUNK_HEADER_BYTES, chunk, content, six);
    at += padded(bytes);
  }
  view.setUint32(8, crc32c(out), true);
  return out;
}

export const chunkType = (chunk: SctpChunk): number => (chunk.kind === 'OTHER' ? chunk.type : TYPES[chunk.kind]);

export function chunkFlags(chunk: SctpChunk): number {
  if (chunk.kind === 'DATA') return DATA_WHOLE;
  if (chunk.kind === 'ABORT' || chunk.kind === 'SHUTDOWN COMPLETE') return chunk.reflected ? REFLECTED : 0;
  return chunk.kind === 'OTHER' ? chunk.flags : 0;
}

function putChunk(view: DataView, at: number, chunk: SctpChunk, content: Uint8Array, six: boolean): void {
  switch (chunk.kind) {
    case 'INIT':
    case 'INIT ACK': {
      const { offer } = chunk;
      view.setUint32(at, offer.tag);
      view.setUint32(at + 4, offer.windowBytes);
      view.setUint16(at + 8, offer.outStreams);
      view.setUint16(at + 10, offer.inStreams);
      view.setUint32(at + 12, offer.tsn);
      let next = at + 16;
      if (chunk.kind === 'INIT') {
        parameter(view, next, PARAMETER_ADDRESS_TYPES, 6);
        view.setUint16(next + 4, six ? 6 : 5);
        next += 8;
      } else {
        parameter(view, next, PARAMETER_COOKIE, CHUNK_HEADER_BYTES + chunk.cookie.length);
        putOctets(view, next + 4, chunk.cookie);
        next += CHUNK_HEADER_BYTES + padded(chunk.cookie.length);
      }
      parameter(view, next, PARAMETER_ECN, 4);
      parameter(view, next + 4, PARAMETER_FORWARD_TSN, 4);
      return;
    }
    case 'DATA':
      view.setUint32(at, chunk.tsn);
      view.setUint16(at + 4, chunk.stream);
      view.setUint16(at + 6, chunk.sequence);
      view.setUint32(at + 8, chunk.protocolId);
      new Uint8Array(view.buffer).set(content, at + 12);
      return;
    case 'SACK':
      view.setUint32(at, chunk.tsn);
      view.setUint32(at + 4, chunk.windowBytes);
      return;
    case 'COOKIE ECHO':
      putOctets(view, at, chunk.cookie);
      return;
    case 'SHUTDOWN':
      view.setUint32(at, chunk.tsn);
      return;
    case 'OTHER':
      putOctets(view, at, chunk.body);
  }
}

function parameter(view: DataView, at: number, type: number, bytes: number): void {
  view.setUint16(at, type);
  view.setUint16(at + 2, bytes);
}

function putOctets(view: DataView, at: number, octets: string): void {
  for (let i = 0; i < octets.length; i += 1) view.setUint8(at + i, octets.charCodeAt(i) & 255);
}

/** Fills in ports, header and chunks of a captured packet; the bytes of its DATA chunk, if it has one. Undefined: they cannot be read, or there are two. */
export function decodeSctp(body: Uint8Array, packet: Packet): Uint8Array | undefined {
  if (body.length < SCTP_HEADER_BYTES) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  packet.sport = view.getUint16(0);
  packet.dport = view.getUint16(2);
  const chunks: SctpChunk[] = [];
  let data: Uint8Array | undefined;
  for (let at = SCTP_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= body.length; ) {
    const bytes = view.getUint16(at + 2);
    if (bytes < CHUNK_HEADER_BYTES || at + bytes > body.length || chunks.length === CHUNK_LIMIT) return undefined;
    const chunk = readChunk(view, at, bytes, body);
    chunks.push(chunk);
    if (chunk.kind === 'DATA') {
      if (data !== undefined) return undefined;
      data = body.subarray(at + DATA_HEADER_BYTES, at + bytes);
    }
    at += padded(bytes);
  }
  packet.sctp = { tag: view.getUint32(4), chunks };
  return data ?? new Uint8Array(0);
}

function octetsOf(body: Uint8Array): string {
  let text = '';
  for (const byte of body) text += String.fromCharCode(byte);
  return text;
}

function readChunk(view: DataView, at: number, bytes: number, body: Uint8Array): SctpChunk {
  const type = view.getUint8(at);
  const flags = view.getUint8(at + 1);
  const other = (): SctpChunk => ({ kind: 'OTHER', type, flags, body: octetsOf(body.subarray(at + 4, at + bytes)) });
  switch (type) {
    case TYPES.INIT:
    case TYPES['INIT ACK']: {
      if (bytes < INIT_BYTES) return other();
      const offer: SctpOffer = {
        tag: view.getUint32(at + 4),
        windowBytes: view.getUint32(at + 8),
        outStreams: view.getUint16(at + 12),
        inStreams: view.getUint16(at + 14),
        tsn: view.getUint32(at + 16),
      };
      if (type === TYPES.INIT) return { kind: 'INIT', offer };
      for (let next = at + INIT_BYTES; next + 4 <= at + bytes; ) {
        const length = view.getUint16(next + 2);
        if (length < 4) break;
        if (view.getUint16(next) === PARAMETER_COOKIE)
          return { kind: 'INIT ACK', offer, cookie: octetsOf(body.subarray(next + 4, Math.min(next + length, at + bytes))) };
        next += padded(length);
      }
      return other();
    }
    case TYPES.DATA:
      if (bytes < DATA_HEADER_BYTES) return other();
      return {
        kind: 'DATA',
        tsn: view.getUint32(at + 4),
        stream: view.getUint16(at + 8),
        sequence: view.getUint16(at + 10),
        protocolId: view.getUint32(at + 12),
      };
    case TYPES.SACK:
      return bytes < 12 ? other() : { kind: 'SACK', tsn: view.getUint32(at + 4), windowBytes: view.getUint32(at + 8) };
    case TYPES['COOKIE ECHO']:
      return { kind: 'COOKIE ECHO', cookie: octetsOf(body.subarray(at + 4, at + bytes)) };
    case TYPES['COOKIE ACK']:
      return { kind: 'COOKIE ACK' };
    case TYPES['SHUTDOWN ACK']:
      return { kind: 'SHUTDOWN ACK' };
    case TYPES.SHUTDOWN:
      return bytes < 8 ? other() : { kind: 'SHUTDOWN', tsn: view.getUint32(at + 4) };
    case TYPES.ABORT:
      return bytes > 4 ? other() : { kind: 'ABORT', reflected: (flags & REFLECTED) !== 0 };
    case TYPES['SHUTDOWN COMPLETE']:
      return { kind: 'SHUTDOWN COMPLETE', reflected: (flags & REFLECTED) !== 0 };
    default:
      return other();
  }
}

let table: Uint32Array | undefined;

/** RFC 9260 appendix A: Castagnoli's polynomial, over the packet with a checksum of 0. */
export function crc32c(bytes: Uint8Array): number {
  if (table === undefined) {
    table = new Uint32Array(256);
    for (let n = 0; n < 256; n += 1) {
      let c = n;
      for (let bit = 0; bit < 8; bit += 1) c = (c & 1) === 0 ? c >>> 1 : (c >>> 1) ^ 0x82f63b78;
      table[n] = c;
    }
  }
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i += 1) crc = (crc >>> 8) ^ (table[(crc ^ (i >= 8 && i < 12 ? 0 : (bytes[i] as number))) & 255] as number);
  return ~crc >>> 0;
}

/** `[INIT]`, `[COOKIE ECHO, DATA]`: the chunks by their names. */
export const sctpChunksText = (sctp: SctpHeader): string =>
  `[${sctp.chunks.map((chunk) => (chunk.kind === 'OTHER' ? `chunk ${chunk.type}` : chunk.kind)).join(', ')}]`;
