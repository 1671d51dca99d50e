/** A proxy for datagrams: each client has a socket of its own towards the backend that was chosen for it. Envoy: source/extensions/filters/udp/udp_proxy. */
import { formatIp, parseIp } from '../../addr/ip.ts';
import { type AppContext, defineApp, type Endpoint, type SocketId } from '../definition.ts';
import { listenAddress } from '../listen-address.ts';
import type { StreamBackend } from './stream-proxy.ts';

export interface UdpProxyConfig {
  readonly port: number;
  readonly address?: string;
  readonly backends: readonly StreamBackend[];
}

interface Session {
  readonly client: Endpoint;
  readonly key: string;
  readonly usedNs: number;
}

/** Changed in place; what its maps hold is replaced. */
interface State {
  readonly socket: SocketId;
  /** By the socket towards the backend. */
  readonly sessions: Map<SocketId, Session>;
  /** By `address port` of the client. */
  readonly byClient: Map<string, SocketId>;
  readonly turns: Map<string, number>;
}

/** idle_timeout of udp_proxy. */
const IDLE_NS = 60_000_000_000;
/** max_connections of a cluster's circuit breaker. */
const MAX_SESSIONS = 1024;

export const udpProxy = defineApp<State, UdpProxyConfig>({
  name: 'udp-proxy',
  start: (context, config) => {
    const socket = context.udpBind(listenAddress(context, config.address), config.port);
    const empty = { sessions: new Map(), byClient: new Map(), turns: new Map() };
    if (typeof socket === 'number') return { socket, ...empty };
    context.err(`cannot bind '0.0.0.0:${config.port}': ${socket}\n`);
    context.exit(1);
    return { socket: -1, ...empty };
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'timer') expire(context, state, event.data as SocketId);
    else if (event.kind === 'datagram') {
      const session = state.sessions.get(event.socket);
      if (session !== undefined) {
        state.sessions.set(event.socket, { ...session, usedNs: context.nowNs });
        context.udpSend(state.socket, event.payload, session.client);
        return state;
      }
      if (event.socket !== state.socket) return state;
      const upstream = sessionFor(context, state, event.from, config);
      if (upstream === undefined) return state;
      context.udpSend(upstream, event.payload);
    }
    return state;
  },
  copy: (state) => ({ socket: state.socket, sessions: new Map(state.sessions), byClient: new Map(state.byClient), turns: new Map(state.turns) }),
});

function sessionFor(context: AppContext, state: State, client: Endpoint, config: UdpProxyConfig): SocketId | undefined {
  const key = `${formatIp(client.ip)} ${client.port}`;
  const known = state.byClient.get(key);
  const session = known === undefined ? undefined : state.sessions.get(known);
  if (known !== undefined && session !== undefined) {
    state.sessions.set(known, { ...session, usedNs: context.nowNs });
    return known;
  }
  const total = config.backends.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= 0 || state.sessions.size >= MAX_SESSIONS) return undefined;
  let at = context.prng('weights').below(total);
  const backend = config.backends.find(({ weight }) => {
    at -= weight;
    return at < 0;
  });
  if (backend === undefined || backend.endpoints.length === 0) return undefined;
  const turn = state.turns.get(backend.name) ?? context.prng('turn').below(backend.endpoints.length);
  state.turns.set(backend.name, turn + 1);
  const endpoint = backend.endpoints[turn % backend.endpoints.length];
  const ip = parseIp(endpoint?.ip ?? '');
  const socket = endpoint === undefined || ip === undefined ? 'EINVAL' : context.udpConnect({ ip, port: endpoint.port });
  if (typeof socket === 'string') return undefined;
  state.sessions.set(socket, { client, key, usedNs: context.nowNs });
  state.byClient.set(key, socket);
  context.setTimer(IDLE_NS, 'idle', socket, true);
  return socket;
}

function expire(context: AppContext, state: State, socket: SocketId): void {
  const session = state.sessions.get(socket);
  if (session === undefined) return;
  const leftNs = session.usedNs + IDLE_NS - context.nowNs;
  if (leftNs > 0) {
    context.setTimer(leftNs, 'idle', socket, true);
    return;
  }
  state.sessions.delete(socket);
  state.byClient.delete(session.key);
  context.close(socket);
}
