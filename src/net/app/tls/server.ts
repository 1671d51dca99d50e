/** The server's end of a TLS 1.3 handshake, with the manners of OpenSSL as nginx uses it. OpenSSL: ssl/statem/statem_srvr.c. */
import { bytesToText } from '../../wire/binary-text.ts';
import { type Certificate, encodeName, parseCertificate } from './certificate.ts';
import { alertOf } from './client.ts';
import { type Identity, type TlsConnection, type TlsOutcome, Work } from './connection.ts';
import { concatBytes } from './der.ts';
import { signTls, verifyTls } from './keys.ts';
import {
  ALERT,
  certificateMessage,
  certificateRequest,
  certificateVerify,
  encryptedExtensions,
  HANDSHAKE,
  message,
  newSessionTicket,
  readCertificateMessage,
  readCertificateVerify,
  readClientHello,
  serverHello,
  signedContent,
} from './messages.ts';
import type { RandomBytes } from './rsa.ts';
import { applicationSecrets, CIPHER_SUITE, finishedData, handshakeSecrets, hashOf, keyShare, SHARE_COUNT, sharedSecret } from './schedule.ts';
import { verifyChain } from './verify.ts';

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
}

const TLS13 = 0x0304;
const TICKET_SECONDS = 7200;
/** A stateful ticket: the session's number, as with `ssl_session_tickets off`. */
const TICKET_BYTES = 32;

export function serverReceive(connection: TlsConnection, octets: string, options: TlsServerOptions, random: RandomBytes): TlsOutcome {
  const work = new Work(connection);
  work.receive(octets, (type, body, whole) => onMessage(work, type, body, whole, options, random));
  return work.outcome();
}

function onMessage(work: Work, type: number, body: Uint8Array, whole: Uint8Array, options: TlsServerOptions, random: RandomBytes): void {
  const { state } = work;
  const transcript = concatBytes(state.transcript, whole);
  switch (state.phase) {
    case 'hello':
      if (type !== HANDSHAKE.clientHello) break;
      greet(work, body, transcript, options, random);
      return;
    case 'certificate':
      if (type !== HANDSHAKE.certificate) break;
      work.set({ transcript });
      judge(work, body, options);
      return;
    case 'certificate-verify': {
      if (type !== HANDSHAKE.certificateVerify) break;
      const { scheme, signature } = readCertificateVerify(body);
      const key = state.info.peer[0]?.publicKey;
      if (key === undefined || !verifyTls(scheme, key, signedContent('client', hashOf(state.transcript)), signature)) work.fail(ALERT.decryptError);
      else work.set({ transcript, phase: 'finished' });
      return;
    }
    case 'finished': {
      if (type !== HANDSHAKE.finished) break;
      const { secrets, application } = state;
      if (secrets === undefined || application === undefined) break;
      if (bytesToText(finishedData(secrets.client, hashOf(state.transcript))) !== bytesToText(body)) {
        work.fail(ALERT.decryptError);
        return;
      }
      work.set({ phase: 'open', read: application.clientKey, transcript: new Uint8Array() });
      work.opened = true;
      for (let i = 0; i < options.tickets; i += 1) {
        work.handshake(newSessionTicket(TICKET_SECONDS, random(4), i, random(TICKET_BYTES)), false);
        work.flush();
      }
      return;
    }
  }
  work.fail(ALERT.unexpectedMessage);
}

function greet(work: Work, body: Uint8Array, transcript: Uint8Array, options: TlsServerOptions, random: RandomBytes): void {
  const hello = readClientHello(body);
  if (hello === undefined) {
    work.fail(ALERT.decodeError);
    return;
  }
  const { serverName } = hello;
  work.set({ transcript, random: hello.random, info: { ...work.state.info, offered: hello.alpn, ...(serverName === undefined ? {} : { serverName }) } });
  if (!hello.versions.includes(TLS13)) {
    work.fail(ALERT.protocolVersion);
    return;
  }
  const choice = options.choose(serverName);
  if (choice === undefined) {
    work.fail(ALERT.unrecognizedName);
    return;
  }
  const alpn = options.alpn.find((name) => hello.alpn.includes(name));
  if (alpn === undefined && hello.alpn.length > 0 && options.alpn.length > 0) {
    work.fail(ALERT.noApplicationProtocol);
    return;
  }
  const shareNumber = (random(1)[0] ?? 0) % SHARE_COUNT;
  const own = keyShare('server', shareNumber);
  const shared = hello.share === undefined ? undefined : sharedSecret(own, hello.share);
  if (!hello.suites.includes(CIPHER_SUITE) || shared === undefined || shared.length === 0) {
    work.fail(ALERT.handshakeFailure);
    return;
  }
  work.set({ shareNumber, info: { ...work.state.info, identity: choice.index, ...(alpn === undefined ? {} : { alpn }) } });
  work.handshake(serverHello(random(32), hello.sessionId, own.public));
  work.changeCipherSpec();
  const secrets = handshakeSecrets(shared, work.transcriptHash);
  work.set({ secrets, read: secrets.clientKey, write: secrets.serverKey });
  work.handshake(encryptedExtensions(alpn, serverName !== undefined));
  if (choice.clients !== undefined) work.handshake(certificateRequest(choice.clients.trusted.map(({ subject }) => encodeName(subject))));
  work.handshake(certificateMessage(choice.identity.chain.map(({ der }) => der)));
  const { scheme, signature } = signTls(choice.identity.key, signedContent('server', work.transcriptHash), random);
  work.handshake(certificateVerify(scheme, signature));
  work.handshake(message(HANDSHAKE.finished, finishedData(secrets.server, work.transcriptHash)));
  const application = applicationSecrets(secrets.handshake, work.transcriptHash);
  work.set({ application, write: application.serverKey, phase: choice.clients === undefined ? 'finished' : 'certificate' });
}

function judge(work: Work, body: Uint8Array, options: TlsServerOptions): void {
  const { info } = work.state;
  const clients = options.choose(info.serverName)?.clients;
  const peer = readCertificateMessage(body).map(parseCertificate);
  const [leaf] = peer;
  if (leaf === undefined) {
    if (clients?.mode === 'require') work.fail(ALERT.certificateRequired);
    else work.set({ phase: 'finished' });
    return;
  }
  if (peer.includes(undefined)) {
    work.fail(ALERT.decodeError);
    return;
  }
  const certificates = peer as readonly Certificate[];
  const verified = verifyChain(leaf, certificates.slice(1), clients?.trusted ?? [], { nowMs: options.nowMs, purpose: 'client' });
  const problems = clients?.insecure === true ? [] : verified.problems;
  work.set({ phase: 'certificate-verify', info: { ...info, peer: certificates, problems, chain: verified.chain } });
  const [first] = problems;
  if (first !== undefined && clients?.mode === 'require') work.fail(alertOf(first.code));
}
