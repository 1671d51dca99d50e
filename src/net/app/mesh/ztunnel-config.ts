/** What a node's ztunnel knows of one of its pods, and of the mesh: plain data. ztunnel: src/state.rs. */
import type { Authorization } from '../proxy/authorize.ts';
import type { TlsIdentityConfig } from '../tls/config.ts';

export interface ZtunnelWorkload {
  readonly name: string;
  readonly namespace: string;
  /** `spiffe://…`; '' where it has none. */
  readonly identity: string;
  /** It is reached through a tunnel at its port 15008. */
  readonly hbone: boolean;
}

export interface ZtunnelService {
  readonly host: string;
  readonly ip: string;
  readonly port: number;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
  /** Its requests go to a waypoint first. */
  readonly waypoint?: { readonly ip: string; readonly identity: string };
}

/** The same for all pods: one reference. */
export interface ZtunnelMesh {
  /** By address. */
  readonly workloads: Readonly<Record<string, ZtunnelWorkload>>;
  /** By `address port`. */
  readonly services: Readonly<Record<string, ZtunnelService>>;
}

export interface ZtunnelConfig {
  readonly identity: TlsIdentityConfig;
  readonly ca: string;
  readonly ips: readonly string[];
  readonly mesh: ZtunnelMesh;
  readonly strict: { readonly all: boolean; readonly ports: Readonly<Record<string, boolean>>; readonly why: string };
  readonly authorization?: Authorization;
  /** The kubelet asks from there, and always gets in. */
  readonly nodeIps: readonly string[];
  readonly epochMs?: number;
}
