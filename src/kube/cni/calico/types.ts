/** What Calico's objects look like, as far as they are read here. */
import type { KubeObject } from '../../../objects/types.ts';

export type Encapsulation = 'Always' | 'CrossSubnet' | 'Never';

export interface IpPool extends KubeObject {
  readonly spec?: {
    readonly cidr?: string;
    readonly blockSize?: number;
    readonly ipipMode?: Encapsulation;
    readonly vxlanMode?: Encapsulation;
    readonly natOutgoing?: boolean;
    readonly disabled?: boolean;
    readonly disableBGPExport?: boolean;
    readonly nodeSelector?: string;
    readonly allowedUses?: readonly string[];
    readonly assignmentMode?: 'Automatic' | 'Manual';
  };
}

/** To whom an address is given. */
export interface BlockAttribute {
  /** `k8s-pod-network.<container id>`, `vxlan-tunnel-addr-<node>`, `ipip-tunnel-addr-<node>` */
  readonly handle_id: string;
  readonly secondary: { readonly node: string; readonly namespace?: string; readonly pod?: string; readonly type?: string; readonly timestamp?: string };
}

export interface IpamBlock extends KubeObject {
  readonly spec: {
    readonly cidr: string;
    readonly affinity?: string;
    readonly strictAffinity: boolean;
    readonly allocations: readonly (number | null)[];
    readonly unallocated: readonly number[];
    readonly attributes: readonly BlockAttribute[];
  };
}

export interface EntityRule {
  readonly nets?: readonly string[];
  readonly notNets?: readonly string[];
  readonly selector?: string;
  readonly notSelector?: string;
  readonly namespaceSelector?: string;
  readonly ports?: readonly (number | string)[];
  readonly notPorts?: readonly (number | string)[];
  readonly serviceAccounts?: { readonly names?: readonly string[]; readonly selector?: string };
}

export interface CalicoRule {
  readonly action: string;
  readonly ipVersion?: number;
  readonly protocol?: number | string;
  readonly notProtocol?: number | string;
  readonly icmp?: { readonly type?: number; readonly code?: number };
  readonly notICMP?: { readonly type?: number; readonly code?: number };
  readonly source?: EntityRule;
  readonly destination?: EntityRule;
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** NetworkPolicy and GlobalNetworkPolicy of projectcalico.org. */
export interface CalicoPolicy extends KubeObject {
  readonly spec?: {
    readonly tier?: string;
    readonly order?: number;
    readonly selector?: string;
    readonly namespaceSelector?: string;
    readonly serviceAccountSelector?: string;
    readonly types?: readonly string[];
    readonly ingress?: readonly CalicoRule[];
    readonly egress?: readonly CalicoRule[];
  };
}

export interface NetworkSet extends KubeObject {
  readonly spec?: { readonly nets?: readonly string[] };
}

export interface Tier extends KubeObject {
  readonly spec?: { readonly order?: number; readonly defaultAction?: 'Deny' | 'Pass' };
}

export interface BgpConfiguration extends KubeObject {
  readonly spec?: { readonly asNumber?: number; readonly nodeToNodeMeshEnabled?: boolean; readonly listenPort?: number };
}

export interface CalicoBgpPeer extends KubeObject {
  readonly spec?: {
    readonly node?: string;
    readonly nodeSelector?: string;
    readonly peerIP?: string;
    readonly peerSelector?: string;
    readonly asNumber?: number;
    readonly keepOriginalNextHop?: boolean;
  };
}

export interface FelixConfiguration extends KubeObject {
  readonly spec?: {
    readonly bpfEnabled?: boolean;
    readonly nftablesMode?: string;
    readonly defaultEndpointToHostAction?: string;
    readonly chainInsertMode?: string;
    readonly iptablesFilterAllowAction?: string;
    readonly iptablesFilterDenyAction?: string;
    readonly logPrefix?: string;
    readonly vxlanPort?: number;
    readonly vxlanVNI?: number;
    readonly vxlanMTU?: number;
    readonly ipipMTU?: number;
    readonly serviceLoopPrevention?: string;
  };
}
