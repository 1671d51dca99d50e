/**
 * The proxy beside a pod of a mesh: iptables bring it all that the pod sends (15001) and all that comes for it (15006), and by where a connection was meant to go it
 * chooses what to do. Envoy: source/extensions/filters/listener/original_dst; Istio: pilot/pkg/networking/core/listener{,_inbound}.go.
 */
import { formatIp } from '../../addr/ip.ts';
import { textToBytes } from '../../wire/binary-text.ts';
import type { Payload } from '../../wire/packet.ts';
import { type AppContext, type AppEvent, defineApp, type Endpoint, type SocketId } from '../definition.ts';
import { listenAddress } from '../listen-address.ts';
import type { HttpProxyConfig, ProxyEndpoint, ProxyHost } from '../proxy/config.ts';
import { copyProxyState, newProxyState, proxyEvent } from '../proxy/http-proxy.ts';
import type { ProxyState } from '../proxy/run.ts';
import { copyStreamState, newStreamState, type StreamProxyConfig, type StreamState, streamEvent } from '../proxy/stream-proxy.ts';
import type { ServerTlsConfig } from '../tls/config.ts';
import { payloadBytes } from '../tls/layer.ts';
import type { SidecarConfig } from './config.ts';

export const OUTBOUND_PORT = 15001;
export const INBOUND_PORT = 15006;
export const AGENT_PORT = 15020;
export const HEALTH_PORT = 15021;
const PORTS = [OUTBOUND_PORT, INBOUND_PORT, AGENT_PORT, HEALTH_PORT] as const;
const BACKLOG = 4096;
/** What stays unread while nobody knows what it is. */
const MAX_UNREAD = 16;
/** InboundPassthroughCluster: its connections are told by their source. */
const INBOUND_SOURCE = '127.0.0.6';
const INBOUND_SOURCE6 = '::6';
/** Exchanges of different listeners are told apart by their numbers. */
const EXCHANGES = 1e9;
const MAX_LISTENERS = 4096;

interface HttpListener {
  readonly kind: 'http';
  readonly state: ProxyState;
}
interface StreamListener {
  readonly kind: 'stream';
  readonly state: StreamState;
}

/** `localhost:15000/clusters`: what it holds against endpoints. */
export interface SidecarReport {
  readonly health: State['health'];
}

/** A connection of which it is not known yet what it carries. */
interface Unread {
  readonly to: Endpoint;
  readonly inbound: boolean;
  readonly accepted: Extract<AppEvent, { readonly kind: 'accepted' }>;
  readonly payloads: readonly Payload[];
}

/** Changed in place; what its maps hold is replaced. */
interface State {
  /** By socket: the port that it listens at. */
  readonly ports: Map<SocketId, number>;
  readonly listeners: Map<string, HttpListener | StreamListener>;
  /** In order of their exchanges' numbers. */
  readonly order: string[];
  readonly unread: Map<SocketId, Unread>;
  /** What all listeners hold against endpoints. */
  readonly health: ProxyState['health'];
}

export const sidecar = defineApp<State, SidecarConfig>({
  name: 'sidecar',
  start: (context) => {
    const ports = new Map<SocketId, number>();
    for (const port of PORTS) {
      const socket = context.tcpListen(listenAddress(context, undefined), port, BACKLOG, { noDelay: true });
      if (typeof socket === 'string') {
        context.err(`cannot bind '0.0.0.0:${port}': ${socket}\n`);
        context.exit(1);
      } else ports.set(socket, port);
    }
    return { ports, listeners: new Map(), order: [], unread: new Map(), health: new Map() };
  },
  handle: (context, state, event, config) => {
    if (event.kind === 'accepted') accepted(context, state, event, config);
    else if (event.kind === 'timer') {
      const key = timerOwner(state, event.tag, event.data);
      if (key !== undefined) pass(context, state, key, event, config);
    } else if ('socket' in event) {
      const unread = state.unread.get(event.socket);
      if (unread !== undefined) read(context, state, event, unread, config);
      else {
        const key = ownerOf(state, event.socket);
        if (key !== undefined) pass(context, state, key, event, config);
      }
    }
    return state;
  },
  report: (state): SidecarReport => ({ health: state.health }),
  copy: (state) => {
    const health = new Map(state.health);
    return {
      ports: new Map(state.ports),
      listeners: new Map(
        [...state.listeners].map(([key, one]) => [
          key,
          one.kind === 'http' ? { kind: 'http', state: copyProxyState(one.state, health) } : { kind: 'stream', state: copyStreamState(one.state) },
        ]),
      ),
      order: [...state.order],
      unread: new Map(state.unread),
      health,
    };
  },
});

function accepted(context: AppContext, state: State, event: Extract<AppEvent, { readonly kind: 'accepted' }>, config: SidecarConfig): void {
  const port = state.ports.get(event.listener);
  if (port === HEALTH_PORT || port === AGENT_PORT) {
    pass(context, state, port === HEALTH_PORT ? 'health' : 'agent', event, config);
    return;
  }
  const to = context.originalDestination(event.socket);
  const own = context.localEndpoint(event.socket);
  // Nobody redirected it: whoever asks at these ports themselves would be sent round and round.
  if (to === undefined || (to.port === own.port && to.ip === own.ip)) {
    context.abort(event.socket);
    return;
  }
  const inbound = port === INBOUND_PORT;
  const service = inbound ? undefined : serviceAt(config, to);
  if (!inbound && service !== undefined && service.protocol !== 'sniffed') {
    pass(context, state, keyOf(service.protocol === 'http' ? 'http' : 'tcp', 'out', to), event, config);
    return;
  }
  state.unread.set(event.socket, { to, inbound, accepted: event, payloads: [] });
}

const serviceAt = (config: SidecarConfig, { ip, port }: Endpoint) => {
  const text = formatIp(ip);
  return config.services.find((one) => one.port === port && one.ip === text);
};

/** The first bytes tell: a TLS record, a line of HTTP, or anything else. */
function read(context: AppContext, state: State, event: Extract<AppEvent, { readonly socket: SocketId }>, unread: Unread, config: SidecarConfig): void {
  const { socket } = event;
  if (event.kind !== 'data') {
    state.unread.delete(socket);
    if (event.kind === 'peer-closed') context.close(socket);
    return;
  }
  const payloads = [...unread.payloads, event.payload];
  const text = payloads.map(payloadBytes).join('').slice(0, 4096);
  const bytes = textToBytes(text.slice(0, 3)) ?? new Uint8Array();
  const isTls = bytes[0] === 22 && bytes[1] === 3;
  const isHttp = /^[A-Z]{3,16} \S+ HTTP\/1\.[01]\r?\n/.test(text);
  const maybeHttp = /^[A-Z]{1,16}( \S*( H?T?T?P?\/?1?\.?[01]?\r?)?)?$/.test(text);
  const { to, inbound } = unread;
  const port = String(to.port);
  const strict = config.strict.ports[port] ?? config.strict.all;
  if (inbound && !isTls && strict) {
    state.unread.delete(socket);
    context.tell({ what: 'plain connection refused', why: `${config.strict.why} lets nobody in who does not prove who he is, and what came is no TLS` });
    context.abort(socket);
    return;
  }
  if (!isTls && !isHttp && maybeHttp && payloads.length < MAX_UNREAD) {
    state.unread.set(socket, { ...unread, payloads });
    return;
  }
  state.unread.delete(socket);
  const known = inbound ? config.inbound[port] : undefined;
  // Inside of TLS nobody can look: there it counts what the Service says, and HTTP is what it says most often.
  const http = inbound && isTls ? known !== 'tcp' : known === undefined || known === 'sniffed' ? isHttp : known === 'http';
  const key = keyOf(http ? 'http' : 'tcp', inbound ? (isTls ? 'in-tls' : 'in') : 'out', to);
  pass(context, state, key, unread.accepted, config);
  for (const payload of payloads) pass(context, state, key, { kind: 'data', socket, payload }, config);
}

type Way = 'out' | 'in' | 'in-tls';
const keyOf = (protocol: 'http' | 'tcp', way: Way, { ip, port }: Endpoint): string => `${protocol} ${way} ${formatIp(ip)} ${port}`;

function pass(context: AppContext, state: State, key: string, event: AppEvent, config: SidecarConfig): void {
  let listener = state.listeners.get(key);
  if (listener === undefined) {
    if (state.order.length >= MAX_LISTENERS) {
      if ('socket' in event) context.abort(event.socket);
      return;
    }
    listener = key.startsWith('tcp ')
      ? { kind: 'stream', state: newStreamState() }
      : { kind: 'http', state: newProxyState(state.order.length * EXCHANGES + 1, state.health) };
    state.listeners.set(key, listener);
    state.order.push(key);
  }
  const own = listenerConfig(config, key);
  if (listener.kind === 'http' && own.http !== undefined) proxyEvent(context, listener.state, event, own.http);
  else if (listener.kind === 'stream' && own.stream !== undefined) streamEvent(context, listener.state, event, own.stream);
}

/** Which listener a connection belongs to: there are as many as destinations that were asked for. */
function ownerOf(state: State, socket: SocketId): string | undefined {
  for (const [key, one] of state.listeners) {
    const owns =
      one.kind === 'http'
        ? one.state.byUpstream.has(socket) || one.state.idleOf.has(socket) || one.state.tls.has(socket) || one.state.clients.has(socket)
        : one.state.pairs.has(socket) || one.state.tls.has(socket);
    if (owns) return key;
  }
  return undefined;
}

/** Timers of exchanges carry their number, others their socket. */
function timerOwner(state: State, tag: string, data: unknown): string | undefined {
  if (tag === 'keep-alive') return ownerOf(state, data as SocketId);
  if (tag === 'idle') return ownerOf(state, (data as { readonly socket: SocketId }).socket);
  return state.order[Math.floor((data as number) / EXCHANGES)];
}

interface ListenerConfig {
  readonly http?: HttpProxyConfig;
  readonly stream?: StreamProxyConfig;
}

/** What is behind a listener follows from the configuration; remembered, since it is asked for at each event. */
const compiled = new WeakMap<SidecarConfig, Map<string, ListenerConfig>>();

function listenerConfig(config: SidecarConfig, key: string): ListenerConfig {
  let known = compiled.get(config);
  if (known === undefined) {
    known = new Map();
    compiled.set(config, known);
  }
  let found = known.get(key);
  if (found === undefined) {
    found = compile(config, key);
    known.set(key, found);
  }
  return found;
}

/** What the log says about where the client wanted to go. */
const noted = ({ log }: SidecarConfig, ip: string, port: number) => ({
  local: `${ip.includes(':') ? `[${ip}]` : ip}:${port}`,
  ...(log === undefined ? {} : { log }),
});

const epochOf = ({ epochMs }: SidecarConfig) => (epochMs === undefined ? {} : { epochMs });
const answer = (owner: string, path: string, code: number): ProxyHost => ({
  name: '',
  routes: [{ owner, match: { path: { kind: 'exact', value: path } }, action: { kind: 'answer', code } }],
});
const CONNECT_MS = 10_000;
const forwardTo = (backend: string, tries: number) =>
  ({ kind: 'forward', targets: [{ backend, weight: 1 }], connectTimeoutMs: CONNECT_MS, readTimeoutMs: 0, requestTimeoutMs: 0, tries }) as const;

/** Who comes in shows a certificate of the mesh, and is shown the pod's own. */
export const mutualTls = ({ identity, ca }: SidecarConfig): ServerTlsConfig => ({
  identities: [identity],
  names: [{ name: '', identity: 0, why: `${identity.source} is what istiod gave this pod`, clients: { mode: 'require', ca } }],
  alpn: ['istio', 'http/1.1'],
  tickets: 0,
});

/** Pods of the mesh are spoken to with the pod's own certificate, and must show one of the same root. */
const asThisPod = <B extends { readonly endpoints: readonly ProxyEndpoint[] }>({ identity, ca }: SidecarConfig, backend: B): B => ({
  ...backend,
  endpoints: backend.endpoints.map((one) =>
    one.tls === undefined || one.tls.alien === true ? one : { ...one, tls: { ...one.tls, identity, ca, alpn: ['istio'] } },
  ),
});

function compile(config: SidecarConfig, key: string): ListenerConfig {
  const common = { flavour: 'envoy', ...epochOf(config) } as const;
  if (key === 'health')
    return { http: { ...common, port: HEALTH_PORT, hosts: [answer('health', '/healthz/ready', 200)], backends: [], sidecar: { server: 'envoy' } } };
  const [own = ''] = config.ips;
  if (key === 'agent') {
    const hosts = [
      {
        name: '',
        routes: config.probes.map(({ path, port, target }) => ({
          owner: path,
          match: { path: { kind: 'exact', value: path } } as const,
          action: { ...forwardTo(`probe ${port}`, 1), rewrite: { kind: 'whole', value: target } } as const,
        })),
      },
    ];
    const backends = [...new Set(config.probes.map(({ port }) => port))].map((port) => ({ name: `probe ${port}`, endpoints: [{ ip: own, port }] }));
    return { http: { ...common, port: AGENT_PORT, hosts, backends, sidecar: { server: 'istio-agent' }, source: sourceFor(own) } };
  }
  const [protocol, way, ip = '', portText = ''] = key.split(' ');
  const port = Number(portText);
  if (way !== 'out') {
    const tls = way === 'in-tls' ? { tls: mutualTls(config) } : {};
    const name = `inbound|${port}||`;
    const endpoints = [{ ip, port }];
    const source = sourceFor(ip);
    if (protocol === 'tcp')
      return {
        stream: {
          port: INBOUND_PORT,
          byName: false,
          routes: [{ owner: name, name: '', ends: true, backends: [{ name, weight: 1, endpoints }] }],
          source,
          ...tls,
          ...(config.authorization === undefined ? {} : { authorization: config.authorization, localPort: port }),
          ...epochOf(config),
        },
      };
    const routes = [{ owner: 'default', match: { path: { kind: 'elements', value: '/' } } as const, action: forwardTo(name, 1) }];
    return {
      http: {
        ...common,
        port: INBOUND_PORT,
        hosts: [{ name: '', routes }],
        backends: [{ name, endpoints }],
        sidecar: {
          ...noted(config, ip, port),
          server: 'istio-envoy',
          cluster: name,
          ...(config.authorization === undefined ? {} : { authorization: config.authorization }),
        },
        source,
        ...tls,
      },
    };
  }
  const through = { name: 'PassthroughCluster', endpoints: [{ ip, port }] };
  if (protocol === 'tcp') {
    const service = config.services.find((one) => one.ip === ip && one.port === port);
    const found = config.backends.find(({ name, passes }) => name === service?.cluster && passes !== true);
    const nowhere = service === undefined && config.knownOnly === true;
    const backends = (service?.streams ?? [{ ...(found ?? (nowhere ? { name: 'BlackHoleCluster', endpoints: [] } : through)), weight: 1 }]).map((one) =>
      asThisPod(config, one),
    );
    return {
      stream: {
        port: OUTBOUND_PORT,
        byName: false,
        routes: [{ owner: service?.cluster ?? through.name, name: '', ends: false, backends }],
        ...epochOf(config),
      },
    };
  }
  // outboundTrafficPolicy ALLOW_ANY: what no Service is goes where it was meant to go.
  const anything = { path: { kind: 'elements', value: '/' } } as const;
  const anywhere: ProxyHost = {
    name: '',
    routes: [
      config.knownOnly === true
        ? { owner: 'block_all', match: anything, action: { kind: 'answer', code: 502 } }
        : { owner: 'allow_any', match: anything, action: forwardTo(through.name, 1) },
    ],
  };
  return {
    http: {
      ...common,
      port: OUTBOUND_PORT,
      publicPort: port,
      hosts: [...(config.hosts[portText] ?? []), anywhere],
      backends: [...config.backends.map((one) => asThisPod(config, one.passes === true ? { ...one, endpoints: through.endpoints } : one)), through],
      sidecar: { ...noted(config, ip, port), server: 'envoy' },
    },
  };
}

const sourceFor = (ip: string): string => (ip.includes(':') ? INBOUND_SOURCE6 : INBOUND_SOURCE);
