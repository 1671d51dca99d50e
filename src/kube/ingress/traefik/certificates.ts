/** Certificates that Traefik shows: those of Secrets by the names in them, and its own for all others. Traefik: pkg/tls/{certificate_store,generate/generate}.go. */
import {
  altNamesExtension,
  constraintsExtension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  makeCertificate,
  OID,
} from '../../../net/app/tls/certificate.ts';
import type { TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import { encodePrivate, generateEc, publicOf } from '../../../net/app/tls/keys.ts';
import { formatPem } from '../../../net/app/tls/pem.ts';
import { digestOf } from '../../../net/app/tls/rsa.ts';
import { encodeUtf8 } from '../../../net/wire/utf8.ts';
import { stableHex } from '../../../objects/identity.ts';
import type { KubeObject, StoreView } from '../../../objects/types.ts';
import { readTlsSecret } from '../nginx/certificates.ts';

export interface FoundCertificate {
  readonly names: readonly string[];
  readonly identity: TlsIdentityConfig;
}

/** Of a Secret; or what the log says of it. */
export function certificateOf(namespace: string, name: string, view: StoreView): FoundCertificate | string {
  const secret = view.find<KubeObject & { readonly data?: Readonly<Record<string, string>> }>(`Secret/${namespace}/${name}`);
  if (secret === undefined) return `secret ${namespace}/${name} does not exist`;
  const missing = ['tls.crt', 'tls.key'].filter((key) => secret.data?.[key] === undefined);
  if (missing.length > 0) return `secret ${namespace}/${name} is missing the following TLS data entries: ${missing.join(', ')}`;
  const read = readTlsSecret(secret);
  if (!read.ok) return `unable to generate TLS certificate : ${read.problem.replace(/^.*?: (?=tls:|x509:|no |certificate )/, '')}`;
  const common = read.leaf.subject.findLast(({ type }) => type === 'CN')?.value;
  const names = (read.leaf.altNames ?? []).flatMap(({ kind, value }) => (kind === 'dns' && typeof value === 'string' ? [value.toLowerCase()] : []));
  return { names: [...new Set([...(common === undefined ? [] : [common.toLowerCase()]), ...names])], identity: read.identity };
}

const made = new Map<string, TlsIdentityConfig>();
const YEAR_MS = 365 * 86_400_000;

/** Made when a Traefik starts. The real one's key is RSA. */
export function ownCertificate(uid: string, startedMs: number): TlsIdentityConfig {
  const name = `${uid} ${startedMs}`;
  let own = made.get(name);
  if (own === undefined) {
    let count = 0;
    const random = (length: number): Uint8Array => {
      count += 1;
      return digestOf('sha512', encodeUtf8(`default certificate ${count} of ${name}`)).slice(0, length);
    };
    const key = generateEc(random);
    const subject = [{ type: 'CN', value: 'TRAEFIK DEFAULT CERT' }];
    const [a, b] = [stableHex(`${name} a`), stableHex(`${name} b`)];
    const der = makeCertificate(
      {
        serial: random(16),
        subject,
        issuer: subject,
        notBeforeMs: startedMs,
        notAfterMs: startedMs + YEAR_MS,
        publicKey: publicOf(key),
        extensions: [
          keyUsageExtension(['digitalSignature', 'keyEncipherment', 'keyAgreement', 'dataEncipherment']),
          extendedKeyUsageExtension([OID.serverAuth]),
          constraintsExtension(false),
          altNamesExtension([{ kind: 'dns', value: `${a}${stableHex(a)}.${b}${stableHex(b)}.traefik.default` }]),
        ],
      },
      key,
    );
    own = { chain: formatPem('CERTIFICATE', der), key: formatPem('PRIVATE KEY', encodePrivate(key)), source: "Traefik's own certificate" };
    if (made.size >= 64) made.delete(made.keys().next().value ?? '');
    made.set(name, own);
  }
  return own;
}
