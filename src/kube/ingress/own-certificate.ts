/** The certificate that a proxy signs for itself when it starts, for names that nobody has given it one for. The same proxy, started at the same time, makes the same one. */
import { altNamesExtension, constraintsExtension, extendedKeyUsageExtension, keyUsageExtension, makeCertificate, OID } from '../../net/app/tls/certificate.ts';
import type { TlsIdentityConfig } from '../../net/app/tls/config.ts';
import { encodePrivate, generateEc, publicOf } from '../../net/app/tls/keys.ts';
import { formatPem } from '../../net/app/tls/pem.ts';
import { digestOf } from '../../net/app/tls/rsa.ts';
import { encodeUtf8 } from '../../net/wire/utf8.ts';

const YEAR_MS = 365 * 86_400_000;
const MAX_KEPT = 64;
const made = new Map<string, TlsIdentityConfig>();

interface Wanted {
  /** Whose it is, told apart from all others; its key and serial follow from this and `startedMs`. */
  readonly purpose: string;
  /** Unix milliseconds; valid for a year from then. */
  readonly startedMs: number;
  readonly subject: Parameters<typeof makeCertificate>[0]['subject'];
  readonly usages: Parameters<typeof keyUsageExtension>[0];
  readonly dnsName: string;
  readonly source: string;
}

export function ownCertificate({ purpose, startedMs, subject, usages, dnsName, source }: Wanted): TlsIdentityConfig {
  const name = `${purpose} ${startedMs}`;
  let own = made.get(name);
  if (own === undefined) {
    let count = 0;
    const random = (length: number): Uint8Array => {
      count += 1;
      return digestOf('sha512', encodeUtf8(`${count} of ${name}`)).slice(0, length);
    };
    const key = generateEc(random);
    const der = makeCertificate(
      {
        serial: random(16),
        subject,
        issuer: subject,
        notBeforeMs: startedMs,
        notAfterMs: startedMs + YEAR_MS,
        publicKey: publicOf(key),
        extensions: [
          keyUsageExtension(usages),
          extendedKeyUsageExtension([OID.serverAuth]),
          constraintsExtension(false),
          altNamesExtension([{ kind: 'dns', value: dnsName }]),
        ],
      },
      key,
    );
    own = { chain: formatPem('CERTIFICATE', der), key: formatPem('PRIVATE KEY', encodePrivate(key)), source };
    if (made.size >= MAX_KEPT) made.delete(made.keys().next().value ?? '');
    made.set(name, own);
  }
  return own;
}
