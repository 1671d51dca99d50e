/** What an HTTP reverse proxy does with requests, as controllers compile it from Ingresses and Gateway API routes. Plain data, in the order of precedence. */

import type { ClientTlsConfig, ServerTlsConfig } from '../tls/config.ts';
import type { Authorization } from './authorize.ts';
import type { RouteFilters } from './filters/config.ts';
import type { CloudFlavour } from './manners-cloud.ts';
import type { Rule } from './rule.ts';
import type { Step, Sticky } from './steps/config.ts';

export type PathMatch =
  /** The whole path. */
  | { readonly kind: 'exact'; readonly value: string }
  /** What the path begins with, element by element: `/foo` matches `/foo` and `/foo/bar`, not `/foobar`. `/` matches all. */
  | { readonly kind: 'elements'; readonly value: string }
  /** What the path begins with, character by character. */
  | { readonly kind: 'prefix'; readonly value: string }
  /** RE2; `whole`: must match the whole path, else somewhere. */
  | { readonly kind: 'regex'; readonly value: string; readonly whole: boolean };

/** Of a header (names compare without case) or a query parameter (with case; the first of several counts). */
export interface ValueMatch {
  readonly name: string;
  readonly kind: 'exact' | 'regex' | 'present' | 'prefix';
  readonly value: string;
  /** It must not be so; what is absent is not so. */
  readonly not?: true;
}

export interface RouteMatch {
  readonly path: PathMatch;
  readonly method?: string;
  readonly headers?: readonly ValueMatch[];
  readonly query?: readonly ValueMatch[];
  /** The method where it is no fixed one, and what a host header says: names do not count. */
  readonly methods?: ValueMatch;
  readonly authority?: ValueMatch;
  /** All that it must be, beside the path. */
  readonly rule?: Rule;
}

/** Order: set, add, remove. */
export interface HeaderEdits {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

/** `prefix`: the matched elements are replaced. `swap`: the matched characters. `replace`: what an expression finds, `\\1` and so on being its groups. `regex`: `$1` and so on stand for groups of the route's expression. */
export type PathRewrite =
  | { readonly kind: 'whole'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'swap'; readonly value: string }
  | { readonly kind: 'replace'; readonly pattern: string; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string };

export interface Target {
  /** Key into `HttpProxyConfig.backends`. */
  readonly backend: string;
  /** Share of the sum of all weights; 0 gets nothing. */
  readonly weight: number;
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
  readonly rewrite?: PathRewrite;
  readonly hostname?: string;
  /** Requests that choose it are sent elsewhere by their clients. */
  readonly redirect?: Redirect;
}

export interface Redirect {
  readonly kind: 'redirect';
  readonly code: number;
  readonly scheme?: string;
  readonly hostname?: string;
  /** 0: none is written. */
  readonly port?: number;
  readonly path?: PathRewrite;
  /** The whole Location, as nginx' `return 301 URL`. */
  readonly location?: string;
}

/** ingress-nginx' canary: another backend for some requests, by header, then cookie, then weight. */
export interface Canary {
  readonly target: string;
  readonly header?: string;
  readonly headerValue?: string;
  readonly headerPattern?: string;
  readonly cookie?: string;
  readonly weight: number;
  readonly weightTotal: number;
}

export interface Cors {
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeSeconds: number;
}

export type RouteAction =
  | {
      readonly kind: 'forward';
      readonly targets: readonly Target[];
      readonly canary?: readonly Canary[];
      readonly rewrite?: PathRewrite;
      readonly hostname?: string;
      /** A copy of each request goes there too, and its answer nowhere. `percent` of requests; 100 if absent. */
      readonly mirrors?: readonly { readonly backend: string; readonly percent?: number; readonly hostname?: string }[];
      readonly connectTimeoutMs: number;
      /** Between two reads from the backend; 0: never. */
      readonly readTimeoutMs: number;
      /** For the whole request; 0: never. */
      readonly requestTimeoutMs: number;
      /** How often one request is tried at most. */
      readonly tries: number;
      /** TLS towards the backend, whatever the backend says. */
      readonly tls?: ClientTlsConfig;
      /** A cookie brings the same client to the same endpoint. */
      readonly sticky?: Sticky;
      /** Before another try; 0 or absent: at once. */
      readonly backoffMs?: number;
      /** Status codes after which another try is made, beside connection failures. */
      readonly retryCodes?: readonly number[];
      /** Envoy's words for what is tried again (`connect-failure`, `5xx` …); any failure where absent. */
      readonly retryOn?: readonly string[];
      /** The same client value goes to the same endpoint. */
      readonly hashBy?: HashBy;
    }
  | Redirect
  | { readonly kind: 'answer'; readonly code: number; readonly body?: string; readonly contentType?: string };

/** ngx_http_limit_req_module: a leaky bucket per client address. */
export interface RateLimit {
  /** Requests a second, in thousandths. */
  readonly milliPerSecond: number;
  readonly burst: number;
}

/** What of a request tells its endpoint, where a backend's policy is to keep together what is alike. */
export type HashBy = { readonly header: string } | { readonly cookie: string } | { readonly query: string } | 'source';

/** Envoy: source/extensions/filters/http/fault. Shares in percent. */
export interface Fault {
  readonly delay?: { readonly ms: number; readonly percent: number };
  readonly abort?: { readonly code: number; readonly percent: number };
}

export interface ProxyRoute {
  /** Some requests are kept waiting, or refused, on purpose. */
  readonly fault?: Fault;
  /** Who made it: `test/host-based-ingress`. For logs and reasons. */
  readonly owner: string;
  /** What a mesh's log calls it, where that is not its owner. */
  readonly label?: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
  readonly cors?: Cors;
  /** What is asked of requests before they go on. */
  readonly filters?: RouteFilters;
  /** Clients by CIDR; absent: all. */
  readonly allow?: readonly string[];
  readonly rate?: RateLimit;
  /** What a client's certificate has to be, and the name it goes by in headers; ngx_http_ssl_module: `on` wants one that is believed. */
  readonly clientCertificate?: 'on' | 'optional' | 'optional_no_ca';
  /** Bytes of a request's body; 0: any. */
  readonly bodyLimitBytes?: number;
  /** What a request goes through before it is sent on, in this order. */
  readonly steps?: readonly Step[];
  /** Among the routes of all hosts, where `ranked`: the lowest wins. */
  readonly rank?: number;
  /** Why it has this rank, for reasons. */
  readonly said?: string;
}

export interface ProxyHost {
  /** `''`: any; `*.example.com`: any name below it. */
  readonly name: string;
  /** A wildcard stands for one label only (Ingress), not for several (Gateway API). */
  readonly oneLabel?: boolean;
  /** The first that matches takes the request. */
  readonly routes: readonly ProxyRoute[];
  /** A listener's own hosts: once the listener is chosen no other is asked (Gateway API: HTTP listener isolation). */
  readonly hosts?: readonly ProxyHost[];
}

export interface ProxyEndpoint {
  readonly ip: string;
  readonly port: number;
  /** 0 (or absent) is asked first; others as far as the better ones are ill. */
  readonly priority?: number;
  /** Those of one place have their share together; without it all have the same. */
  readonly place?: { readonly name: string; readonly weight: number };
  /** This one is spoken to in TLS: a mesh knows it of each pod. */
  readonly tls?: ClientTlsConfig;
}

/** What a client holds back from a backend for its own sake: Envoy's circuit breakers, outlier detection and load balancing. Absent numbers are no limits. */
export interface BackendPolicy {
  /** `prompt`: by what model servers have read before. */
  readonly balance?: 'round-robin' | 'random' | 'least-request' | 'prompt';
  readonly maxConnections?: number;
  /** Requests that wait for a connection. */
  readonly maxPending?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
  readonly requestsPerConnection?: number;
  readonly outlier?: {
    /** In a row; 0: never. */
    readonly errors: number;
    readonly gatewayErrors: number;
    readonly intervalMs: number;
    readonly baseMs: number;
    readonly maxPercent: number;
    /** With fewer healthy ones than this all are asked. */
    readonly minHealthPercent: number;
  };
  /** Whose word it is, as an object's key. */
  readonly source?: string;
}

export interface ProxyBackend {
  readonly policy?: BackendPolicy;
  /** It has no endpoints of its own: connections go where they were meant to go. */
  readonly passes?: true;
  /** It is spoken to in HTTP/2, in the plain (h2c with prior knowledge). */
  readonly http2?: true;
  /** It is spoken to in TLS. */
  readonly tls?: ClientTlsConfig;
  /** `test-nginx-service-80` */
  readonly name: string;
  /** In order of address. */
  readonly endpoints: readonly ProxyEndpoint[];
  /** Answered without asking anybody: a reference that leads nowhere. */
  readonly fails?: number;
}

export interface HttpProxyConfig {
  readonly port: number;
  /** It ends TLS: requests come inside of it. */
  readonly tls?: ServerTlsConfig;
  readonly address?: string;
  /** The port that clients know, where a Service stands before this one. */
  readonly publicPort?: number;
  /** Whose manners: headers, error pages, access log. */
  readonly flavour: 'nginx' | 'envoy' | 'traefik' | CloudFlavour;
  /** Hosts do not decide before routes do: of all that fit the one with the lowest rank wins. */
  readonly ranked?: true;
  /** What clients are served that speak in the plain on a port where TLS is spoken too. */
  readonly plainHosts?: readonly ProxyHost[];
  /** Each choice of a route is told in the log. */
  readonly tells?: true;
  /** What it calls itself in X-Forwarded-Server. */
  readonly server?: string;
  /** X-Forwarded headers are believed that come from these. */
  readonly trusted?: readonly string[];
  /** No line for each request. */
  readonly quiet?: true;
  /** A connection begins with the PROXY protocol, or is closed. */
  readonly proxyProtocol?: true;
  readonly hosts: readonly ProxyHost[];
  readonly backends: readonly ProxyBackend[];
  /** A proxy beside a pod's own programs: it notes no client addresses in headers and keeps no access log; `server` is what it calls itself. */
  readonly sidecar?: {
    readonly server: string;
    /** `ip:port` that the client's connection was meant to go to. */
    readonly local?: string;
    /** Requests are noted, in Istio's words. */
    readonly log?: true;
    /** What is said to lie behind requests that go nowhere: `inbound|80||`. */
    readonly cluster?: string;
    /** Who may ask for what. */
    readonly authorization?: Authorization;
  };
  /** Connections to backends leave from this address. */
  readonly source?: string;
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs?: number;
}
