/** What the proxy beside a pod of a mesh knows, as istiod compiles it: plain data. Istio: pilot/pkg/networking/core. */
import type { Authorization } from '../proxy/authorize.ts';
import type { ProxyBackend, ProxyHost } from '../proxy/config.ts';
import type { StreamBackend } from '../proxy/stream-proxy.ts';
import type { TlsIdentityConfig } from '../tls/config.ts';

/** What travels on a port: `sniffed` is told by its first bytes. */
export type MeshProtocol = 'http' | 'tcp' | 'sniffed';

export interface MeshService {
  readonly ip: string;
  readonly port: number;
  readonly protocol: MeshProtocol;
  /** `outbound|5432||db.shop.svc.cluster.local`: where its bytes go when they are no HTTP. */
  readonly cluster: string;
  /** Where its bytes go instead, by shares. */
  readonly streams?: readonly StreamBackend[];
}

export interface SidecarConfig {
  readonly identity: TlsIdentityConfig;
  /** PEM of the root that all identities of the mesh lead to. */
  readonly ca: string;
  /** The pod's own addresses. */
  readonly ips: readonly string[];
  /** Whether plain connections are taken too, and where the rule stands. */
  readonly strict: { readonly all: boolean; readonly ports: Readonly<Record<string, boolean>>; readonly why: string };
  /** What is known of the pod's own ports; others are sniffed. */
  readonly inbound: Readonly<Record<string, MeshProtocol>>;
  readonly services: readonly MeshService[];
  /** By port: the hosts that a request may name there. */
  readonly hosts: Readonly<Record<string, readonly ProxyHost[]>>;
  /** Endpoints with TLS say only whom they are asked for as; the rest is the pod's own. */
  readonly backends: readonly ProxyBackend[];
  /** `/app-health/…` on port 15020 → where the kubelet wanted to ask. */
  readonly probes: readonly { readonly path: string; readonly port: number; readonly target: string }[];
  /** Who may ask this pod for what. */
  readonly authorization?: Authorization;
  /** Requests are noted on standard output. */
  readonly log?: true;
  /** Only what is known may be asked: REGISTRY_ONLY. */
  readonly knownOnly?: true;
  /** Virtual time 0 as Unix milliseconds. */
  readonly epochMs?: number;
}
