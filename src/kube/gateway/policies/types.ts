/** Envoy Gateway's own kinds as the controller reads them. envoyproxy/gateway: api/v1alpha1. */
import type { KubeObject } from '../../../objects/types.ts';
import type { Condition } from '../../pod/types.ts';
import type { BackendReference } from '../types.ts';

export const ENVOY_GROUP = 'gateway.envoyproxy.io';
export const POLICY_KINDS = ['SecurityPolicy', 'BackendTrafficPolicy'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

export interface TargetReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly sectionName?: string;
}
export interface Targets {
  readonly targetRef?: TargetReference;
  readonly targetRefs?: readonly TargetReference[];
  readonly targetSelectors?: readonly { readonly group?: string; readonly kind?: string; readonly matchLabels?: Readonly<Record<string, string>> }[];
}
export interface PolicyAncestor {
  readonly ancestorRef: { readonly group?: string; readonly kind?: string; readonly name: string; readonly namespace?: string; readonly sectionName?: string };
  readonly controllerName: string;
  readonly conditions: readonly Condition[];
}
export interface Policy<S = unknown> extends KubeObject {
  readonly spec?: Targets & S;
  readonly status?: { readonly ancestors?: readonly PolicyAncestor[] };
}

export interface Credentials {
  readonly headers?: readonly (string | { readonly name: string; readonly valuePrefix?: string })[];
  readonly params?: readonly string[];
  readonly cookies?: readonly string[];
}
export interface JwtProviderSpec {
  readonly name: string;
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  readonly remoteJWKS?: { readonly uri: string; readonly cacheDuration?: string; readonly backendRefs?: readonly BackendReference[] };
  readonly localJWKS?: { readonly type?: string; readonly inline?: string; readonly valueRef?: BackendReference };
  readonly claimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
  readonly extractFrom?: Credentials;
}
export interface AccessRuleSpec {
  readonly name?: string;
  readonly action: string;
  readonly operation?: { readonly methods?: readonly string[] };
  readonly principal?: {
    readonly clientCIDRs?: readonly string[];
    readonly headers?: readonly { readonly name: string; readonly values: readonly string[] }[];
    readonly jwt?: {
      readonly provider: string;
      readonly claims?: readonly { readonly name: string; readonly valueType?: string; readonly values: readonly string[] }[];
      readonly scopes?: readonly string[];
    };
  };
}
export interface SecuritySpec {
  readonly cors?: {
    readonly allowOrigins?: readonly string[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly maxAge?: string;
    readonly allowCredentials?: boolean;
  };
  readonly apiKeyAuth?: {
    readonly credentialRefs?: readonly BackendReference[];
    readonly extractFrom?: readonly Credentials[];
    readonly forwardClientIDHeader?: string;
  };
  readonly basicAuth?: { readonly users: BackendReference; readonly forwardUsernameHeader?: string };
  readonly jwt?: { readonly optional?: boolean; readonly providers?: readonly JwtProviderSpec[] };
  readonly oidc?: {
    readonly provider: {
      readonly issuer: string;
      readonly authorizationEndpoint?: string;
      readonly tokenEndpoint?: string;
      readonly backendRefs?: readonly BackendReference[];
    };
    readonly clientID?: string;
    readonly clientSecret: BackendReference;
    readonly scopes?: readonly string[];
    readonly redirectURL?: string;
    readonly logoutPath?: string;
    readonly forwardAccessToken?: boolean;
  };
  readonly extAuth?: {
    readonly http?: {
      readonly backendRef?: BackendReference;
      readonly backendRefs?: readonly BackendReference[];
      readonly path?: string;
      readonly headersToBackend?: readonly string[];
    };
    readonly grpc?: unknown;
    readonly headersToExtAuth?: readonly string[];
    readonly failOpen?: boolean;
    readonly timeout?: string;
  };
  readonly authorization?: { readonly defaultAction?: string; readonly rules?: readonly AccessRuleSpec[] };
}
export interface LocalRule {
  readonly clientSelectors?: readonly {
    readonly headers?: readonly { readonly name: string; readonly type?: string; readonly value?: string; readonly invert?: boolean }[];
    readonly sourceCIDR?: { readonly type?: string; readonly value: string };
    readonly methods?: readonly { readonly value: string }[];
  }[];
  readonly limit: { readonly requests: number; readonly unit: string };
}
export interface TrafficSpec {
  readonly rateLimit?: { readonly type?: string; readonly local?: { readonly rules?: readonly LocalRule[] }; readonly global?: unknown };
  readonly retry?: {
    readonly numRetries?: number;
    readonly retryOn?: { readonly triggers?: readonly string[]; readonly httpStatusCodes?: readonly number[] };
    readonly perRetry?: { readonly timeout?: string; readonly backOff?: { readonly baseInterval?: string } };
  };
  readonly circuitBreaker?: {
    readonly maxConnections?: number;
    readonly maxPendingRequests?: number;
    readonly maxParallelRequests?: number;
    readonly maxParallelRetries?: number;
    readonly maxRequestsPerConnection?: number;
  };
  readonly loadBalancer?: {
    readonly type?: string;
    readonly consistentHash?: { readonly type?: string; readonly header?: { readonly name: string }; readonly cookie?: { readonly name: string } };
  };
  readonly healthCheck?: {
    readonly passive?: {
      readonly consecutive5XxErrors?: number;
      readonly consecutiveGatewayErrors?: number;
      readonly interval?: string;
      readonly baseEjectionTime?: string;
      readonly maxEjectionPercent?: number;
    };
    readonly active?: unknown;
    readonly panicThreshold?: number;
  };
  readonly faultInjection?: {
    readonly delay?: { readonly fixedDelay: string; readonly percentage?: number };
    readonly abort?: { readonly httpStatus?: number; readonly percentage?: number };
  };
  readonly timeout?: { readonly tcp?: { readonly connectTimeout?: string }; readonly http?: { readonly requestTimeout?: string } };
}
export interface RouteFilterSpec {
  readonly directResponse?: {
    readonly contentType?: string;
    readonly statusCode?: number;
    readonly body?: { readonly type?: string; readonly inline?: string; readonly valueRef?: BackendReference };
  };
  readonly urlRewrite?: {
    readonly path?: { readonly type?: string; readonly replaceRegexMatch?: { readonly pattern: string; readonly substitution: string } };
    readonly hostname?: unknown;
  };
}
export interface HttpRouteFilter extends KubeObject {
  readonly spec?: RouteFilterSpec;
}
