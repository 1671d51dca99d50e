/** One event's view of a running nginx: its clients' requests, answered from files, by itself, or by a backend. nginx: src/http/ngx_http_request.c, ngx_http_core_module.c. */
import { DEFAULT_EPOCH_MS, formatHttpDate } from '../../wire/calendar.ts';
import { utf8Length, utf8Prefix } from '../../wire/utf8.ts';
import type { AppContext, AppEvent, SocketId } from '../definition.ts';
import { headerValue, parseRequestLine, readHead, textPayload } from '../http-message.ts';
import { codeOutcome, count } from '../load/tally.ts';
import { RESOLVER_TIMER } from '../resolver.ts';
import type { TlsContext } from '../tls/sessions.ts';
import { type Answer, accessLine, answerText, errorAnswer, errorContext, errorPrefix, plainOnHttps } from './answer.ts';
import { findFile, typeOf } from './files.ts';
import { clientLeft, forward, type Hands, upstreamEvent } from './forward.ts';
import type { Location, NginxPlan, Server } from './plan.ts';
import { isAdmitted, selectLocation, selectServer } from './select.ts';
import { type NginxConfig, type NginxState, nowMsOf } from './state.ts';
import { type Asked, expand, type Facts, hostOf, pathOf } from './variables.ts';

const KEEPALIVE_NS = 65_000_000_000;
const MAX_HEAD_CHARACTERS = 32_768;
/** Internal redirects of one request (NGX_HTTP_MAX_URI_CHANGES). */
const MAX_URI_CHANGES = 10;

export class Run implements Hands {
  readonly context: AppContext;
  readonly state: NginxState;
  readonly config: NginxConfig;
  readonly plan: NginxPlan;
  readonly tls: TlsContext | undefined;

  constructor(context: AppContext, state: NginxState, config: NginxConfig, plan: NginxPlan, tls: TlsContext | undefined) {
    this.tls = tls;
    this.context = context;
    this.state = state;
    this.config = config;
    this.plan = plan;
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
