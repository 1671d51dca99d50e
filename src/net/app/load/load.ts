/**
 * A load generator with the manners of Go's net/http: requests arrive by a Poisson process or in equal gaps, or users ask, think and ask again; each is real packets.
 * Concurrent look-ups of its name are one (Go: net/lookup.go, lookupGroup); a kept connection that the server has closed meanwhile is replaced (Go: net/http/transport.go, shouldRetryRequest).
 */
import type { Errno } from '../../stack/userland.ts';
import type { Ip } from '../../wire/packet.ts';
import { utf8Length } from '../../wire/utf8.ts';
import { type AppContext, type AppEvent, defineApp, type SocketId } from '../definition.ts';
import { bodyLength, formatHead, headerValue, MAX_HEAD_CHARACTERS, parseStatusLine, readHead, textPayload } from '../http-message.ts';
import { handleResolving, RESOLVER_TIMER, type Resolving, startResolving } from '../resolver.ts';
import type { LoadConfig } from './config.ts';
import { codeOutcome, copyTally, count, newTally, type Outcome, prometheusText, type Tally } from './tally.ts';

/** A request under way. */
interface Asking {
  readonly startedNs: number;
  readonly timer: number;
  /** -1 while its name is looked up. */
  readonly socket: SocketId;
  /** The connection was kept from an earlier request, and nothing has come on it yet. */
  readonly reused: boolean;
  /** The head as far as it has come. */
  readonly buffer: string;
  /** Of the answer whose head is here; bytes of its body that are missing. */
  readonly answer: { readonly code: number; readonly missing: number; readonly keeps: boolean; readonly chunked: boolean } | undefined;
}

/** Changed in place. */
interface State {
  readonly asking: Map<number, Asking>;
  readonly bySocket: Map<SocketId, number>;
  /** Kept connections without a request, the last used at the end. */
  idle: readonly SocketId[];
  resolving: Resolving | undefined;
  nextId: number;
  readonly scrapers: Map<SocketId, string>;
  readonly tally: Tally;
}

const MIN_GAP_NS = 1_000;
const BACKLOG = 16;

function outcomeOf(errno: Errno): Outcome {
  if (errno === 'ECONNREFUSED') return 'refused';
  if (errno === 'ETIMEDOUT') return 'timeout';
  return errno === 'ECONNRESET' || errno === 'EPIPE' ? 'reset' : 'unreachable';
}

/** A gap of a Poisson process has an exponential length. */
function gapNs(context: AppContext, meanNs: number, constant: boolean): number {
  const chance = constant ? 1 : -Math.log(1 - context.prng(`load ${context.processId}`).float());
  return Math.max(MIN_GAP_NS, Math.round(meanNs * chance));
}

export const load = defineApp<State, LoadConfig>({
  name: 'load',
  start: (context, config) => {
    if (config.metricsPort !== undefined) {
      const socket = context.tcpListen(0, config.metricsPort, BACKLOG);
      if (typeof socket === 'string') context.err(`listen tcp :${config.metricsPort}: bind: address already in use\n`);
    }
    const waitNs = Math.max(0, config.startNs - context.nowNs);
    if (config.ratePerSecond > 0) context.setTimer(waitNs + nextGapNs(context, config), 'arrive');
    else for (let user = 0; user < config.users; user += 1) context.setTimer(waitNs + gapNs(context, config.thinkNs, false), 'ask');
    return { asking: new Map(), bySocket: new Map(), idle: [], resolving: undefined, nextId: 1, scrapers: new Map(), tally: newTally() };
  },
  handle: (context, state, event, config) => {
    new Run(context, state, config).handle(event);
    return state;
  },
  copy: (state) => ({
    ...state,
    asking: new Map(state.asking),
    bySocket: new Map(state.bySocket),
    scrapers: new Map(state.scrapers),
    tally: copyTally(state.tally),
  }),
  tally: (state) => state.tally,
});

const nextGapNs = (context: AppContext, { ratePerSecond, burst, constant }: LoadConfig): number => gapNs(context, (burst * 1e9) / ratePerSecond, constant);

/** One event's view of a generator. */
class Run {
  readonly #context: AppContext;
  readonly #state: State;
  readonly #config: LoadConfig;

  constructor(context: AppContext, state: State, config: LoadConfig) {
    this.#context = context;
    this.#state = state;
    this.#config = config;
  }

  handle(event: AppEvent): void {
    const state = this.#state;
    if (event.kind === 'timer' && event.tag !== RESOLVER_TIMER) {
      this.#timer(event.tag, event.data);
      return;
    }
    if (state.resolving !== undefined) {
      const resolving = handleResolving(this.#context, state.resolving, event);
      if (resolving !== state.resolving) {
        state.resolving = resolving;
        this.#resolved();
        return;
      }
    }
    if (!('socket' in event)) return;
    if (event.kind === 'accepted') state.scrapers.set(event.socket, '');
    else if (state.scrapers.has(event.socket)) this.#scraped(event);
    else this.#onConnection(event);
  }

  #timer(tag: string, data: unknown): void {
    const config = this.#config;
    if (tag === 'arrive') {
      for (let i = 0; i < config.burst; i += 1) {
        if (this.#state.asking.size < config.users) this.#ask();
        else count(this.#state.tally, this.#context.nowNs, 'not-sent');
      }
      this.#context.setTimer(nextGapNs(this.#context, config), 'arrive');
    } else if (tag === 'ask') this.#ask();
    else if (tag === 'timeout') this.#failed(data as number, 'timeout');
  }

  #ask(): void {
    const state = this.#state;
    const id = state.nextId;
    state.nextId += 1;
    const timer = this.#context.setTimer(this.#config.timeoutNs, 'timeout', id);
    const asking: Asking = { startedNs: this.#context.nowNs, timer, socket: -1, reused: false, buffer: '', answer: undefined };
    const kept = state.idle.at(-1);
    state.asking.set(id, asking);
    if (kept === undefined) {
      this.#connect(id);
      return;
    }
    state.idle = state.idle.slice(0, -1);
    state.asking.set(id, { ...asking, socket: kept, reused: true });
    state.bySocket.set(kept, id);
    this.#context.tcpSend(kept, textPayload(this.#config.request));
  }

  /** By a new connection: the name is looked up first, together with whoever is looking it up already. */
  #connect(id: number): void {
    const state = this.#state;
    if (state.resolving !== undefined) return;
    const resolving = startResolving(this.#context, this.#config.host);
    if (resolving.result?.ok === true) {
      this.#open(id, resolving.result.addresses[0] ?? 0);
      return;
    }
    state.resolving = resolving;
    this.#resolved();
  }

  #resolved(): void {
    const state = this.#state;
    const result = state.resolving?.result;
    if (result === undefined) return;
    state.resolving = undefined;
    for (const [id, asking] of [...state.asking]) {
      if (asking.socket >= 0) continue;
      if (result.ok) this.#open(id, result.addresses[0] ?? 0);
      else this.#failed(id, 'dns');
    }
  }

  #open(id: number, ip: Ip): void {
    const asking = this.#state.asking.get(id);
    if (asking === undefined) return;
    const socket = this.#context.tcpConnect({ ip, port: this.#config.port }, { noDelay: true });
    if (typeof socket === 'string') {
      this.#failed(id, outcomeOf(socket));
      return;
    }
    this.#state.asking.set(id, { ...asking, socket, reused: false, buffer: '', answer: undefined });
    this.#state.bySocket.set(socket, id);
  }

  #onConnection(event: Extract<AppEvent, { readonly socket: SocketId }>): void {
    const { asking, bySocket } = this.#state;
    const id = bySocket.get(event.socket);
    const request = id === undefined ? undefined : asking.get(id);
    if (id === undefined || request === undefined) {
      // A kept connection that its server ends.
      if (event.kind === 'peer-closed' || event.kind === 'aborted') {
        if (event.kind === 'peer-closed') this.#context.close(event.socket);
        this.#state.idle = this.#state.idle.filter((socket) => socket !== event.socket);
      }
      return;
    }
    switch (event.kind) {
      case 'connected':
        this.#context.tcpSend(event.socket, textPayload(this.#config.request));
        return;
      case 'connect-failed':
        this.#failed(id, outcomeOf(event.errno));
        return;
      case 'aborted':
      case 'peer-closed':
        this.#ended(id, request, event.kind === 'aborted' ? outcomeOf(event.errno) : 'reset');
        return;
      case 'data':
        this.#received(id, request, event.payload.text ?? '', event.payload.bytes);
    }
  }

  /** The server has gone in the middle of it, or its answer ends so. */
  #ended(id: number, request: Asking, outcome: Outcome): void {
    if (request.answer?.missing === Number.POSITIVE_INFINITY && outcome === 'reset' && !request.answer.chunked) {
      this.#answered(id, request, request.answer.code, false);
      return;
    }
    if (!request.reused) {
      this.#failed(id, outcome);
      return;
    }
    this.#state.bySocket.delete(request.socket);
    this.#context.close(request.socket);
    this.#state.asking.set(id, { ...request, socket: -1, reused: false });
    this.#connect(id);
  }

  #received(id: number, request: Asking, text: string, bytes: number): void {
    let { answer } = request;
    let rest = text;
    let restBytes = bytes;
    if (answer === undefined) {
      const buffer = request.buffer + text;
      const read = readHead(buffer);
      if (read === 'incomplete' && buffer.length <= MAX_HEAD_CHARACTERS) {
        this.#state.asking.set(id, { ...request, reused: false, buffer });
        return;
      }
      const status = typeof read === 'string' ? undefined : parseStatusLine(read.head.startLine);
      if (typeof read === 'string' || status === undefined) {
        this.#failed(id, 'reset');
        return;
      }
      const { headers } = read.head;
      const length = bodyLength(headers, status.code, this.#config.method);
      const closes = status.version === 'HTTP/1.0' || /\bclose\b/i.test(headerValue(headers, 'Connection') ?? '');
      const missing = typeof length === 'number' ? length : Number.POSITIVE_INFINITY;
      answer = { code: status.code, missing, keeps: this.#config.keepAlive && !closes && length !== 'until-close', chunked: length === 'chunked' };
      rest = read.rest;
      restBytes = utf8Length(rest);
    }
    const left: Asking = { ...request, reused: false, buffer: '', answer: { ...answer, missing: answer.missing - restBytes } };
    const done = answer.chunked ? rest.endsWith('0\r\n\r\n') : answer.missing - restBytes <= 0;
    if (done) this.#answered(id, left, answer.code, answer.keeps);
    else this.#state.asking.set(id, left);
  }

  #answered(id: number, request: Asking, code: number, keeps: boolean): void {
    const { nowNs } = this.#context;
    count(this.#state.tally, nowNs, codeOutcome(code), nowNs - request.startedNs);
    if (keeps) {
      this.#state.bySocket.delete(request.socket);
      this.#state.idle = [...this.#state.idle, request.socket];
    } else this.#release(request);
    this.#over(id, request);
  }

  #failed(id: number, outcome: Outcome): void {
    const request = this.#state.asking.get(id);
    if (request === undefined) return;
    count(this.#state.tally, this.#context.nowNs, outcome);
    this.#release(request);
    this.#over(id, request);
  }

  #release({ socket }: Asking): void {
    if (socket < 0) return;
    this.#state.bySocket.delete(socket);
    this.#context.close(socket);
  }

  #over(id: number, request: Asking): void {
    this.#context.cancelTimer(request.timer);
    this.#state.asking.delete(id);
    if (this.#config.ratePerSecond === 0) this.#context.setTimer(gapNs(this.#context, this.#config.thinkNs, false), 'ask');
  }

  /** Somebody reads the counters. */
  #scraped(event: Extract<AppEvent, { readonly socket: SocketId }>): void {
    const { scrapers, tally } = this.#state;
    const buffer = (scrapers.get(event.socket) ?? '') + (event.kind === 'data' ? (event.payload.text ?? '') : '');
    const read = readHead(buffer);
    if (event.kind === 'data' && read === 'incomplete') {
      scrapers.set(event.socket, buffer);
      return;
    }
    scrapers.delete(event.socket);
    if (event.kind === 'aborted') return;
    if (typeof read !== 'string') {
      const found = /^GET \/metrics[ ?]/.test(read.head.startLine);
      const body = found ? prometheusText(tally, this.#config.target) : '404 page not found\n';
      const type = found ? 'text/plain; version=0.0.4; charset=utf-8' : 'text/plain; charset=utf-8';
      const headers = [
        { name: 'Content-Type', value: type },
        { name: 'Content-Length', value: String(utf8Length(body)) },
        { name: 'Connection', value: 'close' },
      ];
      this.#context.tcpSend(event.socket, textPayload(formatHead(`HTTP/1.1 ${found ? '200 OK' : '404 Not Found'}`, headers) + body));
    }
    this.#context.close(event.socket);
  }
}
