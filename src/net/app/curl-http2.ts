/** curl's HTTP/2: requests and answers are texts to the rest of curl, and frames on the wire. curl: lib/http2.c of 7.88.1. */
import { bytesToText, textToBytes } from '../wire/binary-text.ts';
import { decodeUtf8, encodeUtf8, utf8Length } from '../wire/utf8.ts';
import type { AppEvent, SocketId } from './definition.ts';
import { type HttpHeader, readHead } from './http-message.ts';
import { type H2Message, type H2Session, receiveH2, sendH2, startH2 } from './http2/session.ts';
import { payloadBytes } from './tls/layer.ts';
import type { TlsContext } from './tls/sessions.ts';

/** Of connections that speak it. */
export type CurlH2 = Map<SocketId, H2Session>;

const octets = (text: string) => ({ bytes: text.length, octets: text });
/** What HTTP/2 says in other ways. */
const OWN = new Set(['host', 'connection', 'upgrade', 'transfer-encoding', 'keep-alive', 'proxy-connection']);

export interface SentH2 {
  /** The head as -v shows it. */
  readonly head: string;
  /** Lines of -v before it. */
  readonly lines: readonly string[];
}

export function sendCurlH2(tls: TlsContext, sessions: CurlH2, socket: SocketId, head: string, body: string, scheme: string): SentH2 {
  let session = sessions.get(socket);
  let begins = '';
  if (session === undefined) {
    const started = startH2('client');
    session = started.session;
    begins = started.send;
  }
  const read = readHead(head);
  const given = typeof read === 'string' ? [] : read.head.headers;
  const [method = 'GET', path = '/'] = typeof read === 'string' ? [] : read.head.startLine.split(' ');
  const headers: HttpHeader[] = [
    { name: ':method', value: method },
    { name: ':path', value: path },
    { name: ':scheme', value: scheme },
    { name: ':authority', value: given.find(({ name }) => name.toLowerCase() === 'host')?.value ?? '' },
    ...given.map(({ name, value }) => ({ name: name.toLowerCase(), value })).filter(({ name }) => !OWN.has(name)),
  ];
  const message: H2Message = { headers, body: bytesToText(encodeUtf8(body)), trailers: undefined };
  const sent = sendH2(session, undefined, message);
  sessions.set(socket, sent.session);
  tls.tcpSend(socket, octets(begins + sent.send));
  const shown = given.map(({ name, value }) => `${name === 'Host' ? name : name.toLowerCase()}: ${value}\r\n`).join('');
  return {
    head: `${method} ${path} HTTP/2\r\n${shown}\r\n`,
    lines: [...headers.map(({ name, value }) => `h2h3 [${name}: ${value}]`), `Using Stream ID: ${sent.stream.toString(16)} (easy handle 0x5581bc2a3e60)`],
  };
}

/** An answer as text: its head says HTTP/2 and has no reason. */
function answerText({ headers, body }: H2Message): string {
  const code = headers.find(({ name }) => name === ':status')?.value ?? '0';
  const lines = headers.filter(({ name }) => !name.startsWith(':')).map(({ name, value }) => `${name}: ${value}\r\n`);
  return `HTTP/2 ${code} \r\n${lines.join('')}\r\n${decodeUtf8(textToBytes(body) ?? new Uint8Array()) ?? body}`;
}

/** What curl gets to see of an event of a connection that speaks HTTP/2. */
export function hearCurlH2(tls: TlsContext, sessions: CurlH2, event: AppEvent): readonly AppEvent[] {
  const session = 'socket' in event ? sessions.get(event.socket) : undefined;
  if (session === undefined || !('socket' in event)) return [event];
  const { socket } = event;
  if (event.kind !== 'data') {
    if (event.kind === 'peer-closed' || event.kind === 'aborted') sessions.delete(socket);
    return [event];
  }
  const { session: next, send, messages, resets, failed } = receiveH2(session, payloadBytes(event.payload));
  sessions.set(socket, next);
  if (send !== '') tls.tcpSend(socket, octets(send));
  const heard = messages.map(({ message }): AppEvent => {
    const text = answerText(message);
    return { kind: 'data', socket, payload: { bytes: utf8Length(text), text } };
  });
  if (!failed && resets.length === 0) return heard;
  sessions.delete(socket);
  tls.close(socket);
  return [...heard, { kind: 'aborted', socket, errno: 'ECONNRESET' }];
}
