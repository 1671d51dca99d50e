/** Which certificate ingress-nginx shows for a host, and what it logs where that is its own fake one. ingress-nginx: internal/ingress/controller/{controller,store/backend_ssl}.go, internal/net/ssl/ssl.go. */

import type { TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import { findHostName } from '../../../net/app/tls/verify.ts';
import type { StoreView } from '../../../objects/types.ts';
import { namespaceOf, type Pod } from '../../pod/types.ts';
import type { Ingress } from '../ingress.ts';
import { ownCertificate } from '../own-certificate.ts';
import { type ReadSecret, readTlsSecret, type SecretObject } from '../tls-secret.ts';

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

/** GetFakeSSLCert: made when the controller starts. The real one's key is RSA. */
export const fakeCertificate = (pod: Pod, startedMs: number): TlsIdentityConfig =>
  ownCertificate({
    purpose: `fake certificate of ${pod.metadata.uid ?? pod.metadata.name}`,
    startedMs,
    subject: [
      { type: 'O', value: 'Acme Co' },
      { type: 'CN', value: 'Kubernetes Ingress Controller Fake Certificate' },
    ],
    usages: ['digitalSignature', 'keyEncipherment'],
    dnsName: 'ingress.local',
    source: "the controller's fake certificate",
  });
