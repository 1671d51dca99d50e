/** Identities of a mesh: its root, and a certificate for each pod with the SPIFFE name of its ServiceAccount. Istio: security/pkg/pki/ca; spiffe.io: X509-SVID. */
import { altNamesExtension, constraintsExtension, extendedKeyUsageExtension, keyUsageExtension, makeCertificate, OID } from '../../net/app/tls/certificate.ts';
import type { TlsIdentityConfig } from '../../net/app/tls/config.ts';
import { encodePrivate, generateEc, type PrivateKey, publicOf } from '../../net/app/tls/keys.ts';
import { formatPem } from '../../net/app/tls/pem.ts';
import { digestOf } from '../../net/app/tls/rsa.ts';
import { encodeUtf8 } from '../../net/wire/utf8.ts';

const DAY_MS = 86_400_000;
/** Istio's workloads get a day and renew; here nobody renews, so it is a year. */
const WORKLOAD_DAYS = 365;
const ROOT_DAYS = 3650;
const CLOCK_SKEW_MS = 120_000;
export const TRUST_DOMAIN = 'cluster.local';

const randomFor =
  (name: string) =>
  (length: number): Uint8Array =>
    digestOf('sha512', encodeUtf8(name)).slice(0, length);

const keyFor = (name: string): PrivateKey => {
  let count = 0;
  return generateEc((length) => {
    count += 1;
    return randomFor(`${name} ${count}`)(length);
  });
};

interface Root {
  readonly key: PrivateKey;
  readonly pem: string;
}
const roots = new Map<number, Root>();
const issued = new Map<string, TlsIdentityConfig>();
const MAX_REMEMBERED = 2048;

const ROOT_NAME = [{ type: 'O', value: TRUST_DOMAIN }];

/** istio-ca-secret, made once for a cluster that began at this time. */
function rootOf(epochMs: number): Root {
  let root = roots.get(epochMs);
  if (root === undefined) {
    const key = keyFor(`istio-ca ${epochMs}`);
    const der = makeCertificate(
      {
        serial: randomFor(`istio-ca serial ${epochMs}`)(16),
        subject: ROOT_NAME,
        issuer: ROOT_NAME,
        notBeforeMs: epochMs - CLOCK_SKEW_MS,
        notAfterMs: epochMs + ROOT_DAYS * DAY_MS,
        publicKey: publicOf(key),
        extensions: [keyUsageExtension(['keyCertSign']), constraintsExtension(true)],
      },
      key,
    );
    root = { key, pem: formatPem('CERTIFICATE', der) };
    if (roots.size >= 8) roots.clear();
    roots.set(epochMs, root);
  }
  return root;
}

export const rootCertificate = (epochMs: number): string => rootOf(epochMs).pem;

export const spiffeId = (namespace: string, account: string): string => `spiffe://${TRUST_DOMAIN}/ns/${namespace}/sa/${account}`;

/** The certificate of one pod, valid from when it began to run. */
export function workloadIdentity(uid: string, spiffe: string, startedMs: number, epochMs: number): TlsIdentityConfig {
  const name = `${uid} ${spiffe} ${startedMs}`;
  let found = issued.get(name);
  if (found === undefined) {
    const root = rootOf(epochMs);
    const key = keyFor(`workload ${name}`);
    const der = makeCertificate(
      {
        serial: randomFor(`workload serial ${name}`)(16),
        subject: [],
        issuer: ROOT_NAME,
        notBeforeMs: startedMs - CLOCK_SKEW_MS,
        notAfterMs: startedMs + WORKLOAD_DAYS * DAY_MS,
        publicKey: publicOf(key),
        extensions: [
          keyUsageExtension(['digitalSignature', 'keyEncipherment']),
          extendedKeyUsageExtension([OID.serverAuth, OID.clientAuth]),
          constraintsExtension(false),
          // Critical, since there is no subject (RFC 5280 section 4.2.1.6).
          altNamesExtension([{ kind: 'uri', value: spiffe }], true),
        ],
      },
      root.key,
    );
    found = { chain: formatPem('CERTIFICATE', der) + root.pem, key: formatPem('PRIVATE KEY', encodePrivate(key)), source: spiffe };
    if (issued.size >= MAX_REMEMBERED) issued.clear();
    issued.set(name, found);
  }
  return found;
}
