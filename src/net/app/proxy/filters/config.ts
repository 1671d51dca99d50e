/** What a route asks of a request before it goes on: who it is from, what it may, and how often. Plain data, in the order in which Envoy's filters stand. */
import type { ValueMatch } from '../config.ts';

/** Where a credential stands in a request; the first that is there counts. */
export interface Places {
  readonly headers?: readonly { readonly name: string; readonly prefix?: string }[];
  readonly params?: readonly string[];
  readonly cookies?: readonly string[];
}

/** Another server is asked (Envoy: filters/http/ext_authz, its HTTP service). 200 lets the request pass. */
export interface ExtAuth {
  /** Key into `HttpProxyConfig.backends`. */
  readonly backend: string;
  /** Stands before the request's own path. */
  readonly pathPrefix: string;
  /** Headers of the request that are shown beside Authorization. */
  readonly sends: readonly string[];
  /** Headers of the answer that the backend gets. */
  readonly takes: readonly string[];
  readonly failOpen: boolean;
  readonly timeoutMs: number;
}

/** Envoy: filters/http/api_key_auth. Keys are secrets, values their clients' names. */
export interface ApiKeys {
  readonly from: Places;
  readonly clients: Readonly<Record<string, string>>;
  readonly nameHeader?: string;
}

/** Envoy: filters/http/basic_auth. Users with the SHA-1 of their passwords in base64, as `htpasswd -s` writes it. */
export interface BasicUsers {
  readonly users: Readonly<Record<string, string>>;
  readonly nameHeader?: string;
}

/** Envoy: filters/http/oauth2. */
export interface Oidc {
  readonly authorizationUrl: string;
  readonly token: { readonly backend: string; readonly path: string; readonly host: string };
  readonly clientId: string;
  readonly clientSecret: string;
  /** `%REQ(x-forwarded-proto)%://%REQ(:authority)%/oauth2/callback` or a URL. */
  readonly redirectUrl: string;
  readonly redirectPath: string;
  readonly signoutPath: string;
  readonly scopes: readonly string[];
  /** Behind the names of cookies. */
  readonly suffix: string;
  /** Signs cookies. */
  readonly hmacKey: string;
  readonly forwardToken: boolean;
}

export interface JwtProvider {
  readonly name: string;
  /** `''`: any. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** A JSON text, or where it is fetched. */
  readonly keys: string | { readonly backend: string; readonly path: string; readonly host: string; readonly cacheMs: number };
  readonly from?: Places;
  readonly claimHeaders: readonly { readonly header: string; readonly claim: string }[];
}

/** Envoy: filters/http/jwt_authn. One provider's token is enough. */
export interface Jwt {
  readonly providers: readonly JwtProvider[];
  /** No token at all is allowed, a wrong one is not. */
  readonly optional: boolean;
}

export interface AccessRule {
  readonly name: string;
  readonly allow: boolean;
  /** All that is said must fit. */
  readonly clients?: readonly string[];
  readonly methods?: readonly string[];
  readonly headers?: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly claims?: readonly { readonly provider: string; readonly name: string; readonly values: readonly string[]; readonly list: boolean }[];
  readonly scopes?: readonly { readonly provider: string; readonly name: string }[];
}

/** Envoy: filters/http/rbac. The first rule that fits decides. */
export interface Access {
  readonly rules: readonly AccessRule[];
  readonly otherwise: boolean;
}

/** Envoy: filters/http/local_ratelimit: a bucket of tokens that fills evenly. */
export interface LocalLimit {
  readonly requests: number;
  readonly perMs: number;
  /** All of it must fit; without any it holds for requests that no other limit fits. */
  readonly headers: readonly (ValueMatch & { readonly invert?: true })[];
  /** Each value of these headers has a bucket of its own. */
  readonly distinct: readonly string[];
  readonly clients: readonly string[];
  /** Each client address has a bucket of its own. */
  readonly perClient: boolean;
  readonly methods: readonly string[];
}

export interface RouteFilters {
  readonly extAuth?: ExtAuth;
  readonly apiKeys?: ApiKeys;
  readonly basic?: BasicUsers;
  readonly oidc?: Oidc;
  readonly jwt?: Jwt;
  readonly access?: Access;
  readonly limits?: readonly LocalLimit[];
  /** Whose word it is, as object keys: who may, and how often. */
  readonly security?: string;
  readonly traffic?: string;
  /** What cannot be kept: requests are answered with 500. */
  readonly broken?: true;
}
