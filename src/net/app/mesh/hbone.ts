/**
 * HBONE: connections inside of an HTTP/2 CONNECT inside of the mesh's TLS, at port 15008. Each tunnel is a socket of its own to whoever uses this layer; tunnels to
 * one place share a connection. ztunnel: src/proxy/h2, src/proxy/pool.rs; RFC 9113 section 8.5.
 */
import type { Payload } from '../../wire/packet.ts';
import type { AppContext, AppEvent, Endpoint, LocalChoice, SocketId, TcpSocketOptions } from '../definition.ts';
import type { HttpHeader } from '../http-message.ts';
import { decodeHeaders, encodeHeaders, type HeaderTable } from '../http2/hpack.ts';
import { PREFACE } from '../http2/session.ts';
import type { ClientTlsConfig, ServerTlsConfig } from '../tls/config.ts';
import { payloadBytes, plainPayload, tlsLayer } from '../tls/layer.ts';
import type { TlsContext, TlsSessions } from '../tls/sessions.ts';

export const HBONE_PORT = 15008;

const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE] = [0, 1, 3, 4, 6, 7, 8];
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4];
const FRAME_HEAD = 9;
const MAX_FRAME = 16_384;
const FIRST_WINDOW = 65_535;
/** ztunnel: window_size, connection_window_size. */
const STREAM_WINDOW = 4 * 1024 * 1024;
const CONNECTION_WINDOW = 16 * 1024 * 1024;
const MAX_TUNNELS = 1000;
/** Virtual sockets count from here. */
const FIRST = 2 ** 41;

interface Connection {
  readonly role: 'client' | 'server';
  /** What it is shared by. */
  readonly key: string;
  readonly open: boolean;
  readonly begun: boolean;
  readonly buffer: string;
  readonly decoding: HeaderTable;
  readonly encoding: HeaderTable;
  readonly nextStream: number;
  /** What may still be sent on the whole connection, and what new streams begin with. */
  readonly window: number;
  readonly startWindow: number;
  readonly streams: ReadonlyMap<number, SocketId>;
  /** Tunnels that wait for the handshake. */
  readonly waiting: readonly SocketId[];
}
interface Tunnel {
  readonly connection: SocketId;
  /** -1: not asked for yet. */
  readonly stream: number;
  readonly authority: string;
  readonly headers: readonly HttpHeader[];
  /** Who answered yes. */
  readonly open: boolean;
  readonly window: number;
  readonly queue: string;
  /** We have said all; they have. */
  readonly ending: boolean;
  readonly ended: boolean;
  readonly heard: boolean;
  /** Bytes of a letter that is not whole yet. */
  readonly tail: string;
}

/** Changed in place; what its maps hold is replaced. */
export interface HboneState {
  readonly tls: TlsSessions;
  readonly connections: Map<SocketId, Connection>;
  readonly tunnels: Map<SocketId, Tunnel>;
  readonly pool: Map<string, SocketId>;
  next: number;
}
export const newHboneState = (): HboneState => ({ tls: new Map(), connections: new Map(), tunnels: new Map(), pool: new Map(), next: FIRST });
export const copyHboneState = (state: HboneState): HboneState => ({
  tls: new Map(state.tls),
  connections: new Map(state.connections),
  tunnels: new Map(state.tunnels),
  pool: new Map(state.pool),
  next: state.next,
});

export type HboneEvent =
  | AppEvent
  /** Somebody asks for a tunnel; `answer` it. */
  | { readonly kind: 'asked'; readonly socket: SocketId; readonly outer: SocketId; readonly authority: string }
  /** The other end says no. */
  | { readonly kind: 'refused'; readonly socket: SocketId; readonly status: number };

const octet = (value: number): string => String.fromCharCode(value & 255);
const word = (value: number): string => octet(value >>> 24) + octet(value >>> 16) + octet(value >>> 8) + octet(value);
const readWord = (text: string, at: number): number =>
  ((text.charCodeAt(at) << 24) | (text.charCodeAt(at + 1) << 16) | (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3)) >>> 0;
const frame = (type: number, flags: number, stream: number, payload: string): string =>
  octet(payload.length >>> 16) + octet(payload.length >>> 8) + octet(payload.length) + octet(type) + octet(flags) + word(stream) + payload;
const OPENING = frame(SETTINGS, 0, 0, `\u0000\u0004${word(STREAM_WINDOW)}`) + frame(WINDOW_UPDATE, 0, 0, word(CONNECTION_WINDOW - FIRST_WINDOW));

export const isTunnel = (socket: SocketId): boolean => socket >= FIRST;

/** One event's hands. */
export class HboneLayer {
  readonly tls: TlsContext;
  readonly #state: HboneState;

  constructor(context: AppContext, state: HboneState, nowMs: number) {
    this.#state = state;
    this.tls = tlsLayer(context, state.tls, nowMs);
  }

  serve(socket: SocketId, config: ServerTlsConfig): void {
    this.tls.serve(socket, config);
    this.#state.connections.set(socket, connectionAs('server', '', true));
  }

  /** `key`: tunnels with the same one share a connection. `connected` or `refused` follows, or `aborted`. */
  tunnel(
    to: Endpoint,
    authority: string,
    key: string,
    tls: ClientTlsConfig,
    from: LocalChoice & TcpSocketOptions,
    headers: readonly HttpHeader[] = [],
  ): { readonly socket: SocketId; readonly outer: SocketId } | string {
    const { pool, connections, tunnels } = this.#state;
    let outer = pool.get(key);
    if (outer === undefined || connections.get(outer) === undefined || (connections.get(outer)?.streams.size ?? 0) >= MAX_TUNNELS) {
      const opened = this.tls.tcpConnect(to, { ...from, noDelay: true });
      if (typeof opened === 'string') return opened;
      outer = opened;
      this.tls.secure(outer, tls);
      connections.set(outer, connectionAs('client', key, false));
      pool.set(key, outer);
    }
    const connection = connections.get(outer) as Connection;
    const socket = this.#state.next;
    this.#state.next += 1;
    tunnels.set(socket, tunnelOn(outer, -1, authority, headers, connection.startWindow));
    if (connection.open) this.#ask(socket);
    else connections.set(outer, { ...connection, waiting: [...connection.waiting, socket] });
    return { socket, outer };
  }

  /** 200 opens the tunnel, anything else ends it. */
  answer(socket: SocketId, status: number): void {
    const tunnel = this.#state.tunnels.get(socket);
    const connection = tunnel === undefined ? undefined : this.#state.connections.get(tunnel.connection);
    if (tunnel === undefined || connection === undefined) return;
    const { table, block } = encodeHeaders(connection.encoding, [{ name: ':status', value: String(status) }]);
    this.#state.connections.set(tunnel.connection, { ...connection, encoding: table });
    this.#write(tunnel.connection, frame(HEADERS, END_HEADERS | (status === 200 ? 0 : END_STREAM), tunnel.stream, block));
    if (status === 200) this.#state.tunnels.set(socket, { ...tunnel, open: true });
    else this.#forget(socket);
  }

  send(socket: SocketId, payload: Payload): void {
    const tunnel = this.#state.tunnels.get(socket);
    if (tunnel === undefined) return;
    this.#state.tunnels.set(socket, { ...tunnel, queue: tunnel.queue + payloadBytes(payload) });
    this.#flush(socket);
  }

  /** Nothing more is sent; what comes is still taken. */
  shutdown(socket: SocketId): void {
    const tunnel = this.#state.tunnels.get(socket);
    if (tunnel === undefined || tunnel.ending) return;
    this.#state.tunnels.set(socket, { ...tunnel, ending: true });
    this.#flush(socket);
  }

  /** Resets what is not over yet. */
  close(socket: SocketId): void {
    const tunnel = this.#state.tunnels.get(socket);
    if (tunnel === undefined) return;
    if (tunnel.stream >= 0 && !(tunnel.ended && tunnel.heard)) this.#write(tunnel.connection, frame(RST_STREAM, 0, tunnel.stream, word(8)));
    this.#forget(socket);
  }

  /** The TCP connection that carries it. */
  outerOf(socket: SocketId): SocketId | undefined {
    return this.#state.tunnels.get(socket)?.connection;
  }

  open(event: AppEvent): readonly HboneEvent[] {
    return this.tls.open(event).flatMap((one) => this.#opened(one));
  }

  #opened(event: AppEvent): readonly HboneEvent[] {
    if (!('socket' in event)) return [event];
    const { socket } = event;
    const connection = this.#state.connections.get(socket);
    if (connection === undefined) return [event];
    switch (event.kind) {
      case 'connected': {
        // A server hears first.
        if (connection.role === 'server') return [];
        this.#state.connections.set(socket, { ...connection, open: true, waiting: [] });
        this.#write(socket, PREFACE + OPENING);
        for (const one of connection.waiting) this.#ask(one);
        return [];
      }
      case 'data':
        return this.#received(socket, connection, payloadBytes(event.payload));
      case 'connect-failed':
      case 'peer-closed':
      case 'aborted': {
        if (event.kind === 'peer-closed') this.tls.close(socket);
        const all = [...connection.streams.values(), ...connection.waiting];
        this.#drop(socket, connection);
        const lost: HboneEvent =
          event.kind === 'connect-failed' ? event : { kind: 'aborted', socket, errno: event.kind === 'aborted' ? event.errno : 'ECONNRESET' };
        return all.map((one) => {
          this.#state.tunnels.delete(one);
          return { ...lost, socket: one };
        });
      }
      default:
        return [];
    }
  }

  #drop(socket: SocketId, { key }: Connection): void {
    this.#state.connections.delete(socket);
    if (this.#state.pool.get(key) === socket) this.#state.pool.delete(key);
  }

  #write(socket: SocketId, octets: string): void {
    this.tls.tcpSend(socket, { bytes: octets.length, octets });
  }

  #ask(socket: SocketId): void {
    const tunnel = this.#state.tunnels.get(socket);
    const connection = tunnel === undefined ? undefined : this.#state.connections.get(tunnel.connection);
    if (tunnel === undefined || connection === undefined) return;
    const headers = [{ name: ':method', value: 'CONNECT' }, { name: ':authority', value: tunnel.authority }, ...tunnel.headers];
    const { table, block } = encodeHeaders(connection.encoding, headers);
    const stream = connection.nextStream;
    this.#state.connections.set(tunnel.connection, {
      ...connection,
      encoding: table,
      nextStream: stream + 2,
      streams: new Map(connection.streams).set(stream, socket),
    });
    this.#state.tunnels.set(socket, { ...tunnel, stream });
    this.#write(tunnel.connection, frame(HEADERS, END_HEADERS, stream, block));
  }

  /** As much as both windows have room for, and the end behind it. */
  #flush(socket: SocketId): void {
    let tunnel = this.#state.tunnels.get(socket);
    if (tunnel === undefined || !tunnel.open || tunnel.ended) return;
    let connection = this.#state.connections.get(tunnel.connection);
    let octets = '';
    while (connection !== undefined && tunnel.queue !== '') {
      const room: number = Math.min(tunnel.window, connection.window, MAX_FRAME);
      if (room <= 0) break;
      const part: string = tunnel.queue.slice(0, room);
      octets += frame(DATA, 0, tunnel.stream, part);
      tunnel = { ...tunnel, queue: tunnel.queue.slice(part.length), window: tunnel.window - part.length };
      connection = { ...connection, window: connection.window - part.length };
    }
    if (connection === undefined) return;
    if (tunnel.ending && tunnel.queue === '') {
      octets += frame(DATA, END_STREAM, tunnel.stream, '');
      tunnel = { ...tunnel, ended: true };
    }
    this.#state.tunnels.set(socket, tunnel);
    this.#state.connections.set(tunnel.connection, connection);
    if (octets !== '') this.#write(tunnel.connection, octets);
    if (tunnel.ended && tunnel.heard) this.#forget(socket);
  }

  #forget(socket: SocketId): void {
    const tunnel = this.#state.tunnels.get(socket);
    this.#state.tunnels.delete(socket);
    const connection = tunnel === undefined ? undefined : this.#state.connections.get(tunnel.connection);
    if (tunnel === undefined || connection === undefined) return;
    const streams = new Map(connection.streams);
    streams.delete(tunnel.stream);
    this.#state.connections.set(tunnel.connection, { ...connection, streams, waiting: connection.waiting.filter((one) => one !== socket) });
  }

  #received(socket: SocketId, before: Connection, octets: string): readonly HboneEvent[] {
    let rest = before.buffer + octets;
    const { connections } = this.#state;
    const events: HboneEvent[] = [];
    if (before.role === 'server' && !before.begun) {
      if (rest.length < PREFACE.length) {
        connections.set(socket, { ...before, buffer: rest });
        return [];
      }
      if (!rest.startsWith(PREFACE)) {
        this.#drop(socket, before);
        this.tls.abort(socket);
        return [];
      }
      rest = rest.slice(PREFACE.length);
      this.#write(socket, OPENING);
    }
    connections.set(socket, { ...before, begun: true, buffer: '' });
    while (rest.length >= FRAME_HEAD) {
      const length = (rest.charCodeAt(0) << 16) | (rest.charCodeAt(1) << 8) | rest.charCodeAt(2);
      if (rest.length < FRAME_HEAD + length) break;
      const payload = rest.slice(FRAME_HEAD, FRAME_HEAD + length);
      events.push(...this.#frame(socket, rest.charCodeAt(3), rest.charCodeAt(4), readWord(rest, 5) & 0x7fff_ffff, payload));
      rest = rest.slice(FRAME_HEAD + length);
    }
    const after = connections.get(socket);
    if (after !== undefined) connections.set(socket, { ...after, buffer: rest });
    return events;
  }

  #frame(socket: SocketId, type: number, flags: number, stream: number, payload: string): readonly HboneEvent[] {
    const { connections, tunnels } = this.#state;
    const connection = connections.get(socket);
    if (connection === undefined) return [];
    const id = connection.streams.get(stream);
    const tunnel = id === undefined ? undefined : tunnels.get(id);
    switch (type) {
      case SETTINGS: {
        if ((flags & ACK) !== 0) return [];
        let next = connection;
        for (let at = 0; at + 6 <= payload.length; at += 6) {
          if (((payload.charCodeAt(at) << 8) | payload.charCodeAt(at + 1)) !== 4) continue;
          const value = readWord(payload, at + 2);
          for (const one of next.streams.values()) {
            const known = tunnels.get(one);
            if (known !== undefined) tunnels.set(one, { ...known, window: known.window + value - next.startWindow });
          }
          next = { ...next, startWindow: value };
        }
        connections.set(socket, next);
        this.#write(socket, frame(SETTINGS, ACK, 0, ''));
        return [];
      }
      case PING:
        if ((flags & ACK) === 0) this.#write(socket, frame(PING, ACK, 0, payload));
        return [];
      case WINDOW_UPDATE: {
        const more = readWord(payload, 0) & 0x7fff_ffff;
        if (stream === 0) connections.set(socket, { ...connection, window: connection.window + more });
        else if (id !== undefined && tunnel !== undefined) tunnels.set(id, { ...tunnel, window: tunnel.window + more });
        for (const one of stream === 0 ? connection.streams.values() : id === undefined ? [] : [id]) this.#flush(one);
        return [];
      }
      case HEADERS:
        return this.#headers(socket, connection, stream, id, flags, payload);
      case DATA: {
        if (payload.length > 0)
          this.#write(
            socket,
            frame(WINDOW_UPDATE, 0, 0, word(payload.length)) + (tunnel === undefined ? '' : frame(WINDOW_UPDATE, 0, stream, word(payload.length))),
          );
        if (id === undefined || tunnel === undefined) return [];
        const { payload: plain, tail } = plainPayload(tunnel.tail + payload);
        const ends = (flags & END_STREAM) !== 0;
        tunnels.set(id, { ...tunnel, tail, heard: tunnel.heard || ends });
        if (ends && tunnel.ended) this.#forget(id);
        return [
          ...(plain === undefined ? [] : [{ kind: 'data', socket: id, payload: plain } as const]),
          ...(ends ? [{ kind: 'peer-closed', socket: id } as const] : []),
        ];
      }
      case RST_STREAM:
        if (id === undefined) return [];
        this.#forget(id);
        return [{ kind: 'aborted', socket: id, errno: 'ECONNRESET' }];
      case GOAWAY:
        if (this.#state.pool.get(connection.key) === socket) this.#state.pool.delete(connection.key);
        return [];
      default:
        return [];
    }
  }

  #headers(socket: SocketId, connection: Connection, stream: number, id: SocketId | undefined, flags: number, payload: string): readonly HboneEvent[] {
    const { connections, tunnels } = this.#state;
    const read = decodeHeaders(connection.decoding, payload);
    if (read === undefined) {
      this.#drop(socket, connection);
      this.tls.abort(socket);
      return [];
    }
    connections.set(socket, { ...connection, decoding: read.table });
    const value = (name: string): string => read.headers.find((one) => one.name === name)?.value ?? '';
    if (connection.role === 'client') {
      const tunnel = id === undefined ? undefined : tunnels.get(id);
      if (id === undefined || tunnel === undefined) return [];
      const status = Number(value(':status'));
      if (status === 200) {
        tunnels.set(id, { ...tunnel, open: true });
        this.#flush(id);
        return [{ kind: 'connected', socket: id }];
      }
      this.#forget(id);
      return [{ kind: 'refused', socket: id, status }];
    }
    if (value(':method') !== 'CONNECT' || connection.streams.size >= MAX_TUNNELS || (flags & END_STREAM) !== 0) {
      const { table, block } = encodeHeaders(connection.encoding, [{ name: ':status', value: '404' }]);
      connections.set(socket, { ...connection, decoding: read.table, encoding: table });
      this.#write(socket, frame(HEADERS, END_HEADERS | END_STREAM, stream, block));
      return [];
    }
    const own = this.#state.next;
    this.#state.next += 1;
    tunnels.set(own, tunnelOn(socket, stream, value(':authority'), read.headers, connection.startWindow));
    connections.set(socket, { ...connection, decoding: read.table, streams: new Map(connection.streams).set(stream, own) });
    return [{ kind: 'asked', socket: own, outer: socket, authority: value(':authority') }];
  }
}

const connectionAs = (role: Connection['role'], key: string, open: boolean): Connection => ({
  role,
  key,
  open,
  begun: role === 'client',
  buffer: '',
  decoding: [],
  encoding: [],
  nextStream: 1,
  window: FIRST_WINDOW,
  startWindow: FIRST_WINDOW,
  streams: new Map(),
  waiting: [],
});
const tunnelOn = (connection: SocketId, stream: number, authority: string, headers: readonly HttpHeader[], window: number): Tunnel => ({
  connection,
  stream,
  authority,
  headers,
  open: false,
  window,
  queue: '',
  ending: false,
  ended: false,
  heard: false,
  tail: '',
});
