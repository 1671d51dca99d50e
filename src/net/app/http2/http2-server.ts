/** A web server that speaks HTTP/2 in the plain and says what http-server says. Go: golang.org/x/net/http2/h2c. */

import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import { DEFAULT_EPOCH_MS } from '../../wire/calendar.ts';
import type { Payload } from '../../wire/packet.ts';
import { decodeUtf8, encodeUtf8 } from '../../wire/utf8.ts';
import { type AppContext, defineApp, type SocketId } from '../definition.ts';
import { type HttpHeader, textPayload } from '../http-message.ts';
import { serve } from '../http-pages.ts';
import { listenAddress } from '../listen-address.ts';
import type { HttpServerConfig } from '../server-config.ts';
import { payloadBytes } from '../tls/layer.ts';
import { type H2Message, type H2Session, PREFACE, receiveH2, sendH2, startH2 } from './session.ts';

/** Changed in place. */
interface State {
  readonly sessions: Map<SocketId, H2Session>;
  readonly startedNs: number;
}

interface Later {
  readonly socket: SocketId;
  readonly stream: number;
  readonly message: H2Message;
}

const octets = (text: string): Payload => ({ bytes: text.length, octets: text });

export const http2Server = defineApp<State, HttpServerConfig>({
  name: 'http2-server',
  start: (context, config) => {
    const socket = context.tcpListen(listenAddress(context, config.address), config.port, 4096, { noDelay: true });
    if (typeof socket === 'string') {
      context.err(`listen tcp :${config.port}: bind: address already in use\n`);
      context.exit(1);
    }
    return { sessions: new Map(), startedNs: context.nowNs };
  },
  handle: (context, state, event, config) => {
    switch (event.kind) {
      case 'data':
        received(context, state, event.socket, payloadBytes(event.payload), config);
        break;
      case 'timer': {
        const { socket, stream, message } = event.data as Later;
        reply(context, state, socket, stream, message);
        break;
      }
      case 'peer-closed':
      case 'aborted':
        state.sessions.delete(event.socket);
        if (event.kind === 'peer-closed') context.close(event.socket);
        break;
    }
    return state;
  },
  copy: (state) => ({ sessions: new Map(state.sessions), startedNs: state.startedNs }),
});

function received(context: AppContext, state: State, socket: SocketId, bytes: string, config: HttpServerConfig): void {
  let session = state.sessions.get(socket);
  if (session === undefined) {
    if (!PREFACE.startsWith(bytes.slice(0, PREFACE.length))) {
      context.tcpSend(socket, textPayload('HTTP/1.1 400 Bad Request\r\nContent-Length: 20\r\nConnection: close\r\n\r\nExpected h2c request'));
      context.close(socket);
      return;
    }
    const started = startH2('server');
    session = started.session;
    context.tcpSend(socket, octets(started.send));
  }
  const outcome = receiveH2(session, bytes);
  state.sessions.set(socket, outcome.session);
  if (outcome.send !== '') context.tcpSend(socket, octets(outcome.send));
  for (const { stream, message } of outcome.messages) answer(context, state, socket, stream, message, config);
  if (!outcome.failed) return;
  state.sessions.delete(socket);
  context.close(socket);
}

const HOP = new Set(['connection', 'keep-alive', 'content-length']);

function answer(context: AppContext, state: State, socket: SocketId, stream: number, { headers, body }: H2Message, config: HttpServerConfig): void {
  const value = (name: string): string => headers.find((one) => one.name === name)?.value ?? '';
  const epochMs = config.epochMs ?? DEFAULT_EPOCH_MS;
  const host: HttpHeader = { name: 'Host', value: value(':authority') };
  const {
    response,
    log,
    delayNs = 0,
  } = serve(
    {
      method: value(':method'),
      target: value(':path'),
      version: 'HTTP/2.0',
      headers: [host, ...headers.filter(({ name }) => !name.startsWith(':'))],
      body: decodeUtf8(textToBytes(body) ?? new Uint8Array()) ?? body,
      client: context.remoteEndpoint(socket),
      server: context.localEndpoint(socket),
    },
    {
      config,
      hostname: context.hostname,
      namespace: /\/netns\/.*\.([^./]+)$/.exec(context.netns)?.[1] ?? '',
      nowMs: epochMs + Math.floor(context.nowNs / 1e6),
      startedMs: epochMs + Math.floor(state.startedNs / 1e6),
      attempt: () => Number.MAX_SAFE_INTEGER,
    },
  );
  if (log.stream === 'stdout') context.out(log.text);
  else context.err(log.text);
  const bytes = bytesToText(encodeUtf8(response.body));
  const own = response.headers.map(({ name, value: said }) => ({ name: name.toLowerCase(), value: said })).filter(({ name }) => !HOP.has(name));
  const message: H2Message = {
    headers: [{ name: ':status', value: String(response.code) }, ...own, { name: 'content-length', value: String(bytes.length) }],
    body: value(':method') === 'HEAD' ? '' : bytes,
    trailers: undefined,
  };
  if (delayNs > 0) context.setTimer(delayNs, 'later', { socket, stream, message } satisfies Later);
  else reply(context, state, socket, stream, message);
}

function reply(context: AppContext, state: State, socket: SocketId, stream: number, message: H2Message): void {
  const session = state.sessions.get(socket);
  if (session === undefined) return;
  const sent = sendH2(session, stream, message);
  state.sessions.set(socket, sent.session);
  context.tcpSend(socket, octets(sent.send));
}
