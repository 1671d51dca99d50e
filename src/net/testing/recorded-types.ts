/** The shape of the recordings: worlds, steps, results. */
import type { Difference, RecordedArp, RecordedConnection, RecordedPacket } from './compare-hops.ts';

export interface RecordedPod {
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly tcp?: readonly number[];
  readonly udp?: readonly number[];
}
export interface RecordedService {
  readonly name: string;
  readonly namespace: string;
  readonly clusterIP: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly port: number;
    readonly targetPort: number;
    readonly protocol: string;
    readonly nodePort?: number;
    readonly name?: string;
  }[];
  readonly endpoints?: readonly { readonly ip: string }[];
}
export interface RecordedPolicy {
  readonly name: string;
  readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly ingress: readonly {
    readonly from: readonly { readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> } }[];
    readonly ports: readonly { readonly protocol: string; readonly port: number }[];
  }[];
}
export interface RecordedStep {
  readonly type?: string;
  readonly name?: string;
  readonly from?: string;
  readonly to?: string;
  readonly proto?: 'tcp' | 'udp' | 'icmp';
  readonly src?: string;
  readonly ttl?: number;
  readonly size?: number;
  readonly sends?: number;
  readonly pmtudisc?: number;
  readonly put?: number;
  readonly get?: number;
  readonly timeout?: number;
  readonly keep?: string;
  readonly reuse?: string;
  readonly pods?: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>;
  readonly pod?: string;
}
export interface RecordedWorld {
  readonly id: string;
  readonly cluster: {
    readonly cni: { readonly mode: 'vxlan' | 'host-gw'; readonly mtu?: number; readonly vxlanMtu?: number };
    readonly nodes: readonly { readonly name: string; readonly ip?: string; readonly podCIDR?: string }[];
    readonly pods: readonly RecordedPod[];
    readonly services: readonly RecordedService[];
    readonly policies?: readonly RecordedPolicy[];
    readonly externals: readonly { readonly name: string; readonly ip: string; readonly tcp?: readonly number[]; readonly udp?: readonly number[] }[];
  };
  readonly steps: readonly RecordedStep[];
}
export interface RecordedResult {
  readonly status: string;
  readonly server?: string;
  readonly server_saw?: string;
  readonly received?: number;
  readonly from?: string;
  readonly ttl?: number;
  readonly icmp_error?: { readonly from?: string };
}
export interface RecordedTrace {
  readonly id: string;
  readonly steps: readonly {
    readonly type: string;
    readonly name?: string;
    readonly result?: RecordedResult;
    readonly packets?: readonly RecordedPacket[];
    readonly conntrack?: Readonly<Record<string, readonly RecordedConnection[]>>;
    readonly arp?: readonly RecordedArp[];
  }[];
}

/** One step's verdict, by level: 1 result, 2 hops, 3 connections, 5 ARP (level 4, rules, is not in these recordings). */
export interface StepReport {
  readonly step: string;
  readonly result: readonly Difference[];
  readonly hops: readonly Difference[];
  readonly connections: readonly Difference[];
  readonly arp: readonly Difference[];
}
