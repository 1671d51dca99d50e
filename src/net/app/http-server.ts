/** A web server with the manners of its image: accepts, reads requests, answers, logs, keeps alive. */

import { NotLoaded } from '../../base/not-loaded.ts';
import { formatIp } from '../addr/ip.ts';
import { DEFAULT_EPOCH_MS, formatHttpDate, formatLogDate } from '../wire/calendar.ts';
import type { Payload } from '../wire/packet.ts';
import { utf8Length, utf8Prefix } from '../wire/utf8.ts';
import { type App, type AppContext, type AppEvent, defineApp, type SocketId } from './definition.ts';
import { formatHead, type HttpHead, headerValue, parseRequestLine, readHead, textPayload } from './http-message.ts';
import { type HttpRequest, nginxErrorPage, serve } from './http-pages.ts';
import { listenAddress } from './listen-address.ts';
import { codeOutcome, copyTally, count, newTally, type Tally } from './load/tally.ts';
import type { HttpServerConfig } from './server-config.ts';
import type { TlsLayer, TlsSessions } from './tls/sessions.ts';

/** nginx' client_max_body_size; what is larger is refused. */
const MAX_BODY_CHARACTERS = 1_048_576;
const BACKLOG = 511;
/** keepalive_timeout 65s, closed without anybody waiting for it. */
const KEEPALIVE_NS = 65_000_000_000;

interface Connection {
  readonly buffer: string;
  /** A request's head whose body is not complete yet. */
  readonly head: HttpHead | undefined;
  readonly timer: number;
  /** It has become a WebSocket: octets of a frame that is not whole. */
  readonly frames?: string;
}

/** How a server speaks WebSocket. */
export interface WebSocketLayer {
  /** The head of the answer to a request that asks for it: 101, or what is wrong. */
  upgrade(request: HttpRequest): string;
  receive(buffer: string, payload: Payload): { readonly buffer: string; readonly send: readonly Payload[]; readonly closes: boolean };
}

/** Where servers of an image speak WebSocket. */
const WEBSOCKET_PATHS: Partial<Record<HttpServerConfig['server'], string>> = { whoami: '/echo', 'echo-basic': '/ws' };

/** Changed in place. */
interface State {
  readonly startedNs: number;
  readonly connections: Map<SocketId, Connection>;
  readonly tally: Tally;
  readonly tls: TlsSessions;
  /** Requests by what they call themselves (echo-basic's `uuid`), for those that fail a few times. */
  readonly attempts: Map<string, number>;
}

const LATER = 'later';
const START = 'start';

/** An answer that takes its time. */
interface Later {
  readonly socket: SocketId;
  readonly text: string;
  readonly close: boolean;
}

function sendLater(context: AppContext, state: State, { socket, text, close }: Later): void {
  if (!state.connections.has(socket)) return;
  context.tcpSend(socket, textPayload(text));
  if (close) drop(context, state, socket);
}

const EMPTY: Connection = { buffer: '', head: undefined, timer: -1 };

/** `tls`: how to speak TLS; without it a server of HTTPS waits for the code to come. `webSocket` alike. */
export const httpServerWith = (tls: TlsLayer | undefined, webSocket?: WebSocketLayer): App =>
  defineApp<State, HttpServerConfig>({
    name: 'http-server',
    start: (context, config) => {
      if (config.startSeconds === undefined) listen(context, config);
      else context.setTimer(config.startSeconds * 1e9, START);
      if (config.tls !== undefined && tls === undefined) throw new NotLoaded('https');
      return { startedNs: context.nowNs, connections: new Map(), tally: newTally(), tls: new Map(), attempts: new Map() };
    },
    handle: (plain, state, event, config) => {
      if (config.tls === undefined || tls === undefined) return handle(plain, state, event, config, webSocket);
      const context = tls(plain, state.tls, (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(plain.nowNs / 1e6));
      if (event.kind === 'accepted') context.serve(event.socket, config.tls);
      // Go's server says in the plain what it thinks of plain HTTP; so does nginx.
      return context.open(event).reduce((current, one) => handle(context, current, one, config, webSocket), state);
    },
    copy: (state) => ({
      startedNs: state.startedNs,
      connections: new Map(state.connections),
      tally: copyTally(state.tally),
      tls: new Map(state.tls),
      attempts: new Map(state.attempts),
    }),
    tally: (state) => state.tally,
  });

function handle(context: AppContext, state: State, event: AppEvent, config: HttpServerConfig, webSocket: WebSocketLayer | undefined): State {
  const { connections } = state;
  switch (event.kind) {
    case 'accepted':
      connections.set(event.socket, EMPTY);
      break;
    case 'data': {
      const connection = connections.get(event.socket);
      if (connection === undefined) break;
      if (connection.frames !== undefined && webSocket !== undefined) {
        hear(context, state, event.socket, connection, webSocket.receive(connection.frames, event.payload));
        break;
      }
      // No request begins with such bytes: a client that speaks TLS to a port that does not.
      if (event.payload.octets !== undefined) refuse(context, state, event.socket, config, event.payload.octets);
      else receive(context, state, event.socket, connection, event.payload.text ?? '', config, webSocket);
      break;
    }
    case 'peer-closed':
      drop(context, state, event.socket);
      break;
    case 'aborted':
      forget(context, state, event.socket);
      break;
    case 'timer':
      if (event.tag === START) listen(context, config);
      else if (event.tag === LATER) sendLater(context, state, event.data as Later);
      else drop(context, state, event.data as SocketId);
      break;
  }
  return state;
}

function hear(context: AppContext, state: State, socket: SocketId, connection: Connection, heard: ReturnType<WebSocketLayer['receive']>): void {
  state.connections.set(socket, { ...connection, frames: heard.buffer });
  for (const payload of heard.send) context.tcpSend(socket, payload);
  if (heard.closes) drop(context, state, socket);
}

function listen(context: AppContext, config: HttpServerConfig): void {
  const socket = context.tcpListen(listenAddress(context, config.address), config.port, BACKLOG, { noDelay: true });
  if (typeof socket !== 'string') return;
  context.err(bindError(config, socket));
  context.exit(1);
}

function bindError(config: HttpServerConfig, errno: string): string {
  const reason = errno === 'EADDRINUSE' ? '98: Address already in use' : '99: Cannot assign requested address';
  const address = `${config.address ?? '0.0.0.0'}:${config.port}`;
  return config.server === 'nginx'
    ? `nginx: [emerg] bind() to ${address} failed (${reason})\n`
    : `listen tcp ${address}: bind: ${reason.slice(4).toLowerCase()}\n`;
}

function forget(context: AppContext, state: State, socket: SocketId): void {
  const connection = state.connections.get(socket);
  if (connection === undefined) return;
  if (connection.timer >= 0) context.cancelTimer(connection.timer);
  state.connections.delete(socket);
}

function drop(context: AppContext, state: State, socket: SocketId): void {
  forget(context, state, socket);
  context.close(socket);
}

function receive(
  context: AppContext,
  state: State,
  socket: SocketId,
  before: Connection,
  text: string,
  config: HttpServerConfig,
  webSocket?: WebSocketLayer,
): void {
  if (before.timer >= 0) context.cancelTimer(before.timer);
  let buffer = before.buffer + text;
  let head = before.head;
  // A client may have sent several requests at once; each takes at least four characters from the buffer.
  while (true) {
    if (head === undefined) {
      const read = readHead(buffer);
      if (read === 'incomplete') break;
      if (read === 'malformed') {
        refuse(context, state, socket, config);
        return;
      }
      head = read.head;
      buffer = read.rest;
    }
    const length = Number(headerValue(head.headers, 'Content-Length') ?? 0);
    if (!Number.isInteger(length) || length < 0 || length > MAX_BODY_CHARACTERS) {
      refuse(context, state, socket, config);
      return;
    }
    if (utf8Length(buffer) < length) break;
    // Lengths are bytes of UTF-8, the buffer is text.
    const end = utf8Prefix(buffer, length);
    const request = requestOf(context, socket, head, buffer.slice(0, end));
    if (request === undefined) {
      refuse(context, state, socket, config);
      return;
    }
    buffer = buffer.slice(end);
    head = undefined;
    if (headerValue(request.headers, 'Upgrade')?.toLowerCase() === 'websocket' && request.target.split('?')[0] === WEBSOCKET_PATHS[config.server]) {
      if (webSocket === undefined) throw new NotLoaded('websocket');
      const answer = webSocket.upgrade(request);
      context.tcpSend(socket, textPayload(answer));
      if (answer.startsWith('HTTP/1.1 101')) {
        count(state.tally, context.nowNs, codeOutcome(101));
        // Silence does not end it: nothing but its two ends knows how long it is meant to be.
        state.connections.set(socket, { ...EMPTY, frames: '' });
        return;
      }
      continue;
    }
    if (answer(context, state, socket, request, config)) return;
  }
  const timer = context.setTimer(KEEPALIVE_NS, 'keep-alive', socket, true);
  state.connections.set(socket, { buffer, head, timer });
}

function requestOf(context: AppContext, socket: SocketId, head: HttpHead, body: string): HttpRequest | undefined {
  const line = parseRequestLine(head.startLine);
  if (line === undefined) return undefined;
  const { method, target, version } = line;
  return { method, target, version, headers: head.headers, body, client: context.remoteEndpoint(socket), server: context.localEndpoint(socket) };
}

/** True when the connection is closed behind the answer. */
function answer(context: AppContext, state: State, socket: SocketId, request: HttpRequest, config: HttpServerConfig): boolean {
  const epochMs = config.epochMs ?? DEFAULT_EPOCH_MS;
  const facts = {
    config,
    hostname: context.hostname,
    namespace: /\/netns\/.*\.([^./]+)$/.exec(context.netns)?.[1] ?? '',
    nowMs: epochMs + Math.floor(context.nowNs / 1e6),
    startedMs: epochMs + Math.floor(state.startedNs / 1e6),
    attempt: (key: string): number => attempt(state, key),
  };
  const { response, log, delayNs = 0 } = serve(request, facts);
  if (response.code === 0) {
    // It hangs up without a word.
    drop(context, state, socket);
    return true;
  }
  count(state.tally, context.nowNs, codeOutcome(response.code));
  const head = formatHead(`${response.version} ${response.code} ${response.reason}`, response.headers);
  if (config.server === 'python') {
    // Its head and body are two writes, so two segments.
    context.tcpSend(socket, textPayload(head));
    if (response.body !== '') context.tcpSend(socket, textPayload(response.body));
  } else if (delayNs > 0) context.setTimer(delayNs, LATER, { socket, text: head + response.body, close: response.close } satisfies Later);
  else context.tcpSend(socket, textPayload(head + response.body));
  if (log.stream === 'stdout') context.out(log.text);
  else context.err(log.text);
  const closes = response.close && delayNs === 0;
  if (closes) drop(context, state, socket);
  return closes;
}

const MAX_ATTEMPT_KEYS = 1000;

/** How often somebody has asked under this name, this time included. */
function attempt({ attempts }: State, key: string): number {
  const times = (attempts.get(key) ?? 0) + 1;
  attempts.delete(key);
  if (attempts.size >= MAX_ATTEMPT_KEYS) attempts.delete(attempts.keys().next().value ?? '');
  attempts.set(key, times);
  return times;
}

/** `octets`: what stood where a request should begin. */
function refuse(context: AppContext, state: State, socket: SocketId, config: HttpServerConfig, octets?: string): void {
  if (config.server === 'nginx') {
    const epochMs = config.epochMs ?? DEFAULT_EPOCH_MS;
    const nowMs = epochMs + Math.floor(context.nowNs / 1e6);
    const body = nginxErrorPage('400 Bad Request', config);
    const head = `Server: nginx/${config.version ?? '1.29.3'}\r\nDate: ${formatHttpDate(nowMs)}\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\nConnection: close\r\n`;
    context.tcpSend(socket, textPayload(`HTTP/1.1 400 Bad Request\r\n${head}\r\n${body}`));
    const { ip } = context.remoteEndpoint(socket);
    if (octets !== undefined) context.out(`${formatIp(ip)} - - [${formatLogDate(nowMs)}] "${escaped(octets)}" 400 ${body.length} "-" "-" "-"\n`);
  } else context.tcpSend(socket, textPayload('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'));
  drop(context, state, socket);
}

/** The first line as nginx logs it: what is not printable as \xNN. */
function escaped(octets: string): string {
  const end = octets.search(/[\r\n]/);
  const line = end < 0 ? octets : octets.slice(0, end);
  return line.replace(/[^ -~]|["\\]/g, (character) => `\\x${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
