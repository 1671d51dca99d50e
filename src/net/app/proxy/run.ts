/** What the parts of the proxy share: its memory, the exchanges under way, and the hands that one event has. */
import type { Endpoint, SocketId } from '../definition.ts';
import { type HttpHead, type HttpHeader, headerValue } from '../http-message.ts';
import type { Http2Layer, Http2State, ProxyHands } from '../http2/layer.ts';
import type { TlsContext, TlsSessions } from '../tls/sessions.ts';
import type { HttpProxyConfig, ProxyBackend, Redirect, RouteAction, Target } from './config.ts';
import type { KeySet, Waiting } from './filters/held.ts';
import type { Bucket } from './filters/token-bucket.ts';
import type { Delayed } from './guard.ts';
import type { Asked, accessLog, ownAnswer, Tried } from './manners.ts';
import type { Health } from './outlier.ts';
import type { Pool } from './pool.ts';
import type { Selected } from './select-route.ts';
import type { StepsState } from './steps/state.ts';
import type { Tunnel } from './tunnel.ts';

export type Forward = Extract<RouteAction, { kind: 'forward' }>;

export interface Exchange {
  readonly id: number;
  /** -1: the client has gone, or never was (a mirrored copy). */
  readonly client: SocketId;
  readonly asked: Asked;
  readonly selected: Selected;
  readonly action: Forward;
  readonly backend: ProxyBackend;
  readonly target: Target | undefined;
  /** The backend that would have got it, were it not for a canary. */
  readonly main: string;
  readonly alternative: string;
  readonly request: string;
  readonly corsHeaders: readonly HttpHeader[];
  readonly startedNs: number;
  readonly timer: number;
  readonly deadline: number;
  readonly tries: readonly Tried[];
  /** The try that is under way. */
  readonly upstream: SocketId;
  readonly address: string;
  readonly tryNs: number;
  readonly reused: boolean;
  readonly sent: boolean;
  readonly buffer: string;
  readonly head: HttpHead | undefined;
  readonly status: number;
  /** nginx' affinity: what was drawn for a client without a cookie. */
  readonly lot: string;
}

export interface Client {
  readonly buffer: string;
  readonly timer: number;
  /** The exchange that is under way; further requests wait in the buffer. */
  readonly exchange: number | undefined;
}

/** Changed in place; what its maps hold is replaced. */
export interface ProxyState {
  readonly clients: Map<SocketId, Client>;
  /** Of clients that a load balancer speaks for: who they are, by what it wrote first; `awaited`: it has not written yet. */
  readonly spokenFor: Map<SocketId, Endpoint | 'awaited'>;
  readonly exchanges: Map<number, Exchange>;
  /** Whose answer is expected on a backend's connection. */
  readonly byUpstream: Map<SocketId, number>;
  /** Idle connections by `ip:port`, the latest last. */
  readonly idle: Map<string, readonly SocketId[]>;
  readonly idleOf: Map<SocketId, string>;
  readonly idleSince: Map<SocketId, number>;
  /** Whose turn it is, by backend. */
  readonly turns: Map<string, number>;
  /** Leaky buckets by route's owner and client: thousandths of requests that are in, and since when. */
  readonly buckets: Map<string, { readonly milli: number; readonly atNs: number }>;
  /** What is held against endpoints. */
  readonly health: Health;
  /** Connections of backends that may have so many only. */
  readonly pools: Map<string, Pool>;
  readonly poolOf: Map<SocketId, string>;
  /** Requests that wait because of a fault, by the number that they wait under. */
  readonly delayed: Map<number, Delayed>;
  /** Connections that have become another protocol's, by their clients' sockets. */
  readonly tunnels: Map<SocketId, Tunnel>;
  readonly tunnelOf: Map<SocketId, SocketId>;
  /** Blocks of prompts that endpoints have read, by backend and `ip:port`. */
  readonly prefixes: Map<string, ReadonlySet<string>>;
  /** What filters wait for, by the exchange that brings it. */
  readonly waiting: Map<number, Waiting>;
  /** Keys that sign tokens, by where they were fetched. */
  readonly keySets: Map<string, KeySet>;
  /** Tokens of limits, by route, limit and client. */
  readonly tokens: Map<string, Bucket>;
  readonly steps: StepsState;
  /** Of clients and backends that speak TLS. */
  readonly tls: TlsSessions;
  /** Of clients and backends that speak HTTP/2. */
  readonly http2: Http2State;
  nextExchange: number;
}

/** One event's view of a proxy. */
export interface ProxyRun {
  readonly context: ProxyHands;
  /** The context, where HTTP/2 is spoken. */
  readonly http2: Http2Layer | undefined;
  readonly state: ProxyState;
  readonly config: HttpProxyConfig;
  /** The context, where TLS is spoken. */
  readonly tls: TlsContext | undefined;
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** Whether the client speaks TLS. */
  scheme(socket: SocketId): 'http' | 'https';
  /** Tells the client where else to ask. */
  redirect(socket: SocketId, asked: Asked, selected: Selected, action: Redirect, path: string, query: string): void;
  own(code: number, extra: readonly HttpHeader[], said: string): ReturnType<typeof ownAnswer>;
  /** The proxy's own answer to a request. */
  answer(
    socket: SocketId,
    asked: Asked,
    selected: Selected | undefined,
    code: number,
    extra: readonly HttpHeader[],
    said: string,
    /** The flag in the log. */
    why: string,
    /** Envoy's word for what it was; the flag's usual one where absent. */
    details?: string,
  ): void;
  log(asked: Asked, answer: { readonly status: number; readonly bytes: number; readonly seconds: number }, upstream: Parameters<typeof accessLog>[3]): void;
  /** An exchange without a client of its own has its answer. */
  aside(id: number, status: number, headers: readonly HttpHeader[], body: string): void;
  /** The answer has been given: the connection stays for the next request, or not. */
  done(socket: SocketId, asked: Asked): void;
}

export function closesAfter(asked: Asked): boolean {
  const connection = headerValue(asked.headers, 'Connection')?.toLowerCase();
  return asked.version === 'HTTP/1.1' ? connection === 'close' : connection !== 'keep-alive';
}
