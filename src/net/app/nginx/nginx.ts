/** nginx as its configuration files have it: a web server and a reverse proxy that resolves its backends' names once, when it starts. nginx: src/http/ngx_http_request.c. */
import { DEFAULT_EPOCH_MS, formatHttpDate } from '../../wire/calendar.ts';
import { utf8Length, utf8Prefix } from '../../wire/utf8.ts';
import { type AppContext, type AppEvent, defineApp, type SocketId } from '../definition.ts';
import { headerValue, parseRequestLine, readHead, textPayload } from '../http-message.ts';
import { listenAddress } from '../listen-address.ts';
import { codeOutcome, count } from '../load/tally.ts';
import { handleResolving, RESOLVER_TIMER, startResolving } from '../resolver.ts';
import { tlsLayer } from '../tls/layer.ts';
import type { TlsContext } from '../tls/sessions.ts';
import { type Answer, accessLine, answerText, errorAnswer, errorContext, errorPrefix, plainOnHttps } from './answer.ts';
import { readNginx } from './config.ts';
import { findFile, typeOf } from './files.ts';
import { clientLeft, forward, type Hands, upstreamEvent } from './forward.ts';
import { NginxConfigError } from './parse.ts';
import type { Location, NginxPlan, Server } from './plan.ts';
import { isAdmitted, selectLocation, selectServer } from './select.ts';
import { copyState, type NginxConfig, type NginxState, newState } from './state.ts';
import { type Asked, expand, type Facts, hostOf, pathOf } from './variables.ts';

const BACKLOG = 511;
const KEEPALIVE_NS = 65_000_000_000;
const MAX_HEAD_CHARACTERS = 32_768;
/** Internal redirects of one request (NGX_HTTP_MAX_URI_CHANGES). */
const MAX_URI_CHANGES = 10;

const plans = new WeakMap<NginxConfig, NginxPlan>();

/** @throws {NginxConfigError} */
function planOf(config: NginxConfig): NginxPlan {
  let plan = plans.get(config);
  if (plan === undefined) {
    plan = readNginx(config.files, config.hidden.includes('/etc/nginx/conf.d'));
    plans.set(config, plan);
  }
  return plan;
}

const nowMsOf = (context: AppContext, config: NginxConfig): number => (config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(context.nowNs / 1e6);

export const nginx = defineApp<NginxState, NginxConfig>({
  name: 'nginx',
  start: (context, config) => {
    const state = newState(context.nowNs);
    try {
      planOf(config);
    } catch (error) {
      if (!(error instanceof NginxConfigError)) throw error;
      return ends(context, config, state, error.message);
    }
    return resolveNames(context, config, state);
  },
  handle: (context, state, event, config) => {
    if (state.phase === 'resolving') {
      if (state.resolving === undefined) return state;
      state.resolving = handleResolving(context, state.resolving, event);
      return resolveNames(context, config, state);
    }
    if (state.phase !== 'serving') return state;
    const plan = planOf(config);
    if (!speaksTls(plan)) {
      new Run(context, state, config, undefined).handle(event);
      return state;
    }
    const sealed = tlsLayer(context, state.tls, nowMsOf(context, config));
    if (event.kind === 'accepted') {
      const { port } = context.localEndpoint(event.socket);
      const tls = plan.listeners.find((one) => one.port === port)?.tls;
      if (tls !== undefined) sealed.serve(event.socket, tls);
    }
    for (const opened of sealed.open(event)) new Run(sealed, state, config, sealed).handle(opened);
    return state;
  },
  copy: copyState,
  tally: (state) => state.tally,
});

const speaksTls = (plan: NginxPlan): boolean =>
  plan.listeners.some(
    ({ tls, servers }) => tls !== undefined || servers.some(({ locations }) => locations.some(({ settings }) => settings.pass?.scheme === 'https')),
  );

function ends(context: AppContext, config: NginxConfig, state: NginxState, words: string): NginxState {
  context.err(`${errorPrefix('emerg', nowMsOf(context, config))}${words}\nnginx: [emerg] ${words}\n`);
  context.exit(1);
  state.phase = 'ended';
  return state;
}

/** One name after the other; an unknown one is the end. */
function resolveNames(context: AppContext, config: NginxConfig, state: NginxState): NginxState {
  const { names, notSimulated } = planOf(config);
  for (; state.at < names.length; state.at += 1) {
    const { host, at } = names[state.at] as (typeof names)[number];
    if (state.addresses.has(host)) continue;
    state.resolving ??= startResolving(context, host);
    const { result } = state.resolving;
    if (result === undefined) return state;
    state.resolving = undefined;
    if (!result.ok) return ends(context, config, state, `host not found in upstream "${host}" in ${at}`);
    state.addresses.set(host, result.addresses);
  }
  state.phase = 'serving';
  for (const listener of planOf(config).listeners) {
    const socket = context.tcpListen(listenAddress(context, listener.address), listener.port, BACKLOG, { noDelay: true });
    if (typeof socket !== 'string') continue;
    const why = socket === 'EADDRINUSE' ? '98: Address already in use' : '99: Cannot assign requested address';
    return ends(context, config, state, `bind() to ${listener.address ?? '0.0.0.0'}:${listener.port} failed (${why})`);
  }
  if (notSimulated.length > 0)
    context.err(`${errorPrefix('warn', nowMsOf(context, config))}Kubehop reads these directives without doing what they say: ${notSimulated.join(', ')}\n`);
  return state;
}

/** One event's view of a running nginx. */
class Run implements Hands {
  readonly context: AppContext;
  readonly state: NginxState;
  readonly config: NginxConfig;
  readonly plan: NginxPlan;
  readonly tls: TlsContext | undefined;

  constructor(context: AppContext, state: NginxState, config: NginxConfig, tls: TlsContext | undefined) {
    this.tls = tls;
    this.context = context;
    this.state = state;
    this.config = config;
    this.plan = planOf(config);
  }

  get nowMs(): number {
    return nowMsOf(this.context, this.config);
  }

  handle(event: AppEvent): void {
    const { clients, connections } = this.state;
    if (event.kind === 'accepted') {
      connections.set(event.socket, this.state.nextId);
      this.state.nextId += 1;
      clients.set(event.socket, { buffer: '', timer: -1, exchange: undefined });
      return;
    }
    if (event.kind === 'timer' && event.tag === 'keep-alive') {
      this.drop(event.data as SocketId);
      return;
    }
    const client = 'socket' in event ? clients.get(event.socket) : undefined;
    if (client === undefined || !('socket' in event)) {
      upstreamEvent(this, event, RESOLVER_TIMER);
      return;
    }
    if (event.kind === 'data') {
      if (client.timer >= 0) this.context.cancelTimer(client.timer);
      client.timer = -1;
      client.buffer += event.payload.text ?? '';
      // What is no text is no request: TLS on a port of the plain kind.
      if (this.tls?.isPlain(event.socket) === true) this.#refuse(event.socket, plainOnHttps(this.config.version));
      else if (event.payload.text === undefined) this.#refuse(event.socket, errorAnswer(400, this.config.version));
      else this.next(event.socket);
    } else if (event.kind === 'peer-closed' || event.kind === 'aborted') {
      if (client.exchange !== undefined) clientLeft(this, client.exchange);
      this.drop(event.socket);
    }
  }

  drop(socket: SocketId): void {
    const client = this.state.clients.get(socket);
    if (client === undefined) return;
    if (client.timer >= 0) this.context.cancelTimer(client.timer);
    this.state.clients.delete(socket);
    this.state.connections.delete(socket);
    this.context.close(socket);
  }

  #refuse(socket: SocketId, answer: Answer): void {
    const asked: Asked = {
      method: '',
      target: '',
      version: 'HTTP/1.1',
      headers: [],
      body: '',
      client: this.context.remoteEndpoint(socket),
      server: this.context.localEndpoint(socket),
      scheme: 'http',
    };
    const listener = this.plan.listeners.find(({ port }) => port === asked.server.port);
    const settings = listener?.servers[0]?.settings;
    if (settings !== undefined)
      this.context.tcpSend(socket, textPayload(answerText(answer, asked, settings, (text) => text, { ...this.times(), keeps: false }).text));
    this.drop(socket);
  }

  times(): { readonly nowMs: number; readonly version: string | undefined } {
    return { nowMs: this.nowMs, version: this.config.version };
  }

  /** Takes whole requests from what has come, while none is under way. */
  next(socket: SocketId): void {
    for (;;) {
      const client = this.state.clients.get(socket);
      if (client === undefined || client.exchange !== undefined) return;
      const read = readHead(client.buffer);
      if (read === 'incomplete' && client.buffer.length <= MAX_HEAD_CHARACTERS) {
        client.timer = this.context.setTimer(KEEPALIVE_NS, 'keep-alive', socket, true);
        return;
      }
      const line = typeof read === 'string' ? undefined : parseRequestLine(read.head.startLine);
      if (typeof read === 'string' || line === undefined) {
        this.#refuse(socket, errorAnswer(400, this.config.version));
        return;
      }
      const length = Number(headerValue(read.head.headers, 'Content-Length') ?? 0);
      if (!Number.isInteger(length) || length < 0 || headerValue(read.head.headers, 'Transfer-Encoding') !== undefined) {
        this.#refuse(socket, errorAnswer(length >= 0 ? 501 : 400, this.config.version));
        return;
      }
      if (utf8Length(read.rest) < length) return;
      const end = utf8Prefix(read.rest, length);
      client.buffer = read.rest.slice(end);
      this.#serve(socket, {
        method: line.method,
        target: line.target,
        version: line.version,
        headers: read.head.headers,
        body: read.rest.slice(0, end),
        client: this.context.remoteEndpoint(socket),
        server: this.context.localEndpoint(socket),
        scheme: this.state.tls.has(socket) ? 'https' : 'http',
      });
    }
  }

  #serve(socket: SocketId, asked: Asked): void {
    const listenerAt = this.plan.listeners.findIndex(({ port }) => port === asked.server.port);
    const listener = this.plan.listeners[listenerAt];
    const server = listener === undefined ? undefined : selectServer(listener, hostOf(asked, ''));
    if (listener === undefined || server === undefined) {
      this.drop(socket);
      return;
    }
    let path = pathOf(asked.target);
    for (let change = 0; change <= MAX_URI_CHANGES; change += 1) {
      const location = selectLocation(server, path);
      const settings = location?.settings ?? server.settings;
      // What a server says outside of its locations comes first.
      const said = server.settings.answer ?? settings.answer;
      const refused = server.settings.answer !== undefined ? undefined : this.#isRefused(settings, asked);
      if (refused !== undefined) {
        this.answer(socket, asked, server, location, errorAnswer(refused, this.config.version));
        return;
      }
      if (said !== undefined) {
        this.#returned(socket, asked, server, location, said);
        return;
      }
      if (location !== undefined && settings.pass !== undefined) {
        forward(this, socket, asked, [listenerAt, listener.servers.indexOf(server), server.locations.indexOf(location)]);
        return;
      }
      const found = findFile(location, settings, path, this.#read, this.#isDirectory, (text) => expand(text, this.facts(asked, server, location)));
      if (found.kind !== 'again') {
        this.#static(socket, asked, server, location, found);
        return;
      }
      path = pathOf(found.uri);
    }
    this.answer(socket, asked, server, undefined, errorAnswer(500, this.config.version));
  }

  #isRefused(settings: Server['settings'], asked: Asked): number | undefined {
    if (settings.internal) return 404;
    if (!isAdmitted(settings, asked.client.ip)) return 403;
    return settings.bodyBytes > 0 && utf8Length(asked.body) > settings.bodyBytes ? 413 : undefined;
  }

  readonly #read = (path: string): string | undefined => {
    const mounted = this.config.files[path];
    if (mounted !== undefined) return mounted;
    const isOfImage = path === '/usr/share/nginx/html/index.html' && !this.config.hidden.includes('/usr/share/nginx/html');
    return isOfImage ? `Hello from ${this.context.hostname}\n` : undefined;
  };

  readonly #isDirectory = (path: string): boolean =>
    path === '/usr/share/nginx/html/' || Object.keys(this.config.files).some((file) => file.startsWith(path) && file.length > path.length);

  facts(asked: Asked, server: Server, location: Location | undefined): Facts {
    const { pass, set } = location?.settings ?? server.settings;
    const proxyHost = pass === undefined ? '' : pass.port === (pass.scheme === 'https' ? 443 : 80) ? pass.host : `${pass.host}:${pass.port}`;
    return { asked, hostname: this.context.hostname, serverName: server.names[0] ?? '', proxyHost, set };
  }

  #returned(
    socket: SocketId,
    asked: Asked,
    server: Server,
    location: Location | undefined,
    { code, text }: { readonly code: number; readonly text: string },
  ): void {
    const said = expand(text, this.facts(asked, server, location));
    if ([301, 302, 303, 307, 308].includes(code) && said !== '') {
      const host = headerValue(asked.headers, 'Host') ?? server.names[0] ?? '';
      const to = said.startsWith('/')
        ? `${asked.scheme}://${host.replace(/:\d+$/, '')}${asked.server.port === (asked.scheme === 'https' ? 443 : 80) ? '' : `:${asked.server.port}`}${said}`
        : said;
      this.answer(socket, asked, server, location, errorAnswer(code, this.config.version, [{ name: 'Location', value: to }]));
    } else if (code === 444) {
      this.#log(asked, server, location, 444, 0);
      this.drop(socket);
    } else if (said === '' && code >= 300) this.answer(socket, asked, server, location, errorAnswer(code, this.config.version));
    else this.answer(socket, asked, server, location, { code, type: (location?.settings ?? server.settings).defaultType, body: said });
  }

  #static(
    socket: SocketId,
    asked: Asked,
    server: Server,
    location: Location | undefined,
    found: Exclude<ReturnType<typeof findFile>, { kind: 'again' }>,
  ): void {
    const settings = location?.settings ?? server.settings;
    const path = pathOf(asked.target);
    if (found.kind === 'slash') {
      const host = headerValue(asked.headers, 'Host') ?? '';
      this.answer(socket, asked, server, location, errorAnswer(301, this.config.version, [{ name: 'Location', value: `${asked.scheme}://${host}${path}/` }]));
      return;
    }
    if (found.kind === 'code' || (asked.method !== 'GET' && asked.method !== 'HEAD')) {
      const code = found.kind === 'code' ? found.code : 405;
      if (code === 404) this.error(`open() "${settings.root}${path}" failed (2: No such file or directory)`, asked, server, '', socket);
      if (code === 403) this.error(`directory index of "${settings.root}${path}" is forbidden`, asked, server, '', socket);
      this.answer(socket, asked, server, location, errorAnswer(code, this.config.version));
      return;
    }
    const startedMs = (this.config.epochMs ?? DEFAULT_EPOCH_MS) + Math.floor(this.state.startedNs / 1e6);
    const bytes = utf8Length(found.text);
    this.answer(socket, asked, server, location, {
      code: 200,
      type: typeOf(found.path, settings),
      body: found.text,
      headers: [
        { name: 'Last-Modified', value: formatHttpDate(startedMs) },
        { name: 'ETag', value: `"${Math.floor(startedMs / 1000).toString(16)}-${bytes.toString(16)}"` },
        { name: 'Accept-Ranges', value: 'bytes' },
      ],
    });
  }

  answer(socket: SocketId, asked: Asked, server: Server, location: Location | undefined, answer: Answer): void {
    const settings = location?.settings ?? server.settings;
    const connection = headerValue(asked.headers, 'Connection')?.toLowerCase();
    const keeps = asked.version === 'HTTP/1.1' ? connection !== 'close' : connection === 'keep-alive';
    const { text, bodyBytes } = answerText(answer, asked, settings, (value) => expand(value, this.facts(asked, server, location)), { ...this.times(), keeps });
    count(this.state.tally, this.context.nowNs, codeOutcome(answer.code));
    this.context.tcpSend(socket, textPayload(text));
    this.#log(asked, server, location, answer.code, bodyBytes);
    if (!keeps) this.drop(socket);
  }

  #log(asked: Asked, server: Server, location: Location | undefined, code: number, bodyBytes: number): void {
    if ((location?.settings ?? server.settings).logs) this.context.out(accessLine(asked, code, bodyBytes, this.nowMs));
  }

  error(words: string, asked: Asked, server: Server, upstream: string, socket: SocketId): void {
    const connection = this.state.connections.get(socket) ?? 0;
    this.context.err(`${errorPrefix('error', this.nowMs)}*${connection} ${words}${errorContext(asked, server.names[0] ?? '', upstream)}`);
  }
}
