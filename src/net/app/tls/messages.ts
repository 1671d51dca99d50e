/** TLS 1.3's handshake messages as bytes (RFC 8446 section 4): what servers and clients write, and reading them. */
import { bytesToText } from '../../wire/binary-text.ts';
import { concatBytes } from './der.ts';
import { CIPHER_SUITE } from './schedule.ts';

export const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;
export const HANDSHAKE = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;
export const ALERT = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  handshakeFailure: 40,
  badCertificate: 42,
  certificateExpired: 45,
  certificateUnknown: 46,
  unknownCa: 48,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  internalError: 80,
  unrecognizedName: 112,
  certificateRequired: 116,
  noApplicationProtocol: 120,
} as const;
/** The words of RFC 8446 section 6, with spaces. */
export const ALERT_WORDS: Readonly<Record<number, string>> = {
  0: 'close notify',
  10: 'unexpected message',
  20: 'bad record mac',
  40: 'handshake failure',
  42: 'bad certificate',
  45: 'certificate expired',
  46: 'certificate unknown',
  48: 'unknown CA',
  50: 'decode error',
  51: 'decrypt error',
  70: 'protocol version',
  80: 'internal error',
  112: 'unrecognized name',
  116: 'certificate required',
  120: 'no application protocol',
};

export const EXTENSION = {
  serverName: 0,
  groups: 10,
  pointFormats: 11,
  signatures: 13,
  alpn: 16,
  extendedMaster: 23,
  versions: 43,
  authorities: 47,
  keyShare: 51,
  renegotiation: 0xff01,
} as const;
export const X25519 = 29;

export const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255);
const u24 = (value: number): Uint8Array => Uint8Array.of(value >> 16, (value >> 8) & 255, value & 255);
export const vector8 = (bytes: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(bytes.length), bytes);
export const vector16 = (bytes: Uint8Array): Uint8Array => concatBytes(u16(bytes.length), bytes);
export const vector24 = (bytes: Uint8Array): Uint8Array => concatBytes(u24(bytes.length), bytes);
export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 255);
export const extension = (type: number, body: Uint8Array): Uint8Array => concatBytes(u16(type), vector16(body));

export const message = (type: number, ...body: readonly Uint8Array[]): Uint8Array => concatBytes(Uint8Array.of(type), vector24(concatBytes(...body)));

/** A reader of big-endian numbers and vectors; past the end it gives zeros and says so. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) {
      this.failed = true;
      return new Uint8Array();
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(bytes: number): number {
    let value = 0;
    for (const byte of this.take(bytes)) value = value * 256 + byte;
    return value;
  }

  vector(lengthBytes: number): Uint8Array {
    return this.take(this.number(lengthBytes));
  }
}

function readExtensions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  const reader = new Reader(bytes);
  while (reader.left >= 4 && !reader.failed) {
    const type = reader.number(2);
    out.set(type, reader.vector(2));
  }
  return out;
}

export interface ReadHello {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
  readonly versions: readonly number[];
  readonly groups: readonly number[];
  readonly extendedMaster: boolean;
  readonly share: Uint8Array | undefined;
  readonly signatures: readonly number[];
}

const numbers16 = (bytes: Uint8Array): number[] => Array.from({ length: bytes.length >> 1 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));

function readNames(bytes: Uint8Array | undefined): readonly string[] {
  const reader = new Reader(new Reader(bytes ?? new Uint8Array()).vector(2));
  const names: string[] = [];
  while (reader.left > 0 && !reader.failed) names.push(bytesToText(reader.vector(1)));
  return names;
}

/** The body of a ClientHello; undefined where it is none. */
export function readClientHello(body: Uint8Array): ReadHello | undefined {
  const reader = new Reader(body);
  const legacy = reader.number(2);
  const random = reader.take(32);
  const sessionId = reader.vector(1);
  const suites = numbers16(reader.vector(2));
  reader.vector(1);
  const extensions = readExtensions(reader.left > 0 ? reader.vector(2) : new Uint8Array());
  if (reader.failed) return undefined;
  const versions = extensions.get(EXTENSION.versions);
  const name = new Reader(new Reader(extensions.get(EXTENSION.serverName) ?? new Uint8Array()).vector(2));
  const hasName = name.left > 3 && name.number(1) === 0;
  const shares = new Reader(new Reader(extensions.get(EXTENSION.keyShare) ?? new Uint8Array()).vector(2));
  let share: Uint8Array | undefined;
  while (shares.left >= 4 && !shares.failed) {
    const group = shares.number(2);
    const key = shares.vector(2);
    if (group === X25519) share ??= key;
  }
  return {
    random,
    sessionId,
    suites,
    serverName: hasName ? bytesToText(name.vector(2)).toLowerCase() : undefined,
    alpn: readNames(extensions.get(EXTENSION.alpn)),
    versions: versions === undefined ? [legacy] : numbers16(versions.subarray(1)),
    extendedMaster: extensions.has(EXTENSION.extendedMaster),
    groups: numbers16((extensions.get(EXTENSION.groups) ?? new Uint8Array(2)).subarray(2)),
    share,
    signatures: numbers16((extensions.get(EXTENSION.signatures) ?? new Uint8Array(2)).subarray(2)),
  };
}

export const serverHello = (random: Uint8Array, sessionId: Uint8Array, share: Uint8Array): Uint8Array =>
  message(
    HANDSHAKE.serverHello,
    u16(0x0303),
    random,
    vector8(sessionId),
    u16(CIPHER_SUITE),
    Uint8Array.of(0),
    vector16(concatBytes(extension(EXTENSION.versions, u16(0x0304)), extension(EXTENSION.keyShare, concatBytes(u16(X25519), vector16(share))))),
  );

export interface ReadServerHello {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly extendedMaster: boolean;
  /** Of TLS 1.2; later versions tell it under seal. */
  readonly alpn: string | undefined;
  readonly suite: number;
  readonly version: number;
  readonly share: Uint8Array;
}

export function readServerHello(body: Uint8Array): ReadServerHello | undefined {
  const reader = new Reader(body);
  const legacy = reader.number(2);
  const random = reader.take(32);
  const sessionId = reader.vector(1);
  const suite = reader.number(2);
  reader.number(1);
  const extensions = readExtensions(reader.left > 0 ? reader.vector(2) : new Uint8Array());
  if (reader.failed) return undefined;
  const version = numbers16(extensions.get(EXTENSION.versions) ?? new Uint8Array())[0] ?? legacy;
  const share = new Reader(extensions.get(EXTENSION.keyShare) ?? new Uint8Array());
  const group = share.number(2);
  return {
    random,
    sessionId,
    suite,
    version,
    extendedMaster: extensions.has(EXTENSION.extendedMaster),
    alpn: readNames(extensions.get(EXTENSION.alpn))[0],
    share: group === X25519 ? share.vector(2) : new Uint8Array(),
  };
}

export const encryptedExtensions = (alpn: string | undefined, sawName: boolean): Uint8Array =>
  message(
    HANDSHAKE.encryptedExtensions,
    vector16(
      concatBytes(
        ...(sawName ? [extension(EXTENSION.serverName, new Uint8Array())] : []),
        ...(alpn === undefined ? [] : [extension(EXTENSION.alpn, vector16(vector8(ascii(alpn))))]),
      ),
    ),
  );

/** The chosen ALPN name. */
export const readEncryptedExtensions = (body: Uint8Array): string | undefined => readNames(readExtensions(new Reader(body).vector(2)).get(EXTENSION.alpn))[0];

/** The signature schemes that OpenSSL takes, in its order. */
const SCHEMES = [0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601];

/** `authorities`: the encoded names of those whose certificates are wanted. */
export const certificateRequest = (authorities: readonly Uint8Array[]): Uint8Array =>
  message(
    HANDSHAKE.certificateRequest,
    vector8(new Uint8Array()),
    vector16(
      concatBytes(
        extension(EXTENSION.signatures, vector16(concatBytes(...SCHEMES.map(u16)))),
        ...(authorities.length === 0 ? [] : [extension(EXTENSION.authorities, vector16(concatBytes(...authorities.map(vector16))))]),
      ),
    ),
  );

export function readCertificateRequest(body: Uint8Array): { readonly authorities: readonly Uint8Array[] } {
  const reader = new Reader(body);
  reader.vector(1);
  const names = new Reader(new Reader(readExtensions(reader.vector(2)).get(EXTENSION.authorities) ?? new Uint8Array()).vector(2));
  const authorities: Uint8Array[] = [];
  while (names.left > 0 && !names.failed) authorities.push(names.vector(2));
  return { authorities };
}

export const certificateMessage = (chain: readonly Uint8Array[]): Uint8Array =>
  message(
    HANDSHAKE.certificate,
    vector8(new Uint8Array()),
    vector24(concatBytes(...chain.map((one) => concatBytes(vector24(one), vector16(new Uint8Array()))))),
  );

export function readCertificateMessage(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body);
  reader.vector(1);
  const list = new Reader(reader.vector(3));
  const chain: Uint8Array[] = [];
  while (list.left > 0 && !list.failed) {
    chain.push(list.vector(3));
    list.vector(2);
  }
  return chain;
}

export const certificateVerify = (scheme: number, signature: Uint8Array): Uint8Array => message(HANDSHAKE.certificateVerify, u16(scheme), vector16(signature));

export function readCertificateVerify(body: Uint8Array): { readonly scheme: number; readonly signature: Uint8Array } {
  const reader = new Reader(body);
  return { scheme: reader.number(2), signature: reader.vector(2) };
}

/** What is signed in a CertificateVerify (RFC 8446 section 4.4.3). */
export const signedContent = (side: 'client' | 'server', transcript: Uint8Array): Uint8Array =>
  concatBytes(new Uint8Array(64).fill(32), ascii(`TLS 1.3, ${side} CertificateVerify`), Uint8Array.of(0), transcript);

/** `ticket`: opaque; lifetime in seconds. */
export const newSessionTicket = (lifetime: number, ageAdd: Uint8Array, nonce: number, ticket: Uint8Array): Uint8Array =>
  message(
    HANDSHAKE.newSessionTicket,
    concatBytes(u16(lifetime >> 16), u16(lifetime & 0xffff)),
    ageAdd,
    vector8(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, nonce)),
    vector16(ticket),
    u16(0),
  );
