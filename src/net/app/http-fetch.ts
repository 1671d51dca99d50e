/** One HTTP GET as a piece of another program (wget): resolve, connect, shake hands where it is https, ask, collect. */
import type { Errno } from '../stack/userland.ts';
import type { Ip } from '../wire/packet.ts';
import { utf8Length } from '../wire/utf8.ts';
import type { AppContext, AppEvent, SocketId } from './definition.ts';
import { bodyLength, type HttpHeader, parseStatusLine, readHead, textPayload, unchunked } from './http-message.ts';
import { handleResolving, type Resolving, startResolving } from './resolver.ts';
import type { ClientTlsConfig } from './tls/config.ts';
import type { TlsContext } from './tls/sessions.ts';

/** Plain data. What has happened so far is told by `phase`; a program compares it with what it saw before. */
export interface Fetching {
  readonly phase: 'resolving' | 'connecting' | 'requested' | 'answered' | 'complete' | 'failed';
  readonly host: string;
  readonly port: number;
  readonly request: string;
  readonly method: string;
  /** Of https; the context is one that speaks TLS then. */
  readonly tls: ClientTlsConfig | undefined;
  readonly resolving: Resolving | undefined;
  readonly ip: Ip;
  readonly socket: SocketId;
  readonly code: number;
  readonly statusLine: string;
  readonly headers: readonly HttpHeader[];
  readonly body: string;
  readonly buffer: string;
  readonly failure:
    | { readonly kind: 'resolve'; readonly again: boolean }
    | { readonly kind: 'connect' | 'read'; readonly errno: Errno }
    | { readonly kind: 'tls' }
    | { readonly kind: 'protocol' }
    | undefined;
}

const MAX_BODY_CHARACTERS = 16 * 1024 * 1024;

export function startFetching(context: AppContext, to: Pick<Fetching, 'host' | 'port' | 'method' | 'request' | 'tls'>): Fetching {
  const state: Fetching = {
    phase: 'resolving',
    ...to,
    resolving: startResolving(context, to.host),
    ip: 0,
    socket: -1,
    code: 0,
    statusLine: '',
    headers: [],
    body: '',
    buffer: '',
    failure: undefined,
  };
  return resolved(context, state);
}

const speaksTls = (context: AppContext): context is TlsContext => 'secure' in context;

export function stopFetching(context: AppContext, state: Fetching): void {
  if (state.socket >= 0) context.close(state.socket);
}

/** Returns the same reference for events that are not its own. */
export function handleFetching(context: AppContext, state: Fetching, event: AppEvent): Fetching {
  if (state.phase === 'complete' || state.phase === 'failed') return state;
  if (state.phase === 'resolving') {
    const resolving = state.resolving === undefined ? undefined : handleResolving(context, state.resolving, event);
    return resolving === undefined || resolving === state.resolving ? state : resolved(context, { ...state, resolving });
  }
  if (!('socket' in event) || event.socket !== state.socket) return state;
  switch (event.kind) {
    case 'connected':
      context.tcpSend(state.socket, textPayload(state.request));
      return { ...state, phase: 'requested' };
    case 'connect-failed':
      return { ...state, phase: 'failed', socket: -1, failure: { kind: 'connect', errno: event.errno } };
    case 'aborted':
      // What ends before it is open ended in the handshake.
      return {
        ...state,
        phase: 'failed',
        socket: -1,
        failure: state.tls !== undefined && state.phase === 'connecting' ? { kind: 'tls' } : { kind: 'read', errno: event.errno },
      };
    case 'data':
      return received(context, { ...state, buffer: state.buffer + (event.payload.text ?? '') });
    case 'peer-closed':
      return closed(context, state);
    default:
      return state;
  }
}

function resolved(context: AppContext, state: Fetching): Fetching {
  const result = state.resolving?.result;
  if (result === undefined) return state;
  if (!result.ok) return { ...state, phase: 'failed', resolving: undefined, failure: { kind: 'resolve', again: result.error === 'try-again' } };
  const ip = result.addresses[0] ?? 0;
  const socket = context.tcpConnect({ ip, port: state.port }, { noDelay: true });
  if (typeof socket === 'string') return { ...state, phase: 'failed', ip, resolving: undefined, failure: { kind: 'connect', errno: socket } };
  if (state.tls !== undefined && speaksTls(context)) context.secure(socket, state.tls);
  return { ...state, phase: 'connecting', ip, socket, resolving: undefined };
}

function received(context: AppContext, before: Fetching): Fetching {
  let state = before;
  if (state.phase === 'requested') {
    const read = readHead(state.buffer);
    if (read === 'incomplete') return state;
    const status = read === 'malformed' ? undefined : parseStatusLine(read.head.startLine);
    if (read === 'malformed' || status === undefined) return failProtocol(context, state);
    state = { ...state, phase: 'answered', code: status.code, statusLine: read.head.startLine, headers: read.head.headers, buffer: read.rest };
  }
  const length = bodyLength(state.headers, state.code, state.method);
  if (state.buffer.length > MAX_BODY_CHARACTERS) return failProtocol(context, state);
  if (length === 'chunked') {
    const whole = unchunked(state.buffer);
    return whole === undefined ? state : complete(context, { ...state, buffer: whole });
  }
  return length !== 'until-close' && utf8Length(state.buffer) >= length ? complete(context, state) : state;
}

function closed(context: AppContext, state: Fetching): Fetching {
  return state.phase === 'answered' ? complete(context, state) : failProtocol(context, state);
}

function complete(context: AppContext, state: Fetching): Fetching {
  context.close(state.socket);
  return { ...state, phase: 'complete', socket: -1, body: state.buffer, buffer: '' };
}

function failProtocol(context: AppContext, state: Fetching): Fetching {
  context.close(state.socket);
  return { ...state, phase: 'failed', socket: -1, failure: { kind: 'protocol' } };
}
