/** TLS ClientHello records as OpenSSL 3.0 and curl 7.88 on it send them (RFC 8446 section 4.1.2), and what of a TLS record people want to read. */

/** 32 random bytes each; `share` stands for an X25519 public key. */
export interface HelloSecrets {
  readonly random: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly share: Uint8Array;
}

export interface HelloOptions {
  /** SNI; absent for addresses. */
  readonly serverName?: string;
  /** ALPN names, in order of preference. */
  readonly alpn: readonly string[];
  /** `openssl s_client` asks for session tickets; curl does not, offers authentication after the handshake and pads its hello to 512 bytes. */
  readonly style: 'curl' | 'openssl';
  /** TLS versions as numbers (0x0303: 1.2); OpenSSL's whole range, 1.0 to 1.3, where absent. */
  readonly min?: number;
  readonly max?: number;
}

/** OpenSSL's default list: the three of TLS 1.3, then TLS 1.2 from ECDSA-GCM down to those that older versions have too, and the renegotiation signal. */
const CIPHERS_13 = '130213031301';
const CIPHERS_12 = 'c02cc030009fcca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f';
const CIPHERS_OLD = 'c00ac0140039c009c01300330035002f';
const RENEGOTIATION = '00ff';
/** ec_point_formats: uncompressed and the two compressed ones. */
const POINT_FORMATS = '03000102';
/** supported_groups: x25519, secp256r1, x448, secp521r1, secp384r1, ffdhe2048 to 8192. */
const GROUPS = '0014001d0017001e0019001801000101010201030104';
/** The finite fields came with TLS 1.3. */
const GROUPS_12 = '000a001d0017001e00190018';
const SIGNATURE_ALGORITHMS = '0028040305030603080708080809080a080b080408050806040105010601030303010302040205020602';
/** Without SHA-1, SHA-224 and DSA. */
const SIGNATURE_ALGORITHMS_13 = '001c040305030603080708080809080a080b080408050806040105010601';

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
/** RFC 7685: hellos of 256 to 511 bytes upset some old servers. */
const PAD_TO_BYTES = 512;

/** The whole record. */
export function clientHello(options: HelloOptions, secrets: HelloSecrets): Uint8Array {
  const { min = 0x0301, max = 0x0304 } = options;
  const is13 = max >= 0x0304;
  const extensions: number[] = [];
  const add = (type: number, body: readonly number[]): void => {
    extensions.push(...u16(type), ...u16(body.length), ...body);
  };
  if (options.serverName !== undefined) {
    const name = ascii(options.serverName);
    add(EXTENSION_SERVER_NAME, [...u16(name.length + 3), 0, ...u16(name.length), ...name]);
  }
  add(11, hex(POINT_FORMATS));
  add(10, hex(is13 ? GROUPS : GROUPS_12));
  // curl asks for no session tickets.
  if (options.style === 'openssl') add(35, []);
  if (options.alpn.length > 0) {
    const names = options.alpn.flatMap((name) => [name.length, ...ascii(name)]);
    add(EXTENSION_ALPN, [...u16(names.length), ...names]);
  }
  // encrypt_then_mac, extended_master_secret, and for curl's build post_handshake_auth.
  add(22, []);
  add(23, []);
  if (options.style === 'curl' && is13) add(49, []);
  if (max >= 0x0303) add(13, hex(min >= 0x0304 ? SIGNATURE_ALGORITHMS_13 : SIGNATURE_ALGORITHMS));
  if (is13) {
    const versions: number[] = [];
    for (let version = max; version >= min; version -= 1) versions.push(...u16(version));
    add(43, [versions.length, ...versions]);
    // psk_key_exchange_modes: with (EC)DHE.
    add(45, [1, 1]);
    add(51, [...u16(secrets.share.length + 4), ...u16(29), ...u16(secrets.share.length), ...secrets.share]);
  }
  const ciphers = hex((is13 ? CIPHERS_13 : '') + (min >= 0x0304 ? '' : max < 0x0303 ? CIPHERS_OLD : CIPHERS_12) + RENEGOTIATION);
  // What resumes sessions in TLS 1.2 stands in the hello of TLS 1.3 for the sake of boxes on the way, with bytes that mean nothing.
  const sessionId = is13 ? secrets.sessionId : [];
  const body = [...u16(Math.min(max, 0x0303)), ...secrets.random, sessionId.length, ...sessionId, ...u16(ciphers.length), ...ciphers, 1, 0];
  const unpadded = 4 + body.length + 2 + extensions.length;
  if (options.style === 'curl' && unpadded > 255 && unpadded < PAD_TO_BYTES) {
    add(21, new Array<number>(Math.max(0, PAD_TO_BYTES - unpadded - 4)).fill(0));
  }
  body.push(...u16(extensions.length), ...extensions);
  const handshake = [1, ...u24(body.length), ...body];
  return Uint8Array.from([22, 3, 1, ...u16(handshake.length), ...handshake]);
}

/** A fatal alert as a client sends it before a version is agreed on. */
export const fatalAlert = (description: number): Uint8Array => Uint8Array.of(21, 3, 1, 0, 2, 2, description);
export const ALERT_UNEXPECTED_MESSAGE = 10;
export const ALERT_DECODE_ERROR = 50;

/** `TLS ClientHello (web.example)` and the like for bytes that begin with a TLS record; undefined for others. */
export function tlsText(bytes: Uint8Array): string | undefined {
  const [type, major, minor] = bytes;
  if (bytes.length < 6 || major !== 3 || minor === undefined || minor > 4) return undefined;
  if (type === 21) return 'TLS Alert';
  if (type === 20) return 'TLS Change Cipher Spec';
  if (type === 23) return 'TLS Application Data';
  if (type !== 22) return undefined;
  if (bytes[5] === 2) return 'TLS ServerHello';
  if (bytes[5] !== 1) return 'TLS Handshake';
  const name = serverNameOf(bytes);
  return name === undefined ? 'TLS ClientHello' : `TLS ClientHello (${name})`;
}

/** The SNI of a ClientHello record, if it has one. */
export function serverNameOf(bytes: Uint8Array): string | undefined {
  const at16 = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  let at = 9 + 2 + 32;
  at += 1 + (bytes[at] ?? 0);
  at += 2 + at16(at);
  at += 1 + (bytes[at] ?? 0);
  const end = Math.min(bytes.length, at + 2 + at16(at));
  for (at += 2; at + 4 <= end; at += 4 + at16(at + 2)) {
    if (at16(at) !== EXTENSION_SERVER_NAME) continue;
    return String.fromCharCode(...bytes.subarray(at + 9, Math.min(end, at + 9 + at16(at + 7))));
  }
  return undefined;
}

const u16 = (value: number): readonly number[] => [value >> 8, value & 255];
const u24 = (value: number): readonly number[] => [value >> 16, (value >> 8) & 255, value & 255];
const ascii = (text: string): readonly number[] => [...text].map((character) => character.charCodeAt(0) & 255);

function hex(text: string): number[] {
  const out: number[] = [];
  for (let i = 0; i < text.length; i += 2) out.push(Number.parseInt(text.slice(i, i + 2), 16));
  return out;
}
