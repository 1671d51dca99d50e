/** TLS 1.3's key schedule with TLS_AES_256_GCM_SHA384, the suite that OpenSSL, nginx and Envoy agree on (RFC 8446 section 7), and record protection, TLS 1.2's too (RFC 8446 section 5, RFC 5288). */
import { x25519 } from '@noble/curves/ed25519.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import { encodeUtf8 } from '../../wire/utf8.ts';
import { gcmOpen, gcmSeal } from './aes-gcm.ts';
import { concatBytes } from './der.ts';

export const CIPHER_SUITE = 0x1302;
const CIPHER_NAMES: Readonly<Record<number, string>> = {
  [CIPHER_SUITE]: 'TLS_AES_256_GCM_SHA384',
  49195: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  49196: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  49199: 'ECDHE-RSA-AES128-GCM-SHA256',
  49200: 'ECDHE-RSA-AES256-GCM-SHA384',
};
/** OpenSSL's name of a suite. */
export const cipherName = (suite: number): string => CIPHER_NAMES[suite] ?? '(NONE)';
const HASH_BYTES = 48;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
export const HEADER_BYTES = 5;
/** RFC 8446 section 5.1 */
export const MAX_RECORD_BYTES = 16_384;

/** Remembers the results of a pure function for its latest arguments: the two ends of a connection, and a run that is repeated, ask the same. */
function remembered<T>(limit: number): (key: string, make: () => T) => T {
  const known = new Map<string, T>();
  return (key, make) => {
    let value = known.get(key);
    if (value === undefined) {
      value = make();
      if (known.size >= limit) known.delete(known.keys().next().value ?? '');
      known.set(key, value);
    }
    return value;
  };
}

export const hashOf = (...parts: readonly Uint8Array[]): Uint8Array => sha384(concatBytes(...parts));

/** HKDF-Expand-Label; one block is enough for all that is asked here. */
function expandLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  const name = encodeUtf8(`tls13 ${label}`);
  const info = concatBytes(Uint8Array.of(0, length, name.length), name, Uint8Array.of(context.length), context, Uint8Array.of(1));
  return hmac(sha384, secret, info).subarray(0, length);
}

const EMPTY_HASH = sha384(new Uint8Array());
const ZEROS = new Uint8Array(HASH_BYTES);
const EARLY_DERIVED = expandLabel(hmac(sha384, ZEROS, ZEROS), 'derived', EMPTY_HASH, HASH_BYTES);

/** One direction: `sequence` counts records. */
export interface TrafficKey {
  /** Records as TLS 1.2 has them: their type outside, the changing part of the nonce in front. */
  readonly older?: true;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly sequence: number;
}

export interface TrafficSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly clientKey: TrafficKey;
  readonly serverKey: TrafficKey;
}

export interface HandshakeSecrets extends TrafficSecrets {
  readonly handshake: Uint8Array;
}

const trafficKey = (secret: Uint8Array): TrafficKey => ({
  key: expandLabel(secret, 'key', new Uint8Array(), KEY_BYTES),
  iv: expandLabel(secret, 'iv', new Uint8Array(), IV_BYTES),
  sequence: 0,
});

const rememberedHandshake = remembered<HandshakeSecrets>(32);
const rememberedApplication = remembered<TrafficSecrets>(32);

/** From the shared secret and the hash of both hellos. */
export function handshakeSecrets(shared: Uint8Array, hellos: Uint8Array): HandshakeSecrets {
  return rememberedHandshake(bytesToText(shared) + bytesToText(hellos), () => {
    const handshake = hmac(sha384, EARLY_DERIVED, shared);
    const client = expandLabel(handshake, 'c hs traffic', hellos, HASH_BYTES);
    const server = expandLabel(handshake, 's hs traffic', hellos, HASH_BYTES);
    return { handshake, client, server, clientKey: trafficKey(client), serverKey: trafficKey(server) };
  });
}

/** From the handshake secret and the hash of all up to the server's Finished. */
export function applicationSecrets(handshake: Uint8Array, transcript: Uint8Array): TrafficSecrets {
  return rememberedApplication(bytesToText(handshake) + bytesToText(transcript), () => {
    const master = hmac(sha384, expandLabel(handshake, 'derived', EMPTY_HASH, HASH_BYTES), ZEROS);
    const client = expandLabel(master, 'c ap traffic', transcript, HASH_BYTES);
    const server = expandLabel(master, 's ap traffic', transcript, HASH_BYTES);
    return { client, server, clientKey: trafficKey(client), serverKey: trafficKey(server) };
  });
}

/** verify_data of Finished. */
export const finishedData = (secret: Uint8Array, transcript: Uint8Array): Uint8Array =>
  hmac(sha384, expandLabel(secret, 'finished', new Uint8Array(), HASH_BYTES), transcript);

const bytes8 = (value: number): Uint8Array => {
  const out = new Uint8Array(8);
  for (let i = 7, left = value; i >= 0 && left > 0; i -= 1, left = Math.floor(left / 256)) out[i] = left & 255;
  return out;
};

function nonceOf({ iv, sequence, older }: TrafficKey): Uint8Array {
  if (older === true) return concatBytes(iv, bytes8(sequence));
  const nonce = Uint8Array.from(iv);
  for (let i = 0, left = sequence; i < 6 && left > 0; i += 1, left = Math.floor(left / 256)) {
    const at = IV_BYTES - 1 - i;
    nonce[at] = (nonce[at] ?? 0) ^ (left & 255);
  }
  return nonce;
}

/** The latest sealed records with what is in them: whoever reads one needs not compute it again. */
const sealed = new Map<string, { readonly key: Uint8Array; readonly sequence: number; readonly inner: Uint8Array }>();
const MAX_SEALED = 256;

/** A protected record: header and ciphertext, as characters. */
export function seal(traffic: TrafficKey, type: number, content: Uint8Array): string {
  if (traffic.older === true) {
    // RFC 5288 section 3; the nonce's changing part is the record's number, as section 3 allows.
    const body = bytesToText(bytes8(traffic.sequence)) + bytesToText(gcmSeal(traffic.key, nonceOf(traffic), olderHead(traffic, type, content.length), content));
    rememberSealed(traffic, body, concatBytes(content, Uint8Array.of(type)));
    return bytesToText(Uint8Array.of(type, 3, 3, body.length >> 8, body.length & 255)) + body;
  }
  const length = content.length + 1 + TAG_BYTES;
  const header = Uint8Array.of(23, 3, 3, length >> 8, length & 255);
  const inner = concatBytes(content, Uint8Array.of(type));
  const body = bytesToText(gcmSeal(traffic.key, nonceOf(traffic), header, inner));
  rememberSealed(traffic, body, inner);
  return bytesToText(header) + body;
}

function rememberSealed({ key, sequence }: TrafficKey, body: string, inner: Uint8Array): void {
  if (sealed.size >= MAX_SEALED) sealed.delete(sealed.keys().next().value ?? '');
  sealed.set(body, { key, sequence, inner });
}

/** What else a record's tag covers in TLS 1.2: its number, type, version and length. */
const olderHead = ({ sequence }: TrafficKey, type: number, length: number): Uint8Array =>
  concatBytes(bytes8(sequence), Uint8Array.of(type, 3, 3, length >> 8, length & 255));

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** What is in a protected record; undefined where it was not sealed with this key and number. */
export function unseal(traffic: TrafficKey, header: string, body: string): { readonly type: number; readonly content: Uint8Array } | undefined {
  const known = sealed.get(body);
  let inner: Uint8Array | undefined;
  if (known !== undefined && known.sequence === traffic.sequence && sameBytes(known.key, traffic.key)) inner = known.inner;
  else {
    const [head, bytes] = [textToBytes(header), textToBytes(body)];
    if (head === undefined || bytes === undefined || bytes.length < TAG_BYTES) return undefined;
    const type = head[0] ?? 0;
    if (traffic.older === true) {
      const covered = olderHead(traffic, type, bytes.length - 8 - TAG_BYTES);
      const content = gcmOpen(traffic.key, concatBytes(traffic.iv, bytes.subarray(0, 8)), covered, bytes.subarray(8));
      inner = content === undefined ? undefined : concatBytes(content, Uint8Array.of(type));
    } else inner = gcmOpen(traffic.key, nonceOf(traffic), head, bytes);
    if (inner === undefined) return undefined;
  }
  let end = inner.length - 1;
  while (end >= 0 && inner[end] === 0) end -= 1;
  return end < 0 ? undefined : { type: inner[end] ?? 0, content: inner.subarray(0, end) };
}

export const nextKey = (key: TrafficKey): TrafficKey => ({ ...key, sequence: key.sequence + 1 });

/** So many X25519 keys each side has to choose from: drawing new ones for each connection would cost a millisecond of CPU, and nobody sees more of them than that they differ. */
const SHARES = 16;
const rememberedShare = remembered<KeyShare>(2 * SHARES);
const rememberedSecret = remembered<Uint8Array>(SHARES * SHARES);

export interface KeyShare {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

export const SHARE_COUNT = SHARES;

/** `number`: 0 to SHARE_COUNT - 1. */
export function keyShare(side: 'client' | 'server', number: number): KeyShare {
  return rememberedShare(`${side} ${number}`, () => {
    const secret = sha256(encodeUtf8(`key share ${number} of a ${side}`));
    return { secret, public: x25519.getPublicKey(secret) };
  });
}

/** Undefined for a public key that is none. */
export function sharedSecret(own: KeyShare, peer: Uint8Array): Uint8Array | undefined {
  if (peer.length !== 32) return undefined;
  const [a, b] = [bytesToText(own.public), bytesToText(peer)];
  // Both sides come to the same secret.
  return rememberedSecret(a < b ? a + b : b + a, () => {
    try {
      return x25519.getSharedSecret(own.secret, peer);
    } catch {
      return new Uint8Array();
    }
  });
}
