/** Traefik's own kinds as their authors write them, and the configuration that it makes of everything: routers, middlewares, services. Traefik: pkg/config/dynamic. */
import type { Rule } from '../../../net/app/proxy/rule.ts';
import type { Step, Sticky } from '../../../net/app/proxy/steps/config.ts';
import type { ClientTlsConfig, TlsIdentityConfig } from '../../../net/app/tls/config.ts';
import type { KubeObject, ObjectKey } from '../../../objects/types.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface CookieSpec {
  readonly name?: string;
  readonly secure?: boolean;
  readonly httpOnly?: boolean;
  readonly sameSite?: string;
  readonly maxAge?: number;
  readonly path?: string;
}
export interface ServiceReference {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly port?: number | string;
  readonly weight?: number;
  readonly scheme?: string;
  readonly passHostHeader?: boolean;
  readonly nativeLB?: boolean;
  readonly sticky?: { readonly cookie?: CookieSpec };
  readonly percent?: number;
  readonly serversTransport?: string;
}
export interface IngressRoute extends KubeObject {
  readonly spec?: {
    readonly entryPoints?: readonly string[];
    readonly routes?: readonly {
      readonly match?: string;
      readonly kind?: string;
      readonly priority?: number;
      readonly services?: readonly ServiceReference[];
      readonly middlewares?: readonly { readonly name?: string; readonly namespace?: string }[];
    }[];
    readonly tls?: {
      readonly secretName?: string;
      readonly options?: { readonly name?: string; readonly namespace?: string };
      readonly store?: { readonly name?: string };
    };
  };
}
export interface IngressRouteTcp extends KubeObject {
  readonly spec?: {
    readonly entryPoints?: readonly string[];
    readonly routes?: readonly { readonly match?: string; readonly priority?: number; readonly services?: readonly ServiceReference[] }[];
    readonly tls?: { readonly secretName?: string; readonly passthrough?: boolean };
  };
}
export interface Middleware extends KubeObject {
  readonly spec?: Json;
}
export interface TraefikService extends KubeObject {
  readonly spec?: {
    readonly weighted?: { readonly services?: readonly ServiceReference[]; readonly sticky?: { readonly cookie?: CookieSpec } };
    readonly mirroring?: ServiceReference & { readonly mirrors?: readonly ServiceReference[] };
  };
}
export interface TlsOption extends KubeObject {
  readonly spec?: {
    readonly minVersion?: string;
    readonly maxVersion?: string;
    readonly clientAuth?: { readonly secretNames?: readonly string[]; readonly clientAuthType?: string };
    readonly sniStrict?: boolean;
  };
}
export interface TlsStore extends KubeObject {
  readonly spec?: { readonly defaultCertificate?: { readonly secretName?: string } };
}

export type Status = 'enabled' | 'warning' | 'disabled';

export interface Router {
  /** `default-shop@kubernetescrd` */
  readonly name: string;
  readonly entryPoints: readonly string[];
  readonly rule: string;
  readonly parsed: Rule | undefined;
  readonly priority: number;
  readonly middlewares: readonly string[];
  readonly service: string;
  /** Name of its options; undefined: it takes plain HTTP only. */
  readonly tls: string | undefined;
  readonly errors: readonly string[];
  /** Of what it was made. */
  readonly object: ObjectKey | undefined;
}

export interface Server {
  readonly ip: string;
  readonly port: number;
  readonly url: string;
}

export interface TService {
  readonly name: string;
  readonly servers: readonly Server[];
  readonly passHost: boolean;
  readonly tls: ClientTlsConfig | undefined;
  readonly sticky: Sticky | undefined;
  /** Instead of servers: shares of other services. */
  readonly weighted: readonly { readonly name: string; readonly weight: number }[] | undefined;
  readonly mirrors: readonly { readonly name: string; readonly percent: number }[];
  readonly object: ObjectKey | undefined;
}

export interface TMiddleware {
  readonly name: string;
  /** `stripPrefix` */
  readonly type: string;
  readonly config: unknown;
  readonly steps: readonly Step[];
  /** Of the answer, not of the request. */
  readonly response: { readonly set: readonly { readonly name: string; readonly value: string }[]; readonly remove: readonly string[] } | undefined;
  readonly retry: { readonly attempts: number; readonly intervalMs: number } | undefined;
  /** Others that it stands for. */
  readonly chain: readonly string[] | undefined;
  readonly error: string | undefined;
  readonly unknown: readonly string[];
  readonly object: ObjectKey;
}

export interface TlsChoice {
  readonly minVersion: string;
  readonly sniStrict: boolean;
  readonly clients: { readonly ca: string; readonly mode: 'optional' | 'require'; readonly insecure: boolean } | undefined;
}

export interface TraefikModel {
  readonly routers: readonly Router[];
  readonly services: ReadonlyMap<string, TService>;
  readonly middlewares: ReadonlyMap<string, TMiddleware>;
  readonly certificates: readonly { readonly names: readonly string[]; readonly identity: TlsIdentityConfig }[];
  readonly options: ReadonlyMap<string, TlsChoice>;
  readonly defaultCertificate: TlsIdentityConfig | undefined;
  readonly tcp: readonly TcpRouter[];
  /** What it logs, each line once, as `ERR` writes it. */
  readonly log: readonly string[];
  readonly objects: readonly ObjectKey[];
  /** Said at an object. */
  readonly findings: readonly { readonly key: ObjectKey; readonly message: string; readonly severity: 'warning' | 'info' }[];
}

export interface TcpRouter {
  readonly name: string;
  readonly entryPoints: readonly string[];
  /** Names of HostSNI; `*` for any. */
  readonly hosts: readonly string[];
  readonly passthrough: boolean;
  readonly tls: boolean;
  readonly services: readonly (TService & { readonly weight: number })[];
  readonly rule: string;
  readonly object: ObjectKey;
}
