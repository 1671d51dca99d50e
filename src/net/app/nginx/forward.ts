/** A request on its way to a backend and back. nginx: src/http/ngx_http_upstream.c, modules/ngx_http_proxy_module.c. */
import { formatEndpoint, parseIp } from '../../addr/ip.ts';
import type { Ip } from '../../wire/packet.ts';
import { utf8Length } from '../../wire/utf8.ts';
import type { AppContext, AppEvent, SocketId } from '../definition.ts';
import { bodyLength, formatHead, type HttpHead, type HttpHeader, headerValue, parseStatusLine, readHead, textPayload, unchunked } from '../http-message.ts';
import { readResolvConf } from '../resolv-conf.ts';
import { handleResolving, startResolving } from '../resolver.ts';
import type { TlsContext } from '../tls/sessions.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { choosePeer, type Peer, peerAnswered, peerFailed, peersOf } from './peers.ts';
import type { Location, NginxPlan, Server } from './plan.ts';
import { passedTarget } from './select.ts';
import type { Exchange, NginxConfig, NginxState } from './state.ts';
import { type Asked, expand, type Facts } from './variables.ts';

export interface Hands {
  readonly context: AppContext;
  readonly state: NginxState;
  readonly config: NginxConfig;
  readonly plan: NginxPlan;
  /** The context, where TLS is spoken. */
  readonly tls: TlsContext | undefined;
  answer(socket: SocketId, asked: Asked, server: Server, location: Location | undefined, answer: Answer): void;
  error(words: string, asked: Asked, server: Server, upstream: string, socket: SocketId): void;
  facts(asked: Asked, server: Server, location: Location | undefined): Facts;
  /** The next request of a client's connection. */
  next(socket: SocketId): void;
}

const MAX_ANSWER_CHARACTERS = 16 * 1024 * 1024;
const ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: '111: Connection refused',
  EHOSTUNREACH: '113: Host is unreachable',
  ENETUNREACH: '101: Network unreachable',
  ETIMEDOUT: '110: Operation timed out',
  ECONNRESET: '104: Connection reset by peer',
};

function placeOf({ plan }: Hands, { at: [listener, server, location] }: Pick<Exchange, 'at'>): { readonly server: Server; readonly location: Location } {
  const found = plan.listeners[listener]?.servers[server];
  const inside = found?.locations[location];
  if (found === undefined || inside === undefined) throw new Error('an exchange of no location');
  return { server: found, location: inside };
}

export function forward(hands: Hands, client: SocketId, asked: Asked, at: Exchange['at']): void {
  const { state, plan } = hands;
  const { server, location } = placeOf(hands, { at });
  const { pass } = location.settings;
  if (pass === undefined) return;
  const facts = hands.facts(asked, server, location);
  let target = passedTarget(location, asked.target);
  let upstream = plan.upstreams.has(pass.host) ? pass.host : `${pass.host}:${pass.port}`;
  if (pass.hasVariables) {
    const [, host = '', digits = '80', uri] = /^(?:https?:\/\/)?([^/:]+)(?::(\d+))?(\/.*)?$/.exec(expand(pass.host, facts)) ?? [];
    upstream = plan.upstreams.has(host) ? host : `${host}:${digits}`;
    // A path in a proxy_pass with variables is the whole of it.
    target = uri ?? asked.target;
  }
  const id = state.nextId;
  state.nextId += 1;
  const exchange: Exchange = {
    id,
    client,
    asked,
    at,
    connection: state.connections.get(client) ?? 0,
    upstream,
    request: requestText(location, asked, target, facts),
    target,
    tried: [],
    peer: '',
    socket: -1,
    timer: -1,
    sent: false,
    buffer: '',
    resolving: undefined,
  };
  state.exchanges.set(id, exchange);
  const known = state.clients.get(client);
  if (known !== undefined) known.exchange = id;
  if (pass.hasVariables && !plan.upstreams.has(upstream)) resolveLate(hands, exchange);
  else tryNext(hands, exchange);
}

/** `Host: $proxy_host` and `Connection: close` are what it writes unless it is told otherwise; what is set to nothing is left out. */
function requestText({ settings }: Location, asked: Asked, target: string, facts: Facts): string {
  const set = settings.passHeaders.map(([name, value]) => ({ name, value: expand(value, facts) }));
  const isSet = (name: string): boolean => set.some((one) => one.name.toLowerCase() === name);
  const own: HttpHeader[] = [
    ...(isSet('host') ? [] : [{ name: 'Host', value: facts.proxyHost }]),
    ...(isSet('connection') ? [] : [{ name: 'Connection', value: 'close' }]),
  ];
  const dropped = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'te', 'expect', 'upgrade', ...set.map(({ name }) => name.toLowerCase())]);
  const passed = asked.headers.filter(({ name }) => !dropped.has(name.toLowerCase()));
  return formatHead(`${asked.method} ${target} HTTP/${settings.passVersion}`, [...set.filter(({ value }) => value !== ''), ...own, ...passed]) + asked.body;
}

/** A name that is known only now is asked of the `resolver`, as it is written: no search list. */
function resolveLate(hands: Hands, exchange: Exchange): void {
  const { server, location } = placeOf(hands, exchange);
  const host = exchange.upstream.slice(0, exchange.upstream.lastIndexOf(':'));
  const literal = parseIp(host);
  if (literal !== undefined) {
    hands.state.addresses.set(host, [literal]);
    tryNext(hands, exchange);
    return;
  }
  const nameserver = parseIp((location.settings.resolver ?? '').replace(/:53$/, '')) ?? hands.state.addresses.get(location.settings.resolver ?? '')?.[0];
  if (nameserver === undefined) {
    hands.error(`no resolver defined to resolve ${host}`, exchange.asked, server, '', exchange.client);
    finish(hands, exchange, errorAnswer(502, hands.config.version));
    return;
  }
  const conf = { ...readResolvConf(hands.context), nameservers: [nameserver], search: [], ndots: 1 };
  exchange.resolving = startResolving(hands.context, host, 'any', conf);
  resolvedLate(hands, exchange, host);
}

function resolvedLate(hands: Hands, exchange: Exchange, host: string): void {
  const result = exchange.resolving?.result;
  if (result === undefined) return;
  exchange.resolving = undefined;
  if (result.ok) {
    hands.state.addresses.set(host, result.addresses);
    tryNext(hands, exchange);
    return;
  }
  const why = result.error === 'try-again' ? '110: Operation timed out' : '3: Host not found';
  hands.error(`${host} could not be resolved (${why})`, exchange.asked, placeOf(hands, exchange).server, '', exchange.client);
  finish(hands, exchange, errorAnswer(502, hands.config.version));
}

const peerOf = ({ plan, state }: Hands, { upstream, peer }: Exchange): Peer | undefined => peersOf(plan, state, upstream).find(({ name }) => name === peer);
const schemeOf = (hands: Hands, exchange: Exchange): string => placeOf(hands, exchange).location.settings.pass?.scheme ?? 'http';
const urlOf = (hands: Hands, exchange: Exchange): string => `${schemeOf(hands, exchange)}://${exchange.peer}${exchange.target}`;

function tryNext(hands: Hands, exchange: Exchange): void {
  const { context, state, plan } = hands;
  const { server, location } = placeOf(hands, exchange);
  const peers = peersOf(plan, state, exchange.upstream);
  const peer = choosePeer(state, exchange.upstream, peers, exchange.tried, context.nowNs);
  if (peer === undefined) {
    hands.error(
      'no live upstreams while connecting to upstream',
      exchange.asked,
      server,
      `http://${exchange.upstream.replace(/:80$/, '')}${exchange.target}`,
      exchange.client,
    );
    finish(hands, exchange, errorAnswer(502, hands.config.version));
    return;
  }
  exchange.tried.push(peer.name);
  Object.assign(exchange, { peer: peer.name, sent: false, buffer: '' });
  const socket = context.tcpConnect({ ip: peer.ip as Ip, port: peer.port }, { noDelay: true });
  if (typeof socket === 'string') {
    failed(
      hands,
      exchange,
      502,
      `connect() to ${formatEndpoint(peer.ip, peer.port)} failed (${ERRORS[socket] ?? socket}) while connecting to upstream`,
      'error',
    );
    return;
  }
  exchange.socket = socket;
  const { pass, passServerName, passSslName } = location.settings;
  if (pass?.scheme === 'https') {
    const name = passSslName ?? pass.host;
    hands.tls?.secure(socket, { ...(passServerName ? { serverName: name } : {}), why: `proxy_pass https://${pass.host} of nginx` });
  }
  exchange.timer = context.setTimer(location.settings.connectSeconds * 1e9, 'upstream', exchange.id);
  state.bySocket.set(socket, exchange.id);
}

export function upstreamEvent(hands: Hands, event: AppEvent, resolverTag: string): void {
  const { context, state } = hands;
  if (event.kind === 'timer' && event.tag === 'upstream') {
    const exchange = state.exchanges.get(event.data as number);
    if (exchange === undefined) return;
    exchange.timer = -1;
    const doing = exchange.sent ? 'reading response header from upstream' : 'connecting to upstream';
    failed(hands, exchange, 504, `upstream timed out (110: Operation timed out) while ${doing}`, 'timeout');
    return;
  }
  for (const exchange of state.exchanges.values()) {
    if (exchange.resolving === undefined || (event.kind === 'timer' && event.tag !== resolverTag)) continue;
    const next = handleResolving(context, exchange.resolving, event);
    if (next === exchange.resolving) continue;
    exchange.resolving = next;
    resolvedLate(hands, exchange, exchange.upstream.slice(0, exchange.upstream.lastIndexOf(':')));
    return;
  }
  if (!('socket' in event)) return;
  const exchange = state.exchanges.get(state.bySocket.get(event.socket) ?? -1);
  if (exchange === undefined) return;
  switch (event.kind) {
    case 'connected':
      exchange.sent = true;
      waits(hands, exchange);
      context.tcpSend(exchange.socket, textPayload(exchange.request));
      break;
    case 'connect-failed':
      forget(hands, exchange);
      failed(
        hands,
        exchange,
        event.errno === 'ETIMEDOUT' ? 504 : 502,
        `connect() failed (${ERRORS[event.errno] ?? event.errno}) while connecting to upstream`,
        'error',
      );
      break;
    case 'data':
      exchange.buffer += event.payload.text ?? '';
      waits(hands, exchange);
      received(hands, exchange, false);
      break;
    case 'peer-closed':
    case 'aborted':
      if (event.kind === 'aborted') forget(hands, exchange);
      if (event.kind === 'aborted' && !exchange.sent) {
        failed(hands, exchange, 502, `SSL_do_handshake() failed (SSL: ${hands.tls?.failure ?? ''}) while SSL handshaking to upstream`, 'error');
        return;
      }
      received(hands, exchange, true, event.kind === 'aborted');
      break;
  }
}

/** proxy_read_timeout is between two reads. */
function waits(hands: Hands, exchange: Exchange): void {
  if (exchange.timer >= 0) hands.context.cancelTimer(exchange.timer);
  exchange.timer = hands.context.setTimer(placeOf(hands, exchange).location.settings.readSeconds * 1e9, 'upstream', exchange.id);
}

function received(hands: Hands, exchange: Exchange, ended: boolean, aborted = false): void {
  const read = readHead(exchange.buffer);
  const status = typeof read === 'string' ? undefined : parseStatusLine(read.head.startLine);
  if (typeof read === 'string' || status === undefined) {
    if (read === 'malformed' || (typeof read !== 'string' && status === undefined))
      failed(hands, exchange, 502, 'upstream sent invalid header while reading response header from upstream', 'invalid_header');
    else if (ended) {
      const words = aborted ? `recv() failed (${ERRORS.ECONNRESET})` : 'upstream prematurely closed connection';
      failed(hands, exchange, 502, `${words} while reading response header from upstream`, 'error');
    }
    return;
  }
  const length = bodyLength(read.head.headers, status.code, exchange.asked.method);
  if (exchange.buffer.length > MAX_ANSWER_CHARACTERS) failed(hands, exchange, 502, 'upstream sent too big response', 'error');
  else if (length === 'chunked') {
    const body = unchunked(read.rest);
    if (body !== undefined) complete(hands, exchange, read.head, status.code, body);
    else if (ended) failed(hands, exchange, 502, 'upstream prematurely closed connection while reading upstream', 'error');
  } else if (length === 'until-close' ? ended : utf8Length(read.rest) >= length || ended) complete(hands, exchange, read.head, status.code, read.rest);
}

/** Of a backend's answer nginx writes these itself, or keeps them. */
const HIDDEN = new Set([
  'date',
  'server',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-type',
  'x-accel-redirect',
  'x-accel-expires',
]);

function complete(hands: Hands, exchange: Exchange, head: HttpHead, code: number, body: string): void {
  const { settings } = placeOf(hands, exchange).location;
  const peer = peerOf(hands, exchange);
  if (code >= 500 && settings.nextUpstream.has(`http_${code}`) && mayTry(hands, exchange)) {
    failed(hands, exchange, code, `upstream returned ${code}`, `http_${code}`);
    return;
  }
  if (peer !== undefined) peerAnswered(hands.state, exchange.upstream, peer);
  const type = headerValue(head.headers, 'Content-Type') ?? settings.defaultType;
  const headers = head.headers.filter(({ name }) => !HIDDEN.has(name.toLowerCase()));
  finish(hands, exchange, { code, type, body, headers, chunked: headerValue(head.headers, 'Content-Length') === undefined });
}

/** What a request did at a backend may be done once only: POST and its like are not sent a second time. */
function mayTry(hands: Hands, exchange: Exchange): boolean {
  const { settings } = placeOf(hands, exchange).location;
  const peers = peersOf(hands.plan, hands.state, exchange.upstream);
  const isSafe = !exchange.sent || !['POST', 'LOCK', 'PATCH'].includes(exchange.asked.method) || settings.nextUpstream.has('non_idempotent');
  return isSafe && (settings.tries === 0 || exchange.tried.length < settings.tries) && peers.some(({ name }) => !exchange.tried.includes(name));
}

function failed(hands: Hands, exchange: Exchange, code: number, words: string, kind: string): void {
  const { server, location } = placeOf(hands, exchange);
  const { nextUpstream } = location.settings;
  if (!kind.startsWith('http_')) hands.error(words, exchange.asked, server, urlOf(hands, exchange), exchange.client);
  const peer = peerOf(hands, exchange);
  if (peer !== undefined) peerFailed(hands.state, exchange.upstream, peer, hands.context.nowNs);
  close(hands, exchange);
  if (nextUpstream.has(kind) && mayTry(hands, exchange)) tryNext(hands, exchange);
  else finish(hands, exchange, errorAnswer(code, hands.config.version));
}

function forget(hands: Hands, exchange: Exchange): void {
  hands.state.bySocket.delete(exchange.socket);
  exchange.socket = -1;
}

function close(hands: Hands, exchange: Exchange): void {
  if (exchange.timer >= 0) hands.context.cancelTimer(exchange.timer);
  exchange.timer = -1;
  if (exchange.socket < 0) return;
  hands.context.close(exchange.socket);
  forget(hands, exchange);
}

function finish(hands: Hands, exchange: Exchange, answer: Answer): void {
  close(hands, exchange);
  hands.state.exchanges.delete(exchange.id);
  const client = hands.state.clients.get(exchange.client);
  if (client === undefined) return;
  client.exchange = undefined;
  const { server, location } = placeOf(hands, exchange);
  hands.answer(exchange.client, exchange.asked, server, location, answer);
  hands.next(exchange.client);
}

/** nginx closes towards the backend too (proxy_ignore_client_abort off). */
export function clientLeft(hands: Hands, id: number): void {
  const exchange = hands.state.exchanges.get(id);
  if (exchange === undefined) return;
  close(hands, exchange);
  hands.state.exchanges.delete(id);
}
