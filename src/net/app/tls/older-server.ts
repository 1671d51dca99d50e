/** The server's end of a TLS 1.2 handshake after the ClientHello, as OpenSSL does it for nginx: a session id, no tickets. OpenSSL: ssl/statem/statem_srvr.c; RFC 5246 section 7.3. */
import { bytesToText } from '../../wire/binary-text.ts';
import { encodeName } from './certificate.ts';
import type { Work } from './connection.ts';
import { concatBytes } from './der.ts';
import { judgeClient, type TlsServerChoice, type TlsServerOptions } from './judge.ts';
import { signTls, verifyTls } from './keys.ts';
import { ALERT, HANDSHAKE, message, type ReadHello, readCertificateVerify, X25519 } from './messages.ts';
import {
  chooseSuite,
  exchangeParameters,
  masterSecret,
  olderCertificateRequest,
  olderCertificates,
  olderFinished,
  olderHash,
  olderKeys,
  olderServerHello,
  readClientKeyExchange,
  readOlderCertificates,
  serverHelloDone,
  serverKeyExchange,
  TLS12,
  withSentinel,
} from './older.ts';
import type { RandomBytes } from './rsa.ts';
import { keyShare, SHARE_COUNT, sharedSecret } from './schedule.ts';

const SESSION_ID_BYTES = 32;

/** `knowsNewer`: this server has TLS 1.3 too. */
export function greetOlder(
  work: Work,
  hello: ReadHello,
  choice: TlsServerChoice,
  { alpn, knowsNewer }: { readonly alpn: string | undefined; readonly knowsNewer: boolean },
  random: RandomBytes,
): void {
  const suite = chooseSuite(hello.suites, choice.identity.key.kind);
  if (suite === undefined || !hello.groups.includes(X25519)) {
    work.fail(ALERT.handshakeFailure);
    return;
  }
  const shareNumber = (random(1)[0] ?? 0) % SHARE_COUNT;
  const chance = random(32);
  const serverRandom = knowsNewer ? withSentinel(chance) : chance;
  const sessionId = random(SESSION_ID_BYTES);
  const { extendedMaster } = hello;
  work.set({
    version: TLS12,
    suite,
    shareNumber,
    older: { serverRandom, sessionId, extendedMaster, secret: new Uint8Array(), isMaster: false, nextRead: undefined },
    info: { ...work.state.info, identity: choice.index, ...(alpn === undefined ? {} : { alpn }) },
  });
  work.handshake(olderServerHello(serverRandom, sessionId, suite, { sawName: hello.serverName !== undefined, alpn, extendedMaster }));
  work.handshake(olderCertificates(choice.identity.chain.map(({ der }) => der)));
  const share = keyShare('server', shareNumber).public;
  const { scheme, signature } = signTls(choice.identity.key, concatBytes(hello.random, serverRandom, exchangeParameters(share)), random);
  work.handshake(serverKeyExchange(share, scheme, signature));
  if (choice.clients !== undefined) work.handshake(olderCertificateRequest(choice.clients.trusted.map(({ subject }) => encodeName(subject))));
  work.handshake(serverHelloDone());
  work.set({ phase: choice.clients === undefined ? 'key-exchange' : 'certificate' });
}

/** False for a message that does not belong here. */
export function olderServerMessage(work: Work, type: number, body: Uint8Array, whole: Uint8Array, options: TlsServerOptions): boolean {
  const { state } = work;
  const { older } = state;
  if (older === undefined) return false;
  const transcript = concatBytes(state.transcript, whole);
  if (state.phase === 'certificate' && type === HANDSHAKE.certificate) {
    work.set({ transcript });
    judgeClient(work, readOlderCertificates(body), options, { none: 'key-exchange', some: 'key-exchange', missing: ALERT.handshakeFailure });
    return true;
  }
  if (state.phase === 'key-exchange' && type === HANDSHAKE.clientKeyExchange) {
    const shared = sharedSecret(keyShare('server', state.shareNumber), readClientKeyExchange(body));
    if (shared === undefined || shared.length === 0) {
      work.fail(ALERT.handshakeFailure);
      return true;
    }
    const session = older.extendedMaster ? olderHash(state.suite, transcript) : concatBytes(state.random, older.serverRandom);
    const master = masterSecret(state.suite, shared, older.extendedMaster, session);
    const keys = olderKeys(state.suite, master, state.random, older.serverRandom);
    work.set({
      transcript,
      phase: state.info.peer.length > 0 ? 'certificate-verify' : 'finished',
      older: { ...older, secret: master, isMaster: true, nextRead: keys.client },
    });
    return true;
  }
  if (state.phase === 'certificate-verify' && type === HANDSHAKE.certificateVerify) {
    const { scheme, signature } = readCertificateVerify(body);
    const key = state.info.peer[0]?.publicKey;
    if (key === undefined || !verifyTls(scheme, key, state.transcript, signature)) work.fail(ALERT.decryptError);
    else work.set({ transcript, phase: 'finished' });
    return true;
  }
  // Under seal, which begins with ChangeCipherSpec.
  if (state.phase !== 'finished' || type !== HANDSHAKE.finished || state.read === undefined) return false;
  if (bytesToText(olderFinished(state.suite, older.secret, 'client', state.transcript)) !== bytesToText(body)) {
    work.fail(ALERT.decryptError);
    return true;
  }
  work.set({ transcript });
  const keys = olderKeys(state.suite, older.secret, state.random, older.serverRandom);
  work.changeCipherSpec();
  work.set({ write: keys.server });
  work.handshake(message(HANDSHAKE.finished, olderFinished(state.suite, older.secret, 'server', transcript)));
  work.set({ phase: 'open', transcript: new Uint8Array() });
  work.opened = true;
  return true;
}
