/** What TLS 1.2 does otherwise than 1.3 with ECDHE and AES-GCM: its messages and its keys. RFC 5246, RFC 8422, RFC 7627, RFC 5288. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { concatBytes } from './der.ts';
import { ascii, EXTENSION, extension, HANDSHAKE, message, Reader, u16, vector8, vector16, vector24, X25519 } from './messages.ts';
import type { TrafficKey } from './schedule.ts';

export const TLS12 = 0x0303;
const NAMED_CURVE = 3;

interface Suite {
  readonly number: number;
  /** Of the server's certificate. */
  readonly key: 'ec' | 'rsa';
  readonly keyBytes: number;
  readonly hash: 'sha256' | 'sha384';
}

/** In the order in which servers like them: so Mozilla's list, which ingress-nginx has, Envoy and Go. */
const SUITES: readonly Suite[] = [
  { number: 0xc02b, key: 'ec', keyBytes: 16, hash: 'sha256' },
  { number: 0xc02f, key: 'rsa', keyBytes: 16, hash: 'sha256' },
  { number: 0xc02c, key: 'ec', keyBytes: 32, hash: 'sha384' },
  { number: 0xc030, key: 'rsa', keyBytes: 32, hash: 'sha384' },
];
const suiteOf = (number: number): Suite | undefined => SUITES.find((one) => one.number === number);

export const chooseSuite = (offered: readonly number[], key: 'ec' | 'rsa'): number | undefined =>
  SUITES.find((one) => one.key === key && offered.includes(one.number))?.number;
export const isKnownSuite = (number: number): boolean => suiteOf(number) !== undefined;

export const olderHash = (suite: number, bytes: Uint8Array): Uint8Array => (suiteOf(suite)?.hash === 'sha384' ? sha384(bytes) : sha256(bytes));

/** PRF (RFC 5246 section 5). */
function expand(suite: number, secret: Uint8Array, label: string, seed: Uint8Array, length: number): Uint8Array {
  const mac = (text: Uint8Array): Uint8Array => (suiteOf(suite)?.hash === 'sha384' ? hmac(sha384, secret, text) : hmac(sha256, secret, text));
  const whole = concatBytes(encodeUtf8(label), seed);
  const parts: Uint8Array[] = [];
  let a = whole;
  for (let size = 0; size < length; ) {
    a = mac(a);
    const part = mac(concatBytes(a, whole));
    parts.push(part);
    size += part.length;
  }
  return concatBytes(...parts).subarray(0, length);
}

/** `session`: the hash of all up to the ClientKeyExchange (RFC 7627), or both hellos' chance. */
export const masterSecret = (suite: number, secret: Uint8Array, extended: boolean, session: Uint8Array): Uint8Array =>
  expand(suite, secret, extended ? 'extended master secret' : 'master secret', session, 48);

export function olderKeys(
  suite: number,
  master: Uint8Array,
  clientRandom: Uint8Array,
  serverRandom: Uint8Array,
): { readonly client: TrafficKey; readonly server: TrafficKey } {
  const size = suiteOf(suite)?.keyBytes ?? 16;
  const block = expand(suite, master, 'key expansion', concatBytes(serverRandom, clientRandom), 2 * size + 8);
  const key = (at: number, ivAt: number): TrafficKey => ({ older: true, key: block.slice(at, at + size), iv: block.slice(ivAt, ivAt + 4), sequence: 0 });
  return { client: key(0, 2 * size), server: key(size, 2 * size + 4) };
}

export const olderFinished = (suite: number, master: Uint8Array, side: 'client' | 'server', transcript: Uint8Array): Uint8Array =>
  expand(suite, master, `${side} finished`, olderHash(suite, transcript), 12);

/** Tells a client of TLS 1.3 that this server knows it too (RFC 8446 section 4.1.3). */
export function withSentinel(random: Uint8Array): Uint8Array {
  const out = Uint8Array.from(random);
  out.set([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 1], 24);
  return out;
}

export const olderServerHello = (
  random: Uint8Array,
  sessionId: Uint8Array,
  suite: number,
  { sawName, alpn, extendedMaster }: { readonly sawName: boolean; readonly alpn: string | undefined; readonly extendedMaster: boolean },
): Uint8Array =>
  message(
    HANDSHAKE.serverHello,
    u16(TLS12),
    random,
    vector8(sessionId),
    u16(suite),
    Uint8Array.of(0),
    vector16(
      concatBytes(
        extension(EXTENSION.renegotiation, Uint8Array.of(0)),
        ...(sawName ? [extension(EXTENSION.serverName, new Uint8Array())] : []),
        extension(EXTENSION.pointFormats, Uint8Array.of(3, 0, 1, 2)),
        ...(alpn === undefined ? [] : [extension(EXTENSION.alpn, vector16(vector8(ascii(alpn))))]),
        ...(extendedMaster ? [extension(EXTENSION.extendedMaster, new Uint8Array())] : []),
      ),
    ),
  );

/** What of a ServerKeyExchange is signed, after both hellos' chance. */
export const exchangeParameters = (share: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(NAMED_CURVE), u16(X25519), vector8(share));

export const serverKeyExchange = (share: Uint8Array, scheme: number, signature: Uint8Array): Uint8Array =>
  message(HANDSHAKE.serverKeyExchange, exchangeParameters(share), u16(scheme), vector16(signature));

export interface ReadExchange {
  readonly share: Uint8Array;
  readonly scheme: number;
  readonly signature: Uint8Array;
}

/** Undefined for other curves. */
export function readServerKeyExchange(body: Uint8Array): ReadExchange | undefined {
  const reader = new Reader(body);
  const [type, curve] = [reader.number(1), reader.number(2)];
  const share = reader.vector(1);
  const scheme = reader.number(2);
  const signature = reader.vector(2);
  return reader.failed || type !== NAMED_CURVE || curve !== X25519 ? undefined : { share, scheme, signature };
}

export const clientKeyExchange = (share: Uint8Array): Uint8Array => message(HANDSHAKE.clientKeyExchange, vector8(share));
export const readClientKeyExchange = (body: Uint8Array): Uint8Array => new Reader(body).vector(1);
export const serverHelloDone = (): Uint8Array => message(HANDSHAKE.serverHelloDone);

export const olderCertificates = (chain: readonly Uint8Array[]): Uint8Array =>
  message(HANDSHAKE.certificate, vector24(concatBytes(...chain.map((one) => vector24(one)))));

export function readOlderCertificates(body: Uint8Array): readonly Uint8Array[] {
  const list = new Reader(new Reader(body).vector(3));
  const chain: Uint8Array[] = [];
  while (list.left > 0 && !list.failed) chain.push(list.vector(3));
  return chain;
}

/** Kinds of certificates: RSA, DSS, ECDSA; OpenSSL's signature schemes. */
const TYPES = Uint8Array.of(1, 2, 64);
const SCHEMES = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0502,
  0x0602,
];

export const olderCertificateRequest = (authorities: readonly Uint8Array[]): Uint8Array =>
  message(HANDSHAKE.certificateRequest, vector8(TYPES), vector16(concatBytes(...SCHEMES.map(u16))), vector16(concatBytes(...authorities.map(vector16))));

export function readOlderCertificateRequest(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body);
  reader.vector(1);
  reader.vector(2);
  const names = new Reader(reader.vector(2));
  const authorities: Uint8Array[] = [];
  while (names.left > 0 && !names.failed) authorities.push(names.vector(2));
  return authorities;
}
