/** Which certificate ingress-nginx shows for a host, and what it logs where that is its own fake one. ingress-nginx: internal/ingress/controller/{controller,store/backend_ssl}.go, internal/net/ssl/ssl.go. */

import {
  altNamesExtension,
  type Certificate,
  constraintsExtension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  makeCertificate,
  OID,
  parseCertificates,
} from '../../../net/app/tls/certificate.ts';
import type { TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import { encodePrivate, generateEc, isSameKey, parsePrivateKey, publicOf } from '../../../net/app/tls/keys.ts';
import { formatPem, parsePem } from '../../../net/app/tls/pem.ts';
import { digestOf } from '../../../net/app/tls/rsa.ts';
import { findHostName } from '../../../net/app/tls/verify.ts';
import { base64ToBytes } from '../../../net/wire/binary-text.ts';
import { decodeUtf8, encodeUtf8 } from '../../../net/wire/utf8.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { namespaceOf, type Pod } from '../../pod/types.ts';
import type { Ingress } from '../ingress.ts';

interface SecretObject extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export type ReadSecret =
  | { readonly ok: true; readonly leaf: Certificate; readonly identity: TlsIdentityConfig }
  | { readonly ok: false; readonly problem: string };

const known = new WeakMap<SecretObject, ReadSecret>();

export function textOf(secret: SecretObject, key: string): string | undefined {
  const bytes = base64ToBytes((secret.data?.[key] ?? '').replace(/\s+/g, ''));
  return bytes === undefined ? undefined : decodeUtf8(bytes);
}

/** A Secret's key pair, or what the controller's log says of it. */
export function readTlsSecret(secret: SecretObject): ReadSecret {
  let found = known.get(secret);
  if (found === undefined) {
    found = read(secret);
    known.set(secret, found);
  }
  return found;
}

function read(secret: SecretObject): ReadSecret {
  const name = `${namespaceOf(secret)}/${secret.metadata.name}`;
  const bad = (problem: string): ReadSecret => ({ ok: false, problem: `Error obtaining X.509 certificate: ${problem}` });
  const { data = {} } = secret;
  if (data['tls.crt'] === undefined || data['tls.key'] === undefined) return bad(`secret "${name}" contains no keypair or CA certificate`);
  const pair = (problem: string): ReadSecret => bad(`unexpected error creating SSL Cert: ${problem}`);
  if (data['tls.crt'] === '') return bad(`key 'tls.crt' missing from Secret "${name}"`);
  if (data['tls.key'] === '') return bad(`key 'tls.key' missing from Secret "${name}"`);
  const chain = textOf(secret, 'tls.crt') ?? '';
  const key = textOf(secret, 'tls.key') ?? '';
  const [first] = parsePem(chain);
  if (first === undefined) return pair('no valid PEM formatted block found');
  if (first.label !== 'CERTIFICATE') return pair(`no certificate PEM data found, make sure certificate content starts with 'BEGIN CERTIFICATE'`);
  const leaf = parseCertificates(chain)?.[0];
  if (leaf === undefined) return pair('x509: malformed certificate');
  const own = parsePrivateKey(key);
  const mismatch = 'certificate and private key does not have a matching public key: ';
  if (own === undefined) return pair(`${mismatch}tls: failed to ${parsePem(key).length === 0 ? 'find any PEM data in key input' : 'parse private key'}`);
  if (leaf.publicKey === undefined || !isSameKey(leaf.publicKey, publicOf(own))) return pair(`${mismatch}tls: private key does not match public key`);
  return { ok: true, leaf, identity: { chain, key, source: `Secret/${name}` } };
}

export interface ServerCertificate {
  /** Undefined: the default certificate. */
  readonly identity: TlsIdentityConfig | undefined;
  readonly why: string;
  /** Lines of the controller's log about it. */
  readonly problems: readonly string[];
}

/** extractTLSSecretName, and what createServers makes of it. Undefined where the Ingress has no TLS section. */
export function certificateFor(ingress: Ingress, host: string, view: StoreView): ServerCertificate | undefined {
  const tls = ingress.spec?.tls ?? [];
  const namespace = namespaceOf(ingress);
  const owner = `Ingress ${namespace}/${ingress.metadata.name}`;
  if (tls.length === 0) return undefined;
  const find = (name: string): ReadSecret | 'missing' => {
    const secret = view.find<SecretObject>(`Secret/${namespace}/${name}`);
    return secret === undefined ? 'missing' : readTlsSecret(secret);
  };
  const missing = (name: string): string => `Error getting SSL certificate "${namespace}/${name}": local SSL certificate ${namespace}/${name} was not found`;
  const problems: string[] = [];
  const lower = host.toLowerCase();
  let at = tls.findIndex((one) => one.hosts?.some((name) => name.toLowerCase() === lower) === true);
  if (at < 0) {
    at = tls.findIndex((one) => {
      const secret = one.secretName === undefined || one.secretName === '' ? undefined : find(one.secretName);
      if (secret === 'missing') problems.push(missing(one.secretName ?? ''));
      return secret !== undefined && secret !== 'missing' && secret.ok && host !== '' && findHostName(secret.leaf, host, false) !== undefined;
    });
  }
  const name = tls[at]?.secretName;
  if (at < 0 || name === undefined || name === '') {
    const why = at < 0 ? `spec.tls of ${owner} does not name this host` : `spec.tls[${at}] of ${owner} names no Secret`;
    return { identity: undefined, why: `${why}, so the default certificate is shown`, problems };
  }
  const said = `spec.tls[${at}] of ${owner} names Secret ${namespace}/${name} for it`;
  const secret = find(name);
  const fallBack = (problem: readonly string[], because: string): ServerCertificate => ({
    identity: undefined,
    why: `${said}, but ${because}: the default certificate is shown`,
    problems: [...problems, ...problem],
  });
  if (secret === 'missing') return fallBack([`${missing(name)}. Using default certificate`], 'there is no such Secret in the namespace of the Ingress');
  if (!secret.ok) return fallBack([secret.problem, `${missing(name)}. Using default certificate`], 'it holds no usable pair of certificate and key');
  if (host !== '' && findHostName(secret.leaf, host, false) === undefined) {
    const names = (secret.leaf.altNames ?? []).flatMap((one) => (one.kind === 'dns' ? [one.value] : []));
    const byCommonName = findHostName(secret.leaf, host) !== undefined;
    // Go: crypto/x509, HostnameError
    const go = byCommonName
      ? 'x509: certificate relies on legacy Common Name field, use SANs instead'
      : names.length === 0
        ? `x509: certificate is not valid for any names, but wanted to match ${host}`
        : `x509: certificate is valid for ${names.join(', ')}, not ${host}`;
    const doubts = [
      `Unexpected error validating SSL certificate "${namespace}/${name}" for server "${host}": ${go}`,
      'Validating certificate against DNS names. This will be deprecated in a future version',
    ];
    if (!byCommonName)
      return fallBack(
        [
          ...doubts,
          `SSL certificate "${namespace}/${name}" does not contain a Common Name or Subject Alternative Name for server "${host}": ${go}`,
          'Using default certificate',
        ],
        'its certificate is not for this host',
      );
    problems.push(...doubts);
  }
  return { identity: secret.identity, why: said, problems };
}

/** --default-ssl-certificate. */
export function defaultCertificate(reference: string, view: StoreView): ReadSecret | undefined {
  if (reference === '') return undefined;
  const secret = view.find<SecretObject>(`Secret/${reference}`);
  return secret === undefined
    ? { ok: false, problem: `Error getting SSL certificate "${reference}": local SSL certificate ${reference} was not found` }
    : readTlsSecret(secret);
}

const fakes = new Map<string, TlsIdentityConfig>();
const YEAR_MS = 365 * 86_400_000;

/** GetFakeSSLCert: made when the controller starts. The real one's key is RSA. */
export function fakeCertificate(pod: Pod, startedMs: number): TlsIdentityConfig {
  const name = `${pod.metadata.uid ?? pod.metadata.name} ${startedMs}`;
  let fake = fakes.get(name);
  if (fake === undefined) {
    let count = 0;
    const random = (length: number): Uint8Array => {
      count += 1;
      return digestOf('sha512', encodeUtf8(`fake certificate ${count} of ${name}`)).slice(0, length);
    };
    const key = generateEc(random);
    const subject = [
      { type: 'O', value: 'Acme Co' },
      { type: 'CN', value: 'Kubernetes Ingress Controller Fake Certificate' },
    ];
    const der = makeCertificate(
      {
        serial: random(16),
        subject,
        issuer: subject,
        notBeforeMs: startedMs,
        notAfterMs: startedMs + YEAR_MS,
        publicKey: publicOf(key),
        extensions: [
          keyUsageExtension(['digitalSignature', 'keyEncipherment']),
          extendedKeyUsageExtension([OID.serverAuth]),
          constraintsExtension(false),
          altNamesExtension([{ kind: 'dns', value: 'ingress.local' }]),
        ],
      },
      key,
    );
    fake = { chain: formatPem('CERTIFICATE', der), key: formatPem('PRIVATE KEY', encodePrivate(key)), source: "the controller's fake certificate" };
    if (fakes.size >= 64) fakes.delete(fakes.keys().next().value ?? '');
    fakes.set(name, fake);
  }
  return fake;
}
