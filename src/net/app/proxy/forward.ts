/** A request on its way to a backend and back: which backend, which endpoint, which connection, and what happens when one fails. nginx: ngx_http_upstream.c. */
import { formatIp, parseIp } from '../../addr/ip.ts';
import { bytesToText } from '../../wire/binary-text.ts';
import { encodeUtf8, utf8Length } from '../../wire/utf8.ts';
import type { AppEvent, SocketId } from '../definition.ts';
import { bodyLength, formatHead, type HttpHead, type HttpHeader, headerValue, parseStatusLine, readHead, textPayload } from '../http-message.ts';
import { TRAILER } from '../http2/layer.ts';
import type { ClientTlsConfig } from '../tls/config.ts';
import { addressOf, chooseEndpoint } from './balance.ts';
import type { Canary, ProxyBackend, ProxyEndpoint, Target } from './config.ts';
import { cookieValue, editHeaders, rewritePath } from './edit-message.ts';
import type { Aside } from './filters/held.ts';
import { byPrompt } from './inference.ts';
import { joined } from './istio-log.ts';
import { type Asked, forwardedHeaders, reasonOf, returnedHeaders, type Tried } from './manners.ts';
import { cloudCode, isCloudFlavour } from './manners-cloud.ts';
import { reportOutcome } from './outlier.ts';
import { connectionClosed, connectionOpened, connectionUsed, hasLimits, isWornOut, mayTakeRequest, nextFor, roomFor, wait } from './pool.ts';
import { backoffNs, type Failure, hasRoomForRetry, mayRetry } from './retry.ts';
import { isClient } from './rule.ts';
import { closesAfter, type Exchange, type Forward, type ProxyRun } from './run.ts';
import { matchesExpression, type Selected } from './select-route.ts';
import { drawLot, pinnedEndpoint, stickyHeaders } from './steps/sticky.ts';
import { reportSteps } from './steps/walk.ts';
import { beginTunnel, upgradeHeaders } from './tunnel.ts';

/** Idle connections to backends wait so long, and so many are kept for one. ingress-nginx: upstream-keepalive-timeout, upstream-keepalive-connections. */
const IDLE_NS = 60_000_000_000;
const MAX_IDLE = 320;
const MAX_ANSWER_CHARACTERS = 16 * 1024 * 1024;

/** ingress-nginx: rootfs/etc/nginx/lua/balancer.lua, route_to_alternative_balancer. */
function takesCanary(run: ProxyRun, canary: Canary, headers: readonly HttpHeader[]): boolean {
  if (canary.header !== undefined) {
    const value = headerValue(headers, canary.header);
    if (value !== undefined) {
      if (canary.headerValue !== undefined) {
        if (value === canary.headerValue) return true;
      } else if (canary.headerPattern !== undefined) {
        if (matchesExpression(canary.headerPattern, value)) return true;
      } else if (value === 'always') return true;
      else if (value === 'never') return false;
    }
  }
  if (canary.cookie !== undefined) {
    const value = cookieValue(headers, canary.cookie);
    if (value === 'always') return true;
    if (value === 'never') return false;
  }
  return run.context.prng('canary').below(canary.weightTotal) < canary.weight;
}

function chooseTarget(run: ProxyRun, targets: readonly Target[]): Target | undefined {
  const total = targets.reduce((sum, target) => sum + target.weight, 0);
  if (total <= 0) return undefined;
  let at = targets.length === 1 ? 0 : run.context.prng('weights').below(total);
  for (const target of targets) {
    at -= target.weight;
    if (at < 0) return target;
  }
  return undefined;
}

const ORIGINAL_PATH = 'x-envoy-original-path';

const tables = new WeakMap<readonly ProxyBackend[], ReadonlyMap<string, ProxyBackend>>();

function findBackend({ config: { backends } }: ProxyRun, name: string): ProxyBackend | undefined {
  let table = tables.get(backends);
  if (table === undefined) {
    table = new Map(backends.map((one) => [one.name, one]));
    tables.set(backends, table);
  }
  return table.get(name);
}

const isTrusted = ({ config: { trusted } }: ProxyRun, asked: Asked): boolean => trusted?.some((one) => isClient(asked.client.ip, one)) === true;

export function beginForward(
  run: ProxyRun,
  client: SocketId,
  asked: Asked,
  body: string,
  selected: Selected,
  action: Forward,
  { path, query }: { readonly path: string; readonly query: string },
  corsHeaders: readonly HttpHeader[],
): void {
  const { flavour, port } = run.config;
  const target = chooseTarget(run, action.targets);
  if (target === undefined) {
    run.answer(client, asked, selected, flavour === 'nginx' ? 503 : 500, corsHeaders, '', 'NC');
    return;
  }
  const main = findBackend(run, target.backend) ?? { name: target.backend, endpoints: [] };
  // A route that names a cluster which nobody has described.
  if (run.config.sidecar !== undefined && main.endpoints.length === 0 && findBackend(run, target.backend) === undefined) {
    run.answer(client, asked, selected, 503, corsHeaders, '', 'NC');
    return;
  }
  const canary = action.canary?.find((one) => takesCanary(run, one, asked.headers));
  const backend = canary === undefined ? main : (findBackend(run, canary.target) ?? { name: canary.target, endpoints: [] });
  if (target.redirect !== undefined) {
    run.redirect(client, asked, selected, target.redirect, path, query);
    return;
  }
  if (backend.fails !== undefined) {
    run.answer(client, asked, selected, backend.fails, corsHeaders, '', '-', 'direct_response');
    return;
  }
  const { route, groups } = selected;
  const rewritten = rewritePath(path, target.rewrite ?? action.rewrite, route, groups);
  let headers = editHeaders(
    editHeaders(
      forwardedHeaders(flavour, asked, port, run.scheme(client), run.config.sidecar !== undefined, run.config.server, isTrusted(run, asked), run.nowMs),
      route.requestHeaders,
    ),
    target.requestHeaders,
  );
  const hostname = target.hostname ?? action.hostname;
  if (hostname !== undefined) headers = headers.map((header) => (header.name.toLowerCase() === 'host' ? { ...header, value: hostname } : header));
  const upgrade = run.http2?.isStream(client) === true ? [] : upgradeHeaders(asked);
  const length = body !== '' && headerValue(headers, 'Content-Length') === undefined ? [{ name: 'Content-Length', value: String(utf8Length(body)) }] : [];
  // What was asked for is told on, for logs. Envoy: x-envoy-original-path
  if (run.config.sidecar !== undefined && rewritten !== path && headerValue(headers, ORIGINAL_PATH) === undefined)
    headers = [...headers, { name: ORIGINAL_PATH, value: asked.target }];
  const request = formatHead(`${asked.method} ${rewritten}${query === '' ? '' : `?${query}`} HTTP/1.1`, [...headers, ...upgrade, ...length]) + body;
  const common = { asked, selected, action, target, main: main.name, request, corsHeaders, startedNs: run.context.nowNs };
  const alternative = action.canary?.[0]?.target ?? '';
  open(run, common, client, backend, alternative);
  for (const mirror of action.mirrors ?? []) {
    if (mirror.percent === undefined || run.context.prng('mirror').below(100) < mirror.percent) {
      const copy =
        mirror.hostname === undefined ? common : { ...common, request: request.replace(/\r\nHost: [^\r\n]*/i, () => `\r\nHost: ${mirror.hostname}`) };
      open(run, copy, -1, findBackend(run, mirror.backend) ?? { name: mirror.backend, endpoints: [] }, '');
    }
  }
}

/** What the exchange of a request and those of its mirrored copies have in common. */
type Opening = Pick<Exchange, 'asked' | 'selected' | 'action' | 'target' | 'main' | 'request' | 'corsHeaders' | 'startedNs'>;

/** A request of the proxy's own, whose answer comes to `run.aside`. `began` hears its number before anything is sent: an answer may be there at once. */
export function sendAside(run: ProxyRun, client: SocketId, selected: Selected, aside: Aside, began: (id: number) => void): void {
  const { method, target, headers, body = '', timeoutMs } = aside;
  const asked: Asked = { method, target, version: 'HTTP/1.1', headers, client: run.context.remoteEndpoint(client), requestId: '', bytes: 0 };
  const backend = findBackend(run, aside.backend) ?? { name: aside.backend, endpoints: [] };
  const length = body === '' ? [] : [{ name: 'content-length', value: String(utf8Length(body)) }];
  const request = formatHead(`${method} ${target} HTTP/1.1`, [...headers, ...length]) + body;
  const action: Forward = { kind: 'forward', targets: [], connectTimeoutMs: timeoutMs, readTimeoutMs: 0, requestTimeoutMs: timeoutMs, tries: 1 };
  open(run, { asked, selected, action, target: undefined, main: backend.name, request, corsHeaders: [], startedNs: run.context.nowNs }, -1, backend, '', began);
}

function open(run: ProxyRun, opening: Opening, clientSocket: SocketId, backend: ProxyBackend, alternative: string, began?: (id: number) => void): void {
  const { state, context } = run;
  const id = state.nextExchange;
  state.nextExchange += 1;
  const { requestTimeoutMs } = opening.action;
  const deadline = requestTimeoutMs > 0 ? context.setTimer(requestTimeoutMs * 1e6, 'deadline', id) : -1;
  const client = state.clients.get(clientSocket);
  if (client !== undefined) state.clients.set(clientSocket, { buffer: client.buffer, timer: client.timer, exchange: id });
  // Written out: an object spread of so many members costs more than the rest of this function.
  const exchange: Exchange = {
    id,
    client: clientSocket,
    asked: opening.asked,
    selected: opening.selected,
    action: opening.action,
    backend,
    target: opening.target,
    main: opening.main,
    alternative,
    request: opening.request,
    corsHeaders: opening.corsHeaders,
    startedNs: opening.startedNs,
    timer: -1,
    deadline,
    tries: [],
    upstream: -1,
    address: '',
    tryNs: 0,
    reused: false,
    sent: false,
    buffer: '',
    head: undefined,
    status: 0,
    lot: opening.action.sticky === undefined ? '' : drawLot(run, opening.action.sticky, opening.asked.headers),
  };
  state.exchanges.set(id, exchange);
  began?.(id);
  tryNext(run, exchange);
}

function tryNext(run: ProxyRun, exchange: Exchange): void {
  const { state } = run;
  const { backend } = exchange;
  const endpoint = pinnedEndpoint(exchange) ?? chooseEndpoint(run, exchange, byPrompt);
  if (endpoint === undefined) {
    fail(run, exchange, 503, 'no healthy upstream', 'UH');
    return;
  }
  const address = addressOf(endpoint);
  const limited = hasLimits(backend);
  if (limited && !mayTakeRequest(run, backend)) {
    overflow(run, { ...exchange, address });
    return;
  }
  const tls = exchange.action.tls ?? endpoint.tls ?? backend.tls;
  // A connection in the plain and one in TLS are not alike.
  const kind = tls === undefined ? address : `tls ${address}`;
  const idle = state.idle.get(kind)?.at(-1);
  if (idle !== undefined) {
    takeIdle(run, idle);
    const next = { ...exchange, upstream: idle, address, tryNs: run.context.nowNs, reused: true };
    state.byUpstream.set(idle, exchange.id);
    send(run, next);
    return;
  }
  if (limited) {
    const room = roomFor(run, backend, address);
    if (room === 'overflow') {
      overflow(run, { ...exchange, address });
      return;
    }
    if (room === 'wait') {
      state.exchanges.set(exchange.id, { ...exchange, address, tryNs: run.context.nowNs, upstream: -1, sent: false });
      wait(run, exchange);
      return;
    }
  }
  connect(run, exchange, endpoint);
}

/** The backend has as much under way as it may have. No other try is made: it would only add to that. */
function overflow(run: ProxyRun, exchange: Exchange): void {
  const { policy, name } = exchange.backend;
  run.context.tell({
    what: `has no room for another request to ${name}`,
    why: `${policy?.source ?? 'its policy'} allows ${[
      policy?.maxConnections === undefined ? '' : `${policy.maxConnections} connections`,
      policy?.maxPending === undefined ? '' : `${policy.maxPending} waiting requests`,
      policy?.maxRequests === undefined ? '' : `${policy.maxRequests} requests`,
    ]
      .filter((one) => one !== '')
      .join(', ')}, and more are under way`,
    ...(policy?.source === undefined ? {} : { objects: [policy.source] }),
  });
  fail(run, { ...exchange, address: '' }, 503, `${RESET}reset reason: overflow`, 'UO');
}

function connect(run: ProxyRun, exchange: Exchange, endpoint: ProxyEndpoint): void {
  const { context, state } = run;
  const address = addressOf(endpoint);
  const tls = exchange.action.tls ?? endpoint.tls ?? exchange.backend.tls;
  const ip = parseIp(endpoint.ip);
  const source = run.config.source === undefined ? undefined : parseIp(run.config.source);
  const to = ip === undefined ? undefined : { ip, port: endpoint.port };
  const stream = to !== undefined && exchange.backend.http2 === true ? run.http2?.connectStream(to, secured(run, tls)) : undefined;
  const plain = () => (to === undefined ? 'EINVAL' : context.tcpConnect(to, { noDelay: true, ...(source === undefined ? {} : { ip: source }) }));
  const socket = stream === undefined ? plain() : typeof stream === 'string' ? stream : stream.socket;
  const next: Exchange = {
    ...exchange,
    address,
    tryNs: context.nowNs,
    reused: false,
    sent: false,
    buffer: '',
    head: undefined,
    status: 0,
    upstream: typeof socket === 'string' ? -1 : socket,
  };
  if (typeof socket === 'string') {
    tryFailed(run, next, 502, `delayed connect error: ${socket}`, 'UF', 'connect');
    return;
  }
  if (hasLimits(exchange.backend)) connectionOpened(run, exchange.backend, socket, address);
  if (tls !== undefined && stream === undefined) run.tls?.secure(socket, tls);
  state.byUpstream.set(socket, exchange.id);
  if (typeof stream === 'object' && stream.open) {
    send(run, next);
    return;
  }
  state.exchanges.set(exchange.id, { ...next, timer: context.setTimer(exchange.action.connectTimeoutMs * 1e6, 'connect', exchange.id) });
}

/** A connection to a backend has ended: who waits for one may have a new one. */
export function gone(run: ProxyRun, socket: SocketId): void {
  const next = connectionClosed(run, socket);
  const endpoint = next?.backend.endpoints.find((one) => addressOf(one) === next.address);
  if (next === undefined) return;
  if (endpoint === undefined) tryNext(run, next);
  else connect(run, next, endpoint);
}

const RESET = 'upstream connect error or disconnect/reset before headers. ';

/** HTTP/2 inside of TLS is agreed upon there. */
const secured = (run: ProxyRun, tls: ClientTlsConfig | undefined) =>
  tls === undefined
    ? undefined
    : { name: `${tls.serverName} ${tls.why ?? ''}`, begin: (socket: SocketId): void => run.tls?.secure(socket, { ...tls, alpn: ['h2'] }) };

function send(run: ProxyRun, exchange: Exchange): void {
  if (exchange.timer >= 0) run.context.cancelTimer(exchange.timer);
  const { readTimeoutMs } = exchange.action;
  const timer = readTimeoutMs > 0 ? run.context.setTimer(readTimeoutMs * 1e6, 'read', exchange.id) : -1;
  run.state.exchanges.set(exchange.id, { ...exchange, sent: true, buffer: '', head: undefined, status: 0, timer });
  if (exchange.backend.policy !== undefined) connectionUsed(run, exchange.backend, exchange.upstream);
  run.context.tcpSend(exchange.upstream, textPayload(exchange.request));
}

export function upstreamEvent(run: ProxyRun, event: Extract<AppEvent, { readonly socket: SocketId }>): void {
  const { state } = run;
  const id = state.byUpstream.get(event.socket);
  const exchange = id === undefined ? undefined : state.exchanges.get(id);
  if (exchange === undefined) {
    // An idle connection that its backend closes.
    if (event.kind === 'peer-closed' || event.kind === 'aborted') {
      takeIdle(run, event.socket);
      if (event.kind === 'peer-closed') run.context.close(event.socket);
      gone(run, event.socket);
    }
    return;
  }
  switch (event.kind) {
    case 'connected':
      send(run, exchange);
      break;
    case 'connect-failed':
      state.byUpstream.delete(event.socket);
      tryFailed(
        run,
        { ...exchange, upstream: -1 },
        502,
        event.errno === 'ECONNREFUSED' ? `${REMOTE}delayed connect error: Connection refused` : 'connection timeout',
        'UF',
        'connect',
      );
      gone(run, event.socket);
      break;
    case 'aborted':
      state.byUpstream.delete(event.socket);
      // Whom it could not agree with in TLS it has had no connection to.
      if (!exchange.sent && run.tls !== undefined)
        tryFailed(
          run,
          { ...exchange, upstream: -1 },
          502,
          `${REMOTE}TLS_error:|${run.tls.failure || 'Connection reset by peer'}:TLS_error_end`,
          'UF',
          'connect',
        );
      else broken(run, { ...exchange, upstream: -1 });
      gone(run, event.socket);
      break;
    case 'peer-closed':
      if (exchange.head !== undefined && bodyLength(exchange.head.headers, exchange.status, exchange.asked.method) === 'until-close')
        complete(run, exchange, exchange.buffer, false);
      else broken(run, exchange);
      break;
    case 'data':
      received(run, exchange, event.payload.text ?? '');
      break;
  }
}

const REMOTE = 'remote connection failure, transport failure reason: ';

/** The backend hung up before its answer was whole. */
function broken(run: ProxyRun, exchange: Exchange): void {
  // A connection that was kept may have been closed just then: to nginx that is no failure of the backend, Envoy lets it count.
  if (run.config.flavour !== 'envoy' && exchange.reused && exchange.head === undefined && exchange.buffer === '') {
    giveUp(run, exchange);
    tryNext(run, { ...exchange, upstream: -1, timer: -1 });
    return;
  }
  tryFailed(run, exchange, 502, 'connection termination', 'UC', 'reset');
}

function received(run: ProxyRun, before: Exchange, text: string): void {
  let exchange: Exchange = { ...before, buffer: before.buffer + text };
  if (exchange.head === undefined) {
    const read = readHead(exchange.buffer);
    if (read === 'incomplete') {
      run.state.exchanges.set(exchange.id, exchange);
      return;
    }
    const status = read === 'malformed' ? undefined : parseStatusLine(read.head.startLine);
    if (read === 'malformed' || status === undefined) {
      tryFailed(run, exchange, 502, 'protocol error', 'UPE', 'reset');
      return;
    }
    exchange = { ...exchange, head: read.head, status: status.code, buffer: read.rest };
  }
  if (exchange.status === 101 && exchange.client >= 0 && upgradeHeaders(exchange.asked).length > 0) {
    tunnelled(run, exchange, exchange.head as HttpHead);
    return;
  }
  run.state.exchanges.set(exchange.id, exchange);
  const { headers } = exchange.head as HttpHead;
  const length = bodyLength(headers, exchange.status, exchange.asked.method);
  if (exchange.buffer.length > MAX_ANSWER_CHARACTERS || length === 'chunked') tryFailed(run, exchange, 502, 'protocol error', 'UPE', 'reset');
  else if (length !== 'until-close' && utf8Length(exchange.buffer) >= length)
    complete(run, exchange, exchange.buffer, headerValue(headers, 'Connection')?.toLowerCase() !== 'close');
}

/** The exchange is over, its two connections go on together. */
function tunnelled(run: ProxyRun, exchange: Exchange, head: HttpHead): void {
  if (exchange.timer >= 0) run.context.cancelTimer(exchange.timer);
  run.state.byUpstream.delete(exchange.upstream);
  const tries = triedNow(run, exchange, 101, 0);
  end(run, exchange);
  beginTunnel(run, exchange, head, bytesToText(encodeUtf8(exchange.buffer)), tries);
}

const secondsSince = (run: ProxyRun, fromNs: number): number => (run.context.nowNs - fromNs) / 1e9;
const triedNow = (run: ProxyRun, exchange: Exchange, status: number, bytes: number): readonly Tried[] => [
  ...exchange.tries,
  { address: exchange.address, status, bytes, seconds: secondsSince(run, exchange.tryNs), local: localOf(run, exchange) },
];

const localOf = (run: ProxyRun, { upstream, sent }: Exchange): string => {
  if (run.config.sidecar?.log !== true || upstream < 0 || !sent) return '';
  const { ip, port } = run.context.localEndpoint(upstream);
  return addressOf({ ip: formatIp(ip), port });
};

/** Ends the try that is under way; the connection is closed unless it has gone. */
function giveUp(run: ProxyRun, exchange: Exchange): void {
  if (exchange.timer >= 0) run.context.cancelTimer(exchange.timer);
  if (exchange.upstream >= 0) {
    run.state.byUpstream.delete(exchange.upstream);
    run.context.close(exchange.upstream);
    gone(run, exchange.upstream);
  }
}

/** proxy_next_upstream: what was not sent may always be sent again; what was, only where repeating does no harm (RFC 9110 section 9.2.2). */
function tryFailed(run: ProxyRun, exchange: Exchange, status: number, why: string, flag: string, failure: Failure): void {
  const tries = triedNow(run, exchange, status, 0);
  giveUp(run, exchange);
  if (failure !== 'status') reportOutcome(run, exchange.backend, exchange.address, failure === 'timeout' ? 504 : undefined);
  const next: Exchange = { ...exchange, upstream: -1, timer: -1, tries, sent: false, buffer: '', head: undefined };
  // Envoy does what the route says, whatever the method.
  const { flavour } = run.config;
  // Traefik's retries end where a request has been written.
  const safe = flavour === 'envoy' || !exchange.sent || (flavour === 'nginx' && !['POST', 'PATCH', 'LOCK'].includes(exchange.asked.method));
  const { action } = exchange;
  const wanted = safe && mayRetry(action, failure, status);
  const roomy = !wanted || hasRoomForRetry(run, next);
  if (wanted && roomy && tries.length < action.tries) {
    if (run.config.sidecar !== undefined)
      run.context.tell({
        what: `tries ${exchange.asked.method} ${exchange.asked.target} again (${tries.length} of ${action.tries - 1})`,
        why: `${exchange.address}: ${why}`,
      });
    if ((action.backoffMs ?? 0) > 0)
      run.state.exchanges.set(next.id, { ...next, timer: run.context.setTimer(backoffNs(run, action, tries.length), 'again', next.id) });
    else tryNext(run, next);
    return;
  }
  const said = flag === 'UT' ? why : `${RESET}${action.retryOn !== undefined && tries.length > 1 ? 'retried and the latest ' : ''}reset reason: ${why}`;
  const flags = action.retryOn === undefined || !wanted || action.tries < 2 ? flag : roomy ? `URX,${flag}` : `UO,${flag}`;
  fail(run, next, status, said, flags);
}

function end(run: ProxyRun, exchange: Exchange): void {
  if (exchange.deadline >= 0) run.context.cancelTimer(exchange.deadline);
  run.state.exchanges.delete(exchange.id);
}

function fail(run: ProxyRun, exchange: Exchange, status: number, said: string, flag: string): void {
  end(run, exchange);
  if (exchange.client < 0) {
    run.aside(exchange.id, status, [], '');
    return;
  }
  const { flavour } = run.config;
  // Envoy has one code for all that is wrong with connections.
  const code = flavour === 'envoy' && status === 502 ? 503 : isCloudFlavour(flavour) ? cloudCode(flavour, status) : status;
  const own = ownFailure(run, exchange, code, flavour === 'envoy' ? said : '');
  report(run, exchange, code);
  run.log(
    exchange.asked,
    { status: code, bytes: own, seconds: secondsSince(run, exchange.startedNs) },
    { ...logged(exchange, flag), ...detailsOf(said, code) },
  );
  run.done(exchange.client, exchange.asked);
}

const report = (run: ProxyRun, { selected: { route }, startedNs }: Exchange, status: number): void =>
  reportSteps(run, route.steps, route.owner, status, (run.context.nowNs - startedNs) / 1e6);

function ownFailure(run: ProxyRun, exchange: Exchange, code: number, said: string): number {
  const { headers, body } = run.own(code, exchange.corsHeaders, said);
  const sent = exchange.asked.method === 'HEAD' ? '' : body;
  run.context.tcpSend(exchange.client, textPayload(formatHead(`HTTP/1.1 ${code} ${reasonOf(run.config.flavour, code)}`, headers) + sent));
  return utf8Length(sent);
}

/** What Envoy calls it: `upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}`. */
function detailsOf(said: string, code: number): { readonly details: string; readonly transportFailure: string } {
  const [, reason = ''] = said.split('reset reason: ');
  if (reason === '') return { details: code === 504 ? 'response_timeout' : joined(said), transportFailure: '' };
  const [what = '', transportFailure = ''] = reason.split(', transport failure reason: ').map(joined);
  return { details: `upstream_reset_before_response_started{${what}${transportFailure === '' ? '' : `|${transportFailure}`}}`, transportFailure };
}

const logged = (exchange: Exchange, why: string) => ({
  name: exchange.main,
  alternative: exchange.alternative,
  tries: exchange.tries,
  why,
  route: exchange.selected.route.label ?? exchange.selected.route.owner,
  ...(exchange.backend.tls === undefined && exchange.action.tls === undefined ? {} : { scheme: 'https' as const }),
});

function complete(run: ProxyRun, exchange: Exchange, body: string, keep: boolean): void {
  const { context, state } = run;
  const { action, status } = exchange;
  reportOutcome(run, exchange.backend, exchange.address, status);
  const wanted = action.tries > 1 && mayRetry(action, 'status', status);
  if (wanted && exchange.tries.length + 1 < action.tries && hasRoomForRetry(run, exchange)) {
    tryFailed(run, exchange, status, `the answer is ${status}`, 'URX', 'status');
    return;
  }
  if (exchange.timer >= 0) context.cancelTimer(exchange.timer);
  state.byUpstream.delete(exchange.upstream);
  // Streams end, their connection stays.
  const bytes = utf8Length(body);
  const tries = triedNow(run, exchange, status, bytes);
  end(run, exchange);
  if (keep && run.http2?.isStream(exchange.upstream) !== true && !isWornOut(run, exchange.backend, exchange.upstream)) reuse(run, exchange);
  else {
    context.close(exchange.upstream);
    gone(run, exchange.upstream);
  }
  if (exchange.client < 0) {
    run.aside(exchange.id, status, exchange.head?.headers ?? [], body);
    return;
  }
  const { selected, target, asked } = exchange;
  const { flavour } = run.config;
  const milliseconds = Math.round(secondsSince(run, exchange.startedNs) * 1000);
  const isEmpty = asked.method === 'HEAD';
  const original = Number(headerValue(exchange.head?.headers ?? [], 'Content-Length') ?? bytes);
  const returned = returnedHeaders(
    flavour,
    exchange.head?.headers ?? [],
    isEmpty ? original : bytes,
    run.nowMs,
    closesAfter(asked),
    milliseconds,
    run.config.sidecar?.server,
  );
  const behind = run.http2?.isStream(exchange.client) === true ? returned : returned.filter(({ name }) => !name.startsWith(TRAILER));
  const edited = editHeaders(editHeaders(behind, selected.route.responseHeaders), target?.responseHeaders);
  const reason = parseStatusLine(exchange.head?.startLine ?? '')?.reason || reasonOf(flavour, status);
  context.tcpSend(
    exchange.client,
    textPayload(formatHead(`HTTP/1.1 ${status} ${reason}`, [...edited, ...exchange.corsHeaders, ...stickyHeaders(run, exchange)]) + body),
  );
  report(run, exchange, status);
  run.log(
    asked,
    { status, bytes, seconds: secondsSince(run, exchange.startedNs) },
    logged({ ...exchange, tries }, wanted && action.retryOn !== undefined ? 'URX' : ''),
  );
  run.done(exchange.client, asked);
}

/** Who waits for this endpoint takes the connection at once, else it is kept. */
function reuse(run: ProxyRun, { upstream, address, backend }: Exchange): void {
  const next = nextFor(run, backend.name, (one) => one.address === address);
  if (next === undefined) {
    keepIdle(run, upstream, run.state.tls.has(upstream) ? `tls ${address}` : address);
    return;
  }
  run.state.byUpstream.set(upstream, next.id);
  send(run, { ...next, upstream, reused: true });
}

function keepIdle(run: ProxyRun, socket: SocketId, address: string): void {
  const { idle, idleOf } = run.state;
  const list = idle.get(address) ?? [];
  if (list.length >= MAX_IDLE) {
    run.context.close(socket);
    gone(run, socket);
    return;
  }
  idle.set(address, [...list, socket]);
  idleOf.set(socket, address);
  run.context.setTimer(IDLE_NS, 'idle', { socket, since: run.context.nowNs }, true);
  run.state.idleSince.set(socket, run.context.nowNs);
}

function takeIdle(run: ProxyRun, socket: SocketId): void {
  const { idle, idleOf, idleSince } = run.state;
  const address = idleOf.get(socket);
  if (address === undefined) return;
  idleOf.delete(socket);
  idleSince.delete(socket);
  const rest = (idle.get(address) ?? []).filter((one) => one !== socket);
  if (rest.length === 0) idle.delete(address);
  else idle.set(address, rest);
}

export function timerFired(run: ProxyRun, tag: string, data: unknown): void {
  if (tag === 'idle') {
    const { socket, since } = data as { readonly socket: SocketId; readonly since: number };
    if (run.state.idleSince.get(socket) !== since) return;
    takeIdle(run, socket);
    run.context.close(socket);
    gone(run, socket);
    return;
  }
  const exchange = run.state.exchanges.get(data as number);
  if (exchange === undefined) return;
  if (tag === 'deadline') {
    const tries = triedNow(run, exchange, 504, 0);
    giveUp(run, exchange);
    if (exchange.address !== '') reportOutcome(run, exchange.backend, exchange.address, 504);
    fail(run, { ...exchange, upstream: -1, timer: -1, tries }, 504, 'upstream request timeout', 'UT');
  } else if (tag === 'again') tryNext(run, { ...exchange, timer: -1 });
  else if (tag === 'connect') tryFailed(run, { ...exchange, timer: -1 }, 504, 'connection timeout', 'UF', 'connect');
  else tryFailed(run, { ...exchange, timer: -1 }, 504, 'upstream request timeout', 'UT', 'timeout');
}

/** nginx: 499. The backend's connection is closed with it. */
export function clientLeft(run: ProxyRun, id: number): void {
  const exchange = run.state.exchanges.get(id);
  if (exchange === undefined) return;
  const tries = triedNow(run, exchange, 0, 0);
  const held = run.state.waiting.get(id)?.held;
  run.state.waiting.delete(id);
  giveUp(run, exchange);
  end(run, exchange);
  const status = run.config.flavour === 'envoy' ? 0 : 499;
  run.log(
    held?.asked ?? exchange.asked,
    { status, bytes: 0, seconds: secondsSince(run, exchange.startedNs) },
    { ...logged({ ...exchange, tries }, 'DC'), details: 'downstream_remote_disconnect' },
  );
}
