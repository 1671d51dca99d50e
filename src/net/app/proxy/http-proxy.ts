/** A reverse proxy for HTTP/1.1: reads requests, chooses a route and a backend, keeps connections to backends, tries again, answers, logs. */
import { formatIp, inPrefix, parseIpPrefix } from '../../addr/ip.ts';
import { calendarTime, DEFAULT_EPOCH_MS, formatClock, formatDay } from '../../wire/calendar.ts';
import type { Ip } from '../../wire/packet.ts';
import { utf8Length, utf8Prefix } from '../../wire/utf8.ts';
import { type AppContext, type AppEvent, defineApp, type Endpoint, type SocketId } from '../definition.ts';
import { formatHead, type HttpHeader, headerValue, MAX_HEAD_CHARACTERS, parseRequestLine, readHead, textPayload } from '../http-message.ts';
import { copyHttp2State, Http2Layer, newHttp2State, type ProxyHands } from '../http2/layer.ts';
import { listenAddress } from '../listen-address.ts';
import { payloadBytes, plainPayload, tlsLayer } from '../tls/layer.ts';
import type { TlsContext } from '../tls/sessions.ts';
import type { HttpProxyConfig, ProxyHost, Redirect } from './config.ts';
import { corsHeaders } from './cors.ts';
import { redirectLocation } from './edit-message.ts';
import { asideAnswered, passFilters } from './filters/chain.ts';
import type { Held } from './filters/held.ts';
import { beginForward, clientLeft, gone, timerFired, upstreamEvent } from './forward.ts';
import { endDelay, isAborted, isDelayed, isForbidden } from './guard.ts';
import { istioLog } from './istio-log.ts';
import { type Asked, accessLog, ownAnswer, reasonOf } from './manners.ts';
import { brokenHeaderText, readPreamble } from './proxy-protocol.ts';
import { type Client, closesAfter, type ProxyRun, type ProxyState } from './run.ts';
import { type Selected, select } from './select-route.ts';
import { askingEvent, leaveAsking, type Verdict } from './steps/forward-auth.ts';
import { copyStepsState, newStepsState, type Walk } from './steps/state.ts';
import { walkOn } from './steps/walk.ts';
import { tunnelEvent, tunnelIdle } from './tunnel.ts';

const BACKLOG = 511;
/** keep-alive of nginx.tmpl's default; Envoy waits an hour, which nobody here does. */
const KEEPALIVE_NS = 75_000_000_000;
/** So much of a connection's unread requests is kept. */
const MAX_BUFFER_CHARACTERS = 16 * 1024 * 1024;

const known = new WeakMap<HttpProxyConfig, boolean>();

/** Whether clients or backends speak TLS with it. */
function speaksTls(config: HttpProxyConfig): boolean {
  let speaks = known.get(config);
  if (speaks === undefined) {
    speaks =
      config.tls !== undefined ||
      config.backends.some(({ tls, endpoints }) => tls !== undefined || endpoints.some((one) => one.tls !== undefined)) ||
      hasTlsRoute(config.hosts);
    known.set(config, speaks);
  }
  return speaks;
}

const hasTlsRoute = (hosts: readonly ProxyHost[]): boolean =>
  hosts.some(({ routes, hosts: inner = [] }) => routes.some(({ action }) => action.kind === 'forward' && action.tls !== undefined) || hasTlsRoute(inner));

const nowMs = (context: ProxyHands, config: HttpProxyConfig): number => (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(context.nowNs / 1e6);

export const httpProxy = defineApp<ProxyState, HttpProxyConfig>({
  name: 'http-proxy',
  start: (context, config) => {
    const socket = context.tcpListen(listenAddress(context, config.address), config.port, BACKLOG, { noDelay: true });
    if (typeof socket === 'string') {
      context.err(`bind() to ${config.address ?? '0.0.0.0'}:${config.port} failed (${socket === 'EADDRINUSE' ? '98: Address already in use' : socket})\n`);
      context.exit(1);
    }
    return newProxyState(1);
  },
  handle: (context, state, event, config) => {
    proxyEvent(context, state, event, config);
    return state;
  },
  copy: copyProxyState,
});

/** The memory of a proxy that has done nothing yet; its exchanges count from `firstExchange`. Listeners of one process share what they know of `health`. */
export function newProxyState(firstExchange: number, health: ProxyState['health'] = new Map()): ProxyState {
  return {
    clients: new Map(),
    spokenFor: new Map(),
    exchanges: new Map(),
    byUpstream: new Map(),
    idle: new Map(),
    idleOf: new Map(),
    idleSince: new Map(),
    turns: new Map(),
    buckets: new Map(),
    health,
    pools: new Map(),
    poolOf: new Map(),
    delayed: new Map(),
    tunnels: new Map(),
    tunnelOf: new Map(),
    prefixes: new Map(),
    waiting: new Map(),
    keySets: new Map(),
    tokens: new Map(),
    steps: newStepsState(),
    tls: new Map(),
    http2: newHttp2State(),
    nextExchange: firstExchange,
  };
}

export function copyProxyState(state: ProxyState, health: ProxyState['health'] = new Map(state.health)): ProxyState {
  return {
    clients: new Map(state.clients),
    spokenFor: new Map(state.spokenFor),
    exchanges: new Map(state.exchanges),
    byUpstream: new Map(state.byUpstream),
    idle: new Map(state.idle),
    idleOf: new Map(state.idleOf),
    idleSince: new Map(state.idleSince),
    turns: new Map(state.turns),
    buckets: new Map(state.buckets),
    steps: copyStepsState(state.steps),
    health,
    pools: new Map(state.pools),
    poolOf: new Map(state.poolOf),
    delayed: new Map(state.delayed),
    tunnels: new Map(state.tunnels),
    tunnelOf: new Map(state.tunnelOf),
    prefixes: new Map(state.prefixes),
    waiting: new Map(state.waiting),
    keySets: new Map(state.keySets),
    tokens: new Map(state.tokens),
    tls: new Map(state.tls),
    http2: copyHttp2State(state.http2),
    nextExchange: state.nextExchange,
  };
}

/** One event of a connection that came in, or of what followed from it, whoever listens. */
export function proxyEvent(context: AppContext, state: ProxyState, event: AppEvent, config: HttpProxyConfig): void {
  for (const one of config.proxyProtocol === true ? afterPreamble(context, state, event, config) : [event]) connectionEvent(context, state, one, config);
}

function connectionEvent(context: AppContext, state: ProxyState, event: AppEvent, config: HttpProxyConfig): void {
  if (!speaksTls(config)) {
    // nginx speaks HTTP/1.1 here on both sides, and so do the proxies of a mesh.
    const http2 = config.flavour === 'envoy' && config.sidecar === undefined ? new Http2Layer(context, state.http2) : undefined;
    const run = new Run(http2 ?? context, state, config, undefined, http2);
    if (http2 === undefined) run.handle(event);
    else for (const one of http2.open(event)) run.handle(one);
    return;
  }
  const tls = tlsLayer(context, state.tls, nowMs(context, config));
  const http2 = config.flavour === 'envoy' && config.sidecar === undefined ? new Http2Layer(tls, state.http2) : undefined;
  const run = new Run(http2 ?? tls, state, config, tls, http2);
  if (config.tls !== undefined && 'socket' in event && (config.plainHosts === undefined ? event.kind === 'accepted' : beginsTls(event, state)))
    tls.serve(event.socket, config.tls);
  for (const plain of tls.open(event)) for (const one of http2?.open(plain) ?? [plain]) run.handle(one);
}

/** With the PROXY protocol a connection's first bytes are its sender's; what comes behind them is the client's. nginx: ngx_http_wait_request_handler */
function afterPreamble(context: AppContext, state: ProxyState, event: AppEvent, config: HttpProxyConfig): readonly AppEvent[] {
  if (event.kind === 'accepted') state.spokenFor.set(event.socket, 'awaited');
  if (!('socket' in event) || event.kind !== 'data' || state.spokenFor.get(event.socket) !== 'awaited') return [event];
  const { socket } = event;
  const bytes = payloadBytes(event.payload);
  const read = readPreamble(bytes);
  if (read === undefined) {
    const { ip } = context.remoteEndpoint(socket);
    const time = calendarTime(nowMs(context, config));
    context.err(
      `${formatDay(time).replaceAll('-', '/')} ${formatClock(time)} [error] 33#33: *${socket} broken header: "${brokenHeaderText(bytes)}" while reading PROXY protocol, client: ${formatIp(ip)}, server: 0.0.0.0:${config.port}\n`,
    );
    state.clients.delete(socket);
    state.spokenFor.delete(socket);
    context.close(socket);
    return [];
  }
  if (read.from === undefined) state.spokenFor.delete(socket);
  else state.spokenFor.set(socket, read.from);
  const rest = bytes.slice(read.length);
  if (rest === '') return [];
  const { text } = event.payload;
  if (text !== undefined) return [{ ...event, payload: textPayload(text.slice(read.length)) }];
  const { payload, tail } = plainPayload(rest);
  return [{ ...event, payload: payload === undefined || tail !== '' ? { bytes: rest.length, octets: rest } : payload }];
}

/** Envoy's words for what it answers by itself. source/common/stream_info/stream_info.h, ResponseCodeDetailValues. */
const OWN_DETAILS: Readonly<Record<string, string>> = { NR: 'route_not_found', NC: 'cluster_not_found', UH: 'no_healthy_upstream' };

/** What comes first on a connection is a TLS record: nobody has said yet what is spoken there. */
function beginsTls(event: AppEvent, state: ProxyState): boolean {
  if (event.kind !== 'data' || state.tls.has(event.socket)) return false;
  const client = state.clients.get(event.socket);
  return client !== undefined && client.buffer === '' && client.exchange === undefined && payloadBytes(event.payload).startsWith('\x16\x03');
}

/** One event's view of a proxy: its hands, its memory, its configuration. */
class Run implements ProxyRun {
  readonly context: ProxyHands;
  readonly http2: Http2Layer | undefined;
  readonly state: ProxyState;
  readonly config: HttpProxyConfig;
  readonly tls: TlsContext | undefined;

  constructor(context: ProxyHands, state: ProxyState, config: HttpProxyConfig, tls: TlsContext | undefined, http2: Http2Layer | undefined) {
    this.http2 = http2;
    this.tls = tls;
    this.context = context;
    this.state = state;
    this.config = config;
  }

  get nowMs(): number {
    return nowMs(this.context, this.config);
  }

  handle(event: AppEvent): void {
    const { clients } = this.state;
    const { config } = this;
    // Nobody is asked but by routes that say so.
    const verdict = this.state.steps.asking.size === 0 ? false : askingEvent(this, event);
    if (verdict !== false) {
      if (verdict?.refusal !== undefined) this.#refused(verdict.walk, verdict.refusal);
      else if (verdict !== undefined) walkOn(this, verdict.walk, (walk) => this.#send(walk));
      return;
    }
    if (event.kind === 'accepted') {
      clients.set(event.socket, { buffer: '', timer: -1, exchange: undefined });
      return;
    }
    if (event.kind === 'timer') {
      if (event.tag === 'keep-alive') this.#drop(event.data as SocketId);
      else if (event.tag === 'tunnel') tunnelIdle(this, event.data as SocketId, gone);
      else if (event.tag === 'fault') this.#afterDelay(event.data as number);
      else timerFired(this, event.tag, event.data);
      return;
    }
    if (!('socket' in event) || tunnelEvent(this, event, gone)) return;
    const client = clients.get(event.socket);
    if (client === undefined) {
      upstreamEvent(this, event);
      return;
    }
    if (event.kind === 'data' && this.tls?.isPlain(event.socket) === true) {
      // nginx: NGX_HTTP_TO_HTTPS. Envoy hangs up.
      if (config.flavour === 'nginx') this.#refuse(event.socket, 400, 'The plain HTTP request was sent to HTTPS port');
      else this.#drop(event.socket);
    } else if (event.kind === 'data') {
      const { octets, text = '' } = event.payload;
      if (octets !== undefined && config.flavour === 'nginx') this.#logMalformed(event.socket, client.buffer + octets);
      this.#received(event.socket, client, octets === undefined ? text : undefined);
    } else if (event.kind === 'peer-closed' || event.kind === 'aborted') {
      if (client.exchange !== undefined && !leaveAsking(this, client.exchange)) clientLeft(this, client.exchange);
      if (event.kind === 'peer-closed') this.#drop(event.socket);
      else this.#forget(event.socket);
    }
  }

  /** Streams are sockets of their own; what TLS knows it knows of their connection. */
  #connection(socket: SocketId): SocketId {
    return this.http2?.connectionOf(socket) ?? socket;
  }

  #clientOf(socket: SocketId): Endpoint {
    const told = this.state.spokenFor.get(this.#connection(socket));
    return told === undefined || told === 'awaited' ? this.context.remoteEndpoint(socket) : told;
  }

  #forget(socket: SocketId): void {
    this.state.spokenFor.delete(socket);
    const client = this.state.clients.get(socket);
    if (client !== undefined && client.timer >= 0) this.context.cancelTimer(client.timer);
    this.state.clients.delete(socket);
  }

  #drop(socket: SocketId): void {
    this.#forget(socket);
    this.context.close(socket);
  }

  #received(socket: SocketId, client: Client, text: string | undefined): void {
    if (client.timer >= 0) this.context.cancelTimer(client.timer);
    const buffer = client.buffer + (text ?? '');
    // No request begins with bytes that are no text: a client that speaks TLS to a port that does not.
    if (text === undefined || buffer.length > MAX_BUFFER_CHARACTERS) {
      this.#refuse(socket, text === undefined ? 400 : 413);
      return;
    }
    this.state.clients.set(socket, { ...client, buffer, timer: -1 });
    this.#next(socket);
  }

  /** Takes the next whole request from the buffer, if there is one and nothing is under way. */
  #next(socket: SocketId): void {
    for (;;) {
      const client = this.state.clients.get(socket);
      if (client === undefined || client.exchange !== undefined) return;
      const read = readHead(client.buffer);
      if (read === 'incomplete') break;
      const line = read === 'malformed' ? undefined : parseRequestLine(read.head.startLine);
      if (read === 'malformed' || line === undefined) {
        // A head that goes on and on, such as the one that grows from gateway to gateway in a circle.
        const long = client.buffer.length > MAX_HEAD_CHARACTERS && !client.buffer.includes('\r\n\r\n');
        if (this.config.flavour === 'nginx') this.#logMalformed(socket, client.buffer);
        this.#refuse(
          socket,
          long && this.config.flavour === 'envoy' ? 431 : 400,
          long && this.config.flavour === 'nginx' ? 'Request Header Or Cookie Too Large' : '',
        );
        return;
      }
      const { headers } = read.head;
      const length = Number(headerValue(headers, 'Content-Length') ?? 0);
      if (!Number.isInteger(length) || length < 0 || headerValue(headers, 'Transfer-Encoding') !== undefined) {
        this.#refuse(socket, length >= 0 ? 501 : 400);
        return;
      }
      if (utf8Length(read.rest) < length) break;
      // Lengths are bytes of UTF-8, the buffer is text.
      const end = utf8Prefix(read.rest, length);
      const body = read.rest.slice(0, end);
      const prng = this.context.prng('request-id');
      let requestId = '';
      for (let i = 0; i < 4; i += 1) requestId += prng.uint32().toString(16).padStart(8, '0');
      const bytes = client.buffer.length - read.rest.length + length;
      const version = this.http2?.isStream(socket) === true ? 'HTTP/2' : line.version;
      const { method, target } = line;
      const from = this.#clientOf(socket);
      const asked: Asked =
        this.config.sidecar === undefined
          ? { method, target, version, headers, client: from, requestId, bytes }
          : { method, target, version, headers, client: from, requestId: asUuid(requestId), bytes, ...this.#extra(socket, length) };
      this.state.clients.set(socket, { buffer: read.rest.slice(end), timer: -1, exchange: undefined });
      this.#serve(socket, asked, body);
    }
    const client = this.state.clients.get(socket);
    if (client !== undefined && client.exchange === undefined)
      this.state.clients.set(socket, { ...client, timer: this.context.setTimer(KEEPALIVE_NS, 'keep-alive', socket, true) });
  }

  #serve(socket: SocketId, asked: Asked, body: string): void {
    const { config } = this;
    const host = headerValue(asked.headers, 'Host');
    if (host === undefined && asked.version === 'HTTP/1.1') {
      this.#refuse(socket, 400);
      return;
    }
    const mark = asked.target.indexOf('?');
    const path = mark < 0 ? asked.target : asked.target.slice(0, mark);
    const query = mark < 0 ? '' : asked.target.slice(mark + 1);
    const selected = select(
      config.plainHosts !== undefined && this.scheme(socket) === 'http' ? { ...config, hosts: config.plainHosts } : config,
      host ?? '',
      { method: asked.method, path, query, headers: asked.headers, client: asked.client.ip },
      config.flavour === 'envoy',
      this.#serverName(socket),
    );
    const refuse = (code: number, extra: readonly HttpHeader[] = [], said = '', why = '') => this.answer(socket, asked, selected, code, extra, said, why);
    if (config.tells === true) this.#tellChoice(asked, selected, host ?? '', path);
    if (selected === undefined) {
      refuse(404, [], '', 'NR');
      return;
    }
    const { route } = selected;
    const unproven = route.clientCertificate === undefined ? '' : this.#unproven(socket, route.clientCertificate);
    if (unproven !== '') {
      refuse(400, [], unproven);
      return;
    }
    if (isForbidden(this, socket, asked, selected, this.#clientUris(socket))) return;
    if (route.fault !== undefined && asked.flags === undefined && isDelayed(this, socket, asked, body, route.fault, route.owner)) return;
    if (route.fault !== undefined && isAborted(this, socket, asked, selected, route.fault, asked.flags ?? '')) return;
    if (route.allow !== undefined && !isAllowed(asked.client.ip, route.allow)) {
      refuse(403);
      return;
    }
    if (route.rate !== undefined && !this.#passes(`${route.owner} ${formatIp(asked.client.ip)}`, route.rate.milliPerSecond, route.rate.burst)) {
      refuse(config.flavour === 'nginx' ? 503 : 429);
      return;
    }
    if ((route.bodyLimitBytes ?? 0) > 0 && utf8Length(body) > (route.bodyLimitBytes ?? 0)) {
      refuse(413);
      return;
    }
    const cors = route.cors === undefined ? undefined : corsHeaders(route.cors, asked.headers, asked.method);
    if (cors?.preflight === true) {
      refuse(config.flavour === 'nginx' ? 204 : 200, cors.headers);
      return;
    }
    if (route.steps !== undefined && route.steps.length > 0) {
      walkOn(this, { socket, asked, body, selected, cors: cors?.headers ?? [], path, query, at: 0 }, (walk) => this.#send(walk));
      return;
    }
    const held: Held = { socket, asked, body, selected, stage: 0, extra: cors?.headers ?? [] };
    const passed = route.filters === undefined ? held : passFilters(this, held);
    if (passed !== undefined) this.#act(passed);
  }

  /** What its route says, after all that may refuse it. */
  #act({ socket, asked, body, selected, extra }: Held): void {
    const mark = asked.target.indexOf('?');
    const path = mark < 0 ? asked.target : asked.target.slice(0, mark);
    const query = mark < 0 ? '' : asked.target.slice(mark + 1);
    const { action } = selected.route;
    if (action.kind === 'answer') {
      const type = action.contentType === undefined ? [] : [{ name: 'content-type', value: action.contentType }];
      this.answer(socket, asked, selected, action.code, [...extra, ...type], action.body ?? '', '');
    } else if (action.kind === 'redirect') this.redirect(socket, asked, selected, action, path, query);
    else beginForward(this, socket, asked, body, selected, action, { path, query }, extra);
  }

  aside(id: number, status: number, headers: readonly HttpHeader[], body: string): void {
    if (this.state.waiting.size === 0) return;
    asideAnswered(this, id, status, headers, body, (held, socket) => {
      if (held !== undefined) this.#act(held);
      // Further requests may have come meanwhile.
      this.#next(socket);
    });
  }

  /** All steps are behind the request. */
  #send({ socket, asked, body, selected, cors, path, query }: Walk): void {
    const { action } = selected.route;
    if (action.kind === 'answer') this.answer(socket, asked, selected, action.code, cors, action.body ?? '', '');
    else if (action.kind === 'redirect') this.redirect(socket, asked, selected, action, path, query);
    else beginForward(this, socket, asked, body, selected, action, { path, query }, cors);
  }

  #refused({ socket, asked, selected, at }: Walk, { code, headers = [], said = '', why }: NonNullable<Verdict['refusal']>): void {
    const step = selected.route.steps?.[at];
    this.context.tell({
      what: `answers ${asked.method} ${asked.target} with ${code}`,
      why: `${step?.kind ?? ''} ${step?.owner ?? ''}: ${why}`,
      ...(step?.object === undefined ? {} : { objects: [step.object] }),
    });
    this.answer(socket, asked, selected, code, headers, this.config.flavour === 'traefik' ? said : '', '');
  }

  #tellChoice({ method }: Asked, selected: Selected | undefined, host: string, path: string): void {
    const what = `${method} ${host}${path}`;
    if (selected === undefined) this.context.tell({ what: `has no route for ${what}`, why: 'no rule fits: 404' });
    else this.context.tell({ what: `takes ${selected.route.owner} for ${what}`, why: selected.route.said ?? '' });
  }

  scheme(socket: SocketId): 'http' | 'https' {
    return this.config.tls === undefined || (this.config.plainHosts !== undefined && !this.state.tls.has(socket)) ? 'http' : 'https';
  }

  redirect(socket: SocketId, asked: Asked, selected: Selected, action: Redirect, path: string, query: string): void {
    const { config } = this;
    const host = headerValue(asked.headers, 'Host') ?? '';
    const asks = { scheme: this.scheme(socket), host, port: config.publicPort ?? config.port, path, query };
    const value = redirectLocation(action, asks, selected.route, selected.groups);
    this.answer(socket, asked, selected, action.code, [{ name: config.flavour === 'envoy' ? 'location' : 'Location', value }], '', '');
  }

  /** What only a mesh's log and its rules want to know. */
  #extra(socket: SocketId, bodyBytes: number): Pick<Asked, 'bodyBytes' | 'serverName' | 'sinceNs'> {
    const serverName = this.config.sidecar?.log === true ? this.#serverName(socket) : undefined;
    return { bodyBytes, sinceNs: this.context.nowNs, ...(serverName === undefined ? {} : { serverName }) };
  }

  /** The fault's time is over: the request goes on as if it came now. */
  #afterDelay(id: number): void {
    const delayed = endDelay(this, id);
    if (delayed !== undefined) this.#serve(delayed.socket, { ...delayed.asked, flags: 'DI' }, delayed.body);
  }

  #clientUris(socket: SocketId): readonly string[] {
    return this.config.sidecar?.authorization === undefined ? [] : (this.tls?.facts(this.#connection(socket))?.clientUris ?? []);
  }

  /** What the client asked for in TLS; undefined where it did not speak TLS. */
  #serverName(socket: SocketId): string | undefined {
    return this.config.tls === undefined ? undefined : (this.tls?.facts(this.#connection(socket))?.serverName ?? '');
  }

  /** ngx_http_request.c, ngx_http_process_request: what is wrong with the client's certificate, in the words of its page. */
  #unproven(socket: SocketId, wanted: 'on' | 'optional' | 'optional_no_ca'): string {
    const verified = this.tls?.facts(this.#connection(socket))?.clientVerify ?? 'NONE';
    if (wanted === 'optional_no_ca') return '';
    if (verified.startsWith('FAILED')) return 'The SSL certificate error';
    return verified === 'NONE' && wanted === 'on' ? 'No required SSL certificate was sent' : '';
  }

  /** ngx_http_limit_req_module: what is in leaks with time; a request that would make it overflow is refused. */
  #passes(key: string, milliPerSecond: number, burst: number): boolean {
    const { buckets } = this.state;
    const before = buckets.get(key);
    const elapsedMs = before === undefined ? 0 : Math.floor((this.context.nowNs - before.atNs) / 1e6);
    const milli = before === undefined ? 0 : Math.max(0, before.milli - Math.floor((milliPerSecond * elapsedMs) / 1000) + 1000);
    if (milli > burst * 1000) return false;
    buckets.delete(key);
    if (buckets.size >= 16_000) buckets.delete(buckets.keys().next().value ?? '');
    buckets.set(key, { milli, atNs: this.context.nowNs });
    return true;
  }

  /** The proxy's own answer to a request. */
  answer(
    socket: SocketId,
    asked: Asked,
    selected: Selected | undefined,
    code: number,
    extra: readonly HttpHeader[],
    said: string,
    why: string,
    details?: string,
  ): void {
    const { flavour } = this.config;
    const { headers, body } = this.own(code, extra, said);
    const sent = asked.method === 'HEAD' ? '' : body;
    this.context.tcpSend(socket, textPayload(formatHead(`HTTP/1.1 ${code} ${reasonOf(flavour, code)}`, headers) + sent));
    // nginx asks a server of its own, at port 8181, for what no Ingress wants.
    const own = flavour === 'nginx' && selected === undefined;
    this.log(
      asked,
      { status: code, bytes: utf8Length(sent), seconds: 0 },
      {
        name: own ? 'upstream-default-backend' : flavour === 'nginx' ? backendNameOf(selected) : '',
        alternative: '',
        tries: own ? [{ address: '127.0.0.1:8181', status: code, bytes: utf8Length(sent), seconds: 0 }] : [],
        why,
        route: selected?.route.label ?? selected?.route.owner ?? '',
        details: details ?? OWN_DETAILS[why] ?? 'direct_response',
      },
    );
    this.done(socket, asked);
  }

  own(code: number, extra: readonly HttpHeader[], said: string): ReturnType<typeof ownAnswer> {
    return ownAnswer(this.config.flavour, code, this.nowMs, extra, said, this.config.sidecar?.server);
  }

  log(asked: Asked, answer: { readonly status: number; readonly bytes: number; readonly seconds: number }, upstream: Parameters<typeof accessLog>[3]): void {
    const { sidecar, flavour } = this.config;
    const { status, bytes, seconds } = answer;
    if (sidecar === undefined) {
      this.state.steps.served += 1;
      if (this.config.quiet !== true)
        this.context.out(accessLog(flavour, asked, { status, bytes, seconds, nowMs: this.nowMs }, upstream, this.state.steps.served));
    } else if (sidecar.log === true) {
      const flags = [
        ...(asked.flags === undefined || upstream.why.startsWith(asked.flags) ? [] : [asked.flags]),
        ...(upstream.why === '' ? [] : [upstream.why]),
      ];
      this.context.out(
        istioLog(asked, {
          status,
          bytes,
          seconds: (this.context.nowNs - (asked.sinceNs ?? this.context.nowNs)) / 1e9,
          nowMs: this.nowMs,
          received: asked.bodyBytes ?? 0,
          flags: flags.join(),
          details: upstream.details ?? 'via_upstream',
          transportFailure: upstream.transportFailure ?? '',
          upstream: {
            cluster: upstream.name === '' ? (sidecar.cluster ?? '') : upstream.name,
            last: upstream.why === 'UO' ? undefined : upstream.tries.at(-1),
          },
          local: sidecar.local ?? '-',
          serverName: asked.serverName ?? '',
          route: upstream.route,
        }),
      );
    }
  }

  /** The answer has been given: the connection stays for the next request, or not. */
  done(socket: SocketId, asked: Asked): void {
    const client = this.state.clients.get(socket);
    if (client === undefined) return;
    if (closesAfter(asked)) {
      this.#drop(socket);
      return;
    }
    if (client.exchange === undefined) return;
    this.state.clients.set(socket, { ...client, exchange: undefined });
    this.#next(socket);
  }

  /** What was no request line stands in the log as it came, up to its end. nginx: ngx_http_variable_request_line */
  #logMalformed(socket: SocketId, buffer: string): void {
    const [line = ''] = buffer.replace(/^[\r\n]+/, '').split(/[\r\n]/, 1);
    const shown = [...line].map((c) => (c >= ' ' && c <= '~' && c !== '"' ? c : `\\x${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}`));
    const asked: Asked = { method: shown.join(''), target: '', version: '', headers: [], client: this.#clientOf(socket), requestId: '', bytes: 0 };
    const bytes = utf8Length(this.own(400, [], '').body);
    this.log(asked, { status: 400, bytes, seconds: 0 }, { name: '', alternative: '', tries: [], why: '', route: '' });
  }

  #refuse(socket: SocketId, code: number, said = ''): void {
    const { flavour } = this.config;
    const { headers, body } = this.own(code, [], said);
    const closing = headers.map((header) => (header.name === 'Connection' ? { ...header, value: 'close' } : header));
    this.context.tcpSend(socket, textPayload(formatHead(`HTTP/1.1 ${code} ${reasonOf(flavour, code)}`, closing) + body));
    this.#drop(socket);
  }
}

/** `84961386-6d84-929d-98bd-c5aee93b5c88` */
const asUuid = (hex: string): string => [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');

/** nginx has set it before it refuses. */
const backendNameOf = (selected: Selected | undefined): string =>
  selected?.route.action.kind === 'forward' ? (selected.route.action.targets[0]?.backend ?? '') : '';

function isAllowed(ip: Ip, allow: readonly string[]): boolean {
  return allow.some((cidr) => {
    const prefix = parseIpPrefix(cidr);
    return prefix !== undefined && inPrefix(prefix.network, prefix.prefixLength, ip);
  });
}
