/** Private and public keys of certificates: ECDSA on P-256 and RSA; their PEM and DER forms (RFC 5915, RFC 5958, RFC 8017), signing and verifying. */
import { p256 } from '@noble/curves/nist.js';
import {
  concatBytes,
  type DerValue,
  derBits,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  oidText,
  readDer,
  readSequence,
  TAG,
} from './der.ts';
import { type PemBlock, parsePem } from './pem.ts';
import {
  bigintToBytes,
  bytesToBigint,
  digestOf,
  type HashName,
  type RandomBytes,
  type RsaPrivateKey,
  type RsaPublicKey,
  signPss,
  signV15,
  verifyPss,
  verifyV15,
} from './rsa.ts';

export interface EcPrivateKey {
  readonly kind: 'ec';
  readonly scalar: Uint8Array;
  /** 65 bytes, uncompressed. */
  readonly point: Uint8Array;
}
export interface EcPublicKey {
  readonly kind: 'ec';
  readonly point: Uint8Array;
}
export type PrivateKey = EcPrivateKey | RsaPrivateKey;
export type PublicKey = EcPublicKey | RsaPublicKey;

export const OID_EC = '1.2.840.10045.2.1';
export const OID_P256 = '1.2.840.10045.3.1.7';
export const OID_RSA = '1.2.840.113549.1.1.1';

/** Signature algorithms of certificates. */
export const SIGNATURES: Readonly<Record<string, { readonly kind: 'ec' | 'rsa'; readonly hash: HashName; readonly name: string }>> = {
  '1.2.840.10045.4.3.2': { kind: 'ec', hash: 'sha256', name: 'ecdsa-with-SHA256' },
  '1.2.840.10045.4.3.3': { kind: 'ec', hash: 'sha384', name: 'ecdsa-with-SHA384' },
  '1.2.840.10045.4.3.4': { kind: 'ec', hash: 'sha512', name: 'ecdsa-with-SHA512' },
  '1.2.840.113549.1.1.11': { kind: 'rsa', hash: 'sha256', name: 'sha256WithRSAEncryption' },
  '1.2.840.113549.1.1.12': { kind: 'rsa', hash: 'sha384', name: 'sha384WithRSAEncryption' },
  '1.2.840.113549.1.1.13': { kind: 'rsa', hash: 'sha512', name: 'sha512WithRSAEncryption' },
};

export function generateEc(random: RandomBytes): EcPrivateKey {
  // Of 2^256 scalars almost all are below the group's order.
  for (;;) {
    const scalar = random(32);
    if (p256.utils.isValidSecretKey(scalar)) return ecFromScalar(scalar);
  }
}

const ecFromScalar = (scalar: Uint8Array): EcPrivateKey => ({ kind: 'ec', scalar, point: p256.getPublicKey(scalar, false) });

export const publicOf = (key: PrivateKey): PublicKey => (key.kind === 'ec' ? { kind: 'ec', point: key.point } : { kind: 'rsa', n: key.n, e: key.e });

export function isSameKey(a: PublicKey, b: PublicKey): boolean {
  if (a.kind === 'ec') return b.kind === 'ec' && a.point.every((byte, i) => byte === b.point[i]);
  return b.kind === 'rsa' && a.n === b.n && a.e === b.e;
}

/** SubjectPublicKeyInfo. */
export function encodePublic(key: PublicKey): Uint8Array {
  return key.kind === 'ec'
    ? derSequence(derSequence(derOid(OID_EC), derOid(OID_P256)), derBits(key.point))
    : derSequence(derSequence(derOid(OID_RSA), derNull), derBits(derSequence(derInteger(bigintToBytes(key.n)), derInteger(bigintToBytes(key.e)))));
}

/** The bits of a SubjectPublicKeyInfo: what key identifiers are the SHA-1 of. */
export const publicBits = (key: PublicKey): Uint8Array =>
  key.kind === 'ec' ? key.point : derSequence(derInteger(bigintToBytes(key.n)), derInteger(bigintToBytes(key.e)));

/** Undefined for other algorithms and curves. */
export function decodePublic(spki: Uint8Array): PublicKey | undefined {
  const [algorithm, bits] = readSequence(spki) ?? [];
  const [oid, parameters] = algorithm === undefined ? [] : (readSequence(algorithm.whole) ?? []);
  if (oid === undefined || bits?.tag !== TAG.bitString) return undefined;
  const key = bits.content.subarray(1);
  const name = oidText(oid.content);
  if (name === OID_EC)
    return parameters !== undefined && oidText(parameters.content) === OID_P256 && key.length === 65 ? { kind: 'ec', point: key } : undefined;
  const [n, e] = name === OID_RSA ? (readSequence(key) ?? []) : [];
  return n === undefined || e === undefined ? undefined : { kind: 'rsa', n: bytesToBigint(n.content), e: bytesToBigint(e.content) };
}

/** PKCS #8, as `openssl req -newkey` writes it (BEGIN PRIVATE KEY). */
export function encodePrivate(key: PrivateKey): Uint8Array {
  return key.kind === 'ec'
    ? derSequence(
        derInteger(0),
        derSequence(derOid(OID_EC), derOid(OID_P256)),
        derOctets(derSequence(derInteger(1), derOctets(key.scalar), derContext(1, derBits(key.point)))),
      )
    : derSequence(derInteger(0), derSequence(derOid(OID_RSA), derNull), derOctets(encodeRsaPrivate(key)));
}

function encodeRsaPrivate({ n, e, d, p, q }: RsaPrivateKey): Uint8Array {
  // The inverse of q by Fermat: p is a prime.
  let inverse = 1n;
  for (let [base, exponent] = [q % p, p - 2n]; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) inverse = (inverse * base) % p;
    base = (base * base) % p;
  }
  const numbers = [n, e, d, p, q, d % (p - 1n), d % (q - 1n), inverse];
  return derSequence(derInteger(0), ...numbers.map((number) => derInteger(bigintToBytes(number))));
}

/** SEC 1, as `openssl ecparam -genkey` writes it (BEGIN EC PRIVATE KEY). */
export const encodeEcPrivate = (key: EcPrivateKey): Uint8Array =>
  derSequence(derInteger(1), derOctets(key.scalar), derContext(0, derOid(OID_P256)), derContext(1, derBits(key.point)));

function decodeEcPrivate(bytes: Uint8Array): PrivateKey | undefined {
  const octets = readSequence(bytes)?.[1];
  if (octets?.tag !== TAG.octetString || octets.content.length > 32) return undefined;
  const scalar = concatBytes(new Uint8Array(32 - octets.content.length), octets.content);
  return p256.utils.isValidSecretKey(scalar) ? ecFromScalar(scalar) : undefined;
}

function decodeRsaPrivate(bytes: Uint8Array): PrivateKey | undefined {
  const [, n, e, d, p, q] = (readSequence(bytes) ?? []).map((value: DerValue) => bytesToBigint(value.content));
  if (n === undefined || e === undefined || d === undefined || p === undefined || q === undefined || p * q !== n) return undefined;
  return { kind: 'rsa', n, e, d, p, q };
}

function decodePrivate({ label, bytes }: PemBlock): PrivateKey | undefined {
  if (label === 'EC PRIVATE KEY') return decodeEcPrivate(bytes);
  if (label === 'RSA PRIVATE KEY') return decodeRsaPrivate(bytes);
  if (label !== 'PRIVATE KEY') return undefined;
  const [, algorithm, octets] = readSequence(bytes) ?? [];
  const [oid, parameters] = algorithm === undefined ? [] : (readSequence(algorithm.whole) ?? []);
  if (oid === undefined || octets === undefined || readDer(octets.content) === undefined) return undefined;
  const name = oidText(oid.content);
  if (name === OID_EC) return parameters !== undefined && oidText(parameters.content) === OID_P256 ? decodeEcPrivate(octets.content) : undefined;
  return name === OID_RSA ? decodeRsaPrivate(octets.content) : undefined;
}

/** The first private key of a text. */
export function parsePrivateKey(text: string): PrivateKey | undefined {
  for (const block of parsePem(text)) {
    const key = decodePrivate(block);
    if (key !== undefined) return key;
  }
  return undefined;
}

/** A certificate's signature: SHA-256 with either kind of key. */
export function signCertificate(key: PrivateKey, message: Uint8Array): { readonly oid: string; readonly signature: Uint8Array } {
  return key.kind === 'ec'
    ? { oid: '1.2.840.10045.4.3.2', signature: p256.sign(message, key.scalar, { format: 'der', lowS: false }) }
    : { oid: '1.2.840.113549.1.1.11', signature: signV15(key, 'sha256', message) };
}

/** Remembers which signatures were found good: verifying costs milliseconds, and the same certificate is seen again and again. A pure function's memory. */
const known = new Map<string, boolean>();
const MAX_KNOWN = 4096;

const hex = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
};

export function remember(algorithm: string, key: PublicKey, message: Uint8Array, signature: Uint8Array, check: () => boolean): boolean {
  const name = `${algorithm} ${hex(digestOf('sha256', concatBytes(publicBits(key), message)))} ${hex(signature)}`;
  const before = known.get(name);
  if (before !== undefined) return before;
  const good = check();
  if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value ?? '');
  known.set(name, good);
  return good;
}

export function verifySignature(oid: string, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const algorithm = SIGNATURES[oid];
  if (algorithm === undefined || algorithm.kind !== key.kind) return false;
  return remember(oid, key, message, signature, () =>
    key.kind === 'ec' ? verifyEc(key, digestOf(algorithm.hash, message), signature) : verifyV15(key, algorithm.hash, message, signature),
  );
}

function verifyEc(key: EcPublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  // What is no signature at all, or no point of the curve, the library refuses by throwing.
  try {
    return p256.verify(signature, digest, key.point, { format: 'der', lowS: false, prehash: false });
  } catch {
    return false;
  }
}

/** TLS 1.3's schemes for these keys (RFC 8446 section 4.2.3). */
export const SCHEME_ECDSA = 0x0403;
export const SCHEME_PSS = 0x0804;

export function signTls(key: PrivateKey, message: Uint8Array, random: RandomBytes): { readonly scheme: number; readonly signature: Uint8Array } {
  if (key.kind === 'rsa') return { scheme: SCHEME_PSS, signature: signPss(key, 'sha256', message, random(32)) };
  const signature = p256.sign(message, key.scalar, { format: 'der', lowS: false });
  // The other end of the connection will look at it in a moment.
  remember('tls', { kind: 'ec', point: key.point }, message, signature, () => true);
  return { scheme: SCHEME_ECDSA, signature };
}

export function verifyTls(scheme: number, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.kind === 'ec')
    return scheme === SCHEME_ECDSA && remember('tls', key, message, signature, () => verifyEc(key, digestOf('sha256', message), signature));
  return scheme === SCHEME_PSS && remember('pss', key, message, signature, () => verifyPss(key, 'sha256', message, signature));
}
