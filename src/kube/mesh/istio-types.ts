/** Istio's own objects as its proxies' configuration is compiled from them. Istio: api/networking/v1, api/security/v1. */
import type { KubeObject } from '../../objects/types.ts';

export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}
export interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}
export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}
export interface Headers {
  readonly request?: HeaderOperations;
  readonly response?: HeaderOperations;
}
export interface HttpMatchRequest {
  readonly name?: string;
  readonly uri?: StringMatch;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>;
  readonly queryParams?: Readonly<Record<string, StringMatch>>;
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
  readonly ignoreUriCase?: boolean;
}
export interface RouteDestination {
  readonly destination: Destination;
  readonly weight?: number;
  readonly headers?: Headers;
}
export interface Percent {
  readonly value?: number;
}
export interface IstioHttpRoute {
  readonly name?: string;
  readonly match?: readonly HttpMatchRequest[];
  readonly route?: readonly RouteDestination[];
  readonly redirect?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly scheme?: string;
    readonly port?: number;
    readonly redirectCode?: number;
  };
  readonly directResponse?: { readonly status: number; readonly body?: { readonly string?: string } };
  readonly rewrite?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
  };
  readonly timeout?: string;
  readonly retries?: {
    readonly attempts?: number;
    readonly perTryTimeout?: string;
    readonly retryOn?: string;
    readonly backoff?: string;
  };
  readonly fault?: {
    readonly delay?: { readonly percentage?: Percent; readonly percent?: number; readonly fixedDelay?: string };
    readonly abort?: { readonly percentage?: Percent; readonly httpStatus?: number };
  };
  readonly mirror?: Destination;
  readonly mirrorPercentage?: Percent;
  readonly mirrors?: readonly { readonly destination: Destination; readonly percentage?: Percent }[];
  readonly corsPolicy?: {
    readonly allowOrigins?: readonly StringMatch[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly maxAge?: string;
    readonly allowCredentials?: boolean;
  };
  readonly headers?: Headers;
}
export interface L4Match {
  readonly port?: number;
  readonly sniHosts?: readonly string[];
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
}
export interface L4Route {
  readonly match?: readonly L4Match[];
  readonly route?: readonly RouteDestination[];
}
export interface VirtualService extends KubeObject {
  readonly spec?: {
    readonly hosts?: readonly string[];
    readonly gateways?: readonly string[];
    readonly http?: readonly IstioHttpRoute[];
    readonly tls?: readonly L4Route[];
    readonly tcp?: readonly L4Route[];
    readonly exportTo?: readonly string[];
  };
}

export interface LocalitySetting {
  readonly enabled?: boolean;
  readonly distribute?: readonly { readonly from?: string; readonly to?: Readonly<Record<string, number>> }[];
  readonly failover?: readonly { readonly from?: string; readonly to?: string }[];
  readonly failoverPriority?: readonly string[];
}
export interface TrafficPolicy {
  readonly loadBalancer?: {
    readonly simple?: string;
    readonly consistentHash?: {
      readonly httpHeaderName?: string;
      readonly httpCookie?: { readonly name: string };
      readonly useSourceIp?: boolean;
      readonly httpQueryParameterName?: string;
    };
    readonly localityLbSetting?: LocalitySetting;
  };
  readonly connectionPool?: {
    readonly tcp?: { readonly maxConnections?: number; readonly connectTimeout?: string };
    readonly http?: {
      readonly http1MaxPendingRequests?: number;
      readonly http2MaxRequests?: number;
      readonly maxRequestsPerConnection?: number;
      readonly maxRetries?: number;
    };
  };
  readonly outlierDetection?: {
    readonly consecutive5xxErrors?: number;
    readonly consecutiveGatewayErrors?: number;
    readonly interval?: string;
    readonly baseEjectionTime?: string;
    readonly maxEjectionPercent?: number;
    readonly minHealthPercent?: number;
  };
  readonly tls?: { readonly mode?: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL'; readonly sni?: string; readonly insecureSkipVerify?: boolean };
  readonly portLevelSettings?: readonly (Omit<TrafficPolicy, 'portLevelSettings'> & { readonly port?: { readonly number?: number } })[];
}
export interface DestinationRule extends KubeObject {
  readonly spec?: {
    readonly host?: string;
    readonly trafficPolicy?: TrafficPolicy;
    readonly subsets?: readonly { readonly name: string; readonly labels?: Readonly<Record<string, string>>; readonly trafficPolicy?: TrafficPolicy }[];
    readonly exportTo?: readonly string[];
    readonly workloadSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  };
}

export interface ServiceEntry extends KubeObject {
  readonly spec?: {
    readonly hosts?: readonly string[];
    readonly addresses?: readonly string[];
    readonly ports?: readonly { readonly number: number; readonly name?: string; readonly protocol?: string; readonly targetPort?: number }[];
    readonly location?: string;
    readonly resolution?: string;
    readonly endpoints?: readonly {
      readonly address?: string;
      readonly ports?: Readonly<Record<string, number>>;
      readonly labels?: Readonly<Record<string, string>>;
      readonly locality?: string;
    }[];
    readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
  };
}

export interface IstioServer {
  readonly name?: string;
  readonly port?: { readonly number?: number; readonly name?: string; readonly protocol?: string };
  readonly hosts?: readonly string[];
  readonly tls?: { readonly mode?: string; readonly credentialName?: string; readonly httpsRedirect?: boolean };
}
export interface IstioGateway extends KubeObject {
  readonly spec?: { readonly selector?: Readonly<Record<string, string>>; readonly servers?: readonly IstioServer[] };
}

export interface AuthorizationSource {
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
}
export interface AuthorizationOperation {
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  readonly ports?: readonly string[];
  readonly notPorts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
}
export interface AuthorizationPolicy extends KubeObject {
  readonly spec?: {
    readonly action?: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
    readonly provider?: { readonly name?: string };
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly targetRefs?: readonly { readonly group?: string; readonly kind: string; readonly name: string }[];
    readonly rules?: readonly {
      readonly from?: readonly { readonly source?: AuthorizationSource }[];
      readonly to?: readonly { readonly operation?: AuthorizationOperation }[];
      readonly when?: readonly { readonly key: string; readonly values?: readonly string[]; readonly notValues?: readonly string[] }[];
    }[];
  };
}
