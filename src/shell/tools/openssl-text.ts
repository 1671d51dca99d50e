/** Certificates as `openssl x509 -text` prints them. OpenSSL: crypto/x509/t_x509.c, crypto/x509/v3_prn.c. */
import { type Certificate, certificateDate, type Extension, formatName, hexOf, KEY_USAGES, OID } from '../../net/app/tls/certificate.ts';
import { oidText, readDer, readSequence } from '../../net/app/tls/der.ts';
import { SIGNATURES } from '../../net/app/tls/keys.ts';
import { bigintToBytes } from '../../net/app/tls/rsa.ts';

const colons = (bytes: Uint8Array, upper = false): string => {
  const text = (hexOf(bytes).match(/../g) ?? []).join(':');
  return upper ? text.toUpperCase() : text;
};

/** Rows of so many bytes, each indented; every row but the last ends in a colon. */
function rows(bytes: Uint8Array, perRow: number, indent: number): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += perRow)
    text += `${' '.repeat(indent)}${colons(bytes.subarray(at, at + perRow))}${at + perRow < bytes.length ? ':' : ''}\n`;
  return text;
}

export function altNamesText(names: Certificate['altNames']): string {
  const labels = { dns: 'DNS', ip: 'IP Address', email: 'email', uri: 'URI' } as const;
  return (names ?? []).map(({ kind, value }) => `${labels[kind]}:${kind === 'ip' ? value.toUpperCase() : value}`).join(', ');
}

const USAGE_TEXTS: Readonly<Record<(typeof KEY_USAGES)[number], string>> = {
  digitalSignature: 'Digital Signature',
  nonRepudiation: 'Non Repudiation',
  keyEncipherment: 'Key Encipherment',
  dataEncipherment: 'Data Encipherment',
  keyAgreement: 'Key Agreement',
  keyCertSign: 'Certificate Sign',
  cRLSign: 'CRL Sign',
  encipherOnly: 'Encipher Only',
  decipherOnly: 'Decipher Only',
};

const EXTENDED: Readonly<Record<string, string>> = { [OID.serverAuth]: 'TLS Web Server Authentication', [OID.clientAuth]: 'TLS Web Client Authentication' };

/** `certificate` gives the parsed forms of its own extensions. */
function valueText({ oid, value }: Extension, certificate: Certificate | undefined): string {
  switch (oid) {
    case OID.subjectKeyId:
      return colons(readDer(value)?.content ?? value, true);
    case OID.authorityKeyId: {
      const id = readSequence(value)?.find(({ tag }) => tag === 0x80)?.content;
      return id === undefined ? '' : colons(id, true);
    }
    case OID.constraints: {
      const parts = readSequence(value) ?? [];
      const ca = parts[0]?.tag === 1 && parts[0].content[0] !== 0;
      const length = parts.find(({ tag }) => tag === 2)?.content[0];
      return `CA:${ca ? 'TRUE' : 'FALSE'}${length === undefined ? '' : `, pathlen:${length}`}`;
    }
    case OID.keyUsage: {
      const bits = readDer(value)?.content ?? new Uint8Array();
      return KEY_USAGES.filter((_, i) => ((bits[1 + (i >> 3)] ?? 0) & (0x80 >> (i & 7))) !== 0)
        .map((name) => USAGE_TEXTS[name])
        .join(', ');
    }
    case OID.extendedKeyUsage:
      return (readSequence(value) ?? []).map(({ content }) => EXTENDED[oidText(content)] ?? oidText(content)).join(', ');
    case OID.altNames:
      return altNamesText(certificate?.altNames);
    default:
      return colons(value, true);
  }
}

const NAMES: Readonly<Record<string, readonly [short: string, long: string]>> = {
  [OID.subjectKeyId]: ['subjectKeyIdentifier', 'X509v3 Subject Key Identifier'],
  [OID.authorityKeyId]: ['authorityKeyIdentifier', 'X509v3 Authority Key Identifier'],
  [OID.constraints]: ['basicConstraints', 'X509v3 Basic Constraints'],
  [OID.keyUsage]: ['keyUsage', 'X509v3 Key Usage'],
  [OID.extendedKeyUsage]: ['extendedKeyUsage', 'X509v3 Extended Key Usage'],
  [OID.altNames]: ['subjectAltName', 'X509v3 Subject Alternative Name'],
};

export function extensionText(extension: Extension, certificate?: Certificate): { readonly short: string; readonly text: (indent: number) => string } {
  const [short, long] = NAMES[extension.oid] ?? [extension.oid, extension.oid];
  return {
    short,
    text: (indent) => `${' '.repeat(indent)}${long}: ${extension.critical ? 'critical' : ''}\n${' '.repeat(indent + 4)}${valueText(extension, certificate)}\n`,
  };
}

function keyText({ publicKey }: Certificate): string {
  const pad = ' '.repeat(12);
  if (publicKey === undefined) return `${pad}Public Key Algorithm: unknown\n${pad}Unable to load Public Key\n`;
  if (publicKey.kind === 'ec')
    return `${pad}Public Key Algorithm: id-ecPublicKey\n${pad}    Public-Key: (256 bit)\n${pad}    pub:\n${rows(publicKey.point, 15, 20)}${pad}    ASN1 OID: prime256v1\n${pad}    NIST CURVE: P-256\n`;
  const modulus = bigintToBytes(publicKey.n);
  const signed = (modulus[0] ?? 0) > 127 ? Uint8Array.from([0, ...modulus]) : modulus;
  return (
    `${pad}Public Key Algorithm: rsaEncryption\n${pad}    Public-Key: (${publicKey.n.toString(2).length} bit)\n${pad}    Modulus:\n${rows(signed, 15, 20)}` +
    `${pad}    Exponent: ${publicKey.e} (0x${publicKey.e.toString(16)})\n`
  );
}

export function certificateText(certificate: Certificate): string {
  const algorithm = SIGNATURES[certificate.signatureAlgorithm]?.name ?? certificate.signatureAlgorithm;
  // Small numbers are told in decimal.
  const serial = hexOf(certificate.serial).replace(/^00(?=.)/, '');
  const number =
    serial.length <= 14
      ? `        Serial Number: ${Number.parseInt(serial, 16)} (0x${serial.replace(/^0(?=.)/, '')})\n`
      : `        Serial Number:\n            ${(serial.match(/../g) ?? []).join(':')}\n`;
  const extensions =
    certificate.extensions.length === 0
      ? ''
      : `        X509v3 extensions:\n${certificate.extensions.map((one) => extensionText(one, certificate).text(12)).join('')}`;
  return (
    `Certificate:\n    Data:\n        Version: ${certificate.version} (0x${certificate.version - 1})\n${number}        Signature Algorithm: ${algorithm}\n` +
    `        Issuer: ${formatName(certificate.issuer)}\n        Validity\n            Not Before: ${certificateDate(certificate.notBeforeMs)}\n            Not After : ${certificateDate(certificate.notAfterMs)}\n` +
    `        Subject: ${formatName(certificate.subject)}\n        Subject Public Key Info:\n${keyText(certificate)}${extensions}    Signature Algorithm: ${algorithm}\n    Signature Value:\n${rows(certificate.signature, 18, 8)}`
  );
}
