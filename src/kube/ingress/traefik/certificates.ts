/** Certificates that Traefik shows: those of Secrets by the names in them, and its own for all others. Traefik: pkg/tls/{certificate_store,generate/generate}.go. */
import type { TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import { stableHex } from '../../../objects/identity.ts';
import type { StoreView } from '../../../objects/types.ts';
import { ownCertificate } from '../own-certificate.ts';
import { readTlsSecret, type SecretObject } from '../tls-secret.ts';

export interface FoundCertificate {
  readonly names: readonly string[];
  readonly identity: TlsIdentityConfig;
}

/** Of a Secret; or what the log says of it. */
export function certificateOf(namespace: string, name: string, view: StoreView): FoundCertificate | string {
  const secret = view.find<SecretObject>(`Secret/${namespace}/${name}`);
  if (secret === undefined) return `secret ${namespace}/${name} does not exist`;
  const missing = ['tls.crt', 'tls.key'].filter((key) => secret.data?.[key] === undefined);
  if (missing.length > 0) return `secret ${namespace}/${name} is missing the following TLS data entries: ${missing.join(', ')}`;
  const read = readTlsSecret(secret);
  if (!read.ok) return `unable to generate TLS certificate : ${read.problem.replace(/^.*?: (?=tls:|x509:|no |certificate )/, '')}`;
  const common = read.leaf.subject.findLast(({ type }) => type === 'CN')?.value;
  const names = (read.leaf.altNames ?? []).flatMap(({ kind, value }) => (kind === 'dns' && typeof value === 'string' ? [value.toLowerCase()] : []));
  return { names: [...new Set([...(common === undefined ? [] : [common.toLowerCase()]), ...names])], identity: read.identity };
}

/** Made when a Traefik starts. The real one's key is RSA. */
export function defaultCertificate(uid: string, startedMs: number): TlsIdentityConfig {
  const [a, b] = [stableHex(`${uid} ${startedMs} a`), stableHex(`${uid} ${startedMs} b`)];
  return ownCertificate({
    purpose: `default certificate of ${uid}`,
    startedMs,
    subject: [{ type: 'CN', value: 'TRAEFIK DEFAULT CERT' }],
    usages: ['digitalSignature', 'keyEncipherment', 'keyAgreement', 'dataEncipherment'],
    dnsName: `${a}${stableHex(a)}.${b}${stableHex(b)}.traefik.default`,
    source: "Traefik's own certificate",
  });
}
