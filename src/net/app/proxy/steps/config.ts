/** What a request goes through on its way to a backend, step by step in the order in which somebody has put them: Traefik's middlewares, and what annotations of ingress-nginx ask for. */
import type { HeaderEdits } from '../config.ts';

/** Which requests are counted together. */
export type CountBy = 'ip' | 'host' | { readonly header: string };

export type Step = {
  /** Whose it is, as its owner calls it: `default-office@kubernetescrd`. */
  readonly owner: string;
  /** The object behind it, for reasons. */
  readonly object?: string;
} & (
  | { readonly kind: 'headers'; readonly edits: HeaderEdits }
  /** One of several prefixes goes; `slash`: what is left begins with one. */
  | { readonly kind: 'strip-prefix'; readonly prefixes: readonly string[] }
  | { readonly kind: 'strip-regex'; readonly patterns: readonly string[] }
  | { readonly kind: 'add-prefix'; readonly prefix: string }
  | { readonly kind: 'replace-path'; readonly path: string }
  /** Groups are `$1`, `${1}`. */
  | { readonly kind: 'replace-path-regex'; readonly pattern: string; readonly replacement: string }
  /** `port`: '' for the scheme's own. */
  | { readonly kind: 'redirect-scheme'; readonly scheme: string; readonly port: string; readonly permanent: boolean }
  /** Of the whole URL. */
  | { readonly kind: 'redirect-regex'; readonly pattern: string; readonly replacement: string; readonly permanent: boolean }
  /** Lines of an htpasswd file. */
  | { readonly kind: 'basic-auth'; readonly users: readonly string[]; readonly realm: string; readonly remove: boolean; readonly header?: string }
  | { readonly kind: 'allow'; readonly ranges: readonly string[]; readonly code: number }
  /** A bucket of tokens: so many thousandths a second, so many at once. */
  | { readonly kind: 'rate'; readonly milliPerSecond: number; readonly burst: number; readonly by: CountBy }
  | { readonly kind: 'in-flight'; readonly most: number; readonly by: CountBy; readonly code: number }
  | { readonly kind: 'body-limit'; readonly bytes: number }
  | ForwardAuth
  | {
      readonly kind: 'circuit-breaker';
      readonly trip: Trip;
      readonly checkMs: number;
      readonly fallbackMs: number;
      readonly recoveryMs: number;
      readonly code: number;
    }
);

/** Somebody else is asked first: only with 2xx the request goes on. */
export interface ForwardAuth {
  readonly kind: 'forward-auth';
  /** Where the other one is, and what it is called there. */
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
  readonly host: string;
  readonly path: string;
  readonly url: string;
  /** nginx asks with the request's own path in X-Original-URL, Traefik with X-Forwarded-Uri. */
  readonly manner: 'traefik' | 'nginx';
  /** Headers of the answer that the backend gets. */
  readonly takes: readonly string[];
  /** Headers of the request that are shown; all where empty. */
  readonly shows: readonly string[];
  /** Where a browser goes that is not let in (nginx' auth-signin). */
  readonly signin?: string;
}

/** When a circuit breaker opens. vulcand/oxy: cbreaker/predicates.go. */
export type Trip =
  | { readonly kind: 'network-errors'; readonly above: number }
  | { readonly kind: 'codes'; readonly from: number; readonly to: number; readonly ofFrom: number; readonly ofTo: number; readonly above: number }
  | { readonly kind: 'latency'; readonly quantile: number; readonly aboveMs: number }
  | { readonly kind: 'and' | 'or'; readonly trips: readonly Trip[] };

/** The same client is brought to the same endpoint by a cookie. */
export interface Sticky {
  readonly manner: 'traefik' | 'nginx';
  readonly cookie: string;
  readonly path: string;
  readonly maxAgeSeconds?: number;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite?: string;
  /** Another endpoint, and another cookie, where the one has failed. */
  readonly changeOnFailure?: boolean;
}
