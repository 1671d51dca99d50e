/**
 * A proxy for byte streams: TLS that is passed on as it is, by the name in its ClientHello; TLS that ends here and goes on as plain TCP; and plain TCP.
 * Envoy: source/extensions/filters/network/tcp_proxy, filters/listener/tls_inspector.
 */
import { parseIp } from '../../addr/ip.ts';
import { textToBytes } from '../../wire/binary-text.ts';
import { DEFAULT_EPOCH_MS } from '../../wire/calendar.ts';
import type { Payload } from '../../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, type SocketId } from '../definition.ts';
import { listenAddress } from '../listen-address.ts';
import { type ClientTlsConfig, findTlsName, type ServerTlsConfig } from '../tls/config.ts';
import { payloadBytes, tlsLayer } from '../tls/layer.ts';
import { readClientHello } from '../tls/messages.ts';
import type { TlsContext, TlsSessions } from '../tls/sessions.ts';
import { type Authorization, refusalOf } from './authorize.ts';
import type { ProxyEndpoint } from './config.ts';
import { proxyPreamble } from './proxy-protocol.ts';

export interface StreamBackend {
  readonly name: string;
  /** Share of the sum; 0 gets nothing. */
  readonly weight: number;
  readonly endpoints: readonly ProxyEndpoint[];
  readonly tls?: ClientTlsConfig;
}

export interface StreamRoute {
  readonly owner: string;
  /** `''`: any and none; `*.example.com`: anything below it. */
  readonly name: string;
  /** TLS ends here; else it is passed on. */
  readonly ends: boolean;
  readonly backends: readonly StreamBackend[];
}

export interface StreamProxyConfig {
  readonly port: number;
  readonly address?: string;
  /** Clients speak TLS, and the name in their hello chooses; else the first route takes all. */
  readonly byName: boolean;
  readonly routes: readonly StreamRoute[];
  /** Certificates for routes where TLS ends. */
  readonly tls?: ServerTlsConfig;
  /** Each connection to a backend begins with the PROXY protocol of this version. */
  readonly sendsProxyProtocol?: 1 | 2;
  /** Connections to backends leave from this address. */
  readonly source?: string;
  /** Who may come, and to which port of the pod. */
  readonly authorization?: Authorization;
  readonly localPort?: number;
  readonly epochMs?: number;
}

interface Pair {
  /** -1: not chosen yet, or still closed. */
  readonly other: SocketId;
  readonly client: boolean;
  /** What has come before there was somewhere to send it. */
  readonly waiting: readonly Payload[];
  readonly open: boolean;
  readonly ended: boolean;
  /** It was let in. */
  readonly asked?: true;
}

/** Changed in place; what its maps hold is replaced. */
export interface StreamState {
  readonly pairs: Map<SocketId, Pair>;
  readonly turns: Map<string, number>;
  readonly tls: TlsSessions;
}

const BACKLOG = 511;
/** A hello longer than this is none. */
const MAX_HELLO = 16_384;
const MAX_WAITING = 1024;

export const streamProxy = defineApp<StreamState, StreamProxyConfig>({
  name: 'stream-proxy',
  start: (context, config) => {
    const socket = context.tcpListen(listenAddress(context, config.address), config.port, BACKLOG, { noDelay: true });
    if (typeof socket === 'string') {
      context.err(`cannot bind '0.0.0.0:${config.port}': ${socket}\n`);
      context.exit(1);
    }
    return newStreamState();
  },
  handle: (context, state, event, config) => {
    streamEvent(context, state, event, config);
    return state;
  },
  copy: copyStreamState,
});

export const newStreamState = (): StreamState => ({ pairs: new Map(), turns: new Map(), tls: new Map() });
export function copyStreamState(state: StreamState): StreamState {
  return { pairs: new Map(state.pairs), turns: new Map(state.turns), tls: new Map(state.tls) };
}

/** One event of a connection that came in, or of the one that it is joined to, whoever listens. */
export function streamEvent(plain: AppContext, state: StreamState, event: AppEvent, config: StreamProxyConfig): void {
  const context = tlsLayer(plain, state.tls, (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(plain.nowNs / 1e6));
  if (event.kind === 'accepted') {
    state.pairs.set(event.socket, { other: -1, client: true, waiting: [], open: true, ended: false });
    if (config.byName) return;
    if (config.tls !== undefined) context.serve(event.socket, config.tls);
    choose(context, state, event.socket, config.routes[0], config);
  } else if ('socket' in event && state.pairs.get(event.socket)?.client === true && state.pairs.get(event.socket)?.other === -1 && event.kind === 'data')
    inspect(context, state, event, config);
  else for (const one of context.open(event)) handle(context, state, one, config);
}

/** Waits for the whole hello, then knows the route by its name. */
function inspect(context: TlsContext, state: StreamState, event: Extract<AppEvent, { readonly kind: 'data' }>, config: StreamProxyConfig): void {
  const { socket } = event;
  const pair = state.pairs.get(socket);
  if (pair === undefined) return;
  const waiting = [...pair.waiting, event.payload];
  const bytes = textToBytes(waiting.map(payloadBytes).join('')) ?? new Uint8Array();
  const length = ((bytes[3] ?? 0) << 8) | (bytes[4] ?? 0);
  const isHello = bytes.length < 6 || (bytes[0] === 22 && bytes[1] === 3 && bytes[5] === 1);
  if (isHello && bytes.length < 5 + length && bytes.length < MAX_HELLO) {
    state.pairs.set(socket, { ...pair, waiting });
    return;
  }
  const hello = isHello ? readClientHello(bytes.subarray(9)) : undefined;
  const names = config.routes.map(({ name, owner }, identity) => ({ name, identity, deep: true as const, why: owner }));
  const found = hello === undefined ? undefined : findTlsName(names, hello.serverName);
  const route = found === undefined ? undefined : config.routes[found.identity];
  const asked = hello?.serverName === undefined ? 'no server name' : `the name ${hello.serverName}`;
  if (route === undefined) {
    context.tell({
      what: 'TLS ends: no route for this name',
      why: hello === undefined ? 'what came is no ClientHello' : `the client asks for ${asked}, and no route here is for it`,
    });
    drop(context, state, socket);
    return;
  }
  if (!route.ends) {
    context.tell({
      what: `passes TLS on to ${route.owner}`,
      why: `the client asks for ${asked}; ${route.owner} has it, and nobody on the way opens what is sealed`,
    });
    state.pairs.set(socket, { ...pair, waiting });
    choose(context, state, socket, route, config);
    return;
  }
  // The certificate is chosen by the same name.
  if (config.tls !== undefined) context.serve(socket, config.tls);
  // A backend that speaks first is not heard before the handshake with the client is over.
  state.pairs.set(socket, { ...pair, waiting: [], open: config.tls === undefined });
  choose(context, state, socket, route, config);
  for (const payload of waiting) for (const one of context.open({ ...event, payload })) handle(context, state, one, config);
}

function choose(context: TlsContext, state: StreamState, client: SocketId, route: StreamRoute | undefined, config: StreamProxyConfig): void {
  const source = config.source === undefined ? undefined : parseIp(config.source);
  const pair = state.pairs.get(client);
  const backends = (route?.backends ?? []).filter(({ weight, endpoints }) => weight > 0 && endpoints.length > 0);
  const total = (route?.backends ?? []).reduce((sum, { weight }) => sum + weight, 0);
  let at = total <= 0 ? 0 : context.prng('weights').below(total);
  const backend = (route?.backends ?? []).find(({ weight }) => {
    at -= weight;
    return at < 0;
  });
  if (pair === undefined || backend === undefined || !backends.includes(backend)) {
    drop(context, state, client);
    return;
  }
  const turn = state.turns.get(backend.name) ?? context.prng('turn').below(backend.endpoints.length);
  state.turns.set(backend.name, turn + 1);
  const endpoint = backend.endpoints[turn % backend.endpoints.length];
  const ip = endpoint === undefined ? undefined : parseIp(endpoint.ip);
  const socket =
    ip === undefined || endpoint === undefined
      ? 'EINVAL'
      : context.tcpConnect({ ip, port: endpoint.port }, { noDelay: true, ...(source === undefined ? {} : { ip: source }) });
  if (typeof socket === 'string') {
    drop(context, state, client);
    return;
  }
  const tls = endpoint?.tls ?? backend.tls;
  if (tls !== undefined) context.secure(socket, tls);
  const preamble =
    config.sendsProxyProtocol === undefined ? [] : [proxyPreamble(config.sendsProxyProtocol, context.remoteEndpoint(client), context.localEndpoint(client))];
  state.pairs.set(client, { ...pair, other: socket, waiting: [...preamble, ...pair.waiting] });
  state.pairs.set(socket, { other: client, client: false, waiting: [], open: false, ended: false });
}

function handle(context: TlsContext, state: StreamState, event: AppEvent, config: StreamProxyConfig): void {
  if (!('socket' in event)) return;
  let pair = state.pairs.get(event.socket);
  if (pair === undefined) return;
  const other = state.pairs.get(pair.other);
  switch (event.kind) {
    case 'connected':
      state.pairs.set(event.socket, { ...pair, open: true });
      if (other === undefined) return;
      for (const payload of other.waiting) context.tcpSend(event.socket, payload);
      state.pairs.set(pair.other, { ...other, waiting: [] });
      if (other.ended) context.shutdown(event.socket);
      break;
    case 'data':
      if (pair.client && pair.asked !== true && config.authorization !== undefined) {
        if (isRefused(context, event.socket, config)) {
          drop(context, state, event.socket);
          return;
        }
        pair = { ...pair, asked: true };
        state.pairs.set(event.socket, pair);
      }
      if (other?.open === true) context.tcpSend(pair.other, event.payload);
      else if (pair.waiting.length >= MAX_WAITING) drop(context, state, event.socket);
      else state.pairs.set(event.socket, { ...pair, waiting: [...pair.waiting, event.payload] });
      break;
    case 'peer-closed':
      state.pairs.set(event.socket, { ...pair, ended: true });
      if (other === undefined || other.ended) drop(context, state, event.socket);
      else if (other.open) context.shutdown(pair.other);
      break;
    case 'connect-failed':
    case 'aborted':
      state.pairs.delete(event.socket);
      if (other !== undefined) {
        state.pairs.delete(pair.other);
        context.abort(pair.other);
      }
      break;
  }
}

/** envoy.filters.network.rbac: asked once, with the first byte. */
function isRefused(context: TlsContext, socket: SocketId, { authorization, localPort = 0 }: StreamProxyConfig): boolean {
  if (authorization === undefined) return false;
  const uri = context.facts(socket)?.clientUris.find((one) => one.startsWith('spiffe://'));
  const refusal = refusalOf(authorization, { principal: uri?.slice('spiffe://'.length), ip: context.remoteEndpoint(socket).ip, port: localPort });
  if (refusal === undefined) return false;
  context.tell({ what: `refuses the connection: rbac_access_denied_matched_policy[${refusal.id}]`, why: refusal.why, objects: refusal.objects });
  return true;
}

/** Both ends are closed; a client that never got anywhere is reset. */
function drop(context: AppContext, state: StreamState, socket: SocketId): void {
  const pair = state.pairs.get(socket);
  state.pairs.delete(socket);
  if (pair === undefined) return;
  if (pair.other < 0) context.abort(socket);
  else {
    context.close(socket);
    state.pairs.delete(pair.other);
    context.close(pair.other);
  }
}
