/** The server's end of a TLS handshake, 1.3 and the beginning of 1.2, with the manners of OpenSSL as nginx uses it. OpenSSL: ssl/statem/statem_srvr.c. */
import { bytesToText } from '../../wire/binary-text.ts';
import { encodeName } from './certificate.ts';
import { type TlsConnection, type TlsOutcome, Work } from './connection.ts';
import { concatBytes } from './der.ts';
import { judgeClient, type TlsServerOptions } from './judge.ts';
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
import { TLS12 } from './older.ts';
import { greetOlder, olderServerMessage } from './older-server.ts';
import type { RandomBytes } from './rsa.ts';
import { applicationSecrets, CIPHER_SUITE, finishedData, handshakeSecrets, hashOf, keyShare, SHARE_COUNT, sharedSecret } from './schedule.ts';

const TLS13 = 0x0304;
const VERSIONS: readonly number[] = [TLS13, TLS12];
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
  if (state.older !== undefined) {
    if (!olderServerMessage(work, type, body, whole, options)) work.fail(ALERT.unexpectedMessage);
    return;
  }
  const transcript = concatBytes(state.transcript, whole);
  switch (state.phase) {
    case 'hello':
      if (type !== HANDSHAKE.clientHello) break;
      greet(work, body, transcript, options, random);
      return;
    case 'certificate':
      if (type !== HANDSHAKE.certificate) break;
      work.set({ transcript });
      judgeClient(work, readCertificateMessage(body), options, { none: 'finished', some: 'certificate-verify', missing: ALERT.certificateRequired });
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
  const versions = options.versions ?? VERSIONS;
  const version = versions.find((one) => hello.versions.includes(one));
  if (version === undefined) {
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
  if (version === TLS12) {
    greetOlder(work, hello, choice, { alpn, knowsNewer: versions.includes(TLS13) }, random);
    return;
  }
  const shareNumber = (random(1)[0] ?? 0) % SHARE_COUNT;
  const own = keyShare('server', shareNumber);
  const shared = hello.share === undefined ? undefined : sharedSecret(own, hello.share);
  if (!hello.suites.includes(CIPHER_SUITE) || shared === undefined || shared.length === 0) {
    work.fail(ALERT.handshakeFailure);
    return;
  }
  work.set({ shareNumber, version, suite: CIPHER_SUITE, info: { ...work.state.info, identity: choice.index, ...(alpn === undefined ? {} : { alpn }) } });
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
