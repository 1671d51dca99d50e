/** What a browser would show in place of a page after a handshake like this: its code, what it means, and who has to mend what. Chromium: net/base/net_error_list.h; Firefox: mozilla::pkix. */
import type { TlsWarning } from '../../net/app/definition.ts';

export interface BrowserWarning {
  /** The certificate is at fault: a page that one can click away, unless the site forbids it. */
  readonly canProceed: boolean;
  readonly headline: string;
  readonly chrome: string;
  readonly firefox: string;
  readonly means: string;
  readonly cure: string;
}

interface Entry extends Omit<BrowserWarning, 'canProceed'> {}

const AUTHORITY: Entry = {
  headline: 'The connection is not private',
  chrome: 'NET::ERR_CERT_AUTHORITY_INVALID',
  firefox: 'SEC_ERROR_UNKNOWN_ISSUER',
  means: 'Nobody whom the client trusts vouches for this certificate. Whoever stands on the way could have made it.',
  cure: 'Let an authority that clients know sign it, show the certificates between it and the root too, or give clients the authority (curl: --cacert).',
};
const DATE: Entry = {
  headline: 'The connection is not private',
  chrome: 'NET::ERR_CERT_DATE_INVALID',
  firefox: 'SEC_ERROR_EXPIRED_CERTIFICATE',
  means: 'By the client’s clock the certificate is not good now.',
  cure: 'Renew it where the server reads it. If only one client complains, look at its clock.',
};
const BY_CODE: Readonly<Record<number, Entry>> = {
  7: {
    headline: 'The connection is not private',
    chrome: 'NET::ERR_CERT_INVALID',
    firefox: 'SEC_ERROR_BAD_SIGNATURE',
    means: 'Its signature is not that of the authority that it names.',
    cure: 'Replace the certificate: it has been changed, or its issuer is another one of the same name.',
  },
  9: { ...DATE, firefox: 'MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE' },
  10: DATE,
  18: { ...AUTHORITY, firefox: 'MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT', means: 'The certificate vouches for itself, as anybody’s could.' },
  19: AUTHORITY,
  20: AUTHORITY,
  21: AUTHORITY,
  26: {
    headline: 'The connection is not private',
    chrome: 'NET::ERR_CERT_INVALID',
    firefox: 'SEC_ERROR_INADEQUATE_CERT_TYPE',
    means: 'The certificate is for another purpose than to be a server.',
    cure: 'Issue one with extendedKeyUsage serverAuth.',
  },
  62: {
    headline: 'The connection is not private',
    chrome: 'NET::ERR_CERT_COMMON_NAME_INVALID',
    firefox: 'SSL_ERROR_BAD_CERT_DOMAIN',
    means: 'The certificate is good, but not for the name that was asked for.',
    cure: 'Ask by a name that it has, or issue one whose subjectAltName has this name too.',
  },
  79: { ...AUTHORITY, means: 'What signed it must not sign certificates.', firefox: 'SEC_ERROR_CA_CERT_INVALID' },
};

const VERSION: Entry = {
  headline: 'This site can’t provide a secure connection',
  chrome: 'ERR_SSL_VERSION_OR_CIPHER_MISMATCH',
  firefox: 'SSL_ERROR_NO_CYPHER_OVERLAP',
  means: 'Client and server have no version of TLS or no cipher suite in common.',
  cure: 'Compare what the server allows (ssl_protocols, a minimum version) with what the client can.',
};
const BY_ALERT: Readonly<Record<number, Entry>> = {
  40: VERSION,
  70: { ...VERSION, firefox: 'SSL_ERROR_PROTOCOL_VERSION_ALERT' },
  112: {
    headline: 'This site can’t provide a secure connection',
    chrome: 'ERR_SSL_UNRECOGNIZED_NAME_ALERT',
    firefox: 'SSL_ERROR_UNRECOGNIZED_NAME_ALERT',
    means: 'The server has no certificate for the name in the hello.',
    cure: 'Ask by a name that a listener or an Ingress has, or add this one there.',
  },
  116: {
    headline: 'This site can’t provide a secure connection',
    chrome: 'ERR_BAD_SSL_CLIENT_AUTH_CERT',
    firefox: 'SSL_ERROR_RX_CERTIFICATE_REQUIRED_ALERT',
    means: 'The server wants to know who asks: it takes clients with a certificate only.',
    cure: 'Show one that the server’s authority has signed (curl: --cert and --key).',
  },
  255: {
    headline: 'This site can’t provide a secure connection',
    chrome: 'ERR_SSL_PROTOCOL_ERROR',
    firefox: 'SSL_ERROR_RX_RECORD_TOO_LONG',
    means: 'What answered does not speak TLS; most often it is a port for plain HTTP.',
    cure: 'Use the port for HTTPS, or http:// in the address.',
  },
};
/** Alerts with which a server refuses the certificate that a client has shown. */
const REFUSED: ReadonlySet<number> = new Set([42, 43, 44, 45, 46, 48, 51]);
const REFUSAL: Entry = {
  headline: 'This site can’t provide a secure connection',
  chrome: 'ERR_BAD_SSL_CLIENT_AUTH_CERT',
  firefox: 'SSL_ERROR_UNKNOWN_CA_ALERT',
  means: 'The server does not believe the certificate that the client has shown.',
  cure: 'Show one that is good now and signed by the authority that the server was given.',
};
const OTHER: Entry = {
  headline: 'This site can’t provide a secure connection',
  chrome: 'ERR_SSL_PROTOCOL_ERROR',
  firefox: 'SSL_ERROR_HANDSHAKE_FAILED',
  means: 'The handshake came to no end.',
  cure: 'The rows before this one say which end gave up, and with which alert.',
};

export function browserWarning({ code, alert = -1 }: Pick<TlsWarning, 'code' | 'alert'>): BrowserWarning {
  const own = BY_CODE[code];
  if (own !== undefined) return { ...own, canProceed: true };
  return { ...(BY_ALERT[alert] ?? (REFUSED.has(alert) ? REFUSAL : OTHER)), canProceed: false };
}
