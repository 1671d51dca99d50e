/** The client's end of a TLS handshake, 1.3 and the beginning of 1.2, with the manners of OpenSSL. OpenSSL: ssl/statem/statem_clnt.c. */
import { bytesToText } from '../../wire/binary-text.ts';
import { clientHello } from '../../wire/tls-hello.ts';
import { decodeName } from './certificate.ts';
import { newConnection, type TlsConnection, type TlsOutcome, Work } from './connection.ts';
import { concatBytes } from './der.ts';
import { judgeServer, type TlsClientOptions } from './judge.ts';
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
import { TLS12 } from './older.ts';
import { beginOlder, olderClientMessage } from './older-client.ts';
import type { RandomBytes } from './rsa.ts';
import { applicationSecrets, CIPHER_SUITE, finishedData, handshakeSecrets, hashOf, keyShare, SHARE_COUNT, sharedSecret } from './schedule.ts';

export function startClient(options: TlsClientOptions, random: RandomBytes): TlsOutcome {
  const work = new Work(newConnection('client', options.max));
  const shareNumber = (random(1)[0] ?? 0) % SHARE_COUNT;
  const helloRandom = random(32);
  const record = clientHello(
    {
      style: options.style,
      alpn: options.alpn,
      ...(options.serverName === undefined ? {} : { serverName: options.serverName }),
      ...(options.min === undefined ? {} : { min: options.min }),
      ...(options.max === undefined ? {} : { max: options.max }),
    },
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
  if (state.older !== undefined) {
    if (!olderClientMessage(work, type, body, whole, options, random)) work.fail(ALERT.unexpectedMessage);
    return;
  }
  const transcript = concatBytes(state.transcript, whole);
  switch (state.phase) {
    case 'hello': {
      if (type !== HANDSHAKE.serverHello) break;
      const hello = readServerHello(body);
      if (hello?.version === TLS12 && (options.min ?? 0) <= TLS12) {
        beginOlder(work, hello, transcript);
        return;
      }
      const shared = hello === undefined ? undefined : sharedSecret(keyShare('client', state.shareNumber), hello.share);
      if (hello === undefined || hello.version !== 0x0304) work.fail(ALERT.protocolVersion);
      else if (hello.suite !== CIPHER_SUITE || shared === undefined || shared.length === 0) work.fail(ALERT.handshakeFailure);
      else {
        const secrets = handshakeSecrets(shared, hashOf(transcript));
        work.set({ transcript, secrets, version: hello.version, suite: hello.suite, read: secrets.serverKey, phase: 'parameters' });
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
      judgeServer(work, readCertificateMessage(body), options);
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
