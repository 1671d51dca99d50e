/** What programs that may speak TLS know of it: sessions by socket as state, and hands that seal what is sent and open what comes. The code behind it comes later (layer.ts). */
import type { AppContext, AppEvent, SocketId } from '../definition.ts';
import type { ClientTlsConfig, ServerTlsConfig } from './config.ts';
import type { TlsConnection, TlsEvent } from './connection.ts';

export interface TlsSession {
  readonly connection: TlsConnection;
  /** Of a server: which entry of its names was chosen. */
  readonly server: ServerTlsConfig | undefined;
  readonly client: ClientTlsConfig | undefined;
  /** Bytes of a letter that is not whole yet. */
  readonly tail: string;
}

export type TlsSessions = Map<SocketId, TlsSession>;

/** Facts of an open session for the program above. */
export interface TlsFacts {
  readonly serverName: string | undefined;
  /** Of the client's certificate; undefined where it showed none. */
  readonly clientSubject: string | undefined;
  /** Its names of the kind URI (SPIFFE). */
  readonly clientUris: readonly string[];
  /** `FAILED:certificate has expired`, `SUCCESS`, `NONE`: as nginx has it in $ssl_client_verify. */
  readonly clientVerify: string;
}

/** A context whose sockets may speak TLS. What the wrapped context does for plain sockets it does unchanged. */
export interface TlsContext extends AppContext {
  /** The socket that was just accepted is a server's end. */
  serve(socket: SocketId, config: ServerTlsConfig): void;
  /** The socket that connects will be a client's end: `connected` comes when the handshake is over, `aborted` when it fails. */
  secure(socket: SocketId, config: ClientTlsConfig): void;
  /** What the program gets to see of an event: nothing while hands are shaken. */
  open(event: AppEvent): readonly AppEvent[];
  /** The first bytes on this socket were no TLS; it goes on in the plain. */
  isPlain(socket: SocketId): boolean;
  facts(socket: SocketId): TlsFacts | undefined;
  /** Sends the hello at once: for programs that have been told of the connection. */
  begin(socket: SocketId, config: ClientTlsConfig): void;
  /** Records that went by in this event. */
  readonly seen: readonly TlsEvent[];
  /** The connection as it is, or as it was when it ended in this event. */
  connection(socket: SocketId): TlsConnection | undefined;
  /** Why the last session of this event failed, in OpenSSL's words; '' if none did. */
  readonly failure: string;
}

/** Makes such a context for the time of one event; `nowMs` is Unix time. */
export type TlsLayer = (context: AppContext, sessions: TlsSessions, nowMs: number) => TlsContext;
