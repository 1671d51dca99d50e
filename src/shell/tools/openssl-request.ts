/** Certificates and signing requests as `openssl req` and `openssl x509 -req` make them. OpenSSL: apps/req.c, apps/x509.c, apps/openssl.cnf (v3_ca). RFC 2986. */
import {
  type AltName,
  altNamesExtension,
  authorityKeyExtension,
  type Certificate,
  constraintsExtension,
  type DistinguishedName,
  decodeName,
  type Extension,
  encodeName,
  extendedKeyUsageExtension,
  formatName,
  KEY_USAGES,
  keyIdOf,
  keyUsageExtension,
  makeCertificate,
  OID,
  randomSerial,
  subjectKeyExtension,
} from '../../net/app/tls/certificate.ts';
import {
  der,
  derBits,
  derBoolean,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  oidText,
  readAll,
  readSequence,
  TAG,
} from '../../net/app/tls/der.ts';
import {
  decodePublic,
  encodePrivate,
  encodePublic,
  isSameKey,
  type PrivateKey,
  type PublicKey,
  publicOf,
  SIGNATURES,
  signCertificate,
} from '../../net/app/tls/keys.ts';
import { formatPem, parsePem } from '../../net/app/tls/pem.ts';
import { loadCertificate, loadKey, newKey, OpensslError, type Tool } from './openssl-tool.ts';

/** `/C=DE/O=Acme Co/CN=web`: a backslash takes the next character as it is. */
export function parseSubject(text: string): DistinguishedName {
  if (!text.startsWith('/'))
    throw new OpensslError(
      `req: subject name is expected to be in the format /type0=value0/type1=value1/type2=... where characters may be escaped by \\. This name is not in that format: '${text}'\n`,
    );
  const name: { type: string; value: string }[] = [];
  for (const part of text.slice(1).match(/(?:\\.|[^/\\])+/g) ?? []) {
    const equals = part.indexOf('=');
    if (equals < 1) throw new OpensslError(`req: Missing '=' after RDN type string '${part}' in subject name string\n`);
    const value = part.slice(equals + 1).replace(/\\(.)/g, '$1');
    if (value !== '') name.push({ type: part.slice(0, equals), value });
  }
  return name;
}

/** `DNS:a.example,IP:10.0.0.1` */
function parseAltNames(text: string): readonly AltName[] {
  return text.split(',').map((one): AltName => {
    const [, kind = '', value = ''] = /^\s*(DNS|IP|email|URI)[:.]?(?:\d+=)?:?(.*?)\s*$/i.exec(one) ?? [];
    const known = ({ dns: 'dns', ip: 'ip', email: 'email', uri: 'uri' } as const)[kind.toLowerCase() as 'dns'];
    if (known === undefined)
      throw new OpensslError(`Error checking extensions defined using -addext\nerror:11000075:X509 V3 routines:a2i_GENERAL_NAME:unsupported type: ${one}\n`);
    return { kind: known, value };
  });
}

/** One line of an extension section: `subjectAltName = DNS:a`. */
export function parseExtension(line: string, own: PublicKey, issuer: PublicKey): Extension {
  const equals = line.indexOf('=');
  const name = line.slice(0, Math.max(0, equals)).trim();
  const words = line
    .slice(equals + 1)
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const critical = words[0] === 'critical';
  const values = critical ? words.slice(1) : words;
  switch (name) {
    case 'subjectAltName':
      return altNamesExtension(parseAltNames(values.join(',')), critical);
    case 'basicConstraints': {
      const length = values.find((one) => one.startsWith('pathlen:'));
      const made = constraintsExtension(
        values.some((one) => one.toUpperCase() === 'CA:TRUE'),
        length === undefined ? undefined : Number(length.slice(8)),
      );
      return { ...made, critical };
    }
    case 'keyUsage':
      return keyUsageExtension(
        values.flatMap((one) => KEY_USAGES.find((usage) => usage === one) ?? []),
        critical,
      );
    case 'extendedKeyUsage':
      return extendedKeyUsageExtension(values.map((one) => ({ serverAuth: OID.serverAuth, clientAuth: OID.clientAuth })[one as 'serverAuth'] ?? one));
    case 'subjectKeyIdentifier':
      return subjectKeyExtension(own);
    case 'authorityKeyIdentifier':
      return authorityKeyExtension(keyIdOf(issuer));
    default:
      throw new OpensslError(`Error checking extensions defined using -addext\nopenssl: the extension ${name} is not simulated in Kubehop\n`);
  }
}

const DAY_MS = 86_400_000;

function daysOf(tool: Tool, standard: number): number {
  const text = tool.get('days') ?? String(standard);
  const days = Number(text);
  if (!Number.isInteger(days) || Math.abs(days) > 100_000) throw new OpensslError(`openssl: Can't parse "${text}" as a number\n`);
  return days;
}

/** Whole seconds, as certificates have them. */
const secondsOf = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** PEM of what `openssl req` makes: a certificate with -x509, else a request. */
export function requestCertificate(tool: Tool): string {
  const { invocation } = tool;
  const keyPath = tool.get('key');
  const curve = (tool.given.get('pkeyopt') ?? []).find((one) => one.startsWith('ec_paramgen_curve:'))?.slice('ec_paramgen_curve:'.length);
  const key: PrivateKey = keyPath === undefined ? newKey(tool, tool.get('newkey') ?? 'rsa:2048', curve) : loadKey(tool, keyPath);
  if (keyPath === undefined) {
    if (!tool.has('nodes') && !tool.has('noenc'))
      throw new OpensslError('openssl: a key without -nodes asks for a pass phrase, which this terminal does not simulate; add -nodes\n');
    tool.write(tool.get('keyout') ?? 'privkey.pem', formatPem('PRIVATE KEY', encodePrivate(key)));
    invocation.err('-----\n');
  }
  const subjectText = tool.get('subj');
  if (subjectText === undefined)
    throw new OpensslError('openssl: without -subj it asks for each part of the name, which this terminal does not simulate; add -subj /CN=NAME\n');
  const subject = parseSubject(subjectText);
  const publicKey = publicOf(key);
  const added = tool.given.get('addext') ?? [];
  if (!tool.has('x509'))
    return signingRequest(
      subject,
      key,
      added.map((line) => parseExtension(line, publicKey, publicKey)),
    );
  const caPath = tool.get('CA');
  const ca = caPath === undefined ? undefined : loadCertificate(tool, caPath, 'issuer certificate');
  const caKey = ca === undefined ? key : loadKey(tool, tool.get('CAkey') ?? caPath ?? '', 'issuer private key');
  const issuerKey = publicOf(caKey);
  const extra = added.map((line) => parseExtension(line, publicKey, issuerKey));
  // v3_ca of the usual openssl.cnf, unless something else is asked for.
  const standard = [subjectKeyExtension(publicKey), authorityKeyExtension(keyIdOf(issuerKey)), constraintsExtension(true)].filter(
    ({ oid }) => !extra.some((one) => one.oid === oid),
  );
  const notBeforeMs = secondsOf(tool.nowMs);
  return formatPem(
    'CERTIFICATE',
    makeCertificate(
      {
        serial: randomSerial(tool.random),
        subject,
        issuer: ca?.subject ?? subject,
        notBeforeMs,
        notAfterMs: notBeforeMs + daysOf(tool, 30) * DAY_MS,
        publicKey,
        extensions: [...standard, ...extra],
      },
      caKey,
    ),
  );
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

function signingRequest(subject: DistinguishedName, key: PrivateKey, extensions: readonly Extension[]): string {
  const list = extensions.map((one) => derSequence(derOid(one.oid), ...(one.critical ? [derBoolean(true)] : []), derOctets(one.value)));
  const attributes = list.length === 0 ? new Uint8Array() : derSequence(derOid(EXTENSION_REQUEST), der(TAG.set, derSequence(...list)));
  const info = derSequence(derInteger(0), encodeName(subject), encodePublic(publicOf(key)), derContext(0, attributes));
  const { oid, signature } = signCertificate(key, info);
  const algorithm = SIGNATURES[oid]?.kind === 'rsa' ? derSequence(derOid(oid), derNull) : derSequence(derOid(oid));
  return formatPem('CERTIFICATE REQUEST', derSequence(info, algorithm, derBits(signature)));
}

function readRequest(
  text: string,
): { readonly subject: DistinguishedName; readonly publicKey: PublicKey; readonly extensions: readonly Extension[] } | undefined {
  const bytes = parsePem(text).find(({ label }) => label.endsWith('CERTIFICATE REQUEST'))?.bytes;
  const [info] = bytes === undefined ? [] : (readSequence(bytes) ?? []);
  const [, subject, spki, attributes] = info === undefined ? [] : (readSequence(info.whole) ?? []);
  const publicKey = spki === undefined ? undefined : decodePublic(spki.whole);
  if (subject === undefined || publicKey === undefined) return undefined;
  const extensions = (attributes === undefined ? [] : (readAll(attributes.content) ?? [])).flatMap((attribute): Extension[] => {
    const [oid, set] = readAll(attribute.content) ?? [];
    if (oid === undefined || set === undefined || oidText(oid.content) !== EXTENSION_REQUEST) return [];
    return (readSequence(set.content) ?? []).flatMap((one) => {
      const parts = readAll(one.content) ?? [];
      const octets = parts.at(-1);
      return parts[0] === undefined || octets === undefined
        ? []
        : [{ oid: oidText(parts[0].content), critical: parts[1]?.tag === TAG.boolean, value: octets.content }];
    });
  });
  return { subject: decodeName(subject.whole), publicKey, extensions };
}

/** `openssl x509 -req`: the request signed by -CA, or by -signkey itself. */
export function signRequest(tool: Tool): string {
  const path = tool.get('in') ?? '';
  const text = tool.read(path);
  const request = text === undefined ? undefined : readRequest(text);
  if (request === undefined)
    throw new OpensslError(
      text === undefined ? `Can't open "${path}" for reading, No such file or directory\nUnable to load X509 request\n` : 'Unable to load X509 request\n',
    );
  tool.invocation.err(`Certificate request self-signature ok\nsubject=${formatName(request.subject)}\n`);
  const caPath = tool.get('CA');
  const ca: Certificate | undefined = caPath === undefined ? undefined : loadCertificate(tool, caPath, 'CA certificate');
  const key = loadKey(
    tool,
    tool.get(ca === undefined ? (tool.has('signkey') ? 'signkey' : 'key') : 'CAkey') ?? caPath ?? '',
    ca === undefined ? 'private key' : 'CA private key',
  );
  if (ca?.publicKey !== undefined && !isSameKey(ca.publicKey, publicOf(key))) throw new OpensslError('CA certificate and CA private key do not match\n');
  const issuerKey = publicOf(key);
  const file = tool.get('extfile');
  const fileText = file === undefined ? '' : tool.read(file);
  if (fileText === undefined) throw new OpensslError(`Can't open "${file}" for reading, No such file or directory\n`);
  const section = tool.get('extensions');
  const lines: string[] = [];
  let current = '';
  for (const raw of fileText.split('\n')) {
    const line = raw.replace(/#.*/, '').trim();
    const head = /^\[\s*(.*?)\s*\]$/.exec(line);
    if (head !== null) current = head[1] ?? '';
    else if (line !== '' && current === (section ?? '')) lines.push(line);
  }
  const copied = tool.has('copy_extensions') ? request.extensions : [];
  const notBeforeMs = secondsOf(tool.nowMs);
  return formatPem(
    'CERTIFICATE',
    makeCertificate(
      {
        serial: randomSerial(tool.random),
        subject: request.subject,
        issuer: ca?.subject ?? request.subject,
        notBeforeMs,
        notAfterMs: notBeforeMs + daysOf(tool, 30) * DAY_MS,
        publicKey: request.publicKey,
        extensions: [...lines.map((line) => parseExtension(line, request.publicKey, issuerKey)), ...copied],
      },
      key,
    ),
  );
}
