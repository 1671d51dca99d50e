/** X.509 certificates (RFC 5280): reading and making them. */
import { sha1 } from '@noble/hashes/legacy.js';
import { formatIp, parseIp } from '../../addr/ip.ts';
import { bytesToText } from '../../wire/binary-text.ts';
import { calendarTime, formatClock, MONTHS } from '../../wire/calendar.ts';
import type { Ip } from '../../wire/packet.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import {
  concatBytes,
  type DerValue,
  der,
  derBits,
  derBoolean,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derTime,
  oidText,
  readAll,
  readDer,
  readSequence,
  readTime,
  TAG,
} from './der.ts';
import { decodePublic, encodePublic, type PrivateKey, type PublicKey, publicBits, SIGNATURES, signCertificate } from './keys.ts';
import { type PemBlock, parsePem } from './pem.ts';

/** One attribute of a name, by its short name (`CN`) or its dotted OID. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}
export type DistinguishedName = readonly NameAttribute[];

export const ATTRIBUTE_OIDS: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  street: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  GN: '2.5.4.42',
  emailAddress: '1.2.840.113549.1.9.1',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
};
const ATTRIBUTE_NAMES = new Map(Object.entries(ATTRIBUTE_OIDS).map(([name, oid]) => [oid, name]));

export type AltName = { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string } | { readonly kind: 'ip'; readonly value: string };

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface Certificate {
  readonly der: Uint8Array;
  /** What is signed. */
  readonly signed: Uint8Array;
  /** 1 or 3. */
  readonly version: number;
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** Hex of the names as they are encoded, for comparing. */
  readonly issuerHex: string;
  readonly subjectHex: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly spki: Uint8Array;
  /** Undefined for algorithms that are not known here. */
  readonly publicKey: PublicKey | undefined;
  readonly extensions: readonly Extension[];
  readonly altNames: readonly AltName[] | undefined;
  /** basicConstraints; undefined where there are none. */
  readonly constraints: { readonly ca: boolean; readonly pathLength?: number } | undefined;
  /** Bits of keyUsage, digitalSignature first; undefined: any. */
  readonly keyUsage: number | undefined;
  /** Dotted OIDs of extendedKeyUsage; undefined: any. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
}

export const OID = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altNames: '2.5.29.17',
  constraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** keyUsage bits, as `1 << n`. */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export const hexOf = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
};

export function encodeName(name: DistinguishedName): Uint8Array {
  return derSequence(
    ...name.map(({ type, value }) => {
      const tag = type === 'C' || type === 'serialNumber' ? TAG.printable : type === 'emailAddress' || type === 'DC' ? TAG.ia5 : TAG.utf8;
      return der(TAG.set, derSequence(derOid(ATTRIBUTE_OIDS[type] ?? type), der(tag, encodeUtf8(value))));
    }),
  );
}

export function decodeName(bytes: Uint8Array): DistinguishedName {
  return (readSequence(bytes) ?? []).flatMap((set) =>
    (readAll(set.content) ?? []).flatMap((pair) => {
      const [oid, value] = readAll(pair.content) ?? [];
      if (oid === undefined || value === undefined) return [];
      const dotted = oidText(oid.content);
      return [{ type: ATTRIBUTE_NAMES.get(dotted) ?? dotted, value: decodeUtf8(value.content) ?? bytesToText(value.content) }];
    }),
  );
}

/** 4 or 16 bytes of an address, and back. */
function addressBytes(text: string): Uint8Array | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return Uint8Array.from(text.split('.'), Number);
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  const [head = '', tail] = formatIp(ip).split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [a, b] = [groups(head), groups(tail ?? '')];
  const all = tail === undefined ? a : [...a, ...new Array<number>(8 - a.length - b.length).fill(0), ...b];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  return groups.join(':');
}

/** Whether a name of the certificate stands for this address. */
export function isAddress(name: string, ip: Ip): boolean {
  const [a, b] = [addressBytes(name), addressBytes(formatIp(ip))];
  return a !== undefined && b !== undefined && hexOf(a) === hexOf(b);
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 127);

export function altNamesExtension(names: readonly AltName[], critical = false): Extension {
  const tags = { email: 1, dns: 2, uri: 6, ip: 7 } as const;
  const parts = names.map((name) => derContext(tags[name.kind], (name.kind === 'ip' ? addressBytes(name.value) : undefined) ?? ascii(name.value), false));
  return { oid: OID.altNames, critical, value: derSequence(...parts) };
}

function decodeAltNames(value: Uint8Array): readonly AltName[] {
  return (readSequence(value) ?? []).flatMap(({ tag, content }): AltName[] => {
    const kind = ({ 129: 'email', 130: 'dns', 134: 'uri' } as const)[tag as 0x81];
    if (tag === 0x87) return [{ kind: 'ip', value: addressText(content) }];
    return kind === undefined ? [] : [{ kind, value: bytesToText(content) }];
  });
}

export const constraintsExtension = (ca: boolean, pathLength?: number): Extension => ({
  oid: OID.constraints,
  critical: true,
  value: derSequence(...(ca ? [derBoolean(true)] : []), ...(pathLength === undefined ? [] : [derInteger(pathLength)])),
});

export function keyUsageExtension(names: readonly (typeof KEY_USAGES)[number][], critical = true): Extension {
  const bits = names.reduce((sum, name) => sum | (1 << KEY_USAGES.indexOf(name)), 0);
  let byte = 0;
  let last = 0;
  for (let i = 0; i < 8; i += 1) {
    if ((bits & (1 << i)) === 0) continue;
    byte |= 0x80 >> i;
    last = i;
  }
  return { oid: OID.keyUsage, critical, value: derBits(Uint8Array.of(byte), 7 - last) };
}

export const extendedKeyUsageExtension = (oids: readonly string[]): Extension => ({
  oid: OID.extendedKeyUsage,
  critical: false,
  value: derSequence(...oids.map(derOid)),
});

export const keyIdOf = (key: PublicKey): Uint8Array => sha1(publicBits(key));
export const subjectKeyExtension = (key: PublicKey): Extension => ({ oid: OID.subjectKeyId, critical: false, value: derOctets(keyIdOf(key)) });
export const authorityKeyExtension = (id: Uint8Array): Extension => ({
  oid: OID.authorityKeyId,
  critical: false,
  value: derSequence(derContext(0, id, false)),
});

export interface CertificateRequest {
  readonly serial: Uint8Array;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: PublicKey;
  readonly extensions: readonly Extension[];
}

const algorithmOf = (oid: string): Uint8Array => (SIGNATURES[oid]?.kind === 'rsa' ? derSequence(derOid(oid), derNull) : derSequence(derOid(oid)));

/** DER of a certificate of version 3 (1 without extensions), signed with `key`. */
export function makeCertificate(request: CertificateRequest, key: PrivateKey): Uint8Array {
  const oid = key.kind === 'ec' ? '1.2.840.10045.4.3.2' : '1.2.840.113549.1.1.11';
  const extensions = request.extensions.map((one) => derSequence(derOid(one.oid), ...(one.critical ? [derBoolean(true)] : []), derOctets(one.value)));
  const signed = derSequence(
    ...(extensions.length === 0 ? [] : [derContext(0, derInteger(2))]),
    derInteger(request.serial),
    algorithmOf(oid),
    encodeName(request.issuer),
    derSequence(derTime(request.notBeforeMs), derTime(request.notAfterMs)),
    encodeName(request.subject),
    encodePublic(request.publicKey),
    ...(extensions.length === 0 ? [] : [derContext(3, derSequence(...extensions))]),
  );
  return derSequence(signed, algorithmOf(oid), derBits(signCertificate(key, signed).signature));
}

function decodeExtensions(value: DerValue | undefined): readonly Extension[] {
  const list = value === undefined ? [] : (readSequence(value.content) ?? []);
  return list.flatMap((one) => {
    const parts = readAll(one.content) ?? [];
    const [oid, second] = parts;
    const octets = parts.at(-1);
    if (oid?.tag !== TAG.oid || octets?.tag !== TAG.octetString) return [];
    return [{ oid: oidText(oid.content), critical: second?.tag === TAG.boolean && second.content[0] !== 0, value: octets.content }];
  });
}

function bitsOf(value: Uint8Array): number {
  const content = readDer(value)?.content ?? new Uint8Array();
  let bits = 0;
  for (let i = 0; i < 9; i += 1) if (((content[1 + (i >> 3)] ?? 0) & (0x80 >> (i & 7))) !== 0) bits |= 1 << i;
  return bits;
}

export function parseCertificate(bytes: Uint8Array): Certificate | undefined {
  const [signed, algorithm, signature] = readSequence(bytes) ?? [];
  const parts = signed === undefined ? undefined : readSequence(signed.whole);
  if (signed === undefined || parts === undefined || algorithm === undefined || signature?.tag !== TAG.bitString) return undefined;
  const versioned = parts[0]?.tag === 0xa0;
  const [serial, , issuer, validity, subject, spki, ...others] = versioned ? parts.slice(1) : parts;
  const oid = readAll(algorithm.content)?.[0];
  const [from, to] = (validity === undefined ? [] : (readAll(validity.content) ?? [])).map(readTime);
  if (
    serial === undefined ||
    issuer === undefined ||
    subject === undefined ||
    spki === undefined ||
    oid === undefined ||
    from === undefined ||
    to === undefined
  )
    return undefined;
  const extensions = decodeExtensions(others.find(({ tag }) => tag === 0xa3));
  const find = (wanted: string): Uint8Array | undefined => extensions.find((one) => one.oid === wanted)?.value;
  const [names, basic, usage, extended, own, authority] = [
    OID.altNames,
    OID.constraints,
    OID.keyUsage,
    OID.extendedKeyUsage,
    OID.subjectKeyId,
    OID.authorityKeyId,
  ].map(find);
  const basics = basic === undefined ? [] : (readSequence(basic) ?? []);
  const pathLength = basics.find(({ tag }) => tag === TAG.integer)?.content;
  return {
    der: bytes,
    signed: signed.whole,
    version: versioned ? (readDer(parts[0]?.content ?? new Uint8Array())?.content[0] ?? 0) + 1 : 1,
    serial: serial.content,
    signatureAlgorithm: oidText(oid.content),
    signature: signature.content.subarray(1),
    issuer: decodeName(issuer.whole),
    subject: decodeName(subject.whole),
    issuerHex: hexOf(issuer.whole),
    subjectHex: hexOf(subject.whole),
    notBeforeMs: from,
    notAfterMs: to,
    spki: spki.whole,
    publicKey: decodePublic(spki.whole),
    extensions,
    altNames: names === undefined ? undefined : decodeAltNames(names),
    constraints:
      basic === undefined
        ? undefined
        : { ca: basics[0]?.tag === TAG.boolean && basics[0].content[0] !== 0, ...(pathLength === undefined ? {} : { pathLength: pathLength[0] ?? 0 }) },
    keyUsage: usage === undefined ? undefined : bitsOf(usage),
    extendedKeyUsage: extended === undefined ? undefined : (readSequence(extended) ?? []).map(({ content }) => oidText(content)),
    subjectKeyId: own === undefined ? undefined : readDer(own)?.content,
    authorityKeyId: authority === undefined ? undefined : readSequence(authority)?.find(({ tag }) => tag === 0x80)?.content,
  };
}

const isCertificate = ({ label }: PemBlock): boolean => label === 'CERTIFICATE' || label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE';

/** The certificates of a PEM text, in order; undefined where a block is none or there is none at all. */
export function parseCertificates(text: string): readonly Certificate[] | undefined {
  const out: Certificate[] = [];
  for (const block of parsePem(text)) {
    if (!isCertificate(block)) continue;
    const certificate = parseCertificate(block.bytes);
    if (certificate === undefined) return undefined;
    out.push(certificate);
  }
  return out.length === 0 ? undefined : out;
}

/** `O = Acme Co, CN = web` as openssl prints it; `O=Acme Co; CN=web` as curl does. */
export const formatName = (name: DistinguishedName, equals = ' = ', between = ', '): string =>
  name.map(({ type, value }) => `${type}${equals}${value}`).join(between);

/** `Nov 25 09:24:49 2026 GMT` */
export function certificateDate(unixMs: number): string {
  const time = calendarTime(unixMs);
  return `${MONTHS[time.month - 1] ?? ''} ${String(time.day).padStart(2)} ${formatClock(time)} ${time.year} GMT`;
}

/** 20 bytes, the highest bit off: what openssl and others draw for a serial number. */
export function randomSerial(random: (length: number) => Uint8Array): Uint8Array {
  const bytes = concatBytes(random(20));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes;
}
