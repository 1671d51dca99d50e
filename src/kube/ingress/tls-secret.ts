/** The key pair in a Secret of type kubernetes.io/tls, or what is wrong with it in ingress-nginx' words. ingress-nginx: internal/ingress/controller/store/backend_ssl.go, internal/net/ssl/ssl.go. */
import { type Certificate, parseCertificates } from '../../net/app/tls/certificate.ts';
import type { TlsIdentityConfig } from '../../net/app/tls/config.ts';
import { isSameKey, parsePrivateKey, publicOf } from '../../net/app/tls/keys.ts';
import { parsePem } from '../../net/app/tls/pem.ts';
import { base64ToBytes } from '../../net/wire/binary-text.ts';
import { decodeUtf8 } from '../../net/wire/utf8.ts';
import type { KubeObject } from '../../objects/types.ts';
import { namespaceOf } from '../pod/types.ts';

export interface SecretObject extends KubeObject {
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

/** A Secret's key pair, or what is wrong with it. */
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
