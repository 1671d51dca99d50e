/** Whether a certificate is to be believed: the chain to somebody who is trusted, the time, the purpose, the name. OpenSSL: crypto/x509/x509_vfy.c; names by RFC 6125. */
import { parseIp } from '../../addr/ip.ts';
import { type Certificate, hexOf, isAddress, OID } from './certificate.ts';
import { verifySignature } from './keys.ts';

/** OpenSSL's X509_V_ERR_… numbers with their words. */
export const VERIFY_TEXTS: Readonly<Record<number, string>> = {
  0: 'ok',
  7: 'certificate signature failure',
  9: 'certificate is not yet valid',
  10: 'certificate has expired',
  18: 'self-signed certificate',
  19: 'self-signed certificate in certificate chain',
  20: 'unable to get local issuer certificate',
  21: 'unable to verify the first certificate',
  26: 'unsuitable certificate purpose',
  62: 'hostname mismatch',
  79: 'invalid CA certificate',
};

export interface VerifyProblem {
  readonly code: number;
  /** Of the certificate it is about; 0: the one that was shown. */
  readonly depth: number;
}

export interface Verified {
  /** In the order in which OpenSSL finds them. Empty: all is well. */
  readonly problems: readonly VerifyProblem[];
  readonly chain: readonly Certificate[];
}

const MAX_DEPTH = 10;
const KEY_CERT_SIGN = 1 << 5;

/** X509_check_issued: names, key identifiers, and that the issuer may sign certificates. */
function mayHaveIssued(issuer: Certificate, subject: Certificate): boolean {
  if (issuer.subjectHex !== subject.issuerHex) return false;
  if (subject.authorityKeyId !== undefined && issuer.subjectKeyId !== undefined && hexOf(subject.authorityKeyId) !== hexOf(issuer.subjectKeyId)) return false;
  return issuer.keyUsage === undefined || (issuer.keyUsage & KEY_CERT_SIGN) !== 0;
}

/** Its subject is its issuer, and its key is the one that the issuer's is said to be. */
export const isSelfSigned = (one: Certificate): boolean =>
  one.subjectHex === one.issuerHex &&
  (one.authorityKeyId === undefined || one.subjectKeyId === undefined || hexOf(one.authorityKeyId) === hexOf(one.subjectKeyId));

const isSame = (a: Certificate, b: Certificate): boolean => a.der.length === b.der.length && hexOf(a.signature) === hexOf(b.signature);

export function verifyChain(
  leaf: Certificate,
  untrusted: readonly Certificate[],
  trusted: readonly Certificate[],
  options: { readonly nowMs: number; readonly purpose: 'server' | 'client' | 'any' },
): Verified {
  const chain = [leaf];
  const problems: VerifyProblem[] = [];
  let anchored = trusted.some((one) => isSame(one, leaf)) && isSelfSigned(leaf);
  for (let depth = 0; depth < MAX_DEPTH && !anchored; depth += 1) {
    const last = chain[depth] as Certificate;
    if (isSelfSigned(last) && mayHaveIssued(last, last)) break;
    const anchor = trusted.find((one) => mayHaveIssued(one, last));
    const issuer = anchor ?? untrusted.find((one) => !chain.includes(one) && mayHaveIssued(one, last));
    if (issuer === undefined) break;
    chain.push(issuer);
    if (anchor !== undefined && isSelfSigned(anchor)) anchored = true;
  }
  const last = chain[chain.length - 1] as Certificate;
  const depth = chain.length - 1;
  if (!anchored) {
    if (isSelfSigned(last) && mayHaveIssued(last, last)) problems.push({ code: depth === 0 ? 18 : 19, depth });
    else {
      problems.push({ code: 20, depth });
      if (depth === 0) problems.push({ code: 21, depth });
    }
  }
  chain.forEach((one, i) => {
    if (i > 0 && (one.constraints?.ca !== true || (one.constraints.pathLength !== undefined && i - 1 > one.constraints.pathLength)))
      problems.push({ code: 79, depth: i });
  });
  const wanted = options.purpose === 'server' ? OID.serverAuth : OID.clientAuth;
  if (options.purpose !== 'any' && leaf.extendedKeyUsage !== undefined && !leaf.extendedKeyUsage.includes(wanted)) problems.push({ code: 26, depth: 0 });
  for (let i = chain.length - 1; i >= 0; i -= 1) {
    const one = chain[i] as Certificate;
    const issuer = chain[i + 1];
    const key = issuer?.publicKey;
    if (issuer !== undefined && (key === undefined || !verifySignature(one.signatureAlgorithm, key, one.signed, one.signature)))
      problems.push({ code: 7, depth: i });
    if (options.nowMs < one.notBeforeMs) problems.push({ code: 9, depth: i });
    else if (options.nowMs > one.notAfterMs) problems.push({ code: 10, depth: i });
  }
  return { problems, chain };
}

/** RFC 6125: a wildcard stands for one whole label, the first, and not for that of a bare top-level name. */
export function matchesHost(pattern: string, host: string): boolean {
  const [a, b] = [pattern.toLowerCase().replace(/\.$/, ''), host.toLowerCase().replace(/\.$/, '')];
  if (!a.startsWith('*.')) return a === b;
  const dot = b.indexOf('.');
  return dot > 0 && a.slice(1) === b.slice(dot) && a.indexOf('.', 2) > 0;
}

/** The name of the certificate that fits, or undefined. Without a subjectAltName the common name counts (`useCommonName`), as it does for curl and OpenSSL, not for Go. */
export function findHostName(certificate: Certificate, host: string, useCommonName = true): string | undefined {
  const ip = parseIp(host);
  const names = certificate.altNames ?? [];
  for (const name of names) {
    if (ip === undefined ? name.kind === 'dns' && matchesHost(name.value, host) : name.kind === 'ip' && isAddress(name.value, ip)) return name.value;
  }
  if (!useCommonName || names.some(({ kind }) => kind === 'dns' || kind === 'ip')) return undefined;
  const common = certificate.subject.findLast(({ type }) => type === 'CN')?.value;
  return common !== undefined && ip === undefined && matchesHost(common, host) ? common : undefined;
}
