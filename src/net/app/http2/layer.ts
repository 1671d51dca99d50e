/**
 * HTTP/2 for a proxy that thinks in HTTP/1.1: each stream is a socket of its own, whose requests and answers are read and written as HTTP/1.1 texts (RFC 9113
 * section 8.3). Trailers are headers whose name begins with `trailers `. Bodies of gRPC are octets as characters, others are text.
 * Envoy: source/common/http/http2/codec_impl.cc; answers of its own to gRPC: source/common/grpc/common.cc.
 */
import { formatIp } from '../../addr/ip.ts';
import type { Errno } from '../../stack/userland.ts';
import { bytesToText, textToBytes } from '../../wire/binary-text.ts';
import type { Payload } from '../../wire/packet.ts';
import { decodeUtf8, encodeUtf8, utf8Length } from '../../wire/utf8.ts';
import type { AppContext, AppEvent, Endpoint, SocketId, TlsNote } from '../definition.ts';
import { grpcCodeOf } from '../grpc/message.ts';
import { formatHead, type HttpHeader, headerValue, REASONS, readHead } from '../http-message.ts';
import { H2_ERROR, type H2Message, type H2Outcome, type H2Session, receiveH2, resetH2, sendH2, startH2 } from './session.ts';

export const TRAILER = 'trailers ';

interface Connection {
  readonly session: H2Session;
  /** Of a backend: the TCP connection stands. */
  readonly open: boolean;
  /** `ip port` of a backend. */
  readonly address: string | undefined;
  /** Virtual sockets by stream; those that wait for the connection have none yet. */
  readonly streams: ReadonlyMap<number, SocketId>;
  readonly waiting: readonly SocketId[];
}
interface Virtual {
  readonly socket: SocketId;
  readonly stream: number | undefined;
  readonly grpc: boolean;
}

/** Changed in place; what its maps hold is replaced. */
export interface Http2State {
  readonly connections: Map<SocketId, Connection>;
  readonly virtual: Map<SocketId, Virtual>;
  /** Connections to backends, which all their streams share. */
  readonly byAddress: Map<string, SocketId>;
  next: number;
}

export const newHttp2State = (): Http2State => ({ connections: new Map(), virtual: new Map(), byAddress: new Map(), next: 2 ** 40 });
export const copyHttp2State = (state: Http2State): Http2State => ({
  connections: new Map(state.connections),
  virtual: new Map(state.virtual),
  byAddress: new Map(state.byAddress),
  next: state.next,
});

/** What a proxy needs of its context. */
export type ProxyHands = Pick<
  AppContext,
  'nowNs' | 'prng' | 'setTimer' | 'cancelTimer' | 'tcpConnect' | 'tcpSend' | 'close' | 'out' | 'tell' | 'remoteEndpoint' | 'localEndpoint'
>;

const octets = (text: string): Payload => ({ bytes: text.length, octets: text });
const bytesOf = (payload: Payload): string => payload.octets ?? bytesToText(encodeUtf8(payload.text ?? ''));
const isGrpc = (headers: readonly HttpHeader[]): boolean => headerValue(headers, 'content-type')?.startsWith('application/grpc') === true;
/** What HTTP/2 has other means for. */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'te']);

export class Http2Layer implements ProxyHands {
  readonly #context: ProxyHands;
  readonly #state: Http2State;

  constructor(context: ProxyHands, state: Http2State) {
    this.#context = context;
    this.#state = state;
  }

  get nowNs(): number {
    return this.#context.nowNs;
  }
  prng(name: string): ReturnType<AppContext['prng']> {
    return this.#context.prng(name);
  }
  out(text: string): void {
    this.#context.out(text);
  }
  tell(note: TlsNote): void {
    this.#context.tell(note);
  }
  setTimer(delayNs: number, tag: string, data?: unknown, housekeeping?: boolean): number {
    return this.#context.setTimer(delayNs, tag, data, housekeeping);
  }
  cancelTimer(id: number): void {
    this.#context.cancelTimer(id);
  }
  tcpConnect(to: Endpoint, from?: Parameters<AppContext['tcpConnect']>[1]): SocketId | Errno {
    return this.#context.tcpConnect(to, from);
  }
  localEndpoint(socket: SocketId): Endpoint {
    return this.#context.localEndpoint(this.#state.virtual.get(socket)?.socket ?? socket);
  }
  remoteEndpoint(socket: SocketId): Endpoint {
    return this.#context.remoteEndpoint(this.#state.virtual.get(socket)?.socket ?? socket);
  }
  /** The TCP connection of a stream; undefined for what is none. */
  connectionOf(socket: SocketId): SocketId | undefined {
    return this.#state.virtual.get(socket)?.socket;
  }
  isStream(socket: SocketId): boolean {
    return this.#state.virtual.has(socket);
  }

  /** A stream to a backend, on the connection that is there or on a new one; `connected` follows unless it is open already. `secure`: by whose name in TLS, and how it begins. */
  connectStream(
    to: Endpoint,
    secure?: { readonly name: string; readonly begin: (socket: SocketId) => void },
  ): { readonly socket: SocketId; readonly open: boolean } | Errno {
    const { byAddress, connections, virtual } = this.#state;
    const address = `${formatIp(to.ip)} ${to.port}${secure === undefined ? '' : ` tls ${secure.name}`}`;
    let socket = byAddress.get(address);
    if (socket === undefined || connections.get(socket)?.session.goingAway === true) {
      const opened = this.#context.tcpConnect(to, { noDelay: true });
      if (typeof opened === 'string') return opened;
      socket = opened;
      secure?.begin(socket);
      connections.set(socket, { session: startH2('client').session, open: false, address, streams: new Map(), waiting: [] });
      byAddress.set(address, socket);
    }
    const id = this.#state.next;
    this.#state.next += 1;
    virtual.set(id, { socket, stream: undefined, grpc: false });
    const connection = connections.get(socket) as Connection;
    if (!connection.open) connections.set(socket, { ...connection, waiting: [...connection.waiting, id] });
    return { socket: id, open: connection.open };
  }

  tcpSend(socket: SocketId, payload: Payload): void {
    const virtual = this.#state.virtual.get(socket);
    const connection = virtual === undefined ? undefined : this.#state.connections.get(virtual.socket);
    if (virtual === undefined) {
      this.#context.tcpSend(socket, payload);
      return;
    }
    if (connection === undefined) return;
    const message = connection.session.role === 'client' ? requestOf(payload.text ?? '') : answerOf(payload.text ?? '', virtual.grpc);
    if (message === undefined) return;
    const { session, send, stream } = sendH2(connection.session, virtual.stream, message);
    const streams = new Map(connection.streams);
    if (connection.session.role === 'client') {
      streams.set(stream, socket);
      this.#state.virtual.set(socket, { ...virtual, stream });
    } else {
      // The answer is whole: nothing more comes on this stream.
      streams.delete(stream);
      this.#state.virtual.delete(socket);
    }
    this.#state.connections.set(virtual.socket, { ...connection, session, streams });
    this.#context.tcpSend(virtual.socket, octets(send));
  }

  close(socket: SocketId): void {
    const virtual = this.#state.virtual.get(socket);
    if (virtual === undefined) {
      this.#forget(socket);
      this.#context.close(socket);
      return;
    }
    this.#state.virtual.delete(socket);
    const connection = this.#state.connections.get(virtual.socket);
    if (connection === undefined) return;
    const streams = new Map(connection.streams);
    if (virtual.stream !== undefined) streams.delete(virtual.stream);
    const waiting = connection.waiting.filter((one) => one !== socket);
    const { session, send } =
      virtual.stream === undefined ? { session: connection.session, send: '' } : resetH2(connection.session, virtual.stream, H2_ERROR.cancel);
    this.#state.connections.set(virtual.socket, { ...connection, session, streams, waiting });
    if (send !== '') this.#context.tcpSend(virtual.socket, octets(send));
  }

  #forget(socket: SocketId): Connection | undefined {
    const { connections, byAddress } = this.#state;
    const connection = connections.get(socket);
    if (connection === undefined) return undefined;
    connections.delete(socket);
    if (connection.address !== undefined && byAddress.get(connection.address) === socket) byAddress.delete(connection.address);
    return connection;
  }

  /** What the proxy gets to see of an event. */
  open(event: AppEvent): readonly AppEvent[] {
    if (!('socket' in event)) return [event];
    const { socket } = event;
    const { connections } = this.#state;
    let connection = connections.get(socket);
    if (connection === undefined) {
      if (event.kind !== 'data' || !(event.payload.octets ?? event.payload.text ?? '').startsWith('PRI * HTTP/2.0')) return [event];
      const { session, send } = startH2('server');
      connection = { session, open: true, address: undefined, streams: new Map(), waiting: [] };
      connections.set(socket, connection);
      this.#context.tcpSend(socket, octets(send));
    }
    switch (event.kind) {
      case 'connected': {
        const { send } = startH2('client');
        connections.set(socket, { ...connection, open: true, waiting: [] });
        this.#context.tcpSend(socket, octets(send));
        return connection.waiting.map((one) => ({ kind: 'connected', socket: one }));
      }
      case 'connect-failed': {
        this.#forget(socket);
        return connection.waiting.map((one) => this.#gone(one, { kind: 'connect-failed', socket: one, errno: event.errno }));
      }
      case 'data':
        return this.#received(socket, connection, receiveH2(connection.session, bytesOf(event.payload)));
      case 'peer-closed':
      case 'aborted': {
        this.#forget(socket);
        if (event.kind === 'peer-closed' && connection.session.role === 'client') this.#context.close(socket);
        const lost = [...connection.streams.values(), ...connection.waiting].map((one) =>
          this.#gone(one, { kind: 'aborted', socket: one, errno: 'ECONNRESET' }),
        );
        // The proxy knows its clients' own sockets too.
        return connection.session.role === 'server' ? [...lost, event] : lost;
      }
      default:
        return [];
    }
  }

  #gone(virtual: SocketId, event: AppEvent): AppEvent {
    this.#state.virtual.delete(virtual);
    return event;
  }

  #received(socket: SocketId, connection: Connection, { session, send, messages, resets, failed }: H2Outcome): readonly AppEvent[] {
    const { virtual } = this.#state;
    const events: AppEvent[] = [];
    const streams = new Map(connection.streams);
    for (const { stream, message } of messages) {
      if (session.role === 'server') {
        const id = this.#state.next;
        this.#state.next += 1;
        streams.set(stream, id);
        virtual.set(id, { socket, stream, grpc: isGrpc(message.headers) });
        events.push(
          { kind: 'accepted', socket: id, listener: -1, from: this.#context.remoteEndpoint(socket) },
          { kind: 'data', socket: id, payload: textOf(requestText(message)) },
        );
        continue;
      }
      const id = streams.get(stream);
      streams.delete(stream);
      if (id !== undefined) {
        const known = virtual.get(id);
        if (known !== undefined) virtual.set(id, { ...known, stream: undefined });
        events.push({ kind: 'data', socket: id, payload: textOf(answerText(message)) });
      }
    }
    for (const { stream } of resets) {
      const id = streams.get(stream);
      streams.delete(stream);
      if (id !== undefined) events.push(this.#gone(id, { kind: 'aborted', socket: id, errno: 'ECONNRESET' }));
    }
    this.#state.connections.set(socket, { ...connection, session, streams });
    if (send !== '') this.#context.tcpSend(socket, octets(send));
    if (failed) {
      for (const id of streams.values()) events.push(this.#gone(id, { kind: 'aborted', socket: id, errno: 'ECONNRESET' }));
      this.#forget(socket);
      if (session.role === 'server') events.push({ kind: 'aborted', socket, errno: 'ECONNRESET' });
      this.#context.close(socket);
    }
    return events;
  }
}

const textOf = (text: string): Payload => ({ bytes: utf8Length(text), text });

/** As text where it is text. */
const bodyText = ({ headers, body }: H2Message): string => (isGrpc(headers) ? body : (decodeUtf8(textToBytes(body) ?? new Uint8Array()) ?? body));
const pseudo = (headers: readonly HttpHeader[], name: string): string => headers.find((one) => one.name === name)?.value ?? '';

function bodyAndRest({ headers, trailers }: H2Message, body: string): readonly HttpHeader[] {
  const kept = headers.filter(({ name }) => !name.startsWith(':') && !CONNECTION_HEADERS.has(name));
  const behind = (trailers ?? []).map(({ name, value }) => ({ name: TRAILER + name, value }));
  return [...kept, ...behind, { name: 'content-length', value: String(utf8Length(body)) }];
}

function requestText(message: H2Message): string {
  const { headers } = message;
  const body = bodyText(message);
  const host = { name: 'host', value: pseudo(headers, ':authority') || (headerValue(headers, 'host') ?? '') };
  const rest = bodyAndRest(message, body).filter(({ name }) => name !== 'content-length' || body !== '');
  return formatHead(`${pseudo(headers, ':method')} ${pseudo(headers, ':path')} HTTP/1.1`, [host, ...rest]) + body;
}

function answerText(message: H2Message): string {
  const body = bodyText(message);
  const code = Number(pseudo(message.headers, ':status'));
  return formatHead(`HTTP/1.1 ${code} ${REASONS[code] ?? ''}`, bodyAndRest(message, body)) + body;
}

const lower = (headers: readonly HttpHeader[]): readonly HttpHeader[] =>
  headers.map(({ name, value }) => ({ name: name.toLowerCase(), value })).filter(({ name }) => !CONNECTION_HEADERS.has(name) && !name.startsWith(TRAILER));

function requestOf(text: string): H2Message | undefined {
  const read = readHead(text);
  if (typeof read === 'string') return undefined;
  const { headers, startLine } = read.head;
  const [method = 'GET', path = '/'] = startLine.split(' ');
  const grpc = isGrpc(headers);
  const named: HttpHeader[] = [
    { name: ':method', value: method },
    { name: ':scheme', value: 'http' },
    { name: ':authority', value: headerValue(headers, 'host') ?? '' },
    { name: ':path', value: path },
  ];
  const body = grpc ? read.rest : bytesToText(encodeUtf8(read.rest));
  const length = grpc || body === '' ? [] : [{ name: 'content-length', value: String(body.length) }];
  return { headers: [...named, ...lower(headers), ...(grpc ? [{ name: 'te', value: 'trailers' }] : length)], body, trailers: undefined };
}

function answerOf(text: string, asksGrpc: boolean): H2Message | undefined {
  const read = readHead(text);
  if (typeof read === 'string') return undefined;
  const { headers, startLine } = read.head;
  const code = Number(startLine.split(' ')[1]);
  const grpc = isGrpc(headers);
  if (asksGrpc && !grpc) {
    const status = [
      { name: 'grpc-status', value: String(grpcCodeOf(code)) },
      ...(read.rest === '' ? [] : [{ name: 'grpc-message', value: encodeURI(read.rest) }]),
    ];
    const kept = lower(headers).filter(({ name }) => name !== 'content-type');
    return {
      headers: [{ name: ':status', value: '200' }, { name: 'content-type', value: 'application/grpc' }, ...status, ...kept],
      body: '',
      trailers: undefined,
    };
  }
  const behind = headers.filter(({ name }) => name.startsWith(TRAILER)).map(({ name, value }) => ({ name: name.slice(TRAILER.length), value }));
  const body = grpc ? read.rest : bytesToText(encodeUtf8(read.rest));
  const length = grpc ? [] : [{ name: 'content-length', value: String(body.length) }];
  return { headers: [{ name: ':status', value: String(code) }, ...lower(headers), ...length], body, trailers: behind.length === 0 ? undefined : behind };
}
