/** The client's end of a TLS 1.3 handshake, with the manners of OpenSSL. OpenSSL: ssl/statem/statem_clnt.c. */
import { bytesToText } from '../../wire/binary-text.ts';
import { clientHello, type HelloOptions } from '../../wire/tls-hello.ts';
import { type Certificate, decodeName, parseCertificate } from './certificate.ts';
import { type Identity, newConnection, type TlsConnection, type TlsOutcome, Work } from './connection.ts';
import { concatBytes } from './der.ts';
import { signTls, verifyTls } from './keys.ts';
import {
  ALERT,
  certificateMessage,
  certificateVerify,
  HANDSHAKE,
  message,
  readCertificateMessage,
  readCertificateRequest,
  readCertificateVerify,
  readEncryptedExtensions,
  readServerHello,
  signedContent,
} from './messages.ts';
import type { RandomBytes } from './rsa.ts';
import { applicationSecrets, CIPHER_SUITE, finishedData, handshakeSecrets, hashOf, keyShare, SHARE_COUNT, sharedSecret } from './schedule.ts';
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

export function startClient(options: TlsClientOptions, random: RandomBytes): TlsOutcome {
  const work = new Work(newConnection('client'));
  const shareNumber = (random(1)[0] ?? 0) % SHARE_COUNT;
  const helloRandom = random(32);
  const record = clientHello(
    { style: options.style, alpn: options.alpn, ...(options.serverName === undefined ? {} : { serverName: options.serverName }) },
    { random: helloRandom, sessionId: random(32), share: keyShare('client', shareNumber).public },
  );
  work.set({
    random: helloRandom,
    shareNumber,
    info: { ...work.state.info, offered: options.alpn, ...(options.serverName === undefined ? {} : { serverName: options.serverName }) },
  });
  work.handshake(record.subarray(5));
  return work.outcome();
}

export function clientReceive(connection: TlsConnection, octets: string, options: TlsClientOptions, random: RandomBytes): TlsOutcome {
  const work = new Work(connection);
  work.receive(octets, (type, body, whole) => onMessage(work, type, body, whole, options, random));
  return work.outcome();
}

function onMessage(work: Work, type: number, body: Uint8Array, whole: Uint8Array, options: TlsClientOptions, random: RandomBytes): void {
  const { state } = work;
  const transcript = concatBytes(state.transcript, whole);
  switch (state.phase) {
    case 'hello': {
      if (type !== HANDSHAKE.serverHello) break;
      const hello = readServerHello(body);
      const shared = hello === undefined ? undefined : sharedSecret(keyShare('client', state.shareNumber), hello.share);
      if (hello === undefined || hello.version !== 0x0304) work.fail(ALERT.protocolVersion);
      else if (hello.suite !== CIPHER_SUITE || shared === undefined || shared.length === 0) work.fail(ALERT.handshakeFailure);
      else {
        const secrets = handshakeSecrets(shared, hashOf(transcript));
        work.set({ transcript, secrets, read: secrets.serverKey, phase: 'parameters' });
      }
      return;
    }
    case 'parameters': {
      if (type !== HANDSHAKE.encryptedExtensions) break;
      const alpn = readEncryptedExtensions(body);
      work.set({ transcript, phase: 'certificate', info: { ...state.info, ...(alpn === undefined ? {} : { alpn }) } });
      return;
    }
    case 'certificate':
      if (type === HANDSHAKE.certificateRequest) {
        const wanted = readCertificateRequest(body).authorities;
        work.set({ transcript, info: { ...state.info, wanted, wantedNames: wanted.map(decodeName) } });
        return;
      }
      if (type !== HANDSHAKE.certificate) break;
      work.set({ transcript, phase: 'certificate-verify' });
      judge(work, body, options);
      return;
    case 'certificate-verify': {
      if (type !== HANDSHAKE.certificateVerify) break;
      const { scheme, signature } = readCertificateVerify(body);
      const key = state.info.peer[0]?.publicKey;
      if (key === undefined || !verifyTls(scheme, key, signedContent('server', hashOf(state.transcript)), signature)) work.fail(ALERT.decryptError);
      else work.set({ transcript, phase: 'finished', info: { ...state.info, scheme } });
      return;
    }
    case 'finished':
      if (type !== HANDSHAKE.finished) break;
      finish(work, body, transcript, options, random);
      return;
    case 'open':
      // Tickets are taken and not used.
      if (type === HANDSHAKE.newSessionTicket) return;
      break;
  }
  work.fail(ALERT.unexpectedMessage);
}

/** Whether the server's chain is to be believed. */
function judge(work: Work, body: Uint8Array, options: TlsClientOptions): void {
  const peer = readCertificateMessage(body).map(parseCertificate);
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

function finish(work: Work, body: Uint8Array, transcript: Uint8Array, options: TlsClientOptions, random: RandomBytes): void {
  const { state } = work;
  const { secrets } = state;
  if (secrets === undefined) return;
  if (bytesToText(finishedData(secrets.server, hashOf(state.transcript))) !== bytesToText(body)) {
    work.fail(ALERT.decryptError);
    return;
  }
  const application = applicationSecrets(secrets.handshake, hashOf(transcript));
  work.set({ transcript, application });
  work.changeCipherSpec();
  work.set({ write: secrets.clientKey });
  if (state.info.wanted !== undefined) {
    const { identity } = options;
    work.handshake(certificateMessage(identity?.chain.map(({ der }) => der) ?? []));
    if (identity !== undefined) {
      const { scheme, signature } = signTls(identity.key, signedContent('client', work.transcriptHash), random);
      work.handshake(certificateVerify(scheme, signature));
    }
  }
  work.handshake(message(HANDSHAKE.finished, finishedData(secrets.client, work.transcriptHash)));
  work.set({ phase: 'open', read: application.serverKey, write: application.clientKey, transcript: new Uint8Array() });
  work.opened = true;
}
