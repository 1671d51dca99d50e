/** What the ends of a handshake are told to do, and whether the chain that the other one shows is to be believed. */
import type { HelloOptions } from '../../wire/tls-hello.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import type { Identity, TlsConnection, Work } from './connection.ts';
import { ALERT } from './messages.ts';
import { findHostName, verifyChain } from './verify.ts';

export interface TlsClientOptions {
  readonly style: HelloOptions['style'];
  readonly serverName?: string;
  readonly alpn: readonly string[];
  readonly trusted: readonly Certificate[];
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** `report`: problems of the chain are noted and the handshake goes on (curl -k, s_client). */
  readonly verify: 'insist' | 'report' | 'off';
  /** The name the certificate has to have; curl looks at it only after the handshake, by itself. */
  readonly checkName?: string;
  readonly identity?: Identity;
  /** Versions as numbers (0x0303: TLS 1.2). */
  readonly min?: number;
  readonly max?: number;
}

/** ssl_x509err2alert */
const ALERTS: Readonly<Record<number, number>> = {
  7: ALERT.decryptError,
  9: ALERT.badCertificate,
  10: ALERT.certificateExpired,
  26: 43,
  62: ALERT.badCertificate,
};
export const alertOf = (code: number): number => ALERTS[code] ?? ALERT.unknownCa;

export interface TlsServerChoice {
  readonly identity: Identity;
  /** Index of the identity, for those who ask later which one it was. */
  readonly index: number;
  /** Certificates of clients: `optional` notes what is wrong and goes on (nginx answers 400 itself), `require` ends the handshake. */
  readonly clients?: { readonly mode: 'optional' | 'require'; readonly trusted: readonly Certificate[]; readonly insecure?: boolean };
}

export interface TlsServerOptions {
  /** The certificate for a name that a client asks for; undefined: nobody here has that name. */
  readonly choose: (serverName: string | undefined) => TlsServerChoice | undefined;
  /** In order of preference. */
  readonly alpn: readonly string[];
  readonly nowMs: number;
  /** Session tickets after the handshake: 2 by OpenSSL and BoringSSL, 1 by Go. */
  readonly tickets: number;
  /** As numbers, the newest first; 1.3 and 1.2 where absent. */
  readonly versions?: readonly number[];
}

/** Whether the server's chain is to be believed. */
export function judgeServer(work: Work, encoded: readonly Uint8Array[], options: TlsClientOptions): void {
  const peer = encoded.map(parseCertificate);
  const [leaf] = peer;
  if (leaf === undefined || peer.includes(undefined)) {
    work.fail(ALERT.decodeError);
    return;
  }
  const certificates = peer as readonly Certificate[];
  const verified = verifyChain(leaf, certificates.slice(1), options.trusted, { nowMs: options.nowMs, purpose: 'server' });
  const named = options.checkName === undefined || findHostName(leaf, options.checkName) !== undefined;
  const problems = options.verify === 'off' ? [] : named ? verified.problems : [...verified.problems, { code: 62, depth: 0 }];
  work.set({ info: { ...work.state.info, peer: certificates, problems, chain: verified.chain } });
  const [first] = problems;
  if (first !== undefined && options.verify === 'insist') work.fail(alertOf(first.code));
}

/** Whether a client's chain is to be believed. `missing`: the alert where there is none and there must be one. */
export function judgeClient(
  work: Work,
  encoded: readonly Uint8Array[],
  options: TlsServerOptions,
  next: { readonly none: TlsConnection['phase']; readonly some: TlsConnection['phase']; readonly missing: number },
): void {
  const { info } = work.state;
  const clients = options.choose(info.serverName)?.clients;
  const peer = encoded.map(parseCertificate);
  const [leaf] = peer;
  if (leaf === undefined) {
    if (clients?.mode === 'require') work.fail(next.missing);
    else work.set({ phase: next.none });
    return;
  }
  if (peer.includes(undefined)) {
    work.fail(ALERT.decodeError);
    return;
  }
  const certificates = peer as readonly Certificate[];
  const verified = verifyChain(leaf, certificates.slice(1), clients?.trusted ?? [], { nowMs: options.nowMs, purpose: 'client' });
  const problems = clients?.insecure === true ? [] : verified.problems;
  work.set({ phase: next.some, info: { ...info, peer: certificates, problems, chain: verified.chain } });
  const [first] = problems;
  if (first !== undefined && clients?.mode === 'require') work.fail(alertOf(first.code));
}
