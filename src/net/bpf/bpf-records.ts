/** What an agent loads into a host's kernel by bpf(): programs on their hooks, and the maps that they look things up in. Cilium: pkg/maps, bpf/lib/maps.h */
import type { Origin } from '../../base/origin.ts';

/** All of them belong to the host; `netns` is its root netns. */
interface BpfBase {
  readonly id: string;
  readonly origin: Origin;
  readonly netns: string;
}

/** A program is a behaviour with a name: its instructions are not interpreted. Cilium: bpf/bpf_lxc.c, bpf_host.c, bpf_overlay.c */
export const TC_PROGRAMS = [
  'cil_from_container',
  'cil_to_container',
  'cil_from_netdev',
  'cil_to_netdev',
  'cil_from_host',
  'cil_to_host',
  'cil_from_overlay',
  'cil_to_overlay',
] as const;
export type TcProgramName = (typeof TC_PROGRAMS)[number];

/** Cilium: bpf/bpf_sock.c; each with the hook that it is attached to in the root cgroup. */
export const SOCKET_PROGRAMS = {
  cil_sock4_connect: 'cgroup_inet4_connect',
  cil_sock4_sendmsg: 'cgroup_udp4_sendmsg',
  cil_sock4_recvmsg: 'cgroup_udp4_recvmsg',
  cil_sock4_getpeername: 'cgroup_inet4_getpeername',
  cil_sock4_post_bind: 'cgroup_inet4_post_bind',
} as const;
export type SocketProgramName = keyof typeof SOCKET_PROGRAMS;

/** Id: `<netns>/bpf/program/<device>/<ingress|egress>`, of a socket program `<netns>/bpf/program/cgroup/<name>`. */
export type BpfProgram = BpfBase & { readonly kind: 'bpf-program' } & (
    | { readonly name: TcProgramName; readonly hook: 'tcx/ingress' | 'tcx/egress'; readonly device: string }
    | { readonly name: SocketProgramName; readonly hook: 'cgroup' }
  );

/** What the programs were compiled with (node_config.h). */
export interface BpfConfig extends BpfBase {
  readonly kind: 'bpf-config';
  /** Between nodes: encapsulated, or routed by the network. */
  readonly routing: 'tunnel' | 'native';
  /** bpf: forwarded packets do not pass the host's stack (bpf_redirect_peer, bpf_redirect_neigh); legacy: they do. */
  readonly hostRouting: 'bpf' | 'legacy';
  /** Node ports, external and load balancer addresses at the host's card. */
  readonly nodePort: boolean;
  /** Whose sockets are translated; where a pod's are not, its packets are looked up one by one as they leave it. */
  readonly socketLb: 'full' | 'host' | 'off';
  /** The program at the card hides addresses of this host's endpoints. */
  readonly masquerade: boolean;
  /** CIDR text that is never masqueraded. */
  readonly nativeRoutingCidr?: string;
  readonly nodeIp: string;
  /** Address of `hostDevice`, which endpoints have as their gateway. */
  readonly routerIp: string;
  readonly podCidr: string;
  readonly card: string;
  readonly hostDevice: string;
  readonly overlayDevice?: string;
  /** First and last port of node port services. */
  readonly nodePorts: readonly [number, number];
  /** What a client of a service without backends gets. */
  readonly noBackend: 'reject' | 'drop';
  /** What the DNS proxy answers to names that no rule has. */
  readonly dnsReject: 'REFUSED' | 'NXDOMAIN';
  /** The programs know SCTP (ENABLE_SCTP). */
  readonly sctp?: true;
}

export type BpfServiceType = 'ClusterIP' | 'NodePort' | 'ExternalIPs' | 'LoadBalancer';

export interface BpfBackend {
  readonly ip: string;
  readonly port: number;
  readonly origin?: Origin;
}

/**
 * A frontend of cilium_lb4_services_v2 with its slots. Id: `<netns>/bpf/service/<ip>:<port>/<protocol>`, in the internal scope followed by `/i`.
 * Where both scopes exist, clients outside find the first and clients on nodes and in pods the second.
 */
export interface BpfService extends BpfBase {
  readonly kind: 'bpf-service';
  readonly ip: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly scope: 'external' | 'internal';
  readonly type: BpfServiceType;
  readonly twoScopes: boolean;
  /** Only backends on this node, for clients outside, for those inside. */
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  /** Not for packets that come by the card: a ClusterIP, and the frontend 0.0.0.0 that stands for every address of the host. */
  readonly routable: boolean;
  /** 0: none. */
  readonly affinitySeconds: number;
  /** CIDR texts that may come by the card; absent: all. */
  readonly sourceRanges?: readonly string[];
  /** Slot 1 first. */
  readonly backends: readonly BpfBackend[];
}

/** An entry of cilium_lxc: an address of this host. Id: `<netns>/bpf/endpoint/<ip>`. */
export interface BpfEndpoint extends BpfBase {
  readonly kind: 'bpf-endpoint';
  readonly ip: string;
  /** 0: the host itself, whose address it is. */
  readonly endpointId: number;
  readonly identity: number;
  /** The end of its wire in the host; '' for the host itself. */
  readonly device: string;
  /** Of the endpoint's own end. */
  readonly mac: string;
}

/** An entry of cilium_ipcache_v2. Id: `<netns>/bpf/ipcache/<prefix>`. */
export interface BpfIpcacheEntry extends BpfBase {
  readonly kind: 'bpf-ipcache';
  /** CIDR text. */
  readonly prefix: string;
  readonly identity: number;
  /** The node behind which it is, where packets to it are encapsulated. */
  readonly tunnelEndpoint?: string;
}

/** What a proxy lets through of the connections that an entry sends to it: some rule of the list must match. Absent lists mean that everything of that protocol may pass. */
export interface BpfL7Rules {
  readonly http?: readonly BpfHttpRule[];
  /** `*.example.com`, `www.example.com`; `*` is all names. */
  readonly dns?: readonly string[];
}
/** Regular expressions, each for the whole of what it is held against; a header stands as `Name: value` or `Name`. */
export interface BpfHttpRule {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
}

/** Key and value of a policy map. Cilium: bpf/lib/policy.h, struct policy_key and policy_entry */
export interface BpfPolicyEntry {
  readonly egress: boolean;
  /** sec_label; 0: whoever it is. */
  readonly identity: number;
  /** 0: any; then the port is any too. */
  readonly protocol: number;
  readonly port: number;
  /** Leading bits of the port that count: 16 one port, 0 all. */
  readonly portBits: number;
  readonly deny: boolean;
  /** 0: no proxy. */
  readonly proxyPort: number;
  readonly l7?: BpfL7Rules;
  /** Names whose addresses get this identity when the DNS proxy learns them. */
  readonly fqdn?: string;
  readonly origin: Origin;
}

/** cilium_policy_v2_<endpoint id>: what an endpoint may receive and send. Id: `<netns>/bpf/policy/<ip>`. */
export interface BpfPolicy extends BpfBase {
  readonly kind: 'bpf-policy';
  readonly ip: string;
  readonly endpointId: number;
  /** Some policy selects the endpoint in this direction, so that what is not allowed is denied. */
  readonly enforcesIngress: boolean;
  readonly enforcesEgress: boolean;
  readonly entries: readonly BpfPolicyEntry[];
}

export type BpfRecord = BpfProgram | BpfConfig | BpfService | BpfEndpoint | BpfIpcacheEntry | BpfPolicy;

/** Reserved identities. Cilium: pkg/identity/numericidentity.go */
export const IDENTITY_HOST = 1;
export const IDENTITY_WORLD = 2;
export const IDENTITY_REMOTE_NODE = 6;
/** The API server's node, seen from the others. */
export const IDENTITY_KUBE_APISERVER = 7;
/** From here on identities of address ranges and names, each agent's own. Cilium: pkg/identity, IdentityScopeLocal */
export const FIRST_LOCAL_IDENTITY = 16_777_217;

export const bpfProgramId = (netns: string, place: string, what: string): string => `${netns}/bpf/program/${place}/${what}`;
export const bpfServiceId = (netns: string, ip: string, port: number, protocol: string, scope: BpfService['scope']): string =>
  `${netns}/bpf/service/${ip}:${port}/${protocol}${scope === 'internal' ? '/i' : ''}`;
export const bpfEndpointId = (netns: string, ip: string): string => `${netns}/bpf/endpoint/${ip}`;
export const bpfIpcacheId = (netns: string, prefix: string): string => `${netns}/bpf/ipcache/${prefix}`;
export const bpfPolicyId = (netns: string, ip: string): string => `${netns}/bpf/policy/${ip}`;
export const bpfConfigId = (netns: string): string => `${netns}/bpf/config`;
