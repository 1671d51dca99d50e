/** The format of recordings of a real kernel: a world (the cluster and what was tried in it) and a trace (what the kernel did). */
import type { RecordedArp, RecordedConnection, RecordedPacket } from './compare-hops.ts';

export type Labels = Readonly<Record<string, string>>;

export interface RecordedNode {
  readonly name: string;
  readonly ip: string;
  readonly podCIDR: string;
  readonly mtu?: number;
}
export interface RecordedPod {
  readonly name: string;
  readonly namespace: string;
  readonly node: string;
  /** '' with `hostNetwork`: the node's. */
  readonly ip: string;
  readonly labels: Labels;
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  readonly hostNetwork: boolean;
}
export interface RecordedServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly nodePort?: number;
}
export interface RecordedEndpoint {
  readonly ip: string;
  readonly node?: string;
  readonly ready: boolean;
}
export interface RecordedService {
  readonly name: string;
  readonly namespace: string;
  readonly type: string;
  readonly clusterIP: string;
  readonly selector?: Labels;
  readonly ports: readonly RecordedServicePort[];
  readonly endpoints?: readonly RecordedEndpoint[];
  readonly externalTrafficPolicy?: string;
  readonly internalTrafficPolicy?: string;
  readonly sessionAffinity?: string;
  readonly affinitySeconds?: number;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  readonly loadBalancerSourceRanges: readonly string[];
  readonly healthCheckNodePort?: number;
}
export interface RecordedExternal {
  readonly name: string;
  readonly ip: string;
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}
export interface RecordedRoute {
  readonly destination: string;
  readonly gateway: string;
}
/** A command in a namespace of the recording: `node1`, `pod-client`, `router`, `ext-laptop`, `underlay`. */
export interface RecordedCommand {
  readonly ns: string;
  readonly cmd: string;
}

export interface RecordedCluster {
  readonly nodes: readonly RecordedNode[];
  readonly cni: {
    readonly mode: 'vxlan' | 'host-gw';
    readonly mtu?: number;
    readonly vxlanMtu?: number;
    readonly vni: number;
    readonly port: number;
    readonly bridgeNfCallIptables: boolean;
    readonly hairpin: boolean;
    readonly ipMasq: boolean;
  };
  readonly pods: readonly RecordedPod[];
  readonly services: readonly RecordedService[];
  /** NetworkPolicy specs with a name and a namespace, as Kubernetes has them. */
  readonly policies: readonly RecordedPolicy[];
  readonly externals: readonly RecordedExternal[];
  readonly underlay: { readonly routes: readonly RecordedRoute[]; readonly mtu?: number; readonly lossPercent?: number; readonly latency?: string };
  readonly kubeProxy: { readonly clearMark: boolean; readonly randomFully: boolean; readonly masqueradeAll: boolean };
  readonly forwardPolicy: 'ACCEPT' | 'DROP';
  readonly namespaces: Readonly<Record<string, Labels>>;
}

export interface RecordedSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}
export interface RecordedPeer {
  readonly podSelector?: RecordedSelector;
  readonly namespaceSelector?: RecordedSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
export interface RecordedPolicyPort {
  readonly protocol?: string;
  readonly port?: number;
  readonly endPort?: number;
}
export interface RecordedPolicy {
  readonly name: string;
  readonly namespace: string;
  readonly podSelector: RecordedSelector;
  readonly policyTypes: readonly string[];
  readonly ingress: readonly { readonly from?: readonly RecordedPeer[]; readonly ports?: readonly RecordedPolicyPort[] }[];
  readonly egress: readonly { readonly to?: readonly RecordedPeer[]; readonly ports?: readonly RecordedPolicyPort[] }[];
}

export interface RecordedFlow {
  readonly type: 'flow';
  readonly name: string;
  /** `pod:x`, `node:x`, `ext:x` */
  readonly from: string;
  /** `ip:port`, `ip`, `pod:x:port`, `node:x:port`, `ext:x:port` */
  readonly to: string;
  readonly proto: 'tcp' | 'udp' | 'icmp';
  readonly ttl?: number;
  readonly size?: number;
  readonly count: number;
  readonly sends: number;
  readonly src?: string;
  readonly sport?: number;
  readonly timeoutSeconds?: number;
  readonly keep?: string;
  readonly reuse?: string;
  readonly close: boolean;
  readonly put: number;
  readonly get: number;
  /** IP_MTU_DISCOVER: 0 never, 1 as the route says, 2 always. */
  readonly pmtudisc?: number;
  readonly random: boolean;
  readonly expect: Readonly<Record<string, unknown>>;
}
export type RecordedStep =
  | RecordedFlow
  | { readonly type: 'set'; readonly name: string; readonly change: Readonly<Record<string, unknown>> }
  | { readonly type: 'sh'; readonly name: string; readonly command: RecordedCommand }
  | { readonly type: 'conntrack_delete'; readonly name: string; readonly nodes: readonly string[]; readonly args: string }
  | { readonly type: 'delete_pod'; readonly name: string; readonly pod: string }
  | { readonly type: 'sleep'; readonly name: string; readonly seconds: number };

export interface RecordedWorld {
  readonly id: string;
  readonly title: string;
  /** As it stands in the file: `set` steps change this and it is read again. */
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly tweaks: readonly RecordedCommand[];
  readonly steps: readonly RecordedStep[];
}

export interface RecordedResult {
  readonly status?: string;
  readonly [field: string]: unknown;
}
export interface RecordedTraceStep {
  readonly type: string;
  readonly name?: string;
  readonly result?: RecordedResult;
  readonly packets?: readonly RecordedPacket[];
  readonly conntrack?: Readonly<Record<string, readonly RecordedConnection[]>>;
  readonly arp?: readonly RecordedArp[];
  readonly counters?: unknown;
  readonly [field: string]: unknown;
}
export interface RecordedTrace {
  readonly id: string;
  readonly steps: readonly RecordedTraceStep[];
}
