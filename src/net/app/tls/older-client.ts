/** The client's end of a TLS 1.2 handshake after the ServerHello, as OpenSSL does it. OpenSSL: ssl/statem/statem_clnt.c; RFC 5246 section 7.3. */
import { bytesToText } from '../../wire/binary-text.ts';
import { decodeName } from './certificate.ts';
import type { OlderSecrets, Work } from './connection.ts';
import { concatBytes } from './der.ts';
import { judgeServer, type TlsClientOptions } from './judge.ts';
import { signTls, verifyTls } from './keys.ts';
import { ALERT, certificateVerify, HANDSHAKE, message, type ReadServerHello } from './messages.ts';
import {
  clientKeyExchange,
  exchangeParameters,
  isKnownSuite,
  masterSecret,
  olderCertificates,
  olderFinished,
  olderHash,
  olderKeys,
  readOlderCertificateRequest,
  readOlderCertificates,
  readServerKeyExchange,
  TLS12,
} from './older.ts';
import type { RandomBytes } from './rsa.ts';
import { keyShare, sharedSecret } from './schedule.ts';

export function beginOlder(work: Work, hello: ReadServerHello, transcript: Uint8Array): void {
  if (!isKnownSuite(hello.suite)) {
    work.fail(ALERT.handshakeFailure);
    return;
  }
  const { random, sessionId, extendedMaster, alpn } = hello;
  const older: OlderSecrets = { serverRandom: random, sessionId, extendedMaster, secret: new Uint8Array(), isMaster: false, nextRead: undefined };
  work.set({
    transcript,
    older,
    version: TLS12,
    suite: hello.suite,
    phase: 'certificate',
    info: { ...work.state.info, ...(alpn === undefined ? {} : { alpn }) },
  });
}

/** False for a message that does not belong here. */
export function olderClientMessage(work: Work, type: number, body: Uint8Array, whole: Uint8Array, options: TlsClientOptions, random: RandomBytes): boolean {
  const { state } = work;
  const { older } = state;
  if (older === undefined) return false;
  const transcript = concatBytes(state.transcript, whole);
  if (state.phase === 'certificate' && type === HANDSHAKE.certificate) {
    work.set({ transcript, phase: 'key-exchange' });
    judgeServer(work, readOlderCertificates(body), options);
    return true;
  }
  if (state.phase === 'key-exchange' && type === HANDSHAKE.serverKeyExchange) {
    const exchange = readServerKeyExchange(body);
    const key = state.info.peer[0]?.publicKey;
    const secret = exchange === undefined ? undefined : sharedSecret(keyShare('client', state.shareNumber), exchange.share);
    const signed = concatBytes(state.random, older.serverRandom, exchangeParameters(exchange?.share ?? new Uint8Array()));
    if (exchange === undefined || secret === undefined || secret.length === 0) work.fail(ALERT.handshakeFailure);
    else if (key === undefined || !verifyTls(exchange.scheme, key, signed, exchange.signature)) work.fail(ALERT.decryptError);
    else work.set({ transcript, phase: 'hello-done', older: { ...older, secret }, info: { ...state.info, scheme: exchange.scheme } });
    return true;
  }
  if (state.phase === 'hello-done' && type === HANDSHAKE.certificateRequest) {
    const wanted = readOlderCertificateRequest(body);
    work.set({ transcript, info: { ...state.info, wanted, wantedNames: wanted.map(decodeName) } });
    return true;
  }
  if (state.phase === 'hello-done' && type === HANDSHAKE.serverHelloDone) {
    work.set({ transcript });
    answer(work, older, options, random);
    return true;
  }
  if (state.phase !== 'finished') return false;
  if (type === HANDSHAKE.newSessionTicket) {
    // Taken and not used.
    work.set({ transcript });
    return true;
  }
  // Under seal, which begins with ChangeCipherSpec.
  if (type !== HANDSHAKE.finished || state.read === undefined) return false;
  if (bytesToText(olderFinished(state.suite, older.secret, 'server', state.transcript)) !== bytesToText(body)) work.fail(ALERT.decryptError);
  else {
    work.set({ phase: 'open', transcript: new Uint8Array() });
    work.opened = true;
  }
  return true;
}

function answer(work: Work, older: OlderSecrets, options: TlsClientOptions, random: RandomBytes): void {
  const { suite, info, shareNumber } = work.state;
  const { identity } = options;
  if (info.wanted !== undefined) work.handshake(olderCertificates(identity?.chain.map(({ der }) => der) ?? []));
  work.handshake(clientKeyExchange(keyShare('client', shareNumber).public));
  const session = older.extendedMaster ? olderHash(suite, work.state.transcript) : concatBytes(work.state.random, older.serverRandom);
  const master = masterSecret(suite, older.secret, older.extendedMaster, session);
  const keys = olderKeys(suite, master, work.state.random, older.serverRandom);
  if (info.wanted !== undefined && identity !== undefined) {
    const { scheme, signature } = signTls(identity.key, work.state.transcript, random);
    work.handshake(certificateVerify(scheme, signature));
  }
  work.changeCipherSpec();
  work.set({ write: keys.client, older: { ...older, secret: master, isMaster: true, nextRead: keys.server } });
  work.handshake(message(HANDSHAKE.finished, olderFinished(suite, master, 'client', work.state.transcript)));
  work.set({ phase: 'finished' });
}
